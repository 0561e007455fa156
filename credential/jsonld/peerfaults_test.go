package jsonld_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/piprate/json-gold/ld"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

// faultsOfPeer are the documents on which json-gold 0.9.1 goes wrong, one for each
// kind, with what it says and what we say; docs/specs/json-ld.md explains them. A
// difference of these kinds says nothing about us. An empty form is a document that
// says nothing.
var faultsOfPeer = map[string]struct{ doc, peer, ours string }{
	"percent sign that encodes nothing is dropped, as here in lax mode": {
		`{"@id": "https://a.example/%zz", "https://b.example/p": 1}`, ``, ``},
	"host that its expression does not like": {
		`{"@id": "https://a-b-.example/", "https://b.example/p": 1}`, ``, number("<https://a-b-.example/>")},
	"numeric host": {
		`{"@id": "http://0.0.0.0/", "https://b.example/p": 1}`, ``, number("<http://0.0.0.0/>")},
	"host beyond ASCII": {
		`{"@id": "https://🔒.example/", "https://b.example/p": 1}`, ``, number("<https://🔒.example/>")},
	"IRI of 2,083 characters": {
		`{"@id": "https://a.example/` + strings.Repeat("x", 2083-18) + `", "https://b.example/p": 1}`, ``,
		number("<https://a.example/" + strings.Repeat("x", 2083-18) + ">")},
	"backspace, form feed, other controls and delete are not escaped": {
		`{"@id": "https://a.example/", "https://b.example/p": "\b\f\u0001\u007f"}`,
		"<https://a.example/> <https://b.example/p> \"\b\f\x01\x7f\" .\n",
		`<https://a.example/> <https://b.example/p> "\b\f\u0001\u007F" .` + "\n"},
	"relative type": {
		`{"@id": "https://a.example/", "@type": "T"}`,
		"<https://a.example/> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <T> .\n", ``},
	"IRI with a space": {
		`{"@id": "https://a.example/", "@type": "urn:a b"}`,
		"<https://a.example/> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <urn:a b> .\n", ``},
	"resolving encodes": {
		`{"@context": {"@base": "https://b.example/"}, "@id": "a b", "https://b.example/p": 1}`, number("<https://b.example/a%20b>"), ``},
	"JSON literal that is a string": {
		`{"@context": {"p": {"@id": "https://b.example/p", "@type": "@json"}}, "@id": "https://a.example/", "p": "a"}`,
		`<https://a.example/> <https://b.example/p> "JSON Canonicalization error Expected '{' but got 'a'"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON> .` + "\n",
		`<https://a.example/> <https://b.example/p> "\"a\""^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON> .` + "\n"},
	"JSON literal that is a number": {
		`{"@context": {"p": {"@id": "https://b.example/p", "@type": "@json"}}, "@id": "https://a.example/", "p": 0.5}`,
		`<https://a.example/> <https://b.example/p> "5.0E-1"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON> .` + "\n",
		`<https://a.example/> <https://b.example/p> "0.5"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON> .` + "\n"},
	"JSON literal under a term for language maps": {
		`{"@context": {"p": {"@id": "https://b.example/p", "@type": "@json", "@container": "@language"}}, "@id": "https://a.example/", "p": {"a": ["b"]}}`,
		`<https://a.example/> <https://b.example/p> "b"@a .` + "\n",
		`<https://a.example/> <https://b.example/p> "{\"a\":[\"b\"]}"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON> .` + "\n"},
	"JSON literal under a term for maps by id": {
		`{"@context": {"p": {"@id": "https://b.example/p", "@type": "@json", "@container": "@id"}}, "@id": "https://a.example/", "p": {"@list": ["a"]}}`,
		`! invalid value object`,
		`<https://a.example/> <https://b.example/p> "{\"@list\":[\"a\"]}"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON> .` + "\n"},
	"value under two indexes is hashed twice, so that other names are issued": {
		`{"@context": {"t": {"@id": "https://b.example/t", "@container": "@index"}}, "https://b.example/p": {"@id": "_:b"}, "t": {"x": "a", "y": "a", "z": 1}}`,
		"_:c14n0 <https://b.example/p> _:c14n1 .\n" + `_:c14n0 <https://b.example/t> "1"^^<http://www.w3.org/2001/XMLSchema#integer> .` + "\n" + `_:c14n0 <https://b.example/t> "a" .` + "\n",
		"_:c14n1 <https://b.example/p> _:c14n0 .\n" + `_:c14n1 <https://b.example/t> "1"^^<http://www.w3.org/2001/XMLSchema#integer> .` + "\n" + `_:c14n1 <https://b.example/t> "a" .` + "\n"},
	"one context twice in a list": {
		`{"@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/v2"], "id": "https://a.example/", "https://b.example/p": 1}`,
		`! recursive context inclusion`, number("<https://a.example/>")},
	"@included below @included": {
		`{"@id": "https://a.example/", "@included": [{"https://b.example/q": {"@id": "https://a.example/", "https://b.example/p": 1, "@included": [{"@id": "https://c.example/"}]}}]}`,
		`! invalid @included value`, number("<https://a.example/>") + "_:c14n0 <https://b.example/q> <https://a.example/> .\n"},
	"string in a graph container": {
		`{"@context": {"g": {"@id": "https://b.example/g", "@container": "@graph"}}, "@id": "https://a.example/", "g": "a"}`,
		`! json-gold: assignment to entry in nil map`, "<https://a.example/> <https://b.example/g> _:c14n0 .\n"},
	"container of a term that its own context defines anew": {
		`{"@context": {"p": {"@id": "https://b.example/p", "@container": "@graph", "@context": {"p": "https://b.example/p"}}}, "p": "a"}`,
		`_:c14n0 <https://b.example/p> "a" .` + "\n", "_:c14n1 <https://b.example/p> _:c14n0 .\n"},
	"credential in a presentation, whose term has a context of its own that is null": {
		`{"@context": "https://www.w3.org/ns/credentials/v2", "type": "VerifiablePresentation", "verifiableCredential": "a"}`,
		"_:c14n0 <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://www.w3.org/2018/credentials#VerifiablePresentation> .\n" +
			`_:c14n0 <https://www.w3.org/2018/credentials#verifiableCredential> "a" .` + "\n",
		"_:c14n1 <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://www.w3.org/2018/credentials#VerifiablePresentation> .\n" +
			"_:c14n1 <https://www.w3.org/2018/credentials#verifiableCredential> _:c14n0 .\n"},
	"protected term that is null, defined anew": {
		`{"@context": [{"@protected": true, "t": null}, {"t": "https://b.example/p"}], "@id": "https://a.example/", "t": 1}`,
		number("<https://a.example/>"), `! protected term redefinition`},
	"context in a map by type is a type": {
		`{"@context": {"m": {"@container": "@type", "@id": "https://b.example/m", "@type": "@id"}}, "@id": "https://a.example/", "m": {"@context": "https://d.example/"}}`,
		"<https://a.example/> <https://b.example/m> <https://d.example/> .\n<https://d.example/> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <@context> .\n",
		"<https://a.example/> <https://b.example/m> <https://d.example/> .\n"},
	"name of no characters under a vocabulary": {
		`{"@context": {"@vocab": "https://b.example/p"}, "@id": "https://a.example/", "": 1}`,
		`! json-gold: interface conversion`, number("<https://a.example/>")},
	"prefix that is a blank node": {
		`{"@context": {"b": "_:b"}, "@id": "b:", "@type": "https://a.example/T"}`,
		"<b:> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://a.example/T> .\n",
		"_:c14n0 <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://a.example/T> .\n"},
	"list with an item that RDF cannot name": {
		`{"@context": {"p": {"@id": "https://b.example/p", "@type": "@id"}}, "@id": "https://a.example/", "p": {"@list": ["x"]}}`,
		`! json-gold: interface conversion`, "<https://a.example/> <https://b.example/p> _:c14n0 .\n" +
			"_:c14n0 <http://www.w3.org/1999/02/22-rdf-syntax-ns#rest> <http://www.w3.org/1999/02/22-rdf-syntax-ns#nil> .\n"},
	"member twice": {
		`{"@id": "https://a.example/", "https://b.example/p": 2, "https://b.example/p": 1}`, number("<https://a.example/>"), `! json`},
	"keyword that does not belong": {
		`{"@id": "https://a.example/", "https://b.example/p": 1, "@none": 2}`, number("<https://a.example/>"), `! invalid keyword`},
	"value in a map by type gets it as datatype": {
		`{"@context": {"m": {"@id": "https://b.example/m", "@container": "@type"}}, "@id": "https://a.example/", "m": {"https://c.example/": {"@value": "a"}}}`,
		`<https://a.example/> <https://b.example/m> "a"^^<https://c.example/> .` + "\n", `! invalid value object`},
	"list in a map by id loses the id": {
		`{"@context": {"m": {"@id": "https://b.example/m", "@container": "@id"}}, "@id": "https://a.example/", "m": {"https://c.example/": {"@list": []}}}`,
		"<https://a.example/> <https://b.example/m> <http://www.w3.org/1999/02/22-rdf-syntax-ns#nil> .\n", `! not supported`},
}

