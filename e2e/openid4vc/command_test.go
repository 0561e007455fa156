package openid4vc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/e2e/peer"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// The wallet command of a citizen of the demonstration gets credentials from an
// issuer of others, which has come into the list of providers in the meantime,
// and shows them to a verifier of others.
func TestWalletCommand(t *testing.T) {
	s := invite(t)
	demo := peer.StartDemo(t)
	demo.Zegel(t, "wallet", "activate", "--sign-in-as", "noor")
	h := demo.Hierarchy(t)
	if err := h.AddTenant("stranger", devca.Options{Now: time.Now(), Issuer: s.base, Organization: "Stranger (TEST)", Registration: "NTRBE-0999999625"}); err != nil {
		t.Fatal(err)
	}
	s.certify(t, h, h.Tenants["stranger"])
	list := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, h.List) }))
	t.Cleanup(list.Close)
	trustList(t, demo.Wallet, list.URL)

	for name, order := range map[string]map[string]any{
		"a pre-authorized code":   {"txCode": "493536", "identifiers": true},
		"an authorization code":   {"code": true, "dpop": "nonces"},
		"put off, and encrypted":  {"deferral": 2, "encryption": "required"},
		"bound to a key, by link": {"dpop": "nonces", "byValue": true},
	} {
		t.Run(name, func(t *testing.T) {
			before := s.seen(t)
			args := []string{"wallet", "accept", s.offer(t, order), "--copies", "2"}
			if code, ok := order["txCode"].(string); ok {
				args = append(args, "--tx-code", code)
			}
			if out := demo.Zegel(t, args...); !strings.Contains(out, "Master") {
				t.Errorf("accepted: %s", out)
			}
			if after := s.seen(t); len(after.Notifications) != len(before.Notifications)+1 || !slices.Equal(after.Notifications[len(before.Notifications):], []string{"credential_accepted"}) {
				t.Errorf("notified: %v", after.Notifications)
			}
		})
	}
	// With its refresh token, where it has one, and by signing in elsewhere.
	t.Run("renews", func(t *testing.T) {
		s.offer(t, map[string]any{"code": true, "dpop": "nonces"})
		before := s.seen(t)
		demo.Zegel(t, "wallet", "renew", "--copies", "2", "--within", "48h")
		if after := s.seen(t); after.Refreshed != before.Refreshed+1 || after.PAR == before.PAR {
			t.Errorf("%+v", after)
		}
	})
	t.Run("presents", func(t *testing.T) {
		var asked struct {
			peer.Refusal
			ID   string `json:"id"`
			Link string `json:"link"`
		}
		s.verifier.Ask(t, "ask", map[string]any{"query": credentials(s.query("d", []any{path("title"), path("level", "eqf")}))}, &asked)
		asked.Accepts(t)
		demo.Zegel(t, "wallet", "present", asked.Link, "--trust", "open", "--yes")
		var out outcome
		s.verifier.Ask(t, "result", map[string]any{"id": asked.ID}, &out)
		out.Accepts(t)
		if got := disclosed(out); !slices.Equal(got, []string{"d.level", "d.title"}) {
			t.Errorf("disclosed %v", got)
		}
	})
}

// trustList has the wallet at home fetch its list of providers elsewhere.
func trustList(t *testing.T, home, address string) {
	t.Helper()
	name := filepath.Join(home, "wallet.json")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var state map[string]any
	if err := json.Unmarshal(b, &state); err != nil {
		t.Fatal(err)
	}
	state["environment"].(map[string]any)["provider_list"] = address
	if b, err = json.Marshal(state); err == nil {
		err = os.WriteFile(name, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
