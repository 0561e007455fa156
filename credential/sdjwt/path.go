package sdjwt

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// Path is a claims path pointer (OpenID4VP 1.0, Section 7; SD-JWT VC,
// Section 5.6.1): a string selects a member, an int an array element, nil all
// elements of an array.
type Path []any

// ParsePath reads a path from its JSON array form.
func ParsePath(b []byte) (Path, error) {
	var p Path
	if err := p.UnmarshalJSON(b); err != nil {
		return nil, err
	}
	return p, nil
}

// UnmarshalJSON reads a non-empty array of strings, nulls and non-negative
// integers.
func (p *Path) UnmarshalJSON(b []byte) error {
	var parts []any
	if err := jose.Unmarshal(b, &parts); err != nil {
		return err
	}
	for i, part := range parts {
		if f, ok := part.(float64); ok && f >= 0 && f == math.Trunc(f) && f <= math.MaxInt32 {
			parts[i] = int(f)
		}
	}
	*p = parts
	return p.check()
}

func (p Path) check() error {
	if len(p) == 0 || len(p) > jose.MaxDepth {
		return fmt.Errorf("a claims path must have 1 to %d parts, found %d (OpenID4VP 1.0, Section 7)", jose.MaxDepth, len(p))
	}
	for _, part := range p {
		switch v := part.(type) {
		case string, nil:
		case int:
			if v < 0 {
				return fmt.Errorf("a claims path holds a negative index (OpenID4VP 1.0, Section 7)")
			}
		default:
			return fmt.Errorf("a claims path holds a %T; parts are strings, non-negative integers and null (OpenID4VP 1.0, Section 7)", part)
		}
	}
	return nil
}

// String is the path as a JSON array.
func (p Path) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, part := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		switch v := part.(type) {
		case string:
			b.Write(appendQuoted(nil, v))
		case int:
			b.WriteString(strconv.Itoa(v))
		case nil:
			b.WriteString("null")
		default:
			b.WriteString("?")
		}
	}
	b.WriteByte(']')
	return b.String()
}

// Equal reports whether two paths have the same parts.
func (p Path) Equal(q Path) bool {
	if len(p) != len(q) {
		return false
	}
	for i := range p {
		switch v := p[i].(type) {
		case string:
			if w, ok := q[i].(string); !ok || w != v {
				return false
			}
		case int:
			if w, ok := q[i].(int); !ok || w != v {
				return false
			}
		case nil:
			if q[i] != nil {
				return false
			}
		default:
			return false
		}
	}
	return true
}
