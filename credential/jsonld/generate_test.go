package jsonld_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// generator makes JSON-LD documents of choices that a fuzzer can steer: each byte
// is one choice, and after the last all are the first.
type generator struct {
	choices []byte
	known   map[string][]string // names by context
	terms   []string            // names to use
	kinds   []string            // and those to use as types
	nodes   int                 // that may still be made, so that no peer works for ever
}

func (g *generator) choose(n int) int {
	if len(g.choices) == 0 {
		return 0
	}
	c := int(g.choices[0])
	g.choices = g.choices[1:]
	return c % n
}

func (g *generator) one(of ...string) string { return of[g.choose(len(of))] }

func (g *generator) chance(n int) bool { return g.choose(n) == n-1 }

// contextNames are the names that published contexts define, also in scopes.
func contextNames(t testing.TB, urls ...string) map[string][]string {
	load := known(t)
	names := map[string][]string{}
	for _, url := range urls {
		b, err := load(url)
		if err != nil {
			t.Fatal(err)
		}
		var doc any
		if err := json.Unmarshal(b, &doc); err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		var walk func(v any)
		walk = func(v any) {
			switch v := v.(type) {
			case []any:
				for _, x := range v {
					walk(x)
				}
			case map[string]any:
				for name, x := range v {
					if name != "" && name[0] != '@' {
						found[name] = true
					}
					walk(x)
				}
			}
		}
		walk(doc)
		names[url] = slices.Sorted(maps.Keys(found))
		for name := range doc.(map[string]any)["@context"].(map[string]any) {
			if name[0] >= 'A' && name[0] <= 'Z' {
				names[url+" types"] = append(names[url+" types"], name)
			}
		}
		slices.Sort(names[url+" types"])
	}
	return names
}

var published = []string{"https://www.w3.org/ns/credentials/v2", "http://data.europa.eu/snb/model/context/edc-ap", "https://diplomas.example/context/v1"}

// document is a whole document.
func (g *generator) document() []byte {
	g.nodes = 14
	doc := map[string]any{}
	switch g.choose(4) {
	case 0:
		doc["@context"] = g.inline(2)
	case 1:
		doc["@context"] = []any{g.url(), g.inline(1)}
	default:
		doc["@context"] = []any{g.url(), published[2]}
	}
	g.members(doc, 0)
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return b
}

func (g *generator) url() string {
	url := published[g.choose(2)]
	g.terms = append(g.terms, g.known[url]...)
	g.kinds = append(g.kinds, g.known[url+" types"]...)
	return url
}

// inline is a context with terms of all kinds.
func (g *generator) inline(depth int) map[string]any {
	c := map[string]any{}
	if g.chance(3) {
		c["@vocab"] = g.one("https://vocab.example/", "https://vocab.example/ns#")
	}
	if g.chance(6) {
		c["@language"] = g.one("en", "nl-BE")
	}
	if g.chance(8) {
		c["@propagate"] = g.chance(2)
	}
	if g.chance(8) {
		c["@base"] = g.one("https://base.example/a/b", "https://base.example/a/")
	}
	if g.chance(10) {
		c["@protected"] = true
	}
	c["ex"] = "https://ex.example/"
	for range 1 + g.choose(6) {
		name := fmt.Sprintf("t%d", g.choose(12))
		c[name] = g.definition(name, depth)
		g.terms = append(g.terms, name)
	}
	if g.chance(4) {
		c["kind"], c["ref"] = "@type", "@id"
		g.terms = append(g.terms, "kind", "ref")
	}
	return c
}

