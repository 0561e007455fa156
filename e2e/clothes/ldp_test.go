package clothes_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/e2e/clothes"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// derived wears a profile with a Data Integrity proof: what is read back was
// sealed, derived, presented and verified, with all of it disclosed.
func derived(t *testing.T, p *profile.Profile) func(*testing.T, []byte) map[string]any {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const url = "https://issuer.example.org"
	now := clothes.Copy().Issued
	authority, err := devca.New(devca.Options{Now: now, Issuer: url})
	must(err)
	sealer, err := authority.Sealer("", func() time.Time { return now })
	must(err)
	kind := format.By(string(credential.FormatLDP))
	template, err := kind.Compile(format.Type{Issuer: url, Document: p, Chain: sealer.Chain()})
	must(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	holder, err := jose.PublicJWK(key.Public())
	must(err)
	seal, err := jose.PublicJWK(sealer.Certificate().PublicKey)
	must(err)
	id := format.MethodOf(url, sealer.Certificate())
	document := &did.Document{ID: url, AssertionMethod: []did.Reference{{ID: id}}, VerificationMethod: []did.VerificationMethod{
		{ID: id, Type: did.TypeJSONWebKey, Controller: url, PublicKeyJWK: &seal, X5C: jose.EncodeX5C(sealer.Chain())},
	}}
	session := format.Session{Nonce: "n", Audience: "x509_hash:a"}
	return func(t *testing.T, claims []byte) map[string]any {
		t.Helper()
		c := clothes.Copy()
		draft, err := template.Prepare(format.Copy{
			ID: c.ID, IssuedAt: c.Issued, NotBefore: c.ValidFrom, Expires: c.ValidUntil, Holder: holder, Claims: claims,
			Entries: []status.Entry{{Purpose: status.Revocation, List: url + "/status/0/revocation"}},
		}, nil)
		must(err)
		sealed, err := draft.Seal(sealer)
		must(err)
		held, err := kind.Open(sealed)
		must(err)
		var members map[string]jsontext.Value
		must(jose.Unmarshal(held.Claims(), &members))
		var all []credential.Path
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if name != "@context" {
				all = append(all, credential.Path{name})
			}
		}
		presented, err := held.Present(all, &format.Binding{Session: session, Signer: key, IssuedAt: now})
		must(err)
		v, err := kind.Presented(presented, format.Policy{
			Now: now, Session: session,
			Trust:      func(format.Signature) (crypto.PublicKey, error) { return sealer.Certificate().PublicKey, nil },
			Controller: func(string) (*did.Document, error) { return document, nil },
		})
		must(err)
		if len(v.Disclosed) != held.Disclosable() {
			t.Errorf("%d of %d were disclosed", len(v.Disclosed), held.Disclosable())
		}
		read, err := p.Read(v.Claims.Raw())
		must(err)
		return read
	}
}
