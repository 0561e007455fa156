package trust

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// ErrCRL is returned for a certificate revocation list that cannot be used.
var ErrCRL = errors.New("not a usable certificate revocation list")

const (
	maxCRL     = 16 << 20
	maxCRLs    = 256              // issuers remembered
	maxFetch   = 30 * time.Second // for one fetch
	retryAfter = 30 * time.Second // after a fetch that failed
	reasonHold = 6                // certificateHold
)

// CRLs is a bounded memory of certificate revocation lists by issuer (RFC
// 5280, Section 5). Lists come from files, or from the distribution points of a
// certificate when there is a Fetcher. Delta, indirect and partial lists are
// not used: they answer Unknown.
type CRLs struct {
	// Suite says until when the signatures on lists are believed; nil is
	// DefaultSuite. It is set before the first question.
	Suite *Suite

	fetch  Fetcher // nil: only what was added
	now    func() time.Time
	flight singleflight.Group

	mu       sync.Mutex
	byIssuer map[[sha256.Size]byte]*crl // by the issuer's certificate
	failed   map[string]time.Time       // by URL, when
}

// crl is a list whose signature was verified, indexed by serial number.
type crl struct {
	number     *big.Int
	thisUpdate time.Time
	nextUpdate time.Time
	entries    map[string]crlEntry
	signed     x509.SignatureAlgorithm
	raw        []byte
}

type crlEntry struct {
	since  time.Time
	reason int
}

// NewCRLs returns an empty memory. fetch may be nil. now is the clock for
// waiting between fetches and for the algorithms of lists, which are believed or
// not as of today, and not for validity; nil is time.Now.
func NewCRLs(fetch Fetcher, now func() time.Time) *CRLs {
	if now == nil {
		now = time.Now
	}
	return &CRLs{fetch: fetch, now: now, byIssuer: map[[sha256.Size]byte]*crl{}, failed: map[string]time.Time{}}
}

// Add reads a list in DER or PEM, verifies that the issuer signed it, and keeps
// it unless a newer one of that issuer is kept already.
func (c *CRLs) Add(list []byte, issuer *x509.Certificate) error {
	parsed, err := parseCRL(list, issuer)
	if err != nil {
		return err
	}
	c.keep(parsed, issuer)
	return nil
}

func (c *CRLs) keep(parsed *crl, issuer *x509.Certificate) {
	key := sha256.Sum256(issuer.Raw)
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.byIssuer[key]
	if old != nil && newer(old, parsed) {
		return
	}
	if old == nil && len(c.byIssuer) >= maxCRLs {
		for k := range c.byIssuer { // any: a list lost is fetched again
			delete(c.byIssuer, k)
			break
		}
	}
	c.byIssuer[key] = parsed
}

// newer reports whether a was issued after b.
func newer(a, b *crl) bool {
	if a.number != nil && b.number != nil && a.number.Cmp(b.number) != 0 {
		return a.number.Cmp(b.number) > 0
	}
	return a.thisUpdate.After(b.thisUpdate)
}

var (
	oidCRLNumber    = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidAuthorityKey = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidReason       = asn1.ObjectIdentifier{2, 5, 29, 21}
	oidDelta        = asn1.ObjectIdentifier{2, 5, 29, 27}
	oidDistribution = asn1.ObjectIdentifier{2, 5, 29, 28}
)

