package format

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/qc"
)

// What the formats of W3C credentials share: the document inside.

// processor knows the embedded contexts and no others.
var processor = sync.OnceValue(func() *jsonld.Processor { return jsonld.New(jsonld.LoaderFunc(contexts.Document)) })

func contextsOf(p *profile.Profile) []vcdm.Context {
	var out []vcdm.Context
	for _, url := range p.Contexts() {
		out = append(out, vcdm.Context{URL: url})
	}
	return out
}

// expand gives the types as IRIs (OpenID4VP 1.0, Appendix B.1.1), and the one by
// which the credential is known: the last that says more than that it is a
// credential.
func expand(contexts []vcdm.Context, types []string) (name string, iris []string, err error) {
	if iris, err = vcdm.Types(processor(), contexts, types); err != nil {
		return "", nil, err
	}
	for _, iri := range slices.Backward(iris) {
		if iri != typeCredential {
			return iri, iris, nil
		}
	}
	return "", nil, errors.New("the credential has no type of its own beside VerifiableCredential")
}

const typeCredential = "https://www.w3.org/2018/credentials#VerifiableCredential"

// DocumentIssuer is who seals, by the certificate. Seal certificates seldom hold an
// address; where there is none the country is all that is known of it.
func (t Type) DocumentIssuer() (profile.Issuer, error) {
	leaf := t.Chain[0]
	o, err := qc.OrganizationOf(leaf)
	if err != nil {
		return profile.Issuer{}, err
	}
	s := leaf.Subject
	address := strings.Join(slices.Concat(s.StreetAddress, s.PostalCode, s.Locality, s.Country), ", ")
	return profile.Issuer{Address: cmp.Or(address, o.Country), ID: t.Issuer, Name: cmp.Or(strings.Join(leaf.Subject.Organization, ", "), leaf.Subject.CommonName), Identifier: o.Number, Country: o.Country}, nil
}

// document writes one copy, of which the holder's key is the subject.
func document(t *profile.Template, c Copy) ([]byte, error) {
	pub, err := c.Holder.Key()
	if err != nil {
		return nil, err
	}
	subject, _, err := holderMethod(pub)
	if err != nil {
		return nil, err
	}
	if string(c.Claims) == "{}" {
		return nil, ErrNoClaims
	}
	var entries []byte
	if len(c.Entries) > 0 {
		if entries, err = jose.Marshal(c.Entries); err != nil {
			return nil, err
		}
	}
	return t.Document(profile.Copy{ID: c.ID, Subject: subject, Issued: c.IssuedAt, ValidFrom: c.NotBefore, ValidUntil: c.Expires, Status: entries}, c.Claims)
}

// parsed is a document with what its JSON says.
type parsed struct {
	*vcdm.Credential
	name   string
	types  []string
	root   map[string]any
	status jsontext.Value
}

func readDocument(c *vcdm.Credential) (parsed, error) {
	out := parsed{Credential: c}
	var err error
	if out.name, out.types, err = expand(c.Contexts, c.Types); err != nil {
		return parsed{}, err
	}
	var members struct {
		Status jsontext.Value `json:"credentialStatus"`
	}
	if err = errors.Join(jose.Unmarshal(c.Raw, &out.root), jose.Unmarshal(c.Raw, &members)); err != nil {
		return parsed{}, err
	}
	out.status = members.Status
	return out, nil
}

func (d parsed) Select(p credential.Path) [][]byte {
	found, err := p.Select(d.root)
	if err != nil {
		return nil
	}
	out := make([][]byte, 0, len(found))
	for _, v := range found {
		b, err := jose.Marshal(v)
		if err != nil {
			return nil
		}
		out = append(out, b)
	}
	return out
}

// titles are where documents say what people call them.
var titles = []credential.Path{{"name"}, {"displayParameter", "title", "nl"}, {"displayParameter", "title", "en"}, {"credentialSubject", "hasClaim", "title", "nl"}, {"credentialSubject", "Persoon.heeftClaim", 0, "Leerclaim.titel", 0, "@value"}}

