package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

var created = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

// known is a resolver that has the document of one issuer at hand.
type known struct{ document *did.Document }

func (k known) Resolve(_ context.Context, id string) (*did.Document, error) {
	if id != k.document.ID {
		return nil, errors.New("not known")
	}
	return k.document, nil
}

// proof is the diploma with a proof by a signer, which verifies by a suite; and both
// operations, from text to text, each with a time of its own.
func proof(t *testing.T, document []byte, signer dataintegrity.Signer, suite dataintegrity.Suite) (issue, verify side) {
	t.Helper()
	id, err := did.DIDKey(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	own := []string{contexts.CredentialsV2, diplomaContext}
	template, err := dataintegrity.NewTemplate(dataintegrity.Options{
		Signer: signer, VerificationMethod: id + "#" + strings.TrimPrefix(id, "did:key:"), Purpose: did.AssertionMethod, Contexts: own,
	})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := template.Add(document, dataintegrity.Terms{Created: created})
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := did.KeyMethod{}.Resolve(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	policy := dataintegrity.Policy{
		Now: created, Suites: []dataintegrity.Suite{suite}, Resolver: known{issuer}, Purpose: did.AssertionMethod,
		Controllers: []string{id}, Contexts: own,
	}
	second := created
	issue = local(func() error {
		second = second.Add(time.Second)
		_, err := template.Add(document, dataintegrity.Terms{Created: second})
		return err
	})
	verify = local(func() error { _, err := dataintegrity.Verify(context.Background(), signed, policy); return err })
	return issue, verify
}

// eddsa is eddsa-rdfc-2022 whole, with all that rdfc leaves out: strict reading, checks,
// and the proof in the text.
func eddsa(t *testing.T) []row {
	p := processor(t)
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := dataintegrity.NewEdDSARDFC2022(p, key)
	if err != nil {
		t.Fatal(err)
	}
	issue, verify := proof(t, documents(t)[0].text, signer, dataintegrity.EdDSARDFC2022(p))
	message := make([]byte, 64)
	signature, public := ed25519.Sign(key, message), key.Public().(ed25519.PublicKey)
	return []row{
		{name: "eddsa-rdfc-2022, issuing a diploma", reference: "Ed25519 signature", cost: true, goal: 2.5,
			ours: issue, theirs: local(func() error { ed25519.Sign(key, message); return nil })},
		{name: "eddsa-rdfc-2022, verifying it", reference: "Ed25519 verification", cost: true, goal: 1.6,
			ours: verify, theirs: local(func() error {
				if !ed25519.Verify(public, message, signature) {
					return errors.New("the signature does not hold")
				}
				return nil
			})},
	}
}

// selectiveECDSA is ecdsa-sd-2023: a base proof, and the check of all its signatures. Each
// statement that is not mandatory has one, under a key pair of the proof, and the issuer's
// is one more (VC Data Integrity ECDSA Cryptosuites 1.0, Section 3.6.5).
func selectiveECDSA(t *testing.T) []row {
	p, text := processor(t), documents(t)[0].text
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ecdsasd.NewSigner(p, ecdsasd.Options{Key: key, MandatoryIfPresent: ecdsasd.Essential()})
	if err != nil {
		t.Fatal(err)
	}
	issue, verify := proof(t, text, signer, ecdsasd.Base(p))
	n := optional(t, p, text) + 1
	statement := make([]byte, 128)
	signature, err := jose.Sign(key, jose.ES256, statement)
	if err != nil {
		t.Fatal(err)
	}
	each := func(do func() error) error {
		for range n {
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	}
	return []row{
		{name: "ecdsa-sd-2023, a base proof of a diploma", reference: fmt.Sprintf("a key pair, %d P-256 signatures", n), cost: true, goal: 1.15,
			ours: issue, theirs: local(func() error {
				pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
				if err != nil {
					return err
				}
				return each(func() error { _, err := jose.Sign(pair, jose.ES256, statement); return err })
			})},
		{name: "ecdsa-sd-2023, checking it", reference: fmt.Sprintf("%d P-256 verifications", n), cost: true, goal: 1.15,
			ours: verify, theirs: local(func() error {
				return each(func() error { return jose.VerifySignature(key.Public(), jose.ES256, statement, signature) })
			})},
	}
}

// optional is how many statements of a document are signed one by one.
func optional(t *testing.T, p *jsonld.Processor, text []byte) int {
	t.Helper()
	d, err := selective.Read(p, text, selective.HMAC(make([]byte, selective.HMACKeySize)))
	if err != nil {
		t.Fatal(err)
	}
	var pointers []string
	for _, pointer := range ecdsasd.Essential() {
		if d.Has(pointer) {
			pointers = append(pointers, pointer)
		}
	}
	mandatory, err := d.Select(pointers)
	if err != nil {
		t.Fatal(err)
	}
	return len(d.Statements) - len(mandatory.Indexes)
}
