package vcapi

import (
	"context"
	"errors"
	"time"

	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// VerifierConfig of a Verifier.
type VerifierConfig struct {
	Contexts *Contexts
	Resolver *Resolver
	// Issuers are those of this server, whose status lists are looked up without
	// the network.
	Issuers []*Issuer
	// Lists fetches the status lists of others; nil refuses credentials that need
	// one. InsecureLoopback lets lists be on http and loopback, in development.
	Lists            status.Fetcher
	InsecureLoopback bool
	// InsecureAnyController takes credentials whose proof is of somebody else than
	// their issuer, so that anybody can issue in anybody's name. For the vectors of
	// the cryptosuites, whose issuers publish no key.
	InsecureAnyController bool
	Now                   func() time.Time
}

// Verifier judges what anybody made. It is safe for concurrent use.
type Verifier struct {
	c           VerifierConfig
	suites      []dataintegrity.Suite
	own, others *status.BitstringChecker
}

// skew is how far clocks may differ.
const skew = time.Minute

var algs = []jose.Alg{jose.ES256, jose.ES384, jose.EdDSA}

// NewVerifier checks the configuration.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	if c.Contexts == nil || c.Resolver == nil || c.Now == nil {
		return nil, errors.New("vcapi: a verifier needs Contexts, a Resolver and Now")
	}
	v := &Verifier{c: c, suites: c.Contexts.verifiers()}
	o := status.CheckerOptions{Now: c.Now, Skew: skew, InsecureLoopback: c.InsecureLoopback, DefaultTTL: time.Minute, MaxTTL: 5 * time.Minute}
	var err error
	if v.others, err = status.NewBitstringChecker(lists{v}, listVerifier{v}, status.BitstringCheckerOptions{CheckerOptions: o}); err != nil {
		return nil, err
	}
	o.CacheBytes = 1 // none is kept: they are here, and a change is seen at once
	v.own, err = status.NewBitstringChecker(lists{v}, listVerifier{v}, status.BitstringCheckerOptions{CheckerOptions: o})
	return v, err
}

// CredentialOptions are those of one verification.
type CredentialOptions struct {
	// Challenge and Domain that every proof must be bound to; a proof that is bound
	// does not hold without them.
	Challenge, Domain string
	// SkipStatus leaves the status out, where the caller looks at it elsewhere.
	SkipStatus bool
}

// Credential judges a secured credential: its proofs, the data model, the validity
// period and the status. The error is an *Error for what cannot be judged, because
// it is no such document.
func (v *Verifier) Credential(ctx context.Context, raw []byte, o CredentialOptions) (CredentialResult, error) {
	const field = "verifiableCredential"
	p, err := vcdm.ParseSecured(raw, vcdm.Rules{AllowVersion1: true})
	if err != nil {
		return CredentialResult{}, input(field, "Correct the member that is named.", err)
	}
	r, err := v.secured(ctx, field, p, o)
	if err != nil {
		return CredentialResult{}, err
	}
	r.Credential = raw
	return r, nil
}

func (v *Verifier) secured(ctx context.Context, field string, p vcdm.Presented, o CredentialOptions) (CredentialResult, error) {
	var document *vcdm.Credential
	var proofs []vcdm.Object
	var failure, err error
	if p.Enveloped != nil {
		document, failure, err = v.enveloped(ctx, field, p.Enveloped, o)
	} else {
		proofs = p.Embedded.Proofs
		document, failure, err = v.embedded(ctx, field, p.Embedded, o)
	}
	if err == nil {
		err = ctx.Err() // nothing was found out
	}
	if err != nil {
		return CredentialResult{}, err
	}
	r := CredentialResult{Results: &CredentialResults{Proof: steps(failure == nil, proofs)}}
	if failure != nil {
		r.problem(problemOf(failure))
		return r, nil
	}
	if err := v.standing(ctx, document, o, &r); err != nil {
		return CredentialResult{}, err
	}
	r.Verified = len(r.Problems) == 0
	return r, nil
}

