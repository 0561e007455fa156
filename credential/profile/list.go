package profile

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// list writes an element per element of a list claim, with commas between.
func (w *writer) list(dst []byte, n *node) ([]byte, outcome) {
	s := &w.slots[n.slot]
	if s.raw == "" {
		return dst, absent
	}
	s.written = true
	names := w.p.names.lists[n.slot]
	d := w.in // done with the claims
	d.Reset(bytes.NewBufferString(s.raw))
	start := len(dst)
	if d.PeekKind() != '[' {
		return w.fail(dst, n.ref.name, "must be an array of objects")
	}
	for _, err := d.ReadToken(); err == nil && d.PeekKind() != ']'; {
		if len(dst) > start {
			dst = append(dst, ',')
		}
		if !w.fill(d, names) {
			return w.fail(dst, n.ref.name, "holds an element that is no object, or one with a member that has no place")
		}
		var o outcome
		if dst, o = w.write(dst, n.items[0]); o == absent {
			return w.fail(dst, n.ref.name, "holds an element that the profile cannot say")
		}
		if err := w.complete(names, w.items, nil); err != nil {
			return w.fail(dst, n.ref.name, "holds an element with a member that the profile cannot say")
		}
	}
	if len(dst) == start {
		return dst, absent
	}
	return dst, claimed
}

// fill reads the members of a list element into their slots.
func (w *writer) fill(d *jsontext.Decoder, names *names) bool {
	w.items = cleared(w.items, len(names.slots))
	if d.PeekKind() != '{' {
		return false
	}
	for _, err := d.ReadToken(); ; {
		if err != nil {
			return false
		}
		if d.PeekKind() == '}' {
			_, err = d.ReadToken()
			return err == nil
		}
		var raw jsontext.Value
		if raw, err = d.ReadValue(); err != nil {
			return false
		}
		to, ok := names.of[string(raw[1:len(raw)-1])]
		if raw, err = d.ReadValue(); err != nil || !ok {
			return false
		}
		w.items[to].raw = string(raw)
	}
}
