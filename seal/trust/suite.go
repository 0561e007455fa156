package trust

import (
	"bytes"
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// ErrEnded is an algorithm that was believed once and is no longer.
var ErrEnded = errors.New("an algorithm is no longer believed")

// Suite says until when digests and keys are believed (ETSI TS 119 312). What is not
// in it is never believed. It does not allow what other rules refuse: seals with
// SHA-1 are not verified, however old. It does not change.
type Suite struct {
	version  string
	document []byte
	digests  map[crypto.Hash]Lifetime
	keys     map[string][]size // by family, longest first
}

type size struct {
	bits int
	Lifetime
}

// Lifetime is until when an algorithm is believed.
type Lifetime struct {
	Algorithm string    // SHA-256, RSA of 2048 bits, ...
	End       time.Time // exclusive; zero when none is known
}

// At is ErrEnded when the algorithm is no longer believed at a time.
func (l Lifetime) At(t time.Time) error {
	if l.End.IsZero() || t.Before(l.End) {
		return nil
	}
	return fmt.Errorf("%w: %s, since %s (ETSI TS 119 312)", ErrEnded, l.Algorithm, l.End.Format(time.DateOnly))
}

// Sooner is the one of two that ends first.
func (l Lifetime) Sooner(other Lifetime) Lifetime {
	if l.End.IsZero() || !other.End.IsZero() && other.End.Before(l.End) {
		return other
	}
	return l
}

// the JSON form of a Suite. Days end at midnight UTC, and the day named is the
// first on which the algorithm is not believed.
type suiteFile struct {
	Version string      `json:"version"`
	Digests []suiteLine `json:"digests"`
	Keys    []suiteLine `json:"keys"`
}

type suiteLine struct {
	Name  string `json:"name"`
	Bits  int    `json:"bits,omitempty"`
	Until string `json:"until,omitempty"`
}

var digestNames = map[string]crypto.Hash{"SHA-1": crypto.SHA1, "SHA-224": crypto.SHA224, "SHA-256": crypto.SHA256, "SHA-384": crypto.SHA384, "SHA-512": crypto.SHA512}

const (
	familyRSA     = "RSA" // PKCS #1 v1.5
	familyPSS     = "RSA-PSS"
	familyECDSA   = "ECDSA"
	familyEd25519 = "Ed25519"
)

// ParseSuite reads a suite in JSON: a version that reports name, digests by name
// with the day until which they are believed, and keys by family from a length in
// bits on. Without a day there is no end.
func ParseSuite(b []byte) (*Suite, error) {
	var f suiteFile
	if err := jose.UnmarshalClosed(b, &f); err != nil {
		return nil, fmt.Errorf("suite of algorithms: %w", err)
	}
	if f.Version == "" || len(f.Digests) == 0 || len(f.Keys) == 0 {
		return nil, errors.New("suite of algorithms: version, digests and keys are needed")
	}
	document, err := jose.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("suite of algorithms: %w", err)
	}
	s := &Suite{version: f.Version, document: document, digests: map[crypto.Hash]Lifetime{}, keys: map[string][]size{}}
	for _, line := range f.Digests {
		h, known := digestNames[line.Name]
		_, twice := s.digests[h]
		end, err := line.end()
		if !known || twice || line.Bits != 0 || err != nil {
			return nil, fmt.Errorf("suite of algorithms: digest %q is unknown, there twice, or without a day as 2029-01-01", clip(line.Name))
		}
		s.digests[h] = Lifetime{line.Name, end}
	}
	for _, line := range f.Keys {
		family := s.keys[line.Name]
		twice := slices.ContainsFunc(family, func(x size) bool { return x.bits == line.Bits })
		end, err := line.end()
		if !slices.Contains([]string{familyRSA, familyPSS, familyECDSA, familyEd25519}, line.Name) || twice || line.Bits <= 0 || err != nil {
			return nil, fmt.Errorf("suite of algorithms: keys of %q are unknown, there twice, without bits, or without a day as 2029-01-01", clip(line.Name))
		}
		s.keys[line.Name] = append(family, size{line.Bits, Lifetime{line.Name, end}})
	}
	for _, family := range s.keys {
		slices.SortFunc(family, func(a, b size) int { return cmp.Compare(b.bits, a.bits) })
	}
	return s, nil
}

