package rdf

import (
	"strings"
	"testing"
)

// TestWrittenOnce: terms that were written out before are the same nodes as those
// that are written out now, and nothing of a dataset is left after Reset.
func TestWrittenOnce(t *testing.T) {
	d := &Dataset{}
	d.Grow(4)
	for range 2 {
		p, err := NewTerm("https://a.example/p")
		if err != nil {
			t.Fatal(err)
		}
		date, err := NewDatatype("https://a.example/date")
		if err != nil {
			t.Fatal(err)
		}
		iri, _ := d.IRI("https://a.example/p")
		typed, _ := d.Literal("a\"\x7f\n", "https://a.example/date", "")
		plain, _ := d.Literal("a", "", "")
		dated, _ := d.Literal("a", "https://a.example/date", "")
		if d.Term(p) != iri || d.Typed("a\"\x7f\n", date) != typed || d.Quoted(`"a"`) != plain || d.QuotedTyped(`"a"`, date) != dated {
			t.Error("one term, two nodes")
		}
		s := d.NewBlank()
		if s == d.NewBlank() || d.Label(s) != "" || s == d.Blank("_:b0") {
			t.Error("a blank node that is not new")
		}
		for range 3 {
			if err := d.Add(Quad{S: s, P: iri, O: typed}); err != nil {
				t.Fatal(err)
			}
		}
		c, err := d.Canonicalize(Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(c.NQuads), `_:c14n0 <https://a.example/p> "a\"\u007F\n"^^<https://a.example/date> .`+"\n"; got != want {
			t.Errorf("got %s want %s", got, want)
		}
		if m := c.Issued(); len(m) != 1 {
			t.Errorf("issued %v: a blank node without a label has none to map", m)
		}
		d.Reset()
		if d.Len() != 0 || d.Blanks() != 0 {
			t.Error("something is left")
		}
	}
}

func TestNotADatatype(t *testing.T) {
	for _, iri := range []string{"", "a", "_:b", "https://a.example/%zz", "https://a.example#a#b", langString} {
		if _, err := NewDatatype(iri); err == nil {
			t.Errorf("%q was taken", iri)
		}
	}
}

// TestEscapes: looking at eight bytes at once finds what is escaped wherever it stands.
func TestEscapes(t *testing.T) {
	for at := range 20 {
		for _, c := range []string{"\x00", "\x1f", "\"", "\\", "\x7f", "é", "~", " "} {
			s := strings.Repeat("x", at) + c + strings.Repeat("y", 20-at)
			b := string(appendQuoted(nil, s))
			want := strings.Repeat("x", at) + map[string]string{"\x00": `\u0000`, "\x1f": `\u001F`, "\"": `\"`, "\\": `\\`, "\x7f": `\u007F`}[c]
			if strings.HasSuffix(want, "x") || len(want) == at {
				want += c
			}
			if want = `"` + want + strings.Repeat("y", 20-at) + `"`; b != want {
				t.Errorf("%q gave %q", s, b)
			}
		}
	}
}