// embedded verifies the proofs of Data Integrity. failure says why they do not
// hold, err why that cannot be judged.
func (v *Verifier) embedded(ctx context.Context, field string, c *vcdm.Credential, o CredentialOptions) (document *vcdm.Credential, failure, err error) {
	if err := v.c.Contexts.known(field, c.Contexts); err != nil {
		return nil, nil, err
	}
	policy := v.policy(did.AssertionMethod, o.Challenge, o.Domain)
	if policy.InsecureAnyController = v.c.InsecureAnyController; !policy.InsecureAnyController {
		policy.Controllers = []string{c.Issuer}
	}
	verified, err := dataintegrity.Verify(ctx, c.Raw, policy)
	if unreadable(err) {
		return nil, nil, input(field, "Correct the proof, or send one.", err)
	}
	if err != nil {
		return nil, err, nil
	}
	document, failure = vcdm.ParseCredential(verified.Document, vcdm.Rules{AllowVersion1: true})
	return document, failure, nil
}

// policy is what every proof must be.
func (v *Verifier) policy(purpose did.Relationship, challenge, domain string) dataintegrity.Policy {
	p := dataintegrity.Policy{
		Now: v.c.Now(), Skew: skew, Suites: v.suites, Resolver: v.c.Resolver, Purpose: purpose, Challenge: challenge, Contexts: v.c.Contexts.urls, InsecureInlineContexts: v.c.Contexts.inline,
	}
	if domain != "" {
		p.Domain = []string{domain}
	}
	return p
}

// unreadable: the document has no proof that could be judged.
func unreadable(err error) bool {
	var e *dataintegrity.Error
	return errors.As(err, &e) && (e.Check == dataintegrity.CheckStructure || e.Check == dataintegrity.CheckContext)
}

// enveloped verifies a vc+jwt or vc+sd-jwt.
func (v *Verifier) enveloped(ctx context.Context, field string, e *vcdm.Envelope, o CredentialOptions) (document *vcdm.Credential, failure, err error) {
	if o.Challenge != "" || o.Domain != "" {
		return nil, nil, &Error{
			Err: ErrInput, Type: string(vcdm.MalformedValueError), Title: "Option without a meaning here", Field: "options", Detail: "names a challenge or a domain, and an enveloped credential is bound to none",
			Spec: spec + "Verify Credential", Remedy: "Leave both out; it is a presentation that is bound.",
		}
	}
	var got *vcjose.Verified
	switch e.MediaType {
	case "application/" + vcjose.TypCredential:
		got, failure = vcjose.VerifyCredential(string(e.Content), v.tokens(ctx))
	case "application/" + vcjose.TypSDJWT:
		got, _, failure = vcjose.VerifySDJWT(string(e.Content), v.tokens(ctx), nil)
	default:
		return nil, nil, &Error{
			Err: ErrInput, Type: string(vcdm.ParsingError), Title: "Media type not supported", Field: field + ".id", Detail: "is of another media type than application/vc+jwt and application/vc+sd-jwt",
			Spec: "VC Data Model 2.0, Section 4.13.1", Remedy: "Send a credential that is secured in another way.",
		}
	}
	if failure != nil {
		if malformedToken(failure) {
			return nil, nil, input(field, "Correct the place that is named.", failure)
		}
		return nil, failure, nil
	}
	if err := v.c.Contexts.known(field, got.Contexts); err != nil {
		return nil, nil, err
	}
	return got.Credential, nil, nil
}

// malformedToken: what is in the envelope is no such token or document.
func malformedToken(err error) bool {
	if err == nil {
		return false
	}
	p := vcjose.Problem(err)
	return p == vcdm.ParsingError || p == vcdm.MalformedValueError
}

func (v *Verifier) tokens(ctx context.Context) vcjose.Policy {
	now := v.c.Now()
	return vcjose.Policy{Now: now, Skew: skew, Algs: algs, IssuerKey: vcjose.FromDocument(v.resolve(ctx), did.AssertionMethod, now)}
}

// resolve is for signatures that are checked without a context: nobody waits for what is
// fetched after ctx ended.
func (v *Verifier) resolve(ctx context.Context) func(id string) (*did.Document, error) {
	return func(id string) (*did.Document, error) { return v.c.Resolver.Resolve(ctx, id) }
}
