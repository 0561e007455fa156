package jsonld_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

func refused(t *testing.T, doc, code, pointer string) {
	t.Helper()
	p := jsonld.New(jsonld.LoaderFunc(func(string) ([]byte, error) { return nil, errors.New("not a context that is known here") }))
	_, err := p.ToRDF([]byte(doc), jsonld.Options{})
	var e *jsonld.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: expected %q at %s, got %v", doc, code, pointer, err)
	}
	if e.Code != code || e.Pointer != pointer {
		t.Errorf("%s: expected %q at %q, got %v", doc, code, pointer, err)
	}
}

// TestSafe: nothing leaves the canonical form without an error.
func TestSafe(t *testing.T) {
	const ctx = `"@context": {"name": "https://a.example/name", "no": null, "ref": {"@id": "https://a.example/ref", "@type": "@id"},
		"graph": {"@id": "https://a.example/graph", "@container": "@graph"}, "T": "https://a.example/T",
		"rel": {"@id": "https://a.example/rel", "@type": "https://a.example/%zz"}}`
	const maps = `"@context": {"l": {"@id": "https://a.example/l", "@container": "@language"}, "i": {"@id": "https://a.example/i", "@container": "@id"}}`
	for name, c := range map[string]struct{ doc, code, pointer string }{
		"undefined term":            {`{` + ctx + `, "name": "a", "nickname": "b"}`, "dropped", "/nickname"},
		"undefined below":           {`{` + ctx + `, "ref": {"name": "a", "x/y~z": "b"}}`, "dropped", "/ref/x~1y~0z"},
		"term set to null":          {`{` + ctx + `, "no": "a"}`, "dropped", "/no"},
		"like a keyword":            {`{` + ctx + `, "@nam": "a", "name": "b"}`, "dropped", "/@nam"},
		"relative property":         {`{"a/b": "c"}`, "dropped", "/a~1b"},
		"relative id":               {`{` + ctx + `, "@id": "x", "name": "a"}`, "dropped", "/@id"},
		"relative type":             {`{` + ctx + `, "@type": "Undefined", "name": "a"}`, "dropped", "/@type"},
		"relative type in an array": {`{` + ctx + `, "@type": ["T", "Undefined"], "name": "a"}`, "dropped", "/@type/1"},
		"relative reference":        {`{` + ctx + `, "ref": ["https://b.example", "c"]}`, "dropped", "/ref/1"},
		"malformed IRI":             {`{` + ctx + `, "ref": "https://attacker.example/%zz"}`, "dropped", "/ref"},
		"IRI with a space":          {`{` + ctx + `, "ref": "https://attacker.example/a b"}`, "dropped", "/ref"},
		"malformed datatype":        {`{` + ctx + `, "rel": "a"}`, "dropped", "/rel"},
		"reference like a keyword":  {`{` + ctx + `, "ref": "@ignored"}`, "dropped", "/ref"},
		"blank property":            {`{"_:p": "a"}`, "dropped", "/_:p"},
		"free-floating string":      {`{` + ctx + `, "@graph": [{"name": "a"}, "b"]}`, "dropped", "/@graph/1"},
		"free-floating value":       {`{` + ctx + `, "@graph": [{"@value": "b"}]}`, "dropped", "/@graph/0"},
		"free-floating list":        {`{` + ctx + `, "@graph": [{"@list": ["b"]}]}`, "dropped", "/@graph/0"},
		"free-floating node":        {`[{"@id": "https://a.example"}]`, "dropped", "/0"},
		"string in a graph":         {`{` + ctx + `, "graph": "a"}`, "dropped", "/graph"},
		"name in a graph":           {`{` + ctx + `, "graph": {"@id": "https://a.example"}}`, "dropped", "/graph"},
		"direction":                 {`{` + ctx + `, "name": {"@value": "a", "@direction": "rtl"}}`, "dropped", "/name/@value"},
		"language without value":    {`{` + ctx + `, "name": {"@language": "en"}}`, "dropped", "/name"},
		"bad language":              {`{` + ctx + `, "name": {"@value": "a", "@language": "e n"}}`, "dropped", "/name/@value"},
		"large integer":             {`{` + ctx + `, "name": 9007199254740993}`, "dropped", "/name"},
		"index":                     {`{` + ctx + `, "name": {"@value": "a", "@index": "b"}}`, "dropped", "/name/@index"},
		"index of a node":           {`{` + ctx + `, "name": "a", "@index": "b"}`, "dropped", "/@index"},
		"index of a map":            {`{"@context": {"m": {"@id": "https://a.example/m", "@container": "@index"}}, "m": {"b": "a"}}`, "dropped", "/m/b"},
		"null":                      {`{` + ctx + `, "@type": "T", "name": null}`, "dropped", "/name"},
		"null for a reference":      {`{` + ctx + `, "ref": ["https://b.example", null]}`, "dropped", "/ref/1"},
		"null as a value":           {`{` + ctx + `, "@type": "T", "name": {"@value": null}}`, "dropped", "/name"},
		"null in a list":            {`{` + ctx + `, "name": {"@list": ["a", null]}}`, "dropped", "/name/@list/1"},
		"empty array":               {`{` + ctx + `, "name": []}`, "dropped", "/name"},
		"empty array within":        {`{` + ctx + `, "name": ["a", []]}`, "dropped", "/name/1"},
		"empty set":                 {`{` + ctx + `, "name": {"@set": []}}`, "dropped", "/name/@set"},
		"empty set of null":         {`{` + ctx + `, "name": {"@set": null}}`, "dropped", "/name/@set"},
		"no types":                  {`{` + ctx + `, "name": "a", "@type": []}`, "dropped", "/@type"},
		"empty graph":               {`{` + ctx + `, "@id": "https://a.example", "name": "a", "@graph": []}`, "dropped", "/@graph"},
		"nothing included":          {`{` + ctx + `, "name": "a", "@included": []}`, "dropped", "/@included"},
		"nothing nested":            {`{` + ctx + `, "name": "a", "@nest": []}`, "dropped", "/@nest"},
		"an empty nest":             {`{` + ctx + `, "name": "a", "@nest": [{}]}`, "dropped", "/@nest/0"},
		"nothing reversed":          {`{` + ctx + `, "name": "a", "@reverse": {}}`, "dropped", "/@reverse"},
		"empty map":                 {`{` + maps + `, "l": {}}`, "dropped", "/l"},
		"language of nothing":       {`{` + maps + `, "l": {"nl": "a", "en": []}}`, "dropped", "/l/en"},
		"language of null":          {`{` + maps + `, "l": {"nl": "a", "en": null}}`, "dropped", "/l/en"},
		"language of nulls":         {`{` + maps + `, "l": {"nl": ["a", null]}}`, "dropped", "/l/nl/1"},
		"empty map of nodes":        {`{` + maps + `, "i": {}}`, "dropped", "/i"},
		"node of nothing":           {`{` + maps + `, "i": {"https://b.example": []}}`, "dropped", "/i/https:~1~1b.example"},
		"node of null":              {`{` + maps + `, "i": {"https://b.example": null}}`, "dropped", "/i/https:~1~1b.example"},
		"number without end":        {`{` + ctx + `, "name": 1e999}`, "json", "/name"},
		"member twice":              {`{` + ctx + `, "name": "a", "name": "b"}`, "json", "/name"},
		"trailing data":             {`{` + ctx + `, "name": "a"} {}`, "json", ""},
		"unknown context":           {`{"@context": "https://b.example", "name": "a"}`, "loading remote context failed", "/@context"},
		"bad context":               {`{"@context": {"a": {"@id": "https://b.example", "@x": 1}}, "a": "a"}`, "invalid term definition", "/@context/a/@x"},
		"protected":                 {`{"@context": [{"a": {"@id": "https://b.example/a", "@protected": true}}, {"a": "https://b.example/b"}], "a": "a"}`, "protected term redefinition", "/@context/1/a"},
		"cycle":                     {`{"@context": {"a": "b:x", "b": "a:y"}, "a": "a"}`, "cyclic IRI mapping", "/@context/a"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.doc, c.code, c.pointer) })
	}
}

