package unit_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// demanding lets only requests with the last nonce through, and gives another
// one with every answer.
type demanding struct {
	t       *testing.T
	next    http.Handler
	n       int
	refused int
	// ever: no nonce is right.
	ever bool
}

func (d *demanding) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	want := fmt.Sprint("nonce-", d.n)
	t := must(jose.Parse(r.Header.Get("DPoP")))(d.t)
	var c struct {
		Nonce string `json:"nonce"`
	}
	if err := jose.Unmarshal(t.Payload, &c); err != nil {
		d.t.Error(err)
	}
	d.n++
	w.Header().Set("DPoP-Nonce", fmt.Sprint("nonce-", d.n))
	if c.Nonce == want && !d.ever {
		d.next.ServeHTTP(w, r)
		return
	}
	d.refused++
	if r.URL.Path == "/session/token" {
		answerJSON(w, http.StatusBadRequest, m{"error": "use_dpop_nonce"})
		return
	}
	w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce", algs="ES256"`)
	answerJSON(w, http.StatusUnauthorized, m{"title": "The citizen's session is required"})
}

// A platform that wants its nonces in the proofs gets them: one refusal, and
// from then on the nonce of the answer before (RFC 9449, Section 8).
func TestPlatformNonces(t *testing.T) {
	n := newNetwork()
	v, p := newVault(t, n)
	d := &demanding{t: t, next: p}
	n.hosts["vault.example"] = d
	for range 3 {
		if err := v.Add(t.Context(), item(t, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if entries := must(v.Entries(t.Context()))(t); len(entries) != 3 || d.refused != 1 {
		t.Errorf("%d entries, %d refusals", len(entries), d.refused)
	}
	d.ever, d.refused = true, 0
	r := (*unit.Refusal)(nil)
	if _, err := v.Entries(t.Context()); !errors.As(err, &r) || r.Status != 401 || d.refused != 2 {
		t.Errorf("%v after %d refusals", err, d.refused)
	}
	// The session is got the same way.
	d.ever, d.refused = false, 0
	d.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, 200, m{"access_token": "x", "token_type": "DPoP", "expires_in": 600})
	})
	c := &unit.Platform{Base: platformURL, HTTP: n, Now: now, Key: newKey(t)}
	if _, err := c.StartSession(t.Context(), "code", oauth.NewVerifier()); err != nil || d.refused != 1 || c.AccessToken != "x" {
		t.Errorf("%v after %d refusals", err, d.refused)
	}
	d.next = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) })
	if _, err := c.StartSession(t.Context(), "code", oauth.NewVerifier()); err == nil || !strings.Contains(err.Error(), "application/json") {
		t.Errorf("%v", err)
	}
}
