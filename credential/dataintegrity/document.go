package dataintegrity

import (
	"bytes"
	"strings"
	"sync"

	"github.com/zegel-id/zegel/credential/jcs"
)

// Limits of what is read. A proof costs a verification, so that their number is
// kept small.
const (
	// MaxDocument is the size of a document in bytes.
	MaxDocument = 4 << 20
	// MaxProofs is how many proofs a document may have.
	MaxProofs = 8
)

// Secured is a document that was read, with its proofs. Nothing is verified.
type Secured struct {
	src    []byte
	root   jcs.Value
	proofs []*Proof
}

// Parse reads a document: an object in strict JSON, whose proof, if it has one, is
// an object or a non-empty array of objects. The error is an *Error. The caller
// does not change the text any more.
func Parse(document []byte) (*Secured, error) { return parse(new(jcs.Reader), document) }

// readers are for documents that nobody keeps.
var readers = sync.Pool{New: func() any { return new(jcs.Reader) }}

func release(r *jcs.Reader) {
	r.Forget()
	readers.Put(r)
}

func parse(r *jcs.Reader, document []byte) (*Secured, error) {
	if len(document) > MaxDocument {
		return nil, malformed("4.4", "the document is larger than 4 MiB")
	}
	root, err := r.ReadInPlace(document)
	if err != nil {
		return nil, &Error{Check: CheckStructure, Spec: specDI + ", Section 4.4", Detail: "the document is not strict JSON", Err: err}
	}
	if root.Kind() != jcs.Object {
		return nil, malformed("4.4", "the document is not an object")
	}
	s := &Secured{src: document, root: root}
	switch p := root.Member("proof"); p.Kind() {
	case jcs.None:
	case jcs.Object:
		err = s.add(p)
	case jcs.Array:
		for e := range p.Elements() {
			if err == nil {
				err = s.add(e)
			}
		}
		if err == nil && len(s.proofs) == 0 {
			return nil, malformed("2.1.1", "proof is an array of none; an empty proof set proves nothing")
		}
	default:
		return nil, malformed("2.1", "proof is not an object or an array of objects")
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Secured) add(v jcs.Value) error {
	if len(s.proofs) == MaxProofs {
		return malformed("2.1.1", "more than 8 proofs")
	}
	p, err := readProof(v)
	if err != nil {
		return err
	}
	s.proofs = append(s.proofs, p)
	return nil
}

// Proofs are the proofs in the order of the document; none of a document that is
// not secured.
func (s *Secured) Proofs() []*Proof { return s.proofs }

// Unsecured is the document without its proof, otherwise as it was written.
func (s *Secured) Unsecured() []byte {
	if len(s.proofs) == 0 {
		from, to := s.root.Span()
		return s.src[from:to:to]
	}
	return without(s.root, "proof")
}

// Input is what the cryptosuite of a proof of this document works on. It is an
// error if a proof that it follows is not there.
func (s *Secured) Input(p *Proof) (Input, error) { return s.input(p, s.Unsecured()) }

// input is Input, of what Unsecured gave.
func (s *Secured) input(p *Proof, unsecured []byte) (Input, error) {
	value := p.value
	var err error
	if value.Kind() == jcs.None { // a proof that was verified
		if value, err = jcs.Parse([]byte(p.raw)); err != nil {
			return Input{}, err
		}
	}
	in := Input{Document: unsecured, Options: without(value, "proofValue"), Context: s.context()}
	if len(p.Previous) == 0 {
		return in, nil
	}
	in.Document, err = s.following(p.Previous)
	return in, err
}

// context is the @context of the document, nil if it has none.
func (s *Secured) context() []byte {
	if v := s.root.Member("@context"); v.Kind() != jcs.None {
		return []byte(v.Raw())
	}
	return nil
}

// following is the document that a proof after others is made over: with those
// others, in the order of the document (Data Integrity 1.0, Section 4.3, steps 4 to
// 6).
func (s *Secured) following(ids []string) ([]byte, error) {
	matching, err := s.matching(ids)
	if err != nil {
		return nil, err
	}
	list := []byte{'['}
	for i, m := range matching {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, m.raw...)
	}
	return s.with(append(list, ']')), nil
}

// matching are the proofs with these ids.
func (s *Secured) matching(ids []string) ([]*Proof, error) {
	var all []*Proof
	found := map[string]bool{}
	for _, p := range s.proofs {
		for _, id := range ids {
			if p.ID != id {
				continue
			}
			if found[id] {
				return nil, chain("two proofs have the id that previousProof names")
			}
			found[id] = true
			all = append(all, p)
		}
	}
	for _, id := range ids {
		if !found[id] {
			return nil, chain("previousProof names a proof that is not there")
		}
	}
	return all, nil
}

func chain(detail string) *Error {
	return &Error{Check: CheckChain, Spec: specDI + ", Sections 2.1.2 and 4.5", Detail: detail}
}

// with is the document with another value, or a first one, of its proof.
func (s *Secured) with(proof []byte) []byte {
	if p := s.root.Member("proof"); p.Kind() != jcs.None {
		return replaced(s.src, p, proof)
	}
	_, end := s.root.Span()
	last := len(bytes.TrimRight(s.src[:end-1], " \t\r\n")) // behind the last member
	b := append(make([]byte, 0, len(s.src)+len(proof)+16), s.src[:last]...)
	if b[last-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(b, `"proof":`...), proof...)
	return append(b, s.src[last:]...)
}

// Attach gives an unsecured document a proof, as text. Neither is verified.
func Attach(document, proof []byte) ([]byte, error) {
	s, err := Parse(document)
	if err != nil {
		return nil, err
	}
	if len(s.proofs) > 0 {
		return nil, malformed("4.2", "the document has a proof already")
	}
	return s.with(proof), nil
}

// replaced is src with other text for a value.
func replaced(src []byte, v jcs.Value, text []byte) []byte {
	from, to := v.Span()
	b := make([]byte, 0, len(src)-(to-from)+len(text))
	b = append(append(b, src[:from]...), text...)
	return append(b, src[to:]...)
}

// without is the text of an object without one of its members, and without the
// comma that goes with it.
func without(object jcs.Value, name string) []byte {
	raw, gone := object.Raw(), object.Member(name)
	if gone.Kind() == jcs.None {
		return []byte(raw)
	}
	from, _ := object.Span()
	_, end := gone.Span()
	const space = " \t\r\n"
	head, last := strings.CutSuffix(strings.TrimRight(raw[:gone.NameAt()-from], space), ",")
	tail := raw[end-from:]
	if !last {
		if rest, more := strings.CutPrefix(strings.TrimLeft(tail, space), ","); more {
			tail = rest
		}
	}
	return append(append(make([]byte, 0, len(head)+len(tail)), head...), tail...)
}
