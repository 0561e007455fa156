// Package oauth holds the words of OAuth that several roles speak: DPoP proofs
// (RFC 9449) and PKCE (RFC 7636). It parses and checks; it keeps no state.
package oauth

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// TypDPoP is the typ of a DPoP proof (RFC 9449, Section 4.2).
const TypDPoP = "dpop+jwt"

var (
	// ErrDPoP is returned for a proof that does not hold; on the wire it is
	// invalid_dpop_proof (RFC 9449, Section 12.2).
	ErrDPoP = errors.New("DPoP proof does not hold")
	// ErrUseNonce is returned for a proof that holds but for the server's nonce;
	// on the wire it is use_dpop_nonce, with a nonce in NonceHeader (RFC 9449,
	// Sections 8 and 9).
	ErrUseNonce = errors.New("the DPoP proof needs a nonce that this server gave lately")
)

// NonceHeader holds the nonce that the next proof must hold (RFC 9449, Section
// 8.1).
const NonceHeader = "DPoP-Nonce"

var dpopAlgs = []jose.Alg{jose.ES256, jose.ES384, jose.EdDSA}

// ProofAlgs are the algorithms of DPoP proofs, and of what else clients sign here.
func ProofAlgs() []jose.Alg { return slices.Clone(dpopAlgs) }

// Proof is a DPoP proof that was checked.
type Proof struct {
	// Thumbprint is the jkt a token is bound to (RFC 9449, Section 6.1).
	Thumbprint string
	// JTI must be used once by the caller, for MaxAge.
	JTI      string
	IssuedAt time.Time
	// Text is the proof as it was sent.
	Text string
}

type proofClaims struct {
	JTI   string           `json:"jti"`
	HTM   string           `json:"htm"`
	HTU   string           `json:"htu"`
	IAT   jose.NumericDate `json:"iat"`
	ATH   string           `json:"ath,omitempty"`
	Nonce string           `json:"nonce,omitempty"`
}

type proofHeader struct {
	Alg jose.Alg `json:"alg"`
	JWK jose.JWK `json:"jwk"`
	Typ string   `json:"typ"`
}

// NewProof makes a proof for one request. token is the access token the
// request carries, empty at a token endpoint; nonce is the server's, if it
// gave one.
func NewProof(key crypto.Signer, method, target, token, nonce string, now time.Time) (string, error) {
	alg, err := jose.AlgFor(key.Public())
	if err != nil {
		return "", err
	}
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		return "", err
	}
	htu, err := normal(target)
	if err != nil {
		return "", err
	}
	c := proofClaims{JTI: rand.Text(), HTM: method, HTU: htu, IAT: jose.Date(now), Nonce: nonce}
	if token != "" {
		c.ATH = hash(token)
	}
	payload, err := jose.Marshal(c)
	if err != nil {
		return "", err
	}
	return jose.SignCompact(key, proofHeader{Alg: alg, JWK: jwk, Typ: TypDPoP}, payload)
}

// Expect is what a proof must be made for.
type Expect struct {
	Method string
	// URL of the request as the client knows it (behind a proxy: the public one).
	URL string
	// Token is the access token presented, empty at a token endpoint.
	Token string
	// Thumbprint the token is bound to; empty at a token endpoint.
	Thumbprint string
	// CheckNonce says whether a nonce is one that the server gave lately; nil
	// when the server gives none. What it accepts says when the proof was made,
	// so that a client whose clock is wrong still gets on (RFC 9449, Section
	// 11.1).
	CheckNonce func(nonce string) bool
	Now        time.Time
	// MaxAge is how old a proof may be without a nonce. Its jti must be remembered
	// as long, or as long as the nonce is accepted.
	MaxAge time.Duration
}

// skew is how far ahead a client's clock may be.
const skew = 60 * time.Second

