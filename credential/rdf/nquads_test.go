package rdf_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/rdf"
)

func canonical(t testing.TB, nquads string) string {
	t.Helper()
	d, err := rdf.ParseNQuads(nquads)
	if err != nil {
		t.Fatalf("%v: %s", err, nquads)
	}
	c, err := d.Canonicalize(rdf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(c.NQuads)
}

func TestParseReads(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		" # nothing\r\n\t\n":   "",
		"<a:s><a:p><a:o>.":     "<a:s> <a:p> <a:o> .\n",
		"_:x.y <a:p>_:é .#end": "_:c14n1 <a:p> _:c14n0 .\n",
		`<a:s> <a:p> "\t\b\n\r\f\"\'\\\u0041\U0001F512" .`:                             `<a:s> <a:p> "\t\b\n\r\f\"'\\A🔒" .` + "\n",
		"<a:s> <a:p> \"\x00\x07\x0b\x1f\x7f\u0085\" .":                                 `<a:s> <a:p> "\u0000\u0007\u000B\u001F\u007F` + "\u0085\" .\n",
		`<a:s> <a:p> "x"^^<http://www.w3.org/2001/XMLSchema#string> <a:g> .`:           `<a:s> <a:p> "x" <a:g> .` + "\n",
		`<a:s> <a:p> "x"^^<a:t> .` + "\n" + `<a:s> <a:p> "x"@nl-BE .`:                  `<a:s> <a:p> "x"@nl-BE .` + "\n" + `<a:s> <a:p> "x"^^<a:t> .` + "\n",
		"<a:s> <a:p> <a:\\u00e9> .\n<a:s> <a:p> <a:é> .":                               "<a:s> <a:p> <a:é> .\n",
		"<a:s> <a:p> <a:oo> .\n<a:s> <a:p> <a:o> _:g .\n<a:s> <a:p> <a:o> .":           "<a:s> <a:p> <a:o> .\n<a:s> <a:p> <a:o> _:c14n0 .\n<a:s> <a:p> <a:oo> .\n",
		`<a:s> <a:p> "x"@en .` + "\n" + `<a:s> <a:p> "x" .` + "\n<a:s> <a:p> \"xy\" .": `<a:s> <a:p> "x" .` + "\n" + `<a:s> <a:p> "x"@en .` + "\n<a:s> <a:p> \"xy\" .\n",
	} {
		if got := canonical(t, in); got != want {
			t.Errorf("%q:\ngot      %q\nexpected %q", in, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"<a:s> <a:p> <a:o>",
		"<a:s> <a:p> .",
		"<a:s> <a:p> <a:o> <a:g> <a:h> .",
		"<a:s> <a:p> <a:o> . <a:s>",
		`"s" <a:p> <a:o> .`,
		"<a:s> _:p <a:o> .",
		`<a:s> "p" <a:o> .`,
		`<a:s> <a:p> <a:o> "g" .`,
		"<s> <a:p> <a:o> .", "<> <a:p> <a:o> .", "<//x> <a:p> <a:o> .", "<1a:s> <a:p> <a:o> .",
		"<a:s> <a:p> <a: > .", "<a:s> <a:p> <a:{> .", "<a:s> <a:p> <a:\\u003e> .", "<a:s> <a:p> <a:%zz> .", "<a:s> <a:p> <a:%4> .", "<a:s> <a:p> <a:o .",
		"<a:s> <a:p> <a:\xff> .",
		"<a:s> <a:p> \"\xff\" .",
		`<a:s> <a:p> "x .`, `<a:s> <a:p> "x\`, `<a:s> <a:p> "\x" .`, `<a:s> <a:p> "\u12" .`, `<a:s> <a:p> "\u12g4" .`, `<a:s> <a:p> "\uD800" .`, `<a:s> <a:p> "\U00110000" .`, `<a:s> <a:p> "\UFFFFFFFF" .`,
		`<a:s> <a:p> <a:\t> .`,
		`<a:s> <a:p> "x"@ .`, `<a:s> <a:p> "x"@1n .`, `<a:s> <a:p> "x"@en- .`, `<a:s> <a:p> "x"@en--ltr .`,
		`<a:s> <a:p> "x"^^<> .`, `<a:s> <a:p> "x"^^<t> .`, `<a:s> <a:p> "x"^^ .`,
		`<a:s> <a:p> "x"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#langString> .`,
		"_: <a:p> <a:o> .", "_x <a:p> <a:o> .", "_:-x <a:p> <a:o> .", "_:x\u2190 <a:p> <a:o> .",
	} {
		if _, err := rdf.ParseNQuads(in); !errors.Is(err, rdf.ErrSyntax) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestDatasetRefuses(t *testing.T) {
	var d rdf.Dataset
	iri, err := d.IRI("a:b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Literal("x", "a:t", "nl"); !errors.Is(err, rdf.ErrTerm) {
		t.Errorf("datatype with language: %v", err)
	}
	for _, q := range []rdf.Quad{{P: iri, O: iri}, {S: iri, O: iri}, {S: iri, P: iri}} {
		if err := d.Add(q); !errors.Is(err, rdf.ErrTerm) {
			t.Errorf("%v: %v", q, err)
		}
	}
	if _, err := d.Canonicalize(rdf.Options{Hash: 7}); err == nil {
		t.Error("an unknown hash was taken")
	}
}

// Two names of one node differ for the algorithm only by what they are linked
// to: order of lines and labels must not matter, and repeated quads are one.
func TestOrderAndLabelsDoNotMatter(t *testing.T) {
	const text = `_:a <a:knows> _:b .
_:b <a:knows> _:c .
_:c <a:knows> _:a .
_:a <a:name> "x" _:g .
_:d <a:part> _:e .
_:e <a:part> _:d .
_:f <a:part> _:h .
_:h <a:part> _:f .`
	want := canonical(t, text)
	lines := strings.Split(text, "\n")
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		p := r.Perm(26)
		var b strings.Builder
		for _, line := range append(lines, lines[0]) {
			for _, word := range strings.Fields(line) {
				if label, ok := strings.CutPrefix(word, "_:"); ok {
					word = fmt.Sprintf("_:c14n%d", p[label[0]-'a']) // also labels that look canonical
				}
				b.WriteString(word + " ")
			}
			b.WriteString("\n")
		}
		if got := canonical(t, b.String()); got != want {
			t.Fatalf("seed %d: %s\ngot\n%s\nexpected\n%s", seed, b.String(), got, want)
		}
	}
}

// clique is a dataset in which every blank node is linked to every other.
func clique(n int) string {
	var b strings.Builder
	for i := range n {
		for j := range n {
			if i != j {
				fmt.Fprintf(&b, "_:n%d <a:p> _:n%d .\n", i, j)
			}
		}
	}
	return b.String()
}

func TestWorkIsLimited(t *testing.T) {
	for n, fails := range map[int]bool{3: false, 4: false, 6: true, 8: true, 40: true} {
		d, err := rdf.ParseNQuads(clique(n))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Canonicalize(rdf.Options{}); errors.Is(err, rdf.ErrWork) != fails {
			t.Errorf("clique of %d: %v", n, err)
		}
	}
	// Many nodes that look alike and are soon told apart are no attack.
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "<a:%d> <a:p> _:x%d .\n_:x%d <a:q> _:y%d .\n_:y%d <a:r> \"z\" .\n", i, i, i, i, i)
	}
	if got := strings.Count(canonical(t, b.String()), "\n"); got != 6000 {
		t.Errorf("%d lines", got)
	}
}

func FuzzCanonicalize(f *testing.F) {
	f.Add("_:a <a:p> _:b .\n_:b <a:p> _:a .")
	f.Add(`<a:s> <a:p> "x"@nl <a:g> .` + "\n" + `_:x <a:p> "\u0007"^^<a:t> _:y .`)
	f.Add(clique(3))
	f.Fuzz(func(t *testing.T, text string) {
		d, err := rdf.ParseNQuads(text)
		if err != nil {
			return
		}
		c, err := d.Canonicalize(rdf.Options{})
		if err != nil {
			return
		}
		again, err := rdf.ParseNQuads(string(c.NQuads))
		if err != nil {
			t.Fatalf("the canonical form is no N-Quads: %v\n%s", err, c.NQuads)
		}
		twice, err := again.Canonicalize(rdf.Options{Work: 1 << 20})
		if err != nil || string(twice.NQuads) != string(c.NQuads) {
			t.Fatalf("%v\nonce\n%s\ntwice\n%s", err, c.NQuads, twice.NQuads)
		}
	})
}

// TestRelabelled: statements under other labels come in the order of their lines.
func TestRelabelled(t *testing.T) {
	d, err := rdf.ParseNQuads("_:x <p:1> _:y <g:1> .\n_:y <p:1> \"b\" .\n_:y <p:1> \"a\" .\n_:y <p:1> \"a\" .\n")
	if err != nil {
		t.Fatal(err)
	}
	numbers, used, err := d.CanonicalNumbers(rdf.Options{})
	if err != nil || used != 2 || numbers[0]+numbers[1] != 1 {
		t.Fatalf("got %v, %d, %v", numbers, used, err)
	}
	quads, lines, ends := d.Relabelled([]string{"_:z", "_:a"})
	want := "_:a <p:1> \"a\" .\n_:a <p:1> \"b\" .\n_:z <p:1> _:a <g:1> .\n"
	if string(lines) != want || len(quads) != 3 || len(ends) != 3 || ends[2] != len(want) || ends[0] != len("_:a <p:1> \"a\" .\n") {
		t.Errorf("got %q, ends %v", lines, ends)
	}
	other, err := rdf.ParseNQuads("_:y <p:1> \"a\" .\n_:new <p:2> \"a\" .\n")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		q := other.Quads()[i]
		if n, ok := d.Find(other, q.S); ok != want || ok && d.Label(n) != "_:y" {
			t.Errorf("%d: found %v, %v", i, n, ok)
		}
	}
}
