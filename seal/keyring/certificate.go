package keyring

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
)

var (
	// ErrWeak is returned for a key that a seal must not be made with.
	ErrWeak = errors.New("the key is too weak or of a kind that seals are not made with")
	// ErrMismatch is returned when no certificate is that of the key.
	ErrMismatch = errors.New("no certificate is that of the key")
	// ErrCertificate is returned for a certificate that cannot be used for seals.
	ErrCertificate = errors.New("the certificate cannot be used for seals")
)

// minRSA is the shortest RSA key that is taken in. The suite ends keys below 3000
// bits in 2029, and the usual length above is this one.
const minRSA = 3072

// CheckKey refuses keys that seals are not made with, and those whose end is known
// (ETSI TS 119 312).
func CheckKey(pub crypto.PublicKey) error {
	const expected = "expected P-256, P-384, P-521, or RSA of 3072 bits or more"
	alg, err := jose.AlgFor(pub)
	if err != nil || !slices.Contains(seal.DefaultAlgs, alg) {
		return fmt.Errorf("%w: %s", ErrWeak, expected)
	}
	if k, ok := pub.(*rsa.PublicKey); ok && k.N.BitLen() < minRSA {
		return fmt.Errorf("%w: RSA of %d bits, %s (ETSI TS 119 312)", ErrWeak, k.N.BitLen(), expected)
	}
	l, err := trust.DefaultSuite().JWS(alg, pub)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWeak, err)
	}
	if !l.End.IsZero() {
		return fmt.Errorf("%w: %s is believed until %s only, %s", ErrWeak, l.Algorithm, l.End.Format(time.DateOnly), expected)
	}
	return nil
}

// Order finds the certificate of a key among several and those above it, and leaves
// the anchor out (RFC 7515, Section 4.1.6; HAIP 1.0, Section 6.1.1). Certificates
// that do not belong to the chain are left out, too.
func Order(pub crypto.PublicKey, certs []*x509.Certificate) ([]*x509.Certificate, error) {
	key, ok := pub.(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil, ErrMismatch
	}
	i := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return key.Equal(c.PublicKey) && !c.IsCA })
	if i < 0 {
		return nil, ErrMismatch
	}
	chain := []*x509.Certificate{certs[i]}
	if selfSigned(chain[0]) {
		return nil, fmt.Errorf("%w: it is self-signed; have it issued by an authority (HAIP 1.0, Section 6.1.1)", ErrCertificate)
	}
	for len(chain) < trust.MaxPath {
		last := chain[len(chain)-1]
		i := slices.IndexFunc(certs, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, last.RawIssuer) && !slices.ContainsFunc(chain, c.Equal) && last.CheckSignatureFrom(c) == nil
		})
		if i < 0 || selfSigned(certs[i]) {
			return chain, nil
		}
		chain = append(chain, certs[i])
	}
	return nil, fmt.Errorf("%w: its chain has more than %d certificates", ErrCertificate, trust.MaxPath-1)
}

func selfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

// Sealing is what a certificate must be good for.
type Sealing struct {
	// Issuer is the identifier (iss) of what is sealed.
	Issuer string
	// Fits asks more of the certificate; nil asks nothing.
	Fits func(leaf *x509.Certificate) error
	// At is the time at which it must be valid.
	At time.Time
}

// Check holds a chain, leaf first, against what seals need. What it lacks that is not
// needed is told as findings.
func (s Sealing) Check(chain []*x509.Certificate) (findings []string, err error) {
	now := s.At
	leaf := chain[0]
	if err := CheckKey(leaf.PublicKey); err != nil {
		return nil, err
	}
	for i, c := range chain {
		above := leaf.PublicKey // that of the anchor is not here; the leaf's is known to be good
		if i+1 < len(chain) {
			above = chain[i+1].PublicKey
		}
		switch l, err := trust.DefaultSuite().X509(c.SignatureAlgorithm, above); {
		case err != nil:
			return nil, fmt.Errorf("%w: certificate %d of the chain: %w", ErrCertificate, i, err)
		case l.At(now) != nil:
			return nil, fmt.Errorf("%w: certificate %d of the chain: %w", ErrCertificate, i, l.At(now))
		case now.Before(c.NotBefore) || now.After(c.NotAfter):
			return nil, fmt.Errorf("%w: certificate %d of the chain is valid from %s to %s, which is not now", ErrCertificate, i, c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339))
		}
	}
	if leaf.KeyUsage&(x509.KeyUsageContentCommitment|x509.KeyUsageDigitalSignature) == 0 {
		return nil, fmt.Errorf("%w: keyUsage has neither contentCommitment nor digitalSignature, so nothing may be signed with the key (ETSI EN 319 412-3, clause 4.3.1)", ErrCertificate)
	}
	if _, err := qc.OrganizationOf(leaf); err != nil {
		return nil, fmt.Errorf("%w: %w: it would not tell which legal person seals", ErrCertificate, err)
	}
	statements, found, err := qc.Of(leaf, nil)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	case !found || !statements.Seal():
		return nil, fmt.Errorf("%w: it has no QcType eseal, so it is for signatures of persons or for web sites (ETSI EN 319 412-5, clause 4.2.3); ask for a certificate for electronic seals", ErrCertificate)
	}
	if err := seal.CertifiesIssuer(leaf, s.Issuer); err != nil {
		return nil, fmt.Errorf("%w: %w; have it issued with the URI %s among the subject alternative names", ErrCertificate, err, s.Issuer)
	}
	if s.Fits != nil {
		if err := s.Fits(leaf); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
		}
	}
	return missing(leaf, statements), nil
}

