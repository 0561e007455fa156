package sdjwt

import (
	"crypto/x509"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// Credential is what one copy of a credential says. ID, Subject, Status and
// Holder must differ in every copy, or the copies can be linked; salts are made
// fresh by Prepare.
//
// Status, Extra and Claims take raw JSON as []byte, which is fast, or any
// value that marshals to a JSON object.
type Credential struct {
	Issuer        string // iss, an https URL that stands in the seal certificate
	Type          string // vct
	TypeIntegrity string // vct#integrity over the published type metadata
	Category      string // category, see CategoryPubEAA
	ID            string // jti
	Subject       string // sub; exactly one of Subject and AlsoKnownAs in a PuB-EAA
	AlsoKnownAs   string // also_known_as, a pseudonym

	IssuedAt  time.Time // iat; whole seconds, as the next two
	NotBefore time.Time // nbf
	Expires   time.Time // exp

	Holder jose.JWK // public key of cnf.jwk; Kty empty for a credential bound to no key

	Status     any  // status, usually a StatusList
	ShortLived bool // shortLived: null, instead of Status
	OneTime    bool // oneTime: null

	// The issuer's description of itself. ProfileETSI forbids it, because the
	// certificate says it; ProfileCIR wants it equal to the certificate.
	IssuingAuthority     string // issuing_authority
	IssuingCountry       string // issuing_country
	IssuerRegistrationID string // iss_reg_id

	Extra  any // further members that are always visible
	Claims any // the claims; what the Frame names is selectively disclosable
}

// StatusList is a status claim with the members of both texts that ask for
// one: status_list of the Token Status List (Section 6.1) and the flat members
// of TS 119 472-1 (clause 5.2.10).
type StatusList struct {
	Index   uint64
	URI     string
	Purpose string // "revocation" when empty
}

// MarshalJSON writes both member families.
func (s StatusList) MarshalJSON() ([]byte, error) { return s.append(nil), nil }

// Options are the constant parts of a credential type.
type Options struct {
	Issuer        string
	Type          string
	TypeIntegrity string
	OtherTypes    []string // aka_vcts
	Category      string
	Frame         Frame
	Profile       Profile
	Hash          Hash // SHA256 when empty

	// Certificate is the seal certificate. With it the issuer is checked to
	// stand in its subject alternative names; ProfileCIR cannot do without.
	Certificate *x509.Certificate

	// Decoys is how many digests without a disclosure are added to every
	// object and array that holds a disclosable value (RFC 9901, Section 4.2.5).
	Decoys int
	// HideAbsent adds a decoy for every disclosable member of the frame that a
	// credential does not have, so that the number of digests does not tell.
	HideAbsent bool
}

// MaxDecoys limits Options.Decoys.
const MaxDecoys = 64

// reserved names are set by the fields of Credential only, or are used by no
// credential here.
func reserved(name string) bool {
	switch name {
	case "iss", "aud", "exp", "nbf", "iat", "jti", "sub", "cnf", "vct", "vct#integrity", "aka_vcts", "status",
		"category", "also_known_as", "shortLived", "oneTime", "issuing_authority", "issuing_country", "iss_reg_id":
		return true
	default:
		return special(name)
	}
}
