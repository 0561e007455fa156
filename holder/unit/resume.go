package unit

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// asking is an authorization request as it is kept sealed in the vault, while a
// browser that leaves the application's page takes the unit's memory with it.
type asking struct {
	Name     string                  `json:"name"`
	State    oid4vci.Secret          `json:"state"`
	Verifier oid4vci.Secret          `json:"code_verifier"`
	Redirect string                  `json:"redirect_uri"`
	Offer    oid4vci.CredentialOffer `json:"offer"`
	Scoped   map[string]string       `json:"scoped,omitempty"`
	Renewing bool                    `json:"renewing,omitzero"`
	// Grant has no tokens yet.
	Grant Grant `json:"grant"`
}

// askingLife is how long an answer is waited for.
const askingLife = time.Hour

// Keep keeps an authorization request in the vault, so that Resume can take the
// answer when nothing else of it is left. Requests that nobody answered within
// an hour are removed.
func (a *Authorization) Keep(ctx context.Context, v *Vault) error {
	entries, err := v.Entries(ctx)
	if err != nil {
		return err
	}
	now := a.line.s.Now()
	for _, e := range entries {
		if e.Kind == KindAsking && now.Sub(e.Added) > askingLife {
			if err := v.Remove(ctx, e.Name); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
	}
	k := asking{
		State: oid4vci.Secret(a.State), Verifier: oid4vci.Secret(a.verifier), Redirect: a.redirect, Offer: a.offered.Offer,
		Scoped: a.scoped, Renewing: a.offered.Renewing, Grant: a.line.grant,
	}
	if k.Name, err = NewName(a.line.s.Random); err != nil {
		return err
	}
	return v.add(ctx, k, Entry{Name: k.Name, Title: shown(k.Grant.Issuer, maxTitle), Issuer: k.Grant.Issuer, Added: now, Kind: KindAsking})
}

// Resume is Redeem for a request that was kept: the state of the answer says
// which. It is taken out of the vault before its code is used, so that an
// answer is taken once.
func (s Issuance) Resume(ctx context.Context, v *Vault, answer url.Values) (Taken, error) {
	k, err := s.asked(ctx, v, answer.Get("state"))
	if err != nil {
		return Taken{}, err
	}
	a, err := s.restore(ctx, k)
	if err != nil {
		return Taken{}, err
	}
	if err := v.Remove(ctx, k.Name); err != nil {
		return Taken{}, err
	}
	return s.Redeem(ctx, v, a, answer)
}

// asked finds the request with a state.
func (s Issuance) asked(ctx context.Context, v *Vault, state string) (asking, error) {
	entries, err := v.Entries(ctx)
	if err != nil {
		return asking{}, err
	}
	for _, e := range entries {
		if e.Kind != KindAsking || s.Now().Sub(e.Added) > askingLife {
			continue
		}
		b, _, err := v.read(ctx, e.Name)
		if err != nil {
			return asking{}, err
		}
		k, err := decodeAsking(b, e.Name)
		if err != nil {
			return asking{}, err
		}
		if subtle.ConstantTimeCompare([]byte(k.State), []byte(state)) == 1 {
			return k, nil
		}
	}
	return asking{}, fmt.Errorf("%w: state belongs to no request of the last hour; start again (RFC 6749, Section 10.12)", ErrAuthorization)
}

// restore opens the line again, to the server that was asked.
func (s Issuance) restore(ctx context.Context, k asking) (*Authorization, error) {
	l, err := s.lineOf(ctx, k.Grant)
	if err != nil {
		return nil, err
	}
	return &Authorization{
		State: string(k.State), verifier: string(k.Verifier), redirect: k.Redirect, scoped: k.Scoped, line: l,
		offered: Offered{Offer: k.Offer, Metadata: l.metadata, Server: l.server, Grant: oid4vci.GrantAuthorizationCode, Renewing: k.Renewing},
	}, nil
}

func decodeAsking(b []byte, name string) (asking, error) {
	var k asking
	if err := jose.UnmarshalClosed(b, &k); err != nil {
		return asking{}, fmt.Errorf("%w: %w", ErrItem, err)
	}
	if k.Name != name || k.State == "" || k.Verifier == "" || k.Redirect == "" || k.Grant.Issuer == "" || k.Grant.Server == "" || !isName(k.Grant.Name) || k.Grant.AccessToken != "" {
		return asking{}, fmt.Errorf("%w: expected a request of this name with a state, a verifier, a redirect address and a grant without tokens", ErrItem)
	}
	return k, nil
}
