package audit

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind says what happened. The list is closed.
type Kind string

// Uses of a vault and of what stands in it.
const (
	Fetch           Kind = "fetch" // asked of a supplying organisation
	Load            Kind = "load"  // put into a vault
	Read            Kind = "read"
	Share           Kind = "share"
	ShareRefuse     Kind = "share.refuse"
	ConsentWithdraw Kind = "consent.withdraw"
	ItemDelete      Kind = "item.delete"
)

// Life of credentials.
const (
	OfferCreate Kind = "offer.create"
	Issue       Kind = "issue"
	Revoke      Kind = "revoke"
	Suspend     Kind = "suspend"
	Reinstate   Kind = "reinstate"
)

// Life of vaults.
const (
	VaultActivate   Kind = "vault.activate"
	VaultDeactivate Kind = "vault.deactivate"
	VaultReactivate Kind = "vault.reactivate"
	VaultDelete     Kind = "vault.delete"
	WebIDChange     Kind = "webid.change"
)

// Receivers.
const (
	TransactionCreate    Kind = "transaction.create"
	PresentationReceived Kind = "presentation.received"
	ResultFetch          Kind = "result.fetch"
	RegisterChange       Kind = "register.change"
)

// Security and rights.
const (
	Login        Kind = "login"
	Logout       Kind = "logout"
	AccessRefuse Kind = "access.refuse"
	KeyChange    Kind = "key.change"
	RightsAsk    Kind = "rights.request"
)

// The log about itself.
const (
	LogRecover      Kind = "log.recover"
	RetentionChange Kind = "retention.change"
)

var kinds = []Kind{
	Fetch, Load, Read, Share, ShareRefuse, ConsentWithdraw, ItemDelete,
	OfferCreate, Issue, Revoke, Suspend, Reinstate,
	VaultActivate, VaultDeactivate, VaultReactivate, VaultDelete, WebIDChange,
	TransactionCreate, PresentationReceived, ResultFetch, RegisterChange,
	Login, Logout, AccessRefuse, KeyChange, RightsAsk,
	LogRecover, RetentionChange,
}

// Kinds is the closed list.
func Kinds() []Kind { return slices.Clone(kinds) }

// ActorKind says who acted.
type ActorKind string

const (
	Citizen      ActorKind = "citizen"
	Organisation ActorKind = "organisation"
	Operator     ActorKind = "operator"
	System       ActorKind = "system"
)

// Actor is who acted: a citizen by pseudonym, all others by their own name.
type Actor struct {
	Kind ActorKind `json:"kind"`
	ID   string    `json:"id,omitempty"`
}

// Outcome says how it ended.
type Outcome string

const (
	OK      Outcome = "ok"
	Refused Outcome = "refused"
	Failed  Outcome = "failed"
)

// Event is one thing that happened. It holds no claim value and no identifier
// of a citizen; Append refuses what looks like one.
type Event struct {
	// Time is when it happened; zero means now. Kept to the millisecond.
	Time  time.Time `json:"time"`
	Kind  Kind      `json:"kind"`
	Actor Actor     `json:"actor"`
	// Subject is the citizen concerned.
	Subject Pseudonym `json:"subject,omitempty"`
	// Organisation is the other party: supplier, receiver or issuer.
	Organisation string `json:"organisation,omitempty"`
	Purpose      string `json:"purpose,omitempty"`
	LegalBasis   string `json:"legal_basis,omitempty"`
	// DataType names the kind of data, such as a vct, never the data.
	DataType string  `json:"data_type,omitempty"`
	Outcome  Outcome `json:"outcome"`
	// Evidence is a digest of the signed request or consent behind the event,
	// base64url of a SHA-256.
	Evidence  string `json:"evidence,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// Detail is a short code or count.
	Detail string `json:"detail,omitempty"`
	// Class is the retention class; empty means the one of the kind.
	Class string `json:"-"`
}

// ErrEvent is returned, wrapped with the field and the rule, for an event
// that must not enter the log.
var ErrEvent = errors.New("audit: event is not allowed")

const maxText = 256

var (
	token    = regexp.MustCompile(`^[A-Za-z0-9._:/+-]{1,128}$`)
	detail   = regexp.MustCompile(`^[a-z0-9._:/ -]{1,64}$`)
	evidence = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
)

// check holds an event against the rules that keep citizens out of the log.
func (e Event) check() error {
	fault := func(field, rule string) error {
		return fmt.Errorf("%w: %s %s", ErrEvent, field, rule)
	}
	if !slices.Contains(kinds, e.Kind) {
		return fault("kind", "is not on the list")
	}
	switch e.Outcome {
	case OK, Refused, Failed:
	default:
		return fault("outcome", "must be ok, refused or failed")
	}
	switch e.Actor.Kind {
	case Citizen:
		if !Pseudonym(e.Actor.ID).valid() {
			return fault("actor.id", "of a citizen must be a pseudonym")
		}
	case Organisation, Operator:
		if e.Actor.ID == "" {
			return fault("actor.id", "is required")
		}
	case System:
	default:
		return fault("actor.kind", "must be citizen, organisation, operator or system")
	}
	if e.Subject != "" && !e.Subject.valid() {
		return fault("subject", "must be a pseudonym")
	}
	for _, f := range [...][2]string{
		{"organisation", e.Organisation}, {"purpose", e.Purpose}, {"legal_basis", e.LegalBasis}, {"data_type", e.DataType}, {"detail", e.Detail}, {"actor.id", e.Actor.ID},
	} {
		field, text := f[0], f[1]
		if field == "actor.id" && e.Actor.Kind == Citizen {
			continue // a pseudonym, checked above
		}
		if len(text) > maxText || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
			return fault(field, "must be one line of at most "+strconv.Itoa(maxText)+" bytes")
		}
		if holdsINSZ(text) {
			return fault(field, "must not hold a national number")
		}
	}
	switch {
	case e.Evidence != "" && !evidence.MatchString(e.Evidence):
		return fault("evidence", "must be the base64url of a SHA-256")
	case e.RequestID != "" && !token.MatchString(e.RequestID):
		return fault("request_id", "must be 1 to 128 letters, digits and ._:/+-")
	case e.Detail != "" && !detail.MatchString(e.Detail):
		return fault("detail", "must be a short lower-case code")
	case e.Time.Year() < 2000 || e.Time.Year() > 9998:
		return fault("time", "must be of the years 2000 to 9998")
	}
	return nil
}

var elevenDigits = regexp.MustCompile(`(?:^|[^0-9])([0-9]{2}[. ]?[0-9]{2}[. ]?[0-9]{2}[- ]?[0-9]{3}[. ]?[0-9]{2})(?:[^0-9]|$)`)

// holdsINSZ says whether a text holds a Belgian national or bis number: 11
// digits whose last two are 97 minus the others modulo 97, with a 2 before
// them for people born from 2000 on (Royal Decree of 3 April 1984).
func holdsINSZ(text string) bool {
	digits := 0
	for i := range len(text) {
		if '0' <= text[i] && text[i] <= '9' {
			digits++
		}
	}
	if digits < 11 {
		return false // most texts, without the expression below
	}
	for start := 0; start < len(text); {
		m := elevenDigits.FindStringSubmatchIndex(text[start:])
		if m == nil {
			return false
		}
		digits := strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, text[start+m[2]:start+m[3]])
		n, _ := strconv.ParseUint(digits[:9], 10, 64)
		check, _ := strconv.ParseUint(digits[9:], 10, 64)
		if 97-n%97 == check || 97-(2_000_000_000+n)%97 == check {
			return true
		}
		start += m[3]
	}
	return false
}
