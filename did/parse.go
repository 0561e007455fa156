package did

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// ParseDocument reads a document of this or another publisher as plain JSON
// (DID Core 1.0, Section 6.2.2; Controlled Identifiers 1.0, Section 3.2): size
// and count are bounded, ids made absolute, method ids unique, and private key
// material refused. Whose document it is, the caller must compare: a document
// says nothing about an id other than the one it was asked for.
func ParseDocument(b []byte) (*Document, error) {
	if len(b) > MaxDocument {
		return nil, fmt.Errorf("%w: larger than %d bytes", ErrDocument, MaxDocument)
	}
	d := new(Document)
	if err := jose.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("%w: it is not strict JSON or a member has the wrong type (DID Core 1.0, Section 6.2.2)", ErrDocument)
	}
	if !baseID(d.ID) {
		return nil, fmt.Errorf("%w: id must be a DID or an https URL without fragment (Controlled Identifiers 1.0, Section 2.1.1)", ErrDocument)
	}
	if err := checkContext(d.Context); err != nil {
		return nil, err
	}
	if err := d.settle(); err != nil {
		return nil, err
	}
	d.source = bytes.Clone(b)
	return d, nil
}

// checkContext asks that a context, if there is one, starts with one that this
// package knows, and that none moves the base of relative ids.
func checkContext(raw jsontext.Value) error {
	if raw == nil {
		return nil // application/did+json
	}
	var contexts []any
	if err := jose.Unmarshal(raw, &contexts); err != nil {
		var one string
		if err := jose.Unmarshal(raw, &one); err != nil {
			return fmt.Errorf("%w: @context must be a string or an array (DID Core 1.0, Section 4)", ErrDocument)
		}
		contexts = []any{one}
	}
	for i, c := range contexts {
		switch c := c.(type) {
		case string:
			if i == 0 && !slices.Contains(baseContexts, c) {
				return fmt.Errorf("%w: @context must start with did/v1, did/v1.1 or cid/v1 (DID Core 1.0, Section 4; Controlled Identifiers 1.0, Section 4.1)", ErrDocument)
			}
		case map[string]any:
			if _, moved := c["@base"]; moved || i == 0 {
				return fmt.Errorf("%w: @context must start with a known context and must not set @base", ErrDocument)
			}
		default:
			return fmt.Errorf("%w: @context must hold strings and objects", ErrDocument)
		}
	}
	if len(contexts) == 0 {
		return fmt.Errorf("%w: @context is empty (DID Core 1.0, Section 4)", ErrDocument)
	}
	return nil
}

// settle makes all ids absolute and checks methods, references and services.
func (d *Document) settle() error {
	entries := len(d.AlsoKnownAs) + len(d.Controller) + len(d.VerificationMethod) + len(d.Service)
	seen := map[string]bool{}
	method := func(m *VerificationMethod) error {
		m.ID = d.absolute(m.ID)
		_, fragment, _ := strings.Cut(m.ID, "#")
		switch {
		case m.fault != nil:
			return m.fault
		case fragment == "" || !absoluteURL(m.ID):
			return fmt.Errorf("%w: the id of a verification method must be a URL with a fragment (Controlled Identifiers 1.0, Section 2.2)", ErrDocument)
		case m.Type == "" || m.Controller != "" && !absoluteURL(m.Controller):
			// Documents without controller are about; such a method serves
			// nothing, see Method.
			return fmt.Errorf("%w: a verification method must have a type, and its controller must be a URL (Controlled Identifiers 1.0, Section 2.2)", ErrDocument)
		case seen[m.ID]:
			return fmt.Errorf("%w: two verification methods have one id (Controlled Identifiers 1.0, Section 2.2)", ErrDocument)
		}
		seen[m.ID] = true
		return nil
	}
	for i := range d.VerificationMethod {
		if err := method(&d.VerificationMethod[i]); err != nil {
			return err
		}
	}
	for _, use := range Relationships {
		refs := d.references(use)
		entries += len(refs)
		for i := range refs {
			if refs[i].Method != nil {
				if err := method(refs[i].Method); err != nil {
					return err
				}
				continue
			}
			if refs[i].ID = d.absolute(refs[i].ID); !absoluteURL(refs[i].ID) {
				return fmt.Errorf("%w: %s must hold URLs or verification methods (DID Core 1.0, Section 5.3)", ErrDocument, use)
			}
		}
	}
	for i := range d.Service {
		s := &d.Service[i]
		s.ID = d.absolute(s.ID)
		if s.ID != "" && !absoluteURL(s.ID) || len(s.Type) == 0 || s.ServiceEndpoint == nil {
			return fmt.Errorf("%w: a service must have a type and an endpoint, and its id must be a URL (DID Core 1.0, Section 5.4)", ErrDocument)
		}
	}
	if entries > maxEntries {
		return fmt.Errorf("%w: more than %d entries", ErrDocument, maxEntries)
	}
	return nil
}

// absolute resolves a relative DID URL that is a fragment only (DID Core 1.0,
// Section 3.2.2).
func (d *Document) absolute(id string) string {
	if strings.HasPrefix(id, "#") {
		return d.ID + id
	}
	return id
}

// absoluteURL reports whether s is a URL with a scheme, without white space,
// quotes or angle brackets.
func absoluteURL(s string) bool {
	if strings.HasPrefix(s, "did:") {
		_, err := ParseURL(s)
		return err == nil
	}
	if len(s) > maxDID || strings.ContainsFunc(s, func(r rune) bool { return r <= 0x20 || r > 0x7e || strings.ContainsRune("<>\"{}|\\^`", r) }) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "")
}
