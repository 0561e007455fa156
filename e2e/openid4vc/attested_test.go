package openid4vc_test

import (
	"testing"

	"github.com/zegel-id/zegel/e2e/peer"
)

// An attested wallet of others asks our issuer with an authorization code, and
// proves its keys by an attestation, alone or in a proof (HAIP 1.0, Section 4).
func TestAttestedWallet(t *testing.T) {
	peer.Install(t, ".", "the wallet of @openid4vc")
	s := peer.Serve(t, nil)
	wallet := peer.Open(t, ".", "attested.mjs")
	begin := func(t *testing.T, more map[string]any) (string, peer.Refusal) {
		t.Helper()
		order := map[string]any{"offer": s.CodeOffer(), "provider": s.WalletProvider, "iss": peer.WalletProviderID, "clientId": peer.AttestedWalletID, "redirectUri": peer.Callback, "scope": "led_diploma"}
		for k, v := range more {
			order[k] = v
		}
		var begun struct {
			peer.Refusal
			URL string `json:"url"`
		}
		wallet.Ask(t, "begin", order, &begun)
		return begun.URL, begun.Refusal
	}
	for proof, copies := range map[string]int{"attestation": 3, "jwt": 1} {
		t.Run("proves by "+proof, func(t *testing.T) {
			url, refusal := begin(t, nil)
			refusal.Accepts(t)
			var r struct {
				peer.Refusal
				TokenType string `json:"tokenType"`
				Refresh   bool   `json:"refresh"`
				Copies    int    `json:"copies"`
				Ours      bool   `json:"ours"`
			}
			wallet.Ask(t, "finish", map[string]any{"address": peer.Browse(t, url, "allow"), "copies": copies, "proof": proof}, &r)
			r.Accepts(t)
			if r.TokenType != "DPoP" || !r.Refresh || r.Copies != copies || !r.Ours {
				t.Errorf("%+v", r)
			}
		})
	}
	t.Run("is refused", func(t *testing.T) {
		for name, more := range map[string]map[string]any{
			"a proof by another key":    {"forge": true},
			"another provider's name":   {"iss": "https://evil.example"},
			"another wallet's name":     {"clientId": "another.example"},
			"a wallet that is not his":  {"clientId": peer.WalletID},
			"another way back":          {"redirectUri": "https://evil.example/callback"},
			"a scope that nobody knows": {"scope": "openid"},
		} {
			t.Run(name, func(t *testing.T) {
				if url, r := begin(t, more); r.Code == "" || url != "" {
					t.Errorf("pushed: %q %q", r.Code, r.Message)
				}
			})
		}
	})
}
