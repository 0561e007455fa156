package trust

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/zegel-id/zegel/internal/jose"
)

// maxRSA is the longest RSA key that is used: verifying with one that a stranger
// made longer would take for ever.
const maxRSA = 8192

// checkKey refuses a key that no JOSE algorithm of the product fits: RSA below
// 2048 bits or beyond maxRSA, other curves.
func checkKey(c *x509.Certificate) error {
	_, err := jose.AlgFor(c.PublicKey)
	if k, isRSA := c.PublicKey.(*rsa.PublicKey); err != nil || isRSA && k.N.BitLen() > maxRSA {
		return fmt.Errorf("%w: the key of %s must be P-256, P-384, P-521, Ed25519, or RSA of 2048 to %d bits", ErrAlgorithm, name(c), maxRSA)
	}
	return nil
}

// checkSignatureAlgorithm refuses certificates signed with SHA-1 or worse.
func checkSignatureAlgorithm(c *x509.Certificate) error {
	if !allowed(c.SignatureAlgorithm) {
		return fmt.Errorf("%w: %s is signed with %s, expected SHA-256 or better", ErrAlgorithm, name(c), c.SignatureAlgorithm)
	}
	return nil
}

// allowed is the list of what may sign certificates and what is said of them. It
// is of what is allowed, so that what is unknown is refused.
func allowed(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519,
		x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS:
		return true
	default:
		return false
	}
}

// name describes a certificate in an error: common names of authorities and
// organisations, never of citizens, who have no certificates here.
func name(c *x509.Certificate) string {
	if c.Subject.CommonName != "" {
		return fmt.Sprintf("certificate %q", clip(c.Subject.CommonName))
	}
	return fmt.Sprintf("certificate with serial %x", c.SerialNumber)
}

func clip(s string) string {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if len(out) == 60 {
			return string(out) + "..."
		}
		if r < 0x20 {
			r = '?'
		}
		out = append(out, r)
	}
	return string(out)
}
