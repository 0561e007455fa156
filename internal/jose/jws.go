package jose

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Errors of reading a compact JWS.
var (
	// ErrToken is returned for text that is no well-formed compact JWS.
	ErrToken = errors.New("not a well-formed compact JWS")
	// ErrTyp is returned when the typ is not the one of this use (RFC 8725,
	// Section 3.11).
	ErrTyp = errors.New("typ is not the one expected")
	// ErrCrit is returned for a crit header that names an extension not
	// understood here (RFC 7515, Section 4.1.11), or b64 (RFC 7797).
	ErrCrit = errors.New("critical header is not understood")
)

// MaxToken is the longest compact JWS that is read, in bytes.
const MaxToken = 1 << 20

// Header is a JOSE protected header (RFC 7515, Section 4).
type Header struct {
	Alg     Alg            `json:"alg"`
	Typ     string         `json:"typ,omitempty"`
	Cty     string         `json:"cty,omitempty"`
	Kid     string         `json:"kid,omitempty"`
	JWK     jsontext.Value `json:"jwk,omitempty"`
	X5TS256 string         `json:"x5t#S256,omitempty"`
	X5U     string         `json:"x5u,omitempty"`
	X5C     []string       `json:"x5c,omitempty"`
	Crit    []string       `json:"crit,omitempty"`
	B64     *bool          `json:"b64,omitempty"`
	Zip     string         `json:"zip,omitempty"`
}

// Token is a parsed compact JWS. Nothing in it is trusted until Verify.
type Token struct {
	Header    Header
	RawHeader []byte // decoded protected header, for members of a single use
	Payload   []byte
	Signature []byte
	input     string // what was signed
}

// Parse splits and decodes a compact JWS (RFC 7515, Section 3.1). It checks
// form only.
func Parse(compact string) (*Token, error) {
	if len(compact) > MaxToken {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrToken, MaxToken)
	}
	head, rest, ok := strings.Cut(compact, ".")
	payload, sig, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || strings.Contains(sig, ".") {
		return nil, fmt.Errorf("%w: it must have three parts (RFC 7515, Section 3.1)", ErrToken)
	}
	t := &Token{input: compact[:len(head)+1+len(payload)]}
	var err error
	if t.RawHeader, err = Decode(head); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrToken, err)
	}
	if t.Payload, err = Decode(payload); err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrToken, err)
	}
	if t.Signature, err = Decode(sig); err != nil {
		return nil, fmt.Errorf("%w: signature: %w", ErrToken, err)
	}
	if err := Unmarshal(t.RawHeader, &t.Header); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrToken, err)
	}
	return t, nil
}

// Use says what a kind of token must be: its one typ and the algorithms
// allowed for it.
type Use struct {
	Typ  string
	Algs []Alg
}

// Check refuses a token of another kind: typ must be equal, alg on the list,
// no critical extensions, no unencoded payload. It does not check the
// signature.
func (u Use) Check(t *Token) error {
	if t.Header.Typ != u.Typ {
		return fmt.Errorf("%w: found %q, expected %q (RFC 8725, Section 3.11)", ErrTyp, clip(t.Header.Typ), u.Typ)
	}
	if !slices.Contains(u.Algs, t.Header.Alg) {
		return fmt.Errorf("%w: found %q, allowed %v", ErrAlg, clip(string(t.Header.Alg)), u.Algs)
	}
	if t.Header.Crit != nil || t.Header.B64 != nil || bytes.Contains(t.RawHeader, []byte(`"crit"`)) {
		return fmt.Errorf("%w (RFC 7515, Section 4.1.11)", ErrCrit)
	}
	return nil
}

// Open parses a token, checks its use, asks for the key and verifies. The
// caller decides the key; it may read the header to choose among keys it
// trusts.
func (u Use) Open(compact string, key func(Header) (crypto.PublicKey, error)) (*Token, error) {
	t, err := Parse(compact)
	if err != nil {
		return nil, err
	}
	if err := u.Check(t); err != nil {
		return nil, err
	}
	pub, err := key(t.Header)
	if err != nil {
		return nil, err
	}
	if err := t.Verify(pub); err != nil {
		return nil, err
	}
	return t, nil
}

