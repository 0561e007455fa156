package seal

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/jades"
	"github.com/zegel-id/zegel/seal/trust"
)

// ValidateJSON parses the JSON serialisation of a seal, which must have the given
// typ, and validates it.
func (v *Validator) ValidateJSON(ctx context.Context, b []byte, typ string, at time.Time) (Validation, *evidence.File, error) {
	f, err := evidence.Parse(b)
	if err == nil && f.Header().Typ != typ {
		err = fmt.Errorf("%w: expected %q (RFC 8725, Section 3.11)", jose.ErrTyp, typ)
	}
	if err != nil {
		out := Validation{Qualification: NotApplicable, Level: NotBaseline}
		out.totalFailed(FormatFailure, CheckFormat, "RFC 7515, Section 7.2; ETSI TS 119 182-1, clause 5", err)
		return out, nil, nil
	}
	out, err := v.ValidateEvidence(ctx, f, at)
	return out, f, err
}

// ValidateEvidence judges a seal with its evidence at a time (ETSI EN 319 102-1,
// clauses 5.5 and 5.6): what the time-stamps prove decides at which time the
// certificate and its revocation count. Without one that holds that is the time
// of the validation, as for a compact token. A time-stamp that does not hold
// proves nothing: the seal is judged as if it were not there, and its failed check
// keeps Err from being nil. The caller has checked typ, and asks Level for what it
// needs: evidence of which elements were taken away is a seal of a lower level. An
// error means that nothing was judged.
func (v *Validator) ValidateEvidence(ctx context.Context, f *evidence.File, at time.Time) (Validation, error) {
	if v.Trust == nil || f == nil || at.IsZero() {
		return Validation{}, errors.New("seal: a trust store, evidence and a time are needed")
	}
	out := Validation{Qualification: NotApplicable, Level: NotBaseline}

	// Step 1. Format.
	h := f.Header()
	out.ClaimedTime = h.ClaimedTime()
	if h.Detached {
		out.indeterminate(SignedDataNotFound, CheckFormat, "ETSI TS 119 182-1, clause 5.2.8", errors.New("sigD: what was signed is not in the evidence"))
		return out, nil
	}
	out.Checks.Pass(CheckFormat, "ETSI TS 119 182-1, clause 5", fmt.Sprintf("JSON serialisation with a JAdES header; elements of etsiU: %d", len(f.Elements())))

	// Step 2. Signing certificate: x5c[0], and the one the header refers to.
	chain, ok := identified(&out, h)
	if !ok {
		return out, nil
	}

	// Step 3. Cryptography. After a broken signature nothing else matters.
	if !v.signature(&out, h.Alg, "RFC 7515, Section 5.2", f.Verify) {
		return out, nil
	}

	// Step 4. Time-stamps: since when the signature exists, and before when it does
	// not.
	p := newProofs(v, f, at)
	if err := p.timeStamps(ctx, &out, at); err != nil {
		return Validation{}, err
	}

	var content contentStamps
	if h.ContentTimeStamps != nil {
		var err error
		if content, err = v.contentStamps(ctx, &out, h, p.content(out.BestSignatureTime)); err != nil {
			return Validation{}, err
		}
	}

	// Step 5. Chain, validity, key usage, revocation and algorithms at that time.
	chainAt := func(t time.Time) (*trust.Path, error) {
		return v.Trust.Complete(chain, p.certificates, trust.UseSeal, t)
	}
	path, pathErr := chainAt(out.BestSignatureTime)
	if err := v.trusted(ctx, &out, held{h.Alg, p.source(), path, pathErr, chainAt, out.BestSignatureTime, at, content.since}); err != nil {
		return Validation{}, err
	}
	if p.disorder != nil && out.Indication == "" {
		out.Indication, out.SubIndication = Indeterminate, TimestampOrderFailure
	}
	content.conclude(&out)

	// Step 6. Signed attributes, level.
	v.attributes(&out, h, out.BestSignatureTime)
	if err := p.values(ctx, &out); err != nil {
		return Validation{}, err
	}
	if err := h.Baseline(); err != nil {
		out.Checks.Fail(CheckBaseline, "ETSI TS 119 182-1, clause 6.3", err.Error())
	} else {
		out.Level = p.level()
		out.Checks.Pass(CheckBaseline, "ETSI TS 119 182-1, clause 6.3", string(out.Level))
	}

	// Step 7. What it is worth, and who sealed.
	v.conclude(&out, at)
	return out, nil
}

// identified finds the signing certificate and holds the reference of the header
// against it.
func identified(out *Validation, h jades.Header) ([]*x509.Certificate, bool) {
	const spec = "ETSI TS 119 182-1, clause 5.1.7; EN 319 102-1, clause 5.2.3"
	if len(h.X5C) == 0 {
		out.indeterminate(NoSigningCertificateFound, CheckCertificate, spec, errors.New("x5c is missing; x5u is not fetched"))
		return nil, false
	}
	certs, err := jose.Header{X5C: h.X5C}.Certificates()
	if err == nil {
		err = h.Certificates(certs)
	}
	if err != nil {
		out.indeterminate(NoSigningCertificateFound, CheckCertificate, spec, err)
		return nil, false
	}
	out.Certificate = certs[0]
	out.Checks.Pass(CheckCertificate, spec, "x5c[0] of "+subject(certs[0]))
	return certs, true
}
