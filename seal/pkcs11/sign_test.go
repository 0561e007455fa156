//go:build cgo

package pkcs11_test

import (
	"context"
	"crypto/ecdsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/signers"
)

// Many signatures at once, with fewer sessions than signers.
func TestParallel(t *testing.T) {
	h := softhsmtest.New(t)
	give(t, h, pair{label: "p256", curve: p256}, pair{label: "p384", curve: p384}, pair{label: "rsa", bits: 2048})
	token := h.Open(t, func(c *pkcs11.Config) { c.Sessions = 3 })
	var keys []*pkcs11.Key
	for _, label := range []string{"p256", "p384", "rsa"} {
		keys = append(keys, find(t, token, pkcs11.Selector{Label: label}))
	}
	const signers, each = 12, 20
	var wg sync.WaitGroup
	for n := range signers {
		wg.Go(func() {
			k := keys[n%len(keys)]
			for i := range each {
				digest, opts := hashed(k, fmt.Sprint(n, i))
				sig, err := k.Sign(nil, digest, opts)
				if err != nil {
					t.Error(err)
					return
				}
				verifies(t, k, digest, sig)
			}
		})
	}
	wg.Wait()
	if s := token.Status(); s.Signatures != signers*each || s.Failures != 0 || s.Logins != 1 || s.Busy != 0 {
		t.Errorf("%+v", s)
	}
}

// r and s with leading zeros come out as ASN.1 wants them: one signature in 128
// has such a one.
func TestLeadingZeros(t *testing.T) {
	h := softhsmtest.New(t)
	give(t, h, pair{label: "k", curve: p256})
	k := find(t, h.Open(t), pkcs11.Selector{Label: "k"})
	for i := range 5000 {
		digest, opts := hashed(k, fmt.Sprint(i))
		sig, err := k.Sign(nil, digest, opts)
		if err != nil || !ecdsa.VerifyASN1(k.Public().(*ecdsa.PublicKey), digest, sig) {
			t.Fatalf("%x, %v", sig, err)
		}
		var v struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(sig, &v); err != nil {
			t.Fatal(err)
		}
		if v.R.BitLen() <= 248 || v.S.BitLen() <= 248 {
			return
		}
	}
	t.Error("no short value among 5000")
}

// What fails before C_Sign is done again on a new login; from C_Sign on
// nothing is, and the error says that the token may have signed.
func TestNothingIsSignedTwice(t *testing.T) {
	h := softhsmtest.New(t)
	f := h.Break(t)
	give(t, h, pair{label: "k", curve: p256}, pair{label: "rsa", bits: 2048})
	token := h.Open(t)
	k := find(t, token, pkcs11.Selector{Label: "k"})
	digest, opts := hashed(k, "text")
	logins := uint64(1)
	for _, rv := range []uint{
		p11.CKR_SESSION_HANDLE_INVALID, p11.CKR_SESSION_CLOSED, p11.CKR_USER_NOT_LOGGED_IN, p11.CKR_DEVICE_REMOVED,
		p11.CKR_DEVICE_ERROR, p11.CKR_TOKEN_NOT_PRESENT, p11.CKR_OBJECT_HANDLE_INVALID, p11.CKR_KEY_HANDLE_INVALID,
		p11.CKR_GENERAL_ERROR, p11.CKR_CRYPTOKI_NOT_INITIALIZED,
	} {
		t.Run(p11.Error(rv).Error(), func(t *testing.T) {
			f.Fail("C_SignInit", rv, 1)
			signs(t, k)
			logins++

			f.Fail("C_Sign", rv, 1)
			sig, err := k.Sign(nil, digest, opts)
			if sig != nil || !errors.Is(err, pkcs11.ErrUncertain) || errors.Is(err, pkcs11.ErrAway) {
				t.Errorf("%x, %v", sig, err)
			}
			signs(t, k)
			logins++
			if s := token.Status(); s.Logins != logins {
				t.Errorf("%d logins, expected %d", s.Logins, logins)
			}
		})
	}
	before := token.Status()
	t.Run("always lost", func(t *testing.T) {
		f.Fail("C_SignInit", p11.CKR_DEVICE_REMOVED, 2)
		if sig, err := k.Sign(nil, digest, opts); sig != nil || !errors.Is(err, pkcs11.ErrAway) || errors.Is(err, pkcs11.ErrUncertain) {
			t.Errorf("%x, %v", sig, err)
		}
		if f.Pending("C_SignInit") {
			t.Error("tried once only")
		}
		signs(t, k)
	})
	t.Run("a fault in the signature", func(t *testing.T) {
		for _, k := range []*pkcs11.Key{k, find(t, token, pkcs11.Selector{Label: "rsa"})} {
			f.Change("C_Sign", 1, 1)
			digest, opts := hashed(k, "text")
			if sig, err := k.Sign(nil, digest, opts); sig != nil || !errors.Is(err, pkcs11.ErrUncertain) {
				t.Errorf("%x, %v", sig, err)
			}
			signs(t, k)
		}
	})
	t.Run("no such mechanism", func(t *testing.T) {
		f.Fail("C_SignInit", p11.CKR_MECHANISM_INVALID, 1)
		if sig, err := k.Sign(nil, digest, opts); sig != nil || !errors.Is(err, pkcs11.ErrMechanism) {
			t.Errorf("%x, %v", sig, err)
		}
	})
	after := token.Status()
	if after.Failures-before.Failures != 4 || after.Uncertain-before.Uncertain != 2 {
		t.Errorf("%+v, then %+v", before, after)
	}
}

