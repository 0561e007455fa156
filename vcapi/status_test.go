package vcapi

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
)

// watched is a store that counts what is created, and calls missed once when a record
// is looked for that is not there.
type watched struct {
	store.Store
	created int
	missed  func()
}

func (w *watched) Create(ctx context.Context, r store.Record) (store.Record, error) {
	w.created++
	return w.Store.Create(ctx, r)
}

func (w *watched) Get(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
	r, err := w.Store.Get(ctx, kind, id)
	if f := w.missed; f != nil && errors.Is(err, store.ErrNotFound) {
		w.missed = nil
		f()
	}
	return r, err
}

// processes are two servers of one issuer on one store, of which the first is watched.
func processes(t *testing.T) (w *watched, first, second *Issuer) {
	t.Helper()
	s, err := embedded.Open(t.TempDir(), embedded.Options{Now: time.Now, Report: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := did.DIDKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	contexts, err := NewContexts(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	open := func(s store.Store) *Issuer {
		i, err := NewIssuer(IssuerConfig{Name: "one", ID: id, Suite: EdDSARDFC, Key: Key{Signer: key}, Contexts: contexts, Base: "https://vc.example/issuers/one", Store: s, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	w = &watched{Store: s}
	return w, open(w), open(s)
}

func credentialOf(i *Issuer, id string) []byte {
	return fmt.Appendf(nil, `{"@context":["https://www.w3.org/ns/credentials/v2"],"id":%q,"type":["VerifiableCredential"],"issuer":%q,"credentialSubject":{"id":"did:example:subject"}}`, id, i.c.ID)
}

// What one call finds not to be there, another may set before it ends: that stays.
func TestStatusOfTwoCalls(t *testing.T) {
	const id = "urn:uuid:6f5b3a5e-6b0c-4b5e-9a3a-000000000001"
	for name, c := range map[string]struct {
		before, meanwhile *StatusChange
		ends              status.Purpose
		want              status.Value
	}{
		"a suspension":                         {nil, &StatusChange{CredentialID: id, Purpose: status.Suspension, Set: true}, status.Revocation, status.Suspended},
		"the end of a suspension":              {&StatusChange{CredentialID: id, Purpose: status.Suspension, Set: true}, &StatusChange{CredentialID: id, Purpose: status.Suspension}, status.Revocation, status.Valid},
		"a revocation":                         {nil, &StatusChange{CredentialID: id, Purpose: status.Revocation, Set: true}, status.Revocation, status.Invalid},
		"a suspension, while one is not there": {nil, &StatusChange{CredentialID: id, Purpose: status.Suspension, Set: true}, status.Suspension, status.Suspended},
	} {
		t.Run(name, func(t *testing.T) {
			w, first, second := processes(t)
			if _, err := first.Issue(t.Context(), credentialOf(first, id), IssueOptions{}); err != nil {
				t.Fatal(err)
			}
			if c.before != nil {
				if err := second.UpdateStatus(t.Context(), *c.before); err != nil {
					t.Fatal(err)
				}
			}
			w.missed = func() {
				if err := second.UpdateStatus(t.Context(), *c.meanwhile); err != nil {
					t.Error(err)
				}
			}
			if err := first.UpdateStatus(t.Context(), StatusChange{CredentialID: id, Purpose: c.ends}); err != nil {
				t.Fatal(err)
			}
			if w.missed != nil {
				t.Fatal("nothing came between")
			}
			rec, err := second.statuses.store.Get(t.Context(), kindCredential, recordID(id))
			if err != nil {
				t.Fatal(err)
			}
			var kept issued
			if err := jose.Unmarshal(rec.Data, &kept); err != nil {
				t.Fatal(err)
			}
			got, err := second.statuses.register.Value(t.Context(), kept.Status)
			if err != nil || got != c.want {
				t.Errorf("%v %v, expected %v", got, err, c.want)
			}
		})
	}
}

// A repetition uses up no index of the list.
func TestIssuedBefore(t *testing.T) {
	w, i, _ := processes(t)
	if _, err := i.Issue(t.Context(), credentialOf(i, "urn:x:1"), IssueOptions{}); err != nil {
		t.Fatal(err)
	}
	before := w.created
	for range 3 {
		if _, err := i.Issue(t.Context(), credentialOf(i, "urn:x:1"), IssueOptions{}); !errors.Is(err, ErrConflict) {
			t.Errorf("%v, expected ErrConflict", err)
		}
	}
	if w.created != before {
		t.Errorf("%d records were created for what was issued before", w.created-before)
	}
}

// Two calls at once with one id: the store decides, and one credential leaves.
func TestIssuedMeanwhile(t *testing.T) {
	w, first, second := processes(t)
	w.missed = func() {
		if _, err := second.Issue(t.Context(), credentialOf(second, "urn:x:1"), IssueOptions{}); err != nil {
			t.Error(err)
		}
	}
	if _, err := first.Issue(t.Context(), credentialOf(first, "urn:x:1"), IssueOptions{}); !errors.Is(err, ErrConflict) || w.missed != nil {
		t.Errorf("%v, expected ErrConflict", err)
	}
}
