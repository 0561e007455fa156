package unit

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// Authorization is an authorization request under way: the citizen signs in
// and agrees in a browser, and comes back to the redirect address (OpenID4VCI
// 1.0, Section 5). Its secrets stay in the unit.
type Authorization struct {
	// URL is where the browser goes, once.
	URL string
	// Expires is when URL is over; zero when the server did not say.
	Expires time.Time
	// State is what the browser comes back with.
	State string

	offered  Offered
	line     *line
	verifier string
	redirect string
	// scoped are the configurations by the scope that was asked for; nil when
	// authorization details were.
	scoped map[string]string
	spent  bool
}

// ErrAuthorization is returned for an answer of the browser that is not one to
// the request, or not from the server that was asked.
var ErrAuthorization = errors.New("the answer of the sign-in is not taken")

// Authorize makes an authorization request: pushed, where the server takes
// pushed ones, with PKCE, and bound to the key of the grant (RFC 9126; RFC 7636;
// RFC 9449, Section 10). redirectURI leads back to the unit: a loopback address
// or a link of the application (RFC 8252, Section 7).
func (s Issuance) Authorize(ctx context.Context, v *Vault, o Offered, redirectURI string) (*Authorization, error) {
	if err := s.authorizable(o, redirectURI); err != nil {
		return nil, err
	}
	l, err := s.newLine(o)
	if err != nil {
		return nil, err
	}
	if err := l.client.open(ctx, s); err != nil {
		return nil, err
	}
	if err := l.begin(o.Offer.CredentialConfigurationIDs); err != nil {
		return nil, err
	}
	a := &Authorization{State: oauth.NewVerifier(), offered: o, line: l, verifier: oauth.NewVerifier(), redirect: redirectURI}
	r, err := a.request()
	if err != nil {
		return nil, err
	}
	if o.Server.PushedAuthorizationRequestEndpoint == "" {
		values, err := r.Form()
		if err != nil {
			return nil, err
		}
		return a, a.leadTo(values)
	}
	if slices.Contains(s.Handles, o.Metadata.CredentialIssuer) {
		handle, err := v.Platform.Handle(ctx, o.Metadata.CredentialIssuer)
		if err != nil {
			return nil, fmt.Errorf("getting a vault handle: %w", err)
		}
		r.VaultHandle = oid4vci.Secret(handle)
	}
	return a, a.push(ctx, r)
}

// authorizable finds out what would only fail at the server.
func (s Issuance) authorizable(o Offered, redirectURI string) error {
	m := o.Server
	u, err := url.Parse(redirectURI)
	switch {
	case !o.NeedsSignIn():
		return fmt.Errorf("%w: it has a pre-authorized code; use Accept", ErrOffer)
	case err != nil || u.Scheme == "" || strings.Contains(redirectURI, "#"):
		return fmt.Errorf("%w: redirect_uri must be absolute and have no fragment (RFC 6749, Section 3.1.2)", ErrAuthorization)
	case m.ResponseTypesSupported != nil && !slices.Contains(m.ResponseTypesSupported, "code"):
		return fmt.Errorf("%w: response_types_supported of %s has no code (RFC 6749, Section 4.1.1)", ErrOffer, shown(m.Issuer, 200))
	case !slices.Contains(m.CodeChallengeMethodsSupported, "S256"):
		return fmt.Errorf("%w: code_challenge_methods_supported of %s has no S256, so that a stolen code would be worth something (RFC 7636, Section 4.2; HAIP 1.0, Section 4)", ErrOffer, shown(m.Issuer, 200))
	case m.PushedAuthorizationRequestEndpoint == "" && m.RequirePushedAuthorizationRequests:
		return fmt.Errorf("%w: %s requires pushed authorization requests but has no pushed_authorization_request_endpoint (RFC 9126, Section 5)", ErrOffer, shown(m.Issuer, 200))
	case m.PushedAuthorizationRequestEndpoint == "" && slices.Contains(s.Handles, o.Metadata.CredentialIssuer):
		return fmt.Errorf("%w: %s has no pushed_authorization_request_endpoint, and a handle of the vault does not go through a browser", ErrOffer, shown(m.Issuer, 200))
	}
	return nil
}

// request is the authorization request.
func (a *Authorization) request() (oid4vci.AuthorizationRequest, error) {
	l, o := a.line, a.offered
	r := oid4vci.AuthorizationRequest{
		ClientID: l.client.id(), RedirectURI: a.redirect, State: a.State, CodeChallenge: oauth.Challenge(a.verifier), UILocales: strings.Join(l.s.Languages, " "),
	}
	if r.ClientID == "" {
		return r, fmt.Errorf("%w: an authorization code needs a client_id: register the wallet and set Issuance.Client (RFC 6749, Section 4.1.1)", ErrOffer)
	}
	if g := o.Offer.Grants; g != nil && g.AuthorizationCode != nil {
		r.IssuerState = oid4vci.Secret(g.AuthorizationCode.IssuerState)
	}
	if l.key != nil {
		r.DPoPJKT = jose.Thumbprint(l.key.Public())
	}
	if slices.Contains(o.Server.AuthorizationDetailsTypesSupported, oid4vci.TypeOpenIDCredential) {
		r.Details = detailsOf(o)
		return r, nil
	}
	return r, a.byScope(&r)
}