// parseCRL makes the checks of RFC 5280, Section 6.3.3, that do not depend on
// the certificate or the time.
func parseCRL(b []byte, issuer *x509.Certificate) (*crl, error) {
	if len(b) > maxCRL {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrCRL, maxCRL)
	}
	if block, _ := pem.Decode(b); block != nil {
		if block.Type != "X509 CRL" {
			return nil, fmt.Errorf("%w: PEM block is %q, expected X509 CRL", ErrCRL, clip(block.Type))
		}
		b = block.Bytes
	}
	list, err := x509.ParseRevocationList(b)
	if err != nil {
		return nil, fmt.Errorf("%w: not a CertificateList (RFC 5280, Section 5.1)", ErrCRL)
	}
	if !bytes.Equal(list.RawIssuer, issuer.RawSubject) {
		return nil, fmt.Errorf("%w: its issuer is not the certificate's (RFC 5280, Section 6.3.3)", ErrCRL)
	}
	for _, e := range list.Extensions {
		switch {
		case e.Id.Equal(oidDelta), e.Id.Equal(oidDistribution):
			return nil, fmt.Errorf("%w: it is a delta, partial or indirect list (RFC 5280, Sections 5.2.4 and 5.2.5)", ErrCRL)
		case e.Critical && !e.Id.Equal(oidCRLNumber) && !e.Id.Equal(oidAuthorityKey):
			return nil, fmt.Errorf("%w: critical extension %s is not understood (RFC 5280, Section 5.2)", ErrCRL, e.Id)
		}
	}
	if err := checkCRLSignature(list, issuer); err != nil {
		return nil, err
	}
	if list.NextUpdate.IsZero() {
		return nil, fmt.Errorf("%w: nextUpdate is missing (RFC 5280, Section 5.1.2.5)", ErrCRL)
	}
	out := &crl{number: list.Number, thisUpdate: list.ThisUpdate, nextUpdate: list.NextUpdate, signed: list.SignatureAlgorithm, raw: list.Raw, entries: make(map[string]crlEntry, len(list.RevokedCertificateEntries))}
	for _, e := range list.RevokedCertificateEntries {
		for _, x := range e.Extensions {
			if x.Critical && !x.Id.Equal(oidReason) {
				return nil, fmt.Errorf("%w: critical entry extension %s is not understood (RFC 5280, Section 5.3)", ErrCRL, x.Id)
			}
		}
		out.entries[e.SerialNumber.Text(16)] = crlEntry{e.RevocationTime, e.ReasonCode}
	}
	return out, nil
}

func checkCRLSignature(list *x509.RevocationList, issuer *x509.Certificate) error {
	if !allowed(list.SignatureAlgorithm) {
		return fmt.Errorf("%w: signed with %s, expected SHA-256 or better", ErrCRL, list.SignatureAlgorithm)
	}
	if issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return fmt.Errorf("%w: the issuer has no keyUsage cRLSign (RFC 5280, Section 6.3.3)", ErrCRL)
	}
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return fmt.Errorf("%w: the issuer did not sign it (RFC 5280, Section 6.3.3)", ErrCRL)
	}
	return nil
}

// Revocation answers from the issuer's list. A list that is kept and not past
// its next update is used; else the distribution points are asked, if there is
// a Fetcher.
func (c *CRLs) Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, error) {
	list, status, err := c.current(ctx, cert, issuer, at)
	if err != nil || list == nil {
		return status, err
	}
	return c.answer(list, cert, issuer, at), nil
}

// answer is what a list says, if its signature can be believed today: it proves
// nothing of an earlier day.
func (c *CRLs) answer(list *crl, cert, issuer *x509.Certificate, at time.Time) RevocationStatus {
	return list.status(cert, at).believed(c.Suite.orDefault().list(list, issuer), later(at, c.now()))
}

// RevocationValue is Revocation with the list that it answers from.
func (c *CRLs) RevocationValue(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, RevocationValue, error) {
	list, status, err := c.current(ctx, cert, issuer, at)
	if err != nil || list == nil {
		return status, RevocationValue{}, err
	}
	return c.answer(list, cert, issuer, at), RevocationValue{CRL: bytes.Clone(list.raw)}, nil
}

// Kept is what RevocationValue answers from the list at hand, without fetching.
func (c *CRLs) Kept(cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, RevocationValue) {
	list := c.kept(issuer)
	if list == nil {
		return RevocationStatus{}, RevocationValue{}
	}
	return c.answer(list, cert, issuer, at), RevocationValue{CRL: bytes.Clone(list.raw)}
}

