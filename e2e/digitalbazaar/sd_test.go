package digitalbazaar_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/zegel-id/zegel/contexts"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/did"
)

// disclosable has members to select: arrays, blank nodes within one another, languages,
// escapes, names that JSON pointers escape.
func disclosable(issuer string) []byte {
	return []byte(`{"@context":["https://www.w3.org/ns/credentials/v2"],"id":"urn:uuid:0b7a5bd0-0000-4000-8000-000000000002",
"type":["VerifiableCredential"],"issuer":{"id":"` + issuer + `","name":"Université de l’Exemple"},"validFrom":"2026-01-01T00:00:00Z","validUntil":"2030-01-01T00:00:00Z",
"name":{"@value":"Diplôme \"\b\u007f\\ 学位","@language":"fr"},
"credentialSubject":{"id":"did:example:1","https://schema.org/score":[1.5,20,true],
"https://schema.org/knows":[{"https://schema.org/email":"a@x.example"},{"https://schema.org/email":"b@x.example","https://schema.org/knows":{"https://schema.org/email":"c@x.example"}}]}}`)
}

var (
	fixed  = []string{"/issuer", "/validUntil"}
	chosen = []string{"/name", "/credentialSubject/https:~1~1schema.org~1score/1", "/credentialSubject/https:~1~1schema.org~1knows/1/https:~1~1schema.org~1knows"}
)

// disclosedBy checks that a derived document says what was fixed and chosen, and nothing else.
func disclosedBy(t *testing.T, document []byte) {
	t.Helper()
	var got, want any
	if err := json.Unmarshal(document, &got); err != nil {
		t.Fatal(err)
	}
	m := got.(map[string]any)
	delete(m, "proof")
	issuer := m["issuer"].(map[string]any)["id"].(string)
	if err := json.Unmarshal([]byte(`{"@context":["https://www.w3.org/ns/credentials/v2"],"id":"urn:uuid:0b7a5bd0-0000-4000-8000-000000000002",
"type":["VerifiableCredential"],"issuer":{"id":"`+issuer+`","name":"Université de l’Exemple"},"validUntil":"2030-01-01T00:00:00Z","name":{"@value":"Diplôme \"\b\u007f\\ 学位","@language":"fr"},
"credentialSubject":{"id":"did:example:1","https://schema.org/score":[20],"https://schema.org/knows":[{"https://schema.org/knows":{"https://schema.org/email":"c@x.example"}}]}}`), &want); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Errorf("disclosed %s\nexpected  %s", a, b)
	}
}

func sdTemplate(t *testing.T, p party) *di.Template {
	t.Helper()
	s, err := ecdsasd.NewSigner(processor, ecdsasd.Options{Key: p.key, Mandatory: fixed})
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := di.NewTemplate(di.Options{Signer: s, VerificationMethod: p.method, Purpose: did.AssertionMethod, Contexts: []string{contexts.CredentialsV2}, InsecureAnySpelling: true})
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func sdPolicy(p party, s di.Suite) di.Policy {
	pol := policy(p, did.AssertionMethod)
	pol.Suites, pol.InsecureAnySpelling = []di.Suite{s}, true // members are named by IRIs, for their slashes
	return pol
}

// TestSelectiveDisclosure takes ecdsa-sd-2023 through all ways from issuer to holder to verifier,
// each of them ours or theirs.
func TestSelectiveDisclosure(t *testing.T) {
	const suite = ecdsasd.Name
	p := start(t)
	issuer := newParty(t, "P-256")
	ours, err := sdTemplate(t, issuer).Add(disclosable(issuer.id), di.Terms{Created: now})
	if err != nil {
		t.Fatal(err)
	}
	theirs := p.ask(t, order{Request: "issue", Suite: suite, Document: disclosable(issuer.id), Key: issuer.pair(), Options: map[string]any{"mandatoryPointers": fixed}}, issuer)
	if theirs.Error != "" {
		t.Fatal(theirs.Error)
	}
	for name, base := range map[string][]byte{"issued here": ours, "issued there": theirs.Document} {
		if _, err := di.Verify(context.Background(), base, sdPolicy(issuer, ecdsasd.Base(processor))); err != nil {
			t.Errorf("%s: the base proof: %v", name, err)
		}
		here, err := ecdsasd.Derive(processor, base, chosen)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		there := p.ask(t, order{Request: "derive", Suite: suite, Document: base, Options: map[string]any{"selectivePointers": chosen}}, issuer)
		if there.Error != "" {
			t.Fatalf("%s, derived there: %s", name, there.Error)
		}
		for derivedBy, derived := range map[string][]byte{"derived here": here, "derived there": there.Document} {
			t.Run(name+", "+derivedBy, func(t *testing.T) {
				disclosedBy(t, derived)
				changed := bytes.Replace(derived, []byte("c@x.example"), []byte("d@x.example"), 1)

				pol := sdPolicy(issuer, ecdsasd.Derived(processor, fixed...))
				if _, err := di.Verify(context.Background(), derived, pol); err != nil {
					t.Errorf("verified here: %v", err)
				}
				if _, err := di.Verify(context.Background(), changed, pol); err == nil {
					t.Error("a changed credential verifies here")
				}
				if a := p.ask(t, order{Request: "verifyCredential", Suite: suite, Document: derived}, issuer); !a.Verified {
					t.Errorf("verified there: %s", a.Error)
				}
				if a := p.ask(t, order{Request: "verifyCredential", Suite: suite, Document: changed}, issuer); a.Verified {
					t.Error("a changed credential verifies there: the peer checks nothing")
				}
			})
		}
	}
}
