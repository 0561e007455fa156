// Package credo_test has a wallet of Credo receive from our issuer and present
// to our verifier, over the wire only.
package credo_test

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/e2e/peer"
)

func TestMain(m *testing.M) { os.Exit(peer.Main(m)) }

// received is what the wallet answers when it was to fetch credentials.
type received struct {
	peer.Refusal
	TokenType   string `json:"tokenType"`
	Credentials []struct {
		Copies int    `json:"copies"`
		Type   string `json:"type"`
		Title  any    `json:"title"`
	} `json:"credentials"`
}

// presented is what it answers when it was to share.
type presented struct {
	peer.Refusal
	Prefix    string         `json:"prefix"`
	Mode      string         `json:"mode"`
	Encrypted bool           `json:"encrypted"`
	Status    int            `json:"status"`
	Body      map[string]any `json:"body"`
}

func TestWallet(t *testing.T) {
	peer.Install(t, ".", "the wallet of Credo")
	s := peer.StartDemo(t)
	wallet := peer.Open(t, ".", "wallet.mjs")
	receive := func(t *testing.T, link, txCode string, copies int) (r received) {
		wallet.Ask(t, "receive", map[string]any{"offer": link, "txCode": txCode, "copies": copies, "event": "credential_accepted", "anchor": s.Anchor(t, "seal-ca.pem")}, &r)
		return r
	}
	present := func(t *testing.T, tx peer.Transaction) (p presented) {
		wallet.Ask(t, "present", map[string]any{"request": tx.Link, "anchor": s.Anchor(t, "access-ca.pem")}, &p)
		return p
	}

	t.Run("receives an institution's own credential", func(t *testing.T) {
		o := s.Own(t, `{"title":"Getuigschrift","award_date":"2020"}`)
		r := receive(t, o.Reference(), o.TxCode, 1)
		r.Accepts(t)
		if len(r.Credentials) != 1 || r.Credentials[0].Title != "Getuigschrift" || r.Credentials[0].Copies != 1 {
			t.Errorf("%+v", r)
		}
		s.Issued(t, o, 1, "credential_accepted")
	})
	t.Run("receives a batch of each record, by value", func(t *testing.T) {
		o := s.Offer(t)
		r := receive(t, o.Value(), o.TxCode, 4)
		r.Accepts(t)
		if len(r.Credentials) != len(o.Accepted) {
			t.Errorf("%d credentials of %d records", len(r.Credentials), len(o.Accepted))
		}
		for _, c := range r.Credentials {
			if c.Copies != 4 || c.Type != s.Issuer+"/types/led-diploma" {
				t.Errorf("%+v", c)
			}
		}
		s.Issued(t, o, 4, "credential_accepted")
	})
	t.Run("is refused", func(t *testing.T) {
		o := s.Offer(t)
		wrong := "000000"
		if o.TxCode == wrong {
			wrong = "000001"
		}
		receive(t, o.Value(), wrong, 1).Refuses(t, "invalid_grant")
	})
	t.Run("presents", func(t *testing.T) {
		for name, c := range map[string]struct {
			claims string
			want   []string
		}{
			"a claim":       {`[{"path":["title"]}]`, []string{"title"}},
			"nested claims": {`[{"path":["title"]},{"path":["level","eqf"]}]`, []string{"title", "level.eqf"}},
			"the first set": {`[{"id":"a","path":["title"]},{"id":"b","path":["award_date"]}],"claim_sets":[["b"],["a","b"]]`, []string{"award_date"}},
		} {
			t.Run(name, func(t *testing.T) {
				tx := s.Ask(t, "", c.claims)
				p := present(t, tx)
				p.Accepts(t)
				if p.Prefix != "x509_hash" || p.Mode != "direct_post.jwt" || !p.Encrypted || p.Status != http.StatusOK {
					t.Errorf("%+v", p)
				}
				s.Verified(t, tx, "", c.want...)
			})
		}
	})
	t.Run("presents on the same device", func(t *testing.T) {
		tx := s.Ask(t, "http://localhost/done", `[{"path":["title"]}]`)
		p := present(t, tx)
		p.Accepts(t)
		back, _ := p.Body["redirect_uri"].(string)
		_, code, ok := strings.Cut(back, "response_code=")
		if !ok {
			t.Fatalf("sent on to %q", back)
		}
		s.Verified(t, tx, code, "title")
	})
	t.Run("has nothing that fits", func(t *testing.T) {
		tx := s.Ask(t, "", `[{"path":["level","eqf"],"values":["nothing"]}]`)
		if p := present(t, tx); !strings.Contains(p.Message, "nothing that the wallet holds") {
			t.Errorf("presented all the same: %+v", p)
		}
	})
}

// The citizen signs in at our issuer for the wallet of Credo: pushed request,
// PKCE, DPoP with our nonces.
func TestWalletAuthorizes(t *testing.T) {
	peer.Install(t, ".", "the wallet of Credo")
	s := peer.Serve(t, nil)
	wallet := peer.Open(t, ".", "wallet.mjs")
	begin := func(t *testing.T) string {
		var begun struct {
			peer.Refusal
			URL  string `json:"url"`
			DPoP bool   `json:"dpop"`
		}
		wallet.Ask(t, "authorize", map[string]any{"offer": s.CodeOffer(), "redirectUri": peer.Callback, "anchor": s.Anchor(t, "seal-ca.pem")}, &begun)
		begun.Accepts(t)
		if !begun.DPoP || strings.Contains(begun.URL, "code_challenge") {
			t.Errorf("DPoP %v, the request itself stands in %s", begun.DPoP, begun.URL)
		}
		return begun.URL
	}
	end := func(t *testing.T, address string) (r received) {
		wallet.Ask(t, "code", map[string]any{"address": address, "copies": 3, "event": "credential_accepted"}, &r)
		return r
	}
	t.Run("agrees", func(t *testing.T) {
		back := peer.Browse(t, begin(t), "allow")
		r := end(t, back)
		r.Accepts(t)
		if r.TokenType != "DPoP" || len(r.Credentials) != 1 || r.Credentials[0].Copies != 3 || r.Credentials[0].Title != "Getuigschrift" {
			t.Errorf("%+v", r)
		}
		end(t, back).Refuses(t, "invalid_grant")

		tx := s.Ask(t, "", `[{"path":["title"]}]`)
		var p presented
		wallet.Ask(t, "present", map[string]any{"request": tx.Link, "anchor": s.Anchor(t, "access-ca.pem")}, &p)
		p.Accepts(t)
		s.Verified(t, tx, "", "title")
	})
	t.Run("declines", func(t *testing.T) {
		end(t, peer.Browse(t, begin(t), "deny")).Refuses(t, "access_denied")
	})
	t.Run("is sent another server's answer", func(t *testing.T) {
		back := peer.Browse(t, begin(t), "allow")
		forged := strings.Replace(back, "iss="+url.QueryEscape(s.Issuer), "iss=https%3A%2F%2Fevil.example", 1)
		if r := end(t, forged); forged == back || r.Message == "" {
			t.Errorf("taken: %+v", r)
		}
	})
}
