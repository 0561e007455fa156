package trust

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"
)

// Archive answers about revocation from lists and OCSP answers that were kept,
// such as those in the evidence of a seal. Nothing is fetched. What it holds may
// be of anybody: each value counts only for certificates of whoever signed it.
// It is for one validation, and not for use by many at once.
type Archive struct {
	// MaxAge is how long before the time that is asked about a value may have been
	// made; zero believes it until its next update.
	MaxAge time.Duration

	crls, ocsps [][]byte
	lists       map[[sha256.Size]byte][]*crl // by the issuer's certificate
	verified    *cache[crl]                  // in a Store; nil remembers nothing
}

// Bounds of the lists that a Store remembers: many seals hold the same ones.
const (
	maxLists    = 64
	maxListSize = 256 << 10
)

// NewArchive returns an Archive of lists and OCSP answers in DER.
func NewArchive(crls, ocsps [][]byte) *Archive {
	return &Archive{crls: crls, ocsps: ocsps, lists: map[[sha256.Size]byte][]*crl{}}
}

// Archive is NewArchive with the lists that were verified before for others. They
// are found by what they are, word for word, and by their issuer.
func (s *Store) Archive(crls, ocsps [][]byte) *Archive {
	a := NewArchive(crls, ocsps)
	a.verified = s.lists
	return a
}

// Revocation answers from every value about the certificate that is usable; the
// worst of them counts.
func (a *Archive) Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, error) {
	if err := ctx.Err(); err != nil {
		return RevocationStatus{}, err
	}
	out := RevocationStatus{Detail: "no revocation value about it was kept"}
	for _, list := range a.of(issuer) {
		out = worse(out, a.fresh(list.status(cert, at), at))
	}
	for _, der := range a.ocsps {
		r, err := parseOCSP(der, cert, issuer)
		if err != nil {
			out = worse(out, RevocationStatus{Detail: "no value about it was kept that can be used: " + err.Error()})
			continue
		}
		out = worse(out, a.fresh(ocspStatus(r, cert, at), at))
	}
	return out, nil
}

// fresh does not believe an old value that somebody was good (EN 319 102-1,
// clause 5.2.5.4).
func (a *Archive) fresh(s RevocationStatus, at time.Time) RevocationStatus {
	if s.State == Good && a.MaxAge > 0 && at.Sub(s.ThisUpdate) > a.MaxAge {
		s.State = Unknown
		s.Detail = fmt.Sprintf("the value of %s is older than %s", s.ThisUpdate.UTC().Format(time.RFC3339), a.MaxAge)
	}
	return s
}

// of are the lists that an issuer signed.
func (a *Archive) of(issuer *x509.Certificate) []*crl {
	key := sha256.Sum256(issuer.Raw)
	lists, known := a.lists[key]
	if known {
		return lists
	}
	for _, der := range a.crls {
		if !bytes.Contains(der, issuer.RawSubject) {
			continue // spares reading large lists of others
		}
		if list := a.verify(der, issuer, key); list != nil {
			lists = append(lists, list)
		}
	}
	a.lists[key] = lists
	return lists
}

// verify is the list in DER if the issuer signed it, nil otherwise.
func (a *Archive) verify(der []byte, issuer *x509.Certificate, of [sha256.Size]byte) *crl {
	if a.verified == nil || len(der) > maxListSize {
		list, _ := parseCRL(der, issuer)
		return list
	}
	h := sha256.New()
	h.Write(of[:])
	h.Write(der)
	key := cacheKey(h.Sum(nil))
	if list := a.verified.find(key); list != nil {
		return list
	}
	list, err := parseCRL(der, issuer)
	if err != nil {
		return nil
	}
	list.raw = nil // whoever asks has it
	a.verified.put(key, list)
	return list
}
