package main

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// The signer of the lists is replaced while the server runs. Who followed the lists
// before believes them after it, and a second time needs a start in between.
func TestListSignerIsRotated(t *testing.T) {
	s := newSite(t)
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	follower, err := trust.NewStore(s.app.local.Anchors(), 0)
	if err != nil {
		t.Fatal(err)
	}
	believed := func(want bool) {
		t.Helper()
		list, err := s.app.local.List()
		if err != nil {
			t.Fatal(err)
		}
		l, err := follower.VerifyList(string(list), s.now())
		if err == nil {
			err = follower.Install(l)
		}
		if (err == nil) != want {
			t.Errorf("believed %t: %v", err == nil, err)
		}
	}
	lists := func(state keyring.State) keyInfo {
		t.Helper()
		keys := s.inventory()
		i := slices.IndexFunc(keys, func(k keyInfo) bool { return k.Use == useLists && k.State == state })
		if i < 0 {
			t.Fatalf("no key in the state %s", state)
		}
		return keys[i]
	}
	believed(true)
	next := lists(keyring.Ready)
	rotate := func(want int, says string) {
		t.Helper()
		if status, text := s.admin("POST", "/keys/rotate?use=provider-list"); status != want || !strings.Contains(text, says) {
			t.Error(status, text)
		}
	}
	rotate(http.StatusOK, "certificate")
	if now := lists(keyring.Active); now.ID != next.ID || lists(keyring.Ready).ID == next.ID {
		t.Errorf("%+v", now)
	}
	believed(true)
	s.sealedBy(s.ask(0, "membership"), s.app.local.hierarchy.Seal.Certificate)
	rotate(http.StatusConflict, "start the server anew")
	if status, text := s.admin("POST", "/keys/rotate?use=provider-list&tenant=school"); status != http.StatusBadRequest || !strings.Contains(text, "one signer for all") {
		t.Error(status, text)
	}
	believed(true)
	if err := s.app.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	rotate(http.StatusOK, "certificate")
	believed(false) // it learned nothing since

	var said []string
	for _, line := range linesOf(t, s.app.history) {
		if strings.Contains(line, "list-signer") {
			said = append(said, strings.Fields(line)[0])
		}
	}
	if !slices.Equal(said, []string{"added", "added", "added", "retired", "added", "retired"}) {
		t.Errorf("%q", said)
	}
}

// Its certificate does not run out: the next one takes over before, at a start and
// each day.
func TestListSignerIsRenewed(t *testing.T) {
	const last = 730 * 24 * time.Hour
	dir, made := filepath.Join(t.TempDir(), "keys"), time.Now()
	if err := initKeys(dir, devca.Options{Now: made, Issuer: "https://issuer.example.org"}); err != nil {
		t.Fatal(err)
	}
	at := made.Add(last - renewBefore - time.Hour)
	local, err := openLocalTrust(t.Context(), dir, newHistory(t), func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	first, next := local.hierarchy.ListSigner.Certificate, local.hierarchy.NextListSigner.Certificate
	if err := local.Refresh(t.Context()); err != nil || !local.hierarchy.ListSigner.Certificate.Equal(first) {
		t.Fatalf("replaced too early: %v", err)
	}
	at = at.Add(2 * time.Hour)
	if err := local.Refresh(t.Context()); err != nil || !local.hierarchy.ListSigner.Certificate.Equal(next) {
		t.Fatalf("not replaced: %v", err)
	}
	// The one after it was made a moment ago: it waits until the last day, for nobody
	// could learn of it.
	local.hierarchy.ListSigner.Certificate.NotAfter = at.Add(25 * time.Hour)
	for _, after := range []time.Duration{0, 2 * time.Hour} {
		at = at.Add(after)
		if err := local.renewListSigner(t.Context()); err != nil || local.hierarchy.ListSigner.Certificate.Equal(next) != (after == 0) {
			t.Errorf("after %s: %v", after, err)
		}
		if after == 0 {
			local.store = nil // as at a start, which knows the one after it
		}
	}
	again, err := openLocalTrust(t.Context(), dir, newHistory(t), func() time.Time { return at })
	if err != nil || !again.hierarchy.ListSigner.Certificate.Equal(next) {
		t.Fatalf("not kept: %v", err)
	}
}
