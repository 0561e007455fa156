package jsonld_test

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/cputime"
)

// hostileSize is what a hostile document may have.
const hostileSize = 64 << 10

// fill repeats a part until the document has its size; i is the number of the part.
func fill(head, tail string, part func(i int) string) string {
	var b strings.Builder
	b.WriteString(head)
	for i := 0; ; i++ {
		p := part(i)
		if i > 0 {
			p = "," + p
		}
		if b.Len()+len(p)+len(tail) > hostileSize {
			break
		}
		b.WriteString(p)
	}
	b.WriteString(tail)
	return b.String()
}

func always(s string) func(int) string { return func(int) string { return s } }

const (
	vcdm  = `"https://www.w3.org/ns/credentials/v2"`
	vocab = `{"@context": {"@vocab": "https://a.example/"},`
	// fresh stands for digits that differ each time a document is sent, so that no
	// context in it is known.
	fresh = "00000000"
)

// benign is a diploma with as many courses as fit.
func benign(t testing.TB) string {
	head, tail, ok := strings.Cut(string(sample(t, "diploma.jsonld")), `"hasPart": [`)
	if !ok {
		t.Fatal("the diploma has no parts")
	}
	return fill(head+`"hasPart": [`, tail[strings.LastIndex(tail, "]"):], func(i int) string {
		return fmt.Sprintf(`{"type": "LearningAchievement", "title": {"en": "Algorithms %d", "nl": "Algoritmen %d"},
			"provenBy": {"type": "LearningAssessment", "title": {"en": "Written examination"}, "grade": "9.0", "issuedOn": "2025-06-15T12:00:00Z"}}`, i, i)
	})
}

