package authz

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/protocol/oauth"
)

const callback = "https://wallet.example/callback"

func newCode(t *testing.T, s *Server, verifier string, to Party) string {
	t.Helper()
	code, _, err := s.NewCode(t.Context(), Code{
		Payload: []byte("CANARY diploma"), RedirectURI: callback, Challenge: oauth.Challenge(verifier), To: to, Life: time.Minute, Tags: []string{"offer:1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return code.Reveal()
}

func renewing(s *Server) {
	s.RefreshLife = 90 * 24 * time.Hour
	s.Renewable = func(p []byte) ([]byte, error) { return append([]byte("kept "), p...), nil }
	s.Renewed = func(k []byte) ([]byte, error) { return []byte(strings.TrimPrefix(string(k), "kept ") + " again"), nil }
}

// RFC 6749, Section 4.1.2: of parallel redemptions one wins, and that there were
// others ends what it got, because one of them was not the client.
func TestCodeOnce(t *testing.T) {
	s, _, _ := open(t)
	renewing(s)
	by := Party{Client: "w", JKT: "k"}
	verifier := oauth.NewVerifier()
	code := newCode(t, s, verifier, by)
	var wg sync.WaitGroup
	var won atomic.Int32
	var got atomic.Value
	for range 16 {
		wg.Go(func() {
			g, err := s.RedeemCode(context.Background(), CodeRedemption{Code: code, RedirectURI: callback, Verifier: verifier, By: by})
			if err == nil {
				won.Add(1)
				got.Store(g)
				return
			}
			wantCode(t, err, CodeInvalidGrant)
		})
	}
	wg.Wait()
	if won.Load() != 1 {
		t.Fatalf("%d winners", won.Load())
	}
	g := got.Load().(Granted)
	_, err := s.Authorize(t.Context(), g.AccessToken.Reveal(), by)
	wantCode(t, err, CodeInvalidToken)
	_, err = s.Refresh(t.Context(), g.RefreshToken.Reveal(), by)
	wantCode(t, err, CodeInvalidGrant)
}

// A code is for what it was given for. Who guesses does not use it up.
func TestCodeRefused(t *testing.T) {
	s, c, _ := open(t)
	by := Party{Client: "w", JKT: "k", Instance: "i"}
	verifier := oauth.NewVerifier()
	code := newCode(t, s, verifier, by)
	right := CodeRedemption{Code: code, RedirectURI: callback, Verifier: verifier, By: by}
	denied := errors.New("no")
	for name, change := range map[string]func(*CodeRedemption){
		"another client":       func(r *CodeRedemption) { r.By.Client = "v" },
		"another key":          func(r *CodeRedemption) { r.By.JKT = "l" },
		"no key":               func(r *CodeRedemption) { r.By.JKT = "" },
		"another instance":     func(r *CodeRedemption) { r.By.Instance = "j" },
		"no instance":          func(r *CodeRedemption) { r.By.Instance = "" },
		"another redirect_uri": func(r *CodeRedemption) { r.RedirectURI += "/" },
		"another verifier":     func(r *CodeRedemption) { r.Verifier = oauth.NewVerifier() },
		"the challenge":        func(r *CodeRedemption) { r.Verifier = oauth.Challenge(verifier) },
		"another code":         func(r *CodeRedemption) { r.Code = capsule.NewSecret().Reveal() },
		"no code":              func(r *CodeRedemption) { r.Code = "" },
	} {
		r := right
		change(&r)
		if _, err := s.RedeemCode(t.Context(), r); err == nil {
			t.Errorf("%s was accepted", name)
		} else {
			wantCode(t, err, CodeInvalidGrant)
		}
	}
	unwanted := right
	unwanted.Check = func([]byte) error { return denied }
	if _, err := s.RedeemCode(t.Context(), unwanted); !errors.Is(err, denied) {
		t.Errorf("%v", err)
	}
	late := newCode(t, s, verifier, by)
	if _, err := s.RedeemCode(t.Context(), right); err != nil {
		t.Errorf("after all that: %v", err)
	}
	c.advance(time.Minute)
	right.Code = late
	_, err := s.RedeemCode(t.Context(), right)
	wantCode(t, err, CodeInvalidGrant)
}

// A code that was not bound is bound by who redeems it; a client that proves no
// key gets a bearer token of five minutes and nothing to renew it with.
func TestLives(t *testing.T) {
	s, c, _ := open(t)
	renewing(s)
	s.TokenLife = time.Hour
	for name, x := range map[string]struct {
		by      Party
		life    time.Duration
		refresh bool
	}{
		"bearer":      {Party{Client: "w"}, 5 * time.Minute, false},
		"key":         {Party{Client: "w", JKT: "k"}, time.Hour, true},
		"certificate": {Party{Client: "w", X5T: "x"}, time.Hour, true},
		"instance":    {Party{Client: "w", Instance: "i"}, 5 * time.Minute, true},
	} {
		verifier := oauth.NewVerifier()
		g, err := s.RedeemCode(t.Context(), CodeRedemption{
			Code: newCode(t, s, verifier, Party{Client: "w", Instance: x.by.Instance}), RedirectURI: callback, Verifier: verifier, By: x.by,
		})
		if err != nil {
			t.Fatal(name, err)
		}
		if g.ExpiresIn != x.life || (g.RefreshToken.Reveal() != "") != x.refresh {
			t.Errorf("%s: %s, refresh %v", name, g.ExpiresIn, g.RefreshToken.Reveal() != "")
		}
		if _, err := s.Authorize(t.Context(), g.AccessToken.Reveal(), x.by); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for wrong, by := range map[string]Party{"another key": {JKT: "l", X5T: x.by.X5T}, "another certificate": {JKT: x.by.JKT, X5T: "y"}, "nothing": {}} {
			_, err := s.Authorize(t.Context(), g.AccessToken.Reveal(), by)
			if harmless := x.by.X5T == "" && x.by.JKT == by.JKT; harmless != (err == nil) {
				t.Errorf("%s, %s: %v", name, wrong, err)
			}
		}
	}
	// After an hour nothing opens any more, and Sweep empties what is left but
	// not what can be renewed.
	c.advance(time.Hour)
	if n, err := s.Sweep(t.Context()); n != 4 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
}

// A refresh token is for the client, its key, certificate and instance, and
// only one of the access tokens works (RFC 9449, Section 5; attestation-based
// client authentication, Section 9.3).
func TestRefresh(t *testing.T) {
	s, c, dir := open(t)
	renewing(s)
	by := Party{Client: "w", JKT: "k", X5T: "x", Instance: "i"}
	verifier := oauth.NewVerifier()
	first, err := s.RedeemCode(t.Context(), CodeRedemption{Code: newCode(t, s, verifier, by), RedirectURI: callback, Verifier: verifier, By: by})
	if err != nil {
		t.Fatal(err)
	}
	refresh := first.RefreshToken.Reveal()
	for name, x := range map[string]Party{
		"client": {"v", "k", "x", "i"}, "key": {"w", "l", "x", "i"}, "certificate": {"w", "k", "y", "i"}, "instance": {"w", "k", "x", "j"}, "nothing": {},
	} {
		if _, err := s.Refresh(t.Context(), refresh, x); err == nil {
			t.Errorf("another %s was accepted", name)
		} else {
			wantCode(t, err, CodeInvalidGrant)
		}
	}
	id, _, _ := strings.Cut(refresh, ".")
	for name, token := range map[string]string{"access token": first.AccessToken.Reveal(), "other secret": id + "." + capsule.NewSecret().Reveal(), "nothing": ""} {
		if _, err := s.Refresh(t.Context(), token, by); err == nil {
			t.Errorf("%s was accepted", name)
		} else {
			wantCode(t, err, CodeInvalidGrant)
		}
	}
	_, err = s.Authorize(t.Context(), refresh, by)
	wantCode(t, err, CodeInvalidToken)
	c.advance(30 * 24 * time.Hour)
	second, err := s.Refresh(t.Context(), refresh, by)
	if err != nil || string(second.Grant.Payload) != "CANARY diploma again" || second.Grant.ID != first.Grant.ID || second.Grant.Tags[0] != "offer:1" {
		t.Fatalf("%+v %v", second, err)
	}
	third, err := s.Refresh(t.Context(), refresh, by)
	if err != nil {
		t.Fatal(err)
	}
	for n, g := range []Granted{first, second} {
		if _, err := s.Authorize(t.Context(), g.AccessToken.Reveal(), by); err == nil {
			t.Errorf("access token %d still works", n+1)
		}
	}
	if _, err := s.Authorize(t.Context(), third.AccessToken.Reveal(), by); err != nil {
		t.Error(err)
	}
	_, secret, _ := strings.Cut(refresh, ".")
	noFileHolds(t, dir, "CANARY", secret, third.AccessToken.Reveal())
	if err := s.Revoke(t.Context(), first.Grant.ID); err != nil {
		t.Fatal(err)
	}
	_, err = s.Refresh(t.Context(), refresh, by)
	wantCode(t, err, CodeInvalidGrant)
	_, err = s.Authorize(t.Context(), third.AccessToken.Reveal(), by)
	wantCode(t, err, CodeInvalidToken)
	if err := s.Revoke(t.Context(), first.Grant.ID); err != nil {
		t.Error("again:", err)
	}
}

func noFileHolds(t *testing.T, dir string, words ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, w := range words {
			if strings.Contains(string(b), w) {
				t.Errorf("%s holds a secret", filepath.Base(path))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Cancelling ends a code that waits, and the refresh token of one that was
// redeemed.
func TestCancelCode(t *testing.T) {
	s, _, _ := open(t)
	renewing(s)
	by := Party{Client: "w", JKT: "k"}
	verifier := oauth.NewVerifier()
	make := func() (capsule.Secret, Handle) {
		code, h, err := s.NewCode(t.Context(), Code{RedirectURI: callback, Challenge: oauth.Challenge(verifier), To: by, Life: time.Minute, Payload: []byte("p")})
		if err != nil {
			t.Fatal(err)
		}
		return code, h
	}
	redeem := func(code capsule.Secret) (Granted, error) {
		return s.RedeemCode(t.Context(), CodeRedemption{Code: code.Reveal(), RedirectURI: callback, Verifier: verifier, By: by})
	}
	code, h := make()
	if st, _ := s.State(t.Context(), h); st != StateOffered {
		t.Error(st)
	}
	if err := s.Cancel(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	_, err := redeem(code)
	wantCode(t, err, CodeInvalidGrant)
	code, h = make()
	g, err := redeem(code)
	if err != nil {
		t.Fatal(err)
	}
	if st, _ := s.State(t.Context(), h); st != StateRedeemed {
		t.Error(st)
	}
	if err := errors.Join(s.Cancel(t.Context(), h), s.Cancel(t.Context(), h)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Refresh(t.Context(), g.RefreshToken.Reveal(), by)
	wantCode(t, err, CodeInvalidGrant)
}

// An offer that the citizen must sign in for is no pre-authorized code, and of
// all codes that are made for it one is redeemed.
func TestSignInOffer(t *testing.T) {
	s, _, _ := open(t)
	state := capsule.NewSecret()
	if _, err := s.Create(t.Context(), Offer{Code: state, SignIn: true, Payload: []byte("p"), Expires: s.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Redeem(t.Context(), Redemption{Code: state.Reveal()})
	wantCode(t, err, CodeInvalidGrant)
	payload, grant, ok, err := s.SignedIn(t.Context(), state.Reveal())
	if err != nil || !ok || string(payload) != "p" {
		t.Fatalf("%s %v %v", payload, ok, err)
	}
	plain, _ := offer(t, s, TxCode{})
	for name, text := range map[string]string{"a pre-authorized code": plain.Reveal(), "an unknown one": capsule.NewSecret().Reveal(), "nothing": "", "nonsense": "x"} {
		if _, _, ok, err := s.SignedIn(t.Context(), text); ok || err != nil {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
	by, verifier := Party{Client: "w"}, oauth.NewVerifier()
	won := 0
	for range 2 {
		code, _, err := s.NewCode(t.Context(), Code{Payload: payload, RedirectURI: callback, Challenge: oauth.Challenge(verifier), To: by, Life: time.Minute, Grant: grant})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.RedeemCode(t.Context(), CodeRedemption{Code: code.Reveal(), RedirectURI: callback, Verifier: verifier, By: by}); err == nil {
			won++
		}
	}
	if won != 1 {
		t.Errorf("%d were redeemed", won)
	}
}
