package holder_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

func proofOf(key *ecdsa.PrivateKey, at time.Time) oauth.Proof {
	return oauth.Proof{Thumbprint: jose.Thumbprint(key.Public()), JTI: rand.Text(), IssuedAt: at, Text: "a.proof." + rand.Text()}
}

// StartSessionFor signs the citizen in.
func (w *world) StartSessionFor(t *testing.T, u *unit) (holder.NewSession, error) {
	t.Helper()
	verifier := oauth.NewVerifier()
	code, err := w.SignedIn(t.Context(), u.r.Citizen, oauth.Challenge(verifier))
	if err != nil {
		t.Fatal(err)
	}
	return w.StartSession(t.Context(), code.Reveal(), verifier, proofOf(u.did, w.clock.Now()))
}

func TestSession(t *testing.T) {
	w := newWorld(t)
	ctx, u := t.Context(), w.citizen(rrn)
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	verifier := oauth.NewVerifier()
	code, err := w.SignedIn(ctx, u.r.Citizen, oauth.Challenge(verifier))
	if err != nil {
		t.Fatal(err)
	}
	p := proofOf(key, w.clock.Now())
	for name, c := range map[string][2]string{
		"other code": {capsule.NewSecret().Reveal(), verifier}, "no code": {"", verifier}, "other verifier": {code.Reveal(), oauth.NewVerifier()}, "no verifier": {code.Reveal(), ""},
	} {
		if _, err := w.StartSession(ctx, c[0], c[1], p); !errors.Is(err, holder.ErrSessionCode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A code is used once, by whoever is first.
	sessions, errs := make([]holder.NewSession, 16), make([]error, 16)
	run(16, func(n int) {
		sessions[n], errs[n] = w.StartSession(ctx, code.Reveal(), verifier, proofOf(key, w.clock.Now()))
	})
	won := -1
	for n, err := range errs {
		switch {
		case err == nil && won < 0:
			won = n
		case !errors.Is(err, holder.ErrSessionCode):
			t.Errorf("%d: %v", n, err)
		}
	}
	if won < 0 {
		t.Fatal("nobody won")
	}
	token := sessions[won].AccessToken
	s, err := w.Session(ctx, token)
	if err != nil || s.Citizen != u.r.Citizen || s.Thumbprint != p.Thumbprint {
		t.Fatalf("%+v %v", s, err)
	}
	if text := fmt.Sprintf("%v %+v %#v", s.Citizen, s.Citizen, s.Citizen); !strings.Contains(text, "[citizen]") || len(text) > 40 {
		t.Error("a citizen's key is printed:", text)
	}
	id, _, _ := strings.Cut(token, ".")
	for name, bad := range map[string]string{"nothing": "", "no identifier": "\xff" + token[1:], "id only": id, "other secret": id + "." + capsule.NewSecret().Reveal(), "other id": capsule.NewSecret().Reveal() + token[43:]} {
		if _, err := w.Session(ctx, bad); !errors.Is(err, holder.ErrSession) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A proof is used once.
	if err := w.ConsumeProof(ctx, p); err != nil {
		t.Fatal(err)
	}
	if err := w.ConsumeProof(ctx, p); !errors.Is(err, holder.ErrReplay) {
		t.Error(err)
	}
	// Ended, the session is over, and its code stays used.
	if err := w.EndSessions(ctx, u.r.Citizen); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Session(ctx, token); !errors.Is(err, holder.ErrSession) {
		t.Error(err)
	}
	if _, err := w.StartSession(ctx, code.Reveal(), verifier, p); !errors.Is(err, holder.ErrSessionCode) {
		t.Error("a code came to life again:", err)
	}
	// A code waits a minute, a session lives ten.
	late, _ := w.SignedIn(ctx, u.r.Citizen, oauth.Challenge(verifier))
	w.clock.add(61 * time.Second)
	if _, err := w.StartSession(ctx, late.Reveal(), verifier, p); !errors.Is(err, holder.ErrSessionCode) {
		t.Error(err)
	}
	last, err := w.StartSessionFor(t, u)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.add(holder.SessionLife)
	if _, err := w.Session(ctx, last.AccessToken); !errors.Is(err, holder.ErrSession) {
		t.Error(err)
	}
}

// A login without a vault says nothing of the citizen, and makes no vault.
func TestLoginIsLogged(t *testing.T) {
	w := newWorld(t)
	u := w.citizen(rrn)
	subjects := func() (out []string) {
		for e, err := range w.log.List(audit.Filter{Kinds: []audit.Kind{audit.Login}}) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(e.Subject)+"|"+e.Actor.ID)
		}
		return out
	}
	for range 2 {
		if _, err := w.StartSessionFor(t, u); err != nil {
			t.Fatal(err)
		}
	}
	if s := subjects(); len(s) != 2 || s[0] == s[1] || s[0][0] != '|' {
		t.Errorf("logins without a vault can be linked: %v", s)
	}
	if _, err := w.Vault(t.Context(), u.r); !errors.Is(err, holder.ErrNoVault) {
		t.Error("signing in made a vault:", err)
	}
	i := u.activate()
	if _, err := w.StartSessionFor(t, u); err != nil {
		t.Fatal(err)
	}
	if s := subjects(); s[2] != i.Vault+"|"+i.Vault {
		t.Errorf("%v", s)
	}
	// Deletion ends the sessions.
	s, err := w.StartSessionFor(t, u)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Delete(t.Context(), u.r); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Session(t.Context(), s.AccessToken); !errors.Is(err, holder.ErrSession) {
		t.Error(err)
	}
}
