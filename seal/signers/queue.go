package signers

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrQueueFull means that a tenant has as many signatures waiting as it may.
// Nothing was signed. It is ErrUnavailable too.
var ErrQueueFull = fmt.Errorf("too many signatures of this tenant wait already: %w", ErrUnavailable)

// ErrOptions is returned for options that no Queue can be made with.
var ErrOptions = errors.New("options of a signing queue")

// DefaultLimit is how many signatures of a tenant may wait.
const DefaultLimit = 1000

// QueueOptions say how capacity is shared.
type QueueOptions struct {
	// Slots is how many signatures the signer makes at once: the sessions of a
	// token, or batches times their size.
	Slots int
	// Limit is how many signatures of one tenant may wait; 0 is DefaultLimit.
	Limit int
	// Weights are the turns a tenant gets in a round, 1 for who is not named.
	Weights map[string]int
	// Observer is told of each signature of For; nil is nobody.
	Observer Observer
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Observer is told how each signature went: how long it waited for its turn,
// how long the signer took (0 if its turn did not come), and the error.
type Observer interface {
	Signed(tenant string, waited, took time.Duration, err error)
}

// Queue shares the capacity of a signer between tenants. While there is a free
// slot nobody waits. Otherwise tenants take turns, so that one with many
// signatures waiting delays another by no more than a round.
type Queue struct {
	signer crypto.Signer
	opts   QueueOptions

	mu    sync.Mutex // guards what follows
	free  int
	lines map[string]*line
	round []*line // those with somebody waiting, in the order of their turns

	lastSigned, lastFailed time.Time
	lastError              error
	failing                int
}

// line is what waits of one tenant, first come first served.
type line struct {
	waiting []*turn
	weight  int
	turns   int // left in this round

	signed, failed uint64
}

// turn is somebody who waits.
type turn struct {
	since time.Time
	ready chan struct{} // closed when a slot is theirs
}

// NewQueue makes a Queue before a signer.
func NewQueue(s crypto.Signer, o QueueOptions) (*Queue, error) {
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if s == nil || o.Slots < 1 || o.Limit < 1 {
		return nil, fmt.Errorf("%w: a signer, a slot and a place to wait are the least", ErrOptions)
	}
	for tenant, w := range o.Weights {
		if w < 1 || w > 1000 {
			return nil, fmt.Errorf("%w: weight of tenant %q is %d, expected 1 to 1000", ErrOptions, tenant, w)
		}
	}
	return &Queue{signer: s, opts: o, free: o.Slots, lines: map[string]*line{}}, nil
}

// enter takes a slot, or waits for the tenant's turn.
func (q *Queue) enter(ctx context.Context, tenant string) error {
	q.mu.Lock()
	if ctx.Err() != nil {
		q.mu.Unlock()
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return nil
	}
	l := q.line(tenant)
	if len(l.waiting) >= q.opts.Limit {
		q.mu.Unlock()
		return ErrQueueFull
	}
	t := &turn{q.opts.Now(), make(chan struct{})}
	if len(l.waiting) == 0 {
		l.turns = l.weight
		q.round = append(q.round, l)
	}
	l.waiting = append(l.waiting, t)
	q.mu.Unlock()
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
		return q.giveUp(l, t, ctx.Err())
	}
}

// giveUp takes a turn out of its line, or hands on the slot that it got in the
// same moment.
func (q *Queue) giveUp(l *line, t *turn, why error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-t.ready:
		q.next()
	default:
		l.waiting = slices.DeleteFunc(l.waiting, func(w *turn) bool { return w == t })
		if len(l.waiting) == 0 {
			q.round = slices.DeleteFunc(q.round, func(other *line) bool { return other == l })
		}
	}
	return fmt.Errorf("%w: waiting for a turn: %w", ErrUnavailable, why)
}

// leave gives a slot back.
func (q *Queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.next()
}

// next hands a slot to who is first in this round; with mu.
func (q *Queue) next() {
	if len(q.round) == 0 {
		q.free++
		return
	}
	l := q.round[0]
	t := l.waiting[0]
	l.waiting = l.waiting[1:]
	close(t.ready)
	l.turns--
	switch {
	case len(l.waiting) == 0:
		q.round = q.round[1:]
		l.waiting = nil
	case l.turns == 0: // to the end of the round
		q.round = append(q.round[1:], l)
		l.turns = l.weight
	}
}

// line is the line of a tenant; with mu. Tenants are few and configured, so
// lines stay.
func (q *Queue) line(tenant string) *line {
	l := q.lines[tenant]
	if l == nil {
		l = &line{weight: max(1, q.opts.Weights[tenant])}
		q.lines[tenant] = l
	}
	return l
}
