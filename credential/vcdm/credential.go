package vcdm

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// The contexts that stand first in a document of either version.
const (
	BaseContext     = "https://www.w3.org/ns/credentials/v2"
	Version1Context = "https://www.w3.org/2018/credentials/v1"
)

// MaxSize is the longest document that is read, in bytes.
const MaxSize = 1 << 20

// Rules are the choices of a reader. The zero value is a verifier of 2.0.
type Rules struct {
	// Producing holds the document against what only its author must keep: the
	// zone in every date.
	Producing bool
	// AllowVersion1 also reads documents of the Data Model 1.1, for peers that
	// have no other (jwt_vc_json of OpenID4VP).
	AllowVersion1 bool
}

// Context is one element of @context: a URL, or an object as written.
type Context struct {
	URL    string
	Inline []byte
}

// Credential is what a credential says of itself.
type Credential struct {
	Version1 bool // Data Model 1.1; never without Rules.AllowVersion1

	Contexts   []Context
	ID         string // empty when absent
	Types      []string
	Issuer     string // the URL, or the id of the issuer object
	ValidFrom  time.Time
	ValidUntil time.Time // zero when absent

	Subjects         []Object
	Status           []Object
	Schemas          []Object
	RelatedResources []RelatedResource
	RefreshServices  []Object
	TermsOfUse       []Object
	Evidence         []Object
	Proofs           []Object // embedded proofs, not verified

	Raw []byte // the document as read
}

// document holds the members that have rules.
type document struct {
	Context           jsontext.Value `json:"@context"`
	ID                jsontext.Value `json:"id"`
	AtID              jsontext.Value `json:"@id"`
	Type              jsontext.Value `json:"type"`
	AtType            jsontext.Value `json:"@type"`
	Name              jsontext.Value `json:"name"`
	Description       jsontext.Value `json:"description"`
	Issuer            jsontext.Value `json:"issuer"`
	CredentialSubject jsontext.Value `json:"credentialSubject"`
	ValidFrom         jsontext.Value `json:"validFrom"`
	ValidUntil        jsontext.Value `json:"validUntil"`
	IssuanceDate      jsontext.Value `json:"issuanceDate"`
	ExpirationDate    jsontext.Value `json:"expirationDate"`
	CredentialStatus  jsontext.Value `json:"credentialStatus"`
	CredentialSchema  jsontext.Value `json:"credentialSchema"`
	RelatedResource   jsontext.Value `json:"relatedResource"`
	RefreshService    jsontext.Value `json:"refreshService"`
	TermsOfUse        jsontext.Value `json:"termsOfUse"`
	Evidence          jsontext.Value `json:"evidence"`
	Proof             jsontext.Value `json:"proof"`

	Holder               jsontext.Value `json:"holder"`
	VerifiableCredential jsontext.Value `json:"verifiableCredential"`
}

func (d *document) read(b []byte) error {
	parsing := func(detail string, err error) error {
		return &Error{Problem: ParsingError, Spec: section("7.1"), Detail: detail, Err: err}
	}
	if len(b) > MaxSize {
		return parsing("the document is longer than a megabyte", nil)
	}
	if first := bytes.TrimLeft(b, " \t\r\n"); len(first) == 0 || first[0] != '{' {
		return parsing("the document must be one JSON object", nil)
	}
	if err := jose.Unmarshal(b, d); err != nil {
		return parsing("the document", err)
	}
	if d.AtID != nil || d.AtType != nil {
		return malformed("", "4.1", "the document must use id and type, not @id and @type")
	}
	return nil
}

// ParseCredential reads a credential and holds it against Section 4. The error
// is an *Error, and then there is no credential. It keeps b.
func ParseCredential(b []byte, rules Rules) (*Credential, error) {
	var d document
	if err := d.read(b); err != nil {
		return nil, err
	}
	c, err := d.credential(rules)
	if err != nil {
		return nil, err
	}
	c.Raw = b
	return c, nil
}

func (d *document) credential(rules Rules) (*Credential, error) {
	c := &Credential{}
	var err error
	// 4.3 to 4.6
	if c.Contexts, c.Version1, err = contexts(d.Context, rules); err != nil {
		return nil, err
	}
	if c.ID, err = identifier(d.ID, "id", false); err != nil {
		return nil, err
	}
	if c.Types, err = d.types("VerifiableCredential"); err != nil {
		return nil, err
	}
	if err := d.words(); err != nil {
		return nil, err
	}
	// 4.7
	if c.Issuer, err = party(d.Issuer, "issuer", "4.7"); err != nil {
		return nil, err
	}
	if c.Issuer == "" {
		return nil, malformed("issuer", "4.7", "is missing")
	}
	// 4.8
	if c.Subjects, err = subjects(d.CredentialSubject); err != nil {
		return nil, err
	}
	// 4.9
	if err := d.validity(c, rules); err != nil {
		return nil, err
	}
	// 4.10 to 4.12, 5.3 to 5.6
	for _, m := range [...]struct {
		to        *[]Object
		v         jsontext.Value
		name, sec string
		needID    bool
	}{
		{&c.Status, d.CredentialStatus, "credentialStatus", "4.10", false},
		{&c.Schemas, d.CredentialSchema, "credentialSchema", "4.11", true},
		{&c.Proofs, d.Proof, "proof", "4.12", false},
		{&c.RefreshServices, d.RefreshService, "refreshService", "5.4", false},
		{&c.TermsOfUse, d.TermsOfUse, "termsOfUse", "5.5", false},
		{&c.Evidence, d.Evidence, "evidence", "5.6", false},
	} {
		if *m.to, err = objects(m.v, m.name, m.sec, m.needID, true); err != nil {
			return nil, err
		}
	}
	if c.RelatedResources, err = related(d.RelatedResource); err != nil {
		return nil, err
	}
	return c, nil
}

