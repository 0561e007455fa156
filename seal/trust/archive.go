package trust

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"time"
)

// Archive answers about revocation from lists and OCSP answers that were kept,
// such as those in the evidence of a seal. Nothing is fetched. What it holds may
// be of anybody: each value counts only for certificates of whoever signed it.
// It is for one validation, and not for use by many at once.
type Archive struct {
	crls, ocsps [][]byte
	lists       map[[sha256.Size]byte][]*crl // by the issuer's certificate
}

// NewArchive returns an Archive of lists and OCSP answers in DER.
func NewArchive(crls, ocsps [][]byte) *Archive {
	return &Archive{crls: crls, ocsps: ocsps, lists: map[[sha256.Size]byte][]*crl{}}
}

// Revocation answers from every value about the certificate that is usable; the
// worst of them counts.
func (a *Archive) Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (RevocationStatus, error) {
	if err := ctx.Err(); err != nil {
		return RevocationStatus{}, err
	}
	out := RevocationStatus{Detail: "no revocation value about it was kept"}
	for _, list := range a.of(issuer) {
		out = worse(out, list.status(cert, at))
	}
	for _, der := range a.ocsps {
		r, err := parseOCSP(der, cert, issuer)
		if err != nil {
			out = worse(out, RevocationStatus{Detail: "no value about it was kept that can be used: " + err.Error()})
			continue
		}
		out = worse(out, ocspStatus(r, cert, at))
	}
	return out, nil
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
		if list, err := parseCRL(der, issuer); err == nil {
			lists = append(lists, list)
		}
	}
	a.lists[key] = lists
	return lists
}
