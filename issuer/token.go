package issuer

import (
	"context"
	"errors"
	"time"

	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/store"
)

// Token answers a token request of the pre-authorized code grant (OpenID4VCI
// 1.0, Section 6): the code is redeemed once, and the answer names each
// dataset that may be fetched. A single one is named only to a wallet that
// sent authorization details: others can then ask by configuration, and many
// know no other way.
func (i *Issuer) Token(ctx context.Context, req oid4vci.TokenRequest) (oid4vci.TokenResponse, error) {
	if err := i.checkTarget(req); err != nil {
		return oid4vci.TokenResponse{}, err
	}
	if req.GrantType != oid4vci.GrantPreAuthorizedCode {
		return oid4vci.TokenResponse{}, refuse(oid4vci.UnsupportedGrantType, "RFC 6749, Section 5.2", "grant_type", "is none of grant_types_supported")
	}
	redemption := authz.Redemption{Code: string(req.PreAuthorizedCode)}
	if req.TxCode != nil {
		redemption.TxCode, redemption.HasTxCode = string(*req.TxCode), true
	}
	granted, err := i.authz.Redeem(ctx, redemption)
	if err != nil {
		return oid4vci.TokenResponse{}, refused(err)
	}
	var p grantPayload
	if err := jose.Unmarshal(granted.Grant.Payload, &p); err != nil {
		return oid4vci.TokenResponse{}, err
	}
	if err := i.keepClient(ctx, granted.Grant, req.ClientID); err != nil {
		return oid4vci.TokenResponse{}, err
	}
	// The offer's URI has served; that it could not be deleted harms nobody,
	// because the code in it is spent.
	_ = i.dropReference(ctx, p.Reference)
	out := oid4vci.TokenResponse{
		AccessToken: oid4vci.Secret(granted.AccessToken.Reveal()), TokenType: oid4vci.Bearer,
		ExpiresIn: int64(granted.ExpiresIn.Seconds()),
	}
	if p.single() && req.AuthorizationDetails == nil {
		return out, nil
	}
	details := oid4vci.AuthorizationDetail{Type: oid4vci.TypeOpenIDCredential, CredentialConfigurationID: p.Configuration}
	for _, d := range p.Datasets {
		details.CredentialIdentifiers = append(details.CredentialIdentifiers, d.Identifier)
	}
	out.AuthorizationDetails = []oid4vci.AuthorizationDetail{details}
	return out, nil
}

// kindClient records say which wallet a token was given to, when it said.
const kindClient store.Kind = "issuer-token-client"

// keepClient remembers the client_id of a token request, because proofs made
// for that token may name it as their issuer and must not name another
// (OpenID4VCI 1.0, Appendix F.1).
func (i *Issuer) keepClient(ctx context.Context, g authz.Grant, id string) error {
	if id == "" {
		return nil
	}
	_, err := i.c.Store.Create(ctx, store.Record{Kind: kindClient, ID: g.ID, Expiry: g.Expires.Add(time.Minute), Data: []byte(id)})
	return err
}

// clientOf is the client_id that a token was given to, empty for an anonymous
// wallet.
func (i *Issuer) clientOf(ctx context.Context, grant string) (string, error) {
	rec, err := i.c.Store.Get(ctx, kindClient, grant)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return string(rec.Data), err
}

// Nonce is a fresh c_nonce (OpenID4VCI 1.0, Section 7).
func (i *Issuer) Nonce() oid4vci.NonceResponse {
	return oid4vci.NonceResponse{CNonce: oid4vci.Secret(i.nonce.fresh())}
}

// Notify keeps what the wallet says became of a credential (OpenID4VCI 1.0,
// Section 11). The same notification may come again.
func (i *Issuer) Notify(ctx context.Context, token string, n oid4vci.NotificationRequest) error {
	g, _, err := i.authorize(ctx, token)
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
		if c.Notification == string(n.Event) {
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
