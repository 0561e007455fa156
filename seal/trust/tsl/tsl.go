// Package tsl reads the trusted lists of the Member States and the list of
// those lists that the Commission keeps (ETSI TS 119 612 V2.3.1), and says what
// they make of a certificate: whether it is a qualified certificate for
// electronic seals at the times that count, whether its key is in a qualified
// device, and which provider and service answer for it (ETSI TS 119 615).
//
// Verify checks the XAdES signature of one list against certificates that were
// told beforehand, Parse reads what is in one, Lists is a set that was verified
// together and answers questions, Source keeps such a set fresh.
//
// It validates no certification path: whether the chain of a certificate is
// valid, and whether it is revoked, is asked elsewhere. It knows the time of
// Regulation (EU) No 910/2014 only: what was listed under Directive 1999/93/EC
// makes nothing qualified here. It has no network and no disk of its own: its
// callers bring a Fetcher and a Keeper.
package tsl

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Errors that callers branch on. Each is wrapped by an *Error that says more.
var (
	// ErrList is wrapped by every refusal of a list.
	ErrList = errors.New("not an acceptable trusted list")
	// ErrExpired: the NextUpdate of a list has passed.
	ErrExpired = errors.New("the trusted list has expired")
	// ErrRollback: a list is older than one that was seen before.
	ErrRollback = errors.New("the trusted list is older than the one before")
)

// Checks that a list can fail.
const (
	CheckXML                = "xml"                 // strict, bounded XML in UTF-8
	CheckIdentifiers        = "identifiers"         // every Id once
	CheckSignaturePlace     = "signature_place"     // one signature, child of the root
	CheckReference          = "reference"           // what the signature covers
	CheckTransforms         = "transforms"          // how what it covers is read
	CheckSignedProperties   = "signed_properties"   // of this very signature
	CheckAlgorithms         = "algorithms"          // from the list of those allowed
	CheckSigner             = "signer"              // a certificate told beforehand
	CheckSigningCertificate = "signing_certificate" // the one that was signed with
	CheckSigningTime        = "signing_time"        // within the signer's validity
	CheckDigest             = "digest"              // of each reference
	CheckSignature          = "signature"           // over SignedInfo
	CheckContent            = "content"             // what TS 119 612 says of it
	CheckScheme             = "scheme"              // the type and territory that the pointer told
	CheckValidity           = "validity"            // NextUpdate
	CheckSequence           = "sequence"            // never back
	CheckPivot              = "pivot"               // the way to the signers of the list of lists
)

// Error is a check that a list failed.
type Error struct {
	Check  string // one of the Check names
	Spec   string // document and clause
	Detail string // what was found and expected
	Err    error  // ErrExpired or ErrRollback, or another cause
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s: %s", ErrList, e.Check, e.Detail)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	if e.Spec != "" {
		fmt.Fprintf(&b, " (%s)", e.Spec)
	}
	return b.String()
}

// Unwrap makes errors.Is hold for ErrList and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrList}
	}
	return []error{ErrList, e.Err}
}

// Documents that errors cite.
const (
	specList   = "ETSI TS 119 612 V2.3.1"
	specXAdES  = "ETSI EN 319 132-1 V1.3.1"
	specXML    = "XML 1.0"
	specXMLSig = "XML Signature 1.1"
)

func clause(spec, number string) string { return spec + ", clause " + number }

func refuse(check, spec, format string, args ...any) error {
	return &Error{Check: check, Spec: spec, Detail: fmt.Sprintf(format, args...)}
}

// clip shortens what a list says for an error or an explanation.
func clip(s string) string {
	const most = 120
	if len(s) <= most && strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f || r == utf8.RuneError }) < 0 {
		return s
	}
	out := make([]rune, 0, min(len(s), most))
	for _, r := range s {
		if len(out) == most {
			return string(out) + "..."
		}
		if r < 0x20 || r == 0x7f {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}
