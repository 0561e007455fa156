package jsonld_test

import (
	"errors"
	"testing"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

// TestNothingIsKept: a document's bytes are its owner's again when it was
// canonicalised; contexts inside it, results and errors do not change with them.
func TestNothingIsKept(t *testing.T) {
	const good = `{"@context": {"@vocab": "https://a.example/", "T": {"@id": "T", "@context": {"u": "https://a.example/scoped#"}}, "g": {"@id": "g", "@type": "@id"}},
		"@type": "T", "u": "a", "g": ["_:b", "https://b.example/\u00e9"], "x\u0041": {"@id": "_:b", "y": 1.5}}`
	const bad = `{"@context": {"a": "https://a.example/a"}, "undefined": "b"}`
	p := jsonld.New(jsonld.LoaderFunc(func(string) ([]byte, error) { return nil, errors.New("not known") }))
	want := ""
	for range 3 {
		doc := []byte(good)
		got, err := p.Canonicalize(doc, jsonld.Options{}, rdf.Options{})
		if err != nil {
			t.Fatal(err)
		}
		scribble(doc)
		if want == "" {
			want = string(got)
		}
		if string(got) != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		before := []byte("before\n")
		if again, err := p.AppendCanonical(before, []byte(good), jsonld.Options{}, rdf.Options{}); err != nil || string(again) != "before\n"+want {
			t.Errorf("%v: %s", err, again)
		}
		if none, err := p.AppendCanonical(before, []byte(bad), jsonld.Options{}, rdf.Options{}); err == nil || none != nil {
			t.Errorf("%v: %s", err, none)
		}
		doc = []byte(bad)
		_, err = p.Canonicalize(doc, jsonld.Options{}, rdf.Options{})
		scribble(doc)
		if e := (*jsonld.Error)(nil); !errors.As(err, &e) || e.Pointer != "/undefined" {
			t.Errorf("%v", err)
		}
		doc = []byte(`{"@context": "https://c.example/ctx", "a": 1}`)
		_, err = p.Canonicalize(doc, jsonld.Options{}, rdf.Options{})
		scribble(doc)
		if e := (*jsonld.Error)(nil); !errors.As(err, &e) || e.Pointer != "/@context" || e.Detail != "not known" {
			t.Errorf("%v", err)
		}
	}
}

func scribble(b []byte) {
	for i := range b {
		b[i] = '#'
	}
}
