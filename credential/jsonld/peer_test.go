package jsonld_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/piprate/json-gold/ld"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// known hands over the embedded contexts, those of the vectors and the one here.
func known(t testing.TB) jsonld.LoaderFunc {
	files := map[string][]byte{}
	var index []struct{ URL, File string }
	if err := json.Unmarshal(testvectors.File(t, "contexts", "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	for _, e := range index {
		files[e.URL] = testvectors.File(t, "contexts", e.File)
	}
	files["http://data.europa.eu/snb/model/context/edc-ap"] = testvectors.File(t, "elm", "context/edc-ap-context.jsonld")
	files["https://diplomas.example/context/v1"] = sample(t, "diploma-context.jsonld")
	return func(url string) ([]byte, error) {
		if b, ok := files[url]; ok {
			return b, nil
		}
		return contexts.Document(url)
	}
}

func sample(t testing.TB, name string) []byte {
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// peer is json-gold over the same contexts, parsed once.
type peer struct {
	load jsonld.LoaderFunc
	docs map[string]any
}

func (p *peer) LoadDocument(url string) (*ld.RemoteDocument, error) {
	doc, ok := p.docs[url]
	if !ok {
		b, err := p.load(url)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(b, &doc); err != nil {
			return nil, err
		}
		p.docs[url] = doc
	}
	return &ld.RemoteDocument{DocumentURL: url, Document: doc}, nil
}

func (p *peer) canonical(doc []byte) (out string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("json-gold: %v", r)
		}
	}()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		return "", err
	}
	o := ld.NewJsonLdOptions("")
	o.DocumentLoader = p
	o.Algorithm = ld.AlgorithmURDNA2015
	o.Format = "application/n-quads"
	form, err := ld.NewJsonLdProcessor().Normalize(v, o)
	if err != nil {
		return "", err
	}
	s, ok := form.(string)
	if !ok {
		return "", errors.New("no text")
	}
	return once(s), nil
}

// once leaves out lines that repeat the one before: json-gold counts some equal
// statements twice.
func once(s string) string {
	return strings.Join(slices.Compact(strings.SplitAfter(s, "\n")), "")
}

func ours(p *jsonld.Processor, doc []byte, lax bool) (string, error) {
	b, err := p.Canonicalize(doc, jsonld.Options{InsecureLax: lax}, rdf.Options{})
	return string(b), err
}

// documents are real ones; those of ELM say things that RDF cannot hold.
func documents(t testing.TB) map[string][]byte {
	m := map[string][]byte{"62": sample(t, "diploma.jsonld")}
	for name, file := range map[string]string{"111KB": "elm3-Sample-MC-Annex1-unsigned.jsonld", "led": "led-diploma.elm.json",
		"mbo": "dc4eu-diploma-degreeMBO.json", "elm3": "elm3-credential-sample.jsonld", "hbo": "dc4eu-HE-diploma-degreeHBO-M.json"} {
		m[name] = testvectors.File(t, "elm", "samples/"+file)
	}
	return m
}

// TestAgainstPeer compares canonical forms with json-gold, byte for byte.
func TestAgainstPeer(t *testing.T) {
	load := known(t)
	other := &peer{load, map[string]any{}}
	p := jsonld.New(load)
	for name, doc := range documents(t) {
		t.Run(name, func(t *testing.T) {
			if _, err := ours(p, doc, false); err != nil {
				t.Logf("safe mode: %v", err)
			}
			got, err := ours(p, doc, true)
			if err != nil {
				t.Fatal(err)
			}
			want, err := other.canonical(doc)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d quads", bytes.Count([]byte(got), []byte("\n")))
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// BenchmarkCanonical goes from bytes to canonical N-Quads, contexts warm.
func BenchmarkCanonical(b *testing.B) {
	load := known(b)
	other := &peer{load, map[string]any{}}
	p := jsonld.New(load)
	docs := documents(b)
	for _, name := range []string{"62", "111KB"} {
		doc := docs[name]
		b.Run(name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Canonicalize(doc, jsonld.Options{InsecureLax: true}, rdf.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/json-gold", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := other.canonical(doc); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
