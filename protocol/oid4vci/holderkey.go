package oid4vci

import (
	"context"
	"crypto"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/did"
)

// HolderKeys finds the key of a holder's DID URL for authentication
// (Controlled Identifiers 1.0, Section 3.3), as ProofPolicy.ResolveKid wants
// it. resolvers are by DID method; now is when the key must be in use.
func HolderKeys(resolvers map[string]did.Resolver, now func() time.Time) func(context.Context, string) (crypto.PublicKey, error) {
	return func(ctx context.Context, url string) (crypto.PublicKey, error) {
		u, err := did.ParseURL(url)
		if err != nil {
			return nil, err
		}
		// A path or query would name something else than a key of the document.
		if u.Fragment == "" || u.Path != "" || u.Query != "" {
			return nil, fmt.Errorf("%w: expected a DID with a fragment alone", did.ErrSyntax)
		}
		resolver, ok := resolvers[u.DID.Method]
		if !ok {
			return nil, did.ErrMethod
		}
		doc, err := resolver.Resolve(ctx, u.DID.String())
		if err != nil {
			return nil, err
		}
		return doc.Method(url, did.Authentication, now())
	}
}

// SelfContained are the DID methods whose document is computed from the DID
// itself: nothing is fetched for a stranger.
func SelfContained() map[string]did.Resolver {
	return map[string]did.Resolver{"key": did.KeyMethod{}, "jwk": did.JWKMethod{}}
}
