package jose

import (
	"encoding"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// MemberError tells which member of JSON was refused. It is an ErrJSON. Names of
// members come from outside, values are left out.
type MemberError struct {
	// Path names the member from the outermost object, as in subject.insz or
	// claims[0]; empty when the whole value is meant. It is cut to maxPath bytes.
	Path string
	// Unknown: there is no member of that name, and Members are those that there are.
	// Otherwise the value has another type than Expected, which is empty where the
	// type has rules of its own.
	Unknown  bool
	Members  []string
	Expected string
}

// maxPath is how long a path in an error may be.
const maxPath = 120

func (e *MemberError) Error() string {
	where := "the value"
	if e.Path != "" {
		where = "member " + e.Path
	}
	switch {
	case e.Unknown:
		return ErrJSON.Error() + ": " + where + " is unknown"
	case e.Expected != "":
		return ErrJSON.Error() + ": " + where + " has the wrong JSON type, expected " + e.Expected
	default:
		return ErrJSON.Error() + ": " + where + " has a form that is not accepted"
	}
}

func (e *MemberError) Unwrap() error { return ErrJSON }

// memberError leaves out of an error what may be a value.
func memberError(err *json.SemanticError) *MemberError {
	e := &MemberError{Path: pathOf(err.JSONPointer)}
	if err.Err == json.ErrUnknownName {
		e.Unknown, e.Members = true, membersOf(err.GoType)
		return e
	}
	e.Expected = jsonType(err.GoType)
	return e
}

// pathOf writes a JSON pointer (RFC 6901) as people write paths.
func pathOf(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		digits := token != "" && strings.Trim(token, "0123456789") == ""
		switch {
		case digits:
			b.WriteString("[" + token + "]")
		case b.Len() > 0:
			b.WriteString("." + token)
		default:
			b.WriteString(token)
		}
	}
	if b.Len() > maxPath {
		return strings.ToValidUTF8(b.String()[:maxPath], "") + "…"
	}
	return b.String()
}

// membersOf are the names of the members that a type reads, sorted.
func membersOf(t reflect.Type) []string {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	var out []string
	for _, f := range reflect.VisibleFields(t) {
		name, options, tagged := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported(), name == "-" && !tagged, f.Anonymous && name == "", strings.Contains(options, "inline"), strings.Contains(options, "unknown"):
			continue
		case name == "":
			name = f.Name
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var readsItself = []reflect.Type{
	reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[json.UnmarshalerFrom](), reflect.TypeFor[encoding.TextUnmarshaler](),
}

// jsonType is what JSON a type is read from; empty where it has rules of its own.
func jsonType(t reflect.Type) string {
	if t == nil || slices.ContainsFunc(readsItself, func(i reflect.Type) bool { return t.Implements(i) || reflect.PointerTo(t).Implements(i) }) {
		return ""
	}
	switch t.Kind() {
	case reflect.Pointer:
		return jsonType(t.Elem())
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a string in base64"
		}
		return "an array"
	case reflect.Array:
		return "an array"
	case reflect.Map, reflect.Struct:
		return "an object"
	}
	return ""
}
