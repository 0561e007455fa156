package main

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/store/embedded"
)

// newHistory is a history that takes the keys of everybody.
func newHistory(t *testing.T) *history.Log {
	t.Helper()
	st, err := embedded.Open(filepath.Join(t.TempDir(), "store"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	log, err := history.Open(t.Context(), st, history.Options{
		Origin: "issuer.example.org/key-history", Signers: []crypto.Signer{key}, Own: func(string) bool { return true }, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// linesOf are the entries of a history, as "event use subject".
func linesOf(t *testing.T, log *history.Log) []string {
	t.Helper()
	size, err := log.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all, err := log.Entries(t.Context(), 0, size)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, b := range all {
		e, err := history.ParseEntry(b)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprint(e.Event, " ", e.Use, " ", e.Subject))
	}
	return out
}

// A history that may fail.
type failing struct {
	*history.Log
	err error
}

func (f *failing) Announce(ctx context.Context, event history.Event, k history.Key) error {
	if f.err != nil {
		return f.err
	}
	return f.Log.Announce(ctx, event, k)
}

// The history has each key before it is used, once, and says which were replaced.
func TestKeysStandInTheHistory(t *testing.T) {
	const issuer = "https://issuer.example.org"
	dir := filepath.Join(t.TempDir(), "keys")
	if err := initKeys(dir, devca.Options{Now: time.Now(), Issuer: issuer}); err != nil {
		t.Fatal(err)
	}
	log := newHistory(t)
	known := &failing{Log: log, err: errors.New("the store is away")}
	if _, err := openLocalTrust(t.Context(), dir, known, time.Now); !errors.Is(err, known.err) {
		t.Fatalf("keys that nobody was told of are used: %v", err)
	}
	if _, err := openLocalTrust(t.Context(), dir, nil, time.Now); err == nil {
		t.Fatal("keys are used without a history")
	}
	known.err = nil
	open := func() *localTrust {
		local, err := openLocalTrust(t.Context(), dir, known, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if err := local.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		return local
	}
	open()
	want := []string{"added history https://issuer.example.org/key-history"}
	for _, use := range []string{"seal-ca", "access-ca", "scheme-ca", "list-signer", "list-signer", "registrar", "registrar", "seal", "status", "metadata"} {
		want = append(want, "added "+use+" "+issuer)
	}
	if got := linesOf(t, log); !slices.Equal(got, want) {
		t.Errorf("at the start: %q", got)
	}
	local := open()
	if got := linesOf(t, log); !slices.Equal(got, want) {
		t.Errorf("at the second start: %q", got)
	}

	// What cannot be written down is not used, now or after a restart.
	known.err = errors.New("the store is away")
	sealing, signing, list := local.keys[""].Current(), local.metadata[""].Current(), local.hierarchy.List
	if _, err := local.RotateSeal(t.Context(), ""); !errors.Is(err, known.err) {
		t.Error(err)
	}
	if _, err := local.RotateMetadata(t.Context(), ""); !errors.Is(err, known.err) {
		t.Error(err)
	}
	if err := local.UseSeal(t.Context(), "", sealing); !errors.Is(err, known.err) {
		t.Error(err)
	}
	if served, err := local.List(); err != nil || string(served) != list || local.keys[""].Current() != sealing || local.metadata[""].Current() != signing || local.elsewhere[""] {
		t.Error("something of a refused rotation is used")
	}
	known.err = nil
	local = open()
	if !local.keys[""].Current().Certificate().Equal(sealing.Certificate()) || !local.metadata[""].Current().Certificate().Equal(signing.Certificate()) {
		t.Error("a refused rotation was kept")
	}
	if got := linesOf(t, log); !slices.Equal(got, want) {
		t.Errorf("after refusals: %q", got)
	}

	if _, err := local.RotateSeal(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := local.RotateMetadata(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	want = append(want, "added seal "+issuer, "retired seal "+issuer, "added metadata "+issuer, "retired metadata "+issuer)
	if got := linesOf(t, log); !slices.Equal(got, want) {
		t.Errorf("after rotations: %q", got)
	}
	open()
	if got := linesOf(t, log); !slices.Equal(got, want) {
		t.Errorf("after rotations and a start: %q", got)
	}
}

// A process that ends between the announcement and the use leaves a line about a
// key that nobody used. A later start adds none, and the next rotation retires it.
func TestKeyAnnouncedAndNeverUsed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	if err := initKeys(dir, devca.Options{Now: time.Now(), Issuer: "https://issuer.example.org"}); err != nil {
		t.Fatal(err)
	}
	log := newHistory(t)
	local, err := openLocalTrust(t.Context(), dir, log, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := local.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := local.hierarchy.RotateSeal("", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := local.announce(t.Context(), history.UseSeal, "", local.hierarchy.Seal.Certificate, history.Added); err != nil {
		t.Fatal(err)
	}
	before := linesOf(t, log)
	for range 2 {
		if local, err = openLocalTrust(t.Context(), dir, log, time.Now); err != nil {
			t.Fatal(err)
		}
		if err := local.settle(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := linesOf(t, log); !slices.Equal(got, before) {
		t.Errorf("%q", got)
	}
	if _, err := local.RotateSeal(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	after := linesOf(t, log)[len(before):]
	if want := []string{"added seal", "retired seal", "retired seal"}; len(after) != 3 || after[0][:10] != want[0] || after[1][:12] != want[1] || after[2][:12] != want[2] {
		t.Errorf("%q", after)
	}
}

// Nobody's keys but the installation's get in.
func TestHistoryTakesOwnKeysOnly(t *testing.T) {
	s := newSite(t)
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"did:web:vault.example.org:6f1c", "https://vault.example.org/6f1c", s.urls[0] + "/6f1c"} {
		if err := s.app.announceDID(t.Context(), id, key.Public()); !errors.Is(err, history.ErrSubject) {
			t.Errorf("%s: %v", id, err)
		}
	}
	status, _, text := s.send("GET", s.urls[1]+"/key-history/checkpoint", "")
	if status != 200 || len(text) == 0 {
		t.Errorf("%d %s", status, text)
	}
	status, m, text := s.send("GET", s.urls[0]+"/key-history/entries?start=0&end=1000", "")
	if status != 400 || m["title"] != "Out of range" {
		t.Errorf("%d %s", status, text)
	}
}

// A server that is killed goes on with the history that it had, with nothing twice,
// and a monitor sees no break. Who serves another one in its place is found out, and
// the proof is kept.
func TestHistoryOutlivesKills(t *testing.T) {
	s := newSite(t)
	config := s.config()
	state := filepath.Join(s.dir, "state")
	watch := func() (string, error) {
		out, err := exec.Command("zegel", "keys", "history", s.urls[0], "--state", state).CombinedOutput()
		return string(out), err
	}
	run := func(while func(kill func())) {
		t.Helper()
		cmd := exec.Command("zegel", "serve", "--config", config)
		cmd.Stderr = &s.log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		once := sync.OnceFunc(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
		defer once()
		s.wait("the server serves", func() bool {
			status, _, _ := s.try("GET", s.urls[0]+"/health/live", "")
			return status == 200
		})
		while(once)
	}
	for n := range 3 {
		run(func(kill func()) {
			out, err := watch()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if n > 0 && !strings.Contains(out, " added    seal ") {
				t.Errorf("what was rotated before the kill is not there:\n%s", out)
			}
			s.zegel("keys", "rotate", "--socket", filepath.Join(s.dir, "data", "admin.sock"))
			if n == 2 {
				if out, err := watch(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			kill()
		})
	}
	st, err := embedded.Open(filepath.Join(s.dir, "data", "store"), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if st != nil {
			_ = st.Close()
		}
	}()
	key, err := signingKey(filepath.Join(s.keys, secretsDir, historySecret))
	if err != nil {
		t.Fatal(err)
	}
	log, err := history.Open(t.Context(), st, history.Options{Origin: "x", Signers: []crypto.Signer{key}, Own: func(string) bool { return false }, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	lines := linesOf(t, log)
	// Own key, three authorities, list signer and registrar with their next ones, three
	// keys of each issuer, three rotations.
	if len(lines) != 1+3+4+2*3+3*2 {
		t.Errorf("%q", lines)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = nil

	// The store is begun anew, with the same key: what was signed is contradicted.
	if err := os.RemoveAll(filepath.Join(s.dir, "data")); err != nil {
		t.Fatal(err)
	}
	run(func(func()) {
		kept, err := os.ReadFile(state)
		if err != nil {
			t.Fatal(err)
		}
		var out string
		s.wait("the new history is as long as the one that was seen", func() bool {
			out, err = watch()
			return err == nil || !strings.Contains(out, "an older state")
		})
		if err == nil || !strings.Contains(out, "the history of keys contradicts itself: ") || !strings.Contains(out, "keep both and tell others") {
			t.Errorf("%v\n%s", err, out)
		}
		if after, err := os.ReadFile(state); err != nil || string(after) != string(kept) {
			t.Error("the state was changed")
		}
		proof, err := os.ReadFile(state + ".fork")
		if err != nil {
			t.Fatal(err)
		}
		w, err := history.ParseWatched(kept)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := history.OpenCheckpoint(proof, log.Origin(), w.Keys...); err != nil {
			t.Errorf("the proof: %v", err)
		}
	})
}

// The key of the history is made where an older key directory lacks it, and not
// where there is a history that it must have signed.
func TestHistoryKeyIsMade(t *testing.T) {
	s := newSite(t)
	path := filepath.Join(s.keys, secretsDir, historySecret)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	if err := s.app.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.tryOpen(); err == nil || !strings.Contains(err.Error(), "put it back from the backup") || !missing(path) {
		t.Errorf("%v", err)
	}
	if err := makeHistoryKey(path); err != nil {
		t.Fatal(err)
	}
	if err := s.tryOpen(); !errors.Is(err, history.ErrKey) {
		t.Errorf("another key: %v", err)
	}
}

// The key of the history is replaced in a running server, also when it ends at any
// step of that, and the former one is removed when its time is over.
func TestHistoryKeyIsRotated(t *testing.T) {
	s := newSite(t)
	file := func(name string) string { return filepath.Join(s.keys, secretsDir, name) }
	reopen := func() {
		t.Helper()
		if s.app != nil {
			if err := s.app.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.tryOpen(); err != nil {
			t.Fatal(err)
		}
	}
	keys := func(n int) []string {
		t.Helper()
		keys := s.app.history.Keys()
		if len(keys) != n {
			t.Errorf("%q sign", keys)
		}
		return keys
	}
	reopen()
	first := keys(1)[0]
	w := httptest.NewRecorder()
	s.app.adminHandler().ServeHTTP(w, httptest.NewRequest("POST", "/keys/rotate-history", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	second := keys(2)[0]
	if second == first || !strings.Contains(w.Body.String(), second) || keys(2)[1] != first {
		t.Errorf("%s", w.Body)
	}
	w = httptest.NewRecorder()
	s.app.adminHandler().ServeHTTP(w, httptest.NewRequest("POST", "/keys/rotate-history", nil))
	if w.Code != 409 {
		t.Errorf("twice: %d %s", w.Code, w.Body)
	}
	reopen()
	if got := keys(2); got[0] != second || got[1] != first {
		t.Errorf("%q", got)
	}
	s.pass(historyOverlap + time.Hour)
	if err := s.app.endFormerHistory(t.Context()); err != nil || !missing(file(formerHistorySecret)) {
		t.Error(err)
	}
	keys(1)
	reopen()
	keys(1)

	// Cut off after the key was made, written down, and linked.
	for n, until := range []func() error{
		func() error { return makeHistoryKey(file(nextHistorySecret)) },
		func() error {
			if err := makeHistoryKey(file(nextHistorySecret)); err != nil {
				return err
			}
			key, err := signingKey(file(nextHistorySecret))
			if err != nil {
				return err
			}
			return s.app.history.Rotate(t.Context(), key)
		},
		func() error {
			if err := makeHistoryKey(file(nextHistorySecret)); err != nil {
				return err
			}
			key, err := signingKey(file(nextHistorySecret))
			if err != nil {
				return err
			}
			return errors.Join(s.app.history.Rotate(t.Context(), key), os.Link(file(historySecret), file(formerHistorySecret)))
		},
	} {
		before := keys(1)[0]
		if err := until(); err != nil {
			t.Fatal(err)
		}
		reopen()
		if got := keys(2); got[0] == before || got[1] != before || !missing(file(nextHistorySecret)) || missing(file(formerHistorySecret)) {
			t.Errorf("cut off at %d: %q", n, got)
		}
		s.pass(historyOverlap + time.Hour)
		if err := s.app.endFormerHistory(t.Context()); err != nil {
			t.Fatal(err)
		}
		reopen()
	}
}
