package csc_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/csc"
	"github.com/zegel-id/zegel/seal/csc/csctest"
)

// Wrong values are sent once; with other one-time values once more, because the
// provider does not say which were wrong; with another PIN at once.
func TestWrongPIN(t *testing.T) {
	const wrong = "11111111"
	var mu sync.Mutex
	values := map[string]string{"PIN": wrong, "OTP": csctest.OTP}
	set := func(id, v string) { mu.Lock(); defer mu.Unlock(); values[id] = v }
	secret := func(id string) csc.Secret {
		return func(context.Context) (string, error) { mu.Lock(); defer mu.Unlock(); return values[id], nil }
	}
	p := provider(t)
	p.opts.Authorizer = &csc.Explicit{Secrets: map[string]csc.Secret{"PIN": secret("PIN"), "OTP": secret("OTP")}}
	s := p.signer(t)
	for _, step := range []struct {
		id, value string
		asked     int
		fails     bool
	}{
		{"PIN", wrong, 1, true}, {"PIN", wrong, 1, true}, {"OTP", "5", 2, true}, {"OTP", "6", 2, true},
		{"PIN", csctest.PIN, 3, true}, {"PIN", csctest.PIN, 3, true}, {"OTP", csctest.OTP, 4, false},
		{"OTP", "7", 5, true}, {"OTP", csctest.OTP, 6, false},
	} {
		set(step.id, step.value)
		_, err := s.Sign(nil, digest("text"), crypto.SHA256)
		asked := p.server.Count("credentials/authorize")
		if (err != nil) != step.fails || step.fails && !errors.Is(err, csc.ErrRefused) || asked != step.asked {
			t.Fatalf("%+v: %v, asked %d times", step, err, asked)
		}
		silent(t, err)
		if err != nil && strings.Contains(err.Error(), wrong) {
			t.Errorf("the error holds the PIN: %v", err)
		}
	}
	t.Run("nothing to answer with", func(t *testing.T) {
		p.opts.Authorizer = &csc.Explicit{Secrets: map[string]csc.Secret{"PIN": known(csctest.PIN)}}
		_, err := p.signer(t).Sign(nil, digest("text"), crypto.SHA256)
		if !errors.Is(err, csc.ErrConfig) || !strings.Contains(err.Error(), `"OTP"`) {
			t.Error(err)
		}
	})
	t.Run("one of two is enough", func(t *testing.T) {
		p := provider(t)
		p.server.Say("auth.expression", "PIN OR OTP")
		p.opts.Authorizer = &csc.Explicit{Secrets: map[string]csc.Secret{"PIN": known(csctest.PIN)}}
		_, err := p.signer(t).Sign(nil, digest("text"), crypto.SHA256)
		if !errors.Is(err, csc.ErrRefused) || !strings.Contains(p.server.Request("credentials/authorize"), `"authData":[{"id":"PIN"`) {
			t.Error(err, p.server.Request("credentials/authorize")) // the double wants both
		}
		p.opts.Authorizer = &csc.Explicit{}
		if _, err := p.signer(t).Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrConfig) {
			t.Error(err)
		}
	})
	t.Run("out of band after all", func(t *testing.T) {
		p := provider(t)
		s := p.signer(t)
		p.server.Next("credentials/authorize", status(202, `{"handle":"1"}`))
		if _, err := s.Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrCredential) || !strings.Contains(err.Error(), "out of band") {
			t.Error(err)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		p.opts.Authorizer = &csc.Explicit{Secrets: map[string]csc.Secret{"PIN": known(csctest.PIN), "OTP": func(context.Context) (string, error) { return "", errors.New("no device") }}}
		if _, err := p.signer(t).Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrConfig) {
			t.Error(err)
		}
	})
}

// However many batches are under way at once, a wrong PIN is tried once.
func TestWrongPINInParallel(t *testing.T) {
	bubble(t, func(t *testing.T, p *setup) {
		p.opts.Authorizer = &csc.Explicit{Secrets: map[string]csc.Secret{"PIN": known("1"), "OTP": known(csctest.OTP)}}
		p.opts.Parallel, p.opts.Batch = 5, 1
		s := p.signer(t)
		defer func() { _ = s.Close() }()
		slow := func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			status(400, `{"error":"invalid_authentication_data"}`)(w, nil)
		}
		p.server.Next("credentials/authorize", slow, slow, slow, slow, slow)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := s.Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrRefused) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := p.server.Count("credentials/authorize"); n != 1 {
			t.Errorf("tried %d times", n)
		}
	})
}

// An expression lets one choose by its words, not by what its names hold.
func TestExpression(t *testing.T) {
	p := provider(t)
	p.server.Say("auth.expression", "FACTOR AND(PIN)")
	p.opts.Authorizer = &csc.Explicit{Secrets: map[string]csc.Secret{"PIN": known(csctest.PIN)}}
	if _, err := p.signer(t).Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrConfig) {
		t.Error(err)
	}
}

