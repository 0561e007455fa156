package tsp

import (
	"bytes"
	"context"
	"crypto"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// HTTP sends requests. Address rules, TLS and credentials are its work.
type HTTP interface {
	Do(*http.Request) (*http.Response, error)
}

// Defaults of a Client.
const (
	DefaultTimeout = 10 * time.Second
	DefaultSkew    = 2 * time.Minute
)

// maxReply leaves room for a token and the words around it.
const maxReply = MaxToken + 4<<10

// Authority is one time-stamp authority to ask.
type Authority struct {
	// URL takes requests by HTTP (RFC 3161, Section 3.4).
	URL string
	// Policy asks it to stamp under a policy; nil leaves it the choice.
	Policy asn1.ObjectIdentifier
	// Timeout bounds the whole exchange; zero is DefaultTimeout.
	Timeout time.Duration
}

// Client gets tokens from the first of several authorities that gives one that
// verifies. It may be used by many at once and must not be changed meanwhile.
type Client struct {
	HTTP        HTTP
	Authorities []Authority
	// Trust holds the anchors that a token must lead to.
	Trust Chains
	// Random makes the nonces.
	Random io.Reader
	// Now is the clock that the time of a token is held against.
	Now func() time.Time
	// Skew is how far the authority's clock may be from ours; zero is
	// DefaultSkew.
	Skew time.Duration
	// MaxAccuracy refuses tokens with no accuracy, or a worse one; zero does not
	// ask.
	MaxAccuracy time.Duration
	// Lasting is how long the certificates of an authority should still run: a token
	// of one whose run out sooner is taken where no other gives a better one. Zero
	// does not ask.
	Lasting time.Duration
}

// given is a token that holds, and until when by the certificates of its authority.
type given struct {
	token *Token
	reply []byte
	until time.Time
}

// Failure is why an authority did not give a token.
type Failure struct {
	Authority string // its host
	Err       error
}

// StampError names the failure of every authority that was asked, in order.
type StampError struct{ Failures []Failure }

func (e *StampError) Error() string {
	all := make([]string, len(e.Failures))
	for i, f := range e.Failures {
		all[i] = fmt.Sprintf("%s: %v", f.Authority, f.Err)
	}
	return "no time-stamp authority gave a token: " + strings.Join(all, "; ")
}

// Unwrap gives the failures to errors.Is and errors.As.
func (e *StampError) Unwrap() []error {
	all := make([]error, len(e.Failures))
	for i, f := range e.Failures {
		all[i] = f.Err
	}
	return all
}

// Stamp gets a token for a digest. The authorities are asked in order, one after
// the other, until one gives a token that answers the request and verifies. The
// error is a *StampError that names why each of those asked gave none; when ctx
// ends, no further one is asked.
func (c *Client) Stamp(ctx context.Context, hash crypto.Hash, imprint []byte) (*Token, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	got, err := c.each(ctx, func(a Authority) (given, error) {
		r, err := NewRequest(hash, imprint, c.Random) // a nonce for each
		if err != nil {
			return given{}, err
		}
		r.Policy = a.Policy
		return c.ask(ctx, a, r)
	})
	return got.token, err
}

// Relay asks in the name of another, who made the request and will judge the
// answer, and returns the TimeStampResp of the first authority whose token holds
// here too. A request that names no policy is for that of each authority. The
// nonce is the one of the request, so that two authorities may see the same.
func (c *Client) Relay(ctx context.Context, r Request) (reply []byte, err error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	if r.Nonce == nil || !r.Certificates {
		return nil, fmt.Errorf("%w: it must have a nonce and ask for certificates (RFC 3161, Section 2.4.1)", ErrRequest)
	}
	got, err := c.each(ctx, func(a Authority) (given, error) {
		asked := r
		if asked.Policy == nil {
			asked.Policy = a.Policy
		}
		return c.ask(ctx, a, asked)
	})
	return got.reply, err
}

func (c *Client) ready() error {
	if c.HTTP == nil || c.Trust == nil || c.Random == nil || c.Now == nil || len(c.Authorities) == 0 {
		return errors.New("tsp: a client needs HTTP, Trust, Random, Now and an authority")
	}
	return nil
}

// each asks the authorities in order until one gives a token, and one that lasts
// where that is wanted. Without, what lasts longest is taken.
func (c *Client) each(ctx context.Context, ask func(Authority) (given, error)) (best given, err error) {
	var failed []Failure
	for _, a := range c.Authorities {
		got, err := ask(a)
		switch {
		case err != nil:
			failed = append(failed, Failure{a.host(), err})
		case c.Lasting == 0 || got.until.After(c.Now().Add(c.Lasting)):
			return got, nil
		case got.until.After(best.until):
			best = got
		}
		if ctx.Err() != nil {
			break
		}
	}
	if best.token != nil {
		return best, nil
	}
	return given{}, &StampError{failed}
}

func (a Authority) host() string {
	u, err := url.Parse(a.URL)
	if err != nil || u.Host == "" {
		return "an authority without a host"
	}
	return u.Host
}

// ask makes one exchange and every check of the token.
func (c *Client) ask(ctx context.Context, a Authority, r Request) (given, error) {
	der, err := r.Marshal()
	if err != nil {
		return given{}, err
	}
	asked := c.Now()
	body, err := c.post(ctx, a, der)
	if err != nil {
		return given{}, err
	}
	t, err := ParseReply(body, r)
	if err != nil {
		return given{}, err
	}
	v := Verification{Hash: r.Hash, Imprint: r.Imprint, Trust: c.Trust, MaxAccuracy: c.MaxAccuracy}
	path, err := t.Verify(v)
	if err != nil {
		return given{}, err
	}
	skew := c.Skew
	if skew == 0 {
		skew = DefaultSkew
	}
	if t.Time.Before(asked.Add(-skew)) || t.Time.After(c.Now().Add(skew)) {
		return given{}, fmt.Errorf("%w: genTime is more than %s from our clock; check both clocks", ErrReply, skew)
	}
	return given{t, body, path.NotAfter()}, nil
}

// post sends a query and reads a bounded reply. Sigstore's server answers 201
// where others answer 200.
func (c *Client) post(ctx context.Context, a Authority, query []byte) ([]byte, error) {
	timeout := a.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, bytes.NewReader(query))
	if err != nil {
		return nil, fmt.Errorf("%w: its address cannot be used", ErrReply)
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	req.Header.Set("Accept", "application/timestamp-reply")
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrReply, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("%w: HTTP status %d, expected 200 or 201", ErrReply, res.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || kind != "application/timestamp-reply" {
		return nil, fmt.Errorf("%w: Content-Type is not application/timestamp-reply (RFC 3161, Section 3.4)", ErrReply)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxReply+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: reading the reply: %w", ErrReply, err)
	case len(body) > maxReply:
		return nil, fmt.Errorf("%w: the reply is longer than %d bytes", ErrReply, maxReply)
	}
	return body, nil
}
