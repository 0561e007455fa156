//go:build cgo

package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Available says whether this program can load PKCS #11 libraries.
const Available = true

// Token is an open token. It may be used by many at once.
type Token struct {
	cfg    Config
	lib    *library
	serial string // of the claim

	work sync.WaitGroup // goroutines that are in the library, or may be

	mu      sync.Mutex // guards what follows
	closed  bool
	link    *link         // nil when the token is away
	former  []*link       // whose idle sessions are to be closed
	attempt chan struct{} // closed when the attempt to connect that is under way ends
	tried   time.Time     // when the last attempt began
	since   time.Time
	reason  error
	refused string // the PIN the token said no to
	logins  uint64

	signatures, failures, uncertain atomic.Uint64
}

// Open loads the library, finds the token and logs in. Close it when nobody
// signs any more. Errors are ErrConfig, ErrToken, ErrPIN, ErrPINLocked and
// ErrAway.
func Open(ctx context.Context, c Config) (*Token, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	type answer struct {
		token *Token
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		t, err := open(ctx, c)
		done <- answer{t, err}
	}()
	select {
	case a := <-done:
		return a.token, a.err
	case <-ctx.Done():
		go func() { // the library may come back yet
			if a := <-done; a.err == nil {
				_ = a.token.Close()
			}
		}()
		return nil, fmt.Errorf("%w: opening %q: %w", ErrAway, c.Token, ctx.Err())
	}
}

func open(ctx context.Context, c Config) (*Token, error) {
	lib, err := use(c.Module)
	if err != nil {
		return nil, err
	}
	t := &Token{cfg: c, lib: lib, tried: c.Now()}
	l, err := t.login(ctx)
	if err != nil {
		return nil, errors.Join(err, lib.leave())
	}
	t.linked(l)
	return t, nil
}

// Close ends the sessions, and the library where this was its last Token. It
// waits for the calls under way, up to the timeout; if they do not end the
// library is left as it is and Close says so.
func (t *Token) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	t.drop(ErrClosed)
	t.mu.Unlock()

	idle := make(chan struct{})
	go func() {
		t.work.Wait()
		t.hangUp()
		close(idle)
	}()
	timer := time.NewTimer(t.cfg.Timeout)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
		return fmt.Errorf("%w: closing %q: a call into the library does not end", ErrAway, t.cfg.Token)
	}
	t.lib.unclaim(t.serial)
	return t.lib.leave()
}

// Status says how the token is. It asks the token nothing: Ping does.
func (t *Token) Status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Status{
		Connected: t.link != nil, Since: t.since, Reason: t.reason, Logins: t.logins,
		Signatures: t.signatures.Load(), Failures: t.failures.Load(), Uncertain: t.uncertain.Load(),
	}
	if t.link != nil {
		s.Sessions, s.Busy = t.link.size, t.link.size-len(t.link.idle)
	}
	return s
}

// begin counts a goroutine that goes into the library.
func (t *Token) begin() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	t.work.Add(1)
	return nil
}

// connected is the link in use, made anew if need be. One attempt at a time is
// made, no more often than Retry, and all wait for it.
func (t *Token) connected(ctx context.Context) (*link, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return nil, ErrClosed
	case t.link != nil:
		return t.link, nil
	case t.attempt == nil:
		if t.cfg.Now().Sub(t.tried) < t.cfg.Retry {
			return nil, t.away()
		}
		t.tried = t.cfg.Now()
		t.attempt = make(chan struct{})
		t.work.Add(1)
		go t.reconnect(t.attempt)
	}
	ended := t.attempt
	t.mu.Unlock()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = fmt.Errorf("%w: connecting to %q: %w", ErrAway, t.cfg.Token, ctx.Err())
	}
	t.mu.Lock()
	switch {
	case err != nil:
		return nil, err
	case t.closed:
		return nil, ErrClosed
	case t.link == nil:
		return nil, t.away()
	}
	return t.link, nil
}

func (t *Token) away() error {
	return fmt.Errorf("%w: %q, since %s: %w", ErrAway, t.cfg.Token, t.since.UTC().Format(time.RFC3339), t.reason)
}

// reconnect is one attempt. Nobody's context bounds it, because all wait for
// it; the timeout does.
func (t *Token) reconnect(ended chan struct{}) {
	defer t.work.Done()
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.Timeout)
	defer cancel()
	t.hangUp()
	l, err := t.login(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.attempt = nil
	defer close(ended)
	switch {
	case err != nil:
		t.reason = err
	case t.closed:
		t.former = append(t.former, l) // Close hangs up after this
	default:
		t.linked(l)
	}
}

// linked takes a link into use; with mu, or before anybody knows t.
func (t *Token) linked(l *link) {
	t.link, t.reason, t.since = l, nil, t.cfg.Now()
	t.logins++
}

// lose ends the use of a link.
func (t *Token) lose(l *link, reason error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.link == l {
		t.drop(reason)
	}
}

// drop is lose with mu.
func (t *Token) drop(reason error) {
	if t.link == nil {
		return
	}
	t.link.kill()
	t.former = append(t.former, t.link)
	t.link, t.reason, t.since = nil, reason, t.cfg.Now()
}

// hangUp closes the idle sessions of links that are no longer used.
func (t *Token) hangUp() {
	t.mu.Lock()
	former := t.former
	t.former = nil
	t.mu.Unlock()
	for _, l := range former {
		l.closeIdle(t.lib)
	}
}
