package dataintegrity

import (
	"slices"

	"github.com/zegel-id/zegel/credential/jcs"
)

const specContext = specDI + ", Section 4.6"

// knownContexts is the rule that what a document means must be known to who acts on
// it (Data Integrity 1.0, Sections 2.4.1 and 4.6).
type knownContexts struct {
	urls     []string // the contexts that are understood
	embedded []string // members whose values are documents with a context of their own
}

// check refuses contexts that are not known by their URL, contexts that are written
// out in the document, and contexts inside it, but for those of embedded documents.
func (k knownContexts) check(document jcs.Value) error { return k.object(document, true) }

// object checks a JSON object, which may have a context of its own or not.
func (k knownContexts) object(v jcs.Value, may bool) error {
	for name, m := range v.Members() {
		if name == "@context" {
			if !may {
				return unknownContext("an object inside the document has an @context of its own")
			}
			if err := k.known(m); err != nil {
				return err
			}
			continue
		}
		inside := may && (name == "proof" || slices.Contains(k.embedded, name))
		if err := k.value(m, inside); err != nil {
			return err
		}
	}
	return nil
}

func (k knownContexts) value(v jcs.Value, may bool) error {
	if v.Kind() == jcs.Object {
		return k.object(v, may)
	}
	for e := range v.Elements() {
		if err := k.value(e, may); err != nil {
			return err
		}
	}
	return nil
}

// known checks one value of @context: a URL or an array of URLs.
func (k knownContexts) known(context jcs.Value) error {
	for c := range oneOrMany(context) {
		url, ok := c.Text()
		switch {
		case !ok:
			return unknownContext("an @context is written out in the document, or is null; only URLs of known contexts are accepted")
		case !slices.Contains(k.urls, url):
			return unknownContext("@context " + clip(url) + " is not a known context")
		}
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