// detailsOf asks for each configuration; the issuer stands in locations when
// its servers are listed, since they may serve others too (OpenID4VCI 1.0,
// Section 5.1.1).
func detailsOf(o Offered) (out []oid4vci.AuthorizationDetail) {
	for _, id := range o.Offer.CredentialConfigurationIDs {
		d := oid4vci.AuthorizationDetail{Type: oid4vci.TypeOpenIDCredential, CredentialConfigurationID: id}
		if len(o.Metadata.AuthorizationServers) > 0 {
			d.Locations = []string{o.Metadata.CredentialIssuer}
		}
		out = append(out, d)
	}
	return out
}

// byScope asks for the scope of each configuration (OpenID4VCI 1.0, Section
// 5.1.2; HAIP 1.0, Section 4.3).
func (a *Authorization) byScope(r *oid4vci.AuthorizationRequest) error {
	m := a.offered.Metadata
	a.scoped = map[string]string{}
	for _, id := range a.offered.Offer.CredentialConfigurationIDs {
		scope := m.CredentialConfigurationsSupported[id].Scope
		if scope == "" || strings.ContainsAny(scope, " \"\\") {
			return fmt.Errorf("%w: credential_configurations_supported[%s] has no scope, and the server takes no authorization_details of type openid_credential (OpenID4VCI 1.0, Section 5.1)", ErrOffer, shown(id, 100))
		}
		a.scoped[id] = scope
		if !slices.Contains(r.Scopes, scope) {
			r.Scopes = append(r.Scopes, scope)
		}
	}
	if len(m.AuthorizationServers) > 0 {
		r.Resource = m.CredentialIssuer // RFC 8707, Section 2
	}
	return nil
}

// push pushes the request, so that the browser carries nothing of it (RFC
// 9126, Section 2).
func (a *Authorization) push(ctx context.Context, r oid4vci.AuthorizationRequest) error {
	values, err := r.Pushed()
	if err != nil {
		return err
	}
	l := a.line
	b, _, err := l.post(ctx, form(l.server.PushedAuthorizationRequestEndpoint, values))
	if err != nil {
		return fmt.Errorf("pushing the authorization request: %w", err)
	}
	pushed, err := oid4vci.ParsePushedResponse(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAuthorization, err)
	}
	a.Expires = l.s.Now().Add(time.Duration(min(pushed.ExpiresIn, maxSeconds)) * time.Second)
	return a.leadTo(url.Values{"client_id": {r.ClientID}, "request_uri": {string(pushed.RequestURI)}})
}

// leadTo adds the parameters to the authorization endpoint, whose own query
// stays (RFC 6749, Section 3.1).
func (a *Authorization) leadTo(values url.Values) error {
	u, err := url.Parse(a.line.server.AuthorizationEndpoint)
	if err != nil {
		return err
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += values.Encode()
	a.URL = u.String()
	return nil
}

// Redeem takes what the browser came back with, gets a token for the code, and
// goes on like Accept. An answer with another state changes nothing; any other
// answer is the only one.
func (s Issuance) Redeem(ctx context.Context, v *Vault, a *Authorization, answer url.Values) (Taken, error) {
	code, err := a.code(answer)
	if err != nil {
		return Taken{}, err
	}
	l := a.line
	token, err := l.redeem(ctx, oid4vci.TokenRequest{
		GrantType: oid4vci.GrantAuthorizationCode, Code: code, RedirectURI: a.redirect, CodeVerifier: oid4vci.Secret(a.verifier),
	})
	if err != nil {
		return Taken{}, fmt.Errorf("redeeming the authorization code: %w", err)
	}
	if err := a.narrow(token); err != nil {
		return Taken{}, err
	}
	return l.fetch(ctx, v, token, a.offered.Renewing)
}

// code checks the answer: to this request, from the server that was asked, and
// no error.
func (a *Authorization) code(answer url.Values) (oid4vci.Secret, error) {
	r, err := oid4vci.ParseAuthorizationResponse(answer, a.State)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAuthorization, err)
	}
	if a.spent {
		return "", fmt.Errorf("%w: it was answered before; start again", ErrAuthorization)
	}
	a.spent = true
	if err := r.CheckIss(a.line.server, a.line.s.InsecureNoIss); err != nil {
		return "", fmt.Errorf("%w: %w", ErrAuthorization, err)
	}
	if r.Error.Error != "" {
		return "", fmt.Errorf("signing in at the issuer: %w", &Refusal{Code: string(r.Error.Error), Detail: shown(r.Error.Description, 500)})
	}
	return r.Code, nil
}

// narrow leaves out what the token does not cover: the server may have granted
// less than was asked for (RFC 6749, Section 5.1).
func (a *Authorization) narrow(t oid4vci.TokenResponse) error {
	if a.scoped == nil || t.Scope == "" || t.AuthorizationDetails != nil {
		return nil
	}
	granted := strings.Fields(t.Scope)
	g := &a.line.grant
	g.Configurations = slices.DeleteFunc(slices.Clone(g.Configurations), func(id string) bool {
		return !slices.Contains(granted, a.scoped[id])
	})
	if len(g.Configurations) == 0 {
		return fmt.Errorf("%w: scope of the token response covers nothing that was asked for", ErrToken)
	}
	return nil
}
