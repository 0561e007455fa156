package dataintegrity

import (
	"slices"
	"strings"

	"github.com/zegel-id/zegel/credential/internal/jsontree"
	"github.com/zegel-id/zegel/credential/jcs"
)

const specContext = specDI + ", Section 4.6"

// reading is the rule that what a document says must be what its reader sees: through
// contexts that are known (Data Integrity 1.0, Sections 2.4.1 and 4.6), and under the
// names of their terms.
type reading struct {
	contexts []string // URLs of those that are understood
	embedded []string // members whose values are documents with a context of their own
	inline   bool     // contexts may also be written out in the document
	spelled  bool     // members are named by terms, and stand where they belong

	t    *jsontree.Tree
	root int32  // of the document
	id   string // of the document
}

// check refuses contexts that are not known by their URL, contexts that are written
// out in the document, and contexts inside it, but for those of embedded documents;
// and members that are named by IRIs and keywords, or say of the document what does
// not stand at its top.
func (r reading) check(document jcs.Value) error {
	r.id, _ = document.Member("id").Text()
	r.t, r.root = document.Tree()
	return r.object(r.root, true)
}

// object checks a JSON object, which may have a context of its own or not.
func (r *reading) object(at int32, may bool) error {
	members := 0
	var id *jsontree.Node
	for c := at + 1; c < r.t.Nodes[at].End; c = r.t.Nodes[c].End {
		m := &r.t.Nodes[c]
		members++
		switch {
		case m.Name == "@context":
			if !may {
				return unknownContext("an object inside the document has an @context of its own")
			}
			if err := r.known(c); err != nil {
				return err
			}
			continue
		case m.Name == "id" && m.Kind == jsontree.String:
			id = m
		case r.spelled && (strings.HasPrefix(m.Name, "@") || strings.Contains(m.Name, ":")) && !r.ofValue(at, m.Name):
			return &Error{Check: CheckSpelling, Spec: specDI + ", Section 2.4.1", Detail: "member " + clip(m.Name) + " is named by an IRI or a keyword; it may be what a reader looks for under the name of a term, so that a term must be used"}
		}
		if m.Kind != jsontree.Object && m.Kind != jsontree.Array {
			continue
		}
		inside := may && (m.Name == "proof" || slices.Contains(r.embedded, m.Name))
		if err := r.value(c, inside); err != nil {
			return err
		}
	}
	if id != nil && r.spelled && members > 1 && id.Text == r.id && at != r.root {
		return &Error{Check: CheckSpelling, Spec: specDI + ", Section 2.4.1", Detail: "an object inside has the id of the document and says more of it; that must stand at the top, where a reader looks for it"}
	}
	return nil
}

// ofValue says whether it is a keyword of a value object, which have no aliases.
func (r *reading) ofValue(object int32, name string) bool {
	switch name {
	case "@value", "@language", "@direction", "@type":
		_, ok := r.t.Member(object, "@value")
		return ok
	default:
		return false
	}
}

func (r *reading) value(at int32, may bool) error {
	switch v := &r.t.Nodes[at]; v.Kind {
	case jsontree.Object:
		return r.object(at, may)
	case jsontree.Array:
		for e := at + 1; e < v.End; e = r.t.Nodes[e].End {
			if err := r.value(e, may); err != nil {
				return err
			}
		}
	}
	return nil
}

// known checks one value of @context: a URL or an array of URLs.
func (r *reading) known(context int32) error {
	v := &r.t.Nodes[context]
	if v.Kind != jsontree.Array {
		return r.knownURL(v)
	}
	for c := context + 1; c < v.End; c = r.t.Nodes[c].End {
		if err := r.knownURL(&r.t.Nodes[c]); err != nil {
			return err
		}
	}
	return nil
}

func (r *reading) knownURL(v *jsontree.Node) error {
	switch {
	case r.inline && v.Kind == jsontree.Object:
	case v.Kind != jsontree.String:
		return unknownContext("an @context is written out in the document, or is null; only URLs of known contexts are accepted")
	case !slices.Contains(r.contexts, v.Text):
		return unknownContext("@context " + clip(v.Text) + " is not a known context")
	}
	return nil
}

// oneOrMany are the elements of an array, or the one value that is no array.
func oneOrMany(v jcs.Value) func(func(jcs.Value) bool) {
	if v.Kind() == jcs.Array {
		return v.Elements()
	}
	return func(yield func(jcs.Value) bool) { yield(v) }
}

// begins says whether a context starts with all of another in the same order.
func begins(all, first jcs.Value) bool {
	if all.Kind() == jcs.None {
		return false
	}
	rest := slices.Collect(oneOrMany(all))
	for c := range oneOrMany(first) {
		if len(rest) == 0 || !equal(rest[0], c) {
			return false
		}
		rest = rest[1:]
	}
	return true
}

// equal compares values by their canonical form.
func equal(x, y jcs.Value) bool {
	return string(x.AppendCanonical(nil)) == string(y.AppendCanonical(nil))
}

func unknownContext(detail string) *Error {
	return &Error{Check: CheckContext, Spec: specContext, Detail: detail}
}

func contextPrefix() *Error {
	return &Error{Check: CheckContext, Spec: "Data Integrity EdDSA Cryptosuites 1.0, Section 3.3.2, step 4", Detail: "the @context of the document does not start with that of the proof"}
}
