package format

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// A credential without cnf is bound to its one subject, if that is a key; to
// several or to a name it is bound to nobody.
func TestSubjectKey(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := did.DIDKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	of := func(ids ...string) *vcdm.Credential {
		c := &vcdm.Credential{}
		for _, id := range ids {
			c.Subjects = append(c.Subjects, vcdm.Object{ID: id})
		}
		return c
	}
	if got := subjectKey(of(id)); got.Kty == "" || got.Thumbprint() != jose.Thumbprint(key.Public()) {
		t.Errorf("%+v", got)
	}
	for _, ids := range [][]string{nil, {""}, {id, id}, {"did:web:x.example"}, {"https://x.example/me"}, {"did:key:z6Mk"}} {
		if got := subjectKey(of(ids...)); got.Kty != "" {
			t.Errorf("%q: bound to %+v", ids, got)
		}
	}
}
