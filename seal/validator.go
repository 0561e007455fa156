package seal

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/jades"
	"github.com/zegel-id/zegel/seal/trust"
)

// DefaultAlgs are the algorithms a seal may use. RS256 is not among them: old
// Europass seals have it, credentials must not.
var DefaultAlgs = []jose.Alg{jose.ES256, jose.ES384, jose.ES512, jose.PS256}

// DefaultSkew is how far ahead of our clock a signing time may be.
const DefaultSkew = time.Minute

// Validator validates compact seals. It may be used by many at once and must
// not be changed meanwhile.
type Validator struct {
	// Trust holds the anchors and the list of PuB-EAA providers.
	Trust *trust.Store
	// Revocation answers about certificates; nil knows nothing.
	Revocation trust.RevocationSource
	// InsecureAcceptUnknownRevocation accepts certificates about which no
	// source says anything current. Revoked ones are never accepted.
	InsecureAcceptUnknownRevocation bool
	// RevocationFreshness is how old a revocation list or OCSP answer in evidence
	// may be at the time that counts; zero believes it until its next update. Who
	// stole a key can stamp a seal and use a list from before the theft was known
	// for as long as that, once the certificate has run out and nothing published
	// names it any more.
	RevocationFreshness time.Duration
	// Lists are the trusted lists of the Union; nil knows none, and then no seal is
	// worth more than AdESeal. The authorities that they name are no anchors by
	// that: see trust.Store.InstallListed.
	Lists TrustedLists
	// SkipProviderList leaves the list of PuB-EAA providers out, for seals of
	// others than public bodies.
	SkipProviderList bool
	// Algs is the allow-list of algorithms; nil is DefaultAlgs.
	Algs []jose.Alg
	// Suite says until when algorithms are believed; nil is trust.DefaultSuite.
	Suite *trust.Suite
	// PublicBodyID is the identifier of QcPSB; nil is qc.PublicBodyID.
	PublicBodyID asn1.ObjectIdentifier
	// Skew replaces DefaultSkew when it is not zero.
	Skew time.Duration
}

// ValidateCompact parses a compact JWS, which must have the given typ, and
// validates it.
func (v *Validator) ValidateCompact(ctx context.Context, compact, typ string, at time.Time) (Validation, *jose.Token, error) {
	t, err := jose.Parse(compact)
	if err == nil && t.Header.Typ != typ {
		err = fmt.Errorf("%w: expected %q (RFC 8725, Section 3.11)", jose.ErrTyp, typ)
	}
	if err != nil {
		out := Validation{Qualification: NotApplicable, Level: NotBaseline}
		out.totalFailed(FormatFailure, CheckFormat, "RFC 7515, Section 3.1", err)
		return out, nil, nil
	}
	out, err := v.Validate(ctx, t, at)
	return out, t, err
}

// Validate judges the seal on a token at a time (ETSI EN 319 102-1, clause
// 5.3, for Basic Signatures). The caller has checked typ. An error means that
// nothing was judged: no trust configured, no time, or the context ended.
func (v *Validator) Validate(ctx context.Context, t *jose.Token, at time.Time) (Validation, error) {
	if v.Trust == nil || t == nil || at.IsZero() {
		return Validation{}, errors.New("seal: a trust store, a token and a time are needed")
	}
	out := Validation{Qualification: NotApplicable, Level: NotBaseline, BestSignatureTime: at, Checks: make(credential.Report, 0, checks)}

	// Step 1. Format.
	h, err := jades.ParseHeader(t)
	if err != nil {
		out.totalFailed(FormatFailure, CheckFormat, "ETSI TS 119 182-1, clause 5", err)
		return out, nil
	}
	out.ClaimedTime = h.ClaimedTime()
	if h.Detached {
		out.indeterminate(SignedDataNotFound, CheckFormat, "ETSI TS 119 182-1, clause 5.2.8", errors.New("sigD: what was signed is not in the token"))
		return out, nil
	}
	out.Checks.Pass(CheckFormat, "ETSI TS 119 182-1, clause 5", "compact JWS with a JAdES header")

	// Step 2. Signing certificate: x5c[0], and the one the header refers to.
	path, pathErr, ok := v.signingCertificate(&out, h, at)
	if !ok {
		return out, nil
	}

	// Step 3. Cryptography. After a broken signature nothing else matters.
	if !v.signature(&out, t.Header.Alg, "RFC 7515, Section 5.2", t.Verify) {
		return out, nil
	}

	// Steps 4 and 5. Chain, validity, key usage, revocation and algorithms. Content
	// time-stamps say before when there was no seal.
	chainAt := func(t time.Time) (*trust.Path, error) { return v.Trust.X5C(h.X5C, trust.UseSeal, t) }
	var content contentStamps
	if h.ContentTimeStamps != nil {
		if content, err = v.contentStamps(ctx, &out, h, v.compactContent(t.RawPayload(), at)); err != nil {
			return Validation{}, err
		}
	}
	if err := v.trusted(ctx, &out, held{h.Alg, v.Revocation, path, pathErr, chainAt, at, at, content.since}); err != nil {
		return Validation{}, err
	}
	content.conclude(&out)

	// Step 6. Signed attributes, level.
	v.attributes(&out, h, at)
	if err := h.Baseline(); err != nil {
		out.Checks.Fail(CheckBaseline, "ETSI TS 119 182-1, clause 6.3", err.Error())
	} else {
		out.Level = BaselineB
		out.Checks.Pass(CheckBaseline, "ETSI TS 119 182-1, clause 6.3", string(BaselineB))
	}

	// Step 7. What it is worth, and who sealed.
	v.conclude(&out, at)
	return out, nil
}

