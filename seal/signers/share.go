package signers

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"fmt"
	"io"
	"time"
)

// For is the signer as one tenant may use it.
func (q *Queue) For(tenant string) Signer { return &share{q, tenant, q.signer, q.opts.Observer} }

// Key is another key of a tenant that takes slots of the same capacity: tenants
// have keys of their own in one token, or in one machine. The observer, which may be
// nil, is told of the signatures of this key alone.
func (q *Queue) Key(tenant string, key crypto.Signer, o Observer) Signer {
	return &share{q, tenant, key, o}
}

type share struct {
	queue    *Queue
	tenant   string
	key      crypto.Signer
	observer Observer
}

// Public is the signer's public key.
func (s *share) Public() crypto.PublicKey { return s.key.Public() }

// Sign waits for the tenant's turn, however long it takes, and signs.
func (s *share) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.sign(context.Background(), random, digest, opts)
}

// SignContext waits for the tenant's turn and signs.
func (s *share) SignContext(ctx context.Context, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.sign(ctx, rand.Reader, digest, opts)
}

func (s *share) sign(ctx context.Context, random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	q := s.queue
	start := q.opts.Now()
	if err := q.enter(ctx, s.tenant); err != nil {
		q.count(s.tenant, err, false)
		s.tell(q.opts.Now().Sub(start), 0, err)
		return nil, err
	}
	begun := q.opts.Now()
	sig, err := q.ask(ctx, s.key, random, digest, opts)
	q.count(s.tenant, err, true)
	s.tell(begun.Sub(start), q.opts.Now().Sub(begun), err)
	return sig, err
}

// ask holds a slot as long as the signer is at it. One that knows no context is
// left to itself when the caller gives up, and keeps its slot.
func (q *Queue) ask(ctx context.Context, key crypto.Signer, random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if s, ok := key.(Signer); ok {
		defer q.leave()
		return s.SignContext(ctx, digest, opts)
	}
	if ctx.Done() == nil {
		defer q.leave()
		return key.Sign(random, digest, opts)
	}
	type answer struct {
		sig []byte
		err error
	}
	done := make(chan answer, 1)
	digest = bytes.Clone(digest) // read after the caller has gone
	go func() {
		defer q.leave()
		sig, err := key.Sign(random, digest, opts)
		done <- answer{sig, err}
	}()
	select {
	case a := <-done:
		return a.sig, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", ErrUncertain, ctx.Err())
	}
}

func (s *share) tell(waited, took time.Duration, err error) {
	if s.observer != nil {
		s.observer.Signed(s.tenant, waited, took, err)
	}
}

// count counts a signature. Only what the signer was asked says how it is.
func (q *Queue) count(tenant string, err error, asked bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.line(tenant)
	if err == nil {
		l.signed++
		q.failing, q.lastSigned = 0, q.opts.Now()
		return
	}
	l.failed++
	if asked {
		q.failing++
		q.lastError, q.lastFailed = err, q.opts.Now()
	}
}
