package issuer

import (
	"context"
	"errors"
	"time"

	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

const maxRefreshLife = offerMemory

// Token answers a token request (OpenID4VCI 1.0, Section 6): a code is redeemed
// once, and the answer names each dataset that may be fetched. A single one is
// named only to a wallet that sent authorization details: others can then ask
// by configuration, and many know no other way.
func (i *Issuer) Token(ctx context.Context, req oid4vci.TokenRequest, to authz.Party) (oid4vci.TokenResponse, error) {
	if i.c.BoundTokens && to.JKT == "" && to.X5T == "" {
		return oid4vci.TokenResponse{}, &oauth.Error{Code: oauth.InvalidDPoPProof, Field: "DPoP", Description: "is missing; access tokens are bound to a key here", Spec: "HAIP 1.0, Section 4.4"}
	}
	if err := i.checkTarget(req); err != nil {
		return oid4vci.TokenResponse{}, err
	}
	granted, err := i.grant(ctx, req, to)
	if err != nil {
		return oid4vci.TokenResponse{}, refused(err)
	}
	var p grantPayload
	if err := jose.Unmarshal(granted.Grant.Payload, &p); err != nil {
		return oid4vci.TokenResponse{}, err
	}
	// The offer's URI has served; that it could not be deleted harms nobody,
	// because the code in it is spent.
	_ = i.dropReference(ctx, p.Reference)
	out := oid4vci.TokenResponse{
		AccessToken: oid4vci.Secret(granted.AccessToken.Reveal()), TokenType: oid4vci.Bearer, Scope: p.Scope,
		ExpiresIn: int64(granted.ExpiresIn.Seconds()), RefreshToken: oid4vci.Secret(granted.RefreshToken.Reveal()),
	}
	if to.JKT != "" {
		out.TokenType = oid4vci.DPoP
	}
	if p.single() && req.AuthorizationDetails == nil && !p.Detailed {
		return out, nil
	}
	details := oid4vci.AuthorizationDetail{Type: oid4vci.TypeOpenIDCredential, CredentialConfigurationID: p.Configuration}
	for _, d := range p.Datasets {
		details.CredentialIdentifiers = append(details.CredentialIdentifiers, d.Identifier)
	}
	out.AuthorizationDetails = []oid4vci.AuthorizationDetail{details}
	return out, nil
}

func (i *Issuer) grant(ctx context.Context, req oid4vci.TokenRequest, to authz.Party) (authz.Granted, error) {
	check := func(payload []byte) error { return covers(payload, req) }
	switch {
	case req.GrantType == oid4vci.GrantPreAuthorizedCode:
		r := authz.Redemption{Code: string(req.PreAuthorizedCode), To: to, Check: check}
		if req.TxCode != nil {
			r.TxCode, r.HasTxCode = string(*req.TxCode), true
		}
		return i.authz.Redeem(ctx, r)
	case req.GrantType == oid4vci.GrantAuthorizationCode && i.c.SignIn:
		return i.authz.RedeemCode(ctx, authz.CodeRedemption{Code: string(req.Code), RedirectURI: req.RedirectURI, Verifier: string(req.CodeVerifier), By: to, Check: check})
	case req.GrantType == oid4vci.GrantRefreshToken && i.c.RefreshLife > 0:
		return i.authz.Refresh(ctx, string(req.RefreshToken), to)
	}
	return authz.Granted{}, refuse(oid4vci.UnsupportedGrantType, "RFC 6749, Section 5.2", "grant_type", "is none of grant_types_supported")
}

// covers refuses a token request whose authorization_details ask for something
// else than waits under the code (RFC 9396, Section 6): what it would get would
// be another credential than it asked for.
func covers(payload []byte, req oid4vci.TokenRequest) error {
	var p grantPayload
	if err := jose.Unmarshal(payload, &p); err != nil {
		return err
	}
	for _, d := range req.AuthorizationDetails {
		if d.CredentialConfigurationID != p.Configuration {
			return refuse(oid4vci.InvalidAuthorizationDetails, "RFC 9396, Section 6", "authorization_details", "names a configuration that was not granted")
		}
	}
	return nil
}

// renewable is what a refresh token keeps of a grant: which records of whom, to
// be asked of the supplier again. What an institution gave itself cannot be had
// again.
func renewable(payload []byte) ([]byte, error) {
	var p grantPayload
	if err := jose.Unmarshal(payload, &p); err != nil {
		return nil, err
	}
	if p.Ask == nil {
		return nil, nil
	}
	p.Reference = ""
	kept := p.Datasets[:0]
	for _, d := range p.Datasets {
		if d.Record != "" { // by which it is known again
			kept = append(kept, waitingDataset{Record: d.Record})
		}
	}
	if p.Datasets = kept; len(kept) == 0 {
		return nil, nil
	}
	return jose.Marshal(p)
}

// renewed makes of it a grant whose records are asked of the supplier when the
// wallet asks for them, each under a new identifier.
func renewed(kept []byte) ([]byte, error) {
	var p grantPayload
	if err := jose.Unmarshal(kept, &p); err != nil {
		return nil, err
	}
	for n := range p.Datasets {
		p.Datasets[n].Identifier = identifierOf(p.Configuration)
		p.Datasets[n].Later = &askedWhen{Interval: int64(defaultInterval / time.Second)}
	}
	return jose.Marshal(p)
}

// Client says who sends a token or a pushed request, and proves the key that it
// wants its tokens bound to. The DPoP proof must hold a nonce (ProofNonce).
func (i *Issuer) Client(ctx context.Context, r authz.Credentials, endpoint string) (authz.Party, authz.Client, error) {
	r.Issuer, r.Endpoints = i.c.URL, []string{i.c.URL + "/token", i.c.URL + endpoint}
	var err error
	if r.Proof, err = i.authz.Prove(ctx, i.proofs, r.Header, "POST", i.c.URL+endpoint); err != nil {
		return authz.Party{}, authz.Client{}, err
	}
	to, client, err := i.authz.Authenticate(ctx, i.c.Wallets, i.proofs, r)
	return to, client, refused(err)
}

// ProofNonce is the nonce of DPoP proofs, and the challenge of wallet
// attestations.
func (i *Issuer) ProofNonce() string { return i.proofs.Fresh() }

// Nonce is a fresh c_nonce (OpenID4VCI 1.0, Section 7).
func (i *Issuer) Nonce() oid4vci.NonceResponse {
	return oid4vci.NonceResponse{CNonce: oid4vci.Secret(i.nonce.fresh())}
}

// Notify keeps what the wallet says became of a credential (OpenID4VCI 1.0,
// Section 11). The same notification may come again.
func (i *Issuer) Notify(ctx context.Context, by authz.Protected, n oid4vci.NotificationRequest) error {
	g, _, err := i.authorize(ctx, by)
	if err != nil {
		return err
	}
	if !isCredentialID(string(n.NotificationID)) {
		return errNotification()
	}
	const tries = 3
	for range tries {
		rec, err := i.c.Store.Get(ctx, kindCredential, string(n.NotificationID))
		if errors.Is(err, store.ErrNotFound) {
			return errNotification()
		}
		if err != nil {
			return err
		}
		var c storedCredential
		if err := jose.Unmarshal(rec.Data, &c); err != nil {
			return err
		}
		// Others' notification identifiers are unknown ones.
		if c.Grant != g.ID {
			return errNotification()
		}
		// What was deleted stays so: a notification that comes after it was on its
		// way before, or is sent once more.
		if c.Notification == string(n.Event) || c.Notification == string(oid4vci.CredentialDeleted) {
			return nil
		}
		c.Notification = string(n.Event)
		next := rec
		if next.Data, err = jose.Marshal(c); err != nil {
			return err
		}
		if _, err := i.c.Store.Replace(ctx, rec, next); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return store.ErrConflict
}

func errNotification() error {
	return refuse(oid4vci.InvalidNotificationID, "OpenID4VCI 1.0, Section 11.3", "notification_id", "is unknown for this access token")
}

// checkTarget refuses a token request that names another issuer (RFC 8707,
// Section 2). Authorization details may only name what will be granted anyway.
func (i *Issuer) checkTarget(req oid4vci.TokenRequest) error {
	if req.Resource != "" && req.Resource != i.c.URL {
		return refuse(oid4vci.InvalidTarget, "RFC 8707, Section 2", "resource", "is not this issuer")
	}
	for _, d := range req.AuthorizationDetails {
		if err := d.CheckLocations(i.metadata); err != nil {
			return err
		}
		if _, ok := i.types[d.CredentialConfigurationID]; !ok {
			return refuse(oid4vci.InvalidAuthorizationDetails, "RFC 9396, Section 5", "authorization_details", "names a configuration that is not offered here")
		}
	}
	return nil
}
