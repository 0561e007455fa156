package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/zegel-id/zegel/vcapi"
)

// Whatever is sent, a verifier either refuses it as a whole or judges it; what it
// judged has a problem or holds.
func FuzzVerify(f *testing.F) {
	w := start(f, nil)
	for name, suite := range instances {
		vc := w.issue(name, w.credential(name), nil)
		if suite.Selective() {
			vc = w.derive(vc, "/credentialSubject/degree")
		}
		b, err := json.Marshal(vc)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	known, err := vcapi.NewContexts(nil, true)
	if err != nil {
		f.Fatal(err)
	}
	v, err := vcapi.NewVerifier(vcapi.VerifierConfig{Contexts: known, Resolver: vcapi.NewResolver(nil, false), Now: w.clock})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := v.Credential(context.Background(), b, vcapi.CredentialOptions{})
		var refused *vcapi.Error
		switch {
		case err != nil && (!errors.As(err, &refused) || !reflect.DeepEqual(r, vcapi.CredentialResult{})):
			t.Fatalf("%v with %+v", err, r)
		case err == nil && r.Verified != (len(r.Problems) == 0):
			t.Fatalf("%+v", r)
		}
		p, err := v.Presentation(context.Background(), b, vcapi.CredentialOptions{})
		if err == nil && p.Verified && len(p.Problems) > 0 || err != nil && !reflect.DeepEqual(p, vcapi.PresentationResult{}) {
			t.Fatalf("%v with %+v", err, p)
		}
		if d, err := known.Derive(rand.Reader, b, nil); err != nil && d != nil {
			t.Fatal("a failed derivation gave something")
		}
	})
}
