// Package cose makes and checks single-signer COSE signatures (COSE_Sign1, RFC
// 9052, Section 4.2) and reads and writes public COSE_Keys (Section 7), for
// ISO mdoc and for status lists as CWT.
//
// A signer is compiled once: NewSigner checks and encodes the header
// parameters that are constant, then Append signs one payload after the other.
// A verifier parses with Parse, holds the message against a Use (algorithms,
// type, content type) and verifies with a key it trusts for a reason of its
// own:
//
//	m, err := cose.Parse(b)
//	err = cose.Use{Typ: "application/statuslist+cwt", Algs: cose.ES256Only}.Check(m)
//	pub, err := ... // from m.X5Chain or m.KeyID, checked against what is trusted
//	err = m.Verify(pub, nil)
//
// Private keys are crypto.Signers. There are no MACs, no encryption, no
// counter signatures and no several signers, and no algorithm without a key it
// is bound to.
package cose

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/zegel-id/zegel/internal/jose"
)

// Errors that callers branch on.
var (
	// ErrMessage is returned for bytes that are no well-formed COSE_Sign1.
	ErrMessage = errors.New("not a well-formed COSE_Sign1")
	// ErrCrit is returned for a critical header parameter: none is understood
	// (RFC 9052, Section 3.1).
	ErrCrit = errors.New("critical COSE header parameter is not understood")
	// ErrType is returned when typ or content type are not the ones of this use.
	ErrType = errors.New("COSE type is not the one expected")
	// ErrKey is returned for a COSE_Key that is no usable public key, and for a
	// key no algorithm here fits.
	ErrKey = errors.New("not a usable COSE_Key")
	// ErrAlg is returned for an algorithm that is not allowed here or does not
	// fit the key.
	ErrAlg = jose.ErrAlg
	// ErrSignature is returned for a signature that does not verify.
	ErrSignature = jose.ErrSignature
)

// Alg is an algorithm number of the COSE Algorithms registry.
type Alg int64

// The algorithms the product knows: those of RFC 9053, here bound to one curve
// each, and their fully specified twins of RFC 9864, which are accepted as the
// same thing (OpenID4VC HAIP 1.0, Section 7). Signing uses the first column.
const (
	ES256 Alg = -7
	EdDSA Alg = -8
	ES384 Alg = -35

	ESP256  Alg = -9
	ESP384  Alg = -51
	Ed25519 Alg = -19
)

// ES256Only allows ES256 under both of its numbers.
var ES256Only = []Alg{ES256, ESP256}

// Algs are the numbers of JOSE algorithms, each under both of its numbers; those
// that are no COSE algorithms here are left out.
func Algs(list []jose.Alg) []Alg {
	out := []Alg{} // never nil: no algorithm is not the same as the default ones
	for _, name := range list {
		switch name {
		case jose.ES256:
			out = append(out, ES256, ESP256)
		case jose.ES384:
			out = append(out, ES384, ESP384)
		case jose.EdDSA:
			out = append(out, EdDSA, Ed25519)
		}
	}
	return out
}

// JOSE is the JWS algorithm with the same key and signature; false for one that
// is not known.
func (a Alg) JOSE() (jose.Alg, bool) {
	switch a {
	case ES256, ESP256:
		return jose.ES256, true
	case ES384, ESP384:
		return jose.ES384, true
	case EdDSA, Ed25519:
		return jose.EdDSA, true
	default:
		return "", false
	}
}

func (a Alg) String() string {
	switch a {
	case ES256:
		return "ES256"
	case ESP256:
		return "ESP256"
	case ES384:
		return "ES384"
	case ESP384:
		return "ESP384"
	case EdDSA:
		return "EdDSA"
	case Ed25519:
		return "Ed25519"
	default:
		return strconv.FormatInt(int64(a), 10)
	}
}

// Use says what a kind of message must be.
type Use struct {
	// Algs is the allow-list; an empty one allows nothing.
	Algs []Alg
	// Typ is the one typ (RFC 9596), such as "application/statuslist+cwt".
	// When it is empty a message with a typ is refused: it was made for
	// another use.
	Typ string
	// ContentType is the one content type (RFC 9052, Section 3.1); when it is
	// empty, it is not looked at.
	ContentType string
}

// Check refuses a message of another kind. It does not check the signature.
func (u Use) Check(m *Sign1) error {
	if !slices.Contains(u.Algs, m.Alg) {
		return fmt.Errorf("%w: found %s, allowed %v", ErrAlg, m.Alg, u.Algs)
	}
	if m.Typ != u.Typ {
		return fmt.Errorf("%w: typ is %s, expected %q (RFC 9596)", ErrType, clip(m.Typ), u.Typ)
	}
	if u.ContentType != "" && m.ContentType != u.ContentType {
		return fmt.Errorf("%w: content type is %s, expected %q (RFC 9052, Section 3.1)", ErrType, clip(m.ContentType), u.ContentType)
	}
	return nil
}

// clip keeps a short printable part of an outside name for an error text.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strconv.QuoteToASCII(s)
}
