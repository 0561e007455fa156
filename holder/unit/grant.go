package unit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// Grant is what lets the unit fetch credentials at an issuer later: tokens and
// the key they are bound to. All of it is secret and is kept sealed in the
// vault (OpenID4VCI 1.0, Section 13.10).
type Grant struct {
	// Name is the resource in the pod, a random UUID.
	Name string `json:"name"`
	// Issuer and Server are the identifiers of credential issuer and
	// authorization server.
	Issuer string `json:"credential_issuer"`
	Server string `json:"authorization_server"`
	// Configurations that were asked for.
	Configurations []string `json:"credential_configuration_ids"`
	// ClientID is the client it was given to; empty for an anonymous one.
	ClientID     string         `json:"client_id,omitzero"`
	AccessToken  oid4vci.Secret `json:"access_token"`
	Type         string         `json:"token_type"`
	Expires      time.Time      `json:"expires,omitzero"`
	RefreshToken oid4vci.Secret `json:"refresh_token,omitzero"`
	// Key binds the tokens (RFC 9449); nil for bearer tokens.
	Key   *jose.JWK `json:"key,omitempty"`
	Added time.Time `json:"added"`
}

// ErrGrantOver is returned when the issuer gives nothing for a grant any more,
// or there was none to ask with: the citizen has to ask anew.
var ErrGrantOver = errors.New("the issuer gives nothing for the earlier grant any more; ask the issuer anew")

// ErrToken is returned for a token that is not what was asked for. It is not
// used.
var ErrToken = errors.New("the access token that came is not what was asked for")

// redeem sends a token request and takes the answer for the line.
func (l *line) redeem(ctx context.Context, r oid4vci.TokenRequest) (oid4vci.TokenResponse, error) {
	if err := l.client.open(ctx, l.s); err != nil {
		return oid4vci.TokenResponse{}, err
	}
	r.ClientID = l.client.id()
	values, err := r.Form()
	if err != nil {
		return oid4vci.TokenResponse{}, err
	}
	b, _, err := l.post(ctx, form(l.server.TokenEndpoint, values))
	if err != nil {
		return oid4vci.TokenResponse{}, err
	}
	t, err := oid4vci.ParseTokenResponse(b)
	if err != nil {
		return oid4vci.TokenResponse{}, err
	}
	return t, l.take(t)
}

// take holds a token against what was asked: bound where a proof went with the
// request, and not bound where none did (RFC 9449, Section 5).
func (l *line) take(t oid4vci.TokenResponse) error {
	switch {
	case l.key != nil && t.TokenType != oid4vci.DPoP:
		return fmt.Errorf("%w: token_type is %s although the server supports DPoP and had a proof; expected DPoP (RFC 9449, Section 5)", ErrToken, t.TokenType)
	case l.key == nil && t.TokenType == oid4vci.DPoP:
		return fmt.Errorf("%w: token_type is DPoP, bound to a key that was not asked for; dpop_signing_alg_values_supported must list ES256 (RFC 9449, Section 5.1)", ErrToken)
	}
	g := &l.grant
	g.AccessToken, g.Type, g.Expires = t.AccessToken, t.TokenType, time.Time{}
	if t.ExpiresIn > 0 {
		g.Expires = l.s.Now().Add(time.Duration(min(t.ExpiresIn, maxSeconds)) * time.Second)
	}
	// The server may give another refresh token in place of the one it had.
	if t.RefreshToken != "" {
		g.RefreshToken = t.RefreshToken
	}
	return nil
}

// maxSeconds is a year: longer spans than that are cut to it.
const maxSeconds = 365 * 24 * 60 * 60

// begin describes the grant of a new line; its tokens come with redeem.
func (l *line) begin(configurations []string) error {
	name, err := NewName(l.s.Random)
	if err != nil {
		return err
	}
	l.grant = Grant{
		Name: name, Issuer: l.metadata.CredentialIssuer, Server: l.server.Issuer, Configurations: configurations,
		ClientID: l.client.id(), Added: l.s.Now(),
	}
	if l.key == nil {
		return nil
	}
	key, err := jose.PrivateJWK(l.key)
	l.grant.Key = &key
	return err
}

// keep stores the grant in the vault, or what became of it.
func (l *line) keep(ctx context.Context, v *Vault) error {
	if l.etag == "" {
		g := l.grant
		e := Entry{Name: g.Name, Title: shown(g.Issuer, maxTitle), Issuer: g.Issuer, Added: g.Added, Kind: KindGrant}
		if err := v.add(ctx, g, e); err != nil {
			return fmt.Errorf("keeping the grant: %w", err)
		}
	} else if err := v.update(ctx, l.grant.Name, l.grant, l.etag); err != nil {
		return fmt.Errorf("keeping the grant: %w", err)
	}
	_, etag, err := v.grant(ctx, l.grant.Name)
	l.etag = etag
	return err
}