// VerifyProof checks the DPoP header of a request (RFC 9449, Section 4.3). The
// caller must still consume the JTI.
func VerifyProof(h http.Header, e Expect) (Proof, error) {
	values := h.Values("DPoP")
	// Step 1. Exactly one header field; steps 2 and 3: one well-formed JWT with all claims.
	if len(values) != 1 {
		return Proof{}, fmt.Errorf("%w: the request must have exactly one DPoP header, found %d (RFC 9449, Section 4.3)", ErrDPoP, len(values))
	}
	t, err := jose.Parse(values[0])
	if err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrDPoP, err)
	}
	// Steps 4 and 5. typ, and an asymmetric algorithm on the list.
	if err := (jose.Use{Typ: TypDPoP, Algs: dpopAlgs}).Check(t); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrDPoP, err)
	}
	// Steps 6 and 7. Signature by the key in the header, which is no private key.
	jwk, pub, err := jose.ParseJWK(t.Header.JWK)
	if err != nil {
		return Proof{}, fmt.Errorf("%w: jwk: %w", ErrDPoP, err)
	}
	if err := t.Verify(pub); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrDPoP, err)
	}
	var c proofClaims
	if err := jose.Unmarshal(t.Payload, &c); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrDPoP, err)
	}
	if c.JTI == "" || len(c.JTI) > 128 {
		return Proof{}, fmt.Errorf("%w: jti must have 1 to 128 characters", ErrDPoP)
	}
	// Steps 8 and 9. Method and URL without query and fragment.
	if c.HTM != e.Method {
		return Proof{}, fmt.Errorf("%w: htm is not the method of the request", ErrDPoP)
	}
	got, err := normal(c.HTU)
	want, errWant := normal(e.URL)
	if err != nil || errWant != nil || got != want {
		return Proof{}, fmt.Errorf("%w: htu is not the URL of the request, expected %s", ErrDPoP, want)
	}
	// Steps 10 and 11. The server's nonce, or else the client's clock.
	at := c.IAT.Time()
	switch {
	case e.CheckNonce != nil && !e.CheckNonce(c.Nonce):
		return Proof{}, ErrUseNonce
	case e.CheckNonce == nil && (at.After(e.Now.Add(skew)) || at.Before(e.Now.Add(-e.MaxAge))):
		return Proof{}, fmt.Errorf("%w: iat is not within the last %s; check the clock and make a fresh proof for each request", ErrDPoP, e.MaxAge)
	}
	// Step 12. Bound to the token, and the token to the key.
	thumb := jwk.Thumbprint()
	if e.Token != "" {
		if subtle.ConstantTimeCompare([]byte(c.ATH), []byte(hash(e.Token))) != 1 {
			return Proof{}, fmt.Errorf("%w: ath is not the hash of the access token", ErrDPoP)
		}
		if subtle.ConstantTimeCompare([]byte(thumb), []byte(e.Thumbprint)) != 1 {
			return Proof{}, fmt.Errorf("%w: the access token is bound to another key", ErrDPoP)
		}
	}
	return Proof{Thumbprint: thumb, JTI: c.JTI, IssuedAt: at, Text: values[0]}, nil
}

// Token takes the access token of a DPoP-bound request. A bound token that
// is presented as Bearer is refused (RFC 9449, Section 7.2).
func Token(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		return "", fmt.Errorf("%w: the request must have one Authorization header", ErrDPoP)
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "DPoP") || token == "" || strings.ContainsAny(token, " ,") {
		return "", fmt.Errorf("%w: Authorization must use the DPoP scheme (RFC 9449, Section 7.1)", ErrDPoP)
	}
	return token, nil
}

// normal is a URL for comparison: lower-case scheme and host, no default
// port, no query and fragment (RFC 9449, Section 4.3, step 9).
func normal(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return "", fmt.Errorf("%w: htu must be an http(s) URL", ErrDPoP)
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return u.Scheme + "://" + host + path, nil
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return jose.Encode(sum[:])
}
