package mdoc

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cose"
)

// Authorities are issuing authorities (IACA) that are trusted to certify
// document signers. Their IssuerKey serves as Policy.IssuerKey. A chain that
// was verified is remembered, so that the next document of the same signer
// costs no path validation. It is safe for concurrent use.
//
// Revocation is not checked, and every authority may issue every document
// type: a caller with narrower trust wraps IssuerKey.
type Authorities struct {
	roots []*x509.Certificate
	pool  *x509.CertPool

	mu    sync.Mutex
	known map[[sha256.Size]byte]path
}

// path is a chain that was verified.
type path struct {
	key                 crypto.PublicKey
	notBefore, notAfter time.Time // of all its certificates
	signer              [2]time.Time
}

// maxPaths is how many verified chains are remembered.
const maxPaths = 256

// NewAuthorities trusts the given certificates.
func NewAuthorities(roots ...*x509.Certificate) (*Authorities, error) {
	a := &Authorities{roots: roots, pool: x509.NewCertPool(), known: map[[sha256.Size]byte]path{}}
	for i, c := range roots {
		if !c.IsCA || !c.BasicConstraintsValid || c.KeyUsage&x509.KeyUsageCertSign == 0 {
			return nil, fmt.Errorf("authority %d is no certification authority that may sign certificates (ISO/IEC 18013-5, B.1.2)", i)
		}
		a.pool.AddCert(c)
	}
	return a, nil
}

// IssuerKey verifies the x5chain of an issuer's signature: a path to one of
// the authorities at u.Now, the profile of CheckDocumentSigner, the signer's
// country that of the authority, and u.Signed within the validity of the
// signer's certificate (ISO/IEC 18013-5, 9.3.1 and 9.3.3).
func (a *Authorities) IssuerKey(auth *cose.Sign1, u Unverified) (crypto.PublicKey, error) {
	h := sha256.New()
	for _, der := range auth.X5Chain {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(der))))
		h.Write(der)
	}
	var id [sha256.Size]byte
	h.Sum(id[:0])
	a.mu.Lock()
	p, ok := a.known[id]
	a.mu.Unlock()
	if !ok || u.Now.Before(p.notBefore) || u.Now.After(p.notAfter) {
		var err error
		if p, err = a.verify(auth, u.Now); err != nil {
			return nil, err
		}
		a.remember(id, p)
	}
	if u.Signed.Before(p.signer[0]) || u.Signed.After(p.signer[1]) {
		return nil, &Error{Check: credential.CheckIssuerTrust, Spec: specIssuer, Detail: "the document was signed outside the validity of the signer's certificate"}
	}
	return p.key, nil
}

func (a *Authorities) remember(id [sha256.Size]byte, p path) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k := range a.known {
		if len(a.known) < maxPaths {
			break
		}
		delete(a.known, k) // any: maps are walked in no order
	}
	a.known[id] = p
}

func (a *Authorities) verify(auth *cose.Sign1, now time.Time) (path, error) {
	bad := func(detail string, err error) (path, error) {
		return path{}, &Error{Check: credential.CheckIssuerTrust, Spec: "ISO/IEC 18013-5, 9.3.3", Detail: detail, Err: err}
	}
	chain, err := auth.Certificates()
	if err != nil {
		return bad("x5chain", err)
	}
	leaf := chain[0]
	if err := CheckDocumentSigner(leaf); err != nil {
		return path{}, err
	}
	o := x509.VerifyOptions{Roots: a.pool, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, c := range chain[1:] {
		if slices.ContainsFunc(a.roots, c.Equal) {
			return bad("the chain holds the trust anchor, which has to stay out (ISO/IEC 18013-5, 9.1.2.4)", nil)
		}
		o.Intermediates.AddCert(c)
	}
	paths, err := leaf.Verify(o)
	if err != nil {
		return bad("no path leads from the signer's certificate to a trusted authority", nil)
	}
	p := path{key: leaf.PublicKey, notBefore: leaf.NotBefore, notAfter: leaf.NotAfter, signer: [2]time.Time{leaf.NotBefore, leaf.NotAfter}}
	root := paths[0][len(paths[0])-1]
	if !slices.Equal(leaf.Subject.Country, root.Subject.Country) {
		return bad("the signer's country is not that of its authority (ISO/IEC 18013-5, B.1.4)", nil)
	}
	for _, c := range paths[0] {
		if c.NotBefore.After(p.notBefore) {
			p.notBefore = c.NotBefore
		}
		if c.NotAfter.Before(p.notAfter) {
			p.notAfter = c.NotAfter
		}
	}
	return p, nil
}
