package unit_test

import (
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/holder/unit"
)

// each runs do with its n-th request interrupted, for every n, before and
// after the request arrives, until do needs fewer requests.
func (p *platform) each(least int, do func(interrupted func(f func() error) error)) {
	p.t.Helper()
	for _, arrives := range []bool{false, true} {
		for n := 1; ; n++ {
			done := false
			do(func(f func() error) error {
				reached := p.interrupt(n, arrives)
				err := f()
				if done = !reached(); !done && !errors.Is(err, errLine) {
					p.t.Fatalf("request %d was interrupted (arrived: %v), and it says: %v", n, arrives, err)
				}
				if done && (err != nil || n <= least) {
					p.t.Fatalf("%d requests: %v", n-1, err)
				}
				return err
			})
			if done {
				break
			}
		}
	}
}

// Create is interrupted at each of its requests, and called again.
func TestCreateInterrupted(t *testing.T) {
	p := newPlatform(t)
	p.each(5, func(interrupted func(func() error) error) {
		s := p.signIn()
		var v *unit.Vault
		var code unit.RecoveryCode
		err := interrupted(func() (err error) { v, code, err = unit.Create(t.Context(), s); return err })
		if err != nil {
			s.Code = code
			var same unit.RecoveryCode
			if v, same, err = unit.Create(t.Context(), s); err != nil || same != code {
				t.Fatalf("called again: %v", err)
			}
		}
		other := p.usable(code)
		if !other.Keys.DID.Equal(v.Keys.DID) || !other.Keys.Vault.Equal(v.Keys.Vault) {
			t.Error("the keystore holds other keys")
		}
		wrong := must(unit.NewRecoveryCode(rand.Reader))(t)
		if _, err := unit.Open(t.Context(), s, wrong); !errors.Is(err, unit.ErrLocked) {
			t.Errorf("another recovery code: %v", err)
		}
		s.Code = wrong
		if _, _, err := unit.Create(t.Context(), s); !errors.Is(err, unit.ErrLocked) {
			t.Errorf("activated over a vault with another code: %v", err)
		}
		s.Code = unit.RecoveryCode{}
		var refused *unit.Refusal
		if _, _, err := unit.Create(t.Context(), s); !errors.As(err, &refused) || refused.Status != http.StatusConflict {
			t.Errorf("activated over a vault: %v", err)
		}
		p.usable(code) // nothing of this did any harm
		if err := v.Platform.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// Two devices activate at once: whoever wins, the keystore holds the keys that
// are published.
func TestCreateRace(t *testing.T) {
	p := newPlatform(t)
	for range 10 {
		var wg sync.WaitGroup
		type result struct {
			code unit.RecoveryCode
			err  error
		}
		setups := []unit.Setup{p.signIn(), p.signIn()}
		results := make([]result, len(setups))
		for i, s := range setups {
			wg.Go(func() {
				_, code, err := unit.Create(t.Context(), s)
				results[i] = result{code, err}
			})
		}
		wg.Wait()
		won := 0
		for _, r := range results {
			if r.err == nil {
				won++
				p.usable(r.code)
			}
		}
		if won > 1 {
			t.Errorf("%d devices have the vault", won)
		}
		if won == 0 {
			s := p.signIn()
			if _, code, err := unit.Create(t.Context(), s); err != nil {
				t.Fatal(err)
			} else {
				p.usable(code)
			}
		}
		if err := p.signIn().Platform.Delete(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// keys is how many DID keys were published.
func (p *platform) keys(v *unit.Vault) int {
	p.t.Helper()
	b, _, err := documents{p.net}.Fetch(p.t.Context(), did.DIDDocumentURL(v.Info.WebID), "application/did+json")
	if err != nil {
		p.t.Fatal(err)
	}
	n := 0
	for _, m := range must(did.ParseDocument(b))(p.t).VerificationMethod {
		if strings.Contains(m.ID, "#key-") {
			n++
		}
	}
	return n
}

// Rotate is interrupted at each of its requests, and taken up again by the
// same device or by another one that has only the recovery code.
func TestRotateInterrupted(t *testing.T) {
	p := newPlatform(t)
	for _, same := range []bool{true, false} {
		p.each(6, func(interrupted func(func() error) error) {
			s := p.signIn()
			v, code, err := unit.Create(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			old := v.Keys.DID
			p.time.Add(1)
			if err := interrupted(func() error { return s.Rotate(t.Context(), v) }); err != nil {
				if !same {
					s = p.signIn()
					v = must(unit.Open(t.Context(), s, code))(t)
				}
				p.time.Add(1)
				if err := s.Rotate(t.Context(), v); err != nil {
					t.Fatalf("called again: %v", err)
				}
			}
			if v.Keys.DID.Equal(old) || v.Keys.Next != nil {
				t.Error("the key is the old one")
			}
			// Another device cannot know that the very last answer was lost, and
			// rotates once more.
			if n := p.keys(v); n != 2 && (same || n != 3) {
				t.Errorf("%d keys were published", n)
			}
			other := p.usable(code)
			if !other.Keys.DID.Equal(v.Keys.DID) {
				t.Error("the keystore holds another key")
			}
			// The published key is in hand: it can sign the next rotation.
			before := p.keys(v)
			p.time.Add(1)
			if err := p.signIn().Rotate(t.Context(), other); err != nil || p.keys(v) != before+1 {
				t.Errorf("the next rotation: %v", err)
			}
			p.active(other)
			if err := p.signIn().Platform.Delete(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Another device rotates between any two requests of this one: no key is lost.
func TestRotateRace(t *testing.T) {
	p := newPlatform(t)
	_, code, err := unit.Create(t.Context(), p.signIn())
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 8; n++ {
		p.time.Add(1)
		first, second := p.signIn(), p.signIn()
		v, w := must(unit.Open(t.Context(), first, code))(t), must(unit.Open(t.Context(), second, code))(t)
		at := 0
		p.net.before = func(*http.Request) error {
			if at++; at != n {
				return nil
			}
			p.net.before = nil
			return second.Rotate(t.Context(), w)
		}
		err := first.Rotate(t.Context(), v)
		p.net.before = nil
		if err != nil {
			t.Errorf("request %d: %v", n, err)
		}
		if other := p.usable(code); !other.Keys.DID.Equal(v.Keys.DID) {
			t.Errorf("request %d: this device holds another key than the keystore", n)
		}
		before := p.keys(v)
		p.time.Add(1)
		last := p.signIn()
		x := must(unit.Open(t.Context(), last, code))(t)
		if err := last.Rotate(t.Context(), x); err != nil || p.keys(v) != before+1 {
			t.Fatalf("request %d: the published key is lost: %v", n, err)
		}
		p.active(x)
	}
}

func TestReactivate(t *testing.T) {
	p := newPlatform(t)
	s := p.signIn()
	v, code, err := unit.Create(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	var refused *unit.Refusal
	if err := s.Reactivate(t.Context(), v); !errors.As(err, &refused) {
		t.Errorf("an active vault was reactivated: %v", err)
	}
	p.time.Add(1)
	if err := s.Rotate(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	p.each(3, func(interrupted func(func() error) error) {
		p.time.Add(1)
		s := p.signIn()
		if err := s.Platform.Deactivate(t.Context()); err != nil {
			t.Fatal(err)
		}
		// Read, yes; anything else, no.
		w := must(unit.Open(t.Context(), s, code))(t)
		if _, err := w.Entries(t.Context()); err != nil {
			t.Error(err)
		}
		if err := w.Add(t.Context(), item(t, "x")); !errors.As(err, &refused) || refused.Status != http.StatusLocked {
			t.Errorf("%v", err)
		}
		if err := s.Rotate(t.Context(), w); err == nil {
			t.Error("a deactivated vault was rotated")
		}
		p.time.Add(1)
		err := interrupted(func() error { return s.Reactivate(t.Context(), w) })
		if err != nil {
			// When it had arrived, the vault is not deactivated any more.
			if err := s.Reactivate(t.Context(), w); err != nil && !(errors.As(err, &refused) && refused.Status == http.StatusConflict) {
				t.Fatal(err)
			}
		}
		p.usable(code)
	})
}
