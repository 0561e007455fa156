package seal

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust"
)

// Signature is a signature with a seal certificate that is no JWS, as far as a
// validation needs it.
type Signature struct {
	// Level is what it is called when it holds.
	Level Level
	// Spec is the document that says how it is made.
	Spec string
	// Chain is what came with it in DER, leaf first, without the anchor.
	Chain [][]byte
	Alg   jose.Alg
	// SignedAt is when the creator says it signed; it is among what is signed.
	SignedAt time.Time
	// Verify holds the signature against a key: jose.ErrSignature if it does not
	// fit.
	Verify func(crypto.PublicKey) error
}

// form is what there is to cite of a kind of such signatures.
type form struct {
	certificates, first string // where they stand, and what the first one is called
	verify              string
}

// forms are the levels that are known here.
var forms = map[Level]form{
	IssuerAuth:    {"RFC 9360, Section 2", "x5chain[0]", "RFC 9052, Section 4.4"},
	DataIntegrity: {"RFC 7517, Section 4.7", "x5c[0]", "Data Integrity 1.0, Section 4.4"},
}

// ValidateSignature judges a signature at a time, as Validate does a seal on a
// token. What is signed says nothing of the certificate, so the certificate is
// the first that came along: another one would have to be for the same key. An
// error means that nothing was judged.
func (v *Validator) ValidateSignature(ctx context.Context, s Signature, at time.Time) (Validation, error) {
	if v.Trust == nil || s.Verify == nil || at.IsZero() {
		return Validation{}, errors.New("seal: a trust store, a signature and a time are needed")
	}
	out := Validation{Qualification: NotApplicable, Level: NotBaseline, ClaimedTime: s.SignedAt.UTC(), BestSignatureTime: at}

	// Step 1. Format: one that is known here, with a time.
	form, known := forms[s.Level]
	if !known || s.SignedAt.IsZero() {
		out.totalFailed(FormatFailure, CheckFormat, s.Spec, fmt.Errorf("expected a signature of level %s or %s with a signing time", IssuerAuth, DataIntegrity))
		return out, nil
	}
	out.Checks.Pass(CheckFormat, s.Spec, string(s.Level))

	// Step 2. Signing certificate.
	spec := form.certificates + "; ETSI EN 319 102-1, clause 5.2.3"
	path, pathErr := v.Trust.DER(s.Chain, trust.UseSeal, at)
	if pathErr == nil {
		out.Certificate = path.Leaf()
	} else {
		certs, err := trust.ParseDER(s.Chain)
		if err != nil {
			out.indeterminate(NoSigningCertificateFound, CheckCertificate, spec, err)
			return out, nil
		}
		out.Certificate = certs[0]
	}
	out.Checks.Pass(CheckCertificate, spec, form.first+" of "+subject(out.Certificate))

	// Step 3. Cryptography.
	if !v.signature(&out, s.Alg, form.verify, s.Verify) {
		return out, nil
	}

	// Steps 4 and 5. Chain, validity, key usage, revocation and algorithms.
	chainAt := func(t time.Time) (*trust.Path, error) { return v.Trust.DER(s.Chain, trust.UseSeal, t) }
	if err := v.trusted(ctx, &out, held{s.Alg, v.Revocation, path, pathErr, chainAt, at, at, time.Time{}}); err != nil {
		return Validation{}, err
	}

	// Step 6. Signing time, level.
	if err := v.claimed(&out, at); err != nil {
		out.indeterminate(SigConstraintsFailure, CheckAttributes, "ETSI EN 319 102-1, clause 5.2.8", err)
	} else {
		out.Checks.Pass(CheckAttributes, "ETSI EN 319 102-1, clause 5.2.8", "signing time "+out.ClaimedTime.Format(time.RFC3339))
	}
	out.Level = s.Level
	out.Checks.Pass(CheckBaseline, s.Spec, string(s.Level)+", which is no format of ETSI")

	// Step 7. What it is worth, and who sealed.
	v.conclude(&out, at)
	return out, nil
}
