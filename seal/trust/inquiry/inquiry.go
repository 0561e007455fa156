// Package inquiry is what is asked of trusted lists about a certificate, and what
// they answer (ETSI TS 119 615). The lists, and how they come to an answer, are in
// seal/trust/tsl: whoever judges seals knows the answers only, so that a wallet in
// a browser carries no XML.
package inquiry

import (
	"crypto/x509"
	"fmt"
	"time"
)

// Outcome is what was found about a question. The zero value is
// Indeterminate: silence is not consent.
type Outcome uint8

const (
	// Indeterminate: the lists do not answer, contradict themselves, or are too
	// old to be asked.
	Indeterminate Outcome = iota
	// Negative: they answer no.
	Negative
	// Positive: they answer yes.
	Positive
)

func (o Outcome) String() string {
	switch o {
	case Negative:
		return "no"
	case Positive:
		return "yes"
	default:
		return "indeterminate"
	}
}

// MarshalText writes the outcome into reports.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (o *Outcome) UnmarshalText(b []byte) error {
	for _, known := range []Outcome{Indeterminate, Negative, Positive} {
		if known.String() == string(b) {
			*o = known
			return nil
		}
	}
	return fmt.Errorf("inquiry: found outcome %q, expected yes, no or indeterminate", b[:min(len(b), 20)])
}

// Names of steps.
const (
	StepTimes       = "times"         // what the question is about
	StepListOfLists = "list_of_lists" // fresh
	StepChain       = "chain"         // each certificate issued the one before
	StepService     = "service"       // one that answers for the certificate
	StepList        = "list"          // of that service, fresh
	StepHistory     = "history"       // of that service, in order
	StepStatus      = "status"        // at the time
	StepExtensions  = "extensions"    // understood
	StepProvider    = "provider"      // named as in the certificate
	StepQualifiers  = "qualifiers"    // that apply to the certificate
	StepCertificate = "certificate"   // what it says of itself
	StepQualified   = "qualified"     // the certificate is
	StepPurpose     = "purpose"       // for electronic seals
	StepDevice      = "device"        // the key is in a qualified one
	StepConflict    = "conflict"      // between services
	StepVerdict     = "verdict"       // of all that was found
)

// Step is one thing that was looked at.
type Step struct {
	Name    string
	Service int       // the number of the service in Services, from 1; 0 where it is about none
	At      time.Time // the time that was asked about; zero where it does not matter
	Outcome Outcome
	Found   string // what was found, in words
	Spec    string // document and clause
}

// Times are the times of a question.
type Times struct {
	// Signature is the best-signature time: that of the oldest valid time-stamp,
	// else now (ETSI EN 319 102-1, clause 5.5.4).
	Signature time.Time
	// Now is when the question is asked: lists must be fresh then.
	Now time.Time
}

// Determination is an answer with its reasons. There is no boolean in it: what
// is indeterminate is not qualified and not the contrary.
type Determination struct {
	// Qualified: the certificate is a qualified one for electronic seals, or the
	// service is a qualified trust service.
	Qualified Outcome
	// Device: the key is in a qualified seal creation device at the signature.
	// Only asked of qualified certificates.
	Device Outcome
	// Managed: a provider manages the device on behalf of the creator.
	Managed bool
	// ListOfLists is the issue of the list of lists that was asked; zero when there
	// was none.
	ListOfLists Issue
	// Services are those that answer for the certificate, Then what each of them was
	// at the time of the signature.
	Services []Listing
	Then     []Standing
	Steps    []Step
}

// Issue is an issue of a list.
type Issue struct {
	Sequence           int64
	Issued, NextUpdate time.Time
}

// Standing is what a service was at a time.
type Standing struct {
	Status string // such as granted; empty when it was not listed yet
	Since  time.Time
	// Qualifiers of the service that apply to the certificate, such as QCWithQSCD.
	Qualifiers []string
}

// Listing is a service as its list has it.
type Listing struct {
	Territory   string
	Provider    string // in English where the list has it
	Name        string
	Type        string
	Status      string    // now
	Since       time.Time // of the status
	Certificate *x509.Certificate
	// ExpiredCertsRevocationInfo is since when revocation of certificates that
	// have expired is still told; zero if it is not.
	ExpiredCertsRevocationInfo time.Time
	// Sequence, Issued and NextUpdate are those of the list.
	Sequence           int64
	Issued, NextUpdate time.Time
}

// Reason is why a certificate or service is not qualified: the first step that
// says so. It is empty when it is.
func (d Determination) Reason() string {
	if d.Qualified == Positive {
		return ""
	}
	for _, s := range d.Steps {
		if s.Outcome != Positive && s.Name != StepProvider {
			return s.Name + ": " + s.Found
		}
	}
	return ""
}
