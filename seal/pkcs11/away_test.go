//go:build cgo

package pkcs11_test

import (
	"crypto/elliptic"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
)

// The token vanishes under the hands of signers and comes back: they see
// ErrAway meanwhile, and then sign with the same Key.
func TestUnplugged(t *testing.T) {
	h := softhsmtest.New(t)
	give(t, h, pair{label: "p256", curve: p256}, pair{label: "rsa", bits: 2048})
	token := h.Open(t)
	keys := []*pkcs11.Key{find(t, token, pkcs11.Selector{Label: "p256"}), find(t, token, pkcs11.Selector{Label: "rsa"})}

	for round := range 3 {
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for n := range 6 {
			wg.Go(func() {
				k := keys[n%2]
				digest, opts := hashed(k, "text")
				for {
					select {
					case <-stop:
						return
					default:
					}
					sig, err := k.Sign(nil, digest, opts)
					switch {
					case err == nil:
						verifies(t, k, digest, sig)
					case errors.Is(err, pkcs11.ErrAway), errors.Is(err, pkcs11.ErrUncertain):
					default:
						t.Error(err)
						return
					}
				}
			})
		}
		signs(t, keys[0])
		h.Unplug(t)
		softhsmtest.Wait(t, "the token to be missed", func() bool {
			return errors.Is(token.Ping(t.Context()), pkcs11.ErrAway)
		})
		if s := token.Status(); s.Connected || s.Reason == nil || s.Sessions != 0 {
			t.Errorf("round %d: %+v", round, s)
		}
		h.Plug(t)
		softhsmtest.Wait(t, "the token to be back", func() bool { return token.Ping(t.Context()) == nil })
		close(stop)
		wg.Wait()
		for _, k := range keys {
			signs(t, k)
		}
		if s := token.Status(); !s.Connected || s.Reason != nil || s.Sessions != pkcs11.DefaultSessions || s.Busy != 0 {
			t.Errorf("round %d: %+v", round, s)
		}
	}
}

// Whatever else in the process closes sessions, logs out or finalises the
// library, the next signature is made on a new login.
func TestBehindItsBack(t *testing.T) {
	h := softhsmtest.New(t)
	give(t, h, pair{label: "k", curve: p256})
	token := h.Open(t)
	k := find(t, token, pkcs11.Selector{Label: "k"})
	c := p11.New(h.Module) // the same library, loaded once
	slots, err := c.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	for i, meddle := range []func() error{
		func() error { return c.CloseAllSessions(slots[0]) },
		func() error {
			s, err := c.OpenSession(slots[0], p11.CKF_SERIAL_SESSION)
			return errors.Join(err, c.Logout(s), c.CloseSession(s))
		},
		c.Finalize,
		func() error { return errors.Join(c.Finalize(), c.Initialize()) },
	} {
		if err := meddle(); err != nil {
			t.Fatal(err)
		}
		signs(t, k)
		if s := token.Status(); s.Logins != uint64(i)+2 || s.Failures != 0 {
			t.Errorf("%d: %+v", i, s)
		}
	}
}

// Attempts are spaced: a token that is away is not reached for at every call.
func TestRetryIsSpaced(t *testing.T) {
	h := softhsmtest.New(t)
	give(t, h, pair{label: "k", curve: p256})
	var mu sync.Mutex
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	pass := func(d time.Duration) { mu.Lock(); now = now.Add(d); mu.Unlock() }
	token := h.Open(t, func(c *pkcs11.Config) {
		c.Retry = time.Minute
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	k := find(t, token, pkcs11.Selector{Label: "k"})
	digest, opts := hashed(k, "text")
	pass(time.Hour)
	h.Unplug(t)
	if _, err := k.Sign(nil, digest, opts); !errors.Is(err, pkcs11.ErrAway) || !errors.Is(err, pkcs11.ErrToken) {
		t.Error(err)
	}
	h.Plug(t)
	pass(59 * time.Second)
	_, err := k.Sign(nil, digest, opts)
	if !errors.Is(err, pkcs11.ErrAway) || !strings.Contains(err.Error(), "since 2026-11-25T13:00:00Z") {
		t.Errorf("reached for the token within the minute: %v", err)
	}
	pass(time.Second)
	signs(t, k)
}

// What comes back under the same names must be the same key.
func TestExchanged(t *testing.T) {
	h := softhsmtest.New(t)
	give(t, h, pair{label: "k", curve: p256})
	h.Unplug(t)
	h.Add(t, softhsmtest.Label)
	give(t, h, pair{label: "k", curve: p256})
	token := h.Open(t)
	k := find(t, token, pkcs11.Selector{Label: "k"})
	signs(t, k)
	h.Plug(t) // another token with another key, of the same labels
	digest, opts := hashed(k, "text")
	if sig, err := k.Sign(nil, digest, opts); sig != nil || !errors.Is(err, pkcs11.ErrKey) || !strings.Contains(err.Error(), "another key") {
		t.Errorf("%x, %v", sig, err)
	}
	signs(t, find(t, token, pkcs11.Selector{Label: "k"}))
}

// One of two tokens of a library comes back: the library is initialised anew to
// find it, not too often, and the other goes on.
func TestOneOfTwoUnplugged(t *testing.T) {
	h := softhsmtest.New(t)
	give(t, h, pair{label: "k", curve: p256})
	var mu sync.Mutex
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	pass := func(d time.Duration) { mu.Lock(); now = now.Add(d); mu.Unlock() }
	token := h.Open(t, func(c *pkcs11.Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	h.Unplug(t)
	h.Add(t, "other")
	pass(time.Second)
	if err := token.Ping(t.Context()); !errors.Is(err, pkcs11.ErrAway) {
		t.Fatal(err)
	}
	other := h.Open(t, func(c *pkcs11.Config) { c.Token = "other" })
	k, err := other.GenerateKey(t.Context(), "new", elliptic.P256())
	if err != nil {
		t.Fatal(err)
	}
	h.PlugBeside(t)
	pass(29 * time.Second)
	if err := token.Ping(t.Context()); !errors.Is(err, pkcs11.ErrAway) {
		t.Errorf("the library was initialised anew within 30 s: %v", err)
	}
	signs(t, k)
	if s := other.Status(); s.Logins != 1 {
		t.Errorf("%+v", s)
	}
	pass(time.Second)
	if err := token.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	signs(t, k)
	if s := other.Status(); s.Logins != 2 || s.Failures != 0 {
		t.Errorf("%+v", s)
	}
	signs(t, find(t, token, pkcs11.Selector{Label: "k"}))
}
