package jades

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// sigTEnd is the day from which iat shall and sigT shall not be used (TS 119
// 182-1 V1.2.1, clause 5.1.11).
var sigTEnd = time.Date(2025, 7, 15, 0, 0, 0, 0, time.UTC)

// Errors of a header that can be processed and is not as it should be.
var (
	// ErrConstraint breaks a rule that no JAdES signature may break. It is
	// SIG_CONSTRAINTS_FAILURE in ETSI EN 319 102-1.
	ErrConstraint = errors.New("a JAdES rule is broken")
	// ErrBaseline is a signature that holds and is no baseline seal: nothing
	// can be built on it.
	ErrBaseline = errors.New("not a JAdES baseline signature")
	// ErrCertificateReference is a reference that is not the digest of the
	// certificate. It is NO_SIGNING_CERTIFICATE_FOUND.
	ErrCertificateReference = errors.New("the certificate is not the one that was signed with")
	// ErrUnprocessed is a critical parameter that is known and not evaluated
	// here, so that the signature must not be accepted.
	ErrUnprocessed = errors.New("a critical header parameter is not evaluated here")
)

// ClaimedTime is when the signer says it signed; zero when it does not.
func (h Header) ClaimedTime() time.Time {
	if !h.IssuedAt.IsZero() {
		return h.IssuedAt
	}
	return h.SigT
}

// Constraints checks the rules for all JAdES signatures: one signing time, at
// most one reference to the certificate, no SHA-1 reference, not past exp.
func (h Header) Constraints(at time.Time) error {
	switch {
	case !h.IssuedAt.IsZero() && !h.SigT.IsZero():
		return fmt.Errorf("%w: iat and sigT are both there, expected iat only (ETSI TS 119 182-1, clause 5.1.11)", ErrConstraint)
	case h.ClaimedTime().IsZero():
		return fmt.Errorf("%w: iat is missing, the seal does not say when it was made (ETSI TS 119 182-1, clause 5.1.11)", ErrConstraint)
	case h.SHA1:
		return fmt.Errorf("%w: x5t is there, expected x5t#S256 (ETSI TS 119 182-1, clause 5.1.6)", ErrConstraint)
	case h.references() > 1:
		return fmt.Errorf("%w: more than one of x5t#S256, x5t#o and sigX5ts (ETSI TS 119 182-1, clause 5.1.7)", ErrConstraint)
	case h.X5TO != nil && h.X5TO.Alg == "S256":
		return fmt.Errorf("%w: x5t#o with SHA-256, expected x5t#S256 (ETSI TS 119 182-1, clause 5.2.2.2)", ErrConstraint)
	case !h.Expires.IsZero() && !at.Before(h.Expires):
		return fmt.Errorf("%w: exp of the header has passed (ETSI TS 119 182-1, clause 5.1)", ErrConstraint)
	}
	return nil
}

// ContentTimeStamp is the name of the parameter of content time-stamps.
const ContentTimeStamp = "adoTst"

// Unprocessed tells whether a critical parameter is one that is only carried
// here: a signature policy, a content time-stamp, signer attributes. The caller
// names those that it evaluates itself.
func (h Header) Unprocessed(evaluated ...string) (name string, found bool) {
	for _, name := range []string{"sigPId", ContentTimeStamp, "srAts"} {
		if slices.Contains(h.Crit, name) && !slices.Contains(evaluated, name) {
			return name, true
		}
	}
	return "", false
}

// Baseline checks the requirements of level B-B that go beyond Constraints (TS
// 119 182-1, clause 6.3): a reference to the signing certificate and the signing
// time are signed, and that is iat unless the seal is older than the rule.
func (h Header) Baseline() error {
	switch {
	case h.references() == 0:
		return fmt.Errorf("%w: x5t#S256 is missing, so the certificate is not part of what was signed (ETSI TS 119 182-1, clause 6.3)", ErrBaseline)
	case h.IssuedAt.IsZero() == h.SigT.IsZero():
		return fmt.Errorf("%w: expected one signing time, iat (ETSI TS 119 182-1, clause 6.3)", ErrBaseline)
	case !h.SigT.IsZero() && !h.SigT.Before(sigTEnd):
		return fmt.Errorf("%w: sigT is used after %s, expected iat (ETSI TS 119 182-1, clause 5.1.11)", ErrBaseline, sigTEnd.Format(time.DateOnly))
	}
	return nil
}

func (h Header) references() int {
	n := 0
	for _, there := range []bool{h.X5TS256 != "", h.X5TO != nil, h.SigX5TS != nil} {
		if there {
			n++
		}
	}
	return n
}

// Certificates checks the references against the chain of x5c, leaf first: the
// signing certificate is x5c[0] and nothing else. A header without a reference
// passes here and fails Baseline.
func (h Header) Certificates(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: x5c is missing", ErrCertificateReference)
	}
	mismatch := func() error {
		return fmt.Errorf("%w: the digest in the header is not that of x5c[0] (ETSI TS 119 182-1, clause 5.1.7)", ErrCertificateReference)
	}
	if h.X5TS256 != "" && h.X5TS256 != jose.X5TS256(chain[0]) {
		return mismatch()
	}
	if h.X5TO != nil && !h.X5TO.matches(chain[0]) {
		return mismatch()
	}
	for i, d := range h.SigX5TS {
		if i >= len(chain) {
			break // a reference may go further up than what x5c holds
		}
		if !d.matches(chain[i]) {
			return mismatch()
		}
	}
	return nil
}

func (d Digest) matches(c *x509.Certificate) bool {
	var sum []byte
	switch d.Alg {
	case "S256":
		v := sha256.Sum256(c.Raw)
		sum = v[:]
	case "S384":
		v := sha512.Sum384(c.Raw)
		sum = v[:]
	case "S512":
		v := sha512.Sum512(c.Raw)
		sum = v[:]
	default:
		return false
	}
	value, err := jose.Decode(d.Value)
	return err == nil && subtle.ConstantTimeCompare(sum, value) == 1
}
