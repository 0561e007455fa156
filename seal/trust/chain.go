package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Errors of verifying a chain. Callers branch on them.
var (
	ErrChain          = errors.New("certificate chain is not acceptable")
	ErrNoPath         = errors.New("no certificate chain to a trusted anchor")
	ErrValidity       = errors.New("a certificate of the chain is not valid at this time")
	ErrSelfSigned     = errors.New("the leaf certificate is self-signed")
	ErrAnchorIncluded = errors.New("the chain includes a trust anchor or another self-signed certificate")
	ErrAlgorithm      = errors.New("an algorithm of the chain is not allowed")
	ErrUse            = errors.New("the certificate is not for this use")
)

// anchors are the certificates trusted for one use. An authority anchors what
// it issued; an end entity's certificate is trusted as it is.
type anchors struct {
	authorities []*x509.Certificate // that a chain must leave out
	pool        *x509.CertPool
	pinned      map[[sha256.Size]byte]bool
	always      map[[sha256.Size]byte]bool     // configured
	granted     map[[sha256.Size]byte][]Period // of services of trusted lists
	named       map[[sha256.Size]byte][]term   // by lists of trusted entities
	owners      map[[sha256.Size]byte]*owner   // of authorities, by name and key
}

// owner is a name and a key that have one certificate or several.
type owner struct {
	certificate *x509.Certificate
	renewed     bool
}

func newAnchors(certs []*x509.Certificate) (*anchors, error) {
	a := &anchors{
		pool: x509.NewCertPool(), pinned: map[[sha256.Size]byte]bool{}, always: map[[sha256.Size]byte]bool{},
		granted: map[[sha256.Size]byte][]Period{}, named: map[[sha256.Size]byte][]term{}, owners: map[[sha256.Size]byte]*owner{},
	}
	for _, c := range certs {
		if err := checkKey(c); err != nil {
			return nil, err
		}
		if c.IsCA && !isAuthority(c) {
			return nil, fmt.Errorf("%w: anchor %s has no keyUsage keyCertSign (RFC 5280, Section 4.2.1.3)", ErrUse, name(c))
		}
		sum := sha256.Sum256(c.Raw)
		a.always[sum] = true
		a.trust(c, sum)
		if c.IsCA {
			a.authorities = append(a.authorities, c)
		}
	}
	return a, nil
}

// trust lets paths end at a certificate.
func (a *anchors) trust(c *x509.Certificate, sum [sha256.Size]byte) {
	if !c.IsCA {
		a.pinned[sum] = true
		return
	}
	a.pool.AddCert(c)
	key := ownerOf(c)
	if o := a.owners[key]; o == nil {
		a.owners[key] = &owner{certificate: c}
	} else if !o.certificate.Equal(c) {
		o.renewed = true
	}
}

func ownerOf(c *x509.Certificate) [sha256.Size]byte {
	h := sha256.New()
	part(h, c.RawSubject)
	part(h, c.RawSubjectPublicKeyInfo)
	return [sha256.Size]byte(h.Sum(nil))
}

// renewed reports whether a path could end at another certificate of the same
// authority: which one counts is a question of the time that is asked about.
func (a *anchors) renewed(p *Path) bool {
	o := a.owners[ownerOf(p.Anchor())]
	return o != nil && o.renewed
}

// end notes what a path ends at.
func (a *anchors) end(p *Path) *Path {
	sum := sha256.Sum256(p.Anchor().Raw)
	p.always, p.granted, p.named = a.always[sum], a.granted[sum], a.named[sum]
	return p
}

// verify makes the whole decision about a chain as presented, leaf first
// (RFC 5280, Section 6; HAIP 1.0, Sections 4.1, 5 and 6.1.1).
func (a *anchors) verify(chain []*x509.Certificate, use Use, at time.Time) (*Path, error) {
	// Step 1. Form: at least the leaf, not too long.
	if len(chain) == 0 || len(chain) >= MaxPath {
		return nil, fmt.Errorf("%w: it has %d certificates, expected 1 to %d", ErrChain, len(chain), MaxPath-1)
	}
	leaf := chain[0]
	pinned := a.pinned[sha256.Sum256(leaf.Raw)]

	// Step 2. Algorithms of everything that was presented, before anything is
	// verified with a key of it.
	for _, c := range chain {
		if err := checkKey(c); err != nil {
			return nil, err
		}
		if err := checkSignatureAlgorithm(c); err != nil {
			return nil, err
		}
	}

	// Step 3. The leaf is not self-signed, and no anchor stands in the chain.
	// A list may be signed with a self-signed key whose certificate was pinned.
	if selfSigned(leaf) && (!pinned || use != UseListSigner) {
		return nil, fmt.Errorf("%w, expected one issued by an authority (HAIP 1.0, Section 6.1.1)", ErrSelfSigned)
	}
	for _, c := range chain[1:] {
		if selfSigned(c) || a.includes(c) {
			return nil, fmt.Errorf("%w: leave %s out of x5c (HAIP 1.0, Section 6.1.1)", ErrAnchorIncluded, name(c))
		}
	}

	// Step 4. The leaf may be used for this.
	if err := use.check(leaf); err != nil {
		return nil, err
	}

	// Step 5. Path to an anchor: signatures, validity, path length, name
	// constraints and critical extensions.
	path, err := a.path(chain, at)
	switch {
	case pinned && (err != nil || path.ValidAt(at) != nil):
		path = a.end(newPath(chain[:1]))
	case err != nil:
		return nil, err
	}

	// Step 6. Validity of every certificate of the path.
	if err := path.ValidAt(at); err != nil {
		return nil, err
	}
	return path, nil
}