// current is the list to answer from; without one the status says why.
func (c *CRLs) current(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (*crl, RevocationStatus, error) {
	if err := ctx.Err(); err != nil {
		return nil, RevocationStatus{}, err
	}
	list := c.kept(issuer)
	// A list of the time that is asked about may have been replaced by one that knows
	// of a revocation before it: until when it counts is a question of now.
	if c.fetch != nil && (list == nil || at.After(list.nextUpdate) || c.now().After(list.nextUpdate)) {
		if err := c.refresh(ctx, cert, issuer); err != nil {
			if ctx.Err() != nil {
				return nil, RevocationStatus{}, ctx.Err()
			}
			if list == nil || list.status(cert, at).State != Revoked {
				return nil, RevocationStatus{Detail: err.Error()}, nil
			}
		}
		list = c.kept(issuer)
	}
	if list == nil {
		return nil, RevocationStatus{Detail: "no certificate revocation list of the issuer is known"}, nil
	}
	return list, RevocationStatus{}, nil
}

func (c *CRLs) kept(issuer *x509.Certificate) *crl {
	key := sha256.Sum256(issuer.Raw)
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byIssuer[key]
}

// status is RFC 5280, Section 6.3.3, steps (a) and (i) for one certificate.
func (l *crl) status(cert *x509.Certificate, at time.Time) RevocationStatus {
	out := RevocationStatus{ThisUpdate: l.thisUpdate, NextUpdate: l.nextUpdate}
	e, listed := l.entries[cert.SerialNumber.Text(16)]
	switch {
	case listed && !at.Before(e.since):
		// Also from a list that has run out: revoked stays revoked.
		out.State, out.Since, out.Reason = Revoked, e.since, e.reason
		if e.reason == reasonHold {
			out.State = OnHold
		}
		out.Detail = fmt.Sprintf("in the revocation list of %s since %s, reason %d", l.thisUpdate.UTC().Format(time.RFC3339), e.since.UTC().Format(time.RFC3339), e.reason)
	case at.After(l.nextUpdate):
		out.Detail = fmt.Sprintf("the revocation list had to be replaced on %s", l.nextUpdate.UTC().Format(time.RFC3339))
	case cert.NotAfter.Before(l.thisUpdate):
		// An expired certificate may have been dropped from the list.
		out.Detail = "the revocation list was made after the certificate expired"
	default:
		out.State = Good
		out.Detail = fmt.Sprintf("not in the revocation list of %s", l.thisUpdate.UTC().Format(time.RFC3339))
	}
	return out
}

// refresh tries the distribution points of a certificate in order.
func (c *CRLs) refresh(ctx context.Context, cert, issuer *x509.Certificate) error {
	fault := fmt.Errorf("%w: the certificate names no distribution point (RFC 5280, Section 4.2.1.13)", ErrCRL)
	for i, address := range cert.CRLDistributionPoints {
		if i == maxAsked {
			break
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || len(address) > 2048 {
			continue // ldap and the like
		}
		if err := c.once(ctx, address, issuer); err == nil {
			return nil
		} else {
			fault = err
		}
	}
	return fault
}

// once fetches a list that several may ask for at once. Nobody's leaving ends
// the fetch of the others; maxFetch does.
func (c *CRLs) once(ctx context.Context, address string, issuer *x509.Certificate) error {
	key := sha256.Sum256(issuer.Raw)
	done := c.flight.DoChan(address+string(key[:]), func() (any, error) {
		shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxFetch)
		defer cancel()
		return nil, c.load(shared, address, issuer)
	})
	select {
	case r := <-done:
		return r.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *CRLs) load(ctx context.Context, address string, issuer *x509.Certificate) error {
	now := c.now()
	c.mu.Lock()
	failed, tried := c.failed[address]
	c.mu.Unlock()
	if tried && now.Sub(failed) < retryAfter {
		return fmt.Errorf("%w: its address did not answer a moment ago", ErrCRL)
	}
	body, _, err := c.fetch.Fetch(ctx, address, "application/pkix-crl")
	var parsed *crl
	if err == nil {
		parsed, err = parseCRL(body, issuer)
	} else {
		err = fmt.Errorf("%w: fetching it: %w", ErrCRL, err)
	}
	c.mu.Lock()
	if err != nil {
		if len(c.failed) >= maxCRLs {
			clear(c.failed)
		}
		c.failed[address] = now
	} else {
		delete(c.failed, address)
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	c.keep(parsed, issuer)
	return nil
}
