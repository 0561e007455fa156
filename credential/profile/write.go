package profile

import (
	"bytes"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// Template is a profile compiled for an issuer: what is the same in all its
// documents is encoded once. It is safe for concurrent use.
type Template struct {
	p    *Profile
	root *node
}

// Template compiles the profile for an issuer.
func (p *Profile) Template(i Issuer) (*Template, error) {
	v, err := i.values(p)
	if err != nil {
		return nil, err
	}
	c := compiler{p: p, names: &p.names, issuer: v}
	root, err := c.document()
	if err != nil {
		return nil, err
	}
	return &Template{p, root}, nil
}

// Profile of the template.
func (t *Template) Profile() *Profile { return t.p }

// Document writes one copy, unsigned; see Append.
func (t *Template) Document(c Copy, claims []byte) ([]byte, error) { return t.Append(nil, c, claims) }

// Append writes one copy to the end of dst: compact JSON. The claims are a JSON
// object as the credential type describes it. A claim that the profile has no
// word for is an error that names it; so nothing is written that leaves out what
// the claims say, but for what the declaration calls inexpressible.
func (t *Template) Append(dst []byte, c Copy, claims []byte) ([]byte, error) {
	w := writers.Get().(*writer)
	defer w.release()
	w.begin(t.p)
	if err := c.values(w); err != nil {
		return nil, err
	}
	if err := w.take(claims); err != nil {
		return nil, err
	}
	dst, _ = w.write(dst, t.root)
	if w.err == nil {
		w.err = w.complete(&t.p.names, w.slots, t.p.inexpressible)
	}
	if w.err != nil {
		return nil, w.err
	}
	return dst, nil
}

// outcome of writing a node.
type outcome uint8

const (
	absent  outcome = iota
	settled         // constants and values only
	claimed         // a claim stands in it
)

// writer is a document on its way.
type writer struct {
	p      *Profile
	values [valueCount]string
	status []byte
	slots  []slot
	items  []slot // of the list element being written
	in     *jsontext.Decoder
	err    error
}

var writers = sync.Pool{New: func() any { return &writer{in: jsontext.NewDecoder(new(bytes.Buffer))} }}

func (w *writer) begin(p *Profile) {
	w.p = p
	w.slots = cleared(w.slots, len(p.names.slots))
}

func cleared(s []slot, n int) []slot {
	if cap(s) < n {
		return make([]slot, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// release forgets what is personal.
func (w *writer) release() {
	clear(w.slots)
	clear(w.items)
	w.in.Reset(new(bytes.Buffer))
	*w = writer{slots: w.slots[:0], items: w.items[:0], in: w.in}
	writers.Put(w)
}

func (w *writer) write(dst []byte, n *node) ([]byte, outcome) {
	switch n.kind {
	case constant:
		return append(dst, n.text...), settled
	case place:
		return w.place(dst, n.ref)
	case object:
		return w.members(dst, n)
	case array:
		return w.elements(dst, n)
	default:
		return w.list(dst, n)
	}
}

func (w *writer) members(dst []byte, n *node) ([]byte, outcome) {
	if n.when != nil && !w.any(n.when) {
		return dst, absent
	}
	start, count, out := len(dst), 0, settled
	dst = append(dst, '{')
	for i := range n.runs {
		m := &n.runs[i]
		mark := len(dst)
		if count > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, m.key...)
		var o outcome
		if dst, o = w.write(dst, m.value); o == absent {
			dst = dst[:mark]
			continue
		}
		count++
		out = max(out, o)
	}
	if count == 0 || n.claims && out != claimed {
		return dst[:start], absent
	}
	return append(dst, '}'), out
}

func (w *writer) any(slots []int) bool {
	for _, s := range slots {
		if w.slots[s].raw != "" {
			return true
		}
	}
	return false
}

func (w *writer) elements(dst []byte, n *node) ([]byte, outcome) {
	start, count, out := len(dst), 0, absent
	dst = append(dst, '[')
	for _, item := range n.items {
		mark := len(dst)
		if count > 0 {
			dst = append(dst, ',')
		}
		var o outcome
		if dst, o = w.write(dst, item); o == absent {
			dst = dst[:mark]
			continue
		}
		count++
		out = max(out, o)
	}
	if count == 0 {
		return dst[:start], absent
	}
	return append(dst, ']'), out
}

// complete: whatever the claims say stands somewhere.
func (w *writer) complete(n *names, slots []slot, excused map[string]string) error {
	for i := range slots {
		if slots[i].raw != "" && !slots[i].written && excused[n.slots[i]] == "" {
			return w.p.fault(ErrClaims, n.slots[i], "has a value that the profile has no word for")
		}
	}
	return nil
}

func (w *writer) fail(dst []byte, field, detail string) ([]byte, outcome) {
	if w.err == nil {
		w.err = w.p.fault(ErrClaims, field, "%s", detail)
	}
	return dst, absent
}

// place writes a string with a claim or a value in it.
func (w *writer) place(dst []byte, r *reference) ([]byte, outcome) {
	if r.isValue() {
		return w.value(dst, r)
	}
	var s *slot
	if r.name[0] == '.' {
		s = &w.items[r.slot]
	} else {
		s = &w.slots[r.slot]
	}
	if s.raw == "" {
		if !r.hasOtherwise {
			return dst, absent
		}
		return append(appendText(append(dst, r.before...), r.otherwise), r.after...), claimed
	}
	if r.integer == (s.raw[0] == '"') {
		return w.fail(dst, r.name, "has a value of another JSON type than the profile expects")
	}
	if len(r.functions) == 0 && !r.hasOtherwise {
		s.written = true
		dst = append(dst, r.before...)
		dst = append(dst, s.raw[1:len(s.raw)-1]...)
		return append(dst, r.after...), claimed
	}
	return w.converted(dst, r, s)
}

func (w *writer) converted(dst []byte, r *reference, s *slot) ([]byte, outcome) {
	text := s.text()
	if r.hasOtherwise && text == r.otherwise {
		return w.fail(dst, r.name, "has the value that the profile writes where there is none")
	}
	text, ok := r.apply(text)
	if !ok {
		return dst, absent
	}
	s.written = true
	dst = append(dst, r.before...)
	dst = appendText(dst, text)
	return append(dst, r.after...), claimed
}

// text of a string without quotation marks and escapes, or a number as it is.
func (s *slot) text() string {
	if s.raw[0] != '"' {
		return s.raw
	}
	if strings.IndexByte(s.raw, '\\') < 0 {
		return s.raw[1 : len(s.raw)-1]
	}
	text, err := jsontext.AppendUnquote(nil, s.raw)
	if err != nil {
		return "" // it was read as a JSON string before
	}
	return string(text)
}

func (w *writer) value(dst []byte, r *reference) ([]byte, outcome) {
	if value(r.slot) == valueStatus {
		if w.status == nil {
			return dst, absent
		}
		return append(dst, w.status...), settled
	}
	text := w.values[r.slot]
	if text == "" {
		return dst, absent
	}
	if text, ok := r.apply(text); ok {
		dst = append(dst, r.before...)
		dst = appendText(dst, text)
		return append(dst, r.after...), settled
	}
	return dst, absent
}
