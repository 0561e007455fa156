package vcdm

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// MaxItems is how many values an array of the data model may hold: contexts,
// types, subjects, status entries, credentials of a presentation.
const MaxItems = 256

// Object is a value of the data model with an id and types of its own. Raw is
// its JSON as written.
type Object struct {
	ID    string
	Types []string
	Raw   []byte
}

// items gives the elements of an array, or the value itself where it stands
// alone. An array may be empty only where the caller says nothing of it.
func items(v jsontext.Value, member, sec string) ([]jsontext.Value, error) {
	if v == nil {
		return nil, nil
	}
	if v.Kind() != '[' {
		return []jsontext.Value{v}, nil
	}
	var list []jsontext.Value
	if err := jose.Unmarshal(v, &list); err != nil {
		return nil, malformed(member, sec, "is not readable")
	}
	if len(list) == 0 || len(list) > MaxItems {
		return nil, malformed(member, sec, "must hold 1 to "+strconv.Itoa(MaxItems)+" values")
	}
	return list, nil
}

// objects reads one or more objects. needID and needType say what each of
// them must have; an id that is there is a URL in any case.
func objects(v jsontext.Value, member, sec string, needID, needType bool) ([]Object, error) {
	list, err := items(v, member, sec)
	if err != nil || list == nil {
		return nil, err
	}
	out := make([]Object, len(list))
	for i, raw := range list {
		name := member
		if v.Kind() == '[' {
			name = at(member, i)
		}
		if out[i], err = object(raw, name, sec, needID, needType); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func object(raw jsontext.Value, name, sec string, needID, needType bool) (Object, error) {
	if raw.Kind() != '{' {
		return Object{}, malformed(name, sec, "must be an object")
	}
	var m struct {
		ID   jsontext.Value `json:"id"`
		AtID jsontext.Value `json:"@id"`
		Type jsontext.Value `json:"type"`
		AtTy jsontext.Value `json:"@type"`
	}
	if err := jose.Unmarshal(raw, &m); err != nil {
		return Object{}, malformed(name, sec, "is not readable")
	}
	// Terms and keywords at once would be two answers to one question.
	if m.AtID != nil || m.AtTy != nil {
		return Object{}, malformed(name, "4.1", "must use id and type, not @id and @type")
	}
	o := Object{Raw: raw}
	var err error
	if o.ID, err = identifier(m.ID, name+".id", needID); err != nil {
		return Object{}, err
	}
	if o.Types, err = types(m.Type, name+".type", needType); err != nil {
		return Object{}, err
	}
	return o, nil
}

// identifier reads an id: a single URL (Section 4.4).
func identifier(v jsontext.Value, name string, needed bool) (string, error) {
	if v == nil {
		if needed {
			return "", malformed(name, "4.4", "is missing")
		}
		return "", nil
	}
	s, ok := text(v)
	if !ok || !isURL(s) {
		return "", malformed(name, "4.4", "must be one URL")
	}
	return s, nil
}

// types reads a type: one or more terms or URLs (Section 4.5).
func types(v jsontext.Value, name string, needed bool) ([]string, error) {
	if v == nil {
		if needed {
			return nil, malformed(name, "4.5", "is missing")
		}
		return nil, nil
	}
	list, err := items(v, name, "4.5")
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i, e := range list {
		s, ok := text(e)
		if !ok || s == "" || strings.ContainsAny(s, " \t\r\n") {
			return nil, malformed(name, "4.5", "must hold terms or URLs")
		}
		out[i] = s
	}
	return out, nil
}

func text(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	// The whole document was parsed strictly before: without escapes the text
	// stands as it is.
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1]), true
	}
	var s string
	err := jose.Unmarshal(v, &s)
	return s, err == nil
}

// maxURL is how long an identifier may be, in bytes.
const maxURL = 4096

// isURL reports whether s is an absolute URL: a scheme and something behind
// it, without the characters that no URL may hold.
func isURL(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	// A data: URL holds a document, others name one.
	if !ok || rest == "" || scheme == "" || len(s) > maxURL && scheme != "data" || len(s) > MaxSize {
		return false
	}
	for i, c := range []byte(scheme) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || !(c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.')) {
			return false
		}
	}
	for _, c := range []byte(rest) {
		if c <= ' ' || c == 0x7f || strings.IndexByte("<>\"\\^`{}|", c) >= 0 {
			return false
		}
	}
	return rest != "//"
}

// date reads a dateTimeStamp (Section 4.9; XML Schema 1.1, Part 2, Section
// 3.4.28): it has a zone. With lenient a missing one is read as UTC (Section
// 5.8 asks that of readers, and writers never to leave it out).
func date(v jsontext.Value, name string, lenient bool) (time.Time, error) {
	if v == nil {
		return time.Time{}, nil
	}
	bad := malformed(name, "4.9", "must be a date and time with a zone, such as 2026-01-31T09:00:00Z")
	s, ok := text(v)
	if !ok || len(s) < 19 || len(s) > 40 || s[10] != 'T' || strings.Contains(s, ",") {
		return time.Time{}, bad
	}
	if zone := s[19:]; lenient && !strings.ContainsAny(zone, "Z+-") {
		s += "Z"
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, bad
	}
	return t, nil
}

// words checks name and description: a string or language value objects
// (Sections 4.6 and 11.1).
func words(v jsontext.Value, name string) error {
	list, err := items(v, name, "11.1")
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.Kind() == '"' {
			continue
		}
		var m map[string]string
		if e.Kind() != '{' || jose.Unmarshal(e, &m) != nil {
			return malformed(name, "11.1", "must be a string or language value objects of strings")
		}
		if _, ok := m["@value"]; !ok {
			return malformed(name, "11.1", "has a language value object without @value")
		}
		for key, value := range m {
			switch {
			case key != "@value" && key != "@language" && key != "@direction":
				return malformed(name, "11.1", "has a language value object with more than @value, @language and @direction")
			case key == "@direction" && value != "ltr" && value != "rtl":
				return malformed(name, "11.1", "has a @direction other than ltr and rtl")
			}
		}
	}
	return nil
}