// hostile are documents made to cost as much as they can.
func hostile() map[string]string {
	long := strings.Repeat("x", hostileSize/2)
	scoped := func(n int) string { // types with a context each
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `"T%d": {"@id": "https://a.example/%s/T%d", "@context": {"u%d": "https://a.example/u%d"}},`, i, fresh, i, i, i)
		}
		return b.String()
	}
	m := map[string]string{
		"brackets":         strings.Repeat("[", hostileSize),
		"deep":             fill(vocab+`"p": [`, `]}`, always(strings.Repeat(`{"p":`, 60)+`1`+strings.Repeat(`}`, 60))),
		"deep arrays":      fill(vocab+`"p": [`, `]}`, always(strings.Repeat(`[`, 60)+`1`+strings.Repeat(`]`, 60))),
		"wide":             fill(vocab, `}`, func(i int) string { return fmt.Sprintf(`"%d":0`, i) }),
		"empty nodes":      fill(vocab+`"p": [`, `]}`, always(`{}`)),
		"empty nodes of @": fill(vocab+`"@id": "https://a.example", "p": [`, `]}`, always(`{}`)),
		"pairs":            fill(vocab+`"p": [`, `]}`, always(`{"p":{}}`)),
		"rings":            fill(`{"@context": {"@vocab": "https://a.example/", "p": {"@type": "@id"}}, "@graph": [`, `]}`, func(i int) string { return fmt.Sprintf(`{"@id":"_:%d","p":"_:%d"}`, i, i/5*5+(i+1)%5) }),
		"one ring": fill(`{"@context": {"@vocab": "https://a.example/", "p": {"@type": "@id"}}, "@graph": [`, `]}`, func(i int) string {
			return fmt.Sprintf(`{"@id":"_:%d","p":["_:%d","_:%d"]}`, i, (i+1)%1000, (i+999)%1000)
		}),
		"cliques": fill(`{"@context": {"@vocab": "https://a.example/", "p": {"@type": "@id"}}, "@graph": [`, `]}`, func(i int) string {
			k := i / 4 * 4
			return fmt.Sprintf(`{"@id":"_:%d","p":["_:%d","_:%d","_:%d","_:%d"]}`, i, k, k+1, k+2, k+3)
		}),
		"clique":           clique(8),
		"stars":            fill(vocab+`"p": [`, `]}`, always(`{"q":[{},{},{},{},{},{},{}]}`)),
		"look-alike, long": strings.Replace(clique(7), "a.example/", "a.example/"+long, 1),
		"long prefix":      fill(`{"@context": {"p": "https://a.example/`+long+`/"}, "p:a": [`, `]}`, func(i int) string { return fmt.Sprintf(`{"@id":"p:%d","p:b":0}`, i) }),
		"dots":             fill(`{"@context": {"@base": "https://a.example/`+strings.Repeat("../", hostileSize/6)+`", "p": {"@id": "https://a.example/p", "@type": "@id"}}, "p": [`, `]}`, func(i int) string { return fmt.Sprintf(`"%d"`, i) }),
		"bases":            fill(`{"@context": [{"@base": "https://a.example/`+fresh+`/"}, `, `], "https://a.example/p": 1}`, always(`{"@base":"b/c/"}`)),
		"vocabularies":     fill(`{"@context": [{"@vocab": "https://a.example/`+fresh+`/"}, `, `], "p": 1}`, always(`{"@vocab":"bb/"}`)),
		"long terms":       fill(`{"@context": {"b0": {"@id": "https://a.example/`+fresh+long+`", "@prefix": true},`, `}, "@id": "https://a.example", "b0": 1}`, func(i int) string { return fmt.Sprintf(`"b%d":"b0:%d"`, i+1, i) }),
		"long predicate":   fill(`{"@context": {"p": "https://a.example/`+long+`"}, "p": [`, `]}`, func(i int) string { return strconv.Itoa(i) }),
		"long vocabulary":  fill(`{"@context": {"@vocab": "https://a.example/`+long+`/"}, `, `}`, func(i int) string { return fmt.Sprintf(`"%d":0`, i) }),
		"long base":        fill(`{"@context": {"@base": "https://a.example/`+long+`/", "p": {"@id": "https://a.example/p", "@type": "@id"}}, "p": [`, `]}`, func(i int) string { return fmt.Sprintf(`"%d"`, i) }),
		"dotted base":      fill(`{"@context": {"@base": "https://a.example/`+strings.Repeat("a/", hostileSize/4)+`", "p": {"@id": "https://a.example/p", "@type": "@id"}}, "p": [`, `]}`, func(i int) string { return fmt.Sprintf(`"../%d"`, i) }),
		"long subject":     fill(vocab+`"@id": "https://a.example/`+long+`", "p": [`, `]}`, func(i int) string { return strconv.Itoa(i) }),
		"long datatype":    fill(`{"@context": {"p": {"@id": "https://a.example/p", "@type": "https://a.example/`+long+`"}}, "p": [`, `]}`, func(i int) string { return strconv.Itoa(i) }),
		"long language":    fill(`{"@context": {"@language": "`+strings.Repeat("a", hostileSize/2)+`", "p": {"@id": "https://a.example/p"}}, "p": [`, `]}`, func(i int) string { return fmt.Sprintf(`"%d"`, i) }),
		"long key":         fill(`{"@context": {"`+long[:hostileSize/4]+`": "https://a.example/p"}, "@id": "https://a.example", "`+long[:hostileSize/4]+`": [`, `]}`, func(i int) string { return fmt.Sprintf(`{"https://a.example/q":%d}`, i) }),
		"long keys":        fill(vocab, `}`, func(i int) string { return fmt.Sprintf(`"%s%d":0`, long[:hostileSize/8], i) }),
		"languages":        fill(`{"@context": {"p": {"@id": "https://a.example/p", "@container": "@language"}}, "p": {`, `}}`, func(i int) string { return fmt.Sprintf(`"x-%d":"a"`, i) }),
		"numbers":          fill(vocab+`"p": [`, `]}`, func(i int) string { return fmt.Sprintf("%d.5", i) }),
		"long numbers":     fill(vocab+`"p": [`, `]}`, func(i int) string { return fmt.Sprintf("%d.%se%d", i, strings.Repeat("123456789", 9), i%300) }),
		"one number":       vocab + `"p":` + strings.Repeat("9", hostileSize-50) + "}",
		"escapes":          fill(vocab+`"p": [`, `]}`, func(i int) string { return fmt.Sprintf(`"\u0000\u0001\u007f%d"`, i) }),
		"list":             fill(vocab+`"p": {"@list": [`, `]}}`, always(`0`)),
		"lists":            fill(vocab+`"p": {"@list": [`, `]}}`, always(`[[[[]]],[0]]`)),
		"same lists":       fill(vocab+`"p": [`, `]}`, always(`{"@list":[0,0]}`)),
		"reverse":          fill(vocab+`"@reverse": {"p": [`, `]}}`, always(`{"@reverse":{"p":{}}}`)),
		"graphs":           fill(vocab+`"p": [`, `]}`, always(`{"@graph":{"p":{}}}`)),
		"included":         fill(vocab+`"@included": [`, `]}`, always(`{"@included":{"p":0},"q":1}`)),
		"nest":             fill(vocab+`"@nest": [`, `]}`, always(`{"@nest":{"p":{}}}`)),
		"maps":             fill(`{"@context": {"@vocab": "https://a.example/", "p": {"@container": ["@graph", "@id"]}}, "p": {`, `}}`, func(i int) string { return fmt.Sprintf(`"_:%d":{"q":{}}`, i) }),
		"JSON":             fill(`{"@context": {"p": {"@id": "https://a.example/p", "@type": "@json"}}, "p": {`, `}}`, func(i int) string { return fmt.Sprintf(`"é%d":1e%d`, i, i%300) }),
		"types":            fill(`{"@context": `+vcdm+`, "type": [`, `]}`, func(i int) string { return fmt.Sprintf(`"https://a.example/%d"`, i) }),
		"scoped types":     fill(`{"@context": `+vcdm+`, "type": [`, `]}`, always(`"VerifiableCredential","VerifiablePresentation","Bitstring"`)),
		"contexts": fill(`{"@context": `+vcdm+`, "id": "https://a.example", "issuer": [`, `]}`, func(i int) string {
			return fmt.Sprintf(`{"@context":{"%s%d":"https://a.example/"},"type":"x:y"}`, fresh, i)
		}),
		"contexts in line": fill(`{"@context": [`+vcdm+`,`, `], "id": "https://a.example", "issuer": "https://a.example"}`, func(i int) string { return fmt.Sprintf(`{"%s%d":"https://a.example/"}`, fresh, i) }),
		"contexts by URL":  fill(`{"@context": [{"a`+fresh+`": null},`, `], "@id": "https://a.example"}`, always(vcdm)),
		"contexts, deep": fill(vocab+`"p": [`, `]}`, func(i int) string {
			return strings.Repeat(fmt.Sprintf(`{"@context":[{"a%s%d":null},%s],"@id":"https://a.example","https://a.example/p":`, fresh, i, vcdm), 30) + "0" + strings.Repeat("}", 30)
		}),
		"terms":         fill(`{"@context": {`, `}, "@id": "https://a.example", "a0": 1}`, func(i int) string { return fmt.Sprintf(`"a%d":"https://a.example/%s"`, i, fresh) }),
		"chained terms": fill(`{"@context": {"b0": {"@id": "https://a.example/`+fresh+`", "@prefix": true},`, `}, "@id": "https://a.example", "b0": 1}`, func(i int) string { return fmt.Sprintf(`"b%d":{"@id":"b%d:x","@prefix":true}`, i+1, i) }),
		"terms in maps": fill(`{"@context": {`, `}, "@id": "https://a.example", "a0": 1}`, func(i int) string {
			return fmt.Sprintf(`"a%d":{"@id":"https://a.example/%s","@container":"@set"}`, i, fresh)
		}),
		"scopes": fill(`{"@context": {`, `}, "@id": "https://a.example", "a0": 1}`, func(i int) string {
			return fmt.Sprintf(`"a%d":{"@id":"https://a.example/%s","@context":{"b":"https://a.example/b"}}`, i, fresh)
		}),
		"scopes used":       fill(`{"@context": {"@vocab": "https://a.example/", `+scoped(400)+`"x": null}, "p": [`, `]}`, func(i int) string { return fmt.Sprintf(`{"@type":["T%d","T%d","T%d"],"p":1}`, i%400, i/3%400, i/7%400) }),
		"scopes of scopes":  `{"@context": {"@vocab": "https://a.example/", "p": {"@context": ` + strings.Repeat(`{"a`+fresh+`": {"@id":"https://a.example/", "@context":`, 20) + `{}` + strings.Repeat(`}}`, 20) + `}}, "p": ` + strings.Repeat(`{"p":`, 50) + "0" + strings.Repeat("}", 50) + "}",
		"large scope, deep": largeScope(),
		"protected": fill(`{"@context": [`, `], "@id": "https://a.example", "a": 1}`, func(i int) string {
			return fmt.Sprintf(`{"a":{"@id":"https://a.example/%s","@protected":true},"b%d":null}`, fresh, i)
		}),
	}
	return m
}

