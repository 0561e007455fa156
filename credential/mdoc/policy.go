package mdoc

import (
	"crypto"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cose"
)

// Unverified is what a document says of itself, to choose among keys that are
// trusted already.
type Unverified struct {
	DocType string
	Signed  time.Time // when the issuer says it signed
	Now     time.Time // of the policy, without skew
}

// Policy is everything a verifier decides on its own.
type Policy struct {
	Now  time.Time
	Skew time.Duration // tolerated difference of clocks; none by default

	// DocTypes lists the accepted document types: the one of the request.
	DocTypes []string

	// What is allowed; an empty list, which is not nil, allows nothing.
	IssuerAlgs []cose.Alg // cose.ES256Only when nil
	DeviceAlgs []cose.Alg // cose.ES256Only when nil
	Digests    []Digest   // SHA256, SHA384 and SHA512 when nil

	// IssuerKey gives the key the issuer's signature must verify with, or
	// refuses. It decides on the x5chain of the signature, whose algorithm is
	// on the list already, see Authorities.
	IssuerKey func(*cose.Sign1, Unverified) (crypto.PublicKey, error)

	// Transcript is made from the request that is answered.
	Transcript Transcript
}

func orES256(algs []cose.Alg) []cose.Alg {
	if algs == nil {
		return cose.ES256Only
	}
	return algs
}

func (p *Policy) allows(d Digest) bool {
	return d.size() > 0 && (p.Digests == nil || slices.Contains(p.Digests, d))
}

func (p *Policy) usable(presented bool) error {
	bad := func(detail string) error {
		return &Error{Check: credential.CheckPolicy, Spec: specIssuer, Detail: detail}
	}
	switch {
	case p.IssuerKey == nil:
		return bad("the policy has no IssuerKey: there is no one to trust")
	case p.Now.IsZero():
		return bad("the policy has no Now")
	case p.Skew < 0:
		return bad("Skew must not be negative")
	case len(p.DocTypes) == 0:
		return bad("the policy has no DocTypes: name the document types that were asked for")
	case presented && p.Transcript.cbor == nil:
		return bad("the policy has no Transcript of the request")
	case !presented && p.Transcript.cbor != nil:
		return bad("the policy has a Transcript, but a document as issued is bound to no request")
	}
	return nil
}
