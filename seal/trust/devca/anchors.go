package devca

import (
	"time"

	"github.com/zegel-id/zegel/seal/trust"
)

// Anchors are what a relying party has to trust beforehand. Status signers
// become trusted through the list. Former registrars are among them, for the evidence
// that they signed.
func (h *Hierarchy) Anchors() trust.Anchors {
	return trust.Anchors{
		trust.UseSeal:              {h.SealCA.Certificate},
		trust.UseAccessCertificate: {h.AccessCA.Certificate},
		trust.UseListSigner:        h.pinnedAnchors(trust.UseListSigner),
		trust.UseRegistrar:         h.pinnedAnchors(trust.UseRegistrar),
	}
}

// Store is a trust store with the anchors and the list, which must be current.
func (h *Hierarchy) Store(now time.Time) (*trust.Store, error) {
	s, err := trust.NewStore(h.Anchors(), 0)
	if err != nil {
		return nil, err
	}
	l, err := s.VerifyList(h.List, now)
	if err != nil {
		return nil, err
	}
	if err := s.Install(l); err != nil {
		return nil, err
	}
	if h.AccessList == "" { // of before there was one, and not refreshed yet
		return s, nil
	}
	if l, err = s.Verify(h.AccessList, trust.AccessProviders, now); err != nil {
		return nil, err
	}
	return s, s.Install(l)
}

// CRLs is a memory with both revocation lists.
func (h *Hierarchy) CRLs(fetch trust.Fetcher, now func() time.Time) (*trust.CRLs, error) {
	c := trust.NewCRLs(fetch, now)
	if err := c.Add(h.SealCRL, h.SealCA.Certificate); err != nil {
		return nil, err
	}
	return c, c.Add(h.AccessCRL, h.AccessCA.Certificate)
}