// largeScope is a large context scoped to a property that is used in many contexts.
func largeScope() string {
	var terms, uses strings.Builder
	for i := range 500 {
		fmt.Fprintf(&terms, `"a%d":"https://a.example/%s",`, i, fresh)
	}
	for i := range 300 {
		fmt.Fprintf(&uses, `{"@context":{"c%d":"https://a.example/c"},"p":{"p":1}},`, i)
	}
	return `{"@context": {"@vocab": "https://a.example/", "p": {"@context": {` + terms.String() + `"x": null}}}, "q": [` + uses.String() + `0]}`
}

// clique is n blank nodes, each linked to all.
func clique(n int) string {
	var all, nodes []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"_:%d"`, i))
	}
	for i := range n {
		nodes = append(nodes, fmt.Sprintf(`{"@id":"_:%d","p":[%s]}`, i, strings.Join(all, ",")))
	}
	return `{"@context": {"p": {"@id": "https://a.example/", "@type": "@id"}}, "@graph": [` + strings.Join(nodes, ",") + `]}`
}

// refusals are what stops the hostile documents that would cost too much: "limit" of
// this package, "work" of canonicalisation, or what is wrong with them anyway. The
// others are taken, because they cost little.
var refusals = map[string]string{
	"brackets": "json", "one number": "json", "long numbers": "dropped", "scoped types": "dropped", "contexts": "dropped",
	"long vocabulary": "limit", "long base": "limit", "dotted base": "limit", "dots": "limit", "long prefix": "limit", "long predicate": "limit",
	"long datatype": "limit", "long language": "limit", "long subject": "limit", "list": "limit", "lists": "limit",
	"bases": "limit", "vocabularies": "limit", "long terms": "limit", "scopes": "limit", "scopes used": "limit", "chained terms": "limit", "protected": "limit",
	"large scope, deep": "limit", "contexts by URL": "limit", "contexts in line": "limit",
	"empty nodes": "work", "pairs": "work", "stars": "work", "maps": "work", "graphs": "work", "reverse": "work", "deep": "work", "rings": "work",
	"one ring": "work", "cliques": "work", "clique": "work", "look-alike, long": "work", "scopes of scopes": "work",
}

// TestHostile: whatever is sent, what it costs is bounded by counting, and what it
// becomes by its size.
func TestHostile(t *testing.T) {
	p := jsonld.New(known(t))
	for name, doc := range hostile() {
		t.Run(name, func(t *testing.T) {
			got, err := p.Canonicalize([]byte(doc), jsonld.Options{}, rdf.Options{})
			why := ""
			if e := (*jsonld.Error)(nil); errors.As(err, &e) {
				why = e.Code
			} else if errors.Is(err, rdf.ErrWork) {
				why = "work"
			}
			if why != refusals[name] || (err == nil) != (why == "") {
				t.Errorf("expected %q, got %v", refusals[name], err)
			}
			whole, err := p.ToRDF([]byte(doc), jsonld.Options{Positions: true})
			if err == nil && name == "long key" || err != nil && whole.Dataset != nil {
				t.Errorf("with positions: %v", err)
			}
			if len(got) > 1<<20+64*len(doc) {
				t.Errorf("%d bytes became %d", len(doc), len(got))
			}
			if err != nil && len(err.Error()) > 1024 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
	for name, doc := range map[string]string{
		"benign":         benign(t),
		"equal grades":   vocab + `"grades": {"@list": [` + strings.Repeat("8,", 31) + `8]}}`,
		"chain":          vocab + strings.Repeat(`"p":{`, 20) + `"q":1` + strings.Repeat("}", 21),
		"equal courses":  vocab + `"course": [` + strings.Repeat(`{"@type":"Course","by":{"@type":"Body"}},`, 500) + `{}]}`,
		"other language": `{"@context": {"@vocab": "https://a.example/", "@language": "nl"}, "p": [` + strings.Repeat(`"a",`, 5000) + `"b"]}`,
	} {
		if _, err := p.Canonicalize([]byte(doc), jsonld.Options{}, rdf.Options{}); err != nil {
			t.Errorf("%s, which is not hostile: %v", name, err)
		}
	}
}

// BenchmarkHostile says how many times the processor time of a benign document of
// 64 KB the worst of the hostile ones costs, to be refused or canonicalised, with the
// places of blank nodes or without.
func BenchmarkHostile(b *testing.B) {
	p := jsonld.New(known(b))
	n := 0
	spend := func(doc string, positions bool) (time.Duration, error) {
		n++
		text := bytes.ReplaceAll([]byte(doc), []byte(fresh), fmt.Appendf(nil, "%08d", n))
		start := cputime.Used()
		if !positions {
			_, err := p.Canonicalize(text, jsonld.Options{}, rdf.Options{})
			return cputime.Used() - start, err
		}
		d, err := p.ToRDF(text, jsonld.Options{Positions: true})
		if err == nil {
			_, err = d.Canonicalize(rdf.Options{})
		}
		return cputime.Used() - start, err
	}
	base := benign(b)
	docs := hostile()
	if _, err := spend(base, false); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		worst, name := 0.0, ""
		fair := map[bool]time.Duration{false: time.Hour, true: time.Hour}
		for i := range 40 {
			used, _ := spend(base, i%2 == 1)
			fair[i%2 == 1] = min(fair[i%2 == 1], used)
		}
		for own, doc := range docs {
			used := map[bool]time.Duration{false: time.Hour, true: time.Hour}
			var err error
			for i := range 10 {
				var once time.Duration
				once, err = spend(doc, i%2 == 1)
				used[i%2 == 1] = min(used[i%2 == 1], once)
			}
			ratio := max(float64(used[false])/float64(fair[false]), float64(used[true])/float64(fair[true]))
			if testing.Verbose() {
				b.Logf("%6.1f times, %s: %d bytes, %v", ratio, own, len(doc), err)
			}
			if ratio > worst {
				worst, name = ratio, own
			}
		}
		b.Logf("benign: %v, with positions %v; worst: %s", fair[false], fair[true], name)
		b.ReportMetric(worst, "worst-times")
	}
}
