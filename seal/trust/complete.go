package trust

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// Complete verifies a chain, leaf first, that may lack its upper part: as long
// as it leads nowhere, the issuer of its last certificate is looked for among
// more, which is in no order and may hold anchors. The first path counts.
func (s *Store) Complete(chain, more []*x509.Certificate, use Use, at time.Time) (*Path, error) {
	up := slices.Clone(chain)
	for {
		path, err := s.Certificates(up, use, at)
		if !errors.Is(err, ErrNoPath) || len(up)+1 >= MaxPath {
			return path, err
		}
		i := slices.IndexFunc(more, func(c *x509.Certificate) bool { return issued(c, up[len(up)-1]) })
		if i < 0 || slices.ContainsFunc(up, more[i].Equal) {
			return nil, err
		}
		up = append(up, more[i])
	}
}

// issued reports whether an authority that is not self-signed issued a
// certificate.
func issued(by, c *x509.Certificate) bool {
	return bytes.Equal(by.RawSubject, c.RawIssuer) && !bytes.Equal(by.RawSubject, by.RawIssuer) && c.CheckSignatureFrom(by) == nil
}