// TestEmpty: what looks like nothing and is said.
func TestEmpty(t *testing.T) {
	const ctx = `"@context": {"j": {"@id": "https://a.example/j", "@type": "@json"}, "l": {"@id": "https://a.example/l", "@container": "@list"}, "p": "https://a.example/p"}`
	for _, member := range []string{`"j": null`, `"j": []`, `"j": {}`, `"j": [null]`, `"l": []`, `"p": {"@list": []}`, `"p": {}`, `"p": ""`, `"p": {"@type": "@json", "@value": null}`} {
		d, err := jsonld.New(nil).ToRDF([]byte(`{`+ctx+`, `+member+`}`), jsonld.Options{})
		if err != nil || d.Len() != 1 {
			t.Errorf("%s: %v", member, err)
		}
	}
}

func TestNotJSON(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	for _, doc := range []string{"", "nul", "{", `{"a" 1}`, `{"a":01}`, `{"a":1.}`, `{"a":"\x"}`, `{"a":"\ud800"}`, `{"a":"\udc00"}`,
		"{\"a\":\"\xff\"}", "{\"a\":\"\n\"}", `{"a":1,}`, `[1,]`, deep, `"a"`, `1`, "\ufeff{}", `{"a":"\u12"}`, `{"a":+1}`} {
		p := jsonld.New(nil)
		if d, err := p.ToRDF([]byte(doc), jsonld.Options{InsecureLax: true}); err == nil || d.Dataset != nil {
			t.Errorf("%q was taken", doc)
		}
	}
}

