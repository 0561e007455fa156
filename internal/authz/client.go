package authz

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// Method is how a client authenticates (RFC 8414, Section 2).
type Method string

// The methods. Secrets that are sent along are not among them.
const (
	MethodNone          Method = "none"
	MethodPrivateKeyJWT Method = oauth.MethodPrivateKeyJWT
	// MethodTLS is a certificate that is registered as it is (RFC 8705, Section
	// 2.2), MethodTLSName one of a trusted authority with a registered name (Section
	// 2.1).
	MethodTLS         Method = "self_signed_tls_client_auth"
	MethodTLSName     Method = "tls_client_auth"
	MethodAttestation Method = oauth.MethodAttestation
)

var methods = []Method{MethodNone, MethodPrivateKeyJWT, MethodTLS, MethodTLSName, MethodAttestation}

// Client is a registered wallet.
type Client struct {
	ID, Name string
	Method   Method
	// RedirectURIs are compared as they are, but for the port of a loopback
	// address (RFC 8252, Section 7.3).
	RedirectURIs []string
	// Keys of private_key_jwt.
	Keys []jose.JWK
	// Certificates of self_signed_tls_client_auth: x5t#S256 of each.
	Certificates []string
	// Name that a certificate of one of Authorities has: tls_client_auth.
	CertificateName CertificateName
	Authorities     []*x509.Certificate
	// Provider attests it: MethodAttestation.
	Provider *Provider
}

// Provider is a wallet provider whose attestations are trusted.
type Provider struct {
	Name string
	// Issuer is the iss of its attestations; empty accepts those without one only.
	Issuer string
	// Key finds its key by x5c or kid.
	Key func(ctx context.Context, t *jose.Token) (crypto.PublicKey, error)
}

// Clients are the wallets that are known.
type Clients struct {
	byID      map[string]Client
	providers []*Provider
	// Anonymous lets wallets that nobody registered redeem pre-authorized codes
	// (OpenID4VCI 1.0, Section 6.1).
	Anonymous bool
}

// NewClients tells all faults at once.
func NewClients(anonymous bool, list ...Client) (*Clients, error) {
	c := &Clients{byID: map[string]Client{}, Anonymous: anonymous}
	var faults []error
	for _, client := range list {
		if err := client.check(); err != nil {
			faults = append(faults, fmt.Errorf("client %q: %w", client.ID, err))
		}
		if _, twice := c.byID[client.ID]; twice {
			faults = append(faults, fmt.Errorf("client %q stands there twice", client.ID))
		}
		c.byID[client.ID] = client
		if p := client.Provider; p != nil && !slices.Contains(c.providers, p) {
			c.providers = append(c.providers, p)
		}
	}
	return c, errors.Join(faults...)
}

func (c Client) check() error {
	switch {
	case c.ID == "" || len(c.ID) > 512:
		return errors.New("id must have 1 to 512 characters")
	case c.Method == MethodPrivateKeyJWT && len(c.Keys) == 0:
		return errors.New("keys are needed for private_key_jwt")
	case c.Method == MethodTLS && len(c.Certificates) == 0:
		return errors.New("certificates are needed for self_signed_tls_client_auth")
	case c.Method == MethodTLSName && (len(c.Authorities) == 0 || c.CertificateName.check() != nil):
		return errors.New("authorities and one name are needed for tls_client_auth (RFC 8705, Section 2.1.2)")
	case (c.Method == MethodAttestation) != (c.Provider != nil):
		return errors.New("a wallet provider is needed for attest_jwt_client_auth, and for no other method")
	case !slices.Contains(methods, c.Method):
		return fmt.Errorf("authentication %q is not known", c.Method)
	}
	for _, k := range c.Keys {
		if _, err := k.Key(); err != nil {
			return fmt.Errorf("keys: %w", err)
		}
	}
	for _, text := range c.RedirectURIs {
		if err := checkRedirect(text); err != nil {
			return fmt.Errorf("redirect_uris: %q %w", text, err)
		}
	}
	return nil
}

