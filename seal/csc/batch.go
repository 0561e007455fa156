package csc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// job is one signature that somebody waits for.
type job struct {
	digest []byte
	since  time.Time
	done   chan outcome // of one
	batch  *batch       // once it is under way
	gone   bool         // nobody waits for it
}

type outcome struct {
	signature []byte
	err       error
}

// batch is what goes to the provider together.
type batch struct {
	jobs   []*job
	left   int // who still wait; under the signer's mu
	cancel context.CancelFunc
	state  atomic.Int32
}

// The states of a batch. Who takes it out of begun decides: the run that goes
// on to signHash, or the last to give up.
const (
	begun int32 = iota
	asked
	dropped
)

var errDropped = errors.New("nobody waits any more")

// enqueue lets a job wait for its batch.
func (s *Signer) enqueue(j *job) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case len(s.waiting) >= s.opts.Queue:
		s.count(ErrBusy)
		return fmt.Errorf("%w: %d signatures wait already", ErrBusy, len(s.waiting))
	}
	j.since = time.Now()
	s.waiting = append(s.waiting, j)
	s.dispatch()
	return nil
}

// dispatch sends batches off while there is room: full ones, and those whose
// first job has waited long enough. With mu.
func (s *Signer) dispatch() {
	for s.underWay < s.opts.Parallel && len(s.waiting) > 0 && !s.closed {
		if due := s.opts.Wait - time.Since(s.waiting[0].since); due > 0 && len(s.waiting) < s.batch {
			s.wake(due)
			return
		}
		n := min(len(s.waiting), s.batch)
		ctx, cancel := context.WithCancel(s.life)
		b := &batch{jobs: slices.Clone(s.waiting[:n]), left: n, cancel: cancel}
		s.waiting = slices.Delete(s.waiting, 0, n)
		for _, j := range b.jobs {
			j.batch = b
		}
		s.underWay++
		s.work.Add(1)
		go s.run(ctx, b, s.activationOf(b))
	}
}

// wake looks again when the first job is due. With mu.
func (s *Signer) wake(due time.Duration) {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.timer = time.AfterFunc(due, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dispatch()
	})
}

func (s *Signer) activationOf(b *batch) activation {
	a := s.auth
	a.hashes = nil
	for _, j := range b.jobs {
		a.hashes = append(a.hashes, j.digest)
	}
	return a
}

// giveUp takes a job out. What came for it in the same moment is handed out.
func (s *Signer) giveUp(j *job, why error) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case out := <-j.done:
		return out.signature, out.err
	default:
	}
	j.gone = true
	err := s.abandon(j, why)
	s.count(err)
	return nil, err
}

// abandon says what giving up means for a job. With mu.
func (s *Signer) abandon(j *job, why error) error {
	if j.batch == nil {
		s.waiting = slices.DeleteFunc(s.waiting, func(w *job) bool { return w == j })
		return fmt.Errorf("%w: waiting for its turn: %w", ErrBusy, why)
	}
	j.batch.left--
	if j.batch.left == 0 {
		j.batch.cancel()
		if j.batch.state.CompareAndSwap(begun, dropped) {
			return fmt.Errorf("%w: authorizing: %w", ErrBusy, why)
		}
	}
	return fmt.Errorf("%w: %w", ErrUncertain, why)
}

// run takes a batch to the provider and hands out what comes back.
func (s *Signer) run(ctx context.Context, b *batch, a activation) {
	defer s.work.Done()
	defer b.cancel()
	s.batches.Add(1)
	signed, err := s.sign(ctx, b, a)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.underWay--
	s.last = err
	for i, j := range b.jobs {
		if j.gone {
			continue
		}
		out := outcome{err: err}
		if err == nil {
			out.signature = signed[i]
		}
		s.count(err)
		j.done <- out
	}
	s.dispatch()
}

func (s *Signer) count(err error) {
	if err == nil {
		s.signatures.Add(1)
		return
	}
	s.failures.Add(1)
	if errors.Is(err, ErrUncertain) {
		s.uncertain.Add(1)
	}
}

// sign authorizes the hashes of a batch, has them signed, and verifies what
// comes back, in their order. One signature that does not verify makes the
// whole answer worthless: nobody knows whose the others are.
func (s *Signer) sign(ctx context.Context, b *batch, a activation) ([][]byte, error) {
	auth, err := s.authorize(ctx, a)
	if err != nil {
		return nil, err
	}
	if !b.state.CompareAndSwap(begun, asked) {
		return nil, fmt.Errorf("%w: %w", ErrBusy, errDropped)
	}
	signed, err := s.client.signHash(ctx, a, s.scheme, auth)
	if err != nil {
		return nil, err
	}
	for i, sig := range signed {
		if signed[i], err = s.scheme.signature(s.Public(), a.hashes[i], sig); err != nil {
			return nil, fmt.Errorf("%w: signatures[%d] of %d: %w", ErrUncertain, i, len(signed), err)
		}
	}
	return signed, nil
}

func (s *Signer) authorize(ctx context.Context, a activation) (authorization, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.AuthorizeTimeout)
	defer cancel()
	auth, err := s.opts.Authorizer.authorize(ctx, s.client, a)
	if err != nil {
		return authorization{}, err
	}
	if auth.sad == "" && auth.bearer == "" {
		return authorization{}, fmt.Errorf("%w: the authorizer gave no authorization", ErrConfig)
	}
	if !s.client.cfg.Now().Before(auth.expiry) {
		return authorization{}, fmt.Errorf("%w: the authorization had run out when it came", ErrAway)
	}
	return auth, nil
}
