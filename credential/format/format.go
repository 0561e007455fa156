// Package format brings the credential formats under one small contract, so
// that issuer, wallet unit and verifier work with any of them without knowing
// which one it is.
//
// A Format is asked for by its identifier: By("dc+sd-jwt"). It compiles a
// credential type for issuing, opens a credential that is held, and verifies one
// that was issued or presented. What is special about a format stays in its own
// package; here it only meets the contract. Whose signature counts, what the
// status says and whether a query is answered is decided by the caller.
package format

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

// Format is a credential format as the three roles use it. A credential and a
// presentation are JSON values, as the protocols carry them: a string, or an
// object for formats that are JSON themselves.
type Format interface {
	// ID is the identifier that the protocols use.
	ID() credential.Format
	// Compile checks a credential type and compiles what is constant.
	Compile(Type) (Template, error)
	// Open reads a credential that is held. Nothing is verified.
	Open(jsontext.Value) (Held, error)
	// Issued verifies a credential that comes from its issuer. The error is an
	// *Error that names the check that failed.
	Issued(jsontext.Value, Policy) (*Verified, error)
	// Presented verifies a presentation, with the holder's word for it. The error
	// is an *Error that names the check that failed.
	Presented(jsontext.Value, Policy) (*Verified, error)
}

// all formats, the one that is preferred first.
var all = []Format{sdJWT{}, mobile{}, jwtVC{}, ldpVC{}}

// By is the format of an identifier; nil for one that is not known here.
func By(id string) Format {
	for _, f := range all {
		if string(f.ID()) == id {
			return f
		}
	}
	return nil
}

// ByMethod says whether signatures of a format name their key, so that it takes a
// Policy.Controller to verify them.
func ByMethod(f Format) bool {
	_, ok := f.(ldpVC)
	return ok
}

// IDs are the identifiers of all formats, the preferred one first.
func IDs() []credential.Format {
	ids := make([]credential.Format, len(all))
	for i, f := range all {
		ids[i] = f.ID()
	}
	return ids
}

// Type is a credential type of one issuer, in one format.
type Type struct {
	// Issuer is the identifier of the issuer, an https URL.
	Issuer string
	// Address of the type, where its metadata is published; the vct of an SD-JWT
	// VC.
	Address string
	// Metadata describes the claims, whatever the format; Integrity is that of the
	// document in which they are published.
	Metadata  sdjwt.TypeMetadata
	Integrity string
	Profile   sdjwt.Profile
	// Definition is what else the format needs to know of the type: the document
	// type of an mdoc as JSON; empty for an SD-JWT VC.
	Definition []byte
	// Document says how the claims are written in a W3C format; nil for others.
	Document *profile.Profile
	// Chain of the seal certificate that will be used, leaf first.
	Chain []*x509.Certificate
}

// Template is a credential type, compiled. It is safe for concurrent use.
type Template interface {
	// Describe says what the type is, in the words of the format.
	Describe() Description
	// Prepare checks one copy of a credential and makes all of it but the
	// signature. random is crypto/rand.Reader when nil.
	Prepare(c Copy, random io.Reader) (Draft, error)
}

// Description is what metadata says of a type in one format (OpenID4VCI 1.0,
// Appendix A).
type Description struct {
	// Name of the type: its vct or doctype.
	Name string
	// VCT, Doctype and Definition (credential_definition) are the members of a
	// credential configuration; only that of the format is there.
	VCT, Doctype string
	Definition   jsontext.Value
	// Algs name the signature, as credential_signing_alg_values_supported does.
	Algs []any
	// ByMethod: signatures name their key as MethodOf says, so that the issuer
	// publishes it in its controlled identifier document.
	ByMethod bool
	// Path is where a claim of the dataset stands in the credential; nil when it
	// is no place that metadata could name.
	Path func(credential.Path) credential.Path
}

// ErrNoClaims is returned by formats that hold no credential without claims.
var ErrNoClaims = errors.New("a credential of this format holds at least one claim")

// Draft is a checked copy that is not signed yet.
type Draft interface {
	// Seal signs it, once.
	Seal(*seal.Sealer) (jsontext.Value, error)
}

// Copy is what one copy of a credential says. ID, Subject, Status and Holder
// differ in every copy, or the copies could be linked.
type Copy struct {
	ID, Subject string
	// IssuedAt, NotBefore and Expires in whole seconds.
	IssuedAt, NotBefore, Expires time.Time
	Holder                       jose.JWK // public
	Status                       status.Ref
	// Entries are the same status in bitstring lists, for W3C formats.
	Entries []status.Entry
	// Authority is the issuer's description of itself, for profiles that want it.
	Authority Authority
	// Claims is a JSON object.
	Claims []byte
}

// Authority is the public body that issues.
type Authority struct{ Name, Country string }

// Held is a credential that was read and not verified. It is what a DCQL query
// sees of a wallet (OpenID4VP 1.0, Section 6).
type Held interface {
	// Format identifier.
	Format() string
	// Type is the name of the type by which the credential is kept; Types are all
	// by which it can be asked for.
	Type() string
	Types() []string
	// Issuer is who the credential says issued it.
	Issuer() string
	// HolderBound: it is bound to a key, so that presentations are signed.
	HolderBound() bool
	// AuthorityKeys are the key identifiers in the AuthorityKeyIdentifier
	// extensions of the certificates that came with it.
	AuthorityKeys() [][]byte
	// Select is the raw JSON of every value a path points at.
	Select(credential.Path) [][]byte
	// Secured names the algorithm, or the cryptosuite, of the issuer's signature.
	Secured() string
	// Validity is the time between which it is valid; zero is open. False when it
	// cannot be read.
	Validity() (from, until time.Time, ok bool)
	// Status is the raw JSON of its status claim; nil when it has none.
	Status() []byte
	// Claims are all that it says, as JSON; Data those that are equal in every
	// copy of the same dataset, decoded.
	Claims() []byte
	Data() (map[string]any, error)
	// Disclosable counts what can be disclosed one by one; none means that all of
	// it is shown whenever it is.
	Disclosable() int
	// Present discloses the claims of the paths and no others beside those that
	// are always visible. Without a binding it is shown as it is; a credential
	// that is bound to a key needs one.
	Present(paths []credential.Path, b *Binding) (jsontext.Value, error)
}

