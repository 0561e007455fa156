package verifier

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/verifier/policy"
)

// The checks of evidence, in the order in which they are made.
const (
	CheckEvidenceForm      = "evidence_form"
	CheckEvidenceSignature = "evidence_signature"
	CheckEvidenceSigner    = "evidence_signer"
	CheckEvidencePolicy    = "evidence_policy"
	CheckRequestObject     = "request_object"
	CheckRegistration      = "registration"
	CheckState             = "state"
	CheckAnchors           = "anchors"
	CheckAlgorithms        = "algorithms"
	CheckTrustMaterial     = "trust_material"
	CheckTrustedLists      = "trusted_lists" // only where they were asked
	CheckVerdict           = "verdict"
)

const specEvidence = "Zegel, docs/verifier.md"

// Review is the outcome of checking evidence.
type Review struct {
	// Checks are those of the evidence itself. Anchors and signer are skipped
	// when no anchors were given: then all holds if the evidence's own anchors
	// are to be trusted.
	Checks credential.Report
	// Evidence as read; nil when it has no form.
	Evidence *Evidence
	// Result is the verdict as it was made anew; nil when it could not be.
	Result *Result
}

// OK says that the evidence holds, and that it does under anchors of the
// reader's own.
func (r Review) OK() (holds, anchored bool) {
	holds, anchored = r.Result != nil, true
	for _, c := range r.Checks {
		holds = holds && c.Outcome != credential.Failed
		anchored = anchored && c.Outcome == credential.Passed
	}
	return holds, holds && anchored
}

// Reverify makes the judgement of evidence again, at the time when it was made,
// from what the evidence holds and nothing else: no network is asked. anchors
// are the roots that the reader trusts, by use; nil takes those in the evidence,
// and the review says so. Anchors of seals and status lists may be left out when
// the signer of the list of providers is given, for the list names them. So too with
// a table of algorithms (WithSuite).
func Reverify(ctx context.Context, text string, anchors trust.Anchors, options ...ReviewOption) Review {
	var r Review
	// Step 1. Form: a token of this kind, strict JSON, a version we know.
	t, err := jose.Parse(text)
	if err == nil {
		err = (jose.Use{Typ: TypEvidence, Algs: []jose.Alg{jose.ES256}}).Check(t)
	}
	var e Evidence
	var form struct {
		Version int `json:"version"`
	}
	if err == nil {
		err = jose.Unmarshal(t.Payload, &form)
	}
	if err == nil && form.Version != evidenceVersion {
		err = fmt.Errorf("version is %d, expected %d", form.Version, evidenceVersion)
	}
	if err == nil {
		err = jose.UnmarshalClosed(t.Payload, &e)
	}
	if err != nil {
		r.Checks.Fail(CheckEvidenceForm, specEvidence, err.Error())
		return r
	}
	r.Evidence = &e
	r.Checks.Pass(CheckEvidenceForm, specEvidence, "judged at "+e.JudgedAt.Format(time.RFC3339))
	var o reviewOptions
	for _, f := range options {
		f(&o)
	}
	e.review(ctx, &r, t, anchors, o)
	return r
}

// ReviewOption is what a reader of evidence wants beside anchors of its own.
type ReviewOption func(*reviewOptions)

type reviewOptions struct{ suite *trust.Suite }

// WithSuite holds algorithms against a table of the reader's. Without, the one in the
// evidence is believed, and the review says so unless it is the default.
func WithSuite(s *trust.Suite) ReviewOption { return func(o *reviewOptions) { o.suite = s } }

// algorithms is the table to judge by, and whether it has to be believed.
func (e *Evidence) algorithms(given *trust.Suite) (s *trust.Suite, believed bool, err error) {
	then := trust.DefaultSuite()
	if e.Settings.Algorithms != nil {
		if then, err = trust.ParseSuite(e.Settings.Algorithms); err != nil {
			return nil, false, err
		}
	}
	if given != nil {
		return given, false, nil
	}
	return then, !bytes.Equal(then.Document(), trust.DefaultSuite().Document()), nil
}

