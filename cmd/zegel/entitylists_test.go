package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/lote"
)

// A verifier that follows the list of others keeps it: it starts without a network
// and works until NextUpdate. A list that it cannot have is told.
func TestFollowedProviders(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	signer := filepath.Join(dir, "signer.pem")
	if err := os.WriteFile(signer, trust.EncodePEM(h.ListSigner.Certificate), 0o600); err != nil {
		t.Fatal(err)
	}
	var list atomic.Pointer[string]
	list.Store(&h.List)
	lists := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte(*list.Load())) }))
	defer lists.Close()
	clock := now
	start := func() *app {
		a := &app{
			c:   &Config{Profile: ProfileDevelopment, Data: dir, Verifier: &VerifierConfig{Trust: TrustConfig{PubEAAList: lists.URL, ListSigner: signer}}},
			log: slog.New(slog.DiscardHandler), now: func() time.Time { return clock }, revocation: revocationClient(ProfileDevelopment, time.Now),
		}
		t.Cleanup(func() { a.Close() })
		return a
	}
	trusts := func(a *app) (*trust.Store, func() error) {
		t.Helper()
		judging, err := a.verifierTrust(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return judging.store, func() error {
			_, err := judging.store.Certificates([]*x509.Certificate{h.Seal.Certificate}, trust.UseSeal, clock)
			return err
		}
	}
	ready := func(a *app) error { return entityHealth(a.providers)(context.Background()) }

	a := start()
	_, holds := trusts(a)
	if err := errors.Join(holds(), ready(a)); err != nil {
		t.Fatal(err)
	}
	kept, err := filepath.Glob(filepath.Join(dir, "entity-lists", "*.jwt"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("kept %v, %v", kept, err)
	}

	// A forged list changes nothing, and is told.
	forged := h.List[:len(h.List)-6] + "AAAAAA"
	list.Store(&forged)
	if err := a.providers.Refresh(t.Context()); !errors.Is(err, trust.ErrList) {
		t.Errorf("a forged list: %v", err)
	}
	if err := ready(a); !errors.Is(err, rest.ErrDegraded) || holds() != nil {
		t.Errorf("degraded: %v, %v", err, holds())
	}

	// No network at the start.
	lists.Close()
	a = start()
	_, holds = trusts(a)
	if err := errors.Join(holds(), ready(a)); err != nil {
		t.Errorf("from what was kept: %v", err)
	}
	var b bytes.Buffer
	a.entityMetrics(&b)
	for _, line := range []string{`zegel_entity_list_usable{list="PuB-EAA providers"} 1`, `zegel_entity_list_reached{list="PuB-EAA providers"} 0`, `zegel_entity_list_sequence{list="PuB-EAA providers"} 1`} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("%s is not in\n%s", line, b.String())
		}
	}

	// It runs out while the server runs, and at a start.
	clock = a.providers.List().NextUpdate
	for _, a := range []*app{a, start()} {
		if a.providers == nil {
			_, holds = trusts(a)
		}
		if err := ready(a); !errors.Is(err, trust.ErrListExpired) || errors.Is(err, rest.ErrDegraded) {
			t.Errorf("ready: %v", err)
		}
		if err := holds(); !errors.Is(err, trust.ErrListExpired) {
			t.Errorf("it still verifies: %v", err)
		}
	}

	// Nothing kept and no network: it starts, and is not ready.
	if err := os.RemoveAll(filepath.Join(dir, "entity-lists")); err != nil {
		t.Fatal(err)
	}
	a = start()
	_, holds = trusts(a)
	if err := ready(a); !errors.Is(err, lote.ErrNone) || holds() == nil {
		t.Errorf("without a list: %v, %v", err, holds())
	}
}
