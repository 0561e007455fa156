package profile

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zegel-id/zegel/internal/jose"
)

// Copy is what differs from one copy of a credential to the next.
type Copy struct {
	// ID of the credential, "urn:uuid:" with a random UUID; identifiers of nodes in
	// it are made of it. A profile may do without.
	ID string
	// Subject is the identifier of the holder, such as a DID of the key that this
	// copy is bound to, or a random URN; nothing that links copies.
	Subject string
	// Issued is when the document is sealed; whole seconds, as are the others. The
	// caller rounds them down, so that the second does not link copies.
	Issued, ValidFrom time.Time
	ValidUntil        time.Time       // zero for a credential without an end
	Status            json.RawMessage // value of credentialStatus; nil for none
}

// Issuer is who seals.
type Issuer struct {
	ID         string // DID or URL, the controller of the key (VCDM 2.0, Section 4.7)
	Name       string // legal name
	Identifier string // registration of the legal person, such as 0316380841
	Country    string // of it, ISO 3166-1 alpha-2
	Address    string // in one line
}

// value is something that does not come from the claims.
type value int

const (
	valueID value = iota
	valueSubject
	valueIssued
	valueValidFrom
	valueValidUntil
	valueStatus
	valueIssuer // from here on of the issuer
	valueIssuerName
	valueIssuerIdentifier
	valueIssuerCountry
	valueIssuerAddress
	valueCount
)

var values = map[string]value{
	"$id": valueID, "$subject": valueSubject, "$issued": valueIssued, "$validFrom": valueValidFrom,
	"$validUntil": valueValidUntil, "$status": valueStatus,
	"$issuer": valueIssuer, "$issuerName": valueIssuerName, "$issuerIdentifier": valueIssuerIdentifier,
	"$issuerCountry": valueIssuerCountry, "$issuerAddress": valueIssuerAddress,
}

func (v value) ofIssuer() bool { return v >= valueIssuer }

func (i Issuer) values(p *Profile) (*[valueCount]string, error) {
	v := &[valueCount]string{
		valueIssuer: i.ID, valueIssuerName: i.Name, valueIssuerIdentifier: i.Identifier,
		valueIssuerCountry: i.Country, valueIssuerAddress: i.Address,
	}
	if !identifier(i.ID) {
		return nil, p.fault(ErrCopy, "Issuer.ID", "must be a DID or a URL (VCDM 2.0, Section 4.7)")
	}
	var err error
	p.root.each(func(r *reference) {
		if r.isValue() && value(r.slot).ofIssuer() && (v[r.slot] == "" || !utf8.ValidString(v[r.slot])) {
			err = p.fault(ErrCopy, r.name, "is in every document of the profile and is empty or not UTF-8")
		}
	})
	return v, err
}

// values are checked: a document with a bad identifier or without a beginning is
// not made.
func (c *Copy) values(w *writer) error {
	if c.ID != "" && (!identifier(c.ID) || strings.Contains(c.ID, "#")) {
		return w.p.fault(ErrCopy, "Copy.ID", "must be one URL without a fragment, which nodes of the document get (VCDM 2.0, Section 4.4)")
	}
	if c.Subject != "" && !identifier(c.Subject) {
		return w.p.fault(ErrCopy, "Copy.Subject", "must be one URL (VCDM 2.0, Section 4.4)")
	}
	if c.ValidFrom.IsZero() || !c.ValidUntil.IsZero() && c.ValidUntil.Before(c.ValidFrom) {
		return w.p.fault(ErrCopy, "Copy.ValidFrom", "must be set, and not be after ValidUntil (VCDM 2.0, Section 4.9)")
	}
	w.values = [valueCount]string{valueID: c.ID, valueSubject: c.Subject}
	w.values[valueIssued], w.values[valueValidFrom], w.values[valueValidUntil] = stamp(c.Issued), stamp(c.ValidFrom), stamp(c.ValidUntil)
	w.status = nil
	if len(c.Status) > 0 {
		var status any
		if err := jose.Unmarshal(c.Status, &status); err != nil {
			return w.p.fault(ErrCopy, "Copy.Status", "%v", err)
		}
		switch status.(type) {
		case map[string]any, []any:
		default:
			return w.p.fault(ErrCopy, "Copy.Status", "must be an object or an array of objects (VCDM 2.0, Section 4.10)")
		}
		w.status = c.Status
	}
	return nil
}

// stamp is a dateTimeStamp in whole seconds (VCDM 2.0, Section 4.9).
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// identifier reports whether s is an absolute IRI of characters that need no
// escape: a scheme, a colon and something behind it (RFC 3986, Section 3).
func identifier(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || scheme == "" || !letters(strings.ToLower(scheme[:1]), 'a') {
		return false
	}
	if strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.") != "" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\\^`+"`{|}", c) >= 0 {
			return false
		}
	}
	return true
}
