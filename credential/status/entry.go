package status

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// EntryType is the type of a BitstringStatusListEntry.
const EntryType = "BitstringStatusListEntry"

// Purpose of a status (Bitstring Status List 1.0, Section 2.1). Others exist.
type Purpose string

const (
	Refresh    Purpose = "refresh"    // a newer credential can be had; this one stays good
	Revocation Purpose = "revocation" // for ever
	Suspension Purpose = "suspension" // for now
	Message    Purpose = "message"    // says something, and nothing against the credential
)

// MaxEntries is how many entries a credentialStatus may have.
const MaxEntries = 16

// Entry is a BitstringStatusListEntry: where one status of a credential stands
// (Bitstring Status List 1.0, Section 2.1).
type Entry struct {
	ID      string // optional, not used
	Purpose Purpose
	Index   uint64
	List    string // statusListCredential, the URL of the list
	Size    int    // of the status in bits, 1 when left out
	// Messages are the texts for each value, either none or one for each. They
	// are for developers, not for end users.
	Messages   []StatusMessage
	References []string
}

// StatusMessage says what a value means.
type StatusMessage struct {
	Status  string `json:"status"` // the value as "0x1"
	Message string `json:"message"`
}

type wireEntry struct {
	ID        string          `json:"id,omitempty"`
	Type      string          `json:"type"`
	Purpose   string          `json:"statusPurpose"`
	Index     string          `json:"statusListIndex"`
	List      string          `json:"statusListCredential"`
	Size      int             `json:"statusSize,omitzero"`
	Messages  []StatusMessage `json:"statusMessage,omitempty"`
	Reference any             `json:"statusReference,omitempty"`
}

// MarshalJSON writes the entry as a member of credentialStatus.
func (e Entry) MarshalJSON() ([]byte, error) {
	w := wireEntry{ID: e.ID, Type: EntryType, Purpose: string(e.Purpose), Index: strconv.FormatUint(e.Index, 10), List: e.List, Messages: e.Messages}
	if e.Size > 1 {
		w.Size = e.Size
	}
	switch len(e.References) {
	case 0:
	case 1:
		w.Reference = e.References[0]
	default:
		w.Reference = e.References
	}
	return jose.Marshal(w)
}

// ParseEntries reads the credentialStatus of a credential: one entry or an array
// of them. An entry of another type is refused with all others: what the issuer
// meant to be checked cannot be skipped.
func ParseEntries(credentialStatus []byte) ([]Entry, error) {
	var raw []json.RawMessage
	if b := bytes.TrimLeft(credentialStatus, " \t\r\n"); len(b) > 0 && b[0] == '[' {
		if err := jose.Unmarshal(b, &raw); err != nil {
			return nil, malformedEntry("credentialStatus is no array of objects", err)
		}
	} else {
		raw = []json.RawMessage{credentialStatus}
	}
	if len(raw) == 0 || len(raw) > MaxEntries {
		return nil, malformedEntry(fmt.Sprintf("credentialStatus has %d entries, expected 1 to %d", len(raw), MaxEntries), nil)
	}
	entries := make([]Entry, len(raw))
	for i, b := range raw {
		var err error
		if entries[i], err = parseEntry(b); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

func malformedEntry(detail string, err error) error {
	if err == nil {
		err = ErrMalformed
	} else {
		err = fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return &Error{Name: MalformedValueError, Detail: detail, Err: err}
}

func parseEntry(b []byte) (Entry, error) {
	var w struct {
		ID        string           `json:"id"`
		Type      words            `json:"type"`
		Purpose   *string          `json:"statusPurpose"`
		Index     *string          `json:"statusListIndex"`
		List      *string          `json:"statusListCredential"`
		Size      *int             `json:"statusSize"`
		Messages  *[]StatusMessage `json:"statusMessage"`
		Reference words            `json:"statusReference"`
	}
	if err := jose.Unmarshal(b, &w); err != nil {
		return Entry{}, malformedEntry("a member of the entry is of another type than expected (Section 2.1: statusListIndex is a string, statusSize a number)", err)
	}
	switch {
	case !slices.Contains(w.Type, EntryType):
		return Entry{}, malformedEntry("type must be "+EntryType+"; no other kind of status is understood (Section 2.1)", nil)
	case w.Purpose == nil || *w.Purpose == "":
		return Entry{}, malformedEntry("statusPurpose is missing (Section 2.1)", nil)
	case w.Index == nil || w.List == nil:
		return Entry{}, malformedEntry("statusListIndex and statusListCredential are required (Section 2.1)", nil)
	case !absolute(*w.List):
		return Entry{}, malformedEntry("statusListCredential must be a URL (Section 2.1)", nil)
	case w.ID != "" && w.ID == *w.List:
		return Entry{}, malformedEntry("id must not be the URL of the list (Section 2.1)", nil)
	case !allOf(w.Reference, absolute):
		return Entry{}, malformedEntry("statusReference must be a URL or several (Section 2.1)", nil)
	}
	e := Entry{ID: w.ID, Purpose: Purpose(*w.Purpose), List: *w.List, Size: 1, References: w.Reference}
	var err error
	if e.Index, err = parseIndex(*w.Index); err != nil {
		return Entry{}, err
	}
	if w.Size != nil {
		e.Size = *w.Size
	}
	if e.Size < 1 || e.Size > MaxSize {
		return Entry{}, malformedEntry(fmt.Sprintf("statusSize must be a whole number from 1; more than %d is not read here (Section 2.1)", MaxSize), nil)
	}
	if w.Messages != nil {
		e.Messages = *w.Messages
	}
	return e, e.checkMessages(w.Messages != nil)
}

func allOf(list []string, is func(string) bool) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !is(s) })
}

