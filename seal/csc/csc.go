// Package csc signs with a key at a trust service provider, by the API of the
// Cloud Signature Consortium, version 2 (CSC API v2.0.0.2).
//
// A Signer is a crypto.Signer for one credential, whose certificate is known
// beforehand and must be the provider's. It gathers signatures that are asked
// for at the same time into one authorization and one signatures/signHash, and
// verifies each before it hands it out.
//
// It signs hashes only. Documents (signatures/signDoc), the provider's
// time-stamps, asynchronous answers, and authorizations that are given out of
// band or to a challenge are not here.
package csc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/seal/signers"
)

// Errors that callers branch on. None holds a secret, nor anything that a
// provider wrote in free text.
var (
	// ErrConfig: what was given cannot work.
	ErrConfig = errors.New("remote signing configuration")
	// ErrCredential: the provider's credential is not the one that was expected,
	// or may not sign now.
	ErrCredential = errors.New("remote signing credential")
	// ErrRefused: the provider answered that it does not do this. Nothing was
	// signed.
	ErrRefused = errors.New("the remote signing service refused")
	// ErrProtocol: an answer is not what the API says. Before signHash.
	ErrProtocol = errors.New("the remote signing service does not keep to the CSC API")
	// ErrMechanism: the key does not sign what it was asked to sign.
	ErrMechanism = errors.New("remote signing mechanism")
	// ErrAway: the provider does not answer, or says later. Nothing was signed.
	ErrAway = fmt.Errorf("the remote signing service is away: %w", signers.ErrUnavailable)
	// ErrBusy: too many signatures wait already, or one waited too long. Nothing
	// was signed.
	ErrBusy = fmt.Errorf("the remote signer is busy: %w", signers.ErrUnavailable)
	// ErrUncertain: signHash was asked, and its answer was lost, late, garbled or
	// no signature of the key.
	ErrUncertain = fmt.Errorf("remote signing: %w", signers.ErrUncertain)
	// ErrClosed: the Signer was closed.
	ErrClosed = errors.New("the remote signer is closed")
)

// Error is what a provider answered instead of what was asked for.
type Error struct {
	// Call is the API path, such as credentials/info.
	Call string
	// Status is the HTTP status.
	Status int
	// Code is the member error (CSC API v2, Section 10.2), such as access_denied;
	// empty where it is none that the API or OAuth could write. The description
	// beside it is not kept: it may repeat what was sent.
	Code string
}

func (e *Error) Error() string {
	if e.Code == "" {
		return fmt.Sprintf("%s: status %d", e.Call, e.Status)
	}
	return fmt.Sprintf("%s: status %d, %s", e.Call, e.Status, e.Code)
}

// HTTP sends a request, as internal/fetch does. It follows no redirects: they
// would carry secrets elsewhere.
type HTTP interface {
	Do(*http.Request) (*http.Response, error)
}

// Limits.
const (
	// DefaultTimeout bounds one call.
	DefaultTimeout = 20 * time.Second
	// DefaultPause is the pause before the second try of a call; the third waits
	// twice as long.
	DefaultPause = 200 * time.Millisecond
	// MaxAnswer is the longest answer that is read.
	MaxAnswer = 1 << 20
	// tries is how often a call that signs nothing is made.
	tries = 3
)

// Config says where a provider is.
type Config struct {
	// Base is the address of the API, such as https://provider.example/csc/v2.
	Base string
	HTTP HTTP
	// Service gives the access token with scope service.
	Service Tokens
	// Timeout bounds each call; 0 is DefaultTimeout.
	Timeout time.Duration
	// Pause is the pause before a call is tried again; 0 is DefaultPause.
	Pause time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Tokens gives access tokens.
type Tokens interface {
	// Token gives a token. refused is one that the provider did not take, so
	// that it is not given again; empty at first.
	Token(ctx context.Context, refused string) (string, error)
}

// Client calls a provider. It may be used by many at once.
type Client struct {
	cfg     Config
	refused atomic.Value // of string: the service token that signHash did not take
}

// NewClient checks the configuration. It makes no call.
func NewClient(c Config) (*Client, error) {
	if c.HTTP == nil || c.Service == nil {
		return nil, fmt.Errorf("%w: HTTP and Service are needed", ErrConfig)
	}
	if err := checkAddress("base", c.Base); err != nil {
		return nil, err
	}
	if c.Timeout < 0 || c.Pause < 0 {
		return nil, fmt.Errorf("%w: timeout and pause must not be negative", ErrConfig)
	}
	defaults(&c.Timeout, DefaultTimeout)
	defaults(&c.Pause, DefaultPause)
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{cfg: c}, nil
}

func defaults(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// checkAddress allows https, and plain http to this machine only.
func checkAddress(name, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "" {
		return fmt.Errorf("%w: %s is not an absolute address without a query", ErrConfig, name)
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return fmt.Errorf("%w: %s must be an https address", ErrConfig, name)
	}
	return nil
}
