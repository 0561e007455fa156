package vcjose

import (
	"crypto"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

var errController = errors.New("kid is not a verification method of the one who signs")

// methodURL reports whether kid is the absolute URL of a verification method:
// with a fragment, so that the document it stands in is known.
func methodURL(kid string) bool {
	u, err := url.Parse(kid)
	return err == nil && u.Scheme != "" && u.Fragment != "" && u.User == nil
}

// controls holds kid against the identifier of the one who must control it:
// the method stands in the document of that identifier (Controlled Identifiers
// 1.0, Section 3.3).
func controls(kid, controller string) error {
	document, _, _ := strings.Cut(kid, "#")
	if !methodURL(kid) || document != controller {
		return errController
	}
	return nil
}

// FromDocument is an IssuerKey or HolderKey over controller documents and DID
// documents. resolve answers with the document of an identifier, and with an
// error for whom it does not trust; use is did.AssertionMethod for issuers and
// did.Authentication for holders; at is the time at which the key must be
// usable.
func FromDocument(resolve func(id string) (*did.Document, error), use did.Relationship, at time.Time) func(*jose.Token, string) (crypto.PublicKey, error) {
	return func(t *jose.Token, id string) (crypto.PublicKey, error) {
		if err := controls(t.Header.Kid, id); err != nil {
			return nil, err
		}
		doc, err := resolve(id)
		if err != nil {
			return nil, err
		}
		if doc == nil {
			return nil, errController
		}
		return doc.Method(t.Header.Kid, use, at)
	}
}
