package sdjwt

import (
	"fmt"
	"strings"

	"github.com/zegel-id/zegel/credential"
)

// Selection is what a holder discloses: the disclosures of the chosen claims
// and of everything they stand in.
type Selection struct {
	of     *SDJWT
	chosen []bool
}

// Len is the number of disclosures that are sent.
func (sel Selection) Len() int {
	n := 0
	for _, c := range sel.chosen {
		if c {
			n++
		}
	}
	return n
}

// Disclose selects the claims of the paths: each value with all that is inside
// it, and the disclosures it is nested in (RFC 9901, Sections 4.2.6 and 7.2).
// Ask for the deepest path that serves, a path to an object discloses all of
// it. Claims that are always visible need no path; no paths discloses nothing.
// A path that selects nothing is ErrNoSuchClaim.
func (s *SDJWT) Disclose(paths []Path) (Selection, error) {
	sel := Selection{of: s, chosen: make([]bool, len(s.disclosures))}
	if s.KeyBound() {
		return Selection{}, fromHolder()
	}
	for i, p := range paths {
		if err := p.Validate(); err != nil {
			return Selection{}, fmt.Errorf("path %d: %w", i+1, err)
		}
		if s.choose(&sel, s.root, p) == 0 {
			return Selection{}, fmt.Errorf("path %d: %w (OpenID4VP 1.0, Section 7.1)", i+1, ErrNoSuchClaim)
		}
	}
	return sel, nil
}

// choose follows a path from node n and marks the disclosures on the way. It
// reports how many values the path selects.
func (s *SDJWT) choose(sel *Selection, n int32, p Path) int {
	if len(p) == 0 {
		s.whole(sel, n)
		return 1
	}
	if name, ok := p[0].(string); ok && s.doc.nodes[n].kind == kindObject { // most are
		return s.follow(sel, s.doc.member(n, name), p[1:])
	}
	next, ok := s.doc.step([]int32{n}, p[0], false)
	if !ok {
		return 0
	}
	count := 0
	for _, c := range next {
		count += s.follow(sel, c, p[1:])
	}
	return count
}

// follow is choose from a value that a path leads over; n is negative when there
// is none.
func (s *SDJWT) follow(sel *Selection, n int32, p Path) int {
	if n < 0 {
		return 0
	}
	found := s.choose(sel, n, p)
	if found > 0 {
		sel.mark(s.doc.nodes[n].disclosure)
	}
	return found
}

func (s *SDJWT) whole(sel *Selection, n int32) {
	sel.mark(s.doc.nodes[n].disclosure)
	for c := s.doc.nodes[n].child; c >= 0; c = s.doc.nodes[c].next {
		s.whole(sel, c)
	}
}

func (sel *Selection) mark(disclosure int32) {
	if disclosure > 0 {
		sel.chosen[disclosure-1] = true
	}
}

// Present makes the presentation of a selection: an SD-JWT, or with kb an
// SD-JWT+KB (RFC 9901, Section 7.2).
func (s *SDJWT) Present(sel Selection, kb *KeyBinding) (string, error) {
	if sel.of != s {
		return "", fmt.Errorf("the selection was made from another credential; call Disclose on this one")
	}
	if s.KeyBound() {
		return "", fromHolder()
	}
	jwt := strings.IndexByte(s.text, '~') + 1
	size := jwt
	for i, d := range s.disclosures {
		if sel.chosen[i] {
			size += d.end + 1 - d.start
		}
	}
	if kb != nil {
		size += roomForBinding
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString(s.text[:jwt])
	for i, d := range s.disclosures {
		if sel.chosen[i] {
			b.WriteString(s.text[d.start : d.end+1])
		}
	}
	if kb != nil {
		token, err := kb.token(s, octets(b.String()))
		if err != nil {
			return "", err
		}
		b.Write(token)
	}
	return b.String(), nil
}

// Disclosable lists the paths of all claims the holder can choose to disclose
// or to keep, outer ones first.
func (s *SDJWT) Disclosable() []Path { return s.doc.disclosed(s.root, len(s.disclosures)) }

// disclosed lists the paths of the values that came in disclosures.
func (d *document) disclosed(root int32, count int) []Path {
	if count == 0 {
		return nil
	}
	w := pathWalk{d: d, out: make([]Path, 0, count), parts: make([]any, 0, count), at: make([]pathStep, 0, 8)}
	w.walk(root)
	return w.out
}

// pathWalk collects paths. Names become strings only for values that were
// disclosed.
type pathWalk struct {
	d     *document
	out   []Path
	parts []any      // backing store of the paths
	at    []pathStep // the way to the current value
}

type pathStep struct {
	node  int32 // whose name it is, -1 for an array element
	index int
}

func (w *pathWalk) walk(n int32) {
	i := 0
	object := w.d.nodes[n].kind == kindObject
	for c := w.d.nodes[n].child; c >= 0; c = w.d.nodes[c].next {
		nd := &w.d.nodes[c]
		if nd.kind == kindAbsent {
			continue
		}
		step := pathStep{-1, i}
		if object {
			step.node = c
		}
		i++
		w.at = append(w.at, step)
		if nd.disclosure > 0 {
			w.add()
		}
		if nd.child >= 0 {
			w.walk(c)
		}
		w.at = w.at[:len(w.at)-1]
	}
}

func (w *pathWalk) add() {
	from := len(w.parts)
	for _, step := range w.at {
		if step.node < 0 {
			w.parts = append(w.parts, step.index)
			continue
		}
		w.parts = append(w.parts, string(w.d.name(step.node)))
	}
	w.out = append(w.out, Path(w.parts[from:len(w.parts):len(w.parts)]))
}

func fromHolder() error {
	return &Error{Check: credential.CheckStructure, Spec: "RFC 9901, Section 7.2",
		Detail: "this SD-JWT carries a key binding JWT; what an issuer hands out must not, and a presentation cannot be presented again"}
}
