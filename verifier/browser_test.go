package verifier_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

const origin = "https://www.university.example"

func browserOrder(b verifier.Browser) verifier.Order {
	return verifier.Order{Query: []byte(query), Purpose: world.Use, Flow: verifier.DigitalCredentials, Browser: &b}
}

// called reads a request as a wallet does that a browser called.
func called(t *testing.T, w *world.World, d *verifier.DigitalCredential, from string) (world.Asked, error) {
	t.Helper()
	data, err := jose.Marshal(d.Data)
	if err != nil {
		t.Fatal(err)
	}
	prefixes := []oid4vp.Prefix{oid4vp.PrefixX509Hash, oid4vp.PrefixOrigin}
	v, err := oid4vp.VerifyDC(t.Context(), d.Protocol, data, oid4vp.Verification{Origin: from, Prefixes: prefixes, Modes: []string{oid4vp.ModeDCAPI, oid4vp.ModeDCAPIJWT}, Chain: world.Anchored{W: w}, Now: w.Now()})
	return world.Asked{Verified: v, W: w}, err
}

// brought makes what the browser gives the page.
func brought(t *testing.T, a world.Asked, h world.Held, change ...func(*world.Binding)) []byte {
	t.Helper()
	r := oid4vp.Response{VPToken: oid4vp.VPToken{"diploma": oid4vp.Presentations(a.Present(h, a.Paths(), append([]func(*world.Binding){func(b *world.Binding) { b.Audience = a.PresentTo() }}, change...)...))}}
	out := oid4vp.DCResponse{VPToken: r.VPToken}
	if a.ResponseMode == oid4vp.ModeDCAPIJWT {
		form, err := r.Encrypt(a.ClientMetadata)
		if err != nil {
			t.Fatal(err)
		}
		out = oid4vp.DCResponse{Response: form.Get("response")}
	}
	b, err := jose.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// OpenID4VP 1.0, Appendix A: each protocol and mode, to the result.
func TestDigitalCredentials(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	for _, protocol := range []string{"", oid4vp.ProtocolMultiSigned, oid4vp.ProtocolUnsigned} {
		for _, mode := range []string{"", oid4vp.ModeDCAPI} {
			s := start(t, w, browserOrder(verifier.Browser{Origin: origin, Protocol: protocol, Mode: mode}))
			if s.Link != "" || s.RequestURI != "" || s.Browser == nil {
				t.Fatalf("%+v", s)
			}
			asked, err := called(t, w, s.Browser, origin)
			if err != nil {
				t.Fatalf("%s %s: %v", protocol, mode, err)
			}
			if want := oid4vp.ModeDCAPIJWT; mode == "" && asked.ResponseMode != want || asked.State != "" || asked.ResponseURI != "" {
				t.Errorf("%+v", asked.Request)
			}
			if asked.PresentTo() != "origin:"+origin {
				t.Errorf("audience %s", asked.PresentTo())
			}
			state(t, w, s, verifier.StateRequested)
			err = w.Verifier.RespondBrowser(t.Context(), s.ID.Reveal(), world.University, verifier.BrowserResponse{Origin: origin, Protocol: s.Browser.Protocol, Data: brought(t, asked, h)})
			if err != nil {
				t.Fatalf("%s %s: %v", protocol, mode, err)
			}
			if r := result(t, w, s, ""); !r.Verified || !strings.Contains(string(r.Presentations[0].Claims), "CANARY-TITLE") {
				t.Errorf("%s %s: %+v", protocol, mode, r)
			}
		}
	}
}

// A signed request that another site sends on is found out by the wallet, and
// an answer for another site by the verifier (Appendix A.2 and A.4).
func TestDigitalCredentialsOrigin(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	const evil = "https://evil.example"
	for _, protocol := range []string{oid4vp.ProtocolSigned, oid4vp.ProtocolMultiSigned} {
		s := start(t, w, browserOrder(verifier.Browser{Origin: origin, Protocol: protocol}))
		if _, err := called(t, w, s.Browser, evil); err == nil {
			t.Errorf("%s was taken from another origin", protocol)
		}
	}
	// A presentation that is for the client of the signed request, as in the other
	// flows, is for another (Appendix A.4).
	signed := start(t, w, browserOrder(verifier.Browser{Origin: origin}))
	asked, err := called(t, w, signed.Browser, origin)
	if err != nil {
		t.Fatal(err)
	}
	wrong := brought(t, asked, h, func(b *world.Binding) { b.Audience = asked.ClientID })
	if err := w.Verifier.RespondBrowser(t.Context(), signed.ID.Reveal(), world.University, verifier.BrowserResponse{Origin: origin, Protocol: signed.Browser.Protocol, Data: wrong}); !errors.Is(err, verifier.ErrNotVerified) {
		t.Errorf("%v", err)
	}
	// Nobody signed this one: the wallet binds its answer to where it came from.
	s := start(t, w, browserOrder(verifier.Browser{Origin: origin, Protocol: oid4vp.ProtocolUnsigned}))
	if asked, err = called(t, w, s.Browser, evil); err != nil {
		t.Fatal(err)
	}
	err = w.Verifier.RespondBrowser(t.Context(), s.ID.Reveal(), world.University, verifier.BrowserResponse{Origin: origin, Protocol: s.Browser.Protocol, Data: brought(t, asked, h)})
	if !errors.Is(err, verifier.ErrNotVerified) {
		t.Errorf("%v", err)
	}
	if r := result(t, w, s, ""); r.Verified || !slices.Contains(r.Checks.Failures(), credential.CheckReplay) {
		t.Errorf("%+v", r)
	}
}

func TestDigitalCredentialsRefused(t *testing.T) {
	w := world.New(t)
	h := w.Issue()
	for name, change := range map[string]func(*verifier.Order){
		"no browser":             func(o *verifier.Order) { o.Browser = nil },
		"browser in another":     func(o *verifier.Order) { o.Flow = verifier.CrossDevice },
		"redirect_uri":           func(o *verifier.Order) { o.RedirectURI = world.Redirect },
		"no origin":              func(o *verifier.Order) { o.Browser.Origin = "" },
		"an origin with a path":  func(o *verifier.Order) { o.Browser.Origin += "/" },
		"an origin with a query": func(o *verifier.Order) { o.Browser.Origin += "?" },
		"plain http":             func(o *verifier.Order) { o.Browser.Origin = "http://www.university.example" },
		"a host of others":       func(o *verifier.Order) { o.Browser.Origin = "https://evil.example" },
		"no origin but words":    func(o *verifier.Order) { o.Browser.Origin = "www.university.example" },
		"unknown protocol":       func(o *verifier.Order) { o.Browser.Protocol = "openid4vp" },
		"mode of another flow":   func(o *verifier.Order) { o.Browser.Mode = oid4vp.ModeDirectPostJWT },
	} {
		o := browserOrder(verifier.Browser{Origin: origin})
		change(&o)
		if _, err := w.Verifier.Start(t.Context(), world.University, o); !errors.Is(err, verifier.ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}

	s := start(t, w, browserOrder(verifier.Browser{Origin: origin}))
	asked, err := called(t, w, s.Browser, origin)
	if err != nil {
		t.Fatal(err)
	}
	good := verifier.BrowserResponse{Origin: origin, Protocol: s.Browser.Protocol, Data: brought(t, asked, h)}
	respond := func(id, receiver string, change func(*verifier.BrowserResponse)) error {
		in := good
		if change != nil {
			change(&in)
		}
		return w.Verifier.RespondBrowser(t.Context(), id, receiver, in)
	}
	clear, err := json.Marshal(map[string]any{"vp_token": map[string]any{"diploma": []string{asked.Present(h, asked.Paths())}}})
	if err != nil {
		t.Fatal(err)
	}
	other := start(t, w, browserOrder(verifier.Browser{Origin: origin}))
	device := start(t, w, order(query, verifier.CrossDevice))
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"another receiver":    {respond(s.ID.Reveal(), world.Employer, nil), verifier.ErrNotFound},
		"no transaction":      {respond("x", world.University, nil), verifier.ErrNotFound},
		"another flow":        {respond(device.ID.Reveal(), world.University, nil), verifier.ErrRequest},
		"another transaction": {respond(other.ID.Reveal(), world.University, nil), verifier.ErrResponse}, // its key does not open it
		"another origin":      {respond(s.ID.Reveal(), world.University, func(b *verifier.BrowserResponse) { b.Origin = "https://evil.example" }), verifier.ErrResponse},
		"another protocol":    {respond(s.ID.Reveal(), world.University, func(b *verifier.BrowserResponse) { b.Protocol = oid4vp.ProtocolUnsigned }), verifier.ErrResponse},
		"in clear":            {respond(s.ID.Reveal(), world.University, func(b *verifier.BrowserResponse) { b.Data = clear }), verifier.ErrResponse},
		"no JSON":             {respond(s.ID.Reveal(), world.University, func(b *verifier.BrowserResponse) { b.Data = []byte("x") }), verifier.ErrResponse},
		"error and answer":    {respond(s.ID.Reveal(), world.University, func(b *verifier.BrowserResponse) { b.Data = []byte(`{"error":"access_denied","response":"x"}`) }), verifier.ErrResponse},
		"no error code":       {respond(s.ID.Reveal(), world.University, func(b *verifier.BrowserResponse) { b.Data = []byte(`{"error":"no \" code"}`) }), verifier.ErrResponse},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, expected %v", name, c.err, c.want)
		}
	}
	// None of it used the transaction up; of many who bring the answer one is taken.
	var taken atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			switch err := respond(s.ID.Reveal(), world.University, nil); {
			case err == nil:
				taken.Add(1)
			case !errors.Is(err, verifier.ErrSpent):
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	if taken.Load() != 1 {
		t.Errorf("%d were taken", taken.Load())
	}
	if r := result(t, w, s, ""); !r.Verified {
		t.Errorf("%+v", r)
	}

	// A wallet's refusal, and a transaction that is over.
	err = w.Verifier.RespondBrowser(t.Context(), other.ID.Reveal(), world.University, verifier.BrowserResponse{Origin: origin, Protocol: other.Browser.Protocol, Data: []byte(`{"error":"access_denied"}`)})
	if r := result(t, w, other, ""); err != nil || r.State != verifier.StateRefused || r.WalletError != oid4vp.AccessDenied {
		t.Errorf("%v %+v", err, r)
	}
	late := start(t, w, browserOrder(verifier.Browser{Origin: origin}))
	w.Advance(time.Hour)
	if err := respond(late.ID.Reveal(), world.University, nil); !errors.Is(err, verifier.ErrExpired) {
		t.Errorf("%v", err)
	}
}
