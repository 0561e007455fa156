package verifier

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

const specStatus = "Token Status List, Section 8.3"

// notStanding says why a credential is not to be relied on; nothing when it
// stands. What cannot be found out counts as a reason.
func (v *Verifier) notStanding(ctx context.Context, c *sdjwt.Verified, s seal.Validation) (string, error) {
	if c.Status == nil {
		return "the credential has no status that could be checked", nil
	}
	ref, err := status.ParseClaim(c.Status)
	if err != nil {
		return err.Error(), nil
	}
	value, err := v.c.Statuses.Check(ctx, ref, v.statusTrust(s))
	if ended := ctx.Err(); ended != nil {
		return "", ended // nothing was found out: the wallet may send again
	}
	if err != nil {
		return err.Error(), nil
	}
	switch value {
	case status.Valid:
		return "", nil
	case status.Invalid:
		return "the credential is revoked", nil
	case status.Suspended:
		return "the credential is suspended", nil
	default:
		return "the status is " + value.String(), nil
	}
}

var statusAlgs = []jose.Alg{jose.ES256, jose.ES384}

// statusTrust gives the key of a status list that the credential's own
// provider signed: by a listed revocation service with the same registration,
// with a certificate that is not revoked (Token Status List, Section 11.3; ETSI
// TS 119 602, Annex H).
func (v *Verifier) statusTrust(s seal.Validation) status.Trust {
	return func(ctx context.Context, t *jose.Token) (crypto.PublicKey, error) {
		if s.Provider == nil {
			return nil, errors.New("the credential has no listed provider, so nobody is known to sign its status")
		}
		if !slices.Contains(statusAlgs, t.Header.Alg) {
			return nil, fmt.Errorf("alg must be one of %v", statusAlgs)
		}
		now, store := v.c.Now(), v.c.Seals.Trust
		path, err := store.X5C(t.Header.X5C, trust.UseStatus, now)
		if err != nil {
			return nil, err
		}
		p, err := store.Provider(path, trust.Revocation, nil, now)
		if err != nil {
			return nil, err
		}
		if p.Registration != s.Provider.Registration {
			return nil, errors.New("the list is signed for another provider than the credential's")
		}
		if err := v.notRevoked(ctx, path); err != nil {
			return nil, err
		}
		return path.Leaf().PublicKey, nil
	}
}

// notRevoked asks about the certificates of a path below its anchor, as
// strictly as seals are. A certificate that stands in the list itself is the
// anchor: there the list's own status is what counts.
func (v *Verifier) notRevoked(ctx context.Context, path *trust.Path) error {
	lax := v.c.Seals.InsecureAcceptUnknownRevocation
	for i, c := range path.Certificates[:len(path.Certificates)-1] {
		r := trust.RevocationStatus{Detail: "no source of revocation is configured"}
		if v.c.Seals.Revocation != nil {
			var err error
			if r, err = v.c.Seals.Revocation.Revocation(ctx, c, path.Certificates[i+1], v.c.Now()); err != nil {
				return fmt.Errorf("asking about the status signer's certificate: %w", err)
			}
		}
		if r.State != trust.Good && !(r.State == trust.Unknown && lax) {
			return fmt.Errorf("the status signer's certificate is %s: %s", r.State, r.Detail)
		}
	}
	return nil
}