// review makes the further checks. One that fails does not stop the others,
// unless they would have nothing to stand on.
func (e *Evidence) review(ctx context.Context, r *Review, t *jose.Token, anchors trust.Anchors, o reviewOptions) {
	check := func(name, spec string, err error, detail string) bool {
		if err != nil {
			r.Checks.Fail(name, spec, err.Error())
			return false
		}
		r.Checks.Pass(name, spec, detail)
		return true
	}
	// Step 2. Trust: the reader's anchors, or those that the evidence names.
	store, err := e.store(anchors)
	if err != nil {
		r.Checks.Fail(CheckAnchors, specEvidence, err.Error())
		return
	}
	switch {
	case anchors == nil:
		r.Checks.Skip(CheckAnchors, specEvidence, "no anchors were given; those of the evidence are believed: "+e.anchorDigests())
	case anchors[trust.UseAccessCertificate] == nil:
		r.Checks.Skip(CheckAnchors, specEvidence, "none was given for access certificates; that of the request is believed")
	default:
		r.Checks.Pass(CheckAnchors, specEvidence, "given")
	}
	suite, believed, err := e.algorithms(o.suite)
	switch {
	case err != nil:
		r.Checks.Fail(CheckAlgorithms, "ETSI TS 119 312", err.Error())
		return
	case believed:
		r.Checks.Skip(CheckAlgorithms, "ETSI TS 119 312", "no table of algorithms was given; that of the evidence is believed: "+suite.Version())
	default:
		r.Checks.Pass(CheckAlgorithms, "ETSI TS 119 312", suite.Version())
	}
	// Step 3. Who signed it.
	signer, err := certificates(t.Header.X5C...)
	if err == nil && len(signer) == 0 {
		err = errors.New("x5c is missing")
	}
	if err == nil {
		err = t.Verify(signer[0].PublicKey)
	}
	if !check(CheckEvidenceSignature, "RFC 7515, Section 5.2", err, "") {
		return
	}
	if anchors[trust.UseRegistrar] == nil {
		r.Checks.Skip(CheckEvidenceSigner, specEvidence, "no anchor was given for it; the signer is "+signer[0].Subject.String())
	} else {
		_, err = store.X5C(t.Header.X5C, trust.UseRegistrar, e.JudgedAt)
		check(CheckEvidenceSigner, specEvidence, err, signer[0].Subject.String())
	}
	// Step 4. The policy is the one that is named.
	p, err := policy.Parse("policy", e.Policy.Document)
	if err == nil && (p.Ref() != e.Policy.Ref || e.Result.Policy != e.Policy.Ref) {
		err = errors.New("the document has another id, version or digest than is named")
	}
	if !check(CheckEvidencePolicy, specEvidence, err, e.Policy.ID+" "+e.Policy.Version+" "+e.Policy.Digest) {
		return
	}
	// Step 5. The request and who was admitted to make it.
	asked, err := e.request(ctx, store, anchors[trust.UseAccessCertificate] == nil)
	if !check(CheckRequestObject, "OpenID4VP 1.0, Section 5", err, asked.ClientID) {
		return
	}
	check(CheckRegistration, "OpenID4VP 1.0, Section 5.11", e.registration(asked, signer[0], store, anchors[trust.UseRegistrar] != nil), e.Receiver.Registration+", "+e.Receiver.Use)
	// Step 6. The response was made by somebody who read it.
	x := exchange{Query: *asked.DCQLQuery, Nonce: asked.Nonce, State: asked.State, ClientID: asked.ClientID, Transactions: asked.TransactionData, policy: p}
	if e.Origin != "" {
		x.ClientID = oid4vp.OriginAudience(e.Origin)
	}
	check(CheckState, "OpenID4VP 1.0, Section 14.4.2; Appendix A.2", e.state(asked), "")
	// Step 7. The judgement once more, and what came of it.
	v, err := e.verifier(store, suite)
	if !check(CheckTrustMaterial, "ETSI TS 119 602; RFC 5280", err, e.material()) {
		return
	}
	if len(e.Trust.Listed) > 0 {
		r.Checks.Skip(CheckTrustedLists, "ETSI TS 119 615", "the lists are not in the evidence; what its signer says that they said of the seals is believed")
	}
	again, err := v.judgeResponse(ctx, fetched{exchange: x, responseURI: asked.ResponseURI, encryption: asked.EncryptionKey()}, e.Response)
	if err == nil {
		r.Result = &again
		err = same(again, e.Result)
	}
	check(CheckVerdict, specEvidence, err, fmt.Sprintf("verified: %t", again.Verified))
}

// same compares two verdicts but for the words that explain them.
func same(again, then Result) error {
	again = again.as(then)
	a, err := jose.Marshal(again.silent())
	if err != nil {
		return err
	}
	b, err := jose.Marshal(then.silent())
	if err != nil {
		return err
	}
	if string(a) != string(b) {
		return fmt.Errorf("judged again it comes out otherwise: verified is %t, was %t; failed now: %s", again.Verified, then.Verified, names(again.failures()))
	}
	return nil
}

// as leaves out what evidence of earlier releases does not have: the statement, and
// the check of the qualification, which was part of that of the policy. Whether
// something is verified hangs on it all the same.
func (r Result) as(then Result) Result {
	list := slices.Clone(r.Presentations)
	for i := range list {
		if i >= len(then.Presentations) {
			break
		}
		p, old := &list[i], then.Presentations[i]
		if p.Seal != nil && old.Seal != nil && old.Seal.Statement == nil {
			s := *p.Seal
			s.Statement = nil
			p.Seal = &s
		}
		named := func(c credential.Check) bool { return c.Name == CheckQualification }
		if !slices.ContainsFunc(old.Checks, named) {
			p.Checks = slices.DeleteFunc(slices.Clone(p.Checks), named)
		}
	}
	r.Presentations = list
	return r
}

func (r Result) silent() Result {
	quiet := func(report credential.Report) credential.Report {
		out := credential.Report{}
		for _, c := range report {
			out = append(out, credential.Check{Name: c.Name, Outcome: c.Outcome})
		}
		return out
	}
	r.Checks = quiet(r.Checks)
	list := []Presentation{}
	for _, p := range r.Presentations {
		p.Checks = quiet(p.Checks)
		if p.Seal != nil {
			s := *p.Seal
			s.Checks = quiet(s.Checks)
			p.Seal = &s
		}
		list = append(list, p)
	}
	r.Presentations = list
	return r
}
