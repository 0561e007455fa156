package api_test

import (
	"context"
	"crypto"
	"net/http"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust"
)

// checker asks for a status as a receiver does, over HTTP and without a cache.
func (w *world) statusOf(credential string) status.Value {
	w.Helper()
	c, err := status.NewChecker(statusFetcher{w}, status.CheckerOptions{Now: w.clock.now, InsecureLoopback: true})
	if err != nil {
		w.Fatal(err)
	}
	raw, err := jose.Marshal(payload(w, credential)["status"])
	if err != nil {
		w.Fatal(err)
	}
	ref, err := status.ParseClaim(raw)
	if err != nil {
		w.Fatal(err)
	}
	v, err := c.Check(w.Context(), ref, w.statusTrust)
	if err != nil {
		w.Fatal(err)
	}
	return v
}

// statusTrust takes the signer from the provider list.
func (w *world) statusTrust(_ context.Context, t *jose.Token) (crypto.PublicKey, error) {
	s, err := w.hierarchy.Store(w.clock.now())
	if err != nil {
		return nil, err
	}
	path, err := s.X5C(t.Header.X5C, trust.UseStatus, w.clock.now())
	if err != nil {
		return nil, err
	}
	return path.Leaf().PublicKey, nil
}

type statusFetcher struct{ w *world }

func (f statusFetcher) Fetch(_ context.Context, url, accept string) ([]byte, time.Duration, error) {
	a := f.w.send("GET", url, map[string]string{"Accept": accept}, "")
	if a.status != http.StatusOK {
		f.w.Errorf("status list: %d %s", a.status, a.body)
	}
	if a.header.Get("Content-Type") != status.MediaType {
		f.w.Errorf("status list is %s", a.header.Get("Content-Type"))
	}
	return a.body, 0, nil
}

// Suspend, reinstate and revoke are seen by the next fetch, of every copy.
func TestStatus(t *testing.T) {
	w := start(t)
	offer := w.offer("OVO000001")
	token, ids := w.redeem(offer)
	res, copies := w.obtain(token, ids[0], 3)
	_, others := w.obtain(token, ids[1], 1)
	credential := "/issuance/v1/credentials/" + res.text("notification_id")
	list := payload(t, copies[0])["status"].(map[string]any)["status_list"].(map[string]any)["uri"].(string)

	fetch := func(tag string) answer {
		h := map[string]string{}
		if tag != "" {
			h["If-None-Match"] = tag
		}
		return w.send("GET", list, h, "")
	}
	first := fetch("")
	if first.header.Get("Cache-Control") != "public, max-age=300" || first.header.Get("ETag") == "" {
		t.Errorf("%v", first.header)
	}
	if again := fetch(first.header.Get("ETag")); again.status != http.StatusNotModified || len(again.body) > 0 {
		t.Errorf("unchanged list: %d, %d bytes", again.status, len(again.body))
	}
	steps := []struct {
		change string
		want   status.Value
		word   string
	}{
		{"suspend", status.Suspended, "suspended"}, {"reinstate", status.Valid, "valid"}, {"reinstate", status.Valid, "valid"},
		{"suspend", status.Suspended, "suspended"}, {"revoke", status.Invalid, "revoked"}, {"revoke", status.Invalid, "revoked"},
	}
	tag := first.header.Get("ETag")
	before := status.Valid
	for _, s := range steps {
		a := w.as("OVO000001", "POST", credential+"/"+s.change, map[string]string{"reason": "test"})
		if a.status != http.StatusOK || a.text("status") != s.word || a.json["copies"] != float64(3) {
			t.Fatalf("%s: %d %s", s.change, a.status, a.body)
		}
		now := fetch(tag)
		if changed := now.status == http.StatusOK; changed != (s.want != before) {
			t.Errorf("%s: the list answered %d", s.change, now.status)
		}
		if now.status == http.StatusOK {
			tag = now.header.Get("ETag")
		}
		for n, c := range copies {
			if got := w.statusOf(c); got != s.want {
				t.Errorf("%s: copy %d is %v", s.change, n, got)
			}
		}
		before = s.want
	}
	if got := w.statusOf(others[0]); got != status.Valid {
		t.Errorf("the other credential is %v", got)
	}
	// Revoked is for ever, after a restart too.
	w.restart()
	for _, change := range []string{"suspend", "reinstate"} {
		w.problem(w.as("OVO000001", "POST", credential+"/"+change, nil), http.StatusConflict, "Revoked for ever")
	}
	if got := w.statusOf(copies[2]); got != status.Invalid {
		t.Errorf("after the restart: %v", got)
	}
}

