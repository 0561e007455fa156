package credential

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// The outcomes of reading and applying a claims path pointer.
var (
	// ErrPath is returned for a value that is no claims path pointer.
	ErrPath = errors.New("not a claims path pointer")
	// ErrPathType is returned when a component does not fit the value it is
	// applied to, such as a name on an array.
	ErrPathType = errors.New("claims path pointer does not fit the structure of the credential")
	// ErrPathEmpty is returned when nothing is selected.
	ErrPathEmpty = errors.New("claims path pointer selects nothing")
)

// The limits of a path that comes from outside.
const (
	MaxPathLength = 24   // components
	MaxPathName   = 1024 // bytes of one name
)

// Path is a claims path pointer (OpenID4VCI 1.0, Appendix C; OpenID4VP 1.0,
// Section 7): each component is a string (a member), an int (an array index)
// or nil (every element).
type Path []any

// ParsePath reads a path from JSON.
func ParsePath(b []byte) (Path, error) {
	var raw []jsontext.Value
	if err := jose.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("%w: it must be an array of strings, null and whole numbers: %w", ErrPath, err)
	}
	if raw == nil {
		return nil, fmt.Errorf("%w: it must be an array, found null", ErrPath)
	}
	p := make(Path, len(raw))
	for i, v := range raw {
		switch v.Kind() {
		case 'n':
			p[i] = nil
		case '"':
			var name string
			if err := jose.Unmarshal(v, &name); err != nil {
				return nil, fmt.Errorf("%w: component %d: %w", ErrPath, i, err)
			}
			p[i] = name
		case '0':
			n, err := strconv.ParseInt(string(v), 10, 32)
			if err != nil {
				return nil, fmt.Errorf("%w: component %d must be a whole number in digits", ErrPath, i)
			}
			p[i] = int(n)
		default:
			return nil, fmt.Errorf("%w: component %d must be a string, null or a whole number", ErrPath, i)
		}
	}
	if err := p.shape(); err != nil {
		return nil, err
	}
	return p, nil
}

// UnmarshalJSON reads the path strictly, see ParsePath.
func (p *Path) UnmarshalJSON(b []byte) error {
	q, err := ParsePath(b)
	if err != nil {
		return err
	}
	*p = q
	return nil
}

// shape holds what is common to all formats.
func (p Path) shape() error {
	if len(p) == 0 || len(p) > MaxPathLength {
		return fmt.Errorf("%w: it must have 1 to %d components, found %d (OpenID4VP 1.0, Section 7)", ErrPath, MaxPathLength, len(p))
	}
	for i, c := range p {
		switch c := c.(type) {
		case nil, int:
		case string:
			if len(c) > MaxPathName {
				return fmt.Errorf("%w: component %d is longer than %d bytes", ErrPath, i, MaxPathName)
			}
		default:
			return fmt.Errorf("%w: component %d is a %T, expected string, int or nil", ErrPath, i, c)
		}
	}
	return nil
}

// Validate holds the path against the rules for JSON-based credentials:
// indexes are not negative and the root, an object, is entered by a name
// (OpenID4VP 1.0, Section 7.1).
func (p Path) Validate() error {
	if err := p.shape(); err != nil {
		return err
	}
	if _, ok := p[0].(string); !ok {
		return fmt.Errorf("%w: the first component must be a name, because a credential is an object", ErrPath)
	}
	for i, c := range p {
		if n, ok := c.(int); ok && n < 0 {
			return fmt.Errorf("%w: component %d is negative (OpenID4VCI 1.0, Appendix C.1)", ErrPath, i)
		}
	}
	return nil
}

// ValidateMdoc holds the path against the rules for ISO mdoc: namespace and
// data element come first (OpenID4VCI 1.0, Appendix C.2).
func (p Path) ValidateMdoc() error {
	if err := p.shape(); err != nil {
		return err
	}
	if len(p) < 2 {
		return fmt.Errorf("%w: a path into an mdoc has at least a namespace and a data element (OpenID4VCI 1.0, Appendix C.2)", ErrPath)
	}
	for i, c := range p[:2] {
		if _, ok := c.(string); !ok {
			return fmt.Errorf("%w: component %d of a path into an mdoc must be a string (OpenID4VCI 1.0, Appendix C.2)", ErrPath, i)
		}
	}
	return nil
}

// Select applies the path to a decoded JSON object (map[string]any, []any and
// scalars) and returns what it points at, in document order (OpenID4VP 1.0,
// Section 7.1.1). The values are those of root, not copies.
func (p Path) Select(root any) ([]any, error) {
	if err := p.shape(); err != nil {
		return nil, err
	}
	selected := []any{root}
	for i, c := range p {
		var next []any
		for _, v := range selected {
			var err error
			if next, err = step(next, v, c); err != nil {
				return nil, fmt.Errorf("component %d: %w", i, err)
			}
		}
		if len(next) == 0 {
			return nil, fmt.Errorf("component %d: %w", i, ErrPathEmpty)
		}
		selected = next
	}
	return selected, nil
}

func step(next []any, v, component any) ([]any, error) {
	switch c := component.(type) {
	case string:
		object, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%w: a name is applied to a value that is no object", ErrPathType)
		}
		if member, ok := object[c]; ok {
			next = append(next, member)
		}
		return next, nil
	case int:
		array, ok := v.([]any)
		if !ok || c < 0 {
			return nil, fmt.Errorf("%w: an index is negative or applied to a value that is no array", ErrPathType)
		}
		if c < len(array) {
			next = append(next, array[c])
		}
		return next, nil
	case nil:
		array, ok := v.([]any)
		if !ok {
			return nil, fmt.Errorf("%w: null is applied to a value that is no array", ErrPathType)
		}
		return append(next, array...), nil
	default:
		return nil, fmt.Errorf("%w: a %T is no component", ErrPath, component)
	}
}

// Equal reports whether both paths have the same components.
func (p Path) Equal(q Path) bool {
	return slices.EqualFunc(p, q, func(a, b any) bool {
		switch a := a.(type) {
		case string:
			b, ok := b.(string)
			return ok && a == b
		case int:
			b, ok := b.(int)
			return ok && a == b
		default:
			return a == nil && b == nil
		}
	})
}

// Covers reports whether everything q points at lies at or below what p points
// at: p is a prefix of q, where null in p also stands for any index. An index
// in p does not cover null in q.
func (p Path) Covers(q Path) bool {
	if len(p) == 0 || len(p) > len(q) {
		return false
	}
	for i, c := range p {
		if c == q[i] {
			continue
		}
		if _, index := q[i].(int); c != nil || !index {
			return false
		}
	}
	return true
}

// String is the JSON form.
func (p Path) String() string {
	b, err := jose.Marshal([]any(p))
	if err != nil {
		return "[?]"
	}
	return string(b)
}
