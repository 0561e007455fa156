package unit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// maxDatasets bounds what one offer can make the unit do.
const maxDatasets = 256

// Accept redeems the offer, fetches every credential of it and puts each in
// the vault: checked first, encrypted, and only then reported as accepted. It
// returns the items; with an error those that were stored before it, which
// stay.
func (s Issuance) Accept(ctx context.Context, v *Vault, o Offered, txCode string) ([]Item, error) {
	var code *oid4vci.Secret
	if o.NeedsTxCode() {
		c := oid4vci.Secret(strings.TrimSpace(txCode))
		code = &c
	}
	req, err := oid4vci.NewTokenRequest(o.Offer, code)
	if err != nil {
		return nil, err
	}
	token, err := s.token(ctx, o, req)
	if err != nil {
		return nil, err
	}
	requests := token.Requests(o.Offer.CredentialConfigurationIDs)
	if len(requests) > maxDatasets {
		return nil, fmt.Errorf("%w: the token response covers %d credentials, expected at most %d", ErrCredential, len(requests), maxDatasets)
	}
	var items []Item
	for _, r := range requests {
		item, err := s.obtain(ctx, v, o, token, r)
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("%w: the token response covers nothing of the offer", ErrCredential)
	}
	return items, nil
}

func (s Issuance) token(ctx context.Context, o Offered, req oid4vci.TokenRequest) (oid4vci.TokenResponse, error) {
	form, err := req.Form()
	if err != nil {
		return oid4vci.TokenResponse{}, err
	}
	b, err := s.post(ctx, o.Server.TokenEndpoint, "application/x-www-form-urlencoded", "", []byte(form.Encode()))
	if err != nil {
		return oid4vci.TokenResponse{}, fmt.Errorf("redeeming the offer: %w", err)
	}
	token, err := oid4vci.ParseTokenResponse(b)
	if err == nil && token.TokenType != oid4vci.Bearer {
		err = errors.New("the issuer's access token must be bound to a key that was not asked for")
	}
	return token, err
}

// obtain fetches, checks, stores and reports one credential.
func (s Issuance) obtain(ctx context.Context, v *Vault, o Offered, token oid4vci.TokenResponse, r oid4vci.CredentialRequest) (Item, error) {
	c := o.Metadata.CredentialConfigurationsSupported[configurationOf(token, r)]
	if err := known(c); err != nil {
		return Item{}, fmt.Errorf("%w: %w", ErrCredential, err)
	}
	keys, res, err := s.request(ctx, o, token, r)
	if err != nil {
		return Item{}, err
	}
	item, err := s.check(ctx, o, c, keys, res)
	if err == nil {
		if item.Name, err = NewName(s.Random); err == nil {
			err = v.Add(ctx, item)
		}
	}
	event := oid4vci.CredentialAccepted
	if err != nil {
		event = oid4vci.CredentialFailure
	}
	// The issuer hears what became of it; that it cannot be told is no reason
	// to lose a credential.
	_ = s.notify(ctx, o, token, res.NotificationID, event)
	return item, err
}

func configurationOf(token oid4vci.TokenResponse, r oid4vci.CredentialRequest) string {
	if r.CredentialIdentifier == "" {
		return r.CredentialConfigurationID
	}
	for _, d := range token.AuthorizationDetails {
		if slices.Contains(d.CredentialIdentifiers, r.CredentialIdentifier) {
			return d.CredentialConfigurationID
		}
	}
	return ""
}

// request proves fresh keys and asks for a copy for each. When the nonce was
// stale in the meantime it is tried once more with a new one.
func (s Issuance) request(ctx context.Context, o Offered, token oid4vci.TokenResponse, r oid4vci.CredentialRequest) ([]*ecdsa.PrivateKey, oid4vci.CredentialResponse, error) {
	copies := min(max(s.Copies, 1), o.Metadata.BatchSize())
	keys := make([]*ecdsa.PrivateKey, copies)
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), s.Random); err != nil {
			return nil, oid4vci.CredentialResponse{}, err
		}
	}
	for try := 0; ; try++ {
		if err := s.prove(ctx, o, keys, &r); err != nil {
			return nil, oid4vci.CredentialResponse{}, err
		}
		b, err := s.exchange(ctx, o, token, r)
		var refused *Refusal
		if errors.As(err, &refused) && refused.Code == string(oid4vci.InvalidNonce) && try == 0 {
			continue
		}
		if err != nil {
			return nil, oid4vci.CredentialResponse{}, fmt.Errorf("asking for the credential: %w", err)
		}
		res, err := oid4vci.ParseCredentialResponse(b, copies)
		return keys, res, err
	}
}

func (s Issuance) prove(ctx context.Context, o Offered, keys []*ecdsa.PrivateKey, r *oid4vci.CredentialRequest) error {
	claims := oid4vci.ProofClaims{Audience: o.Offer.CredentialIssuer, IssuedAt: jose.Date(s.Now())}
	if o.Metadata.NonceEndpoint != "" {
		b, err := s.post(ctx, o.Metadata.NonceEndpoint, "", "", nil)
		if err != nil {
			return fmt.Errorf("asking for a nonce: %w", err)
		}
		nonce, err := oid4vci.ParseNonceResponse(b)
		if err != nil {
			return err
		}
		claims.Nonce = nonce.CNonce
	}
	r.Proofs = &oid4vci.Proofs{}
	for _, key := range keys {
		proof, err := oid4vci.NewProof(key, claims)
		if err != nil {
			return err
		}
		r.Proofs.JWT = append(r.Proofs.JWT, proof)
	}
	return nil
}

func (s Issuance) notify(ctx context.Context, o Offered, token oid4vci.TokenResponse, id oid4vci.Secret, event oid4vci.Event) error {
	if o.Metadata.NotificationEndpoint == "" || id == "" {
		return nil
	}
	body, err := jose.Marshal(oid4vci.NotificationRequest{NotificationID: id, Event: event})
	if err != nil {
		return err
	}
	_, err = s.post(ctx, o.Metadata.NotificationEndpoint, "application/json", string(token.AccessToken), body)
	return err
}
