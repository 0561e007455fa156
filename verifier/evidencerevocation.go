package verifier

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
)

// revocation keeps what the answers about a chain came from.
func (g *gathering) revocation(source trust.RevocationSource, p *trust.Path, chain EvidenceChain) {
	from, ok := source.(trust.ValueSource)
	if !ok {
		return
	}
	for i, issuer := range chain.Certificates[1:] {
		_, value := from.Kept(p.Certificates[i], p.Certificates[i+1], g.at)
		known := slices.ContainsFunc(g.trust.CRLs, func(c EvidenceCRL) bool { return c.Issuer == issuer })
		if value.CRL != nil && !known {
			g.trust.CRLs = append(g.trust.CRLs, EvidenceCRL{Issuer: issuer, List: value.CRL})
		}
		if value.OCSP != nil {
			g.trust.OCSPs = append(g.trust.OCSPs, value.OCSP)
		}
	}
}

// material says what there is to judge by.
func (e *Evidence) material() string {
	out := fmt.Sprintf("list of providers %d, %d revocation lists, %d status lists", e.Trust.ListSequence, len(e.Trust.CRLs), len(e.StatusLists))
	if n := len(e.Trust.OCSPs); n > 0 {
		out += fmt.Sprintf(", %d answers of responders", n)
	}
	return out
}

// kept answers from the lists, and of what they do not know from the answers of
// responders: one of the two was enough then.
type kept struct {
	lists   *trust.CRLs
	answers [][]byte
}

// Revocation implements trust.RevocationSource.
func (k kept) Revocation(ctx context.Context, cert, issuer *x509.Certificate, at time.Time) (trust.RevocationStatus, error) {
	status, err := k.lists.Revocation(ctx, cert, issuer, at)
	if err != nil || status.State != trust.Unknown {
		return status, err
	}
	answers := trust.NewArchive(nil, k.answers)
	answers.Suite = k.lists.Suite
	return answers.Revocation(ctx, cert, issuer, at)
}
