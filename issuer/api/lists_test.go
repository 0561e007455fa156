package api_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
)

// jwsList secures and verifies a list as a JWS: as much of vc+jwt as the edge
// needs.
type jwsList struct {
	key    *ecdsa.PrivateKey
	issuer string
}

func (s jwsList) Secure(_ context.Context, document []byte) ([]byte, error) {
	text, err := jose.SignCompact(s.key, map[string]any{"alg": "ES256", "typ": "vc+jwt"}, document)
	return []byte(text), err
}

func (s jwsList) VerifyList(_ context.Context, b []byte) ([]byte, status.ListSigner, error) {
	t, err := jose.Parse(string(b))
	if err != nil {
		return nil, status.ListSigner{}, err
	}
	return t.Payload, status.ListSigner{Issuer: s.issuer}, t.Verify(s.key.Public())
}

// fetcher fetches from the running issuer and keeps what the last answer was.
type fetcher struct {
	w    *world
	last answer
}

func (f *fetcher) Fetch(_ context.Context, url, accept string) ([]byte, time.Duration, error) {
	f.last = f.w.send("GET", url, map[string]string{"Accept": accept}, "")
	if f.last.status != http.StatusOK {
		f.w.Errorf("%s: %d %s", url, f.last.status, f.last.body)
	}
	return f.last.body, 0, nil
}

// One status, set over the issuance API, is in every kind of list.
func TestStatusInEveryList(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secure := jwsList{key: key, issuer: "https://issuer.example"}
	w := start(t, func(w *world) {
		w.bitstring = &status.BitstringOptions{Issuer: secure.issuer, Securer: secure, MediaType: "application/vc+jwt"}
	})
	token, ids := w.redeem(w.offer("OVO000001"))
	res, copies := w.obtain(token, ids[0], 1)
	raw, err := jose.Marshal(payload(t, copies[0])["status"])
	if err != nil {
		t.Fatal(err)
	}
	ref, err := status.ParseClaim(raw)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := w.statuses.Entries(t.Context(), ref)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%+v, %v", entries, err)
	}
	for _, step := range []struct {
		change string
		want   status.Value
	}{{"suspend", status.Suspended}, {"reinstate", status.Valid}, {"suspend", status.Suspended}, {"revoke", status.Invalid}} {
		if a := w.as("OVO000001", "POST", "/issuance/v1/credentials/"+res.text("notification_id")+"/"+step.change, nil); a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", step.change, a.status, a.body)
		}
		if got := w.statusOf(copies[0]); got != step.want {
			t.Errorf("%s: the JWT says %v", step.change, got)
		}
		f := &fetcher{w: w}
		o := status.CheckerOptions{Now: w.clock.now, InsecureLoopback: true}
		c, err := status.NewChecker(f, o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.CheckCWT(t.Context(), ref, func(_ context.Context, m *cose.Sign1) (crypto.PublicKey, error) {
			chain, err := m.Certificates()
			if err != nil || !chain[0].Equal(w.hierarchy.Status.Certificate) {
				t.Errorf("the CWT has another certificate: %v", err)
			}
			return w.hierarchy.Status.Certificate.PublicKey, nil
		})
		if err != nil || got != step.want {
			t.Errorf("%s: the CWT says %v, %v", step.change, got, err)
		}
		if h := f.last.header; h.Get("Content-Type") != status.MediaTypeCWT || h.Get("Vary") != "Accept" || h.Get("ETag") == "" || h.Get("Cache-Control") != "public, max-age=300" {
			t.Errorf("%v", h)
		}
		b, err := status.NewBitstringChecker(f, secure, status.BitstringCheckerOptions{CheckerOptions: o})
		if err != nil {
			t.Fatal(err)
		}
		standing, err := b.Check(t.Context(), entries, status.SameIssuer(secure.issuer))
		if err != nil || standing.Value != step.want {
			t.Errorf("%s: the bitstrings say %+v, %v", step.change, standing, err)
		}
		if h := f.last.header; h.Get("Content-Type") != "application/vc+jwt" || h.Get("ETag") == "" || h.Get("Cache-Control") != "public, max-age=300" || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%v", h)
		}
	}
	first := w.send("GET", entries[0].List, nil, "")
	if again := w.send("GET", entries[0].List, map[string]string{"If-None-Match": first.header.Get("ETag")}, ""); again.status != http.StatusNotModified || len(again.body) > 0 {
		t.Errorf("unchanged list: %d, %d bytes", again.status, len(again.body))
	}
	for _, path := range []string{"/message", "/refresh", "/", "/nothing"} { // none of this list
		if a := w.send("GET", ref.URI+path, nil, ""); a.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	for accept, want := range map[string]string{
		"": status.MediaType, "*/*": status.MediaType, status.MediaTypeCWT: status.MediaTypeCWT,
		status.MediaTypeCWT + ";q=0.5, " + status.MediaType: status.MediaType, status.MediaType + ";q=0.5, " + status.MediaTypeCWT: status.MediaTypeCWT,
	} {
		if a := w.send("GET", ref.URI, map[string]string{"Accept": accept}, ""); a.header.Get("Content-Type") != want {
			t.Errorf("Accept %q: %s", accept, a.header.Get("Content-Type"))
		}
	}
	// Without a Securer there are no such addresses.
	plain := start(t)
	_, copies = plain.obtain(plainToken(plain))
	list := payload(t, copies[0])["status"].(map[string]any)["status_list"].(map[string]any)["uri"].(string)
	if a := plain.send("GET", list+"/revocation", nil, ""); a.status != http.StatusNotFound {
		t.Errorf("%d", a.status)
	}
}

// plainToken is a token, the first dataset of an offer, and one copy.
func plainToken(w *world) (token, id string, copies int) {
	token, ids := w.redeem(w.offer("OVO000001"))
	return token, ids[0], 1
}
