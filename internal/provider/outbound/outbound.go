// Package outbound sends a supplier a question that is safe to repeat: with a
// limit of bytes, of time and of tries.
//
// It is for questions only. A request that changes something at the supplier
// must not be sent through it.
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/zegel-id/zegel/internal/provider"
)

// ErrTooLarge: the answer has more bytes than the limit.
var ErrTooLarge = errors.New("answer is larger than the limit")

// Doer sends one request; *http.Client is one. It should not follow redirects.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Limits bound one question. Zero values mean the defaults.
type Limits struct {
	// Attempts is how often the question is sent at most; default 3.
	Attempts int
	// Backoff is the wait before the second try, doubled for each further one
	// up to MaxBackoff; defaults 200 ms and 5 s.
	Backoff, MaxBackoff time.Duration
	// AttemptTimeout bounds one try; default 20 s.
	AttemptTimeout time.Duration
	// MaxBytes bounds the answer; default 8 MiB.
	MaxBytes int64
	// Jitter gives numbers in [0,1); nil means math/rand. A wait is between
	// half and the whole of the backoff.
	Jitter func() float64
}

func (l Limits) withDefaults() Limits {
	set(&l.Attempts, 3)
	set(&l.Backoff, 200*time.Millisecond)
	set(&l.MaxBackoff, 5*time.Second)
	set(&l.AttemptTimeout, 20*time.Second)
	set(&l.MaxBytes, 8<<20)
	if l.Jitter == nil {
		l.Jitter = rand.Float64
	}
	return l
}

func set[T int | int64 | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Response is an answer that was read whole.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// Temporary marks an error of accept as worth another try.
func Temporary(err error) error { return &temporary{err: err} }

type temporary struct {
	err   error
	after time.Duration
}

func (t *temporary) Error() string { return t.err.Error() }
func (t *temporary) Unwrap() error { return t.err }

// Ask sends what build makes, anew for each try, and hands every answer of
// status 200, and of a status that accept may know, to accept. It tries again
// only after a failure that left the question unanswered: no connection, a
// broken answer, a timeout of one try, status 429, 502, 503 or 504, or what
// accept marks Temporary. An error wraps provider.ErrUnavailable when asking
// later may succeed, and provider.ErrAnswer otherwise.
func Ask(ctx context.Context, d Doer, l Limits, build func(context.Context) (*http.Request, error), accept func(Response) error) error {
	l = l.withDefaults()
	wait := l.Backoff
	for try := 1; ; try++ {
		err := once(ctx, d, l, build, accept)
		if err == nil {
			return nil
		}
		var again *temporary
		if !errors.As(err, &again) {
			return err
		}
		if ctx.Err() != nil || try == l.Attempts {
			return fmt.Errorf("%w: after %d of %d tries: %w", provider.ErrUnavailable, try, l.Attempts, again.err)
		}
		pause := min(wait, l.MaxBackoff)
		pause = pause/2 + time.Duration(l.Jitter()*float64(pause/2))
		if again.after > l.MaxBackoff {
			return fmt.Errorf("%w: the supplier asks to wait %s: %w", provider.ErrUnavailable, again.after, again.err)
		}
		if err := sleep(ctx, max(pause, again.after)); err != nil {
			return fmt.Errorf("%w: after %d of %d tries: %w", provider.ErrUnavailable, try, l.Attempts, again.err)
		}
		wait *= 2
	}
}

func once(ctx context.Context, d Doer, l Limits, build func(context.Context) (*http.Request, error), accept func(Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, l.AttemptTimeout)
	defer cancel()
	req, err := build(ctx)
	if err != nil {
		return err
	}
	res, err := d.Do(req)
	if err != nil {
		return failure(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, l.MaxBytes+1))
	if err != nil {
		return Temporary(fmt.Errorf("reading the answer: %w", cause(err)))
	}
	if int64(len(body)) > l.MaxBytes {
		return fmt.Errorf("%w: %w of %d bytes", provider.ErrAnswer, ErrTooLarge, l.MaxBytes)
	}
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return &temporary{fmt.Errorf("HTTP status %d", res.StatusCode), retryAfter(res.Header)}
	}
	return accept(Response{res.StatusCode, res.Header, body})
}

// failure sorts errors of the transport: what another try cannot mend is
// final.
func failure(err error) error {
	err = cause(err)
	var (
		unverified *tls.CertificateVerificationError
		unknown    x509.UnknownAuthorityError
		hostname   x509.HostnameError
		invalid    x509.CertificateInvalidError
		record     tls.RecordHeaderError
		remote     *net.OpError
	)
	if errors.As(err, &remote) && remote.Op == "remote error" { // a TLS alert, such as for our certificate
		return fmt.Errorf("%w: TLS: %w", provider.ErrAnswer, err)
	}
	for _, target := range []any{&unverified, &unknown, &hostname, &invalid, &record} {
		if errors.As(err, target) {
			return fmt.Errorf("%w: TLS: %w", provider.ErrAnswer, err)
		}
	}
	return Temporary(fmt.Errorf("sending the question: %w", err))
}

// cause leaves out the address, which is the operator's and in its log.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// retryAfter reads seconds (RFC 9110, Section 10.2.3); dates are not used by
// the suppliers seen and count as none.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 || n > 86400 {
		return 0
	}
	return time.Duration(n) * time.Second
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// CheckURL refuses an address that would send citizens' data in clear;
// allowLoopback admits plain http to this machine for development.
func CheckURL(address string, allowLoopback bool) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, fmt.Errorf("supplier's address: expected an absolute https URL without user or fragment")
	}
	switch host := u.Hostname(); {
	case u.Scheme == "https":
		return u, nil
	case u.Scheme == "http" && allowLoopback && (host == "127.0.0.1" || host == "::1" || host == "localhost"):
		return u, nil
	default:
		return nil, fmt.Errorf("supplier's address: expected https, found %q", u.Scheme)
	}
}