// path builds the one path that uses exactly the chain presented, in its
// order. The intermediates are not searched beyond it.
func (a *anchors) path(chain []*x509.Certificate, at time.Time) (*Path, error) {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	options := x509.VerifyOptions{
		Roots: a.pool, Intermediates: between, CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	found, err := chain[0].Verify(options)
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		// A chain to nowhere is that before it is expired (ETSI EN 319 102-1,
		// clause 5.2.6.4): look once more from inside its validity.
		options.CurrentTime = newPath(chain).notBefore
		if _, again := chain[0].Verify(options); errors.As(again, &unknown) {
			err = again
		}
	}
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return nil, fmt.Errorf("%w: %s is valid from %s to %s (RFC 5280, Section 6.1.3)", ErrValidity, name(invalid.Cert),
			invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, &unknown):
		return nil, fmt.Errorf("%w: %s was not issued by an authority trusted for this use", ErrNoPath, name(chain[len(chain)-1]))
	case err != nil:
		return nil, fmt.Errorf("%w: %s (RFC 5280, Section 6.1)", ErrChain, reason(err))
	}
	var first, best *Path
	for _, p := range found {
		if !a.presented(p, chain) {
			continue
		}
		path := a.end(newPath(p))
		if path.ValidAt(at) == nil && (best == nil || path.outlasts(best)) {
			best = path
		}
		if first == nil {
			first = path
		}
	}
	if best != nil {
		return best, nil
	}
	if first != nil {
		return first, nil // its validity is judged by the caller
	}
	return nil, fmt.Errorf("%w: x5c must hold the path in order, leaf first, and nothing else (RFC 7515, Section 4.1.6)", ErrChain)
}

// outlasts reports whether a path is the better one of two that differ in the
// certificate of one authority, which it renewed: what it proves can be asked for
// longer. Of anchors that are trusted for different reasons the first counts.
func (p *Path) outlasts(other *Path) bool {
	return p.always == other.always && (p.granted == nil) == (other.granted == nil) && (p.named == nil) == (other.named == nil) &&
		p.notAfter.After(other.notAfter)
}

// presented reports whether a path is the chain and an anchor above it. An
// authority that is a listed service may stand in the chain, too: its holders
// need not know that somebody ends paths there.
func (a *anchors) presented(p, chain []*x509.Certificate) bool {
	if len(p) != len(chain)+1 && (len(p) != len(chain) || a.grantedOf(p[len(p)-1]) == nil) {
		return false
	}
	for i := range chain {
		if !bytes.Equal(p[i].Raw, chain[i].Raw) {
			return false
		}
	}
	return true
}

// reason says why without the values of names in the certificate.
func reason(err error) string {
	var invalid x509.CertificateInvalidError
	var critical x509.UnhandledCriticalExtension
	switch {
	case errors.As(err, &critical):
		return "a critical extension is not understood"
	case !errors.As(err, &invalid):
		return "the path does not verify"
	}
	switch invalid.Reason {
	case x509.NotAuthorizedToSign:
		return "an issuer is no certification authority"
	case x509.TooManyIntermediates:
		return "the path length constraint is exceeded"
	case x509.CANotAuthorizedForThisName:
		return "a name constraint of an authority excludes the certificate"
	case x509.UnconstrainedName, x509.TooManyConstraints:
		return "name constraints cannot be checked"
	case x509.NameMismatch:
		return "issuer and subject names do not match"
	default:
		return "the path does not verify"
	}
}

// includes reports whether c is an authority's certificate, or one with its
// name and key.
func (a *anchors) includes(c *x509.Certificate) bool {
	for _, r := range a.authorities {
		if bytes.Equal(r.RawSubject, c.RawSubject) && bytes.Equal(r.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo) {
			return true
		}
	}
	return false
}

// selfSigned tells a certificate that is signed with its own key. Issuer and
// subject being equal is enough to suspect, the signature to know; a v1 or
// usage-restricted certificate is judged by its name alone.
func selfSigned(c *x509.Certificate) bool {
	if !bytes.Equal(c.RawIssuer, c.RawSubject) {
		return false
	}
	if len(c.AuthorityKeyId) > 0 && len(c.SubjectKeyId) > 0 && !bytes.Equal(c.AuthorityKeyId, c.SubjectKeyId) {
		return c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
	}
	return true
}
