// Package wire holds what the OpenID4VCI and OpenID4VP words share: rules for
// URLs, forms, key sets, certificate chains and error descriptions. It knows
// neither protocol.
package wire

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// MaxURL is the longest URL read from outside, in bytes.
const MaxURL = 2048

// CheckURL says what is wrong with an absolute https URL, or nil. With
// insecureLoopback http is let through for loopback hosts.
func CheckURL(s string, insecureLoopback bool) error {
	if s == "" {
		return errors.New("is missing")
	}
	if len(s) > MaxURL {
		return fmt.Errorf("is longer than %d bytes", MaxURL)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return errors.New("holds a character that no URL holds (RFC 3986, Section 2)")
		}
	}
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return errors.New("is no absolute URL with a host")
	}
	if u.User != nil {
		return errors.New("holds user information")
	}
	if u.Fragment != "" || strings.Contains(s, "#") {
		return errors.New("holds a fragment")
	}
	if u.Scheme == "https" || insecureLoopback && u.Scheme == "http" && Loopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("must be an https URL, found scheme %s", Clip(u.Scheme))
}

// CheckIdentifier is CheckURL for an issuer identifier, which has no query
// either (RFC 8414, Section 2; OpenID4VCI 1.0, Section 12.2.1).
func CheckIdentifier(s string, insecureLoopback bool) error {
	if err := CheckURL(s, insecureLoopback); err != nil {
		return err
	}
	if strings.Contains(s, "?") {
		return errors.New("holds a query")
	}
	return nil
}

// Loopback reports whether a host name or address means this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// WellKnown inserts a well-known path between host and path of an identifier
// (RFC 8414, Section 3.1; OpenID4VCI 1.0, Section 12.2.2). A path that is only
// a slash counts as none.
func WellKnown(identifier, name string, insecureLoopback bool) (string, error) {
	if err := CheckIdentifier(identifier, insecureLoopback); err != nil {
		return "", fmt.Errorf("issuer identifier %w", err)
	}
	scheme, rest, _ := strings.Cut(identifier, "://")
	host, path, _ := strings.Cut(rest, "/")
	if path != "" {
		path = "/" + path
	}
	return scheme + "://" + host + "/.well-known/" + name + path, nil
}

// Single says which parameter of a form stands there more than once, which
// OAuth forbids (RFC 6749, Sections 3.1 and 3.2).
func Single(form url.Values) error {
	for name, values := range form {
		if len(values) != 1 {
			return fmt.Errorf("%s stands there %d times", Clip(name), len(values))
		}
	}
	return nil
}

// Description makes text fit for error_description: only %x20-21, %x23-5B and
// %x5D-7E (RFC 6749, Section 5.2).
func Description(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\':
			return '\''
		case r < 0x20 || r > 0x7e:
			return '?'
		default:
			return r
		}
	}, s)
}

// Clip keeps a short printable part of an outside value for an error text.
func Clip(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "..."
	}
	return Description(s)
}

// URLSafe reports whether s is made of unreserved characters only (OpenID4VP
// 1.0, Section 5.2).
func URLSafe(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r))
	}) < 0
}

// JWKS is a set of public keys (RFC 7517, Section 5).
type JWKS struct {
	Keys []jose.JWK `json:"keys"`
}

// MaxKeys is how many keys a set from outside may hold.
const MaxKeys = 32

// Check says what is wrong with a set of encryption keys: each has a unique
// kid and an alg, and none is private. Keys of unknown kinds are allowed: they
// are not chosen.
func (s JWKS) Check() error {
	if len(s.Keys) == 0 || len(s.Keys) > MaxKeys {
		return fmt.Errorf("keys: expected 1 to %d keys, found %d", MaxKeys, len(s.Keys))
	}
	seen := map[string]bool{}
	for i, k := range s.Keys {
		switch {
		case k.D != "" || k.P != "" || k.Q != "" || k.DP != "" || k.DQ != "" || k.QI != "" || k.K != "":
			return fmt.Errorf("keys[%d]: holds private or symmetric members", i)
		case k.Kty == "":
			return fmt.Errorf("keys[%d].kty: is missing", i)
		case k.Kid == "":
			return fmt.Errorf("keys[%d].kid: is missing", i)
		case seen[k.Kid]:
			return fmt.Errorf("keys[%d].kid: another key has it too", i)
		}
		seen[k.Kid] = true
	}
	return nil
}

// Encryption is the first key that this product can encrypt to: EC, ECDH-ES,
// use enc or none.
func (s JWKS) Encryption() (jose.JWK, bool) {
	for _, k := range s.Keys {
		if k.Kty != "EC" || k.Alg != "ECDH-ES" || k.Use != "" && k.Use != "enc" {
			continue
		}
		if _, err := k.Key(); err == nil {
			return k, true
		}
	}
	return jose.JWK{}, false
}

// CheckChain refuses what HAIP 1.0, Section 4.1 forbids in x5c: a self-signed
// leaf, and a trust anchor that comes along. It trusts nothing: validating the
// chain is the caller's next step.
func CheckChain(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errors.New("x5c holds no certificate")
	}
	for i, c := range chain {
		if selfSigned(c) {
			if i == 0 {
				return errors.New("the leaf certificate is self-signed (HAIP 1.0, Section 4.1)")
			}
			return fmt.Errorf("x5c[%d] is self-signed: leave the trust anchor out (HAIP 1.0, Section 4.1)", i)
		}
	}
	return nil
}

// maxRSA is the longest RSA key that a signature is verified with, in bits: the time
// grows with its square, and the key is a stranger's.
const maxRSA = 8192

// selfSigned looks at the signature alone, so that it also finds a certificate
// that is no CA; one whose signature cannot be checked counts as self-signed.
func selfSigned(c *x509.Certificate) bool {
	if !bytes.Equal(c.RawIssuer, c.RawSubject) {
		return false
	}
	if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() > maxRSA {
		return true
	}
	err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	var weak x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &weak) || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}

// Redacted prints a stand-in for a secret whatever the verb.
func Redacted(f fmt.State) { _, _ = io.WriteString(f, "[secret]") }
