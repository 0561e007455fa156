package seal_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/cputime"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/signers"
)

// patient is a key that can be waited for.
type patient struct {
	crypto.Signer
	seen context.Context
}

func (p *patient) SignContext(ctx context.Context, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if p.seen = ctx; ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return p.Signer.Sign(nil, digest, o)
}

func (p *patient) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("without a context")
}

func TestSealWithContext(t *testing.T) {
	h := newHierarchy(t)
	plain, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	key := &patient{}
	s, err := plain.Through(func(k crypto.Signer) crypto.Signer { key.Signer = k; return key })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	compact, err := s.WithContext(ctx).SignCompact("vc+jwt", now, []byte(`{}`))
	if err != nil || key.seen != ctx {
		t.Fatal(err)
	}
	token, err := jose.Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Verify(s.Certificate().PublicKey); err != nil {
		t.Error(err)
	}
	cancel()
	if got, err := s.WithContext(ctx).SignCompact("vc+jwt", now, []byte(`{}`)); !errors.Is(err, context.Canceled) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
	// For signatures that are no JWS too.
	signer, err := s.WithContext(ctx).Signer(now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Sign(nil, make([]byte, 32), crypto.SHA256); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// A key that knows no context signs as always.
	if _, err := plain.WithContext(ctx).SignCompact("vc+jwt", now, []byte(`{}`)); err != nil {
		t.Error(err)
	}
}

func TestThroughAnotherKey(t *testing.T) {
	h := newHierarchy(t)
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Through(func(crypto.Signer) crypto.Signer { return h.Status.Key }); !errors.Is(err, seal.ErrSealer) {
		t.Error(err)
	}
}

// ready is a key that can be waited for and never lets wait.
type ready struct{ crypto.Signer }

func (k ready) SignContext(_ context.Context, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	return k.Sign(nil, digest, o)
}

// BenchmarkThroughQueue is what a tenant's share of a queue costs: the processor
// time of a seal in it, as issuance makes one, to a seal with the bare key. With
// more callers than slots most of them wait for their turn.
func BenchmarkThroughQueue(b *testing.B) {
	h := newHierarchy(b)
	bare, err := h.Sealer("", clock)
	if err != nil {
		b.Fatal(err)
	}
	payload := make([]byte, 1800)
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			var queue *signers.Queue
			through, err := bare.Through(func(k crypto.Signer) crypto.Signer {
				q, err := signers.NewQueue(ready{k}, signers.QueueOptions{Slots: 8})
				if err != nil {
					b.Fatal(err)
				}
				queue = q
				return q.For("tenant")
			})
			if err != nil {
				b.Fatal(err)
			}
			const each = 16
			run := func(seal func() error) time.Duration {
				before := cputime.Used()
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						for range each {
							if err := seal(); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				return cputime.Used() - before
			}
			var queued, alone time.Duration
			for b.Loop() {
				queued += run(func() error {
					ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
					defer cancel()
					_, err := through.WithContext(ctx).SignCompact("dc+sd-jwt", now, payload)
					return err
				})
				alone += run(func() error {
					_, err := bare.SignCompact("dc+sd-jwt", now, payload)
					return err
				})
			}
			if signed := queue.Status().Tenants["tenant"].Signed; signed != uint64(b.N*callers*each) {
				b.Errorf("%d signatures went through the queue", signed)
			}
			b.ReportMetric(float64(queued)/float64(alone), "x-bare-seal")
		})
	}
}
