package jsonld_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

// FuzzAgainstPeer compares with json-gold where both take a document.
func FuzzAgainstPeer(f *testing.F) {
	load := known(f)
	other := &peer{load, map[string]any{}}
	p := jsonld.New(load)
	s := readSuite(f, "toRdf.json")
	for _, c := range s.Tests {
		in := c.Files[c.Input]
		want, err := ours(p, []byte(in), true)
		got, peerErr := other.canonical([]byte(in))
		// TestW3CToRDF says what is right where the two differ.
		if err == nil && peerErr == nil && got == want {
			f.Add(in)
		}
	}
	f.Fuzz(func(t *testing.T, doc string) {
		got, err := ours(p, []byte(doc), true)
		if err != nil || peerFails(doc) {
			return
		}
		want, err := other.canonical([]byte(doc))
		if err != nil {
			return
		}
		if _, err := rdf.ParseNQuads(want); err != nil {
			return // it says what is not RDF, such as an IRI with a space
		}
		if got != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", doc, got, want)
		}
	})
}

// FuzzGenerated compares with json-gold on documents that are made of choices, over
// published contexts and contexts of their own.
func FuzzGenerated(f *testing.F) {
	load := known(f)
	other := &peer{load, map[string]any{}}
	p := jsonld.New(load)
	names := contextNames(f, published...)
	r := rand.New(rand.NewPCG(7, 7))
	for range 2000 {
		choices := make([]byte, 20+r.IntN(200))
		for i := range choices {
			choices[i] = byte(r.Uint32())
		}
		f.Add(choices)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		doc := (&generator{choices: choices, known: names}).document()
		got, err := ours(p, doc, true)
		want, peerErr := other.canonical(doc)
		switch {
		case jsonMaps.Match(doc), ownContainers.Match(doc):
		case peerErr != nil && peerRefuses(peerErr), err != nil && weRefuse(err, doc):
		case err != nil || peerErr != nil:
			if (err == nil) != (peerErr == nil) {
				t.Errorf("%s\nours: %v\njson-gold: %v", doc, err, peerErr)
			}
		case got != want && !peerDiffers(want) && !bytes.Contains(doc, []byte(`"@index"`)):
			t.Errorf("%s\ngot\n%s\nwant\n%s", doc, got, want)
		}
	})
}

// FuzzSafe: what safe mode takes, it takes the same way again, and what it says is
// what lax mode says.
func FuzzSafe(f *testing.F) {
	s := readSuite(f, "toRdf.json")
	for _, c := range s.Tests {
		f.Add(c.Files[c.Input])
	}
	load := known(f)
	p := jsonld.New(load)
	f.Fuzz(func(t *testing.T, doc string) {
		d, err := p.ToRDF([]byte(doc), jsonld.Options{Positions: true})
		if err != nil {
			if d.Dataset != nil || !strings.HasPrefix(err.Error(), "jsonld: ") {
				t.Errorf("%v, with a dataset: %v", err, d.Dataset != nil)
			}
			return
		}
		c, err := d.Canonicalize(rdf.Options{})
		if err != nil {
			return
		}
		if lax, err := ours(p, []byte(doc), true); err != nil || lax != string(c.NQuads) {
			t.Errorf("%s\nsafe\n%s\nlax\n%s%v", doc, c.NQuads, lax, err)
		}
	})
}