// Whose credential it is decides who may change it; a supplier may change all.
func TestStatusOfOthers(t *testing.T) {
	w := start(t)
	token, ids := w.redeem(w.offer("OVO000001"))
	res, copies := w.obtain(token, ids[0], 1)
	credential := "/issuance/v1/credentials/" + res.text("notification_id")
	w.problem(w.as("OVO000002", "POST", credential+"/revoke", nil), http.StatusNotFound, "Not found")
	w.problem(w.as("vaults", "POST", credential+"/revoke", nil), http.StatusForbidden, "Permission is missing")
	w.problem(w.as("OVO000001", "POST", credential+"/burn", nil), http.StatusNotFound, "Unknown change")
	w.problem(w.as("OVO000001", "POST", "/issuance/v1/credentials/5f0f4a4e-7a3c-4c6e-8d57-3a1f7b2d9c10/revoke", nil), http.StatusNotFound, "Not found")
	w.problem(w.as("OVO000001", "POST", credential+"/revoke", map[string]any{"why": "x"}), http.StatusBadRequest, "Unknown member")
	w.problem(w.send("POST", credential+"/revoke", nil, ""), http.StatusUnauthorized, "Authentication is required")
	if got := w.statusOf(copies[0]); got != status.Valid {
		t.Fatalf("%v", got)
	}
	if a := w.as("OVO002067", "POST", credential+"/revoke", nil); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if got := w.statusOf(copies[0]); got != status.Invalid {
		t.Errorf("%v", got)
	}
	w.refusedStatusList()
}

func (w *world) refusedStatusList() {
	w.Helper()
	for _, id := range []string{"nothing", "AAAAAAAAAAAAAAAAAAAAAA", "%2e%2e", "a%20b"} {
		if a := w.send("GET", "/status/"+id, nil, ""); a.status != http.StatusNotFound {
			w.Errorf("status list %s: %d", id, a.status)
		}
	}
}

// A deleted vault takes everything with it: what was issued, what waits, and
// tokens that were given.
func TestVaultDeleted(t *testing.T) {
	w, _ := withWallets(t)
	mine, waiting, others := w.public(), w.public(), w.public()
	tokens := mine.tokens(mine.code(mine.request(), "lotte"))
	token, ids := tokens.text("access_token"), identifiersOf(tokens)
	copies := texts(mine.fetch(token, ids[0]))
	code := waiting.code(waiting.request(), "lotte")
	another := others.request()
	another.Set("vault_handle", w.handle("vault-2"))
	otherTokens := others.tokens(others.code(another, "lotte"))
	otherToken, otherIDs := otherTokens.text("access_token"), identifiersOf(otherTokens)
	otherCopies := texts(others.fetch(otherToken, otherIDs[0]))

	w.problem(w.as("OVO000001", "POST", "/issuance/v1/vault-deletions", map[string]string{"vault": "vault-1"}), http.StatusForbidden, "Permission is missing")
	w.problem(w.as("vaults", "POST", "/issuance/v1/vault-deletions", map[string]string{}), http.StatusBadRequest, "Missing member")
	for range 2 {
		a := w.as("vaults", "POST", "/issuance/v1/vault-deletions", map[string]string{"vault": "vault-1"})
		if a.status != http.StatusOK || a.json["revoked"] != float64(1) {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := w.as("vaults", "POST", "/issuance/v1/vault-deletions", map[string]string{"vault": "unknown"}); a.json["revoked"] != float64(0) {
		t.Errorf("%s", a.body)
	}
	for _, c := range copies {
		if got := w.statusOf(c); got != status.Invalid {
			t.Errorf("a copy of the deleted vault is %v", got)
		}
	}
	if got := w.statusOf(otherCopies[0]); got != status.Valid {
		t.Errorf("a copy of another vault is %v", got)
	}
	says(t, "a code that waits", waiting.post("/token", waiting.tokenForm(code)), 400, "invalid_grant")
	says(t, "the next credential", mine.fetch(token, ids[1]), 400, "credential_request_denied")
	says(t, "renewal", mine.post("/token", mine.refreshForm(tokens.text("refresh_token"))), 400, "invalid_grant")
	if a := others.fetch(otherToken, otherIDs[1]); a.status != http.StatusOK {
		t.Errorf("another vault: %d %s", a.status, a.body)
	}
	w.nowhere("after the deletion", "vault-1", "vault-2")
}
