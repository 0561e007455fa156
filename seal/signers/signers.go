// Package signers is what signers far away have in common, a key in a hardware
// module (seal/pkcs11) or at a trust service provider (seal/csc): two errors
// that say whether trying again is safe, a signature that a context ends, and
// a Queue that shares a signer's capacity fairly between tenants.
//
// It holds no keys and makes no signatures.
package signers

import (
	"context"
	"crypto"
	"errors"
)

var (
	// ErrUnavailable means that nothing was signed, and that the same may go well
	// later: the signer is away, busy or slow.
	ErrUnavailable = errors.New("the signer is not available; nothing was signed")
	// ErrUncertain means that the signer was asked to sign and that no usable
	// answer came. It may have signed, and may have counted it. Trying again
	// makes a second signature, of which the first is published nowhere.
	ErrUncertain = errors.New("the signer was asked and gave no usable answer; it may have signed")
)

// Signer is a crypto.Signer whose signature can be waited for as long as a
// context allows.
type Signer interface {
	crypto.Signer
	SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}