// checkRedirect accepts https addresses, http on loopback addresses, and private
// schemes with a dot, which are a domain of their owner (RFC 8252, Section 7).
func checkRedirect(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || len(text) > 1024 || u.User != nil:
		return errors.New("is no absolute URI")
	case strings.Contains(text, "#"):
		return errors.New("holds a fragment (RFC 6749, Section 3.1.2)")
	case u.Scheme == "https" && u.Host != "", isLoopback(u), strings.Contains(u.Scheme, ".") && u.Host == "":
		return nil
	case !strings.Contains(u.Scheme, ".") && u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "javascript" && u.Scheme != "data" && u.Scheme != "file":
		return nil // haip-vci: and the like
	}
	return errors.New("is neither https, nor http on a loopback address, nor of a private scheme (RFC 8252, Section 7)")
}

func isLoopback(u *url.URL) bool {
	at, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && err == nil && at.IsLoopback()
}

// Redirects says whether the client may be called back there.
func (c Client) Redirects(to string) bool {
	if slices.Contains(c.RedirectURIs, to) {
		return true
	}
	u, err := url.Parse(to)
	if err != nil || !isLoopback(u) || u.User != nil || strings.Contains(to, "#") {
		return false
	}
	return slices.ContainsFunc(c.RedirectURIs, func(text string) bool {
		r, err := url.Parse(text)
		return err == nil && isLoopback(r) && r.Hostname() == u.Hostname() && r.EscapedPath() == u.EscapedPath() && r.RawQuery == u.RawQuery
	})
}

// Methods are those that some client uses, for the metadata.
func (c *Clients) Methods() (out []Method) {
	for _, m := range methods {
		used := m == MethodNone && c.Anonymous
		for _, client := range c.byID {
			used = used || client.Method == m
		}
		if used {
			out = append(out, m)
		}
	}
	return out
}

// Credentials are those of a request to the token or the PAR endpoint.
type Credentials struct {
	Form   url.Values
	Header http.Header
	// Certificates of the connection, the client's first, then what it sent along;
	// none without. That the client has the key of the first is known; who it is is
	// not.
	Certificates []*x509.Certificate
	// Issuer is this server's identifier, Endpoints are the addresses of its token
	// endpoint and of the one that was asked.
	Issuer    string
	Endpoints []string
	// Proof is the DPoP proof of the request, which was verified; zero without.
	Proof oauth.Proof
	// Grant is for a token with a pre-authorized code, which wallets that nobody
	// registered may ask for.
	PreAuthorized bool
}

func refuseClient(format string, args ...any) error {
	return refuse(CodeInvalidClient, format, args...)
}

// Authenticate finds out who asks, by the one method that is registered for it
// (RFC 6749, Section 2.3; RFC 8705, Section 2; RFC 7523, Section 3;
// attestation-based client authentication -10, Section 7). once uses values up.
func (s *Server) Authenticate(ctx context.Context, clients *Clients, nonces *Nonces, r Credentials) (Party, Client, error) {
	by := Party{Client: r.Form.Get("client_id"), JKT: r.Proof.Thumbprint}
	attested, asserted := oauth.HasClientAttestation(r.Header), oauth.HasClientAssertion(r.Form)
	switch {
	case attested && asserted, r.Header.Get("Authorization") != "", r.Form.Has("client_secret"):
		return by, Client{}, refuseClient("client: one way of authentication at a time, and one of token_endpoint_auth_methods_supported (RFC 6749, Section 2.3)")
	case attested:
		return s.attested(ctx, clients, nonces, r, by)
	case asserted:
		return s.asserted(ctx, clients, r, by)
	}
	client, known := clients.byID[by.Client]
	switch {
	case !known && r.PreAuthorized && clients.Anonymous:
		return by, Client{ID: by.Client, Method: MethodNone}, nil
	case by.Client == "":
		return by, Client{}, refuseClient("client_id: is missing (RFC 6749, Section 2.3)")
	case !known:
		return by, Client{}, refuseClient("client_id: is not registered here")
	case client.Method == MethodTLS || client.Method == MethodTLSName:
		if err := client.certified(r.Certificates, s.Now()); err != nil {
			return by, Client{}, err
		}
		by.X5T = jose.X5TS256(r.Certificates[0])
	case client.Method != MethodNone:
		return by, Client{}, refuseClient("client: must authenticate with %s", client.Method)
	}
	return by, client, nil
}

