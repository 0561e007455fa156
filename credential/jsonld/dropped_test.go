package jsonld_test

import (
	"testing"

	"github.com/zegel-id/zegel/credential/jsonld"
)

// TestListsThatLeadNowhere: in lax mode a list goes with the node or the property that
// is dropped, and so do the lists in it; a node in it is still said.
func TestListsThatLeadNowhere(t *testing.T) {
	const context = `"@context": {"p": {"@id": "https://b.example/p", "@container": "@list"}, "q": {"@id": "https://b.example/p"}}`
	p := jsonld.New(nil)
	for name, c := range map[string]struct{ doc, want string }{
		"list":         {`{` + context + `, "@id": "#frag", "p": ["a"]}`, ""},
		"list in list": {`{` + context + `, "@id": "#frag", "p": ["a", ["b", {"@list": ["c"]}]]}`, ""},
		"list of json": {`{"@context": {"p": {"@id": "https://b.example/p", "@container": "@list", "@type": "@json"}}, "@id": "#frag", "p": ["a"]}`, ""},
		"node in it":   {`{` + context + `, "@id": "#frag", "p": [["b", {"@id": "https://a.example/", "q": 1}]]}`, number("<https://a.example/>")},
		"list of a node in it": {`{` + context + `, "@id": "#frag", "p": [{"@id": "https://a.example/", "p": []}]}`,
			"<https://a.example/> <https://b.example/p> <http://www.w3.org/1999/02/22-rdf-syntax-ns#nil> .\n"},
	} {
		if got, err := ours(p, []byte(c.doc), true); err != nil || got != c.want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
		if _, err := ours(p, []byte(c.doc), false); err == nil {
			t.Errorf("%s: taken in safe mode", name)
		}
	}
}
