package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	aries "github.com/hyperledger/aries-framework-go/pkg/doc/signature/jsonld"
	"github.com/piprate/json-gold/ld"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/testvectors"
)

const (
	elmContext     = "http://data.europa.eu/snb/model/context/edc-ap"
	diplomaContext = "https://diplomas.example/context/v1"
)

// files are the contexts of the documents beside those that are embedded.
func files(t *testing.T) map[string][]byte {
	m := map[string][]byte{elmContext: testvectors.File(t, "elm", "context/edc-ap-context.jsonld"), diplomaContext: sample(t, "diploma-context.jsonld")}
	var index []struct{ URL, File string }
	if err := json.Unmarshal(testvectors.File(t, "contexts", "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	for _, e := range index {
		m[e.URL] = testvectors.File(t, "contexts", e.File)
	}
	return m
}

// texts are the same for a stranger.
func texts(t *testing.T) map[string]any {
	m := map[string]any{}
	for url, b := range files(t) {
		m[url] = json.RawMessage(b)
	}
	return m
}

func sample(t *testing.T, name string) []byte {
	b, err := os.ReadFile("../../credential/jsonld/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// document is a document that all take; goals are those against json-gold.
type document struct {
	name string
	text []byte
	goal float64
}

func documents(t *testing.T) []document {
	return []document{
		{"a diploma of 62 statements", sample(t, "diploma.jsonld"), 60},
		{"an ELM document of 111 KB", testvectors.File(t, "elm", "samples/elm3-Sample-MC-Annex1-unsigned.jsonld"), 25},
	}
}

func processor(t *testing.T) *jsonld.Processor {
	own := files(t)
	return jsonld.New(jsonld.LoaderFunc(func(url string) ([]byte, error) {
		if b, ok := own[url]; ok {
			return b, nil
		}
		return contexts.Document(url)
	}))
}

func canonical(p *jsonld.Processor, doc []byte) ([]byte, error) {
	return p.Canonicalize(doc, jsonld.Options{InsecureLax: true}, rdf.Options{})
}

// parsed is json-gold's loader of contexts in memory, parsed once.
type parsed map[string]any

func (p parsed) LoadDocument(url string) (*ld.RemoteDocument, error) {
	doc, ok := p[url]
	if !ok {
		return nil, fmt.Errorf("no context %s", url)
	}
	return &ld.RemoteDocument{DocumentURL: url, Document: doc}, nil
}

func loader(t *testing.T) parsed {
	p := parsed{}
	for url, b := range files(t) {
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		p[url] = v
	}
	return p
}

// canonicalisation goes from the bytes of a document to canonical N-Quads, with all
// contexts known.
func canonicalisation(t *testing.T) (rows []row) {
	p, load := processor(t), loader(t)
	for _, d := range documents(t) {
		want, err := canonical(p, d.text)
		if err != nil {
			t.Fatal(err)
		}
		gold := func() (string, error) {
			var v any
			if err := json.Unmarshal(d.text, &v); err != nil {
				return "", err
			}
			o := ld.NewJsonLdOptions("")
			o.DocumentLoader, o.Algorithm, o.Format = load, ld.AlgorithmURDNA2015, "application/n-quads"
			form, err := ld.NewJsonLdProcessor().Normalize(v, o)
			s, _ := form.(string)
			return s, err
		}
		old := func() (string, error) {
			var v map[string]any
			if err := json.Unmarshal(d.text, &v); err != nil {
				return "", err
			}
			b, err := aries.Default().GetCanonicalDocument(v, aries.WithDocumentLoader(load))
			return string(b), err
		}
		ours := local(func() error { _, err := canonical(p, d.text); return err })
		for _, other := range []struct {
			name string
			run  func() (string, error)
			goal float64
		}{{"json-gold 0.9.1", gold, d.goal}, {"aries-framework-go 0.3.2", old, 0}} {
			same(t, other.name, other.run, want)
			rows = append(rows, row{name: "canonicalise " + d.name, reference: other.name, goal: other.goal,
				ours: ours, theirs: local(func() error { _, err := other.run(); return err })})
		}
	}
	return rows
}

// same: a comparison of speed is one of equal results. Some count equal statements
// twice.
func same(t *testing.T, name string, run func() (string, error), want []byte) {
	t.Helper()
	got, err := run()
	if err != nil {
		t.Fatal(err)
	}
	if once := strings.Join(slices.Compact(strings.SplitAfter(got, "\n")), ""); once != string(want) {
		t.Fatalf("%s: another canonical form", name)
	}
}

// canonicalisationNode is the same against the libraries of Digital Bazaar.
func canonicalisationNode(t *testing.T) (rows []row) {
	peer := node(t, ".", "peer.mjs", "jsonld")
	p := processor(t)
	for _, d := range documents(t) {
		want, err := canonical(p, d.text)
		if err != nil {
			t.Fatal(err)
		}
		theirs := peer.ready(t, "canonize", map[string]any{"document": string(d.text), "contexts": texts(t)})
		same(t, "jsonld", func() (string, error) { return theirs.result(t), nil }, want)
		rows = append(rows, row{
			name: "canonicalise " + d.name, reference: "jsonld 9.0.0, rdf-canonize 5.0.0",
			ours: local(func() error { _, err := canonical(p, d.text); return err }), theirs: theirs.side(t),
		})
	}
	return rows
}
