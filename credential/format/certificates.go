package format

import (
	"crypto/x509"
	"errors"

	"github.com/zegel-id/zegel/internal/jose"
)

// alg is what the seal certificate's key signs with.
func (t Type) alg() (jose.Alg, error) {
	if len(t.Chain) == 0 {
		return "", errors.New("a credential type is compiled for a seal certificate, and there is none")
	}
	return jose.AlgFor(t.Chain[0].PublicKey)
}

// authorityKeys are the key identifiers of who issued the certificates
// (OpenID4VP 1.0, Section 6.1.1.1).
func authorityKeys(chain []*x509.Certificate) [][]byte {
	var out [][]byte
	for _, c := range chain {
		if len(c.AuthorityKeyId) > 0 {
			out = append(out, c.AuthorityKeyId)
		}
	}
	return out
}
