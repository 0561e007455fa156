package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Claim is one named value: a string, int64, bool, Claims (an object) or
// []any of these (a list).
type Claim struct {
	Name  string
	Value any
}

// Claims is an object whose members keep the order of the declaration. It
// holds personal data and prints nothing; MarshalJSON gives its content.
type Claims []Claim

// Lookup gives the value at a path of member names.
func (c Claims) Lookup(path ...string) (any, bool) {
	var at any = c
	for _, name := range path {
		object, ok := at.(Claims)
		if !ok {
			return nil, false
		}
		if at, ok = object.member(name); !ok {
			return nil, false
		}
	}
	return at, true
}

func (c Claims) member(name string) (any, bool) {
	for _, m := range c {
		if m.Name == name {
			return m.Value, true
		}
	}
	return nil, false
}

// put sets the value at path, making the objects in between.
func (c *Claims) put(path []string, v any) {
	for i := range *c {
		if (*c)[i].Name == path[0] && len(path) > 1 {
			inner, _ := (*c)[i].Value.(Claims)
			inner.put(path[1:], v)
			(*c)[i].Value = inner
			return
		}
	}
	if len(path) == 1 {
		*c = append(*c, Claim{path[0], v})
		return
	}
	var inner Claims
	inner.put(path[1:], v)
	*c = append(*c, Claim{path[0], inner})
}

// Map gives the claims as plain Go values: map[string]any, []any, string,
// int64 and bool.
func (c Claims) Map() map[string]any {
	m := make(map[string]any, len(c))
	for _, x := range c {
		m[x.Name] = plain(x.Value)
	}
	return m
}

func plain(v any) any {
	switch v := v.(type) {
	case Claims:
		return v.Map()
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	default:
		return v
	}
}

// MarshalJSON writes the members in order.
func (c Claims) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, x := range c {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(x.Name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(x.Value)
		if err != nil {
			return nil, fmt.Errorf("claim %q: %w", x.Name, err)
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// String never shows content.
func (Claims) String() string { return "[claims]" }

// GoString never shows content.
func (Claims) GoString() string { return "[claims]" }

// Format never shows content, whatever the verb.
func (Claims) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[claims]") }

// LogValue never shows content.
func (Claims) LogValue() slog.Value { return slog.StringValue("[claims]") }

// each visits every text in the claims.
func each(v any, visit func(string)) {
	switch v := v.(type) {
	case string:
		visit(v)
	case Claims:
		for _, c := range v {
			each(c.Value, visit)
		}
	case []any:
		for _, x := range v {
			each(x, visit)
		}
	}
}
