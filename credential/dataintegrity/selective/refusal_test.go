package selective_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
)

const sample = `{"@context":{"id":"@id","type":"@type","name":"https://e.example/name","age":"https://e.example/age",
"data":{"@id":"https://e.example/data","@type":"@json"},"list":{"@id":"https://e.example/list","@container":"@list"},"a~c":"https://e.example/odd","m":{"@id":"https://e.example/m","@container":"@id"},
"knows":"https://e.example/knows","g":{"@id":"https://e.example/g","@container":"@graph"}},
"id":"https://e.example/1","type":"https://e.example/T","name":{"@value":"x","@language":"nl"},"age":[4,5],
"data":{"p":[1],"q":2},"list":["a",{"name":"in list"},["b"]],"a\u007ec":{"name":"odd"},"m":{"https://e.example/2":{"name":"by id"}},
"knows":[{"id":"_:k","name":"k"},{"name":"l"},{"knows":{"id":"_:k","age":7}}],"g":{"name":"in graph","age":2}}`

func read(t testing.TB, doc string) *selective.Document {
	t.Helper()
	p := jsonld.New(jsonld.LoaderFunc(func(string) ([]byte, error) { return nil, errors.New("no contexts") }))
	d, err := selective.Read(p, []byte(doc), selective.Canonical)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestPointers: what each pointer selects (DI ECDSA 1.0, Sections 3.4.10 to 3.4.13; RFC 6901).
func TestPointers(t *testing.T) {
	d := read(t, sample)
	for _, c := range []struct {
		pointers []string
		want     []string // ends of statements, beside the type
	}{
		{[]string{"/age/0"}, []string{`/age> "4"`}},
		{[]string{"/age/1", "/age/1"}, []string{`/age> "5"`}},
		{[]string{"/age"}, []string{`/age> "4"`, `/age> "5"`}},
		{[]string{"/name"}, []string{`"x"@nl`}},
		{[]string{"/data"}, []string{`{\"p\":[1],\"q\":2}`}},
		{[]string{"/a~0c/name"}, []string{"/odd>", `"odd"`}},
		{[]string{"/m/https:~1~1e.example~12/name"}, []string{"/m>", `"by id"`}},
		{[]string{"/g/name"}, []string{"/g>", `"in graph"`}},
		{[]string{"/type"}, nil},
		{[]string{"/@context"}, nil},
		{[]string{"/id"}, nil},
	} {
		s, err := d.Select(c.pointers)
		if err != nil {
			t.Errorf("%v: %v", c.pointers, err)
			continue
		}
		got := at(d.Statements, s.Indexes)
		if len(got) != len(c.want)+1 {
			t.Errorf("%v: got %q", c.pointers, got)
		}
		for _, w := range append(c.want, "rdf-syntax-ns#type>") {
			if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, w) }) {
				t.Errorf("%v: nothing like %s in %q", c.pointers, w, got)
			}
		}
	}
	all, err := d.Select([]string{""})
	if err != nil || len(all.Indexes) != len(d.Statements) || string(all.JSON) != sample {
		t.Errorf("the empty pointer selects the document, got %v, %v", all, err)
	}
	none, err := d.Select(nil)
	if err != nil || none.JSON != nil || len(none.Indexes) != 0 {
		t.Errorf("no pointers select nothing, got %v, %v", none, err)
	}
}

// TestRefusedPointers: pointers that lead nowhere, and selections that would say what the
// document does not.
func TestRefusedPointers(t *testing.T) {
	d := read(t, sample)
	for pointer, why := range map[string]string{
		"age":          "starts with /",
		"#/age":        "starts with /",
		"/none":        "leads to nothing",
		"/age/2":       "leads to nothing",
		"/age/-1":      "leads to nothing",
		"/age/00":      "leads to nothing",
		"/age/+1":      "leads to nothing",
		"/age/-":       "leads to nothing",
		"/age/0/x":     "leads to nothing",
		"/age/":        "leads to nothing",
		"/a~0c/name/":  "leads to nothing",
		"/a~2b":        "leads to nothing",
		"/a~":          "leads to nothing",
		"/a~c":         "leads to nothing",
		"/type/length": "leads to nothing",
		"/name/@value": "says something",
		"/data/p":      "says something",
		"/list/0":      "says something",
		"/list/1/name": "says something",
		"/list/2/0":    "says something",
	} {
		s, err := d.Select([]string{"/age", pointer})
		refused(t, pointer, s, err, why)
	}
	// A blank node that is named twice would become two.
	s, err := d.Select([]string{"/knows/0/name", "/knows/2/knows/age"})
	refused(t, "two halves of one blank node", s, err, "two in the fragment")
	if _, err := d.Select([]string{"/knows/0", "/knows/2/knows"}); err != nil {
		t.Errorf("both halves whole: %v", err)
	}
	s, err = d.Select(make([]string, selective.MaxPointers+1))
	refused(t, "too many", s, err, "more than")
	wide := read(t, strings.Replace(sample, `"age":[4,5]`, `"age":[4`+strings.Repeat(","+strings.Repeat("[", 40)+"4"+strings.Repeat("]", 40), 1<<10)+"]", 1))
	s, err = wide.Select(slices.Repeat([]string{"/age"}, selective.MaxPointers))
	refused(t, "too much work", s, err, "too many")
}