// conclude says what the seal is worth, and who sealed. What counts is the best
// signature time; the list of providers must be current now.
func (v *Validator) conclude(out *Validation, now time.Time) {
	if out.Indication == "" {
		out.Indication = TotalPassed
	}
	v.statements(out)
	v.qualify(out, now)
	v.provider(out, now)
}

func (v *Validator) signingCertificate(out *Validation, h jades.Header, at time.Time) (path *trust.Path, pathErr error, ok bool) {
	const spec = "ETSI TS 119 182-1, clause 5.1.7; EN 319 102-1, clause 5.2.3"
	if len(h.X5C) == 0 {
		out.indeterminate(NoSigningCertificateFound, CheckCertificate, spec, errors.New("x5c is missing; x5u is not fetched"))
		return nil, nil, false
	}
	var certs []*x509.Certificate
	path, pathErr = v.Trust.X5C(h.X5C, trust.UseSeal, at)
	if pathErr == nil {
		certs = path.Certificates
	} else {
		var err error
		if certs, err = (jose.Header{X5C: h.X5C}).Certificates(); err != nil {
			out.indeterminate(NoSigningCertificateFound, CheckCertificate, spec, err)
			return nil, nil, false
		}
	}
	if err := h.Certificates(certs); err != nil {
		out.indeterminate(NoSigningCertificateFound, CheckCertificate, spec, err)
		return nil, nil, false
	}
	out.Certificate = certs[0]
	out.Checks.Pass(CheckCertificate, spec, "x5c[0] of "+subject(certs[0]))
	return path, pathErr, true
}

func (v *Validator) signature(out *Validation, alg jose.Alg, spec string, verify func(crypto.PublicKey) error) bool {
	algs := v.Algs
	if algs == nil {
		algs = DefaultAlgs
	}
	if !slices.Contains(algs, alg) {
		out.indeterminate(CryptoConstraintsFailure, CheckAlgorithm, "ETSI TS 119 312", fmt.Errorf("alg is not one of %v", algs))
		return false
	}
	out.Checks.Pass(CheckAlgorithm, "ETSI TS 119 312", string(alg))
	switch err := verify(out.Certificate.PublicKey); {
	case err == nil:
		out.Checks.Pass(CheckSignature, spec, "")
		return true
	case errors.Is(err, jose.ErrSignature):
		// A JWS does not keep the digest apart from the signature value, so one
		// cannot tell a changed payload from a changed signature. DSS says the same.
		out.totalFailed(HashFailure, CheckSignature, spec, err)
	default:
		out.totalFailed(SigCryptoFailure, CheckSignature, spec, err)
	}
	return false
}

func (v *Validator) attributes(out *Validation, h jades.Header, at time.Time) {
	const spec = "ETSI EN 319 102-1, clause 5.2.8; TS 119 182-1, clause 5.2"
	fault := h.Constraints(at)
	if fault == nil {
		fault = v.claimed(out, at)
	}
	if fault != nil {
		out.indeterminate(SigConstraintsFailure, CheckAttributes, spec, fault)
		return
	}
	switch name, found := h.Unprocessed(jades.ContentTimeStamp); {
	case found && name == "sigPId":
		out.indeterminate(SignaturePolicyNotAvailable, CheckAttributes, spec, fmt.Errorf("%w: %s", jades.ErrUnprocessed, name))
	case found:
		out.indeterminate(SigConstraintsFailure, CheckAttributes, spec, fmt.Errorf("%w: %s", jades.ErrUnprocessed, name))
	default:
		detail := "signing time " + out.ClaimedTime.Format(time.RFC3339)
		if len(h.Others) > 0 {
			detail += fmt.Sprintf("; not evaluated: %v", h.Others)
		}
		out.Checks.Pass(CheckAttributes, spec, detail)
	}
}

func (v *Validator) skew() time.Duration {
	if v.Skew == 0 {
		return DefaultSkew
	}
	return v.Skew
}

// claimed holds the signing time that the creator claims against the clock and
// the certificate.
func (v *Validator) claimed(out *Validation, at time.Time) error {
	skew := v.skew()
	switch claimed, c := out.ClaimedTime, out.Certificate; {
	case claimed.After(at.Add(skew)):
		return fmt.Errorf("the signing time lies after %s, when the seal was seen", at.UTC().Format(time.RFC3339))
	case claimed.Before(c.NotBefore.Add(-skew)) || claimed.After(c.NotAfter):
		return errors.New("the signing time lies outside the validity of the certificate")
	default:
		return nil
	}
}
