package vcapi

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"
	"time"
)

type caller struct{}

// asked is a Fetcher that has nothing, and notes for whom it was asked.
type asked struct{ by []context.Context }

func (a *asked) Fetch(ctx context.Context, _, _ string) ([]byte, string, error) {
	a.by = append(a.by, ctx)
	return nil, "", errors.New("nothing")
}

// Whoever is gone has nothing fetched any more, whatever the credential is secured by.
func TestFetchingEndsWithTheCaller(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	contexts, err := NewContexts(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, suite := range []Suite{EdDSARDFC, JWT} {
		const id = "did:web:issuer.example"
		i, err := NewIssuer(IssuerConfig{Name: "one", ID: id, VerificationMethod: id + "#k", Suite: suite, Key: Key{Signer: key}, Contexts: contexts, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		h, err := NewHolder(HolderConfig{Name: "one", ID: id, VerificationMethod: id + "#k", Suite: suite, Key: Key{Signer: key}, Contexts: contexts, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		a := &asked{}
		v, err := NewVerifier(VerifierConfig{Contexts: contexts, Resolver: NewResolver(a, false), Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		vc, err := i.Issue(t.Context(), credentialOf(i, "urn:x:1"), IssueOptions{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := json.Marshal(map[string]any{"@context": []string{"https://www.w3.org/ns/credentials/v2"}, "type": []string{"VerifiablePresentation"}, "verifiableCredential": []any{json.RawMessage(vc)}})
		if err != nil {
			t.Fatal(err)
		}
		bound := CredentialOptions{Challenge: "c", Domain: "d"}
		vp, err := h.Present(p, PresentOptions{Challenge: bound.Challenge, Domain: bound.Domain})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), caller{}, "ours"))
		if r, err := v.Credential(ctx, vc, CredentialOptions{}); err != nil || r.Verified {
			t.Errorf("%s: %v %v", suite, r, err)
		}
		if r, err := v.Presentation(ctx, vp, bound); err != nil || r.Verified {
			t.Errorf("%s: %v %v", suite, r, err)
		}
		cancel()
		if len(a.by) < 2 {
			t.Fatalf("%s: asked %d times", suite, len(a.by))
		}
		for n, of := range a.by {
			if of.Value(caller{}) != "ours" {
				t.Errorf("%s: question %d is not bound to its caller", suite, n)
			}
		}
		if _, err := v.Credential(ctx, vc, CredentialOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, expected that nothing was found out", suite, err)
		}
	}
}
