package verifier

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/statement"
	"github.com/zegel-id/zegel/verifier/policy"
)

// Result is what a receiver gets. Claims stand in it only when Verified is
// true, and only those that were asked for.
type Result struct {
	State    State `json:"state"`
	Verified bool  `json:"verified"`
	// Policy is what it was judged by.
	Policy policy.Ref `json:"policy"`
	// Qualification is the least of the presentations that hold.
	Qualification seal.Qualification `json:"qualification"`
	Presentations []Presentation     `json:"presentations"`
	// Transactions are those that were authorised; all that were asked for when
	// Verified is true.
	Transactions []Authorised `json:"transactions,omitempty"`
	// Checks are those of the response as a whole.
	Checks credential.Report `json:"checks"`
	// WalletError is the error code of a wallet that refused. A wallet does not
	// say whether the citizen would not or could not (Section 15.4.1).
	WalletError oid4vp.ErrorCode `json:"wallet_error,omitempty"`
}

// Presentation is one credential that was presented.
type Presentation struct {
	QueryID  string `json:"query_id"`
	Verified bool   `json:"verified"`
	// Issuer, Format, Type, Expires and Claims are there only when Verified is true; they
	// are what the issuer signed. A claim identifies somebody only together with
	// its issuer (Section 14.5).
	Issuer string `json:"issuer,omitempty"`
	// Type is the vct of an SD-JWT VC, the doctype of an mdoc, the type's IRI of
	// a W3C credential.
	Format  credential.Format `json:"format,omitempty"`
	Type    string            `json:"type,omitempty"`
	Expires *time.Time        `json:"expires_at,omitempty"`
	Claims  jsontext.Value    `json:"claims,omitempty"`
	// Reservations are what was found and, under this policy, is only reported:
	// the presentation is not verified in these respects.
	Reservations []policy.Finding  `json:"reservations,omitempty"`
	Checks       credential.Report `json:"checks"`
	Seal         *Seal             `json:"seal,omitempty"`
}

// Seal is what validating the seal gave.
type Seal struct {
	Indication    seal.Indication    `json:"indication"`
	SubIndication seal.SubIndication `json:"sub_indication,omitempty"`
	Qualification seal.Qualification `json:"qualification"`
	Level         seal.Level         `json:"level"`
	// The members below are there only when the presentation holds.
	SignedAt *time.Time `json:"signed_at,omitempty"`
	Creator  string     `json:"creator,omitempty"`
	Source   *Source    `json:"authentic_source,omitempty"`
	Provider *Provider  `json:"provider,omitempty"`
	// Statement says all that in a sentence, and with what the trusted lists said.
	Statement *statement.Statement `json:"statement,omitempty"`
	Checks    credential.Report    `json:"checks"`
}

// Source is the authentic source that the creator answers for.
type Source struct {
	Country     string `json:"country"`
	Name        string `json:"name"`
	Legislation string `json:"legislation"`
}

// Provider is the creator's entry in the list of PuB-EAA providers.
type Provider struct {
	Name         string `json:"name"`
	Registration string `json:"registration"`
	Law          string `json:"law"`
	Status       string `json:"status"`
}

func presentation(q oid4vp.CredentialQuery, c checked, now time.Time) (Presentation, error) {
	p := Presentation{QueryID: q.ID, Verified: c.holds(), Reservations: c.reservations, Checks: c.report}
	if s := c.validation; s != nil {
		p.Seal = &Seal{Indication: s.Indication, SubIndication: s.SubIndication, Qualification: s.Qualification, Level: s.Level, Checks: s.Checks}
		if p.Verified {
			p.Seal.describe(s, now)
		}
	}
	if !p.Verified {
		return p, nil
	}
	p.Issuer, p.Format, p.Type = c.credential.Issuer, c.credential.Format, c.credential.Type
	if e := c.credential.Expires; !e.IsZero() {
		e = e.UTC()
		p.Expires = &e
	}
	claims, there, err := selectionOf(q.Asked()).cut(c.credential.Claims.Raw())
	if err != nil {
		return Presentation{}, fmt.Errorf("selecting claims: %w", err)
	}
	if !there {
		claims = jsontext.Value("{}")
	}
	p.Claims = claims
	return p, nil
}

