package main

import (
	"context"
	"crypto"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust"
)

// statusTrust accepts status lists signed by a revocation service of the list
// of PuB-EAA providers (ETSI TS 119 602, Annex H).
func statusTrust(t trusted, now func() time.Time) status.Trust {
	return func(_ context.Context, token *jose.Token) (crypto.PublicKey, error) {
		path, err := t.store.X5C(token.Header.X5C, trust.UseStatus, now())
		if err != nil {
			return nil, err
		}
		if _, err := t.store.Provider(path, trust.Revocation, nil, now()); err != nil {
			return nil, err
		}
		return path.Leaf().PublicKey, nil
	}
}