// missing tells what a certificate does not say, and what follows.
func missing(leaf *x509.Certificate, s qc.Statements) []string {
	var out []string
	tell := func(lacks bool, text string) {
		if lacks {
			out = append(out, text)
		}
	}
	tell(!s.Compliance, "no QcCompliance: it is not issued as a qualified certificate, and its seals are advanced ones at most (Regulation (EU) No 910/2014, Article 38)")
	tell(!s.SSCD, "no QcSSCD: the key is not said to be in a qualified device, and its seals are not qualified ones (ETSI EN 319 412-5, clause 4.2.2)")
	tell(s.PublicBody == nil, "no QcPSB: it does not tell for which authentic source and by which law the body answers, and verifiers do not take its seals as those of a listed public body (Article 45f(1)(b); ETSI TS 119 412-6, clause 8.3)")
	tell(len(s.Disclosures) == 0, "no QcPDS: it does not say where the authority's disclosure statement is (ETSI EN 319 412-5, clause 4.3.4)")
	tell(len(s.Legislation) > 0, "QcCClegislation: it is qualified by a law outside the Union, and not an EU qualified certificate")
	tell(leaf.KeyUsage&x509.KeyUsageContentCommitment == 0, "keyUsage has no contentCommitment: the key is not for seals alone (ETSI EN 319 412-3, clause 4.3.1)")
	tell(len(leaf.CRLDistributionPoints) == 0 && len(leaf.OCSPServer) == 0, "neither a revocation list nor an OCSP responder: nobody can ask whether it was revoked (RFC 5280, Section 4.2.1.13)")
	tell(len(leaf.IssuingCertificateURL) == 0, "no address of the authority's certificate (Annex III(h) of Regulation (EU) No 910/2014)")
	return out
}

var errNoneWaits = fmt.Errorf("%w: none that waits here; see `zegel keys list`, and name the file that the authority gave for the request", ErrMismatch)

// Install fits certificates to the key that waits for them. It becomes Ready.
func (r Ring) Install(certs []*x509.Certificate, s Sealing) (k Key, findings []string, err error) {
	if keys, err := r.Keys(); err != nil || !slices.ContainsFunc(keys, func(k Key) bool { return k.State == Requested }) {
		return k, nil, errors.Join(err, errNoneWaits)
	}
	return k, findings, r.change(func(m *manifest) error {
		for i := range m.Keys {
			waits := &m.Keys[i]
			if waits.State != Requested {
				continue
			}
			if err := r.fill(waits); err != nil {
				return err
			}
			chain, err := Order(waits.Public, certs)
			if errors.Is(err, ErrMismatch) {
				continue
			}
			if err != nil {
				return err
			}
			if findings, err = s.Check(chain); err != nil {
				return err
			}
			if waits.Elsewhere == "" {
				if _, err := r.Signer(waits.ID); err != nil {
					return err
				}
			}
			k, err = r.ready(waits, chain, s.At)
			return err
		}
		return errNoneWaits
	})
}

// Import takes a key with its certificates in. It becomes Ready.
func (r Ring) Import(key crypto.Signer, certs []*x509.Certificate, s Sealing) (k Key, findings []string, err error) {
	if err := CheckKey(key.Public()); err != nil {
		return k, nil, err
	}
	chain, err := Order(key.Public(), certs)
	if err != nil {
		return k, nil, err
	}
	if findings, err = s.Check(chain); err != nil {
		return k, nil, err
	}
	id, err := ID(key.Public())
	if err != nil {
		return k, nil, err
	}
	text, err := encodeKey(key)
	if err != nil {
		return k, nil, err
	}
	return k, findings, r.change(func(m *manifest) error {
		to, err := m.key(id)
		if err != nil {
			m.Keys = append(m.Keys, Key{ID: id, State: Requested})
			to = &m.Keys[len(m.Keys)-1]
		}
		if to.State != Requested {
			return fmt.Errorf("%w: it is here already, and %s; see `zegel keys list`", ErrState, to.State)
		}
		to.Elsewhere = ""
		if err := write(r.dir, id+keyExt, text); err != nil {
			return err
		}
		k, err = r.ready(to, chain, s.At)
		return err
	})
}

// ready writes the chain of a key; the manifest comes after it.
func (r Ring) ready(k *Key, chain []*x509.Certificate, now time.Time) (Key, error) {
	k.State, k.Since = Ready, now.UTC().Truncate(time.Second)
	k.Chain, k.Public = chain, chain[0].PublicKey
	return *k, write(r.dir, k.ID+chainExt, trust.EncodePEM(chain...))
}
