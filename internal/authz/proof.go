package authz

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// Prove checks the DPoP proof of a request where tokens are given, which must
// hold a nonce of this server, and uses it up. A request without one gives no
// proof and no error, which only the caller can judge.
func (s *Server) Prove(ctx context.Context, nonces *Nonces, h http.Header, method, address string) (oauth.Proof, error) {
	if len(h.Values("DPoP")) == 0 {
		return oauth.Proof{}, nil
	}
	return s.prove(ctx, h, oauth.Expect{Method: method, URL: address, CheckNonce: nonces.Check})
}

func (s *Server) prove(ctx context.Context, h http.Header, e oauth.Expect) (oauth.Proof, error) {
	e.Now, e.MaxAge = s.Now(), NonceLife
	p, err := oauth.VerifyProof(h, e)
	if err != nil {
		return oauth.Proof{}, err
	}
	ok, err := s.Once(ctx, "DPoP proof", string(digest(p.Thumbprint, p.JTI, e.URL)), nonceEnd(e.Now))
	if err == nil && !ok {
		err = fmt.Errorf("%w: it was used before; make a fresh proof for each request (RFC 9449, Section 11.1)", oauth.ErrDPoP)
	}
	if err != nil {
		return oauth.Proof{}, err
	}
	return p, nil
}

// Protected is a request to a protected endpoint.
type Protected struct {
	Header          http.Header
	Method, Address string
	// Certificate of the connection, nil without one.
	Certificate *x509.Certificate
}

// Scheme is how a request presents its access token: Bearer, DPoP, or empty.
func (r Protected) Scheme() string {
	scheme, _, _ := r.token()
	return scheme
}

func (r Protected) token() (scheme, token string, ok bool) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return "", "", false
	}
	scheme, token, ok = strings.Cut(values[0], " ")
	for _, known := range []string{"Bearer", "DPoP"} {
		if strings.EqualFold(scheme, known) {
			return known, token, ok && token != "" && !strings.ContainsAny(token, " ,")
		}
	}
	return "", "", false
}

// Admit opens the grant of the access token that a request carries: as Bearer
// if it is bound to no key (RFC 6750, Section 2.1), as DPoP with a proof by its
// key if it is (RFC 9449, Section 7.1), over a connection with its certificate
// if it is bound to one (RFC 8705, Section 3).
func (s *Server) Admit(ctx context.Context, nonces *Nonces, r Protected) (Grant, error) {
	scheme, token, ok := r.token()
	if !ok {
		return Grant{}, refuse(CodeInvalidToken, "the request needs one access token, as Authorization: DPoP with a proof if it is bound to a key, as Authorization: Bearer if not (RFC 9449, Section 7.1; RFC 6750, Section 2.1)")
	}
	t, err := s.presented(ctx, token)
	if err != nil {
		return Grant{}, err
	}
	var by Party
	if r.Certificate != nil {
		by.X5T = jose.X5TS256(r.Certificate)
	}
	if scheme == "DPoP" {
		if t.grant.To.JKT == "" {
			return Grant{}, refuse(CodeInvalidToken, "the access token is bound to no key; present it as Authorization: Bearer (RFC 9449, Section 7.1)")
		}
		p, err := s.prove(ctx, r.Header, oauth.Expect{Method: r.Method, URL: r.Address, Token: token, Thumbprint: t.grant.To.JKT, CheckNonce: nonces.Check})
		if err != nil {
			return Grant{}, err
		}
		by.JKT = p.Thumbprint
	}
	return t.open(by)
}
