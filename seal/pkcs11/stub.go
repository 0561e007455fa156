//go:build !cgo

package pkcs11

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"io"
)

// Available says whether this program can load PKCS #11 libraries.
const Available = false

// Token is a token whose library this program cannot load.
type Token struct{}

// Open answers ErrUnavailable, or what is wrong with the configuration.
func Open(_ context.Context, c Config) (*Token, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	return nil, ErrUnavailable
}

// Close does nothing.
func (*Token) Close() error { return nil }

// Status is that of a token that is away.
func (*Token) Status() Status { return Status{Reason: ErrUnavailable} }

// Ping answers ErrUnavailable.
func (*Token) Ping(context.Context) error { return ErrUnavailable }

// Key answers ErrUnavailable.
func (*Token) Key(context.Context, Selector) (*Key, error) { return nil, ErrUnavailable }

// Keys answers ErrUnavailable.
func (*Token) Keys(context.Context) ([]KeyInfo, error) { return nil, ErrUnavailable }

// GenerateKey answers ErrUnavailable.
func (*Token) GenerateKey(context.Context, string, elliptic.Curve) (*Key, error) {
	return nil, ErrUnavailable
}

// Key is a key that this program cannot use.
type Key struct{}

// Public is nil.
func (*Key) Public() crypto.PublicKey { return nil }

// ID is nil.
func (*Key) ID() []byte { return nil }

// Sign answers ErrUnavailable.
func (*Key) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, ErrUnavailable }

// SignContext answers ErrUnavailable.
func (*Key) SignContext(context.Context, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, ErrUnavailable
}