func number(subject string) string {
	return subject + ` <https://b.example/p> "1"^^<http://www.w3.org/2001/XMLSchema#integer> .` + "\n"
}

// TestFaultsOfPeer shows each fault, so that the list says what is so.
func TestFaultsOfPeer(t *testing.T) {
	load := known(t)
	other := &peer{load, map[string]any{}}
	p := jsonld.New(load)
	matches := func(got string, err error, want string) bool {
		if why, ok := strings.CutPrefix(want, "! "); ok {
			return err != nil && strings.Contains(err.Error(), why)
		}
		return err == nil && got == want
	}
	for name, c := range faultsOfPeer {
		t.Run(name, func(t *testing.T) {
			theirs, theirErr := other.canonical([]byte(c.doc))
			mine, err := ours(p, []byte(c.doc), true)
			if !matches(theirs, theirErr, c.peer) {
				t.Errorf("json-gold: %v, %s", theirErr, theirs)
			}
			if !matches(mine, err, c.ours) {
				t.Errorf("ours: %v, %s", err, mine)
			}
		})
	}
}

// TestPeerHashesTwice: a statement that holds one blank node twice counts twice when
// json-gold hashes the node (RDFC-1.0, Section 4.4.3, step 2.1 has a map of quads), so
// that other names are issued.
func TestPeerHashesTwice(t *testing.T) {
	other := &peer{known(t), map[string]any{}}
	p := jsonld.New(nil)
	differ := 0
	for i := range 16 {
		doc := fmt.Appendf(nil, `{"https://a.example/%d": {"@id": "_:a", "@type": "_:a"}}`, i)
		theirs, theirErr := other.canonical(doc)
		mine, err := ours(p, doc, true)
		if err != nil || theirErr != nil || !peerDiffers(theirs) {
			t.Fatal(err, theirErr)
		}
		if mine != theirs {
			differ++
		}
	}
	if differ == 0 {
		t.Error("no difference")
	}
}

