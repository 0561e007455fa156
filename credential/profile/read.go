package profile

import (
	"slices"
	"strconv"
	"strings"
)

// Read gives the claims that a document of the profile says, as decoded JSON:
// string, float64, []any and map[string]any, nested by the dots in their
// names. A document that discloses only a part gives only that part.
//
// The document must have been verified: Read looks at @context and type, so that
// the names in it mean what the declaration says, and at nothing else that a
// signature vouches for. Members that the profile does not know are passed over.
// A known place with a value that no claim could have put there is an error, and
// so is a claim that two places say differently.
func (p *Profile) Read(document []byte) (map[string]any, error) {
	r, err := p.walk(document)
	if err != nil {
		return nil, err
	}
	claims := map[string]any{}
	for name, f := range r.found {
		put(claims, strings.Split(name, "."), f.value)
	}
	return claims, nil
}

func put(claims map[string]any, name []string, v any) {
	for ; len(name) > 1; name = name[1:] {
		inner, _ := claims[name[0]].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			claims[name[0]] = inner
		}
		claims = inner
	}
	claims[name[0]] = v
}

// Places are JSON pointers (RFC 6901) into one document.
type Places struct {
	// Mandatory is what every presentation discloses, as far as the document has it.
	// @context and type are not among it: selecting anything selects them (Data
	// Integrity ECDSA Cryptosuites 1.0, Section 3.4.13).
	Mandatory []string
	// Claims are what must be disclosed for each claim: its place, and the constant
	// by which the place is told from its neighbours.
	Claims map[string][]string
}

// Locate finds the claims in a document of the profile.
func (p *Profile) Locate(document []byte) (Places, error) {
	r, err := p.walk(document)
	if err != nil {
		return Places{}, err
	}
	out := Places{Claims: map[string][]string{}}
	for _, m := range p.mandatory {
		if has(r.root, m) {
			out.Mandatory = append(out.Mandatory, m)
		}
	}
	for name, f := range r.found {
		out.Claims[name] = append([]string{f.pointer}, f.with...)
	}
	return out, nil
}

func has(v any, pointer string) bool {
	for _, part := range strings.Split(pointer, "/")[1:] {
		o, ok := v.(map[string]any)
		if !ok {
			return false
		}
		if v, ok = o[pointerUnescapes.Replace(part)]; !ok {
			return false
		}
	}
	return true
}

// found is a claim, at the place that shows it best.
type found struct {
	value   any
	pointer string   // what to disclose to show it
	with    []string // and what tells this place from its neighbours
	primary bool
}

// reader walks a document beside the declared one.
type reader struct {
	p     *Profile
	root  any
	found map[string]*found
	none  map[string]bool // claims of which a place says that there is none
	with  []string
	item  map[string]any // of the list element being read
	err   error
}

func (p *Profile) walk(document []byte) (*reader, error) {
	root, err := decode(document)
	if err != nil {
		return nil, p.fault(ErrDocument, "", "%v", err)
	}
	r := &reader{p: p, root: root, found: map[string]*found{}, none: map[string]bool{}}
	if err := p.recognise(r.root); err != nil {
		return nil, err
	}
	r.node(p.root, r.root, "", "")
	if r.err != nil {
		return nil, r.err
	}
	return r, nil
}

// node reads v as n. disclose is the pointer of what a selection takes when v is
// part of something that is only whole.
func (r *reader) node(n *node, v any, pointer, disclose string) {
	if r.err != nil || v == nil {
		return
	}
	switch n.kind {
	case place:
		r.place(n.ref, v, pointer, disclose)
	case object:
		o, ok := v.(map[string]any)
		if !ok {
			r.fail(pointer, "must be an object")
			return
		}
		// A language-tagged value is one statement and is not taken apart.
		if _, whole := o["@value"]; whole {
			disclose = pointer
		}
		for _, m := range n.members {
			if inner, ok := o[m.name]; ok && m.value.claims {
				r.node(m.value, inner, pointer+"/"+escapePointer(m.name), disclose)
			}
		}
	case array:
		r.elements(n, v, pointer)
	}
}

func (r *reader) elements(n *node, v any, pointer string) {
	elements, ok := v.([]any)
	if !ok {
		r.fail(pointer, "must be an array")
		return
	}
	for i, e := range elements {
		n, tell := n.alternative(e)
		if n == nil {
			continue // not of the profile
		}
		at := pointer + "/" + strconv.Itoa(i)
		with := r.with
		if tell != "" {
			r.with = append(slices.Clip(with), at+"/"+escapePointer(tell))
		}
		if n.kind == list {
			r.listItem(n, e, at)
		} else {
			r.node(n, e, at, "")
		}
		r.with = with
	}
}

// alternative is the item of an array that an element was made by, and the
// member that tells so.
func (n *node) alternative(e any) (item *node, tell string) {
	if n.tell == nil {
		return n.items[0], ""
	}
	said, ok := constantAt(e, n.tell)
	if !ok {
		return nil, ""
	}
	if i := slices.Index(n.telling, said); i >= 0 {
		return n.items[i], n.tell[0]
	}
	return nil, ""
}

func (r *reader) listItem(n *node, e any, pointer string) {
	r.item = map[string]any{}
	r.node(n.items[0], e, pointer, "")
	item := r.item
	r.item = nil
	if f := r.found[n.ref.name]; f != nil {
		f.value = append(f.value.([]any), item)
		f.with = append(f.with, pointer)
		return
	}
	r.found[n.ref.name] = &found{value: []any{item}, pointer: pointer}
}

func (r *reader) place(ref *reference, v any, pointer, disclose string) {
	if ref.isValue() {
		return
	}
	s, ok := v.(string)
	if !ok {
		r.fail(pointer, "must be a string")
		return
	}
	text, none, ok := ref.read(s)
	switch {
	case !ok:
		r.fail(pointer, "has a value that no claim is written as")
		return
	case none:
		// What is written for no claim and a value contradict each other.
		if r.none[ref.name] = true; r.found[ref.name] != nil {
			r.fail(pointer, contradiction)
		}
		return
	case r.none[ref.name]:
		r.fail(pointer, contradiction)
		return
	}
	var value any = text
	if ref.integer {
		n, err := strconv.ParseFloat(text, 64) // of at most 15 digits, so exact
		if err != nil {
			r.fail(pointer, "must hold a number")
			return
		}
		value = n
	}
	if ref.name[0] == '.' {
		r.same(r.item[ref.name[1:]], value, pointer)
		r.item[ref.name[1:]] = value
		return
	}
	f := r.found[ref.name]
	if f != nil {
		if r.same(f.value, value, pointer); f.primary || !ref.primary {
			return
		}
	}
	if disclose == "" {
		disclose = pointer
	}
	r.found[ref.name] = &found{value: value, pointer: disclose, with: r.with, primary: ref.primary}
}

const contradiction = "says something else than another place of the same claim"

func (r *reader) same(a, b any, pointer string) {
	if a != nil && a != b {
		r.fail(pointer, contradiction)
	}
}

func (r *reader) fail(pointer, detail string) {
	if r.err == nil {
		r.err = r.p.fault(ErrDocument, pointer, "%s", detail)
	}
}
