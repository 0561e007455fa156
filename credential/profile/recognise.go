package profile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// Of is the one of several profiles that a document is of, by its @context and
// type; ErrDocument when it is of none.
func Of(document []byte, profiles ...*Profile) (*Profile, error) {
	v, err := decode(document)
	if err != nil {
		return nil, &Error{Detail: err.Error(), Err: ErrDocument}
	}
	for _, p := range profiles {
		if p.recognise(v) == nil {
			return p, nil
		}
	}
	return nil, &Error{Field: "/@context", Detail: "@context and type are those of no profile that is known here", Err: ErrDocument}
}

// MaxDocument is how many bytes of a document are read.
const MaxDocument = 1 << 20

func decode(document []byte) (v any, err error) {
	if len(document) > MaxDocument {
		return nil, fmt.Errorf("is longer than %d bytes", MaxDocument)
	}
	return v, jose.Unmarshal(document, &v)
}

// recognise holds @context and type against the profile. The contexts must be
// exactly the declared ones, because any other could change what a name means.
func (p *Profile) recognise(v any) error {
	o, ok := v.(map[string]any)
	if !ok {
		return p.fault(ErrDocument, "", "must be a JSON object")
	}
	if c, _ := o["@context"].([]any); !slices.Equal(c, p.contexts) {
		return &Error{Profile: p.name, Field: "/@context", Err: ErrDocument, Spec: "VC Data Integrity 1.0, Section 4.6",
			Detail: "is not the list of contexts of the profile: " + strings.Join(p.Contexts(), ", ")}
	}
	types, _ := o["type"].([]any)
	for _, t := range p.types {
		if !slices.Contains(types, any(t)) {
			return &Error{Profile: p.name, Field: "/type", Err: ErrDocument, Spec: "VCDM 2.0, Section 4.5", Detail: "does not name " + t}
		}
	}
	return nil
}