// Verify checks the signature with the algorithm of the header, which must
// have passed Use.Check and must fit the key.
func (t *Token) Verify(pub crypto.PublicKey) error {
	return VerifySignature(pub, t.Header.Alg, []byte(t.input), t.Signature)
}

// SigningInput is the ASCII text under the signature.
func (t *Token) SigningInput() string { return t.input }

// SignCompact makes a compact JWS. header is marshalled as it is and must
// hold the alg that fits the key.
func SignCompact(signer crypto.Signer, header any, payload []byte) (string, error) {
	head, err := Marshal(header)
	if err != nil {
		return "", fmt.Errorf("encoding JWS header: %w", err)
	}
	a, err := AlgFor(signer.Public())
	if err != nil {
		return "", err
	}
	var h Header
	if err := Unmarshal(head, &h); err != nil {
		return "", fmt.Errorf("JWS header: %w", err)
	}
	if h.Alg != a && (h.Alg != RS256 || a != PS256) {
		return "", fmt.Errorf("%w: header says %q, the key signs %q", ErrAlg, clip(string(h.Alg)), a)
	}
	buf := make([]byte, 0, b64.EncodedLen(len(head))+b64.EncodedLen(len(payload))+100)
	buf = b64.AppendEncode(buf, head)
	buf = append(buf, '.')
	buf = b64.AppendEncode(buf, payload)
	sig, err := Sign(signer, h.Alg, buf)
	if err != nil {
		return "", err
	}
	buf = append(buf, '.')
	return string(b64.AppendEncode(buf, sig)), nil
}

// EncodeX5C is the x5c value of a chain, leaf first (RFC 7515, Section 4.1.6).
func EncodeX5C(chain []*x509.Certificate) []string {
	out := make([]string, len(chain))
	for i, c := range chain {
		out[i] = base64.StdEncoding.EncodeToString(c.Raw)
	}
	return out
}

// MaxChain is how many certificates an x5c header may hold.
const MaxChain = 8

// Certificates parses the x5c header, leaf first. They are not validated.
func (h Header) Certificates() ([]*x509.Certificate, error) {
	if len(h.X5C) == 0 || len(h.X5C) > MaxChain {
		return nil, fmt.Errorf("%w: x5c must hold 1 to %d certificates, found %d (RFC 7515, Section 4.1.6)", ErrToken, MaxChain, len(h.X5C))
	}
	chain := make([]*x509.Certificate, len(h.X5C))
	for i, text := range h.X5C {
		der, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%w: x5c[%d] is not base64 (RFC 7515, Section 4.1.6)", ErrToken, i)
		}
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("%w: x5c[%d] is no certificate", ErrToken, i)
		}
	}
	return chain, nil
}

// X5TS256 is the x5t#S256 value of a certificate (RFC 7515, Section 4.1.8).
func X5TS256(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return Encode(sum[:])
}

// NumericDate is seconds since 1970 (RFC 7519, Section 2). Whole numbers only.
type NumericDate int64

// Date is the NumericDate of t, cut to the second.
func Date(t time.Time) NumericDate { return NumericDate(t.Unix()) }

// Time is d in UTC.
func (d NumericDate) Time() time.Time { return time.Unix(int64(d), 0).UTC() }

// UnmarshalJSON accepts a JSON number; a fraction, which RFC 7519 allows, is
// cut off. Strings are refused.
func (d *NumericDate) UnmarshalJSON(b []byte) error {
	text := string(b)
	if i := strings.IndexByte(text, '.'); i > 0 {
		text = text[:i]
	}
	if text == "" || len(text) > 13 {
		return errors.New("must be a number of seconds (RFC 7519, Section 2)")
	}
	var n int64
	neg := text[0] == '-'
	for _, c := range strings.TrimPrefix(text, "-") {
		if c < '0' || c > '9' {
			return errors.New("must be a number of seconds (RFC 7519, Section 2)")
		}
		n = n*10 + int64(c-'0')
	}
	if neg {
		n = -n
	}
	*d = NumericDate(n)
	return nil
}

// clip keeps a short, printable part of an outside value for an error text.
func clip(s string) string {
	const most = 40
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s)
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
