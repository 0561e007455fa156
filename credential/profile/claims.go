package profile

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxClaims is how many bytes of claims one document is made of.
const MaxClaims = 1 << 18

// branch is a member of the claims: a claim, or an object with claims in it.
type branch struct {
	slot int // -1 for none
	skip bool
	next map[string]*branch
}

// at is the branch of a dotted name, made if it is new.
func (b *branch) at(name string) *branch {
	for _, part := range strings.Split(name, ".") {
		if b.next == nil {
			b.next = map[string]*branch{}
		}
		if b.next[part] == nil {
			b.next[part] = &branch{slot: -1}
		}
		b = b.next[part]
	}
	return b
}

// tree of the claims of a profile, the inexpressible ones included. A claim is a
// value or an object of claims, not both.
func (p *Profile) tree() (*branch, error) {
	root := &branch{slot: -1}
	for slot, name := range p.names.slots {
		root.at(name).slot = slot
	}
	for name := range p.inexpressible {
		if b := root.at(name); b.slot < 0 {
			b.skip = true
		}
	}
	for _, name := range append(slices.Collect(maps.Keys(p.inexpressible)), p.names.slots...) {
		if root.at(name).next != nil {
			return nil, p.fault(ErrDeclaration, name, "is a claim, and other names are below it")
		}
	}
	return root, nil
}

// slot is a claim while a document is written.
type slot struct {
	raw     string // JSON; empty when the claim is absent
	written bool
}

// take puts the claims into their slots.
func (w *writer) take(claims []byte) error {
	if len(claims) > MaxClaims {
		return w.p.fault(ErrClaims, "", "are longer than %d bytes", MaxClaims)
	}
	text := string(claims) // that the slots are parts of
	w.in.Reset(bytes.NewBuffer(claims))
	if err := w.object(text, w.p.claims, ""); err != nil {
		return err
	}
	if _, err := w.in.ReadToken(); !errors.Is(err, io.EOF) {
		return w.p.fault(ErrClaims, "", "must be one JSON object, with nothing behind it")
	}
	for _, name := range w.p.required {
		if name[0] == '$' {
			if w.values[values[name]] == "" {
				return w.p.fault(ErrCopy, name, "must be set")
			}
		} else if w.slots[w.p.names.of[name]].raw == "" {
			return w.p.fault(ErrClaims, name, "is missing, and the profile has no document without it")
		}
	}
	return nil
}

func (w *writer) object(claims string, b *branch, name string) error {
	if w.in.PeekKind() != '{' {
		return w.p.fault(ErrClaims, name, "must be a JSON object")
	}
	for _, err := w.in.ReadToken(); ; {
		if err != nil {
			return w.notJSON(name)
		}
		if w.in.PeekKind() == '}' {
			_, err = w.in.ReadToken()
			return err
		}
		if err = w.member(claims, b, name); err != nil {
			return err
		}
	}
}

func (w *writer) member(claims string, b *branch, name string) error {
	raw, err := w.in.ReadValue()
	if err != nil {
		return w.notJSON(name)
	}
	to := b.next[string(raw[1:len(raw)-1])]
	if to == nil {
		return w.p.fault(ErrClaims, dotted(name, clip(raw)), "is a claim that the profile does not know: give it a place or a reason in the declaration")
	}
	if to.next != nil {
		return w.object(claims, to, dotted(name, string(raw[1:len(raw)-1])))
	}
	if raw, err = w.in.ReadValue(); err != nil {
		return w.notJSON(name)
	}
	if to.skip {
		return nil
	}
	if raw.Kind() == 'n' {
		return w.p.fault(ErrClaims, w.p.names.slots[to.slot], "is null; leave out what is not known")
	}
	end := w.in.InputOffset()
	w.slots[to.slot].raw = claims[end-int64(len(raw)) : end]
	return nil
}

func (w *writer) notJSON(name string) error {
	return w.p.fault(ErrClaims, name, "is not strict JSON: syntax error, duplicate member or invalid UTF-8")
}

func dotted(name, below string) string {
	if name == "" {
		return below
	}
	return name + "." + below
}

func clip(raw jsontext.Value) string {
	const most = 64
	s := string(raw[1 : len(raw)-1])
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}
