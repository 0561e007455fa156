package csc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// OAuth authorizes with an authorization code whose request names the
// credential and the hashes (CSC API v2, Section 8.4; RFC 7636; RFC 9396). A
// code is given to whoever signs in at the provider, so a step of it is the
// caller's.
type OAuth struct {
	// AuthorizeURL and TokenURL are the endpoints. PushedURL, if given, is where
	// the request is pushed before (RFC 9126): hashes of a batch make long
	// addresses.
	AuthorizeURL, TokenURL, PushedURL string
	ClientID                          string
	Secret                            Secret // nil for a public client
	RedirectURI                       string
	// Issuer, if given, must be the iss of the redirect (RFC 9207).
	Issuer string
	// Details puts the hashes into authorization_details instead of parameters.
	Details bool
	// SignIn goes to an address, signs in there, and gives the address that the
	// provider redirected to, with its query. It must end with its context.
	SignIn func(ctx context.Context, address string) (redirect string, err error)
}

func (*OAuth) mode() string { return "oauth2code" }

// authorize gets a token for the hashes. A code is used once.
func (o *OAuth) authorize(ctx context.Context, c *Client, a activation) (authorization, error) {
	credentials, err := o.credentials(ctx)
	if err != nil {
		return authorization{}, err
	}
	verifier, state := oauth.NewVerifier(), rand.Text()
	request := o.request(a, verifier, state)
	if o.PushedURL != "" {
		if request, err = o.push(ctx, c, credentials, request); err != nil {
			return authorization{}, err
		}
	}
	redirect, err := o.SignIn(ctx, o.AuthorizeURL+"?"+request.Encode())
	if err != nil {
		return authorization{}, fmt.Errorf("%w: signing in at the authorization endpoint: %w", ErrAway, err)
	}
	code, err := o.code(redirect, state)
	if err != nil {
		return authorization{}, err
	}
	asked := c.cfg.Now()
	var t token
	values := url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {o.RedirectURI},
		"client_id": {o.ClientID}, "code_verifier": {verifier},
	}
	if o.Details { // again (Section 8.4.4)
		values.Set("authorization_details", details(a))
	}
	if err := form(ctx, c.cfg.HTTP, c.cfg.Timeout, "oauth2/token", o.TokenURL, credentials, values, &t); err != nil {
		return authorization{}, named(err)
	}
	return t.authorization(a, asked)
}

// authorization reads a token with scope credential. It is itself the access
// token of signHash, or of type SAD and goes where signature activation data
// goes.
func (t token) authorization(a activation, asked time.Time) (authorization, error) {
	if err := t.check(); err != nil {
		return authorization{}, err
	}
	if t.CredentialID != "" && t.CredentialID != a.credentialID {
		return authorization{}, fmt.Errorf("%w: oauth2/token: the token is for another credential", ErrProtocol)
	}
	out := authorization{expiry: asked.Add(t.life())}
	switch {
	case strings.EqualFold(t.Type, "Bearer"):
		out.bearer = t.Access
	case strings.EqualFold(t.Type, "SAD"):
		out.sad = t.Access
	default:
		return authorization{}, fmt.Errorf("%w: oauth2/token: token_type is neither Bearer nor SAD", ErrProtocol)
	}
	return out, nil
}

func (o *OAuth) credentials(ctx context.Context) (string, error) {
	if o.SignIn == nil || o.ClientID == "" || o.RedirectURI == "" {
		return "", fmt.Errorf("%w: mode oauth2code needs a client, a redirect address and SignIn", ErrConfig)
	}
	for name, address := range map[string]string{"authorization endpoint": o.AuthorizeURL, "token endpoint": o.TokenURL} {
		if err := checkAddress(name, address); err != nil {
			return "", err
		}
	}
	if o.PushedURL != "" {
		if err := checkAddress("pushed request endpoint", o.PushedURL); err != nil {
			return "", err
		}
	}
	if o.Secret == nil {
		return "", nil
	}
	secret, err := o.Secret(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: asking for the secret of the client: %w", ErrConfig, err)
	}
	return basic(o.ClientID, secret), nil
}

func (o *OAuth) request(a activation, verifier, state string) url.Values {
	v := url.Values{
		"response_type": {"code"}, "client_id": {o.ClientID}, "redirect_uri": {o.RedirectURI}, "state": {state},
		"code_challenge": {oauth.Challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	if o.Details {
		v.Set("authorization_details", details(a))
		return v
	}
	hashes := make([]string, 0, len(a.hashes))
	for _, h := range a.hashes {
		hashes = append(hashes, base64.RawURLEncoding.EncodeToString(h))
	}
	v.Set("scope", "credential")
	v.Set("credentialID", a.credentialID)
	v.Set("numSignatures", strconv.Itoa(len(a.hashes)))
	v.Set("hashes", strings.Join(hashes, ","))
	v.Set("hashAlgorithmOID", a.hashOID)
	return v
}

// details names the credential and the hashes in authorization_details (CSC API
// v2, Section 8.4.2).
func details(a activation) string {
	type document struct {
		Hash  string `json:"hash"`
		Label string `json:"label"`
	}
	documents := make([]document, 0, len(a.hashes))
	for i, h := range encode(a.hashes) {
		documents = append(documents, document{h, "credential " + strconv.Itoa(i+1)})
	}
	b, err := jose.Marshal([]any{map[string]any{
		"type": "credential", "credentialID": a.credentialID, "documentDigests": documents, "hashAlgorithmOID": a.hashOID,
	}})
	if err != nil {
		panic(err) // strings only
	}
	return string(b)
}

// push hands the request over beforehand and gives what is left to say.
func (o *OAuth) push(ctx context.Context, c *Client, credentials string, request url.Values) (url.Values, error) {
	pushed, err := again(ctx, c.cfg.Pause, func() (p struct {
		URI string `json:"request_uri"`
	}, err error) {
		err = form(ctx, c.cfg.HTTP, c.cfg.Timeout, "oauth2/pushed_authorize", o.PushedURL, credentials, request, &p)
		return p, err
	})
	if err != nil {
		return nil, err
	}
	if pushed.URI == "" {
		return nil, fmt.Errorf("%w: oauth2/pushed_authorize: request_uri is missing", ErrProtocol)
	}
	return url.Values{"client_id": {o.ClientID}, "request_uri": {pushed.URI}}, nil
}

// code takes the code out of the address that the provider redirected to.
func (o *OAuth) code(redirect, state string) (string, error) {
	at, query, _ := strings.Cut(redirect, "?")
	v, err := url.ParseQuery(query)
	if err != nil || at != o.RedirectURI {
		return "", fmt.Errorf("%w: the provider redirected to another address than redirect_uri", ErrProtocol)
	}
	one := func(name string) string {
		if len(v[name]) != 1 {
			return ""
		}
		return v[name][0]
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(one("state")), []byte(state)) != 1:
		return "", fmt.Errorf("%w: the redirect has another state than the request (RFC 6749, Section 10.12)", ErrProtocol)
	case o.Issuer != "" && one("iss") != o.Issuer:
		return "", fmt.Errorf("%w: the redirect is of another issuer (RFC 9207, Section 2.4)", ErrProtocol)
	case v.Has("error"):
		return "", fmt.Errorf("%w: authorization was not given", ErrRefused)
	case one("code") == "":
		return "", fmt.Errorf("%w: the redirect has no code", ErrProtocol)
	}
	return one("code"), nil
}
