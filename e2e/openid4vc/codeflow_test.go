package openid4vc_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

const (
	walletID = "wallet.example"
	back     = "http://127.0.0.1:7/cb" // nobody listens: the browser is the test
)

// provider attests our wallet unit, with a key for each server.
type provider struct {
	key *ecdsa.PrivateKey
	mu  sync.Mutex
	at  map[string]*ecdsa.PrivateKey
}

func (p *provider) Attest(_ context.Context, server string, _ bool) (unit.Attestation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at[server] == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return unit.Attestation{}, err
		}
		p.at[server] = key
	}
	now := time.Now()
	jwt, err := oauth.NewClientAttestation(p.key, "provider", nil, oauth.AttestationClaims{
		Issuer: "https://provider.example", ClientID: walletID, IssuedAt: jose.Date(now), Expires: jose.Date(now.Add(time.Hour)),
	}, p.at[server].Public())
	return unit.Attestation{JWT: jwt, Key: p.at[server]}, err
}

// browse goes where the citizen's browser is sent, and returns what it comes
// back to the wallet with.
func browse(t *testing.T, address string) url.Values {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	to, err := res.Location()
	if err != nil || to.Host != "127.0.0.1:7" {
		t.Fatalf("%d, sent to %v: %v", res.StatusCode, to, err)
	}
	return to.Query()
}

// Our wallet unit gets a credential with an authorization code from an issuer
// of others, by an offer and of its own accord, and renews it.
func TestOurWalletAuthorizes(t *testing.T) {
	s := meet(t)
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: signer, at: map[string]*ecdsa.PrivateKey{}}
	s.attest(t, signer)
	for name, c := range map[string]struct {
		order  map[string]any
		client unit.Client
		own    bool // the citizen asks, without an offer
	}{
		"a public client":     {map[string]any{}, unit.Client{ID: walletID}, false},
		"of its own accord":   {map[string]any{"dpop": "nonces"}, unit.Client{ID: walletID}, true},
		"bound to a key":      {map[string]any{"dpop": "nonces"}, unit.Client{ID: walletID}, false},
		"an attested client":  {map[string]any{"attestation": true, "dpop": "nonces"}, unit.Client{Provider: p}, false},
		"datasets":            {map[string]any{"identifiers": true, "dpop": "optional"}, unit.Client{ID: walletID}, false},
		"everything demanded": {map[string]any{"attestation": true, "dpop": "nonces", "identifiers": true, "encryption": "required", "deferral": 2}, unit.Client{Provider: p}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c.order["code"] = true
			before, in := s.seen(t), s.wallet.Issuance(t, 2)
			in.Client = c.client
			link := s.offer(t, c.order)
			offered, err := in.Read(t.Context(), link)
			if c.own {
				offered, err = in.Discover(t.Context(), s.base, "diploma")
			}
			if err != nil {
				t.Fatal(err)
			}
			a, err := in.Authorize(t.Context(), s.wallet.Vault, offered, back)
			if err != nil {
				t.Fatal(err)
			}
			taken, err := in.Redeem(t.Context(), s.wallet.Vault, a, browse(t, a.URL))
			if err != nil {
				t.Fatal(err)
			}
			item := s.wallet.One(t, in, taken)
			after := s.seen(t)
			if after.PAR != before.PAR+1 || (after.DPoPNonces > before.DPoPNonces) != (c.order["dpop"] == "nonces") || (after.Attestations > before.Attestations) != (c.client.Provider != nil) {
				t.Errorf("the issuer saw %+v, and before %+v", after, before)
			}
			if n := len(after.Notifications); n != len(before.Notifications)+1 || after.Notifications[n-1] != "credential_accepted" {
				t.Errorf("notified: %v", after.Notifications)
			}

			taken, err = in.Renew(t.Context(), s.wallet.Vault, item.Source.Grant)
			if err != nil {
				t.Fatal("renewing:", err)
			}
			renewed := s.wallet.One(t, in, taken)
			if bytes.Equal(renewed.Copies[0].Credential, item.Copies[0].Credential) || s.seen(t).Refreshed != after.Refreshed+1 {
				t.Errorf("renewed: %+v", s.seen(t))
			}
		})
	}
}
