package digitalbazaar_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"

	"github.com/zegel-id/zegel/contexts"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/bbs2023"
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

// selecting is a cryptosuite whose proofs holders derive.
type selecting struct {
	name, key     string
	signer        func(p party) (di.Signer, error)
	base, derived di.Suite
	derive        func(base []byte) ([]byte, error)
	// There, the options of who derives and who verifies.
	disclose, verify map[string]any
}

// header is what the proofs of bbs-2023 are bound to.
var header = bbs2023.PresentationHeader(domain, challenge)

var selectings = []selecting{
	{
		name: ecdsasd.Name, key: "P-256",
		signer: func(p party) (di.Signer, error) {
			return ecdsasd.NewSigner(processor, ecdsasd.Options{Key: p.key, Mandatory: fixed})
		},
		base: ecdsasd.Base(processor), derived: ecdsasd.Derived(processor, fixed...),
		derive:   func(base []byte) ([]byte, error) { return ecdsasd.Derive(processor, base, chosen) },
		disclose: map[string]any{"selectivePointers": chosen},
	},
	{
		name: bbs2023.Name, key: "BLS12-381",
		signer: func(p party) (di.Signer, error) {
			return bbs2023.NewSigner(processor, bbs2023.Options{Key: p.bbs, Mandatory: fixed})
		},
		base: bbs2023.Base(processor), derived: bbs2023.Derived(processor, bbs2023.Expect{PresentationHeader: header, Required: fixed}),
		derive: func(base []byte) ([]byte, error) {
			return bbs2023.Derive(rand.Reader, processor, base, chosen, header)
		},
		disclose: map[string]any{"selectivePointers": chosen, "presentationHeader": header},
		verify:   map[string]any{"expectedPresentationHeader": header},
	},
}

func (s selecting) template(t *testing.T, p party) *di.Template {
	t.Helper()
	signer, err := s.signer(p)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := di.NewTemplate(di.Options{Signer: signer, VerificationMethod: p.method, Purpose: did.AssertionMethod, Contexts: []string{contexts.CredentialsV2}, InsecureAnySpelling: true})
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

// derivations are the ways from issuer to holder, each of them ours or theirs.
func (s selecting) derivations(t *testing.T, p *peer, issuer party) map[string][]byte {
	t.Helper()
	ours, err := s.template(t, issuer).Add(disclosable(issuer.id), di.Terms{Created: now})
	if err != nil {
		t.Fatal(err)
	}
	theirs := p.ask(t, order{Request: "issue", Suite: s.name, Document: disclosable(issuer.id), Key: issuer.pair(), Options: map[string]any{"mandatoryPointers": fixed}}, issuer)
	if theirs.Error != "" {
		t.Fatal(theirs.Error)
	}
	all := map[string][]byte{}
	for name, base := range map[string][]byte{"issued here": ours, "issued there": theirs.Document} {
		if _, err := di.Verify(context.Background(), base, sdPolicy(issuer, s.base)); err != nil {
			t.Errorf("%s: the base proof: %v", name, err)
		}
		here, err := s.derive(base)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		there := p.ask(t, order{Request: "derive", Suite: s.name, Document: base, Options: s.disclose}, issuer)
		if there.Error != "" {
			t.Fatalf("%s, derived there: %s", name, there.Error)
		}
		all[name+", derived here"], all[name+", derived there"] = here, there.Document
	}
	return all
}

// TestSelectiveDisclosure takes the suites that select through all ways from issuer to holder
// to verifier, each of them ours or theirs.
func TestSelectiveDisclosure(t *testing.T) {
	p := start(t)
	for _, s := range selectings {
		issuer := newParty(t, s.key)
		for way, derived := range s.derivations(t, p, issuer) {
			t.Run(s.name+" "+way, func(t *testing.T) {
				disclosedBy(t, derived)
				changed := bytes.Replace(derived, []byte("c@x.example"), []byte("d@x.example"), 1)

				pol := sdPolicy(issuer, s.derived)
				if _, err := di.Verify(context.Background(), derived, pol); err != nil {
					t.Errorf("verified here: %v", err)
				}
				if _, err := di.Verify(context.Background(), changed, pol); err == nil {
					t.Error("a changed credential verifies here")
				}
				ask := order{Request: "verifyCredential", Suite: s.name, Document: derived, Options: s.verify}
				if a := p.ask(t, ask, issuer); !a.Verified {
					t.Errorf("verified there: %s", a.Error)
				}
				ask.Document = changed
				if a := p.ask(t, ask, issuer); a.Verified {
					t.Error("a changed credential verifies there: the peer checks nothing")
				}
			})
		}
	}
}

// TestNoHeader: a holder there who names no header binds a proof to none, which verifies
// there; ours takes it only where any will do.
func TestNoHeader(t *testing.T) {
	p := start(t)
	s := selectings[1]
	issuer := newParty(t, s.key)
	base, err := s.template(t, issuer).Add(disclosable(issuer.id), di.Terms{Created: now})
	if err != nil {
		t.Fatal(err)
	}
	derived := p.ask(t, order{Request: "derive", Suite: s.name, Document: base, Options: map[string]any{"selectivePointers": chosen}}, issuer)
	if derived.Error != "" {
		t.Fatal(derived.Error)
	}
	if a := p.ask(t, order{Request: "verifyCredential", Suite: s.name, Document: derived.Document}, issuer); !a.Verified {
		t.Errorf("there: %s", a.Error)
	}
	for name, expect := range map[string]bbs2023.Expect{"a header": {PresentationHeader: header}, "none": {}} {
		var e *di.Error
		_, err := di.Verify(context.Background(), derived.Document, sdPolicy(issuer, bbs2023.Derived(processor, expect)))
		if !errors.As(err, &e) || e.Check != bbs2023.CheckPresentation {
			t.Errorf("%s expected: %v", name, err)
		}
	}
	if _, err := di.Verify(context.Background(), derived.Document, sdPolicy(issuer, bbs2023.Derived(processor, bbs2023.Expect{InsecureAnyPresentation: true}))); err != nil {
		t.Errorf("any will do: %v", err)
	}
}

// TestPresentationHeader: neither side takes a proof of bbs-2023 that was made for another
// presentation; theirs takes any where none is expected, ours none.
func TestPresentationHeader(t *testing.T) {
	p := start(t)
	s := selectings[1]
	issuer := newParty(t, s.key)
	another := bbs2023.PresentationHeader(domain, "another")
	for way, derived := range s.derivations(t, p, issuer) {
		t.Run(way, func(t *testing.T) {
			for name, expect := range map[string]bbs2023.Expect{"another": {PresentationHeader: another}, "none": {}} {
				var e *di.Error
				_, err := di.Verify(context.Background(), derived, sdPolicy(issuer, bbs2023.Derived(processor, expect)))
				if !errors.As(err, &e) || e.Check != bbs2023.CheckPresentation {
					t.Errorf("%s expected here: %v", name, err)
				}
			}
			ask := order{Request: "verifyCredential", Suite: s.name, Document: derived}
			if a := p.ask(t, ask, issuer); !a.Verified {
				t.Errorf("none expected there: %s", a.Error)
			}
			ask.Options = map[string]any{"expectedPresentationHeader": another}
			if a := p.ask(t, ask, issuer); a.Verified {
				t.Error("another expected there: it verifies")
			}
		})
	}
}
