package trust

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Archive answers about revocation from lists and OCSP answers that were kept,
// such as those in the evidence of a seal. Nothing is fetched. What it holds may
// be of anybody: each value counts only for certificates of whoever signed it.
// It is for one validation, and not for use by many at once.
type Archive struct {
	// MaxAge is how long before the time that is asked about a value may have been
	// made; zero believes it until its next update.
	MaxAge time.Duration
	// Suite says until when the signatures on values are believed; nil is
	// DefaultSuite.
	Suite *Suite
	// Known tells since when a value is proven to exist, by which its algorithms are
	// judged (EN 319 102-1, clauses 5.5.4, step 10, and 5.6.2.4, step 4). Nil: the time
	// that is asked about, and no proof.
	Known func(value []byte) time.Time

	crls, ocsps [][]byte
	lists       map[[sha256.Size]byte][]keptCRL // by the issuer's certificate
	answers     map[answerKey][]keptAnswer      // by the certificate and its issuer
	verified    *cache[crl]                     // in a Store; nil remembers nothing
}

// keptCRL is a list that was verified, and its DER.
type keptCRL struct {
	*crl
	der []byte
}

// keptAnswer is what came of reading an OCSP answer for a certificate.
type keptAnswer struct {
	*ocsp.Response
	err error
}

// Bounds of the lists that a Store remembers: many seals hold the same ones.
const (
	maxLists    = 64
	maxListSize = 256 << 10
)

// NewArchive returns an Archive of lists and OCSP answers in DER.
func NewArchive(crls, ocsps [][]byte) *Archive {
	return &Archive{crls: crls, ocsps: ocsps, lists: map[[sha256.Size]byte][]keptCRL{}, answers: map[answerKey][]keptAnswer{}}
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
		s, by := a.known(list.status(cert, at), list.der, at)
		out = worse(out, s.believed(a.Suite.orDefault().list(list.crl, issuer), by))
	}
	for i, r := range a.answersOn(cert, issuer) {
		if r.err != nil {
			out = worse(out, RevocationStatus{Detail: "no value about it was kept that can be used: " + r.err.Error()})
			continue
		}
		s, by := a.known(ocspStatus(r.Response, cert, at), a.ocsps[i], at)
		out = worse(out, s.believed(a.Suite.orDefault().answer(r.Response, issuer), by).delegated(r.Response, by))
	}
	return out, nil
}

// answersOn reads the answers for a certificate, each once: a file may hold many and
// ask about one certificate many times, and each is verified with a stranger's key.
func (a *Archive) answersOn(cert, issuer *x509.Certificate) []keptAnswer {
	key := keyOf(cert, issuer)
	out, known := a.answers[key]
	if known {
		return out
	}
	for _, der := range a.ocsps {
		r, err := parseOCSP(der, cert, issuer)
		out = append(out, keptAnswer{r, err})
	}
	a.answers[key] = out
	return out
}

// known is what a value says, if it is fresh, and by when it is proven to have
// existed: then its signature must have been one that is believed.
func (a *Archive) known(s RevocationStatus, value []byte, at time.Time) (_ RevocationStatus, by time.Time) {
	by = at
	if a.Known != nil {
		s.Known = a.Known(value)
		if by = s.Known; by.IsZero() {
			by = never
		}
	}
	return a.fresh(s, at), by
}

// never is after the end of every algorithm that has one.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

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
func (a *Archive) of(issuer *x509.Certificate) []keptCRL {
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
			lists = append(lists, keptCRL{list, der})
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