// A session that somebody left in the middle of a signature is replaced.
func TestOperationLeftBehind(t *testing.T) {
	h := softhsmtest.New(t)
	give(t, h, pair{label: "k", curve: p256})
	token := h.Open(t, func(c *pkcs11.Config) { c.Sessions = 1 })
	k := find(t, token, pkcs11.Selector{Label: "k"})
	c := p11.New(h.Module) // the same library, loaded once
	begun := 0
	for session := p11.SessionHandle(1); session < 10; session++ {
		for object := p11.ObjectHandle(1); object < 10; object++ {
			if c.SignInit(session, []*p11.Mechanism{p11.NewMechanism(p11.CKM_ECDSA, nil)}, object) == nil {
				begun++
			}
		}
	}
	if begun != 1 {
		t.Fatalf("begun %d times", begun)
	}
	signs(t, k)
	signs(t, k)
	if s := token.Status(); s.Logins != 1 || s.Failures != 0 || s.Sessions != 1 || s.Busy != 0 {
		t.Errorf("%+v", s)
	}
}

// A caller who gives up is told whether the token may have signed, and the
// session is used again when the library returns.
func TestGivingUp(t *testing.T) {
	h := softhsmtest.New(t)
	f := h.Break(t)
	give(t, h, pair{label: "k", curve: p256})
	token := h.Open(t, func(c *pkcs11.Config) { c.Sessions = 1 })
	k := find(t, token, pkcs11.Selector{Label: "k"})
	digest, opts := hashed(k, "text")

	giveUpAt := func(function string) error {
		f.Hold(function)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, err := k.SignContext(ctx, digest, opts); done <- err }()
		softhsmtest.Wait(t, "the call", func() bool { return f.Held(function) })
		cancel()
		return <-done
	}
	t.Run("before", func(t *testing.T) {
		err := giveUpAt("C_SignInit")
		if !errors.Is(err, pkcs11.ErrAway) || !errors.Is(err, context.Canceled) || errors.Is(err, pkcs11.ErrUncertain) {
			t.Error(err)
		}
		f.Fail("C_Sign", p11.CKR_FUNCTION_FAILED, 1) // would be met if it went on
		f.Release("C_SignInit")
		softhsmtest.Wait(t, "the session", func() bool { return token.Status().Busy == 0 })
		if !f.Pending("C_Sign") {
			t.Error("signed although the caller had given up")
		}
		f.Clear("C_Sign")
		signs(t, k)
	})
	t.Run("while signing", func(t *testing.T) {
		err := giveUpAt("C_Sign")
		if !errors.Is(err, pkcs11.ErrUncertain) || !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := k.SignContext(ctx, digest, opts); !errors.Is(err, pkcs11.ErrBusy) {
			t.Errorf("the session is in use: %v", err)
		}
		f.Release("C_Sign")
		signs(t, k)
	})
	if s := token.Status(); s.Uncertain != 1 || s.Sessions != 1 {
		t.Errorf("%+v", s)
	}
}

// A key that wants its PIN for each signature is not signed with on a wrong one.
func TestAlwaysAuthenticate(t *testing.T) {
	h := softhsmtest.New(t)
	f := h.Break(t)
	give(t, h, pair{label: "k", curve: p256, private: []*p11.Attribute{attr(p11.CKA_ALWAYS_AUTHENTICATE, true)}})
	pin := softhsmtest.PIN
	token := h.Open(t, func(c *pkcs11.Config) {
		c.PIN = func(context.Context) (string, error) { return pin, nil }
		c.Sessions = 1
	})
	k := find(t, token, pkcs11.Selector{Label: "k"})
	signs(t, k)
	digest, opts := hashed(k, "text")
	pin = wrongPIN
	f.Fail("C_Sign", p11.CKR_FUNCTION_FAILED, 1)
	for range 2 {
		if sig, err := k.Sign(nil, digest, opts); sig != nil || !errors.Is(err, pkcs11.ErrPIN) {
			t.Errorf("%x, %v", sig, err)
		}
	}
	if !f.Pending("C_Sign") {
		t.Error("asked to sign after a wrong PIN")
	}
	f.Clear("C_Sign")
	pin = softhsmtest.PIN
	signs(t, k)
}

var _ signers.Signer = (*pkcs11.Key)(nil)
