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
		if err != nil || whole.Kind() != jcs.Object {
			continue
		}
		p := jsonld.New(s.loader(i))
		o := jsonld.Options{Base: s.Base + c.Input}
		want, wantErr := p.Canonicalize([]byte(text), o, rdf.Options{})
		if got, err := p.AppendCanonicalValue(nil, whole, "", o, rdf.Options{}); string(got) != string(want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Errorf("%s: %v\n%s\nfrom its text: %v\n%s", c.ID, err, got, wantErr, want)
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
	if _, err := jsonld.New(nil).AppendCanonicalValue(nil, jcs.Value{}, "", jsonld.Options{}, rdf.Options{}); err == nil {
		t.Error("no value is a document")
	}
}
