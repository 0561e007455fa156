// Package signin lets a citizen sign in with an OpenID provider of the
// ACM/IDM kind: authorization code flow with PKCE, state and nonce, scope
// "rrn" for the national number.
//
// It keeps nothing. What must survive the redirect travels in a ticket, sealed
// for the browser's cookie; what is learned of the citizen is the national
// number, handed over as a type that prints nothing. Names are not read.
package signin

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/identifier"
)

// Errors that callers branch on. They hold nothing of the citizen.
var (
	// ErrTicket: the sign-in was not started in this browser, or too long ago.
	ErrTicket = errors.New("signin: the sign-in was not started in this browser or is too old; start again")
	// ErrRefused: the provider answered with an error, such as access_denied.
	ErrRefused = errors.New("signin: the identity provider did not sign the citizen in")
	// ErrAnswer: the provider's answer does not hold (state, issuer, signature, nonce or claims).
	ErrAnswer = errors.New("signin: the identity provider's answer does not hold")
	// ErrProvider: the provider cannot be reached or answers nonsense.
	ErrProvider = errors.New("signin: the identity provider cannot be used now")
)

// Doer sends HTTP requests with the bounds the product sets.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Config of a relying party.
type Config struct {
	// Issuer is the provider's issuer identifier.
	Issuer string
	// ClientID and ClientSecret (client_secret_basic) were given by the provider.
	ClientID, ClientSecret string
	// RedirectURL is where the citizen comes back to.
	RedirectURL string
	// ACR is the list of authentication methods that are strong enough; empty
	// accepts what the provider did.
	ACR  []string
	HTTP Doer
	Now  func() time.Time
}

// Identity is what a sign-in proved.
type Identity struct {
	// Subject is the provider's own identifier of the citizen.
	Subject string
	INSZ    identifier.INSZ
	ACR     string
	At      time.Time
}

// life is how long a citizen may take to sign in.
const life = 10 * time.Minute

// skew is how far the provider's clock may be behind.
const skew = 60 * time.Second

// RelyingParty signs citizens in with one provider.
type RelyingParty struct {
	c    Config
	seal cipher.AEAD

	mu       sync.Mutex // guards provider and asking
	provider *oidc.Provider
	asking   *asking
}

// Demand is what one sign-in must be beyond what the relying party asks of all.
type Demand struct {
	// ACR is the list of authentication methods that are strong enough for it;
	// empty leaves it to Config.ACR.
	ACR []string
	// MaxAge is how long ago the citizen may have authenticated (OpenID Connect
	// Core 1.0, Section 3.1.2.1); zero takes any session.
	MaxAge time.Duration
	// Again makes the citizen authenticate now whatever session there is.
	Again bool
}

// New makes a relying party. key, 32 bytes, seals tickets. The provider is
// asked for its metadata at the first sign-in, not here.
func New(c Config, key []byte) (*RelyingParty, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if len(key) != 32 {
		return nil, errors.New("signin: key must have 32 bytes")
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &RelyingParty{c: c, seal: seal}, nil
}

type ticket struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	Expires  int64  `json:"expires"`
	// ACR and Oldest, the earliest auth_time, are demanded of this sign-in.
	ACR    []string `json:"acr,omitempty"`
	Oldest int64    `json:"oldest,omitzero"`
	Extra  []byte   `json:"extra,omitempty"`
}

// Start is where to send the citizen, and the ticket to keep in a cookie of
// that browser. extra comes back from Finish, which holds the sign-in against
// the demand.
func (r *RelyingParty) Start(ctx context.Context, extra []byte, d Demand) (location, sealed string, err error) {
	p, err := r.discover(ctx)
	if err != nil {
		return "", "", err
	}
	t := ticket{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Expires: r.c.Now().Add(life).Unix(), ACR: d.ACR, Oldest: d.oldest(r.c.Now()), Extra: extra}
	b, err := jose.Marshal(t)
	if err != nil {
		return "", "", err
	}
	options := []oauth2.AuthCodeOption{oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)}
	if acr := r.wanted(d); len(acr) > 0 {
		options = append(options, oauth2.SetAuthURLParam("acr_values", strings.Join(acr, " ")))
	}
	if d.MaxAge > 0 {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(d.MaxAge/time.Second))))
	}
	if d.Again {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	return r.oauth(p).AuthCodeURL(t.State, options...), jose.Encode(r.seal.Seal(nil, nil, b, r.context())), nil
}

