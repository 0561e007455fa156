package profile

import (
	"fmt"
	"strings"
)

// reference is a place of a claim or of a value of the copy: what stands in the
// document as "prefix{name|function…}suffix".
type reference struct {
	name           string // claim, ".item" or "$value"
	prefix, suffix string
	functions      []function
	integer        bool   // the claim is a JSON number
	otherwise      string // written when the claim is absent, if hasOtherwise
	hasOtherwise   bool

	slot    int    // index into the slots of claims, items or values
	before  []byte // quotation mark and prefix, as JSON
	after   []byte // suffix and quotation mark, as JSON
	pointer string // of the place in the declared document
	path    []any  // the same as a claims path
	primary bool   // the place by which the claim is asked for
}

// parseReference reads a string of the declared document; nil for one without a
// reference.
func parseReference(s string, tables map[string]map[string]string) (*reference, error) {
	open := strings.IndexByte(s, '{')
	if open < 0 {
		return nil, nil
	}
	end := strings.IndexByte(s, '}')
	if end < open || strings.ContainsAny(s[open+1:end], "{}") || strings.ContainsAny(s[end+1:], "{}") {
		return nil, fmt.Errorf("a string holds one reference at most, in braces")
	}
	r := &reference{prefix: s[:open], suffix: s[end+1:]}
	words := strings.Split(s[open+1:end], "|")
	r.name = words[0]
	if strings.Trim(r.name, ".$") == "" {
		return nil, fmt.Errorf("a reference names a claim")
	}
	for i, w := range words[1:] {
		if err := r.add(i, w, tables); err != nil {
			return nil, err
		}
	}
	r.before = appendText([]byte{'"'}, r.prefix)
	r.after = append(appendText(nil, r.suffix), '"')
	return r, nil
}

func (r *reference) add(i int, word string, tables map[string]map[string]string) error {
	if r.hasOtherwise {
		return fmt.Errorf("nothing follows else")
	}
	kind, argument, _ := strings.Cut(word, ":")
	switch {
	case kind == "else" && argument != "":
		r.otherwise, r.hasOtherwise = argument, true
		return nil
	case kind == "in":
		table, ok := tables[argument]
		if !ok {
			return fmt.Errorf("there is no table %q", argument)
		}
		f, err := in(argument, table)
		r.functions = append(r.functions, f)
		return err
	}
	f, ok := functions[word]
	if !ok {
		return fmt.Errorf("there is no function %q", word)
	}
	if word == "integer" {
		if i != 0 {
			return fmt.Errorf("integer comes first")
		}
		r.integer = true
	}
	r.functions = append(r.functions, f)
	return nil
}

// isValue reports whether it is a value of the copy or the issuer.
func (r *reference) isValue() bool { return r.name[0] == '$' }

// total reports whether every value of the claim has a word here.
func (r *reference) total() bool {
	for _, f := range r.functions {
		if !f.total {
			return false
		}
	}
	return true
}

// apply runs the functions.
func (r *reference) apply(text string) (string, bool) {
	for _, f := range r.functions {
		var ok bool
		if text, ok = f.apply(text); !ok {
			return "", false
		}
	}
	return text, true
}

// read is the value of the claim that stands in a string of a document; absent
// when it is the one written for no claim.
func (r *reference) read(s string) (value string, absent, ok bool) {
	inner, ok := strings.CutPrefix(s, r.prefix)
	if !ok {
		return "", false, false
	}
	if inner, ok = strings.CutSuffix(inner, r.suffix); !ok {
		return "", false, false
	}
	if r.hasOtherwise && inner == r.otherwise {
		return "", true, true
	}
	for i := len(r.functions) - 1; i >= 0; i-- {
		if inner, ok = r.functions[i].invert(inner); !ok {
			return "", false, false
		}
	}
	return inner, false, true
}
