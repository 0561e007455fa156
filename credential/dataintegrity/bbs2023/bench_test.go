package bbs2023

import (
	"crypto/rand"
	"testing"

	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/sdtest"
	"github.com/zegel-id/zegel/did"
)

// BenchmarkRatio says how many times the processor time of the BBS operation that cannot
// be avoided is used, over as many messages: of a signature for a base proof, of a proof
// for a derivation, of its verification for a verification, with a key known already.
func BenchmarkRatio(b *testing.B) {
	p, in := sdtest.Diploma(b, Name)
	key := newKey(b)
	pub := did.BBSPublicKey(key.PublicKey().Bytes())
	ph := PresentationHeader("v.example", "1")
	ok := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	s, err := NewSigner(p, Options{Key: key, Mandatory: []string{"/type", "/issuer"}})
	ok(err)
	base, err := s.Sign(in)
	ok(err)
	chosen := []string{"/credentialSubject/givenName", "/credentialSubject/hasClaim/specifiedBy/eqfLevel", "/credentialSubject/hasClaim/awardedBy"}
	reveal, value, err := derive(rand.Reader, p, in, base, chosen, ph)
	ok(err)
	shown, text := in, di.EncodeBase64(value.encode())
	shown.Document = reveal
	verifier := Derived(p, Expect{PresentationHeader: ph})
	ok(verifier.Verify(shown, text, pub))

	// A proof has a scalar for each message that stays hidden.
	n := (len(value.proof)-minBBSProof)/32 + len(value.selectiveIndexes)
	b.Logf("%d messages, %d of them disclosed beside %d mandatory statements", n, len(value.selectiveIndexes), len(value.mandatoryIndexes))
	header, messages := make([]byte, bbsHeaderSize), make([][]byte, n)
	for i := range messages {
		messages[i] = []byte("_:b1 <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://schema.org/Person> .\n")
	}
	signature, err := key.Sign(header, messages)
	ok(err)
	proof, err := bbs.ProofGen(rand.Reader, key.PublicKey(), signature, header, ph, messages, value.selectiveIndexes)
	ok(err)
	disclosed := messages[:len(value.selectiveIndexes)]

	for _, c := range []struct {
		name       string
		ours, bare func()
	}{
		{"base", func() { _, err := s.Sign(in); ok(err) }, func() { _, err := key.Sign(header, messages); ok(err) }},
		{"derive", func() { _, _, err := derive(rand.Reader, p, in, base, chosen, ph); ok(err) }, func() {
			_, err := bbs.ProofGen(rand.Reader, key.PublicKey(), signature, header, ph, messages, value.selectiveIndexes)
			ok(err)
		}},
		{"verify", func() { ok(verifier.Verify(shown, text, pub)) }, func() {
			ok(bbs.ProofVerify(key.PublicKey(), proof, header, ph, disclosed, value.selectiveIndexes))
		}},
	} {
		b.Run(c.name, func(b *testing.B) { sdtest.Ratio(b, 20, c.ours, c.bare) })
	}
}