func (s *Seal) describe(v *seal.Validation, now time.Time) {
	if !v.ClaimedTime.IsZero() {
		at := v.ClaimedTime.UTC()
		s.SignedAt = &at
	}
	if v.Organization != nil {
		s.Creator = v.Organization.String()
	}
	if x := v.Source; x != nil {
		s.Source = &Source{Country: x.Country, Name: x.Name, Legislation: x.Legislation}
	}
	if x := v.Provider; x != nil {
		s.Provider = &Provider{Name: x.Name, Registration: x.Registration.String(), Law: x.Law, Status: x.Status}
	}
	if said, ok := statement.Of(*v, now); ok {
		s.Statement = &said
	}
}

// refusal is the result of a wallet that answered with an error.
func refusal(p *policy.Policy, code oid4vp.ErrorCode) Result {
	switch code {
	case oid4vp.InvalidRequest, oid4vp.InvalidScope, oid4vp.InvalidClient, oid4vp.AccessDenied, oid4vp.VPFormatsNotSupported, oid4vp.InvalidRequestURIMethod,
		oid4vp.InvalidTransactionData, oid4vp.WalletUnavailable, oid4vp.UnsupportedResponseType, oid4vp.TemporarilyUnavailable, oid4vp.ServerError:
	default:
		code = "unknown_error" // free text could carry anything
	}
	return Result{State: StateRefused, Policy: p.Ref(), Qualification: seal.NotApplicable, Presentations: []Presentation{}, Checks: credential.Report{}, WalletError: code}
}

// failed takes out everything that could be read as verified.
func (r Result) failed() Result {
	r.Verified, r.Qualification, r.Transactions = false, seal.NotApplicable, nil
	for i, p := range r.Presentations {
		stripped := Presentation{QueryID: p.QueryID, Reservations: p.Reservations, Checks: p.Checks}
		if p.Seal != nil {
			stripped.Seal = &Seal{Indication: p.Seal.Indication, SubIndication: p.Seal.SubIndication, Qualification: p.Seal.Qualification, Level: p.Seal.Level, Checks: p.Seal.Checks}
		}
		r.Presentations[i] = stripped
	}
	return r
}

// failures names the checks that failed, in the response and in what was
// presented.
func (r Result) failures() []string {
	list := r.Checks.Failures()
	for _, p := range r.Presentations {
		list = append(list, p.Checks.Failures()...)
	}
	return list
}

// sealedResult is what waits for the receiver.
type sealedResult struct {
	State State `json:"state"`
	// Coded: Body opens with the response code only.
	Coded bool   `json:"coded"`
	Body  []byte `json:"body"`
	// Evidence is sealed like Body; nil when none is kept.
	Evidence []byte `json:"evidence,omitempty"`
}

// seal withholds a verified result that a browser is to release until the response
// code comes back. Others hold nothing that had to be withheld.
func (r Result) seal(f fetched, code capsule.Secret, evidence []byte) (sealedResult, error) {
	body, err := jose.Marshal(r)
	if err != nil {
		return sealedResult{}, err
	}
	out := sealedResult{State: r.State, Body: body, Evidence: evidence}
	if !f.coded() || !r.Verified {
		return out, nil
	}
	out.Coded = true
	if out.Body, err = capsule.Seal(code, purposeCode, body, []byte(f.Transaction)); err != nil || evidence == nil {
		return out, err
	}
	out.Evidence, err = capsule.Seal(code, purposeCode, evidence, []byte(f.Transaction))
	return out, err
}

// Status is a transaction's state and until when its next step can be taken.
type Status struct {
	State   State     `json:"state"`
	Expires time.Time `json:"expires_at"`
}

