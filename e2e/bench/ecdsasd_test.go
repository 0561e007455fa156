package bench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/jose"
)

// chosen are the pointers of what a holder discloses of the diploma, beside what is
// mandatory.
var chosen = []string{"/credentialSubject/givenName", "/credentialSubject/hasClaim/specifiedBy/eqfLevel", "/credentialSubject/hasClaim/awardedBy"}

// selection counts the statements of a document.
type selection struct {
	mandatory           []string // pointers
	optional, disclosed int      // statements that are not mandatory; of these, the chosen ones
}

func choose(t *testing.T, p *jsonld.Processor, text []byte) (s selection) {
	t.Helper()
	d, err := selective.Read(p, text, selective.HMAC(make([]byte, selective.HMACKeySize)))
	if err != nil {
		t.Fatal(err)
	}
	for _, pointer := range ecdsasd.Essential() {
		if d.Has(pointer) {
			s.mandatory = append(s.mandatory, pointer)
		}
	}
	mandatory, err := d.Select(s.mandatory)
	if err != nil {
		t.Fatal(err)
	}
	all, err := d.Select(slices.Concat(s.mandatory, chosen))
	if err != nil {
		t.Fatal(err)
	}
	s.optional, s.disclosed = len(d.Statements)-len(mandatory.Indexes), len(all.Indexes)-len(mandatory.Indexes)
	return s
}

// ecdsaSigned is the diploma with a base proof of ecdsa-sd-2023, and what was derived.
type ecdsaSigned struct {
	issuer
	selection
	p             *jsonld.Processor
	key           *ecdsa.PrivateKey
	template      *dataintegrity.Template
	base, derived []byte
}

func newECDSASigned(t *testing.T) (s ecdsaSigned) {
	t.Helper()
	var err error
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	s.p, s.issuer = processor(t), newIssuer(t, s.key.Public())
	s.selection = choose(t, s.p, s.text)
	signer, err := ecdsasd.NewSigner(s.p, ecdsasd.Options{Key: s.key, Mandatory: s.mandatory})
	s.template = s.issuer.template(t, signer, err)
	s.base = s.signed(t, s.template)
	if s.derived, err = ecdsasd.Derive(s.p, s.base, chosen); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s ecdsaSigned) deriving() side {
	return local(func() error { _, err := ecdsasd.Derive(s.p, s.base, chosen); return err })
}

const (
	baseProof      = "a base proof of a diploma"
	derivation     = "deriving %d statements and the mandatory ones from it"
	derivedProof   = "verifying what was derived"
	baseProofCheck = "checking the base proof"
)

// ecdsaSD is ecdsa-sd-2023. Each statement that is not mandatory has a signature, under a
// key pair of the proof, and the issuer's is one more (VC Data Integrity ECDSA
// Cryptosuites 1.0, Section 3.6.5).
func ecdsaSD(t *testing.T) []row {
	s := newECDSASigned(t)
	statement := make([]byte, 128)
	signature, err := jose.Sign(s.key, jose.ES256, statement)
	if err != nil {
		t.Fatal(err)
	}
	check := func() error { return jose.VerifySignature(s.key.Public(), jose.ES256, statement, signature) }
	return []row{
		{name: baseProof, reference: fmt.Sprintf("a key pair, %d P-256 signatures", s.optional+1), cost: true, goal: 1.15,
			ours: s.issuing(s.template), theirs: local(func() error {
				pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				if err != nil {
					return err
				}
				for range s.optional + 1 {
					if _, err := jose.Sign(pair, jose.ES256, statement); err != nil {
						return err
					}
				}
				return nil
			})},
		{name: baseProofCheck, reference: fmt.Sprintf("%d P-256 verifications", s.optional+1), cost: true, goal: 1.15,
			ours: s.verifying(s.base, ecdsasd.Base(s.p)), theirs: repeated(s.optional+1, check)},
		{name: fmt.Sprintf(derivation, s.disclosed), reference: "the canonical form of the diploma", cost: true, goal: 10,
			ours: s.deriving(), theirs: local(func() error {
				_, err := s.p.Canonicalize(s.text, jsonld.Options{}, rdf.Options{})
				return err
			})},
		{name: derivedProof, reference: fmt.Sprintf("%d P-256 verifications", s.disclosed+1), cost: true, goal: 1.15,
			ours: s.verifying(s.derived, ecdsasd.Derived(s.p)), theirs: repeated(s.disclosed+1, check)},
	}
}

// ecdsaSDNode is the same against the packages of Digital Bazaar. What each side derives
// of its own base proof, the other verifies.
func ecdsaSDNode(t *testing.T) []row {
	peer := node(t, "../digitalbazaar", "bench.mjs", "@digitalbazaar/vc")
	s := newECDSASigned(t)
	secret, err := s.key.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ready := func(what string, document []byte, options map[string]any) operation {
		return peer.ready(t, what, s.given(t, ecdsasd.Name, document, 0x86, secret, options))
	}
	issue := ready("issue", s.text, map[string]any{"mandatoryPointers": s.mandatory})
	derive := ready("derive", []byte(issue.result(t)), map[string]any{"selectivePointers": chosen})
	verify := ready("verify", s.derived, nil)
	verify.result(t)
	if err := s.verify([]byte(derive.result(t)), ecdsasd.Derived(s.p)); err != nil {
		t.Fatalf("what %s derived: %v", digitalBazaar, err)
	}
	reference := digitalBazaar + ", ecdsa-sd-2023-cryptosuite 3.4.1"
	return []row{
		{name: baseProof, reference: reference, goal: 10, ours: s.issuing(s.template), theirs: issue.side(t)},
		{name: fmt.Sprintf(derivation, s.disclosed), reference: reference, goal: 50, ours: s.deriving(), theirs: derive.side(t)},
		{name: derivedProof, reference: reference, goal: 7, ours: s.verifying(s.derived, ecdsasd.Derived(s.p)), theirs: verify.side(t)},
	}
}
