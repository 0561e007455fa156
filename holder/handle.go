package holder

import (
	"context"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	protocol "github.com/zegel-id/zegel/protocol/vault"
)

// Handle signs a vault handle for an issuer: that there is a vault, under a
// pseudonym that no other issuer knows. Only issuers that would hear of the
// vault's deletion get one. It begins a fetch, which is logged as such.
func (h *Holder) Handle(ctx context.Context, r Request, issuer string) (string, error) {
	if _, ok := h.issuers[issuer]; !ok {
		return "", ErrIssuer
	}
	v, err := h.active(ctx, r.Citizen)
	if err != nil {
		return "", err
	}
	if err := h.use(ctx, r, v.vault, audit.Event{Kind: audit.Fetch, Organisation: issuer, Detail: "handle"}); err != nil {
		return "", err
	}
	return protocol.Sign(h.c.HandleKey, h.c.URL, issuer, h.pairwise(v.s.UUID, issuer), h.now())
}

// pairwise is the vault's pseudonym for one issuer.
func (h *Holder) pairwise(uuid, issuer string) string {
	return h.keyed("pairwise", uuid, issuer)
}

// HandleKeys are the public keys that handles are verified with.
func (h *Holder) HandleKeys() ([]jose.JWK, error) {
	k, err := jose.PublicJWK(h.c.HandleKey.Public())
	if err != nil {
		return nil, err
	}
	k.Kid, k.Use, k.Alg = k.Thumbprint(), "sig", string(jose.ES256)
	return []jose.JWK{k}, nil
}
