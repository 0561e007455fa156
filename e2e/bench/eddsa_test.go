package bench

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

var edKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

const issueDiploma, verifyDiploma = "issuing a diploma", "verifying it"

// rdfc is what eddsa-rdfc-2022 must do at least, beside its signature alone: document
// and proof options canonicalised, both hashed, signed (VC Data Integrity EdDSA
// Cryptosuites 1.0, Section 3.2).
func rdfc(t *testing.T) []row {
	p := processor(t)
	doc := documents(t)[0].text
	options := []byte(`{"@context": ["https://www.w3.org/ns/credentials/v2", "` + diplomaContext + `"], "type": "DataIntegrityProof",
		"cryptosuite": "eddsa-rdfc-2022", "created": "2026-07-01T00:00:00Z", "verificationMethod": "did:web:university.example#key-1", "proofPurpose": "assertionMethod"}`)
	var lines []byte
	hash := func() (both [2 * sha256.Size]byte, err error) {
		for i, part := range [][]byte{options, doc} {
			if lines, err = p.AppendCanonical(lines[:0], part, jsonld.Options{}, rdf.Options{}); err != nil {
				return both, err
			}
			sum := sha256.Sum256(lines)
			copy(both[i*sha256.Size:], sum[:])
		}
		return both, nil
	}
	both, err := hash()
	if err != nil {
		t.Fatal(err)
	}
	signature := ed25519.Sign(edKey, both[:])
	public := edKey.Public().(ed25519.PublicKey)
	sign := local(func() error { ed25519.Sign(edKey, both[:]); return nil })
	check := func(message []byte) error {
		if !ed25519.Verify(public, message, signature) {
			return errors.New("the signature does not hold")
		}
		return nil
	}
	return []row{
		{name: "the steps of issuing", reference: "Ed25519 signature", cost: true, goal: 2.5,
			ours: local(func() error {
				both, err := hash()
				ed25519.Sign(edKey, both[:])
				return err
			}), theirs: sign},
		{name: "the steps of verifying", reference: "Ed25519 verification", cost: true, goal: 1.6,
			ours: local(func() error {
				both, err := hash()
				if err != nil {
					return err
				}
				return check(both[:])
			}), theirs: local(func() error { return check(both[:]) })},
	}
}

// eddsaSigned is the diploma with a proof of eddsa-rdfc-2022.
type eddsaSigned struct {
	issuer
	p        *jsonld.Processor
	template *dataintegrity.Template
	document []byte
}

func newEdDSASigned(t *testing.T) (s eddsaSigned) {
	t.Helper()
	s.p, s.issuer = processor(t), newIssuer(t, edKey.Public())
	signer, err := dataintegrity.NewEdDSARDFC2022(s.p, edKey)
	s.template = s.issuer.template(t, signer, err)
	s.document = s.signed(t, s.template)
	return s
}

func (s eddsaSigned) issuing() side { return s.issuer.issuing(s.template) }
func (s eddsaSigned) verifying() side {
	return s.issuer.verifying(s.document, dataintegrity.EdDSARDFC2022(s.p))
}

// eddsa is eddsa-rdfc-2022 whole, with all that rdfc leaves out: strict reading, checks,
// and the proof in the text.
func eddsa(t *testing.T) []row {
	s := newEdDSASigned(t)
	message := make([]byte, 64)
	signature, public := ed25519.Sign(edKey, message), edKey.Public().(ed25519.PublicKey)
	return []row{
		{name: issueDiploma, reference: "Ed25519 signature", cost: true, goal: 2.5,
			ours: s.issuing(), theirs: local(func() error { ed25519.Sign(edKey, message); return nil })},
		{name: verifyDiploma, reference: "Ed25519 verification", cost: true, goal: 1.6,
			ours: s.verifying(), theirs: local(func() error {
				if !ed25519.Verify(public, message, signature) {
					return errors.New("the signature does not hold")
				}
				return nil
			})},
	}
}

// eddsaNode is the same against the packages of Digital Bazaar, which make the same
// signature.
func eddsaNode(t *testing.T) []row {
	peer := node(t, "../digitalbazaar", "bench.mjs", "@digitalbazaar/vc")
	s := newEdDSASigned(t)
	ready := func(what string, document []byte) operation {
		return peer.ready(t, what, s.given(t, "eddsa-rdfc-2022", document, 0x80, edKey.Seed(), nil))
	}
	issue, verify := ready("issue", s.text), ready("verify", s.document)
	if proofValue(t, []byte(issue.result(t))) != proofValue(t, s.document) {
		t.Fatalf("%s: another signature", digitalBazaar)
	}
	verify.result(t)
	reference := digitalBazaar + ", eddsa-rdfc-2022-cryptosuite 1.3.0"
	return []row{
		{name: issueDiploma, reference: reference, goal: 40, ours: s.issuing(), theirs: issue.side(t)},
		{name: verifyDiploma, reference: reference, goal: 30, ours: s.verifying(), theirs: verify.side(t)},
	}
}

// eddsaAries is the same against aries-framework-go, which has not this cryptosuite, but
// Ed25519Signature2020 with the same steps. Its context comes with the document.
func eddsaAries(t *testing.T) []row {
	peer := ariesPeer(t)
	s := newEdDSASigned(t)
	const suite = `"https://w3id.org/security/suites/ed25519-2020/v1"`
	given := map[string]any{
		"document": strings.Replace(string(s.text), `"`+diplomaContext+`"`, `"`+diplomaContext+`", `+suite, 1),
		"method":   s.method, "seed": edKey.Seed(), "created": created, "contexts": texts(t),
	}
	sign, verify := peer.ready(t, "ld-sign", given), peer.ready(t, "ld-verify", given)
	verify.result(t)
	reference := ariesFramework + ", Ed25519Signature2020"
	return []row{
		{name: issueDiploma, reference: reference, ours: s.issuing(), theirs: sign.side(t)},
		{name: verifyDiploma, reference: reference, ours: s.verifying(), theirs: verify.side(t)},
	}
}