func absolute(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.IsAbs()
}

// parseIndex reads a whole number in base 10. One that no list can have is out
// of range, not malformed.
func parseIndex(text string) (uint64, error) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, malformedEntry("statusListIndex must be a whole number from 0 in base 10, as a string (Section 2.1)", nil)
	}
	i, err := strconv.ParseUint(text, 10, 48)
	if err != nil {
		return 0, &Error{Name: RangeError, Detail: "statusListIndex is larger than any list", Err: ErrIndex}
	}
	return i, nil
}

// checkMessages makes sure that each value has exactly one text.
func (e Entry) checkMessages(present bool) error {
	if !present && e.Size == 1 {
		return nil
	}
	n := 1 << e.Size
	if len(e.Messages) != n {
		return malformedEntry(fmt.Sprintf("statusMessage must have %d elements, one for each value of %d bits (Section 2.1)", n, e.Size), nil)
	}
	var seen [1 << MaxSize]bool
	for _, m := range e.Messages {
		v, err := strconv.ParseUint(strings.TrimPrefix(m.Status, "0x"), 16, 16)
		if err != nil || !strings.HasPrefix(m.Status, "0x") || v >= uint64(n) || seen[v] {
			return malformedEntry("each status of statusMessage must be another value, in hexadecimal after 0x (Section 2.1)", nil)
		}
		seen[v] = true
	}
	return nil
}

// text is what the entry says of a value (Section 2.1).
func (e Entry) text(value uint8) string {
	for _, m := range e.Messages {
		if v, err := strconv.ParseUint(strings.TrimPrefix(m.Status, "0x"), 16, 16); err == nil && v == uint64(value) {
			return m.Message
		}
	}
	if value == 0 {
		return "unset"
	}
	return "set"
}

// words is one string or an array of at least one.
type words []string

func (w *words) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*w = words{""}
		return jose.Unmarshal(b, &(*w)[0])
	}
	var many []*string
	if err := jose.Unmarshal(b, &many); err != nil {
		return err
	}
	if len(many) == 0 || slices.Contains(many, nil) {
		return fmt.Errorf("expected a string or an array of strings")
	}
	*w = make(words, len(many))
	for i, s := range many {
		(*w)[i] = *s
	}
	return nil
}
