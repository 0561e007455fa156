package dataintegrity

import (
	"context"
	"slices"
	"time"

	"github.com/zegel-id/zegel/did"
)

// Resolver hands over the controlled identifier document of an identifier: the URL
// of a verification method without its fragment. The methods of package did are
// Resolvers. It is asked for whatever a proof names, so that one that uses the
// network must bear that.
type Resolver interface {
	Resolve(ctx context.Context, id string) (*did.Document, error)
}

var _ Resolver = did.KeyMethod{}

// Policy is everything a verifier decides on its own.
type Policy struct {
	Now  time.Time
	Skew time.Duration // tolerated difference of clocks; none by default

	// Suites are the accepted cryptosuites. Every proof of the document must be of
	// one of them: one that nobody here can judge is not passed over.
	Suites []Suite
	// Resolver retrieves verification methods.
	Resolver Resolver
	// Purpose that every proof must be made for: did.AssertionMethod for what an
	// issuer states, did.Authentication for presentations.
	Purpose did.Relationship

	// Controllers are the identifiers whose proof is required: of each one of them,
	// such as the issuer of a credential. The proof of anyone else satisfies
	// nothing.
	Controllers []string
	// InsecureAnyController accepts the proofs of whoever made them. The caller looks
	// at Verified.Proofs.
	InsecureAnyController bool

	// Domain, as a set, and Challenge are what every proof must be bound to. Where
	// they are empty, a proof that is bound is refused: it was made for somebody
	// else to check.
	Domain    []string
	Challenge string
	// InsecureUnbound does not look at domain and challenge at all.
	InsecureUnbound bool

	// Contexts are the URLs of the JSON-LD contexts that the caller understands. A
	// document may name these and no others. Empty is for plain JSON.
	Contexts []string
	// InsecureInlineContexts also accepts contexts that are written out in the document:
	// what a name means is then for whoever sent it to say, and a suite that signs RDF
	// holds as well under other names.
	InsecureInlineContexts bool
	// Embedded names members whose values are documents with an @context of their
	// own, of the same Contexts, such as verifiableCredential in a presentation.
	Embedded []string
	// InsecureAnySpelling accepts, in documents that are signed as RDF, members that are
	// named by an IRI or a JSON-LD keyword, and statements about the document that stand
	// inside it. Whoever sent the document may have made them from what stood under the
	// name of a term, at the top: a reader who looks for credentialStatus would not find
	// it.
	InsecureAnySpelling bool
}

func (p *Policy) usable() error {
	bad := func(detail string) error {
		return &Error{Check: CheckPolicy, Spec: specDI + ", Section 4.4", Detail: detail}
	}
	switch {
	case p.Now.IsZero():
		return bad("the policy has no Now")
	case p.Skew < 0:
		return bad("Skew must not be negative")
	case len(p.Suites) == 0:
		return bad("the policy has no Suites: nothing can verify")
	case p.Resolver == nil:
		return bad("the policy has no Resolver: there is nowhere to look for keys")
	case !slices.Contains(did.Relationships, p.Purpose) || p.Purpose == did.KeyAgreement:
		return bad("Purpose is not a purpose of proofs, such as assertionMethod or authentication")
	case len(p.Controllers) == 0 && !p.InsecureAnyController:
		return bad("the policy has no Controllers: no proof is required of anybody")
	case p.InsecureUnbound && (len(p.Domain) > 0 || p.Challenge != ""):
		return bad("InsecureUnbound does not go with Domain or Challenge")
	}
	return nil
}

// reading is the rule for a document whose proofs are of accepted suites.
func (p *Policy) reading(proofs []*Proof) reading {
	asWritten := !slices.ContainsFunc(proofs, func(proof *Proof) bool { return !signsAsWritten(p.suite(proof.Cryptosuite)) })
	return reading{contexts: p.Contexts, embedded: p.Embedded, inline: p.InsecureInlineContexts, spelled: !p.InsecureAnySpelling && !asWritten}
}

// suite is the accepted suite of a name; nil if there is none.
func (p *Policy) suite(name string) Suite {
	for _, s := range p.Suites {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// sameSet compares strings as sets.
func sameSet(x, y []string) bool {
	in := func(set []string) func(string) bool {
		return func(s string) bool { return !slices.Contains(set, s) }
	}
	return !slices.ContainsFunc(x, in(y)) && !slices.ContainsFunc(y, in(x))
}
