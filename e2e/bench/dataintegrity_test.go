package bench

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/did"
)

var created = time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)

// own are the contexts of the diploma.
var own = []string{contexts.CredentialsV2, diplomaContext}

// issuer is who issues the diploma, under its did:key.
type issuer struct {
	id, method, public string
	document           *did.Document
	text               []byte // the diploma
}

func newIssuer(t *testing.T, public crypto.PublicKey) issuer {
	t.Helper()
	key, err := did.EncodeMultikey(public)
	if err != nil {
		t.Fatal(err)
	}
	i := issuer{id: "did:key:" + key, public: key}
	i.method = i.id + "#" + key
	if i.document, err = (did.KeyMethod{}).Resolve(t.Context(), i.id); err != nil {
		t.Fatal(err)
	}
	i.text = bytes.Replace(documents(t)[0].text, []byte(`"id": "did:web:university.example"`), []byte(`"id": "`+i.id+`"`), 1)
	return i
}

// Resolve implements dataintegrity.Resolver, with the document at hand.
func (i issuer) Resolve(_ context.Context, id string) (*did.Document, error) {
	if id != i.id {
		return nil, errors.New("not known")
	}
	return i.document, nil
}

func (i issuer) template(t *testing.T, signer dataintegrity.Signer, err error) *dataintegrity.Template {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	template, err := dataintegrity.NewTemplate(dataintegrity.Options{
		Signer: signer, VerificationMethod: i.method, Purpose: did.AssertionMethod, Contexts: own,
	})
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// signed is the diploma with its proof.
func (i issuer) signed(t *testing.T, template *dataintegrity.Template) []byte {
	t.Helper()
	b, err := template.Add(i.text, dataintegrity.Terms{Created: created})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// issuing goes from text to text, each time at a time of its own.
func (i issuer) issuing(template *dataintegrity.Template) side {
	at := created
	return local(func() error {
		at = at.Add(time.Second)
		_, err := template.Add(i.text, dataintegrity.Terms{Created: at})
		return err
	})
}

// verify judges a document by a suite.
func (i issuer) verify(document []byte, suite dataintegrity.Suite) error {
	_, err := dataintegrity.Verify(context.Background(), document, dataintegrity.Policy{
		Now: created, Suites: []dataintegrity.Suite{suite}, Resolver: i, Purpose: did.AssertionMethod,
		Controllers: []string{i.id}, Contexts: own,
	})
	return err
}

func (i issuer) verifying(document []byte, suite dataintegrity.Suite) side {
	return local(func() error { return i.verify(document, suite) })
}

// given is what a stranger is given with a document: the key pair, if it is to sign, and
// all that it may load. The codec is the first byte of a secret key as Multikey.
func (i issuer) given(t *testing.T, suite string, document []byte, codec byte, secret []byte, options map[string]any) map[string]any {
	t.Helper()
	method := map[string]any{"@context": contexts.MultikeyV1, "type": did.TypeMultikey, "id": i.method, "controller": i.id, "publicKeyMultibase": i.public}
	known := map[string]any{i.id: i.document, i.method: method}
	for url, b := range files(t) {
		known[url] = json.RawMessage(b)
	}
	key := map[string]any{"secretKeyMultibase": dataintegrity.EncodeBase58(append([]byte{codec, 0x26}, secret...))}
	for name, value := range method {
		key[name] = value
	}
	return map[string]any{
		"suite": suite, "document": string(document), "documents": known, "key": key, "options": options,
		"created": created.Format(time.RFC3339), "now": created.Format(time.RFC3339),
	}
}

const digitalBazaar = "@digitalbazaar/vc 7.3.0"

var edKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// eddsa is eddsa-rdfc-2022 whole, with all that rdfc leaves out: strict reading, checks,
// and the proof in the text.
func eddsa(t *testing.T) []row {
	issue, verify := eddsaSides(t)
	message := make([]byte, 64)
	signature, public := ed25519.Sign(edKey, message), edKey.Public().(ed25519.PublicKey)
	return []row{
		{name: issuing, reference: "Ed25519 signature", cost: true, goal: 2.5,
			ours: issue, theirs: local(func() error { ed25519.Sign(edKey, message); return nil })},
		{name: verifying, reference: "Ed25519 verification", cost: true, goal: 1.6,
			ours: verify, theirs: local(func() error {
				if !ed25519.Verify(public, message, signature) {
					return errors.New("the signature does not hold")
				}
				return nil
			})},
	}
}

const issuing, verifying = "issuing a diploma", "verifying it"

func eddsaSides(t *testing.T) (issue, verify side) {
	t.Helper()
	p, i := processor(t), newIssuer(t, edKey.Public())
	signer, err := dataintegrity.NewEdDSARDFC2022(p, edKey)
	template := i.template(t, signer, err)
	return i.issuing(template), i.verifying(i.signed(t, template), dataintegrity.EdDSARDFC2022(p))
}

// eddsaNode is the same against the packages of Digital Bazaar, which make the same
// signature.
func eddsaNode(t *testing.T) []row {
	peer := node(t, "../digitalbazaar", "bench.mjs", "@digitalbazaar/vc")
	issue, verify := eddsaSides(t)
	i := newIssuer(t, edKey.Public())
	signer, err := dataintegrity.NewEdDSARDFC2022(processor(t), edKey)
	signed := i.signed(t, i.template(t, signer, err))

	const suite = "eddsa-rdfc-2022"
	theirIssue := peer.ready(t, "issue", i.given(t, suite, i.text, 0x80, edKey.Seed(), nil))
	theirVerify := peer.ready(t, "verify", i.given(t, suite, signed, 0x80, edKey.Seed(), nil))
	if theirs := proofValue(t, []byte(theirIssue.result(t))); theirs != proofValue(t, signed) {
		t.Fatalf("%s: another signature", digitalBazaar)
	}
	reference := digitalBazaar + ", eddsa-rdfc-2022-cryptosuite 1.3.0"
	return []row{
		{name: issuing, reference: reference, goal: 40, ours: issue, theirs: theirIssue.side(t)},
		{name: verifying, reference: reference, goal: 30, ours: verify, theirs: theirVerify.side(t)},
	}
}

func proofValue(t *testing.T, document []byte) string {
	t.Helper()
	var d struct {
		Proof struct {
			ProofValue string `json:"proofValue"`
		} `json:"proof"`
	}
	if err := json.Unmarshal(document, &d); err != nil || d.Proof.ProofValue == "" {
		t.Fatalf("no proof: %v", err)
	}
	return d.Proof.ProofValue
}

// eddsaAries is the same against aries-framework-go, which has not this cryptosuite, but
// Ed25519Signature2020 with the same steps. Its context comes with the document.
func eddsaAries(t *testing.T) []row {
	peer := ariesPeer(t)
	issue, verify := eddsaSides(t)
	i := newIssuer(t, edKey.Public())
	known := map[string]json.RawMessage{}
	for url, b := range files(t) {
		known[url] = b
	}
	const context = "https://w3id.org/security/suites/ed25519-2020/v1"
	given := map[string]any{
		"document": strings.Replace(string(i.text), `"`+diplomaContext+`"`, `"`+diplomaContext+`", "`+context+`"`, 1),
		"method":   i.method, "seed": edKey.Seed(), "created": created, "contexts": known,
	}
	theirIssue, theirVerify := peer.ready(t, "ld-sign", given), peer.ready(t, "ld-verify", given)
	if signed := theirIssue.result(t); !strings.Contains(signed, `"Ed25519Signature2020"`) {
		t.Fatal(signed)
	}
	theirVerify.result(t)
	reference := ariesFramework + ", Ed25519Signature2020"
	return []row{
		{name: issuing, reference: reference, ours: issue, theirs: theirIssue.side(t)},
		{name: verifying, reference: reference, ours: verify, theirs: theirVerify.side(t)},
	}
}
