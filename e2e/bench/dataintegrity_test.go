package bench

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"maps"
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
	known := texts(t)
	known[i.id], known[i.method] = i.document, method
	key := maps.Clone(method)
	key["secretKeyMultibase"] = dataintegrity.EncodeBase58(append([]byte{codec, 0x26}, secret...))
	return map[string]any{
		"suite": suite, "document": string(document), "documents": known, "key": key, "options": options,
		"created": created.Format(time.RFC3339), "now": created.Format(time.RFC3339),
	}
}

const digitalBazaar = "@digitalbazaar/vc 7.3.0"

// proofValue is that of a document with one proof.
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
