package did

import (
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	const css = "application/n-quads,application/trig;q=0.95,application/ld+json;q=0.9,application/n-triples;q=0.8,text/html;q=0.7,text/turtle;q=0.6,text/n3;q=0.35"
	for accept, want := range map[string]string{
		"":                                       Turtle,
		"  ":                                     Turtle,
		"*/*":                                    Turtle,
		"text/turtle":                            Turtle,
		"TEXT/Turtle":                            Turtle,
		"text/*":                                 Turtle,
		css:                                      Turtle, // as a Solid server asks
		"application/ld+json, text/turtle;q=0.1": Turtle,
		"application/ld+json, text/turtle;q=0.001":        Turtle,
		"application/ld+json":                             JSONLD,
		"application/*":                                   JSONLD,
		"application/ld+json, */*;q=0.1":                  JSONLD,
		"application/ld+json;q=0.5, */*":                  Turtle,
		"application/ld+json, text/turtle;q=0":            JSONLD,
		"*/*, text/turtle;q=0":                            JSONLD,
		"*/*, text/turtle;q=0.000":                        JSONLD,
		"*/*, application/ld+json;q=0":                    Turtle,
		"text/*;q=0, */*;q=0.1":                           JSONLD,
		"text/html, application/xhtml+xml, */*;q=0.8":     Turtle,
		`application/ld+json;profile="a,b;q=0"`:           JSONLD,
		`application/ld+json;profile="a\",text/turtle"`:   JSONLD,
		"text/turtle;q=2, application/ld+json":            JSONLD, // the malformed element is passed over
		"text/turtle;q=0.1234, application/ld+json;q=0.1": JSONLD,
		"application/ld+json;Q=0.3":                       JSONLD,
		", ,application/ld+json":                          JSONLD,

		"text/html":        "",
		"text/turtle;q=0":  "",
		"*/*;q=0":          "",
		"application/json": "",
		"nonsense":         "",
		"text/turtle;q=":   "",
		"text/turtle;q=-1": "",
		"*/turtle":         "",
		"text/turtle" + strings.Repeat(" ", 5000): "",
	} {
		got, ok := Negotiate(accept)
		if got != want || ok != (want != "") {
			t.Errorf("Accept %.60q: %q %v, expected %q", accept, got, ok, want)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, s := range []string{"", "*/*", "text/turtle;q=0.6, application/ld+json;q=0.9", `a/b;c="d,e\"";q=1.000`, "text/*;q=0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		got, ok := Negotiate(accept)
		if ok != (got == Turtle || got == JSONLD) || !ok && got != "" {
			t.Errorf("%q: %q, %v", accept, got, ok)
		}
	})
}