// State tells a receiver how far its transaction is.
func (v *Verifier) State(ctx context.Context, id, receiver string) (Status, error) {
	s, t, err := v.transaction(ctx, id, receiver)
	if err != nil {
		return Status{}, err
	}
	if _, err := v.still(v.admitted(receiver, t.Use)); err != nil {
		return Status{}, err
	}
	out := Status{State: StateRequested, Expires: t.Expires}
	a, err := t.answered(ctx, v)
	switch {
	case errors.Is(err, ErrExpired):
		out.State = StateExpired
		return out, nil
	case errors.Is(err, ErrPending):
		seen, err := v.exists(ctx, kindFetched, t.id)
		if seen {
			out.State = StateFetched
		}
		return out, err
	case err != nil:
		return Status{}, err
	}
	out.Expires = v.until(t.Expires)
	switch {
	case !a.stored.Delivered.IsZero() || a.done(v):
		out.State = StateDone
	case v.over(out.Expires):
		out.State = StateExpired
	default:
		kept, err := a.open(s)
		if err != nil {
			return Status{}, err
		}
		out.State = kept.State
	}
	return out, nil
}

func (a answered) open(s capsule.Secret) (sealedResult, error) {
	plain, err := capsule.OpenBox(s, purposeResult, a.Box, a.stored.Sealed, []byte(a.id))
	if err != nil {
		return sealedResult{}, fmt.Errorf("opening a result: %w", err)
	}
	var r sealedResult
	return r, jose.Unmarshal(plain, &r)
}

// Result delivers the result, once: within ResultGrace after the first time
// the same is given again, then it is gone. code is the response code that the
// citizen's browser brought back in the same-device flow. The receiver must
// take it from the same session that the transaction was started in.
func (v *Verifier) Result(ctx context.Context, id, receiver, code string) (Result, error) {
	// Steps 1 and 2. There is one, and it is this receiver's.
	w, err := v.waiting(ctx, id, receiver)
	if err != nil {
		return Result{}, err
	}
	e, a, body := w.entitlement, w.answered, w.kept.Body
	// Step 3. The response code (OpenID4VP 1.0, Section 14.3).
	if w.kept.Coded {
		if body, err = v.decode(ctx, a.transaction, body, code); err != nil {
			return Result{}, err
		}
	}
	var r Result
	if err := jose.Unmarshal(body, &r); err != nil {
		return Result{}, err
	}
	// Step 4. Log, mark, hand over.
	event := audit.Event{Outcome: audit.OK, Detail: string(r.State)}
	if err := v.log(ctx, audit.ResultFetch, e.receiver, e.use, oid4vp.Query{}, event); err != nil {
		return Result{}, err
	}
	if err := a.deliver(ctx, v); err != nil {
		return Result{}, errors.Join(err, v.logNot(ctx, audit.ResultFetch, e, oid4vp.Query{}, event))
	}
	return r, nil
}

// waiting is a result that waits for its receiver.
type waiting struct {
	entitlement
	answered answered
	kept     sealedResult
}

// waiting finds it.
func (v *Verifier) waiting(ctx context.Context, id, receiver string) (waiting, error) {
	// Step 1. The receiver's own transaction, and it still is admitted.
	s, t, err := v.transaction(ctx, id, receiver)
	if err != nil {
		return waiting{}, err
	}
	e, err := v.still(v.admitted(receiver, t.Use))
	if err != nil {
		return waiting{}, err
	}
	// Step 2. There is an answer, and it was not delivered.
	a, err := t.answered(ctx, v)
	if err != nil {
		return waiting{}, err
	}
	if a.done(v) {
		return waiting{}, &Error{Err: ErrSpent, Detail: "the result was fetched before, or its time is over"}
	}
	if v.over(v.until(t.Expires)) {
		return waiting{}, expired()
	}
	kept, err := a.open(s)
	return waiting{entitlement: e, answered: a, kept: kept}, err
}
