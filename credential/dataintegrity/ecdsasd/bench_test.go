package ecdsasd

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/jose"
)

// BenchmarkRatio says how many times the processor time of the operations that cannot be
// avoided is used: for a base proof n+1 signatures and a key pair, for a verification n+1
// verifications, for a derivation one canonicalisation of the document. Rounds by turns, so
// that a busy machine slows both.
func BenchmarkRatio(b *testing.B) {
	p, in := sdtest.Diploma(b, Name)
	key := newKey(b)
	s, err := NewSigner(p, Options{Key: key, MandatoryIfPresent: Essential()})
	if err != nil {
		b.Fatal(err)
	}
	base, err := s.Sign(in)
	if err != nil {
		b.Fatal(err)
	}
	chosen := []string{"/credentialSubject/givenName", "/credentialSubject/hasClaim/specifiedBy/eqfLevel", "/credentialSubject/hasClaim/awardedBy"}
	reveal, derived, err := derive(p, in.Document, base, chosen)
	if err != nil {
		b.Fatal(err)
	}
	shown := in
	shown.Document = reveal
	verifier := Derived(p) // kept, as in a policy
	if err := verifier.Verify(shown, derived, key.Public()); err != nil {
		b.Fatal(err)
	}
	statement := []byte("_:u3Lv2QpFgo-YAegc1cQQKWJFW2sEjQF6FfuZ0VEoMKHg <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://schema.org/Person> .\n")
	signature, err := jose.Sign(key, jose.ES256, statement)
	if err != nil {
		b.Fatal(err)
	}
	signed := len(parsedBase(b, base).signatures)
	value, err := parseDerived(derived)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d statements signed one by one, %d of them disclosed beside %d mandatory ones", signed, len(value.signatures), len(value.mandatoryIndexes))
	ok := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name       string
		each       int
		ours, bare func()
	}{
		{"base", 10, func() { _, err := s.Sign(in); ok(err) }, func() {
			pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			ok(err)
			for range signed {
				_, err := jose.Sign(pair, jose.ES256, statement)
				ok(err)
			}
			_, err = jose.Sign(key, jose.ES256, statement)
			ok(err)
		}},
		{"derive", 200, func() { _, _, err := derive(p, in.Document, base, chosen); ok(err) }, func() {
			_, err := p.Canonicalize(in.Document, jsonld.Options{}, rdf.Options{})
			ok(err)
		}},
		{"verify", 10, func() { ok(verifier.Verify(shown, derived, key.Public())) }, func() {
			for range len(value.signatures) + 1 {
				ok(jose.VerifySignature(key.Public(), jose.ES256, statement, signature))
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) { sdtest.Ratio(b, c.each, c.ours, c.bare) })
	}
}