// TestPeerDropsInSafeMode: what json-gold's Normalize leaves out it leaves out
// without an error, also when it is asked to be safe; we refuse it.
func TestPeerDropsInSafeMode(t *testing.T) {
	const doc = `{"@context": {"@version": 1.1}, "@id": "https://a.example/", "https://b.example/p": 1, "undefined": "claim"}`
	o := ld.NewJsonLdOptions("")
	o.SafeMode, o.Algorithm, o.Format = true, ld.AlgorithmURDNA2015, "application/n-quads"
	v, err := ld.DocumentFromReader(strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ld.NewJsonLdProcessor().Normalize(v, o); err != nil || got != number("<https://a.example/>") {
		t.Errorf("json-gold: %v, %v", err, got)
	}
	refused(t, doc, "dropped", "/undefined")
}

// TestPeerHasNoWorkLimit: blank nodes that look alike keep json-gold busy, the longer
// the more they are; here it is still done in a second. Nor does it know SHA-384.
func TestPeerHasNoWorkLimit(t *testing.T) {
	other := &peer{known(t), map[string]any{}}
	doc := []byte(clique(6))
	start := time.Now()
	if _, err := other.canonical(doc); err != nil {
		t.Errorf("json-gold: %v", err)
	}
	t.Logf("json-gold took %v", time.Since(start))
	p := jsonld.New(nil)
	if _, err := ours(p, doc, true); err != rdf.ErrWork {
		t.Errorf("ours: %v", err)
	}
	small := []byte(`{"https://b.example/p": {"https://b.example/p": 1}}`)
	a, err := p.Canonicalize(small, jsonld.Options{}, rdf.Options{Hash: rdf.SHA384})
	if err != nil || len(a) == 0 {
		t.Error(err)
	}
}

// peerFaults are the faults as they show in a document of any kind, for
// FuzzAgainstPeer: percent signs, escapes, characters beyond ASCII, numbers that are no
// small integers, IRIs with characters that none holds, bases that are not of the web, empty
// names, blank nodes as terms.
var peerFaults = regexp.MustCompile(`%|\\|[^ -~\s]|[0-9]{15}|[0-9][eE.]|-\.|[<>^]|"@base"\s*:\s*"(?:[^h]|h[^t])|""\s*:|"[^"@][^"]*"\s*:\s*"_:`)

// hosts are those that json-gold's expression is sure to like; others it may drop.
var (
	hosts    = regexp.MustCompile(`//[^/"?#]*`)
	likeable = regexp.MustCompile(`^//([a-z][a-z0-9]+\.|www\.)*[a-z]{2,}$`)
)

func peerFails(doc string) bool {
	for _, host := range hosts.FindAllString(doc, -1) {
		if !likeable.MatchString(host) {
			return true
		}
	}
	return peerFaults.MatchString(doc)
}

// peerRefuses are the errors of json-gold on documents that are right.
func peerRefuses(err error) bool {
	s := err.Error()
	return strings.HasPrefix(s, "json-gold: ") || strings.HasPrefix(s, "recursive context inclusion") || strings.HasPrefix(s, "invalid @included value") || strings.HasPrefix(s, "expected map or list to GenerateNodeMap")
}

// weRefuse are errors of ours where the algorithms say nothing or drop without a word,
// and where json-gold misses what they refuse.
func weRefuse(err error, doc []byte) bool {
	s := err.Error()
	if strings.Contains(s, "protected term redefinition") && nullTerms.Match(doc) {
		return true
	}
	return strings.Contains(s, "does not belong here") || strings.Contains(s, "every item is a node object") || strings.Contains(s, "jsonld: not supported")
}

// nullTerms are the documents with a term that is null, of which json-gold forgets that
// it may be protected (API, Section 4.2.2, step 14.1).
var nullTerms = regexp.MustCompile(`"[^"@][^"]*":\s*null`)

// scalarJSON is a JSON literal that is neither an object nor an array.
var scalarJSON = regexp.MustCompile(` "[^{\[][^\n]*"\^\^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON>`)

// jsonMaps are the documents with terms whose values are JSON literals, which json-gold
// takes for maps (API, Section 5.1.2, where step 13.6 comes before 13.7 and 13.8).
var jsonMaps = regexp.MustCompile(`"@container":(?:\[[^\]]*)?"@(?:language|index|id|type|graph)"[^{}]*"@type":"@json"`)

// ownContainers are the documents with a term that is a graph and has a context in which
// it is none, of which json-gold takes the inner one: the credentials of a presentation.
var ownContainers = regexp.MustCompile(`"verifiableCredential":`)

// peerDiffers are the faults as they show in what json-gold says: what is not RDF,
// IRIs that it encoded, one blank node twice in a statement.
func peerDiffers(nquads string) bool {
	if _, err := rdf.ParseNQuads(nquads); err != nil || strings.Contains(nquads, "%") || scalarJSON.MatchString(nquads) {
		return true
	}
	for line := range strings.Lines(nquads) {
		f := strings.Fields(line)
		if last := f[len(f)-2]; strings.HasPrefix(f[0], "_:") && (f[2] == f[0] || last == f[0]) || strings.HasPrefix(f[2], "_:") && len(f) == 5 && last == f[2] {
			return true
		}
	}
	return false
}