// Session is the request that a presentation answers (OpenID4VP 1.0, Sections
// 5.2 and 14.2.2): what binds the one to the other.
type Session struct {
	// Nonce of the request.
	Nonce string
	// Audience is the client identifier with its prefix, or "origin:" and the
	// origin of the page (Appendix A.4).
	Audience string
	// ResponseURI to which the response goes; empty over the Digital Credentials
	// API.
	ResponseURI string
	// Encryption is the key that the response is encrypted to; nil if it is not.
	Encryption *jose.JWK
}

// Binding is how a holder binds a presentation to a request.
type Binding struct {
	Session
	Signer   crypto.Signer // the key that the credential is bound to
	IssuedAt time.Time
	// Transactions are what the holder authorises beside, as members of the
	// holder's word (OpenID4VP 1.0, Section 8.4); nil for none.
	Transactions any
}

// Policy is everything a caller decides on its own.
type Policy struct {
	Now  time.Time
	Skew time.Duration // tolerated difference of clocks
	// Types lists the accepted types, in the words of the format. When empty any
	// is accepted, but by an mdoc none. A W3C credential must have all of them, as
	// they stand in its type.
	Types []string
	// IssuerAlgs and HolderAlgs are allow-lists; ES256 when nil.
	IssuerAlgs, HolderAlgs []jose.Alg
	// Trust gives the key that the issuer's signature must verify with, or
	// refuses.
	Trust func(Signature) (crypto.PublicKey, error)
	// Controller gives the controlled identifier document in which a verification
	// method is to be found, by its URL, for formats whose signatures name their
	// key: that of the identifier before the "#", however it is had. Nil has none.
	// What the document says is judged by Trust.
	Controller func(method string) (*did.Document, error)
	// RequireExpiry refuses a credential without an end.
	RequireExpiry bool

	// Session that a presentation must be bound to, with the holder's word not
	// older than MaxAge (five minutes when zero).
	Session Session
	MaxAge  time.Duration
	// InsecureUnbound lets a presentation pass that comes without the holder's
	// word; one that comes is checked all the same.
	InsecureUnbound bool
}

// Signature is the issuer's signature, for the one who decides on trust. Nothing
// of it is verified.
type Signature struct {
	// Issuer and Type are what the credential says.
	Issuer, Type string
	// Token is the compact JWS of the formats that are one; Other is the signature
	// of those that are none. One of the two is there.
	Token *jose.Token
	Other *seal.Signature
	// Certificates counts those that came with the credential.
	Certificates int
	// Structure is the clause by which the credential was read.
	Structure string
}

// IssuerIn is the issuer, whom a format without a place for the name leaves to
// the certificate. It is to be certified like any other claim.
func (s Signature) IssuerIn(c *x509.Certificate) string {
	if s.Token == nil && s.Issuer == "" && c != nil {
		return seal.IssuerNamed(c)
	}
	return s.Issuer
}

// Validate has the signature judged as a seal.
func (s Signature) Validate(ctx context.Context, v *seal.Validator, at time.Time) (seal.Validation, error) {
	if s.Token != nil {
		return v.Validate(ctx, s.Token, at)
	}
	if s.Other == nil {
		return seal.Validation{}, errors.New("there is no signature of an issuer")
	}
	return v.ValidateSignature(ctx, *s.Other, at)
}

// Verified is a credential or a presentation that passed the policy. The caller
// still checks its status and whether the issuer may issue this type.
type Verified struct {
	Format                       credential.Format
	Issuer                       string
	Type                         string
	Types                        []string
	IssuedAt, NotBefore, Expires time.Time // zero when absent
	Status                       []byte    // raw JSON of the status claim, nil when absent
	// Holder is the key it is bound to; its Kty is empty when there is none.
	Holder jose.JWK
	Claims Claims
	// Disclosed are the paths of what was selectively disclosed. Whole: the format
	// discloses nothing selectively, so that all of it was shown.
	Disclosed []credential.Path
	Whole     bool
	// Bound: the holder's word for this request came and holds. Transactions is
	// the raw JSON object in which it would stand what else the holder
	// authorised; nil for formats that have no such place.
	Bound        bool
	Transactions []byte
	// Checks lists what was checked, in order. All of them passed.
	Checks credential.Report
}

// Claims are what a verified credential says.
type Claims interface {
	// Raw is the JSON object.
	Raw() []byte
	// Select is the raw JSON of every value a path points at (OpenID4VP 1.0,
	// Section 7).
	Select(credential.Path) [][]byte
	// Text is a top-level string member; empty when it is none.
	Text(name string) string
}

// Error is a check that failed. Its text holds no claim value.
type Error struct {
	Check string // one of the credential.Check names
	Spec  string // document and section
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the error of the format.
func (e *Error) Unwrap() error { return e.Err }
