package jsonld_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/jcs"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

// TestValueWithout: a document that was read with a proof, wherever that stands, is
// canonicalised as its text without it is, with the same result or the same error.
func TestValueWithout(t *testing.T) {
	s := readSuite(t, "toRdf.json")
	compared := 0
	for i, c := range s.Tests {
		text := strings.TrimSpace(c.Files[c.Input])
		whole, err := jcs.Parse([]byte(text))
		if err != nil {
			continue
		}
		p := jsonld.New(s.loader(i))
		o := jsonld.Options{Base: s.Base + c.Input}
		want, wantErr := p.Canonicalize([]byte(text), o, rdf.Options{})
		if got, err := p.AppendCanonicalValue(nil, whole, "", o, rdf.Options{}); string(got) != string(want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("%s: %v\n%s\nfrom its text: %v\n%s", c.ID, err, got, wantErr, want)
		}
		if whole.Kind() != jcs.Object {
			continue
		}
		const proof = `"proof": {"@id": "https://a.example/", "@type": ["b", {}], "c": [[1]]}`
		places := []int{strings.IndexByte(text, '{') + 1}
		for _, m := range whole.Members() {
			_, to := m.Span()
			places = append(places, to)
		}
		if len(places) == 1 {
			continue
		}
		for _, at := range places {
			before, after := text[:at], text[at:]
			if at == places[0] {
				after = "," + after
			} else {
				before += ","
			}
			secured, err := jcs.Parse([]byte(before + proof + after))
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.AppendCanonicalValue(nil, secured, "proof", o, rdf.Options{})
			if string(got) != string(want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%s, proof at %d: %v\n%s\nfrom the text without it: %v\n%s", c.ID, at, err, got, wantErr, want)
			}
			compared++
		}
	}
	if compared < 500 {
		t.Errorf("%d documents were compared", compared)
	}
	empty, err := jcs.Parse([]byte(`{"@context": {"@vocab": "https://a.example/p"}, "": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := jsonld.New(nil).AppendCanonicalValue(nil, empty, "", jsonld.Options{}, rdf.Options{}); err != nil || len(b) == 0 {
		t.Errorf("the member without a name is left out: %v", err)
	}
	if _, err := jsonld.New(nil).AppendCanonicalValue(nil, jcs.Value{}, "", jsonld.Options{}, rdf.Options{}); err == nil {
		t.Error("no value is a document")
	}
}
