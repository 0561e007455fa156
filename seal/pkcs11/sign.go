//go:build cgo

package pkcs11

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	p11 "github.com/miekg/pkcs11"
)

// Sign signs a digest within the timeout of the token; see SignContext. The
// token makes its own random numbers.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), digest, opts)
}

// SignContext signs a digest: P-256 one of SHA-256, P-384 one of SHA-384, both
// in ASN.1; RSA one of SHA-256, with *rsa.PSSOptions. It waits for a session
// and, if the token was away, for one attempt to reach it.
//
// ErrAway and ErrBusy mean that nothing was signed. Until the token is asked to
// sign, a lost login is replaced and the call goes on; from then on nothing is
// tried again, and the error is ErrUncertain.
func (k *Key) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := k.scheme.check(digest, opts); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, k.token.cfg.Timeout)
	defer cancel()
	sig, err := k.sign(ctx, bytes.Clone(digest)) // a late library reads it after we are gone
	t := k.token
	if err == nil {
		t.signatures.Add(1)
		return sig, nil
	}
	t.failures.Add(1)
	if errors.Is(err, ErrUncertain) {
		t.uncertain.Add(1)
	}
	return nil, fmt.Errorf("signing with the key %s: %w", k.sel, t.unavailable(err))
}

// The states of one signature. Who takes it out of begun decides: the call that
// goes on to C_Sign, or the caller who gives up.
const (
	begun int32 = iota
	asked
	givenUp
)

func (k *Key) sign(ctx context.Context, digest []byte) (sig []byte, err error) {
	var pin string
	if k.always {
		if pin, err = k.token.pin(ctx); err != nil {
			return nil, err
		}
	}
	var state atomic.Int32
	raw, err := withSession(ctx, k.token, func(c *p11.Ctx, l *link, s p11.SessionHandle) ([]byte, error) {
		if err := k.prepare(c, l, s, pin); err != nil {
			return nil, err
		}
		if !state.CompareAndSwap(begun, asked) {
			return nil, errDirty
		}
		raw, err := c.Sign(s, digest)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUncertain, err)
		}
		return raw, nil
	})
	if errors.Is(err, errLate) && !state.CompareAndSwap(begun, givenUp) {
		return nil, fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	if err != nil {
		return nil, err
	}
	if sig, err = k.scheme.signature(k.public, digest, raw); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUncertain, err)
	}
	return sig, nil
}

// prepare does everything up to C_Sign.
func (k *Key) prepare(c *p11.Ctx, l *link, s p11.SessionHandle, pin string) error {
	h, err := k.handle(c, l, s)
	if err != nil {
		return err
	}
	switch err := c.SignInit(s, k.scheme.mechanism(), h); {
	case err == nil:
	case code(err) == p11.CKR_MECHANISM_INVALID, code(err) == p11.CKR_MECHANISM_PARAM_INVALID,
		code(err) == p11.CKR_KEY_TYPE_INCONSISTENT, code(err) == p11.CKR_KEY_FUNCTION_NOT_PERMITTED:
		return fmt.Errorf("%w: the token does not do %s with this key: %w", ErrMechanism, k.scheme.name, err)
	default:
		return fmt.Errorf("preparing to sign: %w", err)
	}
	if !k.always {
		return nil
	}
	if err := k.token.pinError(c.Login(s, p11.CKU_CONTEXT_SPECIFIC, pin), pin); err != nil {
		return fmt.Errorf("%w: %w", errDirty, err)
	}
	return nil
}