// TestHostileContexts: what would cost much is refused by name.
func TestHostileContexts(t *testing.T) {
	var scopes strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&scopes, `"t%d": {"@id": "https://a.example/%d", "@context": {"u": "https://a.example/u"}},`, i, i)
	}
	refused(t, `{"@context": {`+strings.TrimSuffix(scopes.String(), ",")+`}, "t1": "a"}`, "limit", limitAt(t, scopes.String()))
	nest := `{"@context": {"p": "https://a.example/p"}, ` + strings.Repeat(`"@nest": {`, 70) + `"p": "a"` + strings.Repeat(`}`, 71)
	refused(t, nest, "json", strings.Repeat("/@nest", 64))

	p := jsonld.New(jsonld.LoaderFunc(func(url string) ([]byte, error) {
		if strings.HasSuffix(url, "loop") {
			return []byte(`{"@context": "https://a.example/loop"}`), nil
		}
		var n int
		fmt.Sscanf(url, "https://a.example/%d", &n)
		return fmt.Appendf(nil, `{"@context": "https://a.example/%d"}`, n+1), nil
	}))
	for _, url := range []string{"https://a.example/loop", "https://a.example/1"} {
		_, err := p.ToRDF(fmt.Appendf(nil, `{"@context": %q, "p": "a"}`, url), jsonld.Options{})
		var e *jsonld.Error
		if !errors.As(err, &e) || e.Code != "context overflow" {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func limitAt(t *testing.T, scopes string) string {
	t.Helper()
	p := jsonld.New(nil)
	_, err := p.ToRDF([]byte(`{"@context": {`+strings.TrimSuffix(scopes, ",")+`}, "t1": "a"}`), jsonld.Options{})
	var e *jsonld.Error
	if !errors.As(err, &e) || !strings.HasPrefix(e.Pointer, "/@context/t") {
		t.Fatalf("got %v", err)
	}
	return e.Pointer
}

// TestPositions: each blank node says which object it stands for.
func TestPositions(t *testing.T) {
	doc := `{"@context": {"@vocab": "https://a.example/"}, "p": [{"q": "a"}, {"@id": "_:x", "q": {"@id": "https://b.example", "r": {"s": 1}}}], "l": {"@list": ["a", {"q": "b"}]}}`
	d, err := jsonld.New(nil).ToRDF([]byte(doc), jsonld.Options{Positions: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range d.Positions {
		if !p.Node.IsBlank() {
			t.Errorf("%s is not of a blank node", p.Pointer)
		}
		got = append(got, p.Pointer)
	}
	slices.Sort(got)
	want := []string{"", "/l/@list/0", "/l/@list/1", "/l/@list/1", "/p/0", "/p/1", "/p/1/q/r"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if d.Blanks() != len(want) {
		t.Errorf("%d blank nodes, %d places", d.Blanks(), len(want))
	}
}

// TestPositionsInLists: in lax mode nulls that a list leaves out do not move the places of the rest.
func TestPositionsInLists(t *testing.T) {
	doc := `{"@context": {"@vocab": "https://a.example/", "l": {"@container": "@list"}}, "@id": "https://b.example", "l": [null, "a", {"x~y": "b"}], "m": [{"@id": "_:b", "q": 1}, {"@id": "_:b", "r": 1}]}`
	d, err := jsonld.New(nil).ToRDF([]byte(doc), jsonld.Options{Positions: true, InsecureLax: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range d.Positions {
		got = append(got, p.Pointer)
	}
	if want := []string{"/l/1", "/l/2", "/l/2", "/m/0", "/m/1"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if n := len(d.Positions); n == 5 && d.Positions[3].Node != d.Positions[4].Node {
		t.Error("one label, two nodes")
	}
}

// TestWarm: a context that was compiled for one document serves another, from many
// goroutines at once, with the same result as a new one; and no document is seen
// in another.
func TestWarm(t *testing.T) {
	load := known(t)
	p := jsonld.New(load)
	docs := documents(t)
	want := map[string]string{}
	for name, doc := range docs {
		s, err := ours(jsonld.New(load), doc, true)
		if err != nil {
			t.Fatal(err)
		}
		want[name] = s
	}
	var wg sync.WaitGroup
	for range 4 {
		for name, doc := range docs {
			wg.Go(func() {
				if _, err := p.Canonicalize([]byte(`{"@context": {"a": "https://a.example/a"}, "a": {"b": 1}}`), jsonld.Options{}, rdf.Options{}); err == nil {
					t.Error("an undefined term was taken")
				}
				got, err := ours(p, doc, true)
				if err != nil || got != want[name] {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
	}
	wg.Wait()
}
