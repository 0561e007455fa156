package format

import "crypto/x509"

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
