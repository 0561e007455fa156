package solid

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// Limits on a token.
const (
	maxToken    = 16 << 10
	maxLifetime = time.Hour
	// margin before its end at which a token is not used any more: for a
	// request under way, and for clocks.
	margin = 30 * time.Second
)

// client is one client of the server (Solid-OIDC, Section 5): its credentials,
// the key its tokens are bound to, and the token it has.
type client struct {
	host       *Host
	id, secret string
	key        *ecdsa.PrivateKey

	mu      sync.Mutex // one token request at a time
	token   string
	expires time.Time
	nonce   string // last DPoP-Nonce (RFC 9449, Section 8)
}

// client returns the client with these credentials, with its token if it has
// been used before.
func (h *Host) client(id, secret string) (*client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.clients[id]; c != nil && c.secret == secret {
		return c, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if len(h.clients) >= maxClients {
		for k := range h.clients { // any; it costs its vault a token request
			delete(h.clients, k)
			break
		}
	}
	c := &client{host: h, id: id, secret: secret, key: key}
	h.clients[id] = c
	return c, nil
}

func (h *Host) forget(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.clients, id)
}

// do sends a request with a token and a fresh proof. On 401 it tries once
// more with another token and another proof: net/http repeats a request by
// itself when a kept-alive connection turns out to be dead, and the server
// refuses the proof it has seen (RFC 9449, Section 11.1).
func (c *client) do(ctx context.Context, e exchange) (answer, error) {
	a, err := c.try(ctx, e)
	if err != nil || a.status != http.StatusUnauthorized {
		return a, err
	}
	c.mu.Lock()
	c.token = ""
	c.mu.Unlock()
	return c.try(ctx, e)
}

func (c *client) try(ctx context.Context, e exchange) (answer, error) {
	token, nonce, err := c.authorize(ctx)
	if err != nil {
		return answer{}, err
	}
	proof, err := oauth.NewProof(c.key, e.method, e.url, token, nonce, c.host.now())
	if err != nil {
		return answer{}, err
	}
	h := e.header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Set("Authorization", "DPoP "+token)
	h.Set("DPoP", proof)
	e.header = h
	a, err := c.host.send(ctx, e)
	if err == nil {
		c.mu.Lock()
		c.keepNonce(a)
		c.mu.Unlock()
	}
	return a, err
}

// keepNonce remembers the nonce that the next proof must hold. c.mu is held.
func (c *client) keepNonce(a answer) {
	if n := a.header.Get("DPoP-Nonce"); n != "" && len(n) <= 512 {
		c.nonce = n
	}
}

// authorize returns a token that is good for a while.
func (c *client) authorize(ctx context.Context) (token, nonce string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.host.now().Before(c.expires) {
		return c.token, c.nonce, nil
	}
	endpoint, err := c.host.discover(ctx)
	if err != nil {
		return "", "", err
	}
	a, err := c.request(ctx, endpoint)
	if err == nil && (a.status == http.StatusBadRequest || a.status == http.StatusUnauthorized) && oauthError(a) == "use_dpop_nonce" {
		a, err = c.request(ctx, endpoint) // RFC 9449, Section 8: once, with the nonce
	}
	if err != nil {
		return "", "", err
	}
	if err := c.accept(a); err != nil {
		return "", "", err
	}
	return c.token, c.nonce, nil
}

// request asks for a token (RFC 6749, Section 4.4, with RFC 9449, Section 5).
func (c *client) request(ctx context.Context, endpoint string) (answer, error) {
	proof, err := oauth.NewProof(c.key, http.MethodPost, endpoint, "", c.nonce, c.host.now())
	if err != nil {
		return answer{}, err
	}
	basic := url.QueryEscape(c.id) + ":" + url.QueryEscape(c.secret) // RFC 6749, Section 2.3.1
	a, err := c.host.send(ctx, exchange{
		method: http.MethodPost,
		url:    endpoint,
		header: http.Header{
			"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(basic))},
			"Content-Type":  {"application/x-www-form-urlencoded"},
			"Dpop":          {proof},
		},
		body: []byte("grant_type=client_credentials&scope=webid"),
	})
	if err == nil {
		c.keepNonce(a)
	}
	return a, err
}

// accept keeps the token of an answer. c.mu is held.
func (c *client) accept(a answer) error {
	if !a.ok() {
		kind := pod.ErrUnavailable
		switch oauthError(a) {
		case "invalid_client", "invalid_grant", "unauthorized_client":
			kind = pod.ErrDenied // withdrawn, or the WebID is not linked any more
		}
		return fmt.Errorf("%w: token: the Solid server answered with status %d", kind, a.status)
	}
	var t struct {
		Token   string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int64  `json:"expires_in"`
	}
	if err := jose.Unmarshal(a.body, &t); err != nil {
		return fmt.Errorf("%w: token answer: %w", pod.ErrUnavailable, err)
	}
	if !strings.EqualFold(t.Type, "DPoP") {
		return fmt.Errorf("%w: token_type: expected DPoP (RFC 9449, Section 5)", pod.ErrUnavailable)
	}
	if t.Token == "" || len(t.Token) > maxToken || strings.Trim(t.Token, tokenAlphabet) != "" {
		return fmt.Errorf("%w: access_token: expected a bearer token of at most %d bytes (RFC 6750, Section 2.1)", pod.ErrUnavailable, maxToken)
	}
	if t.Expires <= 0 {
		return fmt.Errorf("%w: expires_in: expected a positive number", pod.ErrUnavailable)
	}
	life := maxLifetime
	if t.Expires < int64(maxLifetime/time.Second) {
		life = time.Duration(t.Expires) * time.Second
	}
	c.token, c.expires = t.Token, c.host.now().Add(life-min(margin, life/2))
	return nil
}

const tokenAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

func oauthError(a answer) string {
	var e struct {
		Error string `json:"error"`
	}
	if jose.Unmarshal(a.body, &e) != nil {
		return ""
	}
	return e.Error
}

// discover finds the token endpoint (OpenID Connect Discovery 1.0, Section 4).
func (h *Host) discover(ctx context.Context) (string, error) {
	h.mu.Lock()
	known := h.endpoint
	h.mu.Unlock()
	if known != "" {
		return known, nil
	}
	a, err := h.send(ctx, exchange{method: http.MethodGet, url: h.server.JoinPath(".well-known/openid-configuration").String()})
	if err != nil {
		return "", err
	}
	if !a.ok() {
		return "", a.failure("discovery")
	}
	var d struct {
		Issuer string `json:"issuer"`
		Token  string `json:"token_endpoint"`
	}
	if err := jose.Unmarshal(a.body, &d); err != nil {
		return "", fmt.Errorf("%w: discovery: %w", pod.ErrUnavailable, err)
	}
	if d.Issuer != h.server.String() {
		return "", fmt.Errorf("%w: discovery: the issuer is not the server that was configured; set its base URL and the configured one to the same (OpenID Connect Discovery 1.0, Section 4.3)", pod.ErrUnavailable)
	}
	if !within(h.server, d.Token) {
		return "", fmt.Errorf("%w: discovery: token_endpoint leads to another server", pod.ErrUnavailable)
	}
	h.mu.Lock()
	h.endpoint = d.Token
	h.mu.Unlock()
	return d.Token, nil
}