// text is a member at the top; title is found where it may stand.
func (d parsed) text(name string) string {
	paths := []credential.Path{{name}}
	if name == "title" {
		paths = append(paths, titles...)
	}
	for _, p := range paths {
		if found, err := p.Select(d.root); err == nil && len(found) == 1 {
			if text, ok := found[0].(string); ok {
				return text
			}
		}
	}
	return ""
}

// verifiedDocument is a document whose signature holds, held against the rest of
// the policy.
func (p Policy) verifiedDocument(c *vcdm.Credential) (*Verified, error) {
	d, err := readDocument(c)
	if err != nil {
		return nil, &Error{Check: credential.CheckType, Spec: "OpenID4VP 1.0, Appendix B.1.1", Err: err}
	}
	for _, t := range p.Types {
		if !slices.Contains(c.Types, t) {
			return nil, &Error{Check: credential.CheckType, Spec: "VC Data Model 2.0, Section 4.5", Err: fmt.Errorf("its type lacks %.100q, which was asked for", t)}
		}
	}
	if p.RequireExpiry && c.ValidUntil.IsZero() {
		return nil, &Error{Check: credential.CheckValidity, Spec: "VC Data Model 2.0, Section 4.9", Err: errors.New("it has no validUntil")}
	}
	return &Verified{
		Issuer: c.Issuer, Type: d.name, Types: d.types, IssuedAt: c.ValidFrom, NotBefore: c.ValidFrom, Expires: c.ValidUntil, Status: d.status,
		Claims: w3cClaims{d}, Whole: true,
	}, nil
}

// w3cClaims are those of a whole document.
type w3cClaims struct{ d parsed }

func (c w3cClaims) Raw() []byte                       { return c.d.Raw }
func (c w3cClaims) Select(p credential.Path) [][]byte { return c.d.Select(p) }
func (c w3cClaims) Text(name string) string           { return c.d.text(name) }

// w3cHeld is what all held W3C credentials have in common.
type w3cHeld struct{ d parsed }

func (h w3cHeld) Type() string                      { return h.d.name }
func (h w3cHeld) Types() []string                   { return h.d.types }
func (h w3cHeld) Issuer() string                    { return h.d.Issuer }
func (h w3cHeld) Select(p credential.Path) [][]byte { return h.d.Select(p) }
func (h w3cHeld) Status() []byte                    { return h.d.status }
func (h w3cHeld) Claims() []byte                    { return h.d.Raw }
func (h w3cHeld) Disclosable() int                  { return 0 }

func (h w3cHeld) Validity() (from, until time.Time, ok bool) {
	return h.d.ValidFrom, h.d.ValidUntil, true
}

// ofOneDocument are the members that differ between two copies of the same
// dataset.
var ofOneDocument = []string{"validFrom", "validUntil", "issued", "issuanceDate", "credentialStatus", "iat", "exp", "nbf", "jti", "cnf", "proof"}

func (h w3cHeld) Data() (map[string]any, error) {
	var out map[string]any
	if err := jose.Unmarshal(h.d.Raw, &out); err != nil {
		return nil, err
	}
	for _, name := range ofOneDocument {
		delete(out, name)
	}
	forget(out, h.d.ID)
	return out, nil
}

// forget takes out identifiers that were made for one copy: that of the document
// and those made of it, and the holder's.
func forget(v any, document string) {
	switch v := v.(type) {
	case map[string]any:
		if id, ok := v["id"].(string); ok && (document != "" && strings.HasPrefix(id, document) || strings.HasPrefix(id, "did:key:")) {
			delete(v, "id")
		}
		for _, member := range v {
			forget(member, document)
		}
	case []any:
		for _, element := range v {
			forget(element, document)
		}
	}
}

// Entries reads the status of a W3C credential.
func Entries(raw []byte) ([]status.Entry, error) { return status.ParseEntries(raw) }
