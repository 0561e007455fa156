package verifier

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/capsule"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
)

const specResponse = "OpenID4VP 1.0, Section 8.3"

// Respond takes the one response to a request at its response address and
// judges it. It gives the address that the wallet sends the citizen to, with a
// fresh response code, in the same-device flow; empty otherwise.
//
// What cannot be opened, or was not made by somebody who read the request, is
// refused and leaves the transaction as it is. From then on the response counts
// and closes it, good or bad: ErrNotVerified tells the wallet that it was bad.
func (v *Verifier) Respond(ctx context.Context, secret string, form url.Values) (redirect string, err error) {
	// Step 1. A live request that was fetched and not answered.
	f, err := v.fetched(ctx, secret)
	if err != nil {
		return "", err
	}
	// Step 2. An encrypted response, or an error; nothing in clear unless that
	// was asked for.
	parse := oid4vp.ParseForm
	if f.InClear {
		parse = oid4vp.ParseClearForm
	}
	in, err := parse(form)
	if err != nil {
		return "", &Error{Err: ErrResponse, Detail: "is malformed", Cause: err}
	}
	// Step 3. The receiver still is admitted and may ask this.
	e, err := v.still(v.entitled(f.Receiver, f.Use, f.Query))
	if err != nil {
		return "", err
	}
	if f.policy, err = v.judging(f.exchange); err != nil {
		return "", err
	}
	if in.Error != "" {
		if !f.State.Equal(in.State) {
			return "", wrongState()
		}
		plain, err := jose.Marshal(oid4vp.Response{Error: in.Error, State: in.State})
		if err != nil {
			return "", err
		}
		return v.conclude(ctx, f, e, refusal(f.policy, in.Error), plain, digest(string(in.Error)))
	}
	// Step 4. Open it with the key of this request alone.
	plain, err := f.decrypt(in)
	if err != nil {
		return "", err
	}
	// Step 5. It knows the state (Section 14.4.2).
	var parts struct {
		State oid4vp.Secret `json:"state"`
	}
	if err := jose.Unmarshal(plain, &parts); err != nil {
		return "", &Error{Err: ErrResponse, Detail: "holds no JSON object", Spec: specResponse}
	}
	if !f.State.Equal(parts.State) {
		return "", wrongState()
	}
	// Step 6. Judge.
	r, err := v.judgeResponse(ctx, f, plain)
	if err != nil {
		return "", err
	}
	return v.conclude(ctx, f, e, r, plain, digest(in.Response))
}

func wrongState() error {
	return &Error{Err: ErrResponse, Field: "state", Detail: "is not the one of the request", Spec: "OpenID4VP 1.0, Section 14.4.2"}
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return jose.Encode(sum[:])
}

// decrypt opens a response (Section 8.3). The key is found by the address that
// was posted to, never by what the response says; kid only has to agree.
func (f fetched) decrypt(in oid4vp.Form) ([]byte, error) {
	if f.InClear {
		return []byte(in.Response), nil
	}
	key, err := f.Key.Private()
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the response key is a %T", key)
	}
	plain, err := in.Open(ec, f.Key.Kid, encs...)
	if err != nil {
		return nil, &Error{Err: ErrResponse, Detail: "cannot be opened", Cause: err}
	}
	return plain, nil
}

// judgeResponse is the decision about a whole response (Section 8.6).
func (v *Verifier) judgeResponse(ctx context.Context, f fetched, plain []byte) (Result, error) {
	out := Result{State: StateAnswered, Policy: f.policy.Ref(), Qualification: seal.NotApplicable, Presentations: []Presentation{}}
	// Step 1. An object keyed by ids of the query, with arrays of the length
	// that was asked for.
	response, err := oid4vp.ParseResponse(plain, f.Query)
	if err != nil {
		out.Checks.Fail(credential.CheckStructure, "OpenID4VP 1.0, Section 8.6", err.Error())
		return out.failed(), nil
	}
	if response.Error != "" {
		return refusal(f.policy, response.Error), nil
	}
	out.Checks.Pass(credential.CheckStructure, "OpenID4VP 1.0, Section 8.6", "")

	// Step 2. Every presentation on its own.
	now := v.c.Now()
	if f.keep != nil {
		f.keep.at = now
	}
	var answered []string
	var worths []seal.Qualification
	var held []bound
	replayed := false
	for _, q := range f.Query.Credentials {
		for _, raw := range response.VPToken[q.ID] {
			c, err := v.examine(ctx, f, q, raw, now)
			if err != nil {
				return Result{}, err
			}
			f.keep.add(v, c)
			p, err := presentation(q, c, now)
			if err != nil {
				return Result{}, err
			}
			out.Presentations = append(out.Presentations, p)
			replayed = replayed || c.replayed()
			if p.Verified {
				answered, worths = append(answered, q.ID), append(worths, c.validation.Qualification)
				held = append(held, bound{q.ID, c.credential})
			}
		}
	}

	// Step 3. One that was made for another request rejects all (Section
	// 14.2.2).
	if replayed {
		out.Checks.Fail(credential.CheckReplay, "OpenID4VP 1.0, Section 14.2.2", "a presentation was not made for this request")
		return out.failed(), nil
	}
	out.Checks.Pass(credential.CheckReplay, "OpenID4VP 1.0, Section 14.2.2", "")

	// Step 4. What holds is enough for the query (Section 6.4.2).
	if err := f.Query.CheckSets(answered); err != nil {
		out.Checks.Fail(credential.CheckQuery, "OpenID4VP 1.0, Sections 6.4.2 and 8.6", err.Error())
		return out.failed(), nil
	}
	if len(answered) == 0 {
		out.Checks.Fail(credential.CheckQuery, "OpenID4VP 1.0, Section 8.6", "no presentation holds")
		return out.failed(), nil
	}
	out.Checks.Pass(credential.CheckQuery, "OpenID4VP 1.0, Sections 6.4.2 and 8.6", "")
	// Step 5. What the citizen was asked to authorise was authorised, and nothing
	// else.
	if !f.authorised(held, &out) {
		return out.failed(), nil
	}
	out.Verified, out.Qualification = true, least(worths)
	return out, nil
}

// conclude logs the answer and takes it.
func (v *Verifier) conclude(ctx context.Context, f fetched, e entitlement, r Result, response []byte, digest string) (string, error) {
	event := audit.Event{Outcome: audit.OK, Detail: "verified", Evidence: digest}
	switch {
	case r.State == StateRefused:
		event.Outcome, event.Detail = audit.Refused, "refused by the wallet"
	case !r.Verified:
		event.Outcome, event.Detail = audit.Failed, "not verified"
	}
	if err := v.log(ctx, audit.PresentationReceived, e.receiver, e.use, f.Query, event); err != nil {
		return "", err
	}
	code := capsule.NewSecret()
	evidence, err := v.evidence(ctx, f, e, r, response)
	if err != nil {
		return "", err
	}
	kept, err := r.seal(f, code, evidence)
	if err != nil {
		return "", err
	}
	if err := f.answer(ctx, v, kept, code); err != nil {
		return "", errors.Join(err, v.logNot(ctx, audit.PresentationReceived, e, f.Query, event))
	}
	if r.State != StateRefused && !r.Verified {
		return "", &Error{Err: ErrNotVerified, Detail: "failed: " + names(r.failures()), Spec: "OpenID4VP 1.0, Section 8.6"}
	}
	if f.Flow != SameDevice {
		return "", nil
	}
	return oid4vp.Secret(code.Reveal()).Redirect(f.RedirectURI, v.words()...)
}
