package selective_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/piprate/json-gold/ld"

	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

// reference is canonicalizeAndGroup as the specification writes it (DI ECDSA 1.0, Section
// 3.4.16), step by step with another JSON-LD processor: expand, skolemize, compact,
// select, to RDF, deskolemize.
type reference struct {
	compact    map[string]any
	statements []string
	names      map[string]string // from deskolemized labels to labels
}

func newReference(doc []byte, labels selective.LabelMap) (*reference, error) {
	var v map[string]any
	if err := json.Unmarshal(doc, &v); err != nil {
		return nil, err
	}
	expanded, err := ld.NewJsonLdProcessor().Expand(v, ld.NewJsonLdOptions(""))
	if err != nil {
		return nil, err
	}
	count := 0
	skolemized := skolemize(expanded, &count)
	r := &reference{names: map[string]string{}}
	if r.compact, err = ld.NewJsonLdProcessor().Compact(skolemized, map[string]any{"@context": v["@context"]}, ld.NewJsonLdOptions("")); err != nil {
		return nil, err
	}
	nquads, err := deskolemized(skolemized)
	if err != nil {
		return nil, err
	}
	data, err := rdf.ParseNQuads(strings.Join(nquads, ""))
	if err != nil {
		return nil, err
	}
	c, err := data.Canonicalize(rdf.Options{})
	if err != nil {
		return nil, err
	}
	given, err := labels(len(c.Issued()))
	if err != nil {
		return nil, err
	}
	canonical := map[string]string{}
	for label, name := range c.Issued() {
		n, err := strconv.Atoi(strings.TrimPrefix(name, "c14n"))
		if err != nil {
			return nil, err
		}
		r.names[label], canonical[name] = given[n], given[n]
	}
	r.statements = relabel(strings.SplitAfter(strings.TrimSuffix(string(c.NQuads), "\n"), "\n"), canonical)
	if n := len(r.statements); n > 0 {
		r.statements[n-1] += "\n"
	}
	slices.Sort(r.statements)
	return r, nil
}

func skolemize(expanded []any, count *int) []any {
	var out []any
	for _, element := range expanded {
		node, ok := element.(map[string]any)
		if !ok || node["@value"] != nil {
			out = append(out, element)
			continue
		}
		done := map[string]any{}
		for _, property := range slices.Sorted(keys(node)) {
			if list, ok := node[property].([]any); ok {
				done[property] = skolemize(list, count)
			} else {
				done[property] = skolemize([]any{node[property]}, count)[0]
			}
		}
		if id, ok := done["@id"].(string); !ok {
			done["@id"] = fmt.Sprintf("urn:bnid:_r_%d", *count)
			*count++
		} else if label, blank := strings.CutPrefix(id, "_:"); blank {
			done["@id"] = "urn:bnid:" + label
		}
		out = append(out, done)
	}
	return out
}

func keys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

var skolem = regexp.MustCompile(`<urn:bnid:([^>]+)>`)

func deskolemized(doc any) ([]string, error) {
	o := ld.NewJsonLdOptions("")
	o.Format = "application/n-quads"
	out, err := ld.NewJsonLdProcessor().ToRDF(doc, o)
	if err != nil {
		return nil, err
	}
	var nquads []string
	for line := range strings.Lines(out.(string)) {
		nquads = append(nquads, skolem.ReplaceAllString(line, "_:$1"))
	}
	return nquads, nil
}

var blank = regexp.MustCompile(`_:([^\s]+)`)

func relabel(nquads []string, names map[string]string) []string {
	var out []string
	for _, nq := range nquads {
		out = append(out, blank.ReplaceAllStringFunc(nq, func(s string) string { return "_:" + names[s[2:]] }))
	}
	return out
}

// selected are the places of what pointers select.
func (r *reference) selected(pointers []string) ([]int, error) {
	selection := map[string]any{"@context": r.compact["@context"]}
	initial(selection, r.compact)
	for _, p := range pointers {
		if p == "" {
			selection = r.compact
			break
		}
		merge(selection, r.compact, strings.Split(p, "/")[1:])
	}
	nquads, err := deskolemized(dense(selection))
	if err != nil {
		return nil, err
	}
	nquads = relabel(nquads, r.names)
	var out []int
	for i, s := range r.statements {
		if slices.Contains(nquads, s) {
			out = append(out, i)
		}
	}
	return out, nil
}

func initial(selection, source map[string]any) {
	if id, ok := source["id"].(string); ok && !strings.HasPrefix(id, "_:") {
		selection["id"] = id
	}
	if t, ok := source["type"]; ok {
		selection["type"] = t
	}
}

// merge puts what a path selects into a selection; arrays are sparse: maps by index.
func merge(selection, source map[string]any, path []string) {
	step := path[0]
	value := source[step]
	if len(path) == 1 {
		selection[step] = value
		return
	}
	inner, ok := selection[step].(map[string]any)
	if !ok {
		if selection[step] != nil {
			return // selected whole
		}
		inner = map[string]any{}
		selection[step] = inner
	}
	switch v := value.(type) {
	case map[string]any:
		if len(inner) == 0 {
			initial(inner, v)
		}
		merge(inner, v, path[1:])
	case []any:
		items := map[string]any{}
		for i, item := range v {
			items[strconv.Itoa(i)] = item
		}
		inner["sparse"] = true
		merge(inner, items, path[1:])
	}
}

