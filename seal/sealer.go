package seal

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/jades"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/signers"
	"github.com/zegel-id/zegel/seal/trust"
)

// ErrSealer is returned for a key, a chain or a time that must not be sealed
// with.
var ErrSealer = errors.New("cannot seal")

// ErrEnded is the ErrSealer of a certificate whose time is over.
var ErrEnded = fmt.Errorf("%w: the certificate has ended", ErrSealer)

// Options of a Sealer.
type Options struct {
	// X5U is where PEM is served (RFC 7515, Section 4.1.5). Required for
	// attestations of public bodies (ETSI TS 119 472-1, PuB-EAA-5.6.3-02).
	X5U string
	// RequireSeal refuses a certificate that is not one for electronic seals:
	// QcType eseal, an organization identifier. Leave it off for status lists,
	// request objects and lists of trusted entities.
	RequireSeal bool
	// AllowEnded takes a chain whose time is over: nothing is sealed with it, and a
	// server that has nothing better still serves what it sealed before.
	AllowEnded bool
	// Now is the clock the certificates are held against; nil is time.Now.
	Now func() time.Time
}

// Sealer makes compact JAdES B-B signatures with one key and its chain. It
// does not change, and may be used by many at once if its key may.
type Sealer struct {
	key   crypto.Signer
	alg   jose.Alg
	chain []*x509.Certificate
	x5u   string

	prefixes *sync.Map // typ -> jades.Prefix
}

// NewSealer holds the key and the chain against each other and returns a
// Sealer. The chain is leaf first, in order, without the anchor.
func NewSealer(key crypto.Signer, chain []*x509.Certificate, o Options) (*Sealer, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if key == nil || len(chain) == 0 {
		return nil, fmt.Errorf("%w: a key and its certificate are needed", ErrSealer)
	}
	leaf := chain[0]
	if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(leaf.PublicKey) {
		return nil, fmt.Errorf("%w: the key is not that of the certificate", ErrSealer)
	}
	alg, err := jose.AlgFor(leaf.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSealer, err)
	}
	if err := checkSealingChain(chain, o.Now(), o.AllowEnded); err != nil {
		return nil, err
	}
	if o.RequireSeal {
		if err := checkSealCertificate(leaf); err != nil {
			return nil, err
		}
	}
	if err := checkX5U(o.X5U); err != nil {
		return nil, err
	}
	return &Sealer{key: key, alg: alg, chain: append([]*x509.Certificate(nil), chain...), x5u: o.X5U, prefixes: &sync.Map{}}, nil
}

func checkSealingChain(chain []*x509.Certificate, now time.Time, allowEnded bool) error {
	if len(chain) >= trust.MaxPath {
		return fmt.Errorf("%w: the chain has %d certificates, expected at most %d", ErrSealer, len(chain), trust.MaxPath-1)
	}
	leaf := chain[0]
	const usable = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	switch {
	case leaf.IsCA:
		return fmt.Errorf("%w: the certificate is a certification authority", ErrSealer)
	case leaf.KeyUsage&usable == 0:
		return fmt.Errorf("%w: keyUsage of the certificate is missing or has neither contentCommitment nor digitalSignature (ETSI EN 319 412-3, clause 4.3.1)", ErrSealer)
	}
	for i, c := range chain {
		switch {
		case bytes.Equal(c.RawIssuer, c.RawSubject):
			return fmt.Errorf("%w: certificate %d of the chain is self-signed; leave the anchor out (HAIP 1.0, Section 6.1.1)", ErrSealer, i)
		case now.Before(c.NotBefore) || now.After(c.NotAfter) && !allowEnded:
			return fmt.Errorf("%w: certificate %d of the chain is valid from %s to %s, which is not now", ErrSealer, i, c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
		}
		if i+1 < len(chain) {
			if err := c.CheckSignatureFrom(chain[i+1]); err != nil {
				return fmt.Errorf("%w: certificate %d of the chain was not issued by the next one; the order is leaf first (RFC 7515, Section 4.1.6)", ErrSealer, i)
			}
		}
	}
	return nil
}

func checkSealCertificate(leaf *x509.Certificate) error {
	s, found, err := qc.Of(leaf, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSealer, err)
	}
	if !found || !s.Seal() {
		return fmt.Errorf("%w: the certificate has no QcType eseal (ETSI EN 319 412-5, clause 4.2.3)", ErrSealer)
	}
	if _, err := qc.OrganizationOf(leaf); err != nil {
		return fmt.Errorf("%w: %w", ErrSealer, err)
	}
	return nil
}

// checkX5U allows https, and plain http to this machine only.
func checkX5U(x5u string) error {
	if x5u == "" {
		return nil
	}
	u, err := url.Parse(x5u)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("%w: x5u is not an absolute address", ErrSealer)
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return fmt.Errorf("%w: x5u must be an https address (RFC 7515, Section 4.1.5)", ErrSealer)
	}
	return nil
}