// Finish checks what the provider sent back, in this order: ticket, state,
// provider's error, issuer (RFC 9207), code exchange with PKCE, ID token
// (signature, issuer, audience, expiry), nonce, acr, auth_time, national number.
// With ErrRefused the extra of Start comes back too; nobody is known then.
func (r *RelyingParty) Finish(ctx context.Context, query url.Values, sealed string) (Identity, []byte, error) {
	t, err := r.open(sealed)
	if err != nil {
		return Identity{}, nil, err
	}
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(t.State)) != 1 {
		return Identity{}, nil, fmt.Errorf("%w: state differs (RFC 6749, Section 10.12)", ErrAnswer)
	}
	if query.Has("error") {
		return Identity{}, t.Extra, ErrRefused
	}
	if iss := query.Get("iss"); query.Has("iss") && iss != r.c.Issuer {
		return Identity{}, nil, fmt.Errorf("%w: iss differs (RFC 9207, Section 2.4)", ErrAnswer)
	}
	p, err := r.discover(ctx)
	if err != nil {
		return Identity{}, nil, err
	}
	ctx = oidc.ClientContext(ctx, r.client())
	token, err := r.oauth(p).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return Identity{}, nil, fmt.Errorf("%w: the code was not accepted", ErrAnswer)
	}
	raw, _ := token.Extra("id_token").(string)
	verifier := p.Verifier(&oidc.Config{ClientID: r.c.ClientID, Now: r.c.Now, SupportedSigningAlgs: []string{"ES256", "RS256", "PS256"}})
	id, err := verifier.Verify(ctx, raw)
	if err != nil {
		return Identity{}, nil, fmt.Errorf("%w: the ID token does not verify (OpenID Connect Core 1.0, Section 3.1.3.7)", ErrAnswer)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(t.Nonce)) != 1 {
		return Identity{}, nil, fmt.Errorf("%w: nonce differs (OpenID Connect Core 1.0, Section 3.1.3.7)", ErrAnswer)
	}
	identity, err := r.identity(ctx, p, token, id, t)
	if err != nil {
		return Identity{}, nil, err
	}
	return identity, t.Extra, nil
}

func (r *RelyingParty) identity(ctx context.Context, p *oidc.Provider, token *oauth2.Token, id *oidc.IDToken, t ticket) (Identity, error) {
	var claims struct {
		RRN      string `json:"rrn"`
		ACR      string `json:"acr"`
		AuthTime int64  `json:"auth_time"`
	}
	if err := id.Claims(&claims); err != nil {
		return Identity{}, fmt.Errorf("%w: claims", ErrAnswer)
	}
	for _, strong := range [][]string{r.c.ACR, t.ACR} {
		if len(strong) > 0 && !slices.Contains(strong, claims.ACR) {
			return Identity{}, fmt.Errorf("%w: the citizen did not sign in strongly enough (acr)", ErrAnswer)
		}
	}
	if claims.AuthTime < t.Oldest {
		return Identity{}, fmt.Errorf("%w: the citizen did not authenticate lately enough, or the provider does not say when (auth_time; OpenID Connect Core 1.0, Section 3.1.3.7)", ErrAnswer)
	}
	if claims.RRN == "" {
		info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil || info.Subject != id.Subject {
			return Identity{}, fmt.Errorf("%w: userinfo (OpenID Connect Core 1.0, Section 5.3.4)", ErrAnswer)
		}
		if err := info.Claims(&claims); err != nil {
			return Identity{}, fmt.Errorf("%w: userinfo claims", ErrAnswer)
		}
	}
	insz, err := identifier.ParseINSZ(claims.RRN)
	if err != nil {
		return Identity{}, fmt.Errorf("%w: the claim rrn is missing or is no national number; ask the provider for scope rrn", ErrAnswer)
	}
	return Identity{Subject: id.Subject, INSZ: insz, ACR: claims.ACR, At: r.c.Now()}, nil
}

// wanted are the methods to ask for: those that satisfy the demand and what is
// asked of every sign-in, if there are any.
func (r *RelyingParty) wanted(d Demand) []string {
	if len(d.ACR) == 0 {
		return r.c.ACR
	}
	both := slices.DeleteFunc(slices.Clone(d.ACR), func(acr string) bool { return len(r.c.ACR) > 0 && !slices.Contains(r.c.ACR, acr) })
	if len(both) == 0 {
		return d.ACR // Finish will refuse what comes of it
	}
	return both
}

// oldest is the earliest auth_time that satisfies the demand of a sign-in that
// begins now; zero if any does. The citizen may take a while after it.
func (d Demand) oldest(now time.Time) int64 {
	if d.MaxAge <= 0 && !d.Again {
		return 0
	}
	if d.Again {
		d.MaxAge = 0
	}
	return now.Add(-d.MaxAge - skew).Unix()
}

// context ties a ticket to this relying party: several in one process share a
// key, and what one of them let a citizen start must not end at another.
func (r *RelyingParty) context() []byte {
	return []byte("signin\x00" + r.c.Issuer + "\x00" + r.c.ClientID + "\x00" + r.c.RedirectURL)
}

func (r *RelyingParty) open(sealed string) (ticket, error) {
	var t ticket
	b, err := jose.Decode(sealed)
	if err != nil {
		return t, ErrTicket
	}
	plain, err := r.seal.Open(nil, nil, b, r.context())
	if err != nil {
		return t, ErrTicket
	}
	if err := jose.Unmarshal(plain, &t); err != nil || r.c.Now().Unix() > t.Expires {
		return ticket{}, ErrTicket
	}
	return t, nil
}

func (r *RelyingParty) oauth(p *oidc.Provider) *oauth2.Config {
	endpoint := p.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return &oauth2.Config{
		ClientID: r.c.ClientID, ClientSecret: r.c.ClientSecret, RedirectURL: r.c.RedirectURL,
		Endpoint: endpoint, Scopes: []string{oidc.ScopeOpenID, "rrn"},
	}
}

func (r *RelyingParty) client() *http.Client {
	return &http.Client{Transport: transport{r.c.HTTP}, Timeout: 15 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

type transport struct{ d Doer }

func (t transport) RoundTrip(req *http.Request) (*http.Response, error) { return t.d.Do(req) }
