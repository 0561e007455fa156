package csc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Secret gives a secret when it is needed: from a file, or asked from somebody.
// It must end with its context.
type Secret func(context.Context) (string, error)

// ClientCredentials gets service tokens by the client credentials grant (CSC
// API v2, Sections 8.4.4 and 8.5.2.2; RFC 6749, Section 4.4) and keeps one as
// long as it is good.
type ClientCredentials struct {
	// TokenURL is the token endpoint, such as https://provider.example/oauth2/token.
	TokenURL string
	ClientID string
	Secret   Secret
	HTTP     HTTP
	// Timeout, Pause and Now are as in Config.
	Timeout, Pause time.Duration
	Now            func() time.Time

	one    turn // of who gets a token, and of what follows
	token  string
	expiry time.Time
}

// early is how long before its end a token is no longer used.
const early = 30 * time.Second

// defaultLife is that of a token that does not say how long it is good (CSC API
// v2, Section 8.4.4).
const defaultLife = time.Hour

// Token gives the token that is kept, or a new one.
func (c *ClientCredentials) Token(ctx context.Context, refused string) (string, error) {
	done, err := c.one.wait(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	if c.TokenURL == "" || c.ClientID == "" || c.Secret == nil || c.HTTP == nil {
		return "", fmt.Errorf("%w: client credentials need a token endpoint, a client, its secret and HTTP", ErrConfig)
	}
	if err := checkAddress("token endpoint", c.TokenURL); err != nil {
		return "", err
	}
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	if c.token != "" && c.token != refused && now().Before(c.expiry) {
		return c.token, nil
	}
	secret, err := c.Secret(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: asking for the secret of the client: %w", ErrConfig, err)
	}
	timeout, pause := c.Timeout, c.Pause
	defaults(&timeout, DefaultTimeout)
	defaults(&pause, DefaultPause)
	asked := now()
	t, err := again(ctx, pause, func() (t token, err error) {
		err = form(ctx, c.HTTP, timeout, "oauth2/token", c.TokenURL, basic(c.ClientID, secret),
			url.Values{"grant_type": {"client_credentials"}, "scope": {"service"}}, &t)
		return t, err
	})
	if err != nil {
		return "", err
	}
	if !strings.EqualFold(t.Type, "Bearer") {
		return "", fmt.Errorf("%w: oauth2/token: token_type is not Bearer", ErrProtocol)
	}
	if err := t.check(); err != nil {
		return "", err
	}
	c.token, c.expiry = t.Access, asked.Add(t.life()-early)
	return c.token, nil
}

// token is the answer of a token endpoint (RFC 6749, Section 5.1).
type token struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int64  `json:"expires_in"`
	// CredentialID is the credential that the token is for (CSC API v2, Section
	// 8.4.4), where the provider says so.
	CredentialID string `json:"credentialID"`
}

// check refuses a token that cannot stand in a header (RFC 6750, Section 2.1).
func (t token) check() error {
	const b64token = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
	if t.Access == "" || len(t.Access) > 16<<10 || strings.Trim(t.Access, b64token) != "" {
		return fmt.Errorf("%w: oauth2/token: access_token is missing or is none that a header can hold", ErrProtocol)
	}
	return nil
}

func (t token) life() time.Duration {
	if t.Expires <= 0 || t.Expires > int64(24*time.Hour/time.Second) {
		return defaultLife
	}
	return time.Duration(t.Expires) * time.Second
}

// basic is client_secret_basic (RFC 6749, Section 2.3.1).
func basic(client, secret string) string {
	pair := url.QueryEscape(client) + ":" + url.QueryEscape(secret)
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

// unauthorized says that a call was turned away for its token.
func unauthorized(err error, call string) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized && e.Call == call
}