func (g *generator) definition(name string, depth int) any {
	iri := g.one("ex:"+name, "https://other.example/"+name, "ex:shared")
	switch g.choose(8) {
	case 0:
		return iri
	case 1:
		if g.chance(3) {
			return nil
		}
		return map[string]any{"@reverse": iri}
	}
	d := map[string]any{"@id": iri}
	if g.chance(2) {
		d["@type"] = g.one("@id", "@vocab", "http://www.w3.org/2001/XMLSchema#date", "http://www.w3.org/2001/XMLSchema#integer", "http://www.w3.org/2001/XMLSchema#double", "ex:type", "@json", "@none")
	} else if g.chance(4) {
		d["@language"] = g.one("de", "fr")
	}
	switch g.choose(12) {
	case 0:
		d["@container"] = "@list"
	case 1:
		d["@container"] = g.one("@language", "@index", "@set")
	case 2:
		d["@container"] = "@graph"
	case 3:
		d["@container"] = []any{"@graph", "@id"}
	case 4:
		d["@container"] = "@id"
	case 5:
		d["@container"], d["@type"] = "@type", "@id"
	}
	if depth > 0 && g.chance(4) {
		inner := g.inline(depth - 1)
		delete(inner, name) // see faultsOfPeer
		d["@context"] = inner
	}
	return d
}

func (g *generator) members(m map[string]any, depth int) {
	if g.chance(2) {
		m["@id"] = g.iri()
	}
	if g.chance(2) {
		m["@type"] = g.types()
	}
	for range 1 + g.choose(5) {
		if len(g.terms) > 0 && !g.chance(6) {
			m[g.terms[g.choose(256)*g.choose(256)%len(g.terms)]] = g.value(depth + 1)
			continue
		}
		switch name := g.one("https://direct.example/p", "ex:q", "@graph", "@included", "@reverse", "@nest", "undefined", "@index"); name {
		case "@graph", "@included":
			m[name] = []any{g.node(depth + 1), g.node(depth + 1)}
		case "@reverse":
			m[name] = map[string]any{"https://direct.example/back": g.node(depth + 1)}
		case "@nest":
			m[name] = map[string]any{"https://direct.example/nested": g.value(depth + 1)}
		case "@index":
			m[name] = "i"
		default:
			m[name] = g.value(depth + 1)
		}
	}
}

func (g *generator) types() any {
	some := []any{g.one("https://types.example/A", "urn:type:b", "_:b1")}
	for range g.choose(3) {
		if len(g.kinds) > 0 {
			some = append(some, g.kinds[g.choose(256)%len(g.kinds)])
		}
	}
	return some
}

func (g *generator) iri() string {
	return g.one("https://a.example/x", "https://b.example/y#z", "urn:uuid:5c1a9c38-6f0b-4f6e-9d8f-1b5c8a0f5f10", "did:web:a.example", "_:b0", "_:b1", "ex:z", "relative", "t1", "#frag", "https://c.example/?q=1")
}

func (g *generator) node(depth int) any {
	m := map[string]any{}
	if g.nodes--; g.nodes < 0 || depth > 4 {
		return map[string]any{"@id": g.iri()}
	}
	if g.chance(10) {
		m["@context"] = g.inline(1)
	}
	g.members(m, depth)
	return m
}

func (g *generator) value(depth int) any {
	switch g.choose(12) {
	case 0:
		return g.one("a", "b c", "with \"quotes\"", "a\nb", "back\\slash", "", "2026-07-01")
	case 1:
		return []any{1, 0, -7, 180, 5.0, 1.5, -0.25}[g.choose(7)]
	case 2:
		return g.chance(2)
	case 3:
		return nil
	case 4, 5:
		return g.iri()
	case 6:
		return []any{g.value(depth + 1), g.value(depth + 1)}
	case 7:
		return map[string]any{"@list": []any{g.scalar(), g.scalar()}}
	case 8:
		return map[string]any{"@value": g.scalar(), "@type": g.one("ex:d", "http://www.w3.org/2001/XMLSchema#date", "http://www.w3.org/2001/XMLSchema#double")}
	case 9:
		return map[string]any{"@value": "v", "@language": g.one("en", "EN-gb", "nl")}
	case 10:
		return map[string]any{g.one("en", "nl", "x", "ex:k"): g.one("a", "b")}
	}
	return g.node(depth)
}

func (g *generator) scalar() any {
	return []any{"a", "b", 1, true, "_:b0", 2.5}[g.choose(6)]
}
