package jsonld_test

import (
	"testing"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

// TestStringsAsWritten: strings go into RDF as they stand in JSON where both write them
// alike, and only there: U+007F needs no escape in JSON (RFC 8259, Section 7) and one in
// canonical N-Quads (RDFC-1.0, Appendix A).
func TestStringsAsWritten(t *testing.T) {
	const contexts = `{"@vocab": "https://a.example/", "t": {"@type": "https://a.example/T"}, "l": {"@language": "en"}, "m": {"@container": "@language"}}`
	for json, nquads := range map[string]string{
		"a\x7f": `a\u007F`, `a`: `a`, ``: ``, `é`: `é`, "\U0001f600": "\U0001f600", `a\/\u0062`: `a/b`, `\u007f`: `\u007F`, `\"\n\\`: `\"\n\\`,
	} {
		for property, end := range map[string]string{"p": "", "t": "^^<https://a.example/T>", "l": "@en"} {
			doc := `{"@context": ` + contexts + `, "@id": "https://a.example/", "` + property + `": "` + json + `"}`
			same(t, doc, `<https://a.example/> <https://a.example/`+property+`> "`+nquads+`"`+end+" .\n")
		}
		same(t, `{"@context": `+contexts+`, "@id": "https://a.example/", "m": {"NL": "`+json+`"}}`, `<https://a.example/> <https://a.example/m> "`+nquads+`"@nl .`+"\n")
	}
}

func same(t *testing.T, doc, want string) {
	t.Helper()
	if got, err := jsonld.New(nil).Canonicalize([]byte(doc), jsonld.Options{}, rdf.Options{}); err != nil || string(got) != want {
		t.Errorf("%s: %v\n%s\nexpected\n%s", doc, err, got, want)
	}
}
