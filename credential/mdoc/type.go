package mdoc

import (
	"fmt"
	"unicode/utf8"

	"github.com/zegel-id/zegel/internal/jose"
)

// Type is the CBOR type of a value, by its CDDL name.
type Type string

// The types. JSON on the left of an arrow is what Credential.Elements holds.
const (
	Any      Type = ""          // as JSON has it (RFC 8949, Section 6.2)
	Text     Type = "tstr"      // string
	Bytes    Type = "bstr"      // base64url without padding -> byte string
	FullDate Type = "full-date" // "2026-06-30" -> tag 1004
	DateTime Type = "tdate"     // "2026-06-30T12:00:00Z" -> tag 0; UTC, no fraction
	Int      Type = "int"
	Uint     Type = "uint"
	Bool     Type = "bool"
)

// Element is a data element of a namespace, or a member of a map inside one.
type Element struct {
	Identifier string `json:"identifier"`
	// Type of the value. In an array it is the type of each entry.
	Type Type `json:"type,omitempty"`
	// Required elements stand in every document. Members are never required.
	Required bool `json:"required,omitempty"`
	// Members give types to members of the map, or of the maps in the array,
	// that the value is.
	Members []Element `json:"members,omitempty"`
}

// NameSpace is a namespace with its data elements.
type NameSpace struct {
	Name     string    `json:"name"`
	Elements []Element `json:"elements"`
}

// DocumentType is what is constant of a document type: data, see
// ParseDocumentType.
type DocumentType struct {
	DocType    string      `json:"doctype"`
	NameSpaces []NameSpace `json:"namespaces"`
}

// ParseDocumentType reads a document type from JSON, strictly.
func ParseDocumentType(b []byte) (DocumentType, error) {
	var d DocumentType
	if err := jose.UnmarshalClosed(b, &d); err != nil {
		return DocumentType{}, fmt.Errorf("document type: %w", err)
	}
	return d, d.check()
}

func (d DocumentType) check() error {
	if err := nameable("doctype", d.DocType); err != nil {
		return err
	}
	if len(d.NameSpaces) == 0 {
		return malformed(specMSO, "a document type has at least one namespace")
	}
	all := map[string]bool{}
	for _, n := range d.NameSpaces {
		if err := nameable("namespace", n.Name); err != nil {
			return err
		}
		if all[n.Name] {
			return malformed(specMSO, "namespace "+clip(n.Name)+" is given twice")
		}
		all[n.Name] = true
		if len(n.Elements) == 0 || len(n.Elements) > MaxItems {
			return malformed(specMSO, fmt.Sprintf("namespace %s must have 1 to %d elements", clip(n.Name), MaxItems))
		}
		if err := distinct(n.Elements, 0); err != nil {
			return err
		}
	}
	return nil
}

func distinct(elements []Element, depth int) error {
	if depth > maxDepth/2 {
		return malformed(specMSO, "members are nested too deeply")
	}
	all := map[string]bool{}
	for _, e := range elements {
		if err := nameable("element identifier", e.Identifier); err != nil {
			return err
		}
		if all[e.Identifier] {
			return malformed(specMSO, "element "+clip(e.Identifier)+" is given twice")
		}
		all[e.Identifier] = true
		switch e.Type {
		case Any:
		case Text, Bytes, FullDate, DateTime, Int, Uint, Bool:
			if len(e.Members) > 0 {
				return malformed(specMSO, "element "+clip(e.Identifier)+" has both a simple type and members")
			}
		default:
			return malformed(specMSO, "element "+clip(e.Identifier)+" has the unknown type "+clip(string(e.Type)))
		}
		if depth > 0 && e.Required {
			return malformed(specMSO, "member "+clip(e.Identifier)+" is required; only data elements can be")
		}
		if err := distinct(e.Members, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func nameable(what, s string) error {
	if s == "" || len(s) > maxName || !utf8.ValidString(s) {
		return malformed(specMSO, fmt.Sprintf("a %s must be UTF-8 of 1 to %d bytes", what, maxName))
	}
	return nil
}
