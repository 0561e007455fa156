package trust

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// maxTries is how many signatures Complete verifies in search of a path: who sent
// the certificates may have given all of them the same name.
const maxTries = 16

// Complete verifies a chain, leaf first, that may lack its upper part: as long
// as it leads nowhere, the issuer of its last certificate is looked for among
// more, which is in no order and may hold anchors. The first path counts.
func (s *Store) Complete(chain, more []*x509.Certificate, use Use, at time.Time) (*Path, error) {
	up := slices.Clone(chain)
	tries := 0
	for {
		path, err := s.Certificates(up, use, at)
		if !errors.Is(err, ErrNoPath) || len(up)+1 >= MaxPath {
			return path, err
		}
		last := up[len(up)-1]
		i := slices.IndexFunc(more, func(c *x509.Certificate) bool {
			if tries >= maxTries || !bytes.Equal(c.RawSubject, last.RawIssuer) || bytes.Equal(c.RawSubject, c.RawIssuer) || checkKey(c) != nil {
				return false
			}
			tries++
			return last.CheckSignatureFrom(c) == nil
		})
		if i < 0 || slices.ContainsFunc(up, more[i].Equal) {
			return nil, err
		}
		up = append(up, more[i])
	}
}
