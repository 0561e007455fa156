package signin

import (
	"context"
	"fmt"

	"github.com/coreos/go-oidc/v3/oidc"
)

// asking is a question for the provider's metadata that is under way.
type asking struct {
	done     chan struct{} // closed when the rest is set
	provider *oidc.Provider
	err      error
}

// discover reads the provider's metadata once; a failure is tried again at the
// next sign-in. Sign-ins at the same time wait for one question, each as long
// as its own context says: a provider that is slow holds nobody up for longer.
func (r *RelyingParty) discover(ctx context.Context) (*oidc.Provider, error) {
	r.mu.Lock()
	if r.provider != nil {
		defer r.mu.Unlock()
		return r.provider, nil
	}
	a := r.asking
	if a == nil {
		a = &asking{done: make(chan struct{})}
		r.asking = a
		// It outlives this request, as others wait for it too, and ends with the
		// timeout of the client. The provider keeps the context for fetching keys.
		go r.ask(context.WithoutCancel(ctx), a)
	}
	r.mu.Unlock()
	select {
	case <-a.done:
		return a.provider, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: metadata of %s: %w", ErrProvider, r.c.Issuer, ctx.Err())
	}
}

func (r *RelyingParty) ask(ctx context.Context, a *asking) {
	a.provider, a.err = oidc.NewProvider(oidc.ClientContext(ctx, r.client()), r.c.Issuer)
	if a.err != nil {
		a.provider, a.err = nil, fmt.Errorf("%w: metadata of %s: %w", ErrProvider, r.c.Issuer, a.err)
	}
	r.mu.Lock()
	r.provider, r.asking = a.provider, nil
	r.mu.Unlock()
	close(a.done)
}
