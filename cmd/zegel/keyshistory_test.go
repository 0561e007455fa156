package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/rest/keyhistory"
	"github.com/zegel-id/zegel/seal/history"
)

// bentHistory serves a history with answers that may be bent.
type bentHistory struct {
	log  *history.Log
	bend func(path, body string) string
}

func (b bentHistory) Fetch(ctx context.Context, url, _ string) ([]byte, string, error) {
	e := rest.New(rest.Options{Log: slog.New(slog.DiscardHandler)})
	e.Mount(keyhistory.Routes(b.log)...)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, "GET", url, nil)
	e.ServeHTTP(w, r)
	if w.Code != 200 {
		return nil, "", errors.New(w.Body.String())
	}
	return []byte(b.bend(r.URL.Path, w.Body.String())), w.Header().Get("Content-Type"), nil
}

// Only what is a proof is told and kept as one: no other answer makes a file .fork.
func TestKeysHistoryTellsProofFromDoubt(t *testing.T) {
	log := newHistory(t)
	add := func() {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err == nil {
			err = log.Announce(t.Context(), history.Added, history.Key{Use: history.UseDID, Subject: "did:web:issuer.example.org", Public: key.Public()})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	older, err := log.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	add()
	state := filepath.Join(t.TempDir(), "state")
	look := func(path string, bend func(body string) string) error {
		o := watch{state: state, monitor: history.Monitor{URL: "https://issuer.example.org", Fetch: bentHistory{log, func(of, body string) string {
			if strings.HasSuffix(of, path) {
				return bend(body)
			}
			return body
		}}}}
		return o.run(t.Context(), io.Discard, io.Discard)
	}
	same := func(body string) string { return body }
	if err := look("checkpoint", same); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	add()
	for _, c := range []struct {
		name, path string
		bend       func(body string) string
		says       string
		unshown    bool
	}{
		{"a page of a proxy", "consistency", func(string) string { return "<!doctype html>" }, "proof of consistency: not strict JSON", false},
		{"a checkpoint of before", "checkpoint", func(string) string { return string(older) }, "an older state of the history of keys is served: 1 entries, which are the first of the 2 that were seen; the state stays as it was: look again", false},
		{"a proof that does not verify", "consistency", func(string) string { return `{"from":2,"to":3,"proof":[]}` }, "it is no proof; look again", true},
	} {
		err := look(c.path, c.bend)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "contradicts") {
			t.Errorf("%s: %v", c.name, err)
		}
		if !missing(state+".fork") || missing(state+".unshown") == c.unshown {
			t.Errorf("%s: what is kept beside the state", c.name)
		}
		if after, err := os.ReadFile(state); err != nil || string(after) != string(kept) {
			t.Errorf("%s: the state was changed", c.name)
		}
	}
	if err := look("checkpoint", same); err != nil {
		t.Error(err)
	}
}

// A long history is read in several runs, which the state carries.
func TestKeysHistoryReadsInSteps(t *testing.T) {
	log := newHistory(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		if err := log.Announce(t.Context(), history.Added, history.Key{Use: history.UseDID, Subject: fmt.Sprint("did:web:issuer.example.org:", n), Public: key.Public()}); err != nil {
			t.Fatal(err)
		}
	}
	o := watch{monitor: history.Monitor{URL: "https://issuer.example.org", Step: 2, Fetch: bentHistory{log, func(_, body string) string { return body }}}}
	if err := o.run(t.Context(), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "3 more entries than are read at once; name a file with --state") {
		t.Error(err)
	}
	o.state = filepath.Join(t.TempDir(), "state")
	withCertificate := o
	withCertificate.state, withCertificate.certificate = filepath.Join(t.TempDir(), "state"), filepath.Join(t.TempDir(), "none.pem")
	for _, says := range []string{"3 entries were not read yet; run it again", "1 entries were not read yet; run it again", "none.pem: "} {
		if err := withCertificate.run(t.Context(), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("with a certificate: %v, expected %s", err, says)
		}
	}
	for n, want := range []string{"5 entries, 2 of them new.\n3 entries were not read yet: run it again.\n", "5 entries, 2 of them new.\n1 entries were not read yet: run it again.\n", "5 entries, 1 of them new.\n", "5 entries, 0 of them new.\n"} {
		var out strings.Builder
		if err := o.run(t.Context(), &out, io.Discard); err != nil || !strings.HasSuffix(out.String(), want) {
			t.Errorf("run %d: %v\n%s", n, err, &out)
		}
	}
}