func (s *Server) attested(ctx context.Context, clients *Clients, nonces *Nonces, r Credentials, by Party) (Party, Client, error) {
	var provider *Provider
	a, err := oauth.VerifyClientAttestation(ctx, r.Header, oauth.AttestationExpect{
		Key: func(ctx context.Context, t *jose.Token) (crypto.PublicKey, error) {
			for _, p := range clients.providers {
				key, err := p.Key(ctx, t)
				if err == nil && t.Verify(key) == nil {
					provider = p
					return key, nil
				}
			}
			return nil, errors.New("authz: no wallet provider has that key")
		},
		Issuer:   func(iss string) bool { return provider != nil && provider.Issuer == iss },
		Audience: r.Issuer, ClientID: by.Client, CheckChallenge: nonces.Check, Now: s.Now(), MaxAge: NonceLife,
	})
	if err != nil {
		return by, Client{}, err
	}
	client, known := clients.byID[a.ClientID]
	if !known || client.Provider != provider {
		return by, Client{}, refuseClient("client_id: the wallet provider may not attest this client")
	}
	if a.Combined {
		if r.Proof.Thumbprint != a.Thumbprint { // its jti is used up with the proof
			return by, Client{}, &oauth.Error{Code: oauth.InvalidClientAttestation, Field: "DPoP", Description: "without a proof of its own the attested key must make the DPoP proof", Spec: "attestation-based client authentication -10, Section 7.3"}
		}
	} else if ok, err := s.Once(ctx, "attestation proof", string(digest(a.Thumbprint, a.JTI)), nonceEnd(s.Now())); err != nil {
		return by, Client{}, err
	} else if !ok {
		return by, Client{}, &oauth.Error{Code: oauth.InvalidClientAttestation, Field: "jti", Description: "was used before; make a fresh proof for each request", Spec: "attestation-based client authentication -10, Section 11.1"}
	}
	by.Client, by.Instance = a.ClientID, a.Thumbprint
	return by, client, nil
}

// nonceEnd is when no proof with a nonce of now is taken any more.
func nonceEnd(now time.Time) time.Time { return now.Add(NonceLife + 2*nonceStep) }

func (s *Server) asserted(ctx context.Context, clients *Clients, r Credentials, by Party) (Party, Client, error) {
	a, err := oauth.VerifyClientAssertion(ctx, r.Form, oauth.AssertionExpect{
		Keys: func(_ context.Context, id string) ([]jose.JWK, error) {
			if c, ok := clients.byID[id]; ok && c.Method == MethodPrivateKeyJWT {
				return c.Keys, nil
			}
			return nil, errors.New("authz: no such client")
		},
		// RFC 9126, Section 2: any of the three says who is meant.
		Audiences: append([]string{r.Issuer}, r.Endpoints...), ClientID: by.Client, Now: s.Now(),
	})
	if err != nil {
		return by, Client{}, err
	}
	if ok, err := s.Once(ctx, "client assertion", string(digest(a.ClientID, a.JTI)), a.Expires); err != nil {
		return by, Client{}, err
	} else if !ok {
		return by, Client{}, refuseClient("jti: was used before; make a fresh assertion for each request (RFC 7523, Section 3)")
	}
	by.Client = a.ClientID
	return by, clients.byID[a.ClientID], nil
}
