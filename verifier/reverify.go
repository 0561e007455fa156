package verifier

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
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
	CheckTrustMaterial     = "trust_material"
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
// the signer of the list of providers is given, for the list names them.
func Reverify(ctx context.Context, text string, anchors trust.Anchors) Review {
	var r Review
	// Step 1. Form: a token of this kind, strict JSON, a version we know.
	t, err := jose.Parse(text)
	if err == nil {
		err = (jose.Use{Typ: TypEvidence, Algs: []jose.Alg{jose.ES256}}).Check(t)
	}
	var e Evidence
	if err == nil {
		err = jose.UnmarshalClosed(t.Payload, &e)
	}
	if err == nil && e.Version != 1 {
		err = fmt.Errorf("version is %d, expected 1", e.Version)
	}
	if err != nil {
		r.Checks.Fail(CheckEvidenceForm, specEvidence, err.Error())
		return r
	}
	r.Evidence = &e
	r.Checks.Pass(CheckEvidenceForm, specEvidence, "judged at "+e.JudgedAt.Format(time.RFC3339))
	e.review(ctx, &r, t, anchors)
	return r
}

// review makes the further checks. One that fails does not stop the others,
// unless they would have nothing to stand on.
func (e *Evidence) review(ctx context.Context, r *Review, t *jose.Token, anchors trust.Anchors) {
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
	check(CheckRegistration, "OpenID4VP 1.0, Section 5.11", e.registration(asked, signer[0].PublicKey), e.Receiver.Registration+", "+e.Receiver.Use)
	// Step 6. The response was made by somebody who read it.
	x := exchange{Query: *asked.DCQLQuery, Nonce: asked.Nonce, State: asked.State, ClientID: asked.ClientID, Transactions: asked.TransactionData, policy: p}
	if e.Origin != "" {
		x.ClientID = oid4vp.OriginAudience(e.Origin)
	}
	check(CheckState, "OpenID4VP 1.0, Section 14.4.2; Appendix A.2", e.state(asked), "")
	// Step 7. The judgement once more, and what came of it.
	v, err := e.verifier(store)
	if !check(CheckTrustMaterial, "ETSI TS 119 602; RFC 5280", err, fmt.Sprintf("list of providers %d, %d revocation lists, %d status lists", e.Trust.ListSequence, len(e.Trust.CRLs), len(e.StatusLists))) {
		return
	}
	again, err := v.judgeResponse(ctx, fetched{exchange: x}, e.Response)
	if err == nil {
		r.Result = &again
		err = same(again, e.Result)
	}
	check(CheckVerdict, specEvidence, err, fmt.Sprintf("verified: %t", again.Verified))
}

// store is the trust of then.
func (e *Evidence) store(anchors trust.Anchors) (*trust.Store, error) {
	if anchors != nil {
		return trust.NewStore(anchors, 0)
	}
	by := trust.Anchors{}
	for use, name := range useNames {
		for _, c := range e.Trust.Chains {
			if c.Use != name || len(c.Certificates) == 0 {
				continue
			}
			last, err := certificates(c.Certificates[len(c.Certificates)-1])
			if err != nil {
				return nil, err
			}
			by[use] = append(by[use], last...)
		}
	}
	return trust.NewStore(by, 0)
}

// anchorDigests names the anchors of the evidence, for who wants to compare.
func (e *Evidence) anchorDigests() string {
	var list []string
	for _, c := range e.Trust.Chains {
		if len(c.Certificates) == 0 {
			continue
		}
		if last, err := certificates(c.Certificates[len(c.Certificates)-1]); err == nil {
			list = append(list, c.Use+" "+jose.X5TS256(last[0]))
		}
	}
	return names(list)
}

// anyChain takes the chain of an access certificate as it is, when there is no
// anchor to hold it against.
type anyChain struct{}

func (anyChain) VerifyChain(context.Context, []*x509.Certificate, time.Time) error { return nil }

type anchored struct{ store *trust.Store }

func (a anchored) VerifyChain(_ context.Context, chain []*x509.Certificate, at time.Time) error {
	_, err := a.store.Certificates(chain, trust.UseAccessCertificate, at)
	return err
}

