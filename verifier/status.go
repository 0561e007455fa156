package verifier

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

const (
	specStatus = "Token Status List, Section 8.3"
	noProvider = "the credential has no listed provider, so nobody is known to sign its status"
)

// standing is what the status of a credential says.
type standing struct {
	// against says why it is not to be relied on; empty when it stands. What
	// cannot be found out counts as a reason.
	against string
	// unavailable: nobody says anything bad of it, the list is just not there.
	unavailable bool
	// token is the list that was relied on, and signed when that was made.
	token  *jose.Token
	signed time.Time
}

// status looks a credential up.
func (v *Verifier) status(ctx context.Context, c *format.Verified, s seal.Validation) (standing, error) {
	if c.Format.W3C() {
		return v.bitstring(ctx, c, s)
	}
	ref, err := status.ParseClaim(c.Status)
	if err != nil {
		return standing{against: err.Error()}, nil
	}
	var out standing
	trusted := v.statusTrust(s)
	value, err := v.c.Statuses.Check(ctx, ref, func(ctx context.Context, t *jose.Token) (crypto.PublicKey, error) {
		key, err := trusted(ctx, t)
		if err == nil {
			out.token = t
		}
		return key, err
	})
	if ended := ctx.Err(); ended != nil {
		return standing{}, ended // nothing was found out: the wallet may send again
	}
	if err != nil {
		return standing{against: err.Error(), unavailable: errors.Is(err, status.ErrUnavailable) || errors.Is(err, status.ErrExpired)}, nil
	}
	out.against = against(value)
	out.signed = signedAt(out.token)
	return out, nil
}

// bitstring looks a W3C credential up. Its list must be of its own issuer, whom
// the seal certificate names and that of the list too, and signed by the provider
// of its seal.
func (v *Verifier) bitstring(ctx context.Context, c *format.Verified, s seal.Validation) (standing, error) {
	if v.c.Bitstrings == nil {
		return standing{against: "lists of this kind cannot be looked up here", unavailable: true}, nil
	}
	if s.Provider == nil {
		return standing{against: noProvider}, nil
	}
	entries, err := status.ParseEntries(c.Status)
	if err != nil {
		return standing{against: err.Error()}, nil
	}
	if !slices.ContainsFunc(entries, func(e status.Entry) bool { return e.Purpose == status.Revocation }) {
		return standing{against: "no entry of its status is for revocation"}, nil
	}
	got, err := v.c.Bitstrings.Check(ctx, entries, status.SameProvider(c.Issuer, s.Provider.Registration.String()))
	if ended := ctx.Err(); ended != nil {
		return standing{}, ended
	}
	if err != nil {
		return standing{against: err.Error(), unavailable: errors.Is(err, status.ErrUnavailable) || errors.Is(err, status.ErrExpired)}, nil
	}
	return standing{against: against(got.Value), signed: got.Made}, nil
}

// against says why a credential of this status is not to be relied on.
func against(v status.Value) string {
	switch v {
	case status.Valid:
		return ""
	case status.Invalid:
		return "the credential is revoked"
	case status.Suspended:
		return "the credential is suspended"
	default:
		return "the status is " + v.String()
	}
}

// signedAt is the iat of a status list; zero, and so too old, when there is
// none.
func signedAt(t *jose.Token) time.Time {
	var p struct {
		IssuedAt jose.NumericDate `json:"iat"`
	}
	if t == nil || jose.Unmarshal(t.Payload, &p) != nil {
		return time.Time{}
	}
	return p.IssuedAt.Time()
}

var statusAlgs = []jose.Alg{jose.ES256, jose.ES384}

// statusTrust gives the key of a status list that the credential's own
// provider signed: by a listed revocation service with the same registration,
// with a certificate that is not revoked (Token Status List, Section 11.3; ETSI
// TS 119 602, Annex H).
func (v *Verifier) statusTrust(s seal.Validation) status.Trust {
	return func(ctx context.Context, t *jose.Token) (crypto.PublicKey, error) {
		if s.Provider == nil {
			return nil, errors.New(noProvider)
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
