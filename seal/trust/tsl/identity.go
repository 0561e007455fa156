package tsl

import (
	"crypto/x509"
	"errors"
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
	// Unread counts the ways to name a key that are not read here, such as
	// ds:KeyValue, and certificates with a key of another kind, such as one on a
	// Brainpool curve. They match nothing.
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
			if err := id.add(c); err != nil {
				return id, err
			}
		}
	}
	return id, nil
}

func (id *Identity) add(e *etree.Element) error {
	switch {
	case is(e, nsList, "X509Certificate"):
		der, err := octets(e)
		if err != nil {
			return errors.New("an X509Certificate is not base64")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			id.Unread++
			return nil
		}
		id.Certificates = append(id.Certificates, c)
	case is(e, nsList, "X509SKI"):
		ski, err := octets(e)
		if err != nil {
			return errors.New("an X509SKI is not base64")
		}
		id.SubjectKeyIDs = append(id.SubjectKeyIDs, ski)
	case is(e, nsList, "X509SubjectName"):
		id.SubjectNames = append(id.SubjectNames, text(e))
	default:
		id.Unread++
	}
	return nil
}
