package unit

import (
	"context"
	"crypto/subtle"
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
	values, err := a.request()
	if err != nil {
		return nil, err
	}
	if o.Server.PushedAuthorizationRequestEndpoint == "" {
		return a, a.leadTo(values)
	}
	if s.Handles == o.Metadata.CredentialIssuer {
		handle, err := v.Platform.Handle(ctx, s.Handles)
		if err != nil {
			return nil, fmt.Errorf("getting a vault handle: %w", err)
		}
		values.Set("vault_handle", handle)
	}
	return a, a.push(ctx, values)
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
	case m.PushedAuthorizationRequestEndpoint == "" && s.Handles == o.Metadata.CredentialIssuer:
		return fmt.Errorf("%w: %s has no pushed_authorization_request_endpoint, and a handle of the vault does not go through a browser", ErrOffer, shown(m.Issuer, 200))
	}
	return nil
}

// request are the parameters of the authorization request.
func (a *Authorization) request() (url.Values, error) {
	l, o := a.line, a.offered
	values := url.Values{
		"response_type": {"code"}, "client_id": {l.client.id()}, "redirect_uri": {a.redirect}, "state": {a.State},
		"code_challenge": {oauth.Challenge(a.verifier)}, "code_challenge_method": {"S256"},
	}
	if values.Get("client_id") == "" {
		return nil, fmt.Errorf("%w: an authorization code needs a client_id: register the wallet and set Issuance.Client (RFC 6749, Section 4.1.1)", ErrOffer)
	}
	if g := o.Offer.Grants; g != nil && g.AuthorizationCode != nil && g.AuthorizationCode.IssuerState != "" {
		values.Set("issuer_state", g.AuthorizationCode.IssuerState)
	}
	if l.key != nil {
		values.Set("dpop_jkt", jose.Thumbprint(l.key.Public()))
	}
	if slices.Contains(o.Server.AuthorizationDetailsTypesSupported, oid4vci.TypeOpenIDCredential) {
		details, err := jose.Marshal(detailsOf(o))
		values.Set("authorization_details", string(details))
		return values, err
	}
	return values, a.byScope(values)
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
func (a *Authorization) byScope(values url.Values) error {
	m := a.offered.Metadata
	a.scoped = map[string]string{}
	var scopes []string
	for _, id := range a.offered.Offer.CredentialConfigurationIDs {
		scope := m.CredentialConfigurationsSupported[id].Scope
		if scope == "" || strings.ContainsAny(scope, " \"\\") {
			return fmt.Errorf("%w: credential_configurations_supported[%s] has no scope, and the server takes no authorization_details of type openid_credential (OpenID4VCI 1.0, Section 5.1)", ErrOffer, shown(id, 100))
		}
		a.scoped[id] = scope
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	values.Set("scope", strings.Join(scopes, " "))
	if len(m.AuthorizationServers) > 0 {
		values.Set("resource", m.CredentialIssuer) // RFC 8707, Section 2
	}
	return nil
}

// push pushes the request, so that the browser carries nothing of it (RFC
// 9126, Section 2).
func (a *Authorization) push(ctx context.Context, values url.Values) error {
	l := a.line
	b, _, err := l.post(ctx, form(l.server.PushedAuthorizationRequestEndpoint, values))
	if err != nil {
		return fmt.Errorf("pushing the authorization request: %w", err)
	}
	var pushed struct {
		RequestURI string `json:"request_uri"`
		ExpiresIn  int64  `json:"expires_in"`
	}
	if err := jose.Unmarshal(b, &pushed); err != nil {
		return fmt.Errorf("answer to the pushed authorization request: %w", err)
	}
	if pushed.RequestURI == "" || len(pushed.RequestURI) > oid4vci.MaxText || pushed.ExpiresIn <= 0 {
		return fmt.Errorf("%w: the answer to the pushed authorization request must have request_uri and a positive expires_in (RFC 9126, Section 2.2)", ErrAuthorization)
	}
	a.Expires = l.s.Now().Add(time.Duration(min(pushed.ExpiresIn, maxSeconds)) * time.Second)
	return a.leadTo(url.Values{"client_id": values["client_id"], "request_uri": {pushed.RequestURI}})
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
	token, err := l.redeem(ctx, url.Values{
		"grant_type": {oid4vci.GrantAuthorizationCode}, "code": {code}, "redirect_uri": {a.redirect}, "code_verifier": {a.verifier},
	})
	if err != nil {
		return Taken{}, fmt.Errorf("redeeming the authorization code: %w", err)
	}
	if err := a.narrow(token); err != nil {
		return Taken{}, err
	}
	return l.fetch(ctx, v, token, a.offered.Renewing)
}

// code checks the answer: to this request, from the server that was asked
// (RFC 6749, Section 10.12; RFC 9207, Section 2.4), and no error.
func (a *Authorization) code(answer url.Values) (string, error) {
	for _, name := range []string{"state", "iss", "code", "error", "error_description"} {
		if len(answer[name]) > 1 {
			return "", fmt.Errorf("%w: %s stands there twice (RFC 6749, Section 3.1)", ErrAuthorization, name)
		}
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(a.State)) != 1 {
		return "", fmt.Errorf("%w: state is another than the one sent; start again (RFC 6749, Section 10.12)", ErrAuthorization)
	}
	if a.spent {
		return "", fmt.Errorf("%w: it was answered before; start again", ErrAuthorization)
	}
	a.spent = true
	if err := a.issuedBy(answer); err != nil {
		return "", err
	}
	if code := answer.Get("error"); code != "" {
		return "", fmt.Errorf("signing in at the issuer: %w", &Refusal{Code: shown(code, 100), Detail: shown(answer.Get("error_description"), 500)})
	}
	code := answer.Get("code")
	if code == "" || len(code) > oid4vci.MaxText {
		return "", fmt.Errorf("%w: code is missing or longer than %d bytes (RFC 6749, Section 4.1.2)", ErrAuthorization, oid4vci.MaxText)
	}
	return code, nil
}

// issuedBy holds iss against the server that was asked, so that no code goes to
// a server that did not give it (RFC 9207, Section 2.4). A server that does not
// say that it sends iss may leave it out, where the profile allows that.
func (a *Authorization) issuedBy(answer url.Values) error {
	m := a.line.server
	switch iss := answer.Get("iss"); {
	case iss == m.Issuer:
		return nil
	case iss == "" && !m.AuthorizationResponseIssParameterSupported && a.line.s.InsecureNoIss:
		return nil
	case iss == "":
		return fmt.Errorf("%w: iss is missing, so that nobody can tell which server answers (RFC 9207, Section 2.4; HAIP 1.0, Section 4)", ErrAuthorization)
	default:
		return fmt.Errorf("%w: iss is another server than the one that was asked; start again (RFC 9207, Section 2.4)", ErrAuthorization)
	}
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
