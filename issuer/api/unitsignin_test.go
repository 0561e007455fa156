package api_test

import (
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/issuer"
)

// vouching attests one unit, with one key for this one server.
type vouching struct {
	w        *world
	k        walletKeys
	instance *ecdsa.PrivateKey
}

func (p vouching) Attest(_ context.Context, server string, _ bool) (unit.Attestation, error) {
	if server != p.w.base {
		p.w.Errorf("an attestation for %s", server)
	}
	return unit.Attestation{JWT: p.w.attestation(p.k, p.instance, nil), Key: p.instance}, nil
}

// withHandles lets the unit's platform give vault handles.
func (w *world) withHandles(v *unit.Vault, p *pod) {
	v.Platform.Base = w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/vault/v1/handles" {
			rw.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(rw).Encode(map[string]string{"vault_handle": w.handle("vault-1")})
			return
		}
		p.ServeHTTP(rw, r)
	}))
}

// agree plays the citizen, who signs in and says yes.
func (w *world) agree(address, redirect string) url.Values {
	w.Helper()
	b := w.browser(asProgram)
	_, value := b.page(address, "lotte")
	return back(w, b.decide(value, "allow"), redirect)
}

// The wallet unit signs the citizen in at the issuer under all that HAIP asks
// for: attested client, pushed request, bound tokens with the server's nonces,
// encrypted answers, signed metadata; then renews, and what comes later comes
// with a token that was refreshed (HAIP 1.0, Section 4).
func TestWalletUnitSignsIn(t *testing.T) {
	w, k := withWallets(t, func(c *issuer.Config) { c.Encryption, c.BoundTokens = issuer.EncryptionRequired, true })
	w.source.set(promised(), nil)
	s, v, p := w.wallet(plain, 3)
	w.withHandles(v, p)
	s.Metadata, s.SignedMetadataOnly, s.Handles = signers{w}, true, []string{w.base}
	s.Client.Provider = vouching{w, k, newKey(t)}
	s.Wait = func(_ context.Context, d time.Duration) error { w.clock.advance(d); return nil }
	o, err := s.Discover(t.Context(), w.base, "led_diploma")
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Authorize(t.Context(), v, o, webCallback)
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	answer := w.agree(a.URL, webCallback)
	w.restart()
	taken, err := s.Redeem(t.Context(), v, a, answer)
	if err != nil || len(taken.Items) != 1 || len(taken.Waiting) != 1 || len(taken.Items[0].Copies) != 3 {
		t.Fatalf("%d items, %d wait, %v", len(taken.Items), len(taken.Waiting), err)
	}
	w.nowhere("signed in and issued", "vault-1", late)
	// The access token is over by then.
	w.clock.advance(2 * time.Hour)
	w.source.set(kept(), nil)
	w.restart()
	item, err := s.Await(t.Context(), v, taken.Waiting[0].Name, time.Hour, nil)
	if err != nil || item.Title != "Kanarie doctor" {
		t.Fatalf("%s, %v", item.Title, err)
	}
	before := p.size()
	w.clock.advance(time.Hour)
	due, err := v.Due(t.Context(), w.clock.now(), 10*365*24*time.Hour)
	if err != nil || len(due) != 1 || len(due[0].Items) != 2 {
		t.Fatalf("%+v, %v", due, err)
	}
	renewed, err := s.Renew(t.Context(), v, due[0].Grant)
	if err != nil || len(renewed.Items) != 2 || p.size() != before {
		t.Fatalf("%d items, %d resources, %d before, %v", len(renewed.Items), p.size(), before, err)
	}
	for _, it := range renewed.Items {
		if it.Name != taken.Items[0].Name && it.Name != item.Name {
			t.Errorf("%s is a new place", it.Title)
		}
	}
	w.nowhere("renewed", "vault-1", late)
}

// Another unit cannot go on with what one began, whatever it knows: keys of the
// grant and of the instance are the first one's.
func TestWalletUnitOfAnother(t *testing.T) {
	w, k := withWallets(t)
	s, v, p := w.wallet(plain, 1)
	w.withHandles(v, p)
	s.Handles, s.Client.Provider = []string{w.base}, vouching{w, k, newKey(t)}
	o, err := s.Discover(t.Context(), w.base, "led_diploma")
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Authorize(t.Context(), v, o, webCallback)
	if err != nil {
		t.Fatal(err)
	}
	answer := w.agree(a.URL, webCallback)
	// The second unit has a request of its own, and the first one's code.
	other := s
	other.Client.Provider = vouching{w, k, newKey(t)}
	b, err := other.Authorize(t.Context(), v, o, webCallback)
	if err != nil {
		t.Fatal(err)
	}
	stolen := url.Values{"state": {b.State}, "iss": answer["iss"], "code": answer["code"]}
	if _, err := other.Redeem(t.Context(), v, b, stolen); err == nil || !strings.Contains(err.Error(), "invalid_grant") || p.size() != 0 {
		t.Errorf("%v, %d resources", err, p.size())
	}
}
