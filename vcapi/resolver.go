package vcapi

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/did"
)

// Resolver retrieves the documents of those who sign, by the identifiers in
// their proofs.
type Resolver struct {
	fetcher  did.Fetcher
	loopback bool
}

// NewResolver resolves did:key and did:jwk, and with a Fetcher also did:web and
// https URLs of controlled identifier documents. The identifiers are input: the
// Fetcher must bear that. insecureLoopback is did.WebMethod's.
func NewResolver(f did.Fetcher, insecureLoopback bool) *Resolver {
	return &Resolver{fetcher: f, loopback: insecureLoopback}
}

// Resolve implements did.Resolver, and takes https URLs too.
func (r *Resolver) Resolve(ctx context.Context, id string) (*did.Document, error) {
	switch {
	case strings.HasPrefix(id, "did:key:"):
		return did.KeyMethod{}.Resolve(ctx, id)
	case strings.HasPrefix(id, "did:jwk:"):
		return did.JWKMethod{}.Resolve(ctx, id)
	case r.fetcher == nil:
		return nil, fmt.Errorf("%w: did:key and did:jwk are; others are fetched only if the operator allows it (vc_api.network)", did.ErrMethod)
	case strings.HasPrefix(id, "did:web:"):
		return did.WebMethod{Fetch: r.fetcher, InsecureLoopback: r.loopback}.Resolve(ctx, id)
	case strings.HasPrefix(id, "https://"):
		return r.controlled(ctx, id)
	default:
		return nil, fmt.Errorf("%w: expected did:key, did:jwk, did:web or an https URL", did.ErrMethod)
	}
}

// controlled fetches a controlled identifier document (Controlled Identifiers
// 1.0, Section 3.3).
func (r *Resolver) controlled(ctx context.Context, id string) (*did.Document, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	b, _, err := r.fetcher.Fetch(ctx, id, "application/cid, application/did, application/ld+json;q=0.9, application/json;q=0.8")
	if err != nil {
		return nil, fmt.Errorf("fetching a controlled identifier document: %w", err)
	}
	doc, err := did.ParseDocument(b)
	if err != nil {
		return nil, err
	}
	if doc.ID != id {
		return nil, fmt.Errorf("%w: its id is not the URL it was fetched from", did.ErrDocument)
	}
	return doc, nil
}
