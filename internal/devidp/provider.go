// Package devidp is an OpenID provider for demonstrations and tests, shaped
// like the Flemish ACM/IDM: scope "rrn" gives the claim "rrn", "profile" gives
// given_name and family_name, and the answer carries acr.
//
// It knows fictitious citizens only, asks no password and keeps everything in
// memory. It is not for real use: New refuses an issuer that is not on
// loopback.
package devidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

// ACR is the authentication method the provider claims: an electronic
// identity card, in the words of ACM/IDM.
const ACR = "urn:be:vlaanderen:authmech:eid"

// ErrNotLoopback is returned by New for an issuer others could reach.
var ErrNotLoopback = errors.New("devidp: the development identity provider asks no password, so its address must be on loopback")

// Citizen is a fictitious person who can sign in.
type Citizen struct {
	// ID names the citizen in the sign-in form, such as "lotte".
	ID         string
	GivenName  string
	FamilyName string
	// RRN is a fictitious national number with a month from 61 to 72.
	RRN string
}

// Client is a relying party that may use the provider.
type Client struct {
	ID, Secret  string
	RedirectURI string
}

// Config of the provider.
type Config struct {
	// Issuer is the provider's URL, http on loopback.
	Issuer   string
	Citizens []Citizen
	Clients  []Client
	Now      func() time.Time
}

// Provider serves the OpenID provider's endpoints and its sign-in page.
type Provider struct {
	citizens []Citizen
	storage  *storage
	op       *op.Provider
	mux      *http.ServeMux
}

// New makes a provider with a fresh ES256 key.
func New(c Config) (*Provider, error) {
	if err := loopback(c.Issuer); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	s := &storage{
		key: key, now: c.Now, citizens: map[string]Citizen{}, clients: map[string]Client{},
		requests: map[string]*request{}, codes: map[string]string{}, tokens: map[string]token{},
	}
	for _, x := range c.Citizens {
		s.citizens[x.ID] = x
	}
	for _, x := range c.Clients {
		s.clients[x.ID] = x
	}
	var sealing [32]byte
	rand.Read(sealing[:])
	provider, err := op.NewProvider(&op.Config{
		CryptoKey:       sealing,
		CodeMethodS256:  true,
		SupportedScopes: []string{"openid", "profile", "rrn"},
		SupportedClaims: []string{"sub", "acr", "auth_time", "given_name", "family_name", "rrn"},
	}, s, op.StaticIssuer(c.Issuer), op.WithAllowInsecure())
	if err != nil {
		return nil, fmt.Errorf("devidp: %w", err)
	}
	p := &Provider{citizens: c.Citizens, storage: s, op: provider, mux: http.NewServeMux()}
	p.mux.HandleFunc("GET /login", p.form)
	p.mux.HandleFunc("POST /login", p.login)
	p.mux.Handle("/", provider)
	return p, nil
}

// ServeHTTP serves the provider.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.mux.ServeHTTP(w, r) }

func (p *Provider) form(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'")
	w.Header().Set("Cache-Control", "no-store")
	_ = page.Execute(w, struct {
		ID       string
		Citizens []Citizen
	}{r.URL.Query().Get("id"), p.citizens})
}

func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	id, citizen := r.FormValue("id"), r.FormValue("citizen")
	if err := p.storage.authenticate(id, citizen); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx := op.ContextWithIssuer(r.Context(), p.op.IssuerFromRequest(r))
	http.Redirect(w, r, op.AuthCallbackURL(p.op)(ctx, id), http.StatusFound)
}

func loopback(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil {
		return err
	}
	ip := net.ParseIP(u.Hostname())
	if u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNotLoopback, u.Host)
}

var page = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Development sign-in</title>
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:2rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem}label{display:block;padding:.4rem 0}</style></head>
<body><main>
<h1>Development sign-in</h1>
<p>These people do not exist. Choose one to sign in.</p>
<form method="post" action="/login">
<input type="hidden" name="id" value="{{.ID}}">
<fieldset><legend>Fictitious citizen</legend>
{{range $i, $c := .Citizens}}<label><input type="radio" name="citizen" value="{{$c.ID}}" required{{if eq $i 0}} checked{{end}}> {{$c.GivenName}} {{$c.FamilyName}}</label>
{{end}}</fieldset>
<p><button type="submit">Sign in</button></p>
</form>
</main></body></html>
`))