// reopen opens the line of a grant that is in the vault. Where it leads is
// looked up anew: the issuer may have moved its endpoints.
func (s Issuance) reopen(ctx context.Context, v *Vault, name string) (*line, error) {
	g, etag, err := v.grant(ctx, name)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: the grant is gone: %w", ErrGrantOver, err)
	}
	if err != nil {
		return nil, err
	}
	l, err := s.lineOf(ctx, g)
	if err != nil {
		return nil, err
	}
	l.etag = etag
	return l, nil
}

// lineOf opens the line that a grant was made on.
func (s Issuance) lineOf(ctx context.Context, g Grant) (*line, error) {
	m, err := s.metadata(ctx, g.Issuer)
	if err != nil {
		return nil, err
	}
	// The secrets go to the server they are for and to no other.
	if g.Server != m.CredentialIssuer && !slices.Contains(m.AuthorizationServers, g.Server) {
		return nil, fmt.Errorf("%w: authorization_servers of the issuer does not list %s any more", ErrGrantOver, shown(g.Server, 200))
	}
	server, err := s.server(ctx, g.Server)
	if err != nil {
		return nil, err
	}
	l := &line{s: s, metadata: m, server: server, grant: g, nonces: map[side]string{}, client: client{Client: s.Client, server: server}}
	if g.ClientID == "" {
		l.client.Client = Client{}
	}
	l.client.ID, l.client.sub = g.ClientID, g.ClientID
	if g.Key != nil {
		if l.key, err = g.Key.Private(); err != nil {
			return nil, fmt.Errorf("the grant's key: %w", err)
		}
	}
	return l, nil
}

// refresh gets a new access token. The refresh token that comes with it is in
// the vault before the access token is used, since the old one may be spent
// (RFC 6749, Section 6; RFC 9700, Section 4.14.2).
func (l *line) refresh(ctx context.Context, v *Vault) (oid4vci.TokenResponse, error) {
	if l.grant.RefreshToken == "" {
		return oid4vci.TokenResponse{}, fmt.Errorf("%w: it has no refresh token", ErrGrantOver)
	}
	t, err := l.redeem(ctx, oid4vci.TokenRequest{GrantType: oid4vci.GrantRefreshToken, RefreshToken: l.grant.RefreshToken})
	if r := (*Refusal)(nil); errors.As(err, &r) && r.Code == string(oid4vci.InvalidGrant) {
		return oid4vci.TokenResponse{}, fmt.Errorf("%w: %w", ErrGrantOver, err)
	}
	if err != nil {
		return oid4vci.TokenResponse{}, fmt.Errorf("refreshing the access token: %w", err)
	}
	return t, l.keep(ctx, v)
}

// over reports whether the access token is known to be over, with a margin for
// the way.
func (l *line) over() bool {
	return !l.grant.Expires.IsZero() && !l.s.Now().Before(l.grant.Expires.Add(-5*time.Second))
}

// ask sends a message to the issuer with the access token; one that is over is
// refreshed first, one that the issuer does not take any more once.
func (l *line) ask(ctx context.Context, v *Vault, m message) ([]byte, http.Header, error) {
	refreshed := false
	if l.over() && l.grant.RefreshToken != "" {
		if _, err := l.refresh(ctx, v); err != nil {
			return nil, nil, err
		}
		refreshed = true
	}
	b, h, err := l.post(ctx, m)
	if refreshed || l.grant.RefreshToken == "" || !tokenOver(err) {
		return b, h, err
	}
	if _, err := l.refresh(ctx, v); err != nil {
		return nil, nil, err
	}
	return l.post(ctx, m)
}

func tokenOver(err error) bool {
	r := (*Refusal)(nil)
	return errors.As(err, &r) && r.Status == http.StatusUnauthorized && r.Code == string(oid4vci.InvalidToken)
}

func decodeGrant(b []byte, name string) (Grant, error) {
	var g Grant
	if err := jose.UnmarshalClosed(b, &g); err != nil {
		return Grant{}, fmt.Errorf("%w: %w", ErrItem, err)
	}
	if g.Name != name || g.Issuer == "" || g.Server == "" || g.AccessToken == "" || g.Type != oid4vci.Bearer && g.Type != oid4vci.DPoP || (g.Type == oid4vci.DPoP) != (g.Key != nil) {
		return Grant{}, fmt.Errorf("%w: expected a grant of this name with issuer, server and token, and a key for a DPoP token", ErrItem)
	}
	return g, nil
}

// grant opens a grant.
func (v *Vault) grant(ctx context.Context, name string) (Grant, string, error) {
	b, etag, err := v.read(ctx, name)
	if err != nil {
		return Grant{}, "", err
	}
	g, err := decodeGrant(b, name)
	return g, etag, err
}