func refused(t *testing.T, what string, s *selective.Selection, err error, why string) {
	t.Helper()
	var e *selective.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), why) {
		t.Errorf("%s: got %v, want an *Error with %q", what, err, why)
	}
	if err != nil && s != nil {
		t.Errorf("%s: a selection beside the error", what)
	}
}

// TestHas: what is there, and what is not.
func TestHas(t *testing.T) {
	d := read(t, `{"@context":{"a":"https://e.example/a","b":"https://e.example/b"},"a":[1,[2,{"b":1}]]}`)
	for pointer, want := range map[string]bool{"": true, "/a": true, "/a/0": true, "/a/1": true, "/a/1/1/b": true,
		"/b": false, "/c": false, "a": false, "/a/2": false, "/a/1/1/b/c": false, "/~2": false} {
		if d.Has(pointer) != want {
			t.Errorf("%q: %v", pointer, !want)
		}
	}
}

// TestConcurrent: one document serves many selections at once.
func TestConcurrent(t *testing.T) {
	d := read(t, sample)
	var wait sync.WaitGroup
	for _, pointer := range []string{"/age/0", "/name", "/list", "/knows/1", "/none", "/g/name"} {
		wait.Go(func() {
			for range 50 {
				s, err := d.Select([]string{pointer})
				if d.Has(pointer) != (err == nil) {
					t.Errorf("%s: %v", pointer, err)
				}
				if err == nil && len(s.Indexes) < 2 {
					t.Errorf("%s: selected %v", pointer, s.Indexes)
				}
			}
		})
	}
	wait.Wait()
}

// TestRefusedDocuments: what does not become statements.
func TestRefusedDocuments(t *testing.T) {
	p := jsonld.New(jsonld.LoaderFunc(func(string) ([]byte, error) { return nil, errors.New("no contexts") }))
	for _, doc := range []string{"", "[", `{"undefined":1}`, `{"@context":"https://e.example/unknown"}`, `{"@context":{"a":"https://e.example/a"},"a":1,"a":2}`} {
		if d, err := selective.Read(p, []byte(doc), selective.Canonical); err == nil || d != nil {
			t.Errorf("%s: got %v, %v", doc, d, err)
		}
	}
	var big bytes.Buffer
	big.WriteString(`{"@context":{"a":"https://e.example/a"},"a":[0`)
	for i := range selective.MaxStatements {
		fmt.Fprintf(&big, ",%d", i+1)
	}
	big.WriteString("]}")
	if _, err := selective.Read(p, big.Bytes(), selective.Canonical); err == nil || !strings.Contains(err.Error(), "statements") {
		t.Errorf("too many statements: %v", err)
	}
}

// TestLabelMaps: keys and label maps that do not fit.
func TestLabelMaps(t *testing.T) {
	for name, m := range map[string]selective.LabelMap{
		"short key":   selective.HMAC(make([]byte, 31)),
		"no key":      selective.ShuffledHMAC(nil),
		"too few":     selective.Given([]string{"a"}),
		"too many":    selective.Given([]string{"a", "b", "c"}),
		"twice":       selective.Given([]string{"a", "a"}),
		"empty":       selective.Given([]string{"a", ""}),
		"odd letters": selective.Given([]string{"a", "b> <x"}),
		"too long":    selective.Given([]string{"a", strings.Repeat("b", 65)}),
	} {
		if labels, err := m(2); err == nil || labels != nil {
			t.Errorf("%s: got %v, %v", name, labels, err)
		}
	}
}

// FuzzSelect: pointers of any kind select parts of the document or fail, and what a verifier
// makes of the fragment is what was selected.
func FuzzSelect(f *testing.F) {
	for _, s := range []string{"", "/age/0", "/name\n/list", "/knows/1\n/knows/0", "/a~0c/name", "/g/name\n/g", "/list/1/name", "/data/p"} {
		f.Add(s)
	}
	d := read(f, sample)
	p := jsonld.New(jsonld.LoaderFunc(func(string) ([]byte, error) { return nil, errors.New("no contexts") }))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := d.Select(strings.Split(text, "\n"))
		if err != nil {
			if s != nil {
				t.Error("a selection beside the error")
			}
			return
		}
		labels, err := s.Labels()
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := selective.Read(p, s.JSON, selective.Given(labels))
		if err != nil {
			t.Fatalf("%s: %v", s.JSON, err)
		}
		if got, want := texts(verifier.Statements), at(d.Statements, s.Indexes); !slices.Equal(got, want) {
			t.Fatalf("%q:\ngot  %q\nwant %q", text, got, want)
		}
	})
}