// contexts reads @context: an ordered set whose first element is the base
// context (Section 4.3).
func contexts(v jsontext.Value, rules Rules) (out []Context, version1 bool, err error) {
	if v == nil || v.Kind() != '[' && v.Kind() != '"' {
		return nil, false, malformed("@context", "4.3", "must be an array that starts with "+BaseContext)
	}
	list, err := items(v, "@context", "4.3")
	if err != nil {
		return nil, false, err
	}
	out = make([]Context, len(list))
	for i, e := range list {
		switch e.Kind() {
		case '"':
			s, ok := text(e)
			if !ok || !isURL(s) {
				return nil, false, malformed(at("@context", i), "4.3", "must be a URL or an object")
			}
			out[i].URL = s
		case '{':
			out[i].Inline = e
		default:
			return nil, false, malformed(at("@context", i), "4.3", "must be a URL or an object")
		}
	}
	switch {
	case out[0].URL == BaseContext:
		return out, false, nil
	case out[0].URL == Version1Context && rules.AllowVersion1 && !rules.Producing:
		return out, true, nil
	case out[0].URL == Version1Context:
		return nil, false, &Error{Problem: MalformedValueError, Member: "@context", Spec: section("4.3"), Detail: "names", Err: ErrVersion1}
	default:
		return nil, false, malformed("@context", "4.3", "must start with "+BaseContext)
	}
}

func (d *document) types(needed string) ([]string, error) {
	out, err := types(d.Type, "type", true)
	if err != nil {
		return nil, err
	}
	for _, t := range out {
		if t == needed || t == "https://www.w3.org/2018/credentials#"+needed {
			return out, nil
		}
	}
	return nil, malformed("type", "4.5", "must hold "+needed)
}

func (d *document) words() error {
	if err := words(d.Name, "name"); err != nil {
		return err
	}
	return words(d.Description, "description")
}

// party reads issuer and holder: a URL, or an object with one as id.
func party(v jsontext.Value, name, sec string) (string, error) {
	switch {
	case v == nil:
		return "", nil
	case v.Kind() == '"':
		s, ok := text(v)
		if !ok || !isURL(s) {
			return "", malformed(name, sec, "must be a URL or an object with one as id")
		}
		return s, nil
	case v.Kind() != '{':
		return "", malformed(name, sec, "must be a URL or an object with one as id")
	}
	o, err := object(v, name, sec, true, false)
	if err != nil {
		return "", err
	}
	var d struct {
		Name        jsontext.Value `json:"name"`
		Description jsontext.Value `json:"description"`
	}
	if err := jose.Unmarshal(v, &d); err != nil {
		return "", malformed(name, sec, "is not readable")
	}
	if err := words(d.Name, name+".name"); err != nil {
		return "", err
	}
	return o.ID, words(d.Description, name+".description")
}

// subjects reads credentialSubject: objects that each say something (Section
// 4.8).
func subjects(v jsontext.Value) ([]Object, error) {
	const name = "credentialSubject"
	if v == nil {
		return nil, malformed(name, "4.8", "is missing")
	}
	out, err := objects(v, name, "4.8", false, false)
	if err != nil {
		return nil, err
	}
	for _, o := range out {
		if strings.TrimSpace(string(o.Raw[1:len(o.Raw)-1])) == "" {
			return nil, malformed(name, "4.8", "must state at least one claim")
		}
	}
	return out, nil
}

// validity reads the period in which the claims hold (Section 4.9), in
// version 1.1 from issuanceDate and expirationDate.
func (d *document) validity(c *Credential, rules Rules) error {
	from, until, names := d.ValidFrom, d.ValidUntil, [2]string{"validFrom", "validUntil"}
	if c.Version1 {
		if d.IssuanceDate == nil {
			return malformed("issuanceDate", "4.9", "is missing from a document of version 1.1")
		}
		from, until, names = d.IssuanceDate, d.ExpirationDate, [2]string{"issuanceDate", "expirationDate"}
	} else if d.IssuanceDate != nil || d.ExpirationDate != nil {
		return malformed("", "4.9", "issuanceDate and expirationDate belong to version 1.1; write validFrom and validUntil")
	}
	var err error
	if c.ValidFrom, err = date(from, names[0], !rules.Producing); err != nil {
		return err
	}
	if c.ValidUntil, err = date(until, names[1], !rules.Producing); err != nil {
		return err
	}
	if !c.ValidUntil.IsZero() && !c.ValidFrom.IsZero() && c.ValidUntil.Before(c.ValidFrom) {
		return malformed(names[1], "4.9", "lies before "+names[0])
	}
	return nil
}

// Errors of CheckValidity.
var (
	ErrNotYetValid = errors.New("the credential is not valid yet")
	ErrExpired     = errors.New("the credential is not valid any more")
)

// CheckValidity holds the validity period against now, with a tolerated
// difference of clocks (Sections 4.9 and A.7).
func (c *Credential) CheckValidity(now time.Time, skew time.Duration) error {
	bad := func(member string, err error) error {
		return &Error{Problem: RangeError, Member: member, Spec: section("4.9"), Detail: "says", Err: err}
	}
	switch {
	case c.ValidFrom.After(now.Add(skew)):
		return bad("validFrom", ErrNotYetValid)
	case !c.ValidUntil.IsZero() && c.ValidUntil.Before(now.Add(-skew)):
		return bad("validUntil", ErrExpired)
	default:
		return nil
	}
}
