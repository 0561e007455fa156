package trust

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"
	"golang.org/x/sync/singleflight"
)

// HTTP sends requests. Address rules, TLS and redirects are its work; the
// addresses of responders come from certificates and are mostly plain http.
type HTTP interface {
	Do(*http.Request) (*http.Response, error)
}

const (
	maxAnswers = 4096             // certificates remembered
	maxAsked   = 3                // responders of a certificate that are tried
	askTimeout = 10 * time.Second // for one exchange
	ocspSkew   = 5 * time.Minute  // how far a responder's clock may be from ours
)

// Responders asks the OCSP responders that certificates name (RFC 6960; RFC 5019)
// and remembers their answers until the next update. It is bounded in what it
// reads, keeps and waits for, and may be used by many at once.
type Responders struct {
	// Suite says until when the signatures on answers are believed; nil is
	// DefaultSuite. It is set before the first question.
	Suite *Suite

	http   HTTP
	now    func() time.Time
	nonces io.Reader
	flight singleflight.Group

	mu      sync.Mutex
	answers map[answerKey]*ocspAnswer
	failed  map[string]time.Time // by address, when
}

// answerKey is a certificate: its issuer's, and its own.
type answerKey [2][sha256.Size]byte

func keyOf(cert, issuer *x509.Certificate) answerKey {
	return answerKey{sha256.Sum256(issuer.Raw), sha256.Sum256(cert.Raw)}
}

// ocspAnswer is an answer that was verified.
type ocspAnswer struct {
	*ocsp.Response
	raw []byte
}

// NewResponders returns a memory without answers. nonces makes every question one
// of its own, so that no old answer can be given again; responders that answer
// from stock do not serve that, and nil asks without, by GET where it fits, so
// that what stands between may keep answers (RFC 5019, Sections 4 and 5). now is
// the clock that answers are held against; nil is time.Now.
func NewResponders(client HTTP, nonces io.Reader, now func() time.Time) *Responders {
	if now == nil {
		now = time.Now
	}
	return &Responders{http: client, nonces: nonces, now: now, answers: map[answerKey]*ocspAnswer{}, failed: map[string]time.Time{}}
}

// Revocation answers from what the responder of a certificate says.
func (r *Responders) Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, error) {
	status, _, err := r.RevocationValue(ctx, cert, issuer, at)
	return status, err
}

// RevocationValue answers with what the responder of a certificate says, and its
// answer. One that is kept and not past its next update is used again. A kept one
// that could not be replaced is used no more, but for revoked for ever.
func (r *Responders) RevocationValue(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, RevocationValue, error) {
	if err := ctx.Err(); err != nil {
		return RevocationStatus{}, RevocationValue{}, err
	}
	key := keyOf(cert, issuer)
	kept := r.kept(key)
	if kept == nil || !r.now().Before(kept.NextUpdate) || kept.ended(r.now()) || at.After(kept.NextUpdate) {
		fault := r.refresh(ctx, key, cert, issuer)
		if ctx.Err() != nil {
			return RevocationStatus{}, RevocationValue{}, ctx.Err()
		}
		if fault != nil && (kept == nil || r.says(kept, cert, issuer, at).State != Revoked) {
			return RevocationStatus{Detail: fault.Error()}, RevocationValue{}, nil
		}
		if fault == nil {
			kept = r.kept(key)
		}
	}
	if kept == nil { // pushed out by others since
		return RevocationStatus{Detail: "the answer was not kept; ask again"}, RevocationValue{}, nil
	}
	return r.says(kept, cert, issuer, at), RevocationValue{OCSP: bytes.Clone(kept.raw)}, nil
}

// says is what an answer says, if its signature can be believed today.
func (r *Responders) says(a *ocspAnswer, cert, issuer *x509.Certificate, at time.Time) RevocationStatus {
	return ocspStatus(a.Response, cert, at).believed(r.Suite.orDefault().answer(a.Response, issuer), later(at, r.now()))
}

// Kept is what RevocationValue answers from the answer at hand, without asking.
func (r *Responders) Kept(cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, RevocationValue) {
	a := r.kept(keyOf(cert, issuer))
	if a == nil {
		return RevocationStatus{}, RevocationValue{}
	}
	return r.says(a, cert, issuer, at), RevocationValue{OCSP: bytes.Clone(a.raw)}
}

func (r *Responders) kept(key answerKey) *ocspAnswer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answers[key]
}

// keep remembers an answer. One older than the one before is refused: somebody may
// have kept it to give it again.
func (r *Responders) keep(key answerKey, a *ocspAnswer) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.answers[key]
	if old != nil && old.ThisUpdate.After(a.ThisUpdate) {
		return fmt.Errorf("%w: it is older than one that was seen", ErrOCSP)
	}
	if old == nil && len(r.answers) >= maxAnswers {
		for k := range r.answers { // any: an answer lost is asked for again
			delete(r.answers, k)
			break
		}
	}
	r.answers[key] = a
	return nil
}

