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
	"sync/atomic"
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
	input     []byte // what was signed
	proven    atomic.Pointer[proof]
}

// proof is a verification that succeeded.
type proof struct {
	pub crypto.PublicKey
	alg Alg
	sig []byte
}

// Parse splits and decodes a compact JWS (RFC 7515, Section 3.1). It checks
// form only.
func Parse(compact string) (*Token, error) {
	if len(compact) > MaxToken {
		return nil, tooLong()
	}
	return ParseBytes([]byte(compact))
}

// ParseBytes is Parse for text that the caller never changes again: the token
// keeps it.
func ParseBytes(compact []byte) (*Token, error) {
	t, _, err := AppendParse(nil, compact)
	return t, err
}

// ParseLong is Parse for signed documents that are longer than a token, such as
// lists of trusted entities: of up to most bytes, with a header that would fit a
// token.
func ParseLong(compact string, most int) (*Token, error) {
	if len(compact) > most {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrToken, most)
	}
	if strings.IndexByte(compact, '.') > MaxToken {
		return nil, tooLong()
	}
	t, _, err := split(nil, []byte(compact))
	return t, err
}

// AppendParse is ParseBytes that appends what it decodes to store: header,
// payload, signature. The token keeps these, too, each capped so that none runs
// into the next.
func AppendParse(store, compact []byte) (*Token, []byte, error) {
	if len(compact) > MaxToken {
		return nil, nil, tooLong()
	}
	return split(store, compact)
}

func split(store, compact []byte) (*Token, []byte, error) {
	head, rest, ok := bytes.Cut(compact, dot)
	payload, sig, ok2 := bytes.Cut(rest, dot)
	if !ok || !ok2 || bytes.Contains(sig, dot) {
		return nil, nil, fmt.Errorf("%w: it must have three parts (RFC 7515, Section 3.1)", ErrToken)
	}
	end := len(head) + 1 + len(payload)
	t := &Token{input: compact[:end:end]}
	store = slices.Grow(store, b64.DecodedLen(len(compact)))
	part := func(name string, text []byte) ([]byte, error) {
		from := len(store)
		all, err := AppendDecode(store, text)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrToken, name, err)
		}
		store = all
		return store[from:len(store):len(store)], nil
	}
	var err error
	if t.RawHeader, err = part("header", head); err != nil {
		return nil, nil, err
	}
	if t.Payload, err = part("payload", payload); err != nil {
		return nil, nil, err
	}
	if t.Signature, err = part("signature", sig); err != nil {
		return nil, nil, err
	}
	if err := t.Header.read(t.RawHeader); err != nil {
		return nil, nil, fmt.Errorf("%w: header: %w", ErrToken, err)
	}
	return t, store, nil
}

// RawPayload is the payload as it stands in the token, in base64url. It belongs to
// the token.
func (t *Token) RawPayload() []byte {
	_, payload, _ := bytes.Cut(t.input, dot)
	return payload
}

var dot = []byte{'.'}

func tooLong() error { return fmt.Errorf("%w: longer than %d bytes", ErrToken, MaxToken) }

// read takes a header from its JSON. Most are plain, and their texts share one
// copy.
func (h *Header) read(b []byte) error {
	plain := Plain(string(b), func(name, value string) (ok bool) {
		switch name {
		case "alg":
			var alg string
			alg, ok = Quoted(value)
			h.Alg = Alg(alg)
		case "typ":
			h.Typ, ok = Quoted(value)
		case "cty":
			h.Cty, ok = Quoted(value)
		case "kid":
			h.Kid, ok = Quoted(value)
		case "x5t#S256":
			h.X5TS256, ok = Quoted(value)
		case "x5u":
			h.X5U, ok = Quoted(value)
		case "x5c":
			h.X5C, ok = List(value)
		case "crit":
			h.Crit, ok = List(value)
		case "jwk", "b64", "zip":
			return false
		default:
			return true
		}
		return ok
	})
	if plain {
		return nil
	}
	*h = Header{}
	return Unmarshal(b, h)
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

// OpenAny is Open for a token that does not say which of several keys signed it.
func (u Use) OpenAny(compact string, keys ...crypto.PublicKey) (*Token, error) {
	t, err := Parse(compact)
	if err != nil {
		return nil, err
	}
	if err := u.Check(t); err != nil {
		return nil, err
	}
	err = ErrSignature
	for _, pub := range keys {
		if err = t.Verify(pub); err == nil {
			return t, nil
		}
	}
	return nil, err
}

// Verify checks the signature with the algorithm of the header, which must
// have passed Use.Check and must fit the key. What a token has proven it need
// not prove again: verified once more with an equal key, the same algorithm
// and the same signature it answers at once, so that a seal and the format
// around it may each insist on their own check. A failure is not remembered.
// Public keys are not to be changed in place.
func (t *Token) Verify(pub crypto.PublicKey) error {
	if p := t.proven.Load(); p != nil && p.alg == t.Header.Alg && bytes.Equal(p.sig, t.Signature) && equal(p.pub, pub) {
		return nil
	}
	if err := VerifySignature(pub, t.Header.Alg, t.input, t.Signature); err != nil {
		return err
	}
	t.proven.Store(&proof{pub: pub, alg: t.Header.Alg, sig: bytes.Clone(t.Signature)})
	return nil
}

func equal(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// SigningInput is the ASCII text under the signature.
func (t *Token) SigningInput() string { return string(t.input) }

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
	buf := make([]byte, 0, EncodedLen(len(head))+EncodedLen(len(payload))+100)
	buf = AppendEncode(buf, head)
	buf = append(buf, '.')
	buf = AppendEncode(buf, payload)
	sig, err := Sign(signer, h.Alg, buf)
	if err != nil {
		return "", err
	}
	buf = append(buf, '.')
	return string(AppendEncode(buf, sig)), nil
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
// cut off. Strings are refused, and numbers with an exponent, which would be
// another number when cut.
func (d *NumericDate) UnmarshalJSON(b []byte) error {
	text, fraction, _ := strings.Cut(string(b), ".")
	if strings.ContainsAny(fraction, "eE") {
		return errors.New("must be a number of seconds without an exponent (RFC 7519, Section 2)")
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
