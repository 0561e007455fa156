package did

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/piprate/json-gold/ld"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/internal/jose"
)

// quads are the statements of a JSON-LD document, read by json-gold with the
// embedded contexts only, in safe mode.
func quads(t *testing.T, b []byte) []string {
	t.Helper()
	var doc any
	if err := jose.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	o := ld.NewJsonLdOptions("")
	o.DocumentLoader = contexts.Loader{}
	o.SafeMode = true
	o.Format = "application/n-quads"
	o.Algorithm = ld.AlgorithmURDNA2015
	out, err := ld.NewJsonLdProcessor().Normalize(doc, o)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.(string)), "\n")
	slices.Sort(lines)
	return lines
}

var token = regexp.MustCompile(`^\s*(<[^>]*>|"[^"]*"\^\^\S+|"[^"]*"|[.;]|\S+)`)

// triples reads the Turtle that this package writes: prefixes, full IRIs,
// literals, semicolons.
func triples(t *testing.T, turtle string) []string {
	t.Helper()
	prefixes := map[string]string{}
	expand := func(s string) string {
		switch {
		case strings.HasPrefix(s, "<"), s == ".", s == ";":
			return s
		case s == "a":
			return "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
		case strings.HasPrefix(s, `"`):
			text, datatype, typed := strings.Cut(s, "^^")
			if !typed {
				return s
			}
			prefix, name, _ := strings.Cut(datatype, ":")
			return text + "^^<" + prefixes[prefix] + name + ">"
		}
		prefix, name, ok := strings.Cut(s, ":")
		if base := prefixes[prefix]; ok && base != "" {
			return "<" + base + name + ">"
		}
		t.Fatalf("token %q", s)
		return ""
	}
	var out []string
	var subject, predicate string
	rest := turtle
	next := func() string {
		m := token.FindStringSubmatch(rest)
		if m == nil {
			return ""
		}
		rest = rest[len(m[0]):]
		return m[1]
	}
	for tok := next(); tok != ""; tok = next() {
		switch {
		case tok == "@prefix":
			name := strings.TrimSuffix(next(), ":")
			prefixes[name] = strings.Trim(next(), "<>")
			next()
		case tok == ".":
			subject, predicate = "", ""
		case tok == ";":
			predicate = ""
		case subject == "":
			subject = expand(tok)
		case predicate == "":
			predicate = expand(tok)
		default:
			out = append(out, fmt.Sprintf("%s %s %s .", subject, predicate, expand(tok)))
		}
	}
	slices.Sort(out)
	return out
}

func TestTurtleAndJSONLDSayTheSame(t *testing.T) {
	c := newCitizen(t)
	rotated := c.rotated(t, testNow.Add(time.Hour))
	moved, err := rotated.Move(testOP, testPod, "token-1", testNow.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	off, err := rotated.Deactivate(testNow.Add(2 * time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Profile{"created": c.Profile, "rotated": rotated.Profile, "moved": moved, "deactivated": off} {
		t.Run(name, func(t *testing.T) {
			b, err := p.JSONLD()
			if err != nil {
				t.Fatal(err)
			}
			fromJSON, fromTurtle := quads(t, b), triples(t, string(p.Turtle()))
			if !slices.Equal(fromJSON, fromTurtle) {
				t.Errorf("JSON-LD:\n%s\nTurtle:\n%s", strings.Join(fromJSON, "\n"), strings.Join(fromTurtle, "\n"))
			}
			if len(fromJSON) < 10 {
				t.Errorf("only %d statements", len(fromJSON))
			}
		})
	}
}

func TestDIDDocumentIsTheOnePublished(t *testing.T) {
	c := newCitizen(t).rotated(t, testNow.Add(time.Hour))
	b, err := c.DIDDocument().JSON()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"@context":["https://www.w3.org/ns/did/v1","https://w3id.org/security/multikey/v1"],"id":"` + testDID + `","alsoKnownAs":["` + testWebID + `"],` +
		`"verificationMethod":[` +
		`{"id":"` + testDID + `#key-1","type":"Multikey","controller":"` + testDID + `","publicKeyMultibase":"` + c.Keys[0].Multikey + `","revoked":"2026-11-23T13:58:44Z"},` +
		`{"id":"` + testDID + `#key-2","type":"Multikey","controller":"` + testDID + `","publicKeyMultibase":"` + c.Keys[1].Multikey + `"},` +
		`{"id":"` + testDID + `#enc-1","type":"Multikey","controller":"` + testDID + `","publicKeyMultibase":"` + c.EncryptionKeys[0].Multikey + `"}],` +
		`"assertionMethod":["` + testDID + `#key-2"],"authentication":["` + testDID + `#key-2"],"keyAgreement":["` + testDID + `#enc-1"],` +
		`"service":[{"id":"` + testDID + `#webid-link","type":"WebIDLink","serviceEndpoint":"` + testWebID + `/link.jwt"},` +
		`{"id":"` + testDID + `#rotations","type":"KeyRotations","serviceEndpoint":"` + testWebID + `/rotations.json"}]}`
	if string(b) != want {
		t.Errorf("found\n%s\nexpected\n%s", b, want)
	}
	// It is valid JSON-LD with the contexts it names: nothing is lost.
	if lines := quads(t, b); !slices.ContainsFunc(lines, func(s string) bool { return strings.Contains(s, "security#revoked") }) {
		t.Errorf("revoked is lost in %s", strings.Join(lines, "\n"))
	}
}

func TestContextsPublishedAreEmbedded(t *testing.T) {
	for _, raw := range []string{string(multikeyContexts), string(jwkContexts), string(webidContext)} {
		for _, url := range regexp.MustCompile(`"(https://[^"]*/v\d)"`).FindAllStringSubmatch(raw, -1) {
			if _, err := contexts.Document(url[1]); err != nil {
				t.Errorf("%s: %v", url[1], err)
			}
		}
	}
	for _, did := range []string{"did:key:" + exampleKey, didOf(`{` + jwkC + `}`)} {
		var doc *Document
		var err error
		if strings.HasPrefix(did, "did:key") {
			doc, err = (KeyMethod{}).Resolve(ctx, did)
		} else {
			doc, err = (JWKMethod{}).Resolve(ctx, did)
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := doc.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if len(quads(t, b)) < 6 {
			t.Errorf("%s says too little", b)
		}
	}
}
