package csc

import (
	"context"
	"fmt"
	"sync"
)

// turn is a mutex that is waited for no longer than a context. The zero value
// is ready.
type turn struct {
	once sync.Once
	held chan struct{}
}

// wait takes the turn; done gives it back.
func (t *turn) wait(ctx context.Context) (done func(), err error) {
	t.once.Do(func() { t.held = make(chan struct{}, 1) })
	select {
	case t.held <- struct{}{}:
		return func() { <-t.held }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: waiting for another call: %w", ErrAway, ctx.Err())
	}
}
