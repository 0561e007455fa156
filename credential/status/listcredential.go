package status

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// The types of a status list credential (Bitstring Status List 1.0, Section 2.2).
const (
	ListCredentialType = "BitstringStatusListCredential"
	ListType           = "BitstringStatusList"
)

// ListCredential is a BitstringStatusListCredential without its proof
// (Bitstring Status List 1.0, Section 2.2).
type ListCredential struct {
	ID         string // the URL it is served at
	Issuer     string
	ValidFrom  time.Time // zero: none
	ValidUntil time.Time // zero: none
	Purposes   []Purpose
	Size       int           // of a status in bits, 0: not said
	TTL        time.Duration // whole milliseconds, zero: none
	// Messages, one for each value, for the purpose message.
	Messages []StatusMessage
	// List is the encodedList.
	List string
}

type wireListCredential struct {
	Context    []string    `json:"@context"`
	ID         string      `json:"id"`
	Type       []string    `json:"type"`
	Issuer     string      `json:"issuer"`
	ValidFrom  string      `json:"validFrom,omitempty"`
	ValidUntil string      `json:"validUntil,omitempty"`
	Subject    wireSubject `json:"credentialSubject"`
}

type wireSubject struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	Purpose  any             `json:"statusPurpose"`
	List     string          `json:"encodedList"`
	TTL      int64           `json:"ttl,omitzero"`
	Size     int             `json:"statusSize,omitzero"`
	Messages []StatusMessage `json:"statusMessages,omitempty"`
}

// Document is the unsigned credential. Times are written in whole seconds.
//
// statusSize and statusMessages have no term in the context of VCDM 2.0: a list
// with the purpose message is to be secured as vc+jwt or with a JCS suite.
func (c ListCredential) Document() ([]byte, error) {
	w := wireListCredential{
		Context: []string{"https://www.w3.org/ns/credentials/v2"}, ID: c.ID,
		Type: []string{"VerifiableCredential", ListCredentialType}, Issuer: c.Issuer,
		Subject: wireSubject{ID: c.ID + "#list", Type: ListType, Purpose: c.Purposes, List: c.List, TTL: c.TTL.Milliseconds(), Size: c.Size, Messages: c.Messages},
	}
	if len(c.Purposes) == 1 {
		w.Subject.Purpose = c.Purposes[0]
	}
	if !c.ValidFrom.IsZero() {
		w.ValidFrom = c.ValidFrom.UTC().Format(time.RFC3339)
	}
	if !c.ValidUntil.IsZero() {
		w.ValidUntil = c.ValidUntil.UTC().Format(time.RFC3339)
	}
	return jose.Marshal(w)
}

// ParseListCredential reads a status list credential whose proof was verified,
// and checks everything in it that needs neither a clock nor the URL it was
// fetched from nor an entry.
func ParseListCredential(document []byte) (ListCredential, error) {
	var w struct {
		ID         string          `json:"id"`
		Type       words           `json:"type"`
		Issuer     json.RawMessage `json:"issuer"`
		ValidFrom  *string         `json:"validFrom"`
		ValidUntil *string         `json:"validUntil"`
		Status     json.RawMessage `json:"credentialStatus"`
		Subject    *struct {
			Type     words            `json:"type"`
			Purpose  words            `json:"statusPurpose"`
			List     string           `json:"encodedList"`
			TTL      *float64         `json:"ttl"`
			Size     *int             `json:"statusSize"`
			Messages *[]StatusMessage `json:"statusMessages"`
		} `json:"credentialSubject"`
	}
	if err := jose.Unmarshal(document, &w); err != nil {
		return ListCredential{}, malformedEntry("a member of the status list credential is of another type than expected (Section 2.2)", err)
	}
	s := w.Subject
	switch {
	case !slices.Contains(w.Type, ListCredentialType):
		return ListCredential{}, malformedEntry("type of the status list credential must include "+ListCredentialType+" (Section 2.2)", nil)
	case s == nil || !slices.Contains(s.Type, ListType):
		return ListCredential{}, malformedEntry("type of its credentialSubject must be "+ListType+" (Section 2.2)", nil)
	case len(s.Purpose) == 0 || slices.Contains(s.Purpose, ""):
		return ListCredential{}, malformedEntry("statusPurpose of the list must be one or more strings (Section 2.2)", nil)
	case s.TTL != nil && !(*s.TTL >= 1 && *s.TTL <= float64(maxTTL/time.Millisecond)):
		return ListCredential{}, malformedEntry("ttl must be a positive number of milliseconds (Section 2.2)", nil)
	case s.Size != nil && (*s.Size < 1 || *s.Size > MaxSize):
		return ListCredential{}, malformedEntry(fmt.Sprintf("statusSize of the list must be 1 to %d (Section 2.2)", MaxSize), nil)
	case len(w.Status) != 0:
		return ListCredential{}, &Error{Name: VerificationError, Detail: "the status list credential has a credentialStatus of its own, and that is not followed", Err: ErrUntrusted}
	}
	c := ListCredential{ID: w.ID, List: s.List}
	for _, p := range s.Purpose {
		c.Purposes = append(c.Purposes, Purpose(p))
	}
	if s.TTL != nil {
		c.TTL = time.Duration(*s.TTL) * time.Millisecond
	}
	if s.Size != nil {
		c.Size = *s.Size
	}
	if s.Messages != nil {
		c.Messages = *s.Messages
	}
	var err error
	if c.Issuer, err = issuerOf(w.Issuer); err != nil {
		return ListCredential{}, err
	}
	if c.ValidFrom, err = dateTime("validFrom", w.ValidFrom); err != nil {
		return ListCredential{}, err
	}
	if c.ValidUntil, err = dateTime("validUntil", w.ValidUntil); err != nil {
		return ListCredential{}, err
	}
	return c, nil
}

// issuerOf reads an issuer: a URL, or an object with one as id.
func issuerOf(raw json.RawMessage) (string, error) {
	var id string
	if len(raw) > 0 && raw[0] == '"' {
		if err := jose.Unmarshal(raw, &id); err != nil {
			return "", malformedEntry("issuer of the list", err)
		}
	} else if len(raw) > 0 {
		var o struct {
			ID string `json:"id"`
		}
		if err := jose.Unmarshal(raw, &o); err != nil {
			return "", malformedEntry("issuer of the list", err)
		}
		id = o.ID
	}
	if id == "" {
		return "", malformedEntry("issuer of the status list credential is missing (VCDM 2.0, Section 4.7)", nil)
	}
	return id, nil
}

func dateTime(name string, text *string) (time.Time, error) {
	if text == nil {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, *text)
	if err != nil {
		return time.Time{}, malformedEntry(name+" of the list must be a dateTimeStamp, with its time zone (VCDM 2.0, Section 4.9)", nil)
	}
	return t, nil
}
