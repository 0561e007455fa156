package vcapi

import (
	"context"
	"fmt"

	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/did"
)

// MaxCredentials is how many a presentation may hold: each costs a verification.
const MaxCredentials = 64

// Presentation judges a presentation and every credential in it. The error is an
// *Error for what cannot be judged. That the subject of a credential is the holder
// is for the caller to see (VCALM 0.9, "Verify Presentation").
func (v *Verifier) Presentation(ctx context.Context, raw []byte, o CredentialOptions) (PresentationResult, error) {
	const field = "verifiablePresentation"
	e, p, err := vcdm.ParseSecuredPresentation(raw, vcdm.Rules{AllowVersion1: true})
	if err != nil {
		return PresentationResult{}, input(field, "Correct the member that is named.", err)
	}
	var r PresentationResult
	if e != nil {
		r, err = v.envelopedPresentation(ctx, field, e, o)
	} else {
		r, err = v.embeddedPresentation(ctx, field, p, o)
	}
	if err == nil {
		err = ctx.Err() // nothing was found out
	}
	if err != nil {
		return PresentationResult{}, err
	}
	r.Presentation = raw
	return r, nil
}

func (v *Verifier) embeddedPresentation(ctx context.Context, field string, p *vcdm.Presentation, o CredentialOptions) (PresentationResult, error) {
	if err := v.c.Contexts.known(field, p.Contexts); err != nil {
		return PresentationResult{}, err
	}
	if err := few(field, p); err != nil {
		return PresentationResult{}, err
	}
	policy := v.policy(did.Authentication, o.Challenge, o.Domain)
	policy.Embedded = []string{"verifiableCredential"}
	if p.Holder != "" {
		policy.Controllers = []string{p.Holder}
	} else {
		policy.InsecureAnyController = true // it says nothing of who presents
	}
	verified, err := dataintegrity.Verify(ctx, p.Raw, policy)
	if unreadable(err) {
		return PresentationResult{}, input(field, "Correct the proof, or send one.", err)
	}
	r := PresentationResult{Results: &PresentationResults{Presentation: presented(err, p, o)}}
	if err != nil {
		r.Problems = []Problem{problemOf(err)}
		return r, nil
	}
	if p, err = vcdm.ParsePresentation(verified.Document, vcdm.Rules{AllowVersion1: true}); err != nil {
		r.Problems = []Problem{problemOf(err)}
		return r, nil
	}
	err = v.credentials(ctx, field, p, o, &r)
	return r, err
}

// presented are the steps of a presentation whose verification ended so. None of them
// holds where one does not: a challenge under a bad signature is worth nothing.
func presented(err error, p *vcdm.Presentation, o CredentialOptions) PresentationSteps {
	ok := err == nil
	return PresentationSteps{Challenge: text(ok, o.Challenge), Domain: text(ok, o.Domain), Holder: text(ok, p.Holder), Proof: steps(ok, p.Proofs)}
}

// credentials judges those of a presentation that holds, each on its own.
func (v *Verifier) credentials(ctx context.Context, field string, p *vcdm.Presentation, o CredentialOptions, r *PresentationResult) error {
	all := true
	for i, one := range p.Credentials {
		at := fmt.Sprintf("%s.verifiableCredential[%d]", field, i)
		each := CredentialOptions{SkipStatus: o.SkipStatus} // the challenge is the presentation's
		var c CredentialResult
		var err error
		if one.Embedded != nil && len(one.Embedded.Proofs) == 0 {
			c, err = v.selfAsserted(ctx, at, one.Embedded, each)
		} else {
			c, err = v.secured(ctx, at, one, each)
		}
		if err != nil {
			return err
		}
		all = all && c.Verified
		r.Results.Credentials = append(r.Results.Credentials, c)
	}
	r.Verified = all && len(r.Problems) == 0
	return nil
}

// selfAsserted judges what the holder says of himself, which the proof of the
// presentation secures (VC Data Model 2.0, Section 4.13.3); vcdm saw to it that the
// holder is the issuer.
func (v *Verifier) selfAsserted(ctx context.Context, field string, c *vcdm.Credential, o CredentialOptions) (CredentialResult, error) {
	if err := v.c.Contexts.known(field, c.Contexts); err != nil {
		return CredentialResult{}, err
	}
	r := CredentialResult{Results: &CredentialResults{}}
	err := v.standing(ctx, c, o, &r)
	r.Verified = err == nil && len(r.Problems) == 0
	return r, err
}

func (v *Verifier) envelopedPresentation(ctx context.Context, field string, e *vcdm.Envelope, o CredentialOptions) (PresentationResult, error) {
	switch {
	case e.MediaType != "application/"+vcjose.TypPresentation:
		return PresentationResult{}, &Error{
			Err: ErrInput, Type: string(vcdm.ParsingError), Title: "Media type not supported", Field: field + ".id", Detail: "is of another media type than application/vp+jwt",
			Spec: "VC Data Model 2.0, Section 4.13.2", Remedy: "Send a presentation that is secured in another way.",
		}
	case o.Challenge == "" || o.Domain == "":
		return PresentationResult{}, &Error{
			Err: ErrInput, Title: "Option is missing", Field: "options", Detail: "lacks challenge or domain, to which a vp+jwt must be bound by nonce and aud",
			Spec: "VC-JOSE-COSE, Section 3.1.2", Remedy: "Give both as the presentation was asked with.",
		}
	}
	now := v.c.Now()
	got, err := vcjose.VerifyPresentation(string(e.Content), vcjose.PresentationPolicy{
		Credentials: v.tokens(ctx), Nonce: o.Challenge, Audience: o.Domain, Algs: algs, HolderKey: vcjose.FromDocument(v.resolve(ctx), did.Authentication, now), AllowOtherSubject: true, Max: MaxCredentials,
	})
	steps := PresentationSteps{Challenge: text(err == nil, o.Challenge), Domain: text(err == nil, o.Domain)}
	r := PresentationResult{Results: &PresentationResults{Presentation: steps}}
	if malformedToken(err) {
		return PresentationResult{}, input(field, "Correct the place that is named.", err)
	}
	if err != nil {
		r.Problems = []Problem{problemOf(err)}
		return r, nil
	}
	r.Results.Presentation.Holder = text(true, got.Holder)
	if err := v.c.Contexts.known(field, got.Contexts); err != nil {
		return PresentationResult{}, err
	}
	r.Verified = true
	for i, c := range got.Verified {
		if err := v.c.Contexts.known(fmt.Sprintf("%s.verifiableCredential[%d]", field, i), c.Contexts); err != nil {
			return PresentationResult{}, err
		}
		one := CredentialResult{Results: &CredentialResults{}}
		if err := v.standing(ctx, c.Credential, o, &one); err != nil {
			return PresentationResult{}, err
		}
		one.Verified = len(one.Problems) == 0
		r.Verified = r.Verified && one.Verified
		r.Results.Credentials = append(r.Results.Credentials, one)
	}
	return r, nil
}

// few bounds the work that one presentation can ask for.
func few(field string, p *vcdm.Presentation) error {
	if len(p.Credentials) <= MaxCredentials {
		return nil
	}
	return &Error{
		Err: ErrInput, Type: string(vcdm.RangeError), Title: "Too many credentials", Field: field + ".verifiableCredential", Detail: fmt.Sprintf("holds %d credentials, at most %d are judged at once", len(p.Credentials), MaxCredentials),
		Spec: spec + "Verify Presentation", Remedy: "Present fewer, or verify them one by one.",
	}
}