func (l suiteLine) end() (time.Time, error) {
	if l.Until == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.DateOnly, l.Until)
}

//go:embed suite.json
var defaultSuite []byte

// DefaultSuite is that of ETSI TS 119 312 V1.5.1.
//
// Deviation: Ed25519 is not in the document. It is here without an end, because
// chains may have it (RFC 8410); seals may not by seal.DefaultAlgs.
var DefaultSuite = sync.OnceValue(func() *Suite {
	s, err := ParseSuite(defaultSuite)
	if err != nil {
		panic(err) // it is part of the program
	}
	return s
})

// Version names the suite in reports.
func (s *Suite) Version() string { return s.version }

// Document is the suite in JSON, as ParseSuite reads it; the same suite is the same
// document.
func (s *Suite) Document() []byte { return bytes.Clone(s.document) }

// Digest is until when a digest is believed; ErrAlgorithm for one that never is.
func (s *Suite) Digest(h crypto.Hash) (Lifetime, error) {
	l, known := s.digests[h]
	if !known {
		return Lifetime{}, fmt.Errorf("%w: digest %s is not in %s", ErrAlgorithm, h, s.version)
	}
	return l, nil
}

// key is until when signatures of a key are believed.
func (s *Suite) key(pub crypto.PublicKey, pss bool) (Lifetime, error) {
	family, bits := "", 0
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if family, bits = familyRSA, k.N.BitLen(); pss {
			family = familyPSS
		}
	case *ecdsa.PublicKey:
		family, bits = familyECDSA, k.Curve.Params().BitSize
	case ed25519.PublicKey:
		family, bits = familyEd25519, 256
	}
	for _, x := range s.keys[family] {
		switch {
		case bits < x.bits:
		case x.End.IsZero():
			return x.Lifetime, nil // nobody will ask which
		default:
			return Lifetime{fmt.Sprintf("%s of %d bits", family, bits), x.End}, nil
		}
	}
	return Lifetime{}, fmt.Errorf("%w: a key of %s with %d bits is not in %s", ErrAlgorithm, family, bits, s.version)
}

// JWS is until when signatures of an algorithm of JOSE with a key are believed.
func (s *Suite) JWS(alg jose.Alg, pub crypto.PublicKey) (Lifetime, error) {
	return s.signature(alg.Hash(), pub, alg == jose.PS256)
}

// X509 is until when signatures of an algorithm with a key are believed, on
// certificates and in CMS.
func (s *Suite) X509(alg x509.SignatureAlgorithm, pub crypto.PublicKey) (Lifetime, error) {
	h, pss, known := digestOf(alg)
	if !known {
		return Lifetime{}, fmt.Errorf("%w: %s", ErrAlgorithm, alg)
	}
	return s.signature(h, pub, pss)
}

func (s *Suite) signature(h crypto.Hash, pub crypto.PublicKey, pss bool) (Lifetime, error) {
	l, err := s.key(pub, pss)
	if err != nil || h == 0 { // Ed25519 has its digest inside
		return l, err
	}
	d, err := s.Digest(h)
	return d.Sooner(l), err
}

// Path is until when every signature below the anchor of a path is believed.
func (s *Suite) Path(p *Path) (Lifetime, error) {
	var all Lifetime
	for i, c := range p.Certificates[:len(p.Certificates)-1] {
		l, err := s.X509(c.SignatureAlgorithm, p.Certificates[i+1].PublicKey)
		if err != nil {
			return Lifetime{}, err
		}
		all = all.Sooner(l)
	}
	return all, nil
}

func digestOf(alg x509.SignatureAlgorithm) (h crypto.Hash, pss, known bool) {
	switch alg {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1:
		return crypto.SHA1, false, true
	case x509.SHA256WithRSA, x509.ECDSAWithSHA256:
		return crypto.SHA256, false, true
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384:
		return crypto.SHA384, false, true
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512:
		return crypto.SHA512, false, true
	case x509.SHA256WithRSAPSS:
		return crypto.SHA256, true, true
	case x509.SHA384WithRSAPSS:
		return crypto.SHA384, true, true
	case x509.SHA512WithRSAPSS:
		return crypto.SHA512, true, true
	case x509.PureEd25519:
		return 0, false, true
	default:
		return 0, false, false
	}
}
