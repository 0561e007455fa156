package jsonld_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/testvectors"
)

type suite struct {
	Base  string `json:"baseIri"`
	Tests []struct {
		ID     string   `json:"@id"`
		Type   []string `json:"@type"`
		Name   string
		Input  string
		Expect string
		Error  string `json:"expectErrorCode"`
		Option struct {
			SpecVersion                           string
			Base, ExpandContext, RDFDirection     string
			ProduceGeneralizedRDF, UseNativeTypes bool
			ProcessingMode                        string
		}
		Files map[string]string
	}
	Other map[string]string `json:"otherFiles"`
}

func readSuite(t testing.TB, name string) (s suite) {
	if err := json.Unmarshal(testvectors.File(t, "json-ld-api", name), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s suite) loader(i int) jsonld.LoaderFunc {
	return func(url string) ([]byte, error) {
		path := strings.TrimPrefix(url, s.Base)
		if f, ok := s.Tests[i].Files[path]; ok {
			return []byte(f), nil
		}
		if f, ok := s.Other[path]; ok {
			return []byte(f), nil
		}
		return nil, fmt.Errorf("no file %s", path)
	}
}

// TestW3CToRDF runs the toRdf tests of the W3C suite for JSON-LD 1.1.
func TestW3CToRDF(t *testing.T) {
	s := readSuite(t, "toRdf.json")
	ran := 0
	for i, c := range s.Tests {
		if c.Option.SpecVersion == "json-ld-1.0" || c.Option.ProcessingMode == "json-ld-1.0" {
			continue
		}
		if c.Option.ProduceGeneralizedRDF { // refused by name, see TestSafe
			continue
		}
		ran++
		t.Run(strings.TrimPrefix(c.ID, "#"), func(t *testing.T) {
			o := jsonld.Options{Base: s.Base + c.Input, InsecureLax: true}
			if c.Option.Base != "" {
				o.Base = c.Option.Base
			}
			if c.Option.ExpandContext != "" {
				o.ExpandContext = []byte(c.Files[c.Option.ExpandContext])
			}
			switch c.Option.RDFDirection {
			case "i18n-datatype":
				o.Direction = jsonld.I18nDatatype
			case "compound-literal":
				o.Direction = jsonld.CompoundLiteral
			}
			doc, err := jsonld.New(s.loader(i)).ToRDF([]byte(c.Files[c.Input]), o)
			if slices.Contains(c.Type, "jld:NegativeEvaluationTest") {
				var e *jsonld.Error
				if !errors.As(err, &e) {
					t.Fatalf("%s: expected %q, got %v\n%s", c.Name, c.Error, err, c.Files[c.Input])
				}
				if e.Code != c.Error {
					t.Errorf("%s: expected %q, got %v\n%s", c.Name, c.Error, err, c.Files[c.Input])
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", c.Name, err, c.Files[c.Input])
			}
			if c.Expect == "" { // a syntax test
				return
			}
			want, err := rdf.ParseNQuads(c.Files[c.Expect])
			if err != nil {
				t.Fatal(err)
			}
			if got, want := canonical(t, doc.Dataset), canonical(t, want); got != want {
				t.Errorf("%s\n%s\ngot\n%s\nwant\n%s", c.Name, c.Files[c.Input], got, want)
			}
		})
	}
	if ran < 400 {
		t.Errorf("only %d tests ran", ran)
	}
}

func canonical(t testing.TB, d *rdf.Dataset) string {
	t.Helper()
	c, err := d.Canonicalize(rdf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return string(c.NQuads)
}

// TestW3CExpand takes the expand tests through RDF: what a document says must be
// what its expanded form says.
func TestW3CExpand(t *testing.T) {
	s := readSuite(t, "expand.json")
	ran := 0
	for i, c := range s.Tests {
		if c.Option.SpecVersion == "json-ld-1.0" || c.Option.ProcessingMode == "json-ld-1.0" || strings.HasSuffix(c.Input, ".html") {
			continue
		}
		ran++
		t.Run(strings.TrimPrefix(c.ID, "#"), func(t *testing.T) {
			o := jsonld.Options{Base: s.Base + c.Input, InsecureLax: true, Direction: jsonld.I18nDatatype}
			if c.Option.Base != "" {
				o.Base = c.Option.Base
			}
			if c.Option.ExpandContext != "" {
				o.ExpandContext = []byte(c.Files[c.Option.ExpandContext])
			}
			p := jsonld.New(s.loader(i))
			doc, err := p.ToRDF([]byte(c.Files[c.Input]), o)
			if slices.Contains(c.Type, "jld:NegativeEvaluationTest") {
				var e *jsonld.Error
				if !errors.As(err, &e) || e.Code != c.Error {
					t.Errorf("%s: expected %q, got %v\n%s", c.Name, c.Error, err, c.Files[c.Input])
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v\n%s", c.Name, err, c.Files[c.Input])
			}
			if c.Expect == "" || c.ID == "#t0122" { // its expanded form holds "@id": null, which no document may
				return
			}
			want, err := p.ToRDF([]byte(c.Files[c.Expect]), jsonld.Options{InsecureLax: true, Direction: jsonld.I18nDatatype})
			if err != nil {
				t.Fatalf("%s: expanded: %v", c.Name, err)
			}
			if got, want := canonical(t, doc.Dataset), canonical(t, want.Dataset); got != want {
				t.Errorf("%s\n%s\ngot\n%s\nwant\n%s", c.Name, c.Files[c.Input], got, want)
			}
		})
	}
	if ran < 350 {
		t.Errorf("only %d tests ran", ran)
	}
}