func (e *Evidence) request(ctx context.Context, store *trust.Store, unanchored bool) (oid4vp.Verified, error) {
	t, err := jose.Parse(e.Request)
	if err != nil {
		return oid4vp.Verified{}, err
	}
	var names struct {
		ClientID    string           `json:"client_id"`
		WalletNonce string           `json:"wallet_nonce"`
		IssuedAt    jose.NumericDate `json:"iat"`
	}
	if err := jose.Unmarshal(t.Payload, &names); err != nil {
		return oid4vp.Verified{}, err
	}
	var chain oid4vp.ChainVerifier = anchored{store}
	if unanchored {
		chain = anyChain{}
	}
	at := names.IssuedAt.Time()
	if at.After(e.JudgedAt) || e.JudgedAt.Sub(at) > 24*time.Hour {
		return oid4vp.Verified{}, errors.New("it was not signed in the day before the judgement")
	}
	// Nothing is called here: addresses on loopback may stand in evidence of a
	// development profile.
	modes := []string{oid4vp.ModeDirectPostJWT}
	if e.Origin != "" {
		modes = []string{oid4vp.ModeDCAPIJWT, oid4vp.ModeDCAPI}
	}
	asked, err := oid4vp.VerifyRequest(ctx, e.Request, oid4vp.Verification{Origin: e.Origin, Modes: modes, ClientID: names.ClientID, WalletNonce: names.WalletNonce, Chain: chain, Now: at, Options: []oid4vp.Option{oid4vp.InsecureLoopback}})
	if err == nil && asked.DCQLQuery == nil {
		err = errors.New("it holds no dcql_query")
	}
	return asked, err
}

// state holds the response's against the request's. Over the Digital
// Credentials API there is none: nonce and audience bind it alone.
func (e *Evidence) state(asked oid4vp.Verified) error {
	var parts struct {
		State oid4vp.Secret `json:"state"`
	}
	if err := jose.Unmarshal(e.Response, &parts); err != nil {
		return err
	}
	if e.Origin == "" && !asked.State.Equal(parts.State) {
		return wrongState()
	}
	return nil
}

// registration checks that the registrar, who signed the evidence too, had
// admitted the receiver to ask this.
func (e *Evidence) registration(asked oid4vp.Verified, registrar crypto.PublicKey) error {
	text, err := asked.RegistrationIn()
	if err != nil {
		return err
	}
	if len(asked.Chain) == 0 {
		return errors.New("the request has no access certificate")
	}
	r, err := oid4vp.VerifyRegistration(text, registrar, asked.Chain[0], asked.IssuedAt.Time())
	if err != nil {
		return err
	}
	if r.Receiver != e.Receiver.Registration || r.IntendedUse != e.Receiver.Use {
		return errors.New("it is for another receiver or use than the evidence names")
	}
	return r.Covers(*asked.DCQLQuery)
}

// verifier is a verifier of then, without a network.
func (e *Evidence) verifier(store *trust.Store) (*Verifier, error) {
	if e.Trust.List != "" {
		list, err := store.VerifyList(e.Trust.List, e.JudgedAt)
		if err != nil {
			return nil, err
		}
		if list.Sequence != e.Trust.ListSequence {
			return nil, errors.New("provider_list has another sequence number than is named")
		}
		if err := store.Install(list); err != nil {
			return nil, err
		}
	}
	now := func() time.Time { return e.JudgedAt }
	crls := trust.NewCRLs(nil, now)
	for _, c := range e.Trust.CRLs {
		issuer, err := certificates(c.Issuer)
		if err != nil {
			return nil, err
		}
		if err := crls.Add(c.List, issuer[0]); err != nil {
			return nil, err
		}
	}
	statuses, err := status.NewChecker(keptLists(e.StatusLists), status.CheckerOptions{Now: now, InsecureLoopback: true})
	if err != nil {
		return nil, err
	}
	seconds := func(n int64) time.Duration { return time.Duration(min(max(n, 0), 24*3600)) * time.Second }
	return &Verifier{c: Config{
		Seals: &seal.Validator{Trust: store, Revocation: crls, InsecureAcceptUnknownRevocation: e.Settings.UnknownRevocationAccepted}, Statuses: statuses,
		Lists: e.Settings.Lists, Skew: min(seconds(e.Settings.Skew), 5*time.Minute), RequestLife: seconds(e.Settings.RequestLife), Now: now,
	}}, nil
}

// keptLists answers with the status lists of the evidence.
type keptLists []EvidenceStatus

func (k keptLists) Fetch(_ context.Context, url, _ string) ([]byte, time.Duration, error) {
	for _, s := range k {
		if s.URI == url {
			return []byte(s.Token), 0, nil
		}
	}
	return nil, 0, errors.New("it is not in the evidence")
}

// same compares two verdicts but for the words that explain them.
func same(again, then Result) error {
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
