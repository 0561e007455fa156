package sdjwt

import (
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

const specDates = "RFC 7519, Section 4.1"

// validity checks exp, nbf, iat and aud of the processed payload (RFC 9901,
// Section 7.1, step 6).
func (s *SDJWT) validity(v *Verified, p *Policy) error {
	bad := func(detail string) error {
		return &Error{Check: credential.CheckValidity, Spec: specDates, Detail: detail}
	}
	if err := s.doc.within(s.root, p); err != nil {
		return bad(err.Error())
	}
	v.Expires, _ = s.doc.date(s.root, "exp")
	v.NotBefore, _ = s.doc.date(s.root, "nbf")
	v.IssuedAt, _ = s.doc.date(s.root, "iat")
	if p.RequireExp && v.Expires.IsZero() {
		return bad("exp is missing and the policy requires it")
	}
	if v.IssuedAt.After(p.Now.Add(p.Skew)) {
		return bad(fmt.Sprintf("iat %s lies in the future", v.IssuedAt.Format(time.RFC3339)))
	}
	if n := s.doc.member(s.root, "aud"); n >= 0 && !s.doc.addressedTo(n, p.Recipient) {
		return bad("aud does not name this verifier")
	}
	return nil
}

// addressedTo reports whether an aud claim, a string or an array of strings, names
// who (RFC 7519, Section 4.1.3).
func (d *document) addressedTo(n int32, who string) bool {
	if who == "" {
		return false
	}
	if d.nodes[n].kind == kindString {
		return d.text(n) == who
	}
	if d.nodes[n].kind != kindArray {
		return false
	}
	found := false
	for e := d.nodes[n].child; e >= 0; e = d.nodes[e].next {
		if d.nodes[e].kind != kindString {
			return false
		}
		found = found || d.text(e) == who
	}
	return found
}

// within checks exp and nbf where they are present. A date of another JSON
// type is refused, not ignored.
func (d *document) within(root int32, p *Policy) error {
	for _, name := range [...]string{"exp", "nbf", "iat"} {
		n := d.member(root, name)
		if n < 0 {
			continue
		}
		at, ok := d.date(root, name)
		if !ok {
			return errors.New(name + " is not a number of seconds")
		}
		switch {
		case name == "exp" && !at.After(p.Now.Add(-p.Skew)):
			return fmt.Errorf("expired at %s", at.Format(time.RFC3339))
		case name == "nbf" && at.After(p.Now.Add(p.Skew)):
			return fmt.Errorf("not valid before %s", at.Format(time.RFC3339))
		}
	}
	return nil
}

func (d *document) date(root int32, name string) (time.Time, bool) {
	n := d.member(root, name)
	if n < 0 || d.nodes[n].kind != kindNumber {
		return time.Time{}, false
	}
	var date jose.NumericDate
	if date.UnmarshalJSON(d.raw(n)) != nil {
		return time.Time{}, false
	}
	return date.Time(), true
}
