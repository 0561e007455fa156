// Package provider asks supplying organisations for a citizen's records. It
// holds the register of those organisations and their published protocols,
// and the words that all connectors share; how to ask stands in magda,
// httpjson and file, what a record means in mapping.
//
// It keeps nothing: a record passes through memory on its way to a credential.
package provider

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/internal/provider/identifier"
)

var (
	// ErrNotRegistered: the supplier is not in the register, so it is never
	// asked.
	ErrNotRegistered = errors.New("supplier is not in the register of suppliers")
	// ErrNoProtocol: a government supplier has no published protocol (decree
	// on electronic government data exchange, art. 8 §1).
	ErrNoProtocol = errors.New("supplier has no published protocol")
	// ErrNotSupplied: the supplier does not supply that data type.
	ErrNotSupplied = errors.New("data type is not supplied by this supplier")
	// ErrNoConnector: the supplier is registered but no connector is attached.
	ErrNoConnector = errors.New("supplier has no connector")
	// ErrSubject: the subject is missing, or a test number outside a test
	// environment.
	ErrSubject = errors.New("subject cannot be asked for")
	// ErrUnavailable: the supplier did not answer in time or said that it
	// cannot answer now; asking later may succeed.
	ErrUnavailable = errors.New("supplier is not available now")
	// ErrAnswer: the supplier answered something that is not an answer.
	ErrAnswer = errors.New("supplier's answer is not usable")
)

// Query asks one supplier for the records of one type about one citizen.
type Query struct {
	Supplier string
	DataType string
	Subject  identifier.INSZ
	// CorrelationID goes with the request so that both sides can find it in
	// their logs. It says nothing of the citizen.
	CorrelationID string
}

// Record is one thing that the supplier holds about the citizen.
type Record struct {
	Supplier string
	Type     string
	// Ref is the supplier's lasting reference of the record (LED:
	// Bewijsreferte).
	Ref string
	// Version changes with every change of the record (LED:
	// Bewijsmutatiereferte).
	Version string
	Subject identifier.INSZ
	Fields  *Node
}

// Reason names why a record was refused.
type Reason string

const (
	// WrongSubject: the record is about another person than was asked for.
	WrongSubject Reason = "wrong_subject"
	// Annulled: the source annulled the record.
	Annulled Reason = "annulled"
	// SelfDeclared: the citizen's own statement, not the source's.
	SelfDeclared Reason = "self_declared"
	// NotAuthentic: the record does not say that it is authentic.
	NotAuthentic Reason = "not_authentic"
	// UnknownStatus: the record's status is none that the declaration knows.
	UnknownStatus Reason = "unknown_status"
	// Duplicate: an earlier record of the same answer has the reference.
	Duplicate Reason = "duplicate"
	// Malformed: the record lacks its reference, subject or a form that the
	// declaration relies on.
	Malformed Reason = "malformed"
	// MissingClaim: a claim that the declaration requires has no value.
	MissingClaim Reason = "missing_claim"
	// IdentifierInClaims: a free text repeats the citizen's identifier.
	IdentifierInClaims Reason = "identifier_in_claims"
)

// Reasons is the closed list, in the order of the constants.
func Reasons() []Reason {
	return []Reason{WrongSubject, Annulled, SelfDeclared, NotAuthentic, UnknownStatus, Duplicate, Malformed, MissingClaim, IdentifierInClaims}
}

// Refusal is a record that was not accepted; the others of the answer go on.
type Refusal struct {
	Ref    string
	Reason Reason
	// Detail says which field and rule. It never holds a value of the record.
	Detail string
}

// Error makes a refusal usable as an error.
func (r Refusal) Error() string {
	return fmt.Sprintf("record %q refused: %s: %s", r.Ref, r.Reason, r.Detail)
}

// Pending is a record that the supplier has promised but cannot give yet.
type Pending struct {
	Ref     string
	Subject identifier.INSZ
	// Again is how long to wait before asking once more.
	Again time.Duration
}

// Answer is what the supplier said. NoData is the supplier's own statement
// that it holds nothing about the citizen; an answer whose records were all
// refused is not NoData.
type Answer struct {
	Records []Record
	Refused []Refusal
	Pending []Pending
	NoData  bool
	// Notices are remarks of the supplier that do not change the answer, free
	// of citizen identifiers.
	Notices   []string
	Retrieved time.Time
}

// Connector asks one supplier. It answers errors that wrap ErrUnavailable or
// ErrAnswer where they fit, and never with a citizen identifier or a value.
type Connector interface {
	Fetch(ctx context.Context, q Query) (Answer, error)
}