// refresh asks the responders of a certificate in order. Several callers share one
// exchange; nobody's leaving ends it for the others.
func (r *Responders) refresh(ctx context.Context, key answerKey, cert, issuer *x509.Certificate) error {
	done := r.flight.DoChan(string(key[0][:])+string(key[1][:]), func() (any, error) {
		return nil, r.ask(context.WithoutCancel(ctx), key, cert, issuer)
	})
	select {
	case answer := <-done:
		return answer.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *Responders) ask(ctx context.Context, key answerKey, cert, issuer *x509.Certificate) error {
	fault := fmt.Errorf("%w: the certificate names no responder (RFC 5280, Section 4.2.2.1)", ErrOCSP)
	for i, address := range cert.OCSPServer {
		if i == maxAsked {
			break
		}
		a, err := r.exchange(ctx, address, cert, issuer)
		if err == nil {
			err = r.keep(key, a)
		}
		if err == nil {
			return nil
		}
		fault = err
	}
	return fault
}

// exchange asks one responder, unless it failed a moment ago, and makes every check
// of its answer that is not of a certain time.
func (r *Responders) exchange(ctx context.Context, address string, cert, issuer *x509.Certificate) (*ocspAnswer, error) {
	now := r.now()
	r.mu.Lock()
	failed, tried := r.failed[address]
	r.mu.Unlock()
	if tried && now.Sub(failed) < retryAfter {
		return nil, fmt.Errorf("%w: the responder did not answer a moment ago", ErrOCSP)
	}
	a, err := r.answer(ctx, address, cert, issuer)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.failed, address)
		return a, nil
	}
	if errors.Is(err, errExchange) { // a bad answer about one says nothing of others
		if len(r.failed) >= maxAnswers {
			clear(r.failed)
		}
		r.failed[address] = now
	}
	return nil, err
}

func (r *Responders) answer(ctx context.Context, address string, cert, issuer *x509.Certificate) (*ocspAnswer, error) {
	nonce, err := newNonce(r.nonces)
	if err != nil {
		return nil, err
	}
	request, err := ocspRequest(cert, issuer, nonce)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	der, err := exchangeOCSP(ctx, r.http, address, request, nonce == nil)
	if err != nil {
		return nil, err
	}
	response, data, err := readOCSP(der, cert, issuer)
	if err == nil {
		err = data.repeats(nonce)
	}
	if err == nil {
		err = current(response, r.now())
	}
	if err != nil {
		return nil, err
	}
	return &ocspAnswer{response, der}, nil
}

// current refuses an answer that is not of now (RFC 6960, Section 3.2, steps 5 and
// 6; RFC 5019, Sections 2.2.4 and 4): it would tell nothing, or be an old one.
func current(r *ocsp.Response, now time.Time) error {
	switch {
	case r.NextUpdate.IsZero():
		return fmt.Errorf("%w: nextUpdate is missing (RFC 5019, Section 2.2.4)", ErrOCSP)
	case r.NextUpdate.Before(r.ThisUpdate):
		return fmt.Errorf("%w: nextUpdate lies before thisUpdate (RFC 6960, Section 2.4)", ErrOCSP)
	case r.ThisUpdate.After(now.Add(ocspSkew)):
		return fmt.Errorf("%w: thisUpdate lies in the future; check the clock (RFC 6960, Section 4.2.2.1)", ErrOCSP)
	case r.ProducedAt.After(now.Add(ocspSkew)):
		return fmt.Errorf("%w: producedAt lies in the future; check the clock (RFC 6960, Section 4.2.2.1)", ErrOCSP)
	case r.ProducedAt.Add(ocspSkew).Before(r.ThisUpdate):
		return fmt.Errorf("%w: it was produced before what it says was known (RFC 6960, Section 2.4)", ErrOCSP)
	case !now.Before(r.NextUpdate):
		return fmt.Errorf("%w: nextUpdate has passed (RFC 6960, Section 4.2.2.1)", ErrOCSP)
	case delegateEnded(r, now):
		return fmt.Errorf("%w: the certificate of its signer has ended (RFC 6960, Section 4.2.2.2.1)", ErrOCSP)
	}
	return nil
}

// delegateEnded reports whether the certificate that the issuer delegated to has run
// out. Nobody says of it whether it was revoked, but for as long as it is valid, and
// when the answer was produced it says itself.
func delegateEnded(r *ocsp.Response, now time.Time) bool {
	return r.Certificate != nil && now.After(r.Certificate.NotAfter)
}

func (a *ocspAnswer) ended(now time.Time) bool { return delegateEnded(a.Response, now) }
