package jsonld_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
)

// peerFaults are documents on which json-gold 0.9.1 is known to go wrong, so that
// a difference says nothing about us:
//   - it drops quads with IRIs that its own expression for URLs does not like
//     (percent signs, hosts, characters beyond ASCII), and keeps some that are none;
//   - it writes control characters in literals as they are, where RDFC-1.0 wants
//     escapes;
//   - it counts a number beyond 2^53, or with an exponent, in its own way;
//   - it resolves against a base without an authority, or with characters that no IRI
//     holds, in its own way;
//   - it panics on a list with an item that RDF cannot name (see peer.canonical);
//   - it takes JSON that is not strict: names twice, invalid UTF-8.
var peerFaults = regexp.MustCompile(`%|\\|[^ -~\s]|[0-9]{15}|[0-9][eE.]|-\.|[<>^]|"@base"\s*:\s*"[^h]`)

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
