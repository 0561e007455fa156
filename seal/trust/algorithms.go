package trust

import (
	"crypto/x509"
	"fmt"

	"github.com/zegel-id/zegel/internal/jose"
)

// checkKey refuses a key that no JOSE algorithm of the product fits: RSA below
// 2048 bits, other curves.
func checkKey(c *x509.Certificate) error {
	if _, err := jose.AlgFor(c.PublicKey); err != nil {
		return fmt.Errorf("%w: the key of %s must be P-256, P-384, P-521, Ed25519, or RSA of 2048 bits or more", ErrAlgorithm, name(c))
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
