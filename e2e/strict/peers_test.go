package strict_test

import (
	"testing"

	"github.com/zegel-id/zegel/e2e/peer"
	"github.com/zegel-id/zegel/e2e/strict"
)

// The independent wallets live with it too, each with what its library knows
// how to do: only one fetches another nonce when the first went stale.
func TestIndependentWallets(t *testing.T) {
	peer.Install(t, "../openid4vc", "the wallet of @openid4vc")
	peer.Install(t, "../credo", "the wallet of Credo")
	peer.Install(t, "../sphereon", "the wallet of @sphereon/oid4vci-client")
	harmless := strict.Harmless
	with := func(more ...strict.Habit) []strict.Habit { return append(more, harmless...) }

	t.Run("@openid4vc", func(t *testing.T) {
		s, fronts := behindFronts(t, with(strict.StaleNonce, strict.Deferral)...)
		o := s.Own(t, claims)
		var r struct {
			peer.Refusal
			Credentials []struct {
				Copies []map[string]any `json:"copies"`
			} `json:"credentials"`
			Deferred int `json:"deferred"`
		}
		peer.Run(t, "../openid4vc", "receive.mjs", map[string]any{"offer": o.Link, "txCode": o.TxCode, "copies": 2, "anchor": s.Anchor(t, "seal-ca.pem"), "event": "credential_accepted"}, &r)
		r.Accepts(t)
		s.Issued(t, o, 2, "credential_accepted")
		showed(t, fronts["issuer"], strict.StaleNonce, strict.Deferral, strict.UnknownMembers, strict.OtherOrder, strict.Pieces)
		if r.Deferred == 0 {
			t.Error("nothing was put off")
		}

		tx := s.Ask(t, "", `[{"path":["title"]}]`)
		var p struct{ peer.Refusal }
		peer.Run(t, "../openid4vc", "present.mjs", map[string]any{"request": tx.Link, "held": r.Credentials[0].Copies, "anchor": s.Anchor(t, "access-ca.pem")}, &p)
		p.Accepts(t)
		s.Verified(t, tx, "", "title")
	})
	t.Run("Credo", func(t *testing.T) {
		s, fronts := behindFronts(t, with(strict.Deferral)...)
		o, wallet := s.Own(t, claims), peer.Open(t, "../credo", "wallet.mjs")
		var r struct {
			peer.Refusal
			Deferred int `json:"deferred"`
		}
		wallet.Ask(t, "receive", map[string]any{"offer": o.Link, "txCode": o.TxCode, "copies": 2, "event": "credential_accepted", "anchor": s.Anchor(t, "seal-ca.pem")}, &r)
		r.Accepts(t)
		s.Issued(t, o, 2, "credential_accepted")
		showed(t, fronts["issuer"], strict.Deferral)
		if r.Deferred == 0 {
			t.Error("nothing was put off")
		}

		tx := s.Ask(t, "", `[{"path":["title"]}]`)
		var p struct{ peer.Refusal }
		wallet.Ask(t, "present", map[string]any{"request": tx.Link, "anchor": s.Anchor(t, "access-ca.pem")}, &p)
		p.Accepts(t)
		s.Verified(t, tx, "", "title")
	})
	t.Run("Sphereon", func(t *testing.T) {
		s, _ := behindFronts(t, harmless...)
		o := s.Own(t, claims)
		var r struct{ peer.Refusal }
		peer.Run(t, "../sphereon", "receive.mjs", map[string]any{"offer": o.Link, "txCode": o.TxCode, "anchor": s.Anchor(t, "seal-ca.pem"), "event": "credential_accepted"}, &r)
		r.Accepts(t)
		s.Issued(t, o, 1, "credential_accepted")
	})
	t.Run("Credo, with a code", func(t *testing.T) {
		s, fronts := behindFronts(t, with(strict.DPoPNonce)...)
		wallet := peer.Open(t, "../credo", "wallet.mjs")
		var begun struct {
			peer.Refusal
			URL string `json:"url"`
		}
		wallet.Ask(t, "authorize", map[string]any{"offer": s.CodeOffer(), "redirectUri": peer.Callback, "anchor": s.Anchor(t, "seal-ca.pem")}, &begun)
		begun.Accepts(t)
		var r struct {
			peer.Refusal
			TokenType string `json:"tokenType"`
		}
		wallet.Ask(t, "code", map[string]any{"address": peer.Browse(t, begun.URL, "allow"), "copies": 2, "event": "credential_accepted"}, &r)
		r.Accepts(t)
		if r.TokenType != "DPoP" {
			t.Errorf("a token of type %s", r.TokenType)
		}
		showed(t, fronts["issuer"], strict.DPoPNonce, strict.UnknownParameters)
	})
	t.Run("an attested one of @openid4vc", func(t *testing.T) {
		s, fronts := behindFronts(t, with(strict.DPoPNonce)...)
		wallet := peer.Open(t, "../openid4vc", "attested.mjs")
		var begun struct {
			peer.Refusal
			URL string `json:"url"`
		}
		wallet.Ask(t, "begin", map[string]any{
			"offer": s.CodeOffer(), "provider": s.WalletProvider, "iss": peer.WalletProviderID, "clientId": peer.AttestedWalletID, "redirectUri": peer.Callback, "scope": "led_diploma",
		}, &begun)
		begun.Accepts(t)
		var r struct {
			peer.Refusal
			Copies int `json:"copies"`
		}
		wallet.Ask(t, "finish", map[string]any{"address": peer.Browse(t, begun.URL, "allow"), "copies": 2, "proof": "attestation"}, &r)
		r.Accepts(t)
		if r.Copies != 2 {
			t.Errorf("%d copies", r.Copies)
		}
		showed(t, fronts["issuer"], strict.DPoPNonce, strict.UnknownParameters)
	})
}
