// Package sphereon_test has a wallet of @sphereon/oid4vci-client receive from
// our issuer, over the wire only.
package sphereon_test

import (
	"os"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/e2e/peer"
)

func TestMain(m *testing.M) { os.Exit(peer.Main(m)) }

// received is what receive.mjs answers.
type received struct {
	peer.Refusal
	TokenType   string `json:"tokenType"`
	Credentials []struct {
		Copies []struct {
			Type        string `json:"type"`
			Subject     string `json:"subject"`
			Disclosures int    `json:"disclosures"`
		} `json:"copies"`
	} `json:"credentials"`
}

func TestWallet(t *testing.T) {
	peer.Install(t, ".", "the wallet of @sphereon/oid4vci-client")
	s := peer.StartDemo(t)
	receive := func(t *testing.T, link, txCode string, more map[string]any) (r received) {
		order := map[string]any{"offer": link, "txCode": txCode, "anchor": s.Anchor(t, "seal-ca.pem")}
		for k, v := range more {
			order[k] = v
		}
		peer.Run(t, ".", "receive.mjs", order, &r)
		return r
	}
	for name, link := range map[string]func(peer.Offer) string{"by reference": peer.Offer.Reference, "by value": peer.Offer.Value} {
		t.Run("receives "+name, func(t *testing.T) {
			o := s.Offer(t)
			r := receive(t, link(o), o.TxCode, map[string]any{"copies": 2, "event": "credential_accepted"})
			r.Accepts(t)
			if len(r.Credentials) != len(o.Accepted) {
				t.Errorf("%d credentials of %d records", len(r.Credentials), len(o.Accepted))
			}
			subjects := map[string]bool{}
			for _, c := range r.Credentials {
				for _, copied := range c.Copies {
					if copied.Type != s.Issuer+"/types/led-diploma" || copied.Disclosures == 0 || subjects[copied.Subject] {
						t.Errorf("%+v", copied)
					}
					subjects[copied.Subject] = true
				}
			}
			s.Issued(t, o, 2, "credential_accepted")
		})
	}
	t.Run("is refused", func(t *testing.T) {
		o := s.Offer(t)
		wrong := "000000"
		if o.TxCode == wrong {
			wrong = "000001"
		}
		if r := receive(t, o.Value(), wrong, nil); !strings.Contains(r.Message, "/token for issuer "+s.Issuer+" failed with status: 400") {
			t.Errorf("a wrong transaction code: %+v", r.Refusal)
		}
		// The library's own credential request has the draft's proof, and none of
		// the final text: no key was proved, and nothing is issued.
		receive(t, o.Value(), o.TxCode, map[string]any{"asItIs": true}).Refuses(t, "invalid_proof")
	})
}

// The citizen signs in at our issuer for a wallet that binds its token to no
// key: it is taken, and what it gets lasts a few minutes and cannot be renewed.
func TestWalletAuthorizes(t *testing.T) {
	peer.Install(t, ".", "the wallet of @sphereon/oid4vci-client")
	s := peer.Serve(t, nil)
	for _, decision := range []string{"allow", "deny"} {
		t.Run(decision, func(t *testing.T) {
			var begun struct {
				peer.Refusal
				URL   string `json:"url"`
				State string `json:"state"`
			}
			peer.Run(t, ".", "receive.mjs", map[string]any{"order": "authorize", "offer": s.CodeOffer(), "clientId": peer.WalletID, "redirectUri": peer.Callback}, &begun)
			begun.Accepts(t)
			if !strings.Contains(begun.URL, "request_uri=urn") {
				t.Errorf("the request was not pushed: %s", begun.URL)
			}
			var r received
			peer.Run(t, ".", "receive.mjs", map[string]any{
				"order": "code", "state": begun.State, "address": peer.Browse(t, begun.URL, decision), "redirectUri": peer.Callback, "anchor": s.Anchor(t, "seal-ca.pem"), "event": "credential_accepted",
			}, &r)
			if decision == "deny" {
				r.Refuses(t, "access_denied")
				return
			}
			r.Accepts(t)
			if len(r.Credentials) != 1 || len(r.Credentials[0].Copies) != 1 || r.TokenType != "Bearer" {
				t.Errorf("%+v", r)
			}
		})
	}
}
