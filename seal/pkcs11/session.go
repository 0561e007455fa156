//go:build cgo

package pkcs11

import (
	"context"
	"errors"
	"fmt"

	p11 "github.com/miekg/pkcs11"
)

// attempts is how often a piece of work is begun: once more after the login was
// lost.
const attempts = 2

var (
	// errLate: the caller stopped waiting while the library was at work.
	errLate = errors.New("the library did not answer in time")
	// errDirty: the session has begun something that it will not end.
	errDirty = errors.New("given up before the end")
)

// withSession runs f with a session of its own and waits for it no longer than
// ctx, or the timeout. When f loses the login the link is given up and f runs
// once more on the next, unless its error is ErrUncertain; also once more when
// its session was in the middle of something.
func withSession[T any](ctx context.Context, t *Token, f func(*p11.Ctx, *link, p11.SessionHandle) (T, error)) (v T, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	for range attempts {
		l, s, away := t.borrow(ctx)
		if away != nil {
			return v, away
		}
		v, err = inLibrary(ctx, t, l, s, f)
		if err == nil || errors.Is(err, ErrUncertain) || !lost(err) && code(err) != p11.CKR_OPERATION_ACTIVE {
			return v, err
		}
	}
	return v, fmt.Errorf("%w: %q: %w", ErrAway, t.cfg.Token, err)
}

// inLibrary gives the session back when f returns, which may be after it has
// returned itself: a library cannot be interrupted.
func inLibrary[T any](ctx context.Context, t *Token, l *link, s p11.SessionHandle, f func(*p11.Ctx, *link, p11.SessionHandle) (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	if err := t.begin(); err != nil {
		l.put(t.lib, s)
		return *new(T), err
	}
	done := make(chan answer, 1)
	go func() {
		defer t.work.Done()
		var a answer
		a.err = t.lib.call(ctx, l.generation, func(c *p11.Ctx) (err error) {
			a.value, err = f(c, l, s)
			if errors.Is(err, errDirty) || code(err) == p11.CKR_OPERATION_ACTIVE {
				s, err = t.renew(c, l, s, err)
			}
			return err
		})
		if lost(a.err) {
			t.lose(l, a.err)
		}
		l.put(t.lib, s)
		done <- a
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-done: // both at once
		return a.value, a.err
	default:
		return *new(T), fmt.Errorf("%w: %w", errLate, ctx.Err())
	}
}

// renew puts a new session in the place of one that was left in the middle of
// something.
func (t *Token) renew(c *p11.Ctx, l *link, s p11.SessionHandle, why error) (p11.SessionHandle, error) {
	fresh, err := c.OpenSession(l.slot, p11.CKF_SERIAL_SESSION)
	if err != nil { // the token allows no more: begin anew with all of them
		t.lose(l, why)
		return s, why
	}
	_ = c.CloseSession(s)
	return fresh, why
}

// borrow takes a session out of the pool.
func (t *Token) borrow(ctx context.Context) (*link, p11.SessionHandle, error) {
	for {
		l, err := t.connected(ctx)
		if err != nil {
			return nil, 0, err
		}
		select {
		case s := <-l.idle:
			return l, s, nil
		case <-l.dead:
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("%w: %d of %q: %w", ErrBusy, l.size, t.cfg.Token, ctx.Err())
		}
	}
}

// Ping asks the token whether it is there and logged in, and reaches for it if
// it was away.
func (t *Token) Ping(ctx context.Context) error {
	_, err := withSession(ctx, t, func(c *p11.Ctx, l *link, s p11.SessionHandle) (none struct{}, err error) {
		if _, err := c.GetTokenInfo(l.slot); err != nil {
			return none, fmt.Errorf("asking for the token: %w", err)
		}
		info, err := c.GetSessionInfo(s)
		if err == nil && info.State != p11.CKS_RO_USER_FUNCTIONS {
			err = p11.Error(p11.CKR_USER_NOT_LOGGED_IN)
		}
		if err != nil {
			return none, fmt.Errorf("asking for a session: %w", err)
		}
		return none, nil
	})
	return t.unavailable(err)
}

// unavailable names the errors of a token that did not answer.
func (t *Token) unavailable(err error) error {
	if errors.Is(err, errLate) && !errors.Is(err, ErrUncertain) {
		return fmt.Errorf("%w: %q: %w", ErrAway, t.cfg.Token, err)
	}
	return err
}