func dense(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	if m["sparse"] == true {
		var out []any
		delete(m, "sparse")
		for _, k := range slices.SortedFunc(keys(m), func(a, b string) int { x, _ := strconv.Atoi(a); y, _ := strconv.Atoi(b); return x - y }) {
			out = append(out, dense(m[k]))
		}
		return out
	}
	out := map[string]any{}
	for k, inner := range m {
		if out[k] = inner; k != "@context" {
			out[k] = dense(inner)
		}
	}
	return out
}

// made is a compact document and pointers into it, made from arbitrary bytes.
type made struct {
	bytes    []byte
	pointers []string
	b        strings.Builder
	labels   int
	values   int
}

func (m *made) next() int {
	if len(m.bytes) == 0 {
		return 0
	}
	b := m.bytes[0]
	m.bytes = m.bytes[1:]
	return int(b)
}

const context = `{"@context":{"id":"@id","type":"@type","T":"https://e.example/T","U":"https://e.example/U","a":"https://e.example/a","b":"https://e.example/b","c":"https://e.example/c","at":{"@id":"https://e.example/at","@type":"https://e.example/time"}}`

func makeDocument(bytes []byte) (doc []byte, pointers []string) {
	m := &made{bytes: bytes}
	m.b.WriteString(context)
	m.members("", 0, true)
	m.b.WriteByte('}')
	doc = []byte(m.b.String())
	for range m.next()%4 + 1 {
		pointers = append(pointers, m.pointers[m.next()%len(m.pointers)])
	}
	return doc, pointers
}

func (m *made) members(at string, depth int, more bool) {
	member := func(name, value string) {
		if more {
			m.b.WriteByte(',')
		}
		more = true
		fmt.Fprintf(&m.b, "%q:%s", name, value)
	}
	shape := m.next()
	switch shape % 5 {
	case 0:
		member("id", fmt.Sprintf(`"https://e.example/%d"`, m.next()%3))
	case 1:
		m.labels++
		member("id", fmt.Sprintf(`"_:l%d"`, m.labels))
	}
	switch shape / 5 % 3 {
	case 0:
		member("type", `"T"`)
	case 1:
		member("type", `["T","U"]`)
	}
	for i, name := range []string{"a", "b", "c", "at"} {
		if shape>>(i+3)&1 == 0 && i > 0 {
			continue
		}
		member(name, "")
		m.value(at+"/"+name, depth+1, name == "at")
	}
}

func (m *made) value(at string, depth int, typed bool) {
	m.pointers = append(m.pointers, at)
	kind := m.next()
	switch {
	case kind%3 == 0 || typed || depth > 4:
		// Each value is another, so that no two blank nodes are alike: which of such a pair
		// gets which label is open.
		m.values++
		fmt.Fprintf(&m.b, `"v%d"`, m.values)
	case kind%3 == 1:
		m.b.WriteByte('{')
		m.members(at, depth, false)
		m.b.WriteByte('}')
	default:
		m.b.WriteByte('[')
		for i := range 2 + kind%2 {
			if i > 0 {
				m.b.WriteByte(',')
			}
			m.pointers = append(m.pointers, fmt.Sprintf("%s/%d", at, i))
			if item := m.next(); item%2 == 0 || depth > 4 {
				fmt.Fprintf(&m.b, `"i%d"`, i)
			} else {
				m.b.WriteByte('{')
				m.members(fmt.Sprintf("%s/%d", at, i), depth+1, false)
				m.b.WriteByte('}')
			}
		}
		m.b.WriteByte(']')
	}
}

// FuzzAgainstReference compares statements and selections with the specification's own way.
func FuzzAgainstReference(f *testing.F) {
	for i := range 64 {
		seed := make([]byte, 40)
		for j := range seed {
			seed[j] = byte(i*89 + j*(57+i*2) + j*j*i)
		}
		f.Add(seed)
	}
	p := jsonld.New(jsonld.LoaderFunc(func(string) ([]byte, error) { return nil, fmt.Errorf("no contexts") }))
	labels := selective.HMAC(make([]byte, selective.HMACKeySize))
	f.Fuzz(func(t *testing.T, bytes []byte) {
		if len(bytes) > 400 {
			return
		}
		doc, pointers := makeDocument(bytes)
		d, err := selective.Read(p, doc, labels)
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		want, err := newReference(doc, labels)
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if !slices.Equal(texts(d.Statements), want.statements) {
			t.Fatalf("%s:\ngot  %q\nwant %q", doc, texts(d.Statements), want.statements)
		}
		s, err := d.Select(pointers)
		if err != nil {
			t.Fatalf("%s, %v: %v", doc, pointers, err)
		}
		indexes, err := want.selected(pointers)
		if err != nil {
			t.Fatalf("%s, %v: %v", doc, pointers, err)
		}
		if !slices.Equal(s.Indexes, indexes) {
			t.Fatalf("%s, %v:\ngot  %v\nwant %v\n%q", doc, pointers, s.Indexes, indexes, want.statements)
		}
		// What a verifier makes of the fragment is what was selected.
		given, err := s.Labels()
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := selective.Read(p, s.JSON, selective.Given(given))
		if err != nil {
			t.Fatalf("%s: %v", s.JSON, err)
		}
		if got, want := texts(verifier.Statements), at(d.Statements, s.Indexes); !slices.Equal(got, want) {
			t.Fatalf("%s, %v:\ngot  %q\nwant %q", doc, pointers, got, want)
		}
	})
}
