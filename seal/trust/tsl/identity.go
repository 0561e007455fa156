package tsl

import (
	"crypto/x509"
	"fmt"

	"github.com/beevik/etree"
)

const maxDigitalIDs = 20

// Identity is how a list names the key of a service (ETSI TS 119 612, clause
// 5.5.3). All its parts are one key. Former states have the key identifier and
// the subject's name only.
type Identity struct {
	Certificates []*x509.Certificate
	// SubjectKeyIDs are the values of X509SKI.
	SubjectKeyIDs [][]byte
	// SubjectNames are the values of X509SubjectName, as written: writers order
	// and escape them differently, so they are shown and not compared.
	SubjectNames []string
	// Unread counts the names of a key that cannot be read, such as ds:KeyValue
	// or a certificate with a key on a Brainpool curve. They match nothing, and
	// one of them does not take a whole country's list away.
	Unread int
}

func parseIdentity(e *etree.Element) (Identity, error) {
	var id Identity
	ids := children(e, nsList, "DigitalId")
	if e == nil || len(ids) > maxDigitalIDs {
		return id, fmt.Errorf("ServiceDigitalIdentity is missing, there twice, or has more than %d DigitalId", maxDigitalIDs)
	}
	for _, d := range ids {
		for _, c := range d.ChildElements() {
			id.add(c)
		}
	}
	return id, nil
}

func (id *Identity) add(e *etree.Element) {
	switch {
	case is(e, nsList, "X509Certificate"):
		if c, err := certificate(e); err == nil {
			id.Certificates = append(id.Certificates, c)
			return
		}
	case is(e, nsList, "X509SKI"):
		if ski, err := octets(e); err == nil {
			id.SubjectKeyIDs = append(id.SubjectKeyIDs, ski)
			return
		}
	case is(e, nsList, "X509SubjectName"):
		id.SubjectNames = append(id.SubjectNames, text(e))
		return
	}
	id.Unread++
}