// SignCompact seals payload as a compact JWS of the given typ. iat is the
// signing time in the header; it must lie in the validity of the certificate.
func (s *Sealer) SignCompact(typ string, iat time.Time, payload []byte) (string, error) {
	space := buffers.Get().(*[]byte)
	defer buffers.Put(space)
	buf, err := s.AppendCompact((*space)[:0], typ, iat, payload)
	if err != nil {
		return "", err
	}
	if cap(buf) <= maxKept {
		*space = buf
	}
	return string(buf), nil
}

// AppendCompact is SignCompact into a buffer of the caller. With an error it
// returns nothing.
func (s *Sealer) AppendCompact(dst []byte, typ string, iat time.Time, payload []byte) ([]byte, error) {
	if err := s.valid(iat); err != nil {
		return nil, err
	}
	p, err := s.prefix(typ)
	if err != nil {
		return nil, err
	}
	dst, err = p.Sign(dst, s.key, iat, payload)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return dst, nil
}

// Signer is the key, for signatures that are no JWS and claim to be made at a
// time in the validity of the certificate.
func (s *Sealer) Signer(at time.Time) (crypto.Signer, error) {
	if err := s.valid(at); err != nil {
		return nil, err
	}
	return s.key, nil
}

// Through is the Sealer with its key reached through another signer, such as a
// tenant's share of a signers.Queue. The signer must have the same public key.
func (s *Sealer) Through(wrap func(crypto.Signer) crypto.Signer) (*Sealer, error) {
	key := wrap(s.key)
	if pub, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(s.chain[0].PublicKey) {
		return nil, fmt.Errorf("%w: the key is not that of the certificate", ErrSealer)
	}
	through := *s
	through.key = key
	return &through, nil
}

// WithContext is the Sealer for what is done on behalf of ctx: a key that can be
// waited for (signers.Signer) waits no longer than ctx allows. Others sign as
// always.
func (s *Sealer) WithContext(ctx context.Context) *Sealer {
	key, ok := s.key.(signers.Signer)
	if !ok {
		return s
	}
	bound := *s
	bound.key = inContext{key, ctx}
	return &bound
}

// inContext signs within a context that whoever signs does not know.
type inContext struct {
	signers.Signer
	ctx context.Context
}

func (k inContext) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(k.ctx, digest, opts)
}

// Usable is ErrEnded when a certificate of the chain has ended: what is sealed now
// must not be sealed as of an hour ago.
func (s *Sealer) Usable(now time.Time) error {
	for _, c := range s.chain {
		if now.After(c.NotAfter) {
			return fmt.Errorf("%w: it was valid until %s; rotate the key", ErrEnded, c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// Until is when the first certificate of the chain ends.
func (s *Sealer) Until() time.Time {
	until := s.chain[0].NotAfter
	for _, c := range s.chain {
		if c.NotAfter.Before(until) {
			until = c.NotAfter
		}
	}
	return until
}

func (s *Sealer) valid(at time.Time) error {
	leaf := s.chain[0]
	if at.After(leaf.NotAfter) {
		return s.Usable(at)
	}
	if at.Before(leaf.NotBefore) {
		return fmt.Errorf("%w: the certificate is valid from %s to %s, the signing time is outside; rotate the key", ErrSealer,
			leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// buffers are reused between seals: a sealed token is several kilobytes, and
// making room for it would cost a good part of a signature.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxKept is the largest buffer that is kept.
const maxKept = 64 << 10

// prefix is the prepared header of a typ. The typs are constants of the
// product, so the map stays small.
func (s *Sealer) prefix(typ string) (jades.Prefix, error) {
	if p, ok := s.prefixes.Load(typ); ok {
		return p.(jades.Prefix), nil
	}
	if typ == "" {
		return jades.Prefix{}, fmt.Errorf("%w: typ is empty (RFC 8725, Section 3.11)", ErrSealer)
	}
	p, err := jades.NewPrefix(s.alg, typ, contentType(typ), s.x5u, s.chain)
	if err != nil {
		return jades.Prefix{}, err
	}
	s.prefixes.Store(typ, p)
	return p, nil
}

// contentType is the cty that belongs to a typ (VC-JOSE-COSE, Sections 3.1.1 and 3.2.1).
func contentType(typ string) string {
	switch typ {
	case "vc+jwt", "vc+sd-jwt":
		return "vc"
	default:
		return ""
	}
}

// Certificate is the seal certificate.
func (s *Sealer) Certificate() *x509.Certificate { return s.chain[0] }

// Chain is the chain that stands in x5c, leaf first.
func (s *Sealer) Chain() []*x509.Certificate { return append([]*x509.Certificate(nil), s.chain...) }

// Alg is the algorithm the key signs with.
func (s *Sealer) Alg() jose.Alg { return s.alg }

// ID names the certificate in addresses.
func (s *Sealer) ID() string { return CertificateID(s.chain[0]) }

// PEM is what the address in x5u serves: the chain of x5c (RFC 7515, Section
// 4.1.5).
func (s *Sealer) PEM() []byte { return trust.EncodePEM(s.chain...) }
