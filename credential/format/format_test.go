package format

import (
	"crypto"
	"errors"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
)

// An unknown identifier is no format, and never the default one.
func TestBy(t *testing.T) {
	for _, id := range []string{"", "vc+sd-jwt", "DC+SD-JWT", "dc+sd-jwt ", "jwt_vc"} {
		if f := By(id); f != nil {
			t.Errorf("%q is %s", id, f.ID())
		}
	}
	for _, id := range IDs() {
		if f := By(string(id)); f == nil || f.ID() != id {
			t.Errorf("%s is not found", id)
		}
	}
}

// What is no credential of a format is refused by a named check before anybody
// is asked for a key, and nothing is returned with the error.
func TestNoCredential(t *testing.T) {
	policy := Policy{Now: time.Unix(1, 0), Types: []string{"x"}, Session: Session{Nonce: "n", Audience: "x509_hash:a", ResponseURI: "https://v.example/r"}, Trust: func(Signature) (crypto.PublicKey, error) {
		t.Error("asked for a key")
		return nil, errors.New("no key")
	}}
	for _, id := range IDs() {
		f := By(string(id))
		for _, text := range []string{``, `null`, `1`, `[]`, `{}`, `""`, `"x"`, `"~"`, `"a.b.c~"`, `{"proof":{}}`, `"oQ"`} {
			c := jsontext.Value(text)
			if h, err := f.Open(c); err == nil {
				t.Errorf("%s opens %s: %v", id, text, h)
			}
			for name, verify := range map[string]func(jsontext.Value, Policy) (*Verified, error){"issued": f.Issued, "presented": f.Presented} {
				v, err := verify(c, policy)
				var e *Error
				if v != nil || !errors.As(err, &e) || e.Check != credential.CheckStructure {
					t.Errorf("%s %s %s: %v, %v", id, name, text, v, err)
				}
			}
		}
	}
}
