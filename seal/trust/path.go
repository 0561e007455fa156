package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/seal/qc"
)

// MaxPath is how many certificates a path may have, leaf and anchor included.
const MaxPath = 5

// Path is a verified chain, leaf first, anchor last. Where the certificate
// itself is the anchor there is one certificate. It is shared by all who
// present the same chain and must not be changed.
type Path struct {
	Certificates []*x509.Certificate

	notBefore, notAfter time.Time
	always              bool     // the anchor is configured
	granted             []Period // of an anchor that is a service of a trusted list
	named               []term   // of an anchor that lists of trusted entities name

	// What the certificates say beside, read when it is first asked for: most
	// paths are met more than once.
	read       sync.Once
	digests    [][sha256.Size]byte // of the certificates, in order
	owner      qc.Organization
	ownerFault error
	statements atomic.Pointer[statements]
}

// statements are the qcStatements of a leaf, read with one identifier of QcPSB.
type statements struct {
	publicBody asn1.ObjectIdentifier
	s          qc.Statements
	found      bool
	err        error
}

// Leaf is the certificate the key of which signed.
func (p *Path) Leaf() *x509.Certificate { return p.Certificates[0] }

// Anchor is the certificate that was trusted beforehand.
func (p *Path) Anchor() *x509.Certificate { return p.Certificates[len(p.Certificates)-1] }

// NotAfter is when the first certificate of the path runs out.
func (p *Path) NotAfter() time.Time { return p.notAfter }

func newPath(certs []*x509.Certificate) *Path {
	p := &Path{Certificates: certs, notBefore: certs[0].NotBefore, notAfter: certs[0].NotAfter}
	for _, c := range certs[1:] {
		if c.NotBefore.After(p.notBefore) {
			p.notBefore = c.NotBefore
		}
		if c.NotAfter.Before(p.notAfter) {
			p.notAfter = c.NotAfter
		}
	}
	return p
}

// ValidAt is ErrValidity unless every certificate of the path, the anchor
// included, is valid at this time, and ErrNoPath where the anchor is a listed
// service that was not granted then, or ErrListExpired where its list says
// nothing of then.
func (p *Path) ValidAt(at time.Time) error {
	if at.Before(p.notBefore) || at.After(p.notAfter) {
		return fmt.Errorf("%w: expected a time from %s to %s (RFC 5280, Section 6.1.3)", ErrValidity,
			p.notBefore.UTC().Format(time.RFC3339), p.notAfter.UTC().Format(time.RFC3339))
	}
	return p.grantedAt(at)
}

// facts reads what does not depend on the asker.
func (p *Path) facts() {
	p.read.Do(func() {
		for _, c := range p.Certificates {
			p.digests = append(p.digests, sha256.Sum256(c.Raw))
		}
		p.owner, p.ownerFault = qc.OrganizationOf(p.Leaf())
	})
}

// Organization is qc.OrganizationOf the leaf.
func (p *Path) Organization() (qc.Organization, error) {
	p.facts()
	return p.owner, p.ownerFault
}

// Statements are qc.Of the leaf. They are shared, too, and must not be changed.
func (p *Path) Statements(publicBody asn1.ObjectIdentifier) (qc.Statements, bool, error) {
	if r := p.statements.Load(); r != nil && r.publicBody.Equal(publicBody) {
		return r.s, r.found, r.err
	}
	r := &statements{publicBody: slices.Clone(publicBody)}
	r.s, r.found, r.err = qc.Of(p.Leaf(), publicBody)
	p.statements.Store(r)
	return r.s, r.found, r.err
}
