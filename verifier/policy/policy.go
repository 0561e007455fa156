// Package policy is what a presentation is judged by, as data: whose
// credentials are accepted, how old they and their status may be, which
// algorithms they are signed with, and which findings are only reported.
//
// A policy is a JSON document with an id and a version, read strictly; its
// digest names it beyond doubt in a result. It can be stricter than the
// platform at will, and laxer only where the operator allowed that (Floor).
// The package judges nothing: the verifier does.
package policy

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

// Platform is the id of the policy that judges when a transaction names none.
const Platform = "platform"

// Policy is one document as read. It does not change.
type Policy struct {
	// ID names it in a transaction: lower case letters, digits and hyphens.
	ID string
	// Version is the author's, for people; Digest is what counts.
	Version string
	// Receivers may name it; empty lets every receiver.
	Receivers []string
	// Formats and Algorithms are those that are taken. Algorithms hold for the
	// seal and for the key binding.
	Formats    []credential.Format
	Algorithms []jose.Alg
	// Types are the accepted credential types. What is not there is not
	// accepted.
	Types []Type
	// StatusMaxAge is how long ago the status list may have been signed; zero
	// leaves that to the list itself.
	StatusMaxAge time.Duration

	findings map[Finding]Effect
	document []byte
	digest   string
}

// Type says from whom a credential type is accepted. That somebody is a listed
// provider gives no authority over a type (SD-JWT VC, Section 7.7): it is
// decided here, for each type.
type Type struct {
	// Name is the type: the vct of an SD-JWT VC, the doctype of an mdoc, the IRI
	// of the type of a W3C credential.
	Name string
	// Issuers are the accepted iss values. Required.
	Issuers []string
	// Registrations are the accepted registration numbers of the list of
	// PuB-EAA providers, such as NTRBE-0123456749. Required.
	Registrations []string
	// Qualification is the least that the seal must be worth. In a document that was
	// only parsed, empty is what the platform asks of the type (Over).
	Qualification seal.Qualification
	// Level is the least conformance level of the seal; empty is any.
	Level seal.Level
	// Sources are those of which the certificate must say that its holder answers
	// for one; empty is any, also none.
	Sources []Source
	// NotifiedWhenSealed wants the provider to have been in the list of PuB-EAA
	// providers, and notified, already at the time at which it says it sealed.
	NotifiedWhenSealed bool
	// MaxAge is how long ago the credential may have been issued; zero is any
	// time.
	MaxAge time.Duration
	// WithoutExpiry accepts credentials that have no exp.
	WithoutExpiry bool
}

// Finding is something that can be found in a presentation and that a policy
// may have an opinion about. Whatever is not one of these always fails it.
type Finding string

const (
	// StatusMissing: the credential has no status claim.
	StatusMissing Finding = "status_missing"
	// StatusUnavailable: its status list cannot be fetched, or what is there has
	// run out. A list that is malformed or signed by a stranger always fails.
	StatusUnavailable Finding = "status_unavailable"
	// StatusTooOld: the list is older than StatusMaxAge.
	StatusTooOld Finding = "status_too_old"
	// CredentialTooOld: it was issued longer ago than MaxAge.
	CredentialTooOld Finding = "credential_too_old"
	// HolderBindingMissing: the query asked for no proof of the holder and none
	// came. A proof that does not hold always fails.
	HolderBindingMissing Finding = "holder_binding_missing"
	// DisclosedTooMuch: the wallet disclosed more than was asked. The receiver
	// does not get it either way.
	DisclosedTooMuch Finding = "disclosed_too_much"
)

// Findings are all of them.
func Findings() []Finding {
	return []Finding{StatusMissing, StatusUnavailable, StatusTooOld, CredentialTooOld, HolderBindingMissing, DisclosedTooMuch}
}

// Effect of a finding.
type Effect string

const (
	// Fails: the presentation does not hold. The default of all but
	// DisclosedTooMuch, which is no fault of the receiver.
	Fails Effect = "fail"
	// Reports: it may hold, and the result says what was found.
	Reports Effect = "report"
)

// Effect is what a finding does. Without a policy everything fails.
func (p *Policy) Effect(f Finding) Effect {
	if p == nil {
		return Fails
	}
	if e, ok := p.findings[f]; ok {
		return e
	}
	return byDefault(f)
}

func byDefault(f Finding) Effect {
	if f == DisclosedTooMuch {
		return Reports
	}
	return Fails
}

// Type finds the entry of a credential type.
func (p *Policy) Type(name string) (Type, bool) {
	if p == nil {
		return Type{}, false
	}
	i := slices.IndexFunc(p.Types, func(t Type) bool { return t.Name == name })
	if i < 0 {
		return Type{}, false
	}
	return p.Types[i], true
}

// For says whether a receiver may name the policy.
func (p *Policy) For(receiver string) bool {
	return len(p.Receivers) == 0 || slices.Contains(p.Receivers, receiver)
}

// Ref names a policy in a result.
type Ref struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	// Digest is the base64url SHA-256 of Document.
	Digest string `json:"digest"`
}

// Ref names the policy; the zero Ref for none.
func (p *Policy) Ref() Ref {
	if p == nil {
		return Ref{}
	}
	return Ref{ID: p.ID, Version: p.Version, Digest: p.digest}
}

// Document is the policy as JSON with sorted members and every default written
// out, so that equal policies are equal bytes.
func (p *Policy) Document() []byte { return slices.Clone(p.document) }

// Digest of a document.
func Digest(document []byte) string {
	sum := sha256.Sum256(document)
	return jose.Encode(sum[:])
}

// worth orders the qualifications; what is not there is worth nothing.
var worth = map[seal.Qualification]int{seal.AdESeal: 1, seal.AdESealQC: 2, seal.QESeal: 3}

// Worth orders qualifications: a seal of more worth may stand where one of less
// is asked. One that is unknown is worth nothing.
func Worth(q seal.Qualification) int { return worth[q] }
