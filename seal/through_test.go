package seal_test

import (
	"context"
	"crypto"
	"errors"
	"io"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
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
