package trust

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// ParsePEM reads certificates in PEM, in the order of the file. Anything that
// is not a certificate is refused.
func ParsePEM(b []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := bytes.TrimSpace(b); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%w: PEM must hold certificates only", ErrChain)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%w: PEM block %d is no certificate", ErrChain, len(out))
		}
		out, rest = append(out, c), after
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: no certificate in PEM", ErrChain)
	}
	return out, nil
}

// EncodePEM writes certificates in PEM.
func EncodePEM(certs ...*x509.Certificate) []byte {
	var b bytes.Buffer
	for _, c := range certs {
		// Writing to a buffer does not fail.
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.Bytes()
}
