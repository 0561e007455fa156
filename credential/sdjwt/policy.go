package sdjwt

import (
	"crypto"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Media types (typ) of the issuer-signed JWT.
const (
	// TypVC is SD-JWT VC (draft-ietf-oauth-sd-jwt-vc, Section 2.2.1).
	TypVC = "dc+sd-jwt"
	// TypLegacyVC is the name of TypVC up to draft -06. Accept it only for
	// credentials that are still in use.
	TypLegacyVC = "vc+sd-jwt"
)

// Binding says whether key binding is asked for. It is a decision of the
// verifier, never derived from what was sent (RFC 9901, Section 7.3, step 1).
type Binding uint8

const (
	// BindingRequired is the default: an SD-JWT without key binding JWT is
	// refused.
	BindingRequired Binding = iota
	// BindingForbidden refuses a key binding JWT. It is for a holder that
	// checks what an issuer handed out, and for credentials meant for bearers.
	BindingForbidden
)

// Unverified is what an issuer's JWT says of itself, to choose among keys that
// are trusted already.
type Unverified struct {
	Issuer string // iss; empty when the issuer is the subject of the certificate
	VCT    string
	KeyID  string // kid of the protected or, in the JSON form, unprotected header
	// Signature counts the signatures of a general JSON form from 0.
	Signature int
}

// Policy is everything a verifier decides on its own.
type Policy struct {
	Now  time.Time
	Skew time.Duration // tolerated difference of clocks; none by default

	// Typ is the one accepted media type; TypVC by default. With TypVC or
	// TypLegacyVC the rules of SD-JWT VC apply on top of RFC 9901.
	Typ string
	// VCT lists the accepted credential types; any when it is empty.
	VCT []string

	IssuerAlgs []jose.Alg // ES256 by default
	HolderAlgs []jose.Alg // ES256 by default
	Hashes     []Hash     // SHA256, SHA384 and SHA512 by default

	// IssuerKey gives the key the issuer's JWT must verify with, or refuses. It
	// must use the mechanism that is permitted for that issuer and nothing the
	// token offers instead (SD-JWT VC, Sections 2.5 and 7.3). It is asked once
	// per signature. One that calls Token.Verify itself, as the validation of a
	// seal does, costs no second verification: with an equal key the token
	// answers from memory, with any other it is verified anew.
	IssuerKey func(*jose.Token, Unverified) (crypto.PublicKey, error)

	// KeyBinding, Nonce, Audience and MaxAge rule the key binding JWT. MaxAge
	// is five minutes by default.
	KeyBinding Binding
	Nonce      string
	Audience   string
	MaxAge     time.Duration

	// RequireExp refuses a credential without exp (RFC 9901, Section 7.1, step
	// 6: a missing validity claim that is needed).
	RequireExp bool
	// Recipient is who the verifier is in an aud claim of the issuer's JWT. A
	// credential with aud is refused unless it names the recipient.
	Recipient string
}

var onlyES256 = []jose.Alg{jose.ES256}

func orES256(algs []jose.Alg) []jose.Alg {
	if algs == nil {
		return onlyES256
	}
	return algs
}

func (p *Policy) issuerAlgs() []jose.Alg { return orES256(p.IssuerAlgs) }
func (p *Policy) holderAlgs() []jose.Alg { return orES256(p.HolderAlgs) }

func (p *Policy) typ() string {
	if p.Typ == "" {
		return TypVC
	}
	return p.Typ
}

// vc reports whether the SD-JWT VC rules apply.
func (p *Policy) vc() bool { return p.typ() == TypVC || p.typ() == TypLegacyVC }

func (p *Policy) allows(h Hash) bool {
	if len(p.Hashes) == 0 {
		return h.size() > 0
	}
	return slices.Contains(p.Hashes, h)
}

func (p *Policy) maxAge() time.Duration {
	if p.MaxAge == 0 {
		return 5 * time.Minute
	}
	return p.MaxAge
}