// An authorization that has run out is not used.
func TestAuthorizationRunsOut(t *testing.T) {
	p := provider(t)
	var mu sync.Mutex
	at := now
	p.config.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
	s := p.signer(t)
	p.server.Next("credentials/authorize", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		at = at.Add(3 * time.Second)
		mu.Unlock()
		status(200, `{"SAD":"a","expiresIn":2}`)(w, r)
	})
	if _, err := s.Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrAway) || p.server.Count("signatures/signHash") != 0 {
		t.Error(err)
	}
	signs(t, s, "text")
}

// A service token is kept until shortly before its end.
func TestServiceTokenRunsOut(t *testing.T) {
	at := now
	p := provider(t)
	tokens := p.config.Service.(*csc.ClientCredentials)
	tokens.Now = func() time.Time { return at }
	for _, step := range []struct {
		pass time.Duration
		got  int
	}{{0, 1}, {time.Hour - 31*time.Second, 1}, {time.Second, 2}, {time.Minute, 2}} {
		at = at.Add(step.pass)
		if _, err := tokens.Token(t.Context(), ""); err != nil || p.server.Count("oauth2/token") != step.got {
			t.Errorf("after %s: %d tokens, %v", step.pass, p.server.Count("oauth2/token"), err)
		}
	}
}

// What the provider redirects to must be the answer to our request.
func TestRedirectRefused(t *testing.T) {
	for name, c := range map[string]struct {
		bend func(url.Values, *string)
		err  error
	}{
		"other state":   {func(v url.Values, _ *string) { v.Set("state", "x") }, csc.ErrProtocol},
		"no state":      {func(v url.Values, _ *string) { v.Del("state") }, csc.ErrProtocol},
		"two states":    {func(v url.Values, _ *string) { v.Add("state", v.Get("state")) }, csc.ErrProtocol},
		"other issuer":  {func(v url.Values, _ *string) { v.Set("iss", "https://other.example") }, csc.ErrProtocol},
		"no issuer":     {func(v url.Values, _ *string) { v.Del("iss") }, csc.ErrProtocol},
		"no code":       {func(v url.Values, _ *string) { v.Del("code") }, csc.ErrProtocol},
		"two codes":     {func(v url.Values, _ *string) { v.Add("code", "x") }, csc.ErrProtocol},
		"other code":    {func(v url.Values, _ *string) { v.Set("code", "x") }, csc.ErrRefused},
		"error":         {func(v url.Values, _ *string) { v.Set("error", "access_denied") }, csc.ErrRefused},
		"other address": {func(_ url.Values, at *string) { *at = "https://other.example" }, csc.ErrProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			p := provider(t, func(o *csctest.Options) { o.Mode = "oauth2code" })
			o := p.oauth()
			o.SignIn = func(ctx context.Context, address string) (string, error) {
				back, err := p.server.SignIn(ctx, address)
				at, query, _ := strings.Cut(back, "?")
				v, _ := url.ParseQuery(query)
				c.bend(v, &at)
				return at + "?" + v.Encode(), err
			}
			p.opts.Authorizer = o
			_, err := p.signer(t).Sign(nil, digest("text"), crypto.SHA256)
			if !errors.Is(err, c.err) || p.server.Count("signatures/signHash") != 0 {
				t.Error(err)
			}
			silent(t, err)
		})
	}
	for name, body := range map[string]string{
		"of another credential": `{"access_token":"a","token_type":"Bearer","credentialID":"other"}`,
		"of another type":       `{"access_token":"a","token_type":"DPoP"}`,
		"empty":                 `{"token_type":"Bearer"}`,
	} {
		t.Run("token "+name, func(t *testing.T) {
			p := provider(t, func(o *csctest.Options) { o.Mode = "oauth2code" })
			p.opts.Authorizer = p.oauth()
			s := p.signer(t)
			p.server.Next("oauth2/token", status(200, body))
			_, err := s.Sign(nil, digest("text"), crypto.SHA256)
			if !errors.Is(err, csc.ErrProtocol) || p.server.Count("signatures/signHash") != 0 {
				t.Error(err)
			}
		})
	}
	t.Run("sign-in fails", func(t *testing.T) {
		p := provider(t, func(o *csctest.Options) { o.Mode = "oauth2code" })
		o := p.oauth()
		o.SignIn = func(context.Context, string) (string, error) { return "", fmt.Errorf("nobody there") }
		p.opts.Authorizer = o
		if _, err := p.signer(t).Sign(nil, digest("text"), crypto.SHA256); !errors.Is(err, csc.ErrAway) {
			t.Error(err)
		}
	})
}
