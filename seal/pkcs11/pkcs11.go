// Package pkcs11 signs with keys that live in a hardware security module,
// through its PKCS #11 library (OASIS PKCS #11 v2.40 and v3.0, which number
// alike what is used here).
//
// A Token is found by its label, because slot numbers change. It keeps a fixed
// number of logged-in sessions, and when the module goes away and comes back it
// logs in anew by itself. A Key is a crypto.Signer. Every signature is verified
// with the public key before it is handed out.
//
// It is the only package that needs cgo. Built without, Open answers
// ErrUnavailable. It imports no keys, wraps none and keeps no certificates:
// where an HSM is managed, its maker's own tools are better.
package pkcs11

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/zegel-id/zegel/seal/signers"
)

// Errors that callers branch on. None holds a PIN. ErrAway, ErrBusy and
// ErrUncertain are those of package signers too.
var (
	// ErrUnavailable: this program was built without cgo.
	ErrUnavailable = errors.New("PKCS #11 needs a program built with cgo: build with CGO_ENABLED=1 and a C compiler, or sign with a file or a remote service")
	// ErrConfig: the configuration, or the library it names, cannot be used.
	ErrConfig = errors.New("PKCS #11 configuration")
	// ErrToken: no token of that label, or more than one.
	ErrToken = errors.New("PKCS #11 token")
	// ErrPIN: the token refused the PIN, or could not be given one. The same PIN
	// is not tried again, because a token locks after a few wrong ones.
	ErrPIN = errors.New("PKCS #11 PIN")
	// ErrPINLocked: the token is locked after wrong PINs. Its security officer
	// must unlock it.
	ErrPINLocked = errors.New("PKCS #11 PIN is locked")
	// ErrKey: no such key, more than one, or one that must not be used.
	ErrKey = errors.New("PKCS #11 key")
	// ErrMechanism: the key does not sign what it was asked to sign.
	ErrMechanism = errors.New("PKCS #11 mechanism")
	// ErrBusy: no session became free in time. Nothing was signed.
	ErrBusy = fmt.Errorf("PKCS #11 sessions are all in use: %w", signers.ErrUnavailable)
	// ErrAway: the token is not there now. Nothing was signed; try later.
	ErrAway = fmt.Errorf("PKCS #11 token is away: %w", signers.ErrUnavailable)
	// ErrUncertain: the token was asked to sign and its answer was lost, was
	// late, or is no signature of the key. It may have signed. What it signed, if
	// anything, was published nowhere.
	ErrUncertain = fmt.Errorf("PKCS #11 token: %w", signers.ErrUncertain)
	// ErrClosed: the Token was closed.
	ErrClosed = errors.New("PKCS #11 token is closed")
)

// Limits of a configuration.
const (
	DefaultSessions = 8
	MaxSessions     = 256
	DefaultTimeout  = 10 * time.Second
	DefaultRetry    = time.Second
	maxPIN          = 256
)

// Config says which token to open, and how.
type Config struct {
	// Module is the absolute path of the library, such as
	// /usr/lib/softhsm/libsofthsm2.so.
	Module string
	// Token is the token's label. Serial, if given, is its serial number too:
	// for two tokens of one label.
	Token, Serial string
	// PIN is asked for the user's PIN at each login, also when the token comes
	// back, so that it need not stay in memory and may change meanwhile.
	PIN func(context.Context) (string, error)
	// Sessions is how many signatures may be made at once; 0 is
	// DefaultSessions. The token's own limit is kept to.
	Sessions int
	// Timeout bounds each call, the wait for a session included; 0 is
	// DefaultTimeout. A library cannot be interrupted: after it the caller gets
	// an error and the session is used again when the library returns.
	Timeout time.Duration
	// Retry is the least time between attempts to reach a token that is away; 0
	// is DefaultRetry.
	Retry time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Rand names new keys (CKA_ID); nil is crypto/rand.
	Rand io.Reader
}

// PINFile reads the PIN from a file at each login. The file holds the PIN and
// at most a line end; nobody but its owner may read it.
func PINFile(path string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("opening the file of the PIN: %w", err)
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return "", fmt.Errorf("the file of the PIN: %w", err)
		}
		if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
			return "", fmt.Errorf("%s must be a file that only its owner may read (found mode %s); chmod it to 0600", path, info.Mode())
		}
		b, err := io.ReadAll(io.LimitReader(f, maxPIN+3))
		if err != nil {
			return "", fmt.Errorf("reading the file of the PIN: %w", err)
		}
		return string(bytes.TrimRight(b, "\r\n")), nil
	}
}

func (c *Config) fill() error {
	if c.Sessions == 0 {
		c.Sessions = DefaultSessions
	}
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Retry == 0 {
		c.Retry = DefaultRetry
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	switch {
	case !filepath.IsAbs(c.Module):
		return fmt.Errorf("%w: module must be the absolute path of a library", ErrConfig)
	case c.Token == "":
		return fmt.Errorf("%w: the token's label is missing; slot numbers change, so there is no address by slot", ErrConfig)
	case c.PIN == nil:
		return fmt.Errorf("%w: a source of the PIN is missing", ErrConfig)
	case c.Sessions < 1 || c.Sessions > MaxSessions:
		return fmt.Errorf("%w: sessions must be 1 to %d, found %d", ErrConfig, MaxSessions, c.Sessions)
	case c.Timeout < 0 || c.Retry < 0:
		return fmt.Errorf("%w: timeout and retry must not be negative", ErrConfig)
	}
	return nil
}

// Selector names one key pair of a token, by CKA_LABEL, CKA_ID or both.
type Selector struct {
	Label string
	ID    []byte
	// Public is the public key, for tokens that keep none beside the private
	// one: that of the certificate. Where the token keeps one the two must be
	// equal.
	Public crypto.PublicKey
	// InsecureExtractable allows a key that can leave the token. No qualified
	// seal creation device has one.
	InsecureExtractable bool
}

// KeyInfo describes a private key on a token.
type KeyInfo struct {
	Label string
	ID    []byte
	// Kind is EC, RSA, or the number of another CKA_KEY_TYPE.
	Kind string
	// Generated says that the key was made on a token (CKA_LOCAL);
	// NeverExtractable that it never could leave one.
	Generated, NeverExtractable bool
	// Extractable and Signs say what may be done with it now.
	Extractable, Signs bool
}

// Status says how a Token is, for health checks and metrics.
type Status struct {
	// Connected: sessions are open and logged in, as far as is known.
	Connected bool
	// Since is when Connected became what it is.
	Since time.Time
	// Reason is why the token is away.
	Reason error
	// Sessions are open, Busy of them in use.
	Sessions, Busy int
	// Signatures were handed out, Failures were not, Uncertain of them with
	// ErrUncertain.
	Signatures, Failures, Uncertain uint64
	// Logins succeeded; more than one means that the token went away.
	Logins uint64
}
