package dataintegrity_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/contexts"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/did"
)

// TestContexts: Data Integrity 1.0, Section 4.6, when signing and when verifying. A
// document is made for whoever signs without looking, then judged by who looks.
func TestContexts(t *testing.T) {
	careless := func(o *di.Options) {
		o.Contexts = []string{contextV2, contexts.MultikeyV1, "https://attacker.example/v1"}
		o.Embedded = []string{"verifiableCredential", "credentialSubject"}
	}
	const inner = `{"@context":"https://www.w3.org/ns/credentials/v2","type":"VerifiableCredential","issuer":"did:example:1","credentialSubject":{"id":"did:example:2"}}`
	document := func(context, rest string) string {
		return `{"@context":` + context + `,"type":"VerifiablePresentation"` + rest + `}`
	}
	for name, c := range map[string]struct {
		document string
		good     bool
	}{
		"known":                     {document(`["`+contextV2+`"]`, ""), true},
		"known, as a string":        {document(`"`+contextV2+`"`, ""), true},
		"embedded document":         {document(`["`+contextV2+`"]`, `,"verifiableCredential":[`+inner+`,`+inner+`]`), true},
		"one of them unknown":       {document(`["`+contextV2+`","https://attacker.example/v1"]`, ""), false},
		"embedded under another":    {document(`["`+contextV2+`"]`, `,"credentialSubject":`+inner), false},
		"embedded, unknown":         {document(`["`+contextV2+`"]`, `,"verifiableCredential":`+strings.Replace(inner, contextV2, contexts.MultikeyV1, 1)), false},
		"inside an embedded":        {document(`["`+contextV2+`"]`, `,"verifiableCredential":`+strings.Replace(inner, `{"id"`, `{"@context":"`+contextV2+`","id"`, 1)), false},
		"embedded in what is not":   {document(`["`+contextV2+`"]`, `,"name":{"verifiableCredential":`+inner+`}`), false},
		"inside an array of arrays": {document(`["`+contextV2+`"]`, `,"name":[[{"@context":"`+contextV2+`"}]]`), false},
	} {
		t.Run(name, func(t *testing.T) {
			p := policy(t, edKey(1).Public())
			p.Embedded = []string{"verifiableCredential"}
			strict := template(t, published, "eddsa-jcs-2022", edKey(1), func(o *di.Options) { o.Embedded = p.Embedded })
			signed, err := strict.Add([]byte(c.document), di.Terms{Created: now})
			if c.good {
				if err != nil {
					t.Fatal(err)
				}
				verified(t, signed, p)
				return
			}
			if e := (*di.Error)(nil); !errors.As(err, &e) || e.Check != di.CheckContext || signed != nil {
				t.Errorf("signing: %v", err)
			}
			if signed, err = template(t, published, "eddsa-jcs-2022", edKey(1), careless).Add([]byte(c.document), di.Terms{Created: now}); err != nil {
				// Who is careless about contexts is not about everything.
				signed = signedByHand(t, c.document)
			}
			refused(t, signed, p, di.CheckContext)
		})
	}
	for name, context := range map[string]string{
		"written out": `{"@vocab":"https://x.example/"}`, "written out beside": `["` + contextV2 + `",{"a":"https://x.example/a"}]`,
		"null": `null`, "a number": `1`, "nested arrays": `[["` + contextV2 + `"]]`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := template(t, published, "eddsa-jcs-2022", edKey(1), careless).Add([]byte(document(context, "")), di.Terms{}); err == nil {
				t.Error("signed")
			}
			refused(t, signedByHand(t, document(context, "")), policy(t, edKey(1).Public()), di.CheckContext)
		})
	}
	t.Run("none", func(t *testing.T) {
		p := policy(t, edKey(1).Public())
		p.Contexts = nil
		plain := sign(t, `{"a":1}`, di.Terms{Created: now})
		verified(t, []byte(plain), p)
		refused(t, change(t, plain, `"proof":{`, `"proof":{"@context":[],`), p, di.CheckContext)
		refused(t, []byte(sign(t, credentialText, di.Terms{Created: now})), p, di.CheckContext)
	})
}

// TestInlineContexts: a policy may take contexts that are written out, and no others
// than before.
func TestInlineContexts(t *testing.T) {
	document := func(context, subject string) string {
		return string(change(t, string(change(t, credentialText, `["`+contextV2+`"]`, context)), `"credentialSubject": {`, `"credentialSubject": {`+subject))
	}
	p := policy(t, edKey(1).Public())
	p.Suites, p.InsecureInlineContexts = suites(published), true
	lax := func(o *di.Options) { o.InsecureInlineContexts = true }
	const inline = `["` + contextV2 + `",{"mine":"https://x.example/mine"}]`
	for _, suite := range []string{"eddsa-rdfc-2022", "eddsa-jcs-2022"} {
		signed, err := template(t, published, suite, edKey(1), lax).Add([]byte(document(inline, `"mine":"x",`)), di.Terms{Created: now})
		if err != nil {
			t.Fatal(err)
		}
		verified(t, signed, p)
		refused(t, change(t, string(signed), `"mine":"x"`, `"mine":"y"`), p, di.CheckSignature)
		strict := p
		strict.InsecureInlineContexts = false
		refused(t, signed, strict, di.CheckContext)
		for name, bad := range map[string]string{
			"unknown":  document(`["`+contextV2+`",{"mine":"https://x.example/mine"},"https://x.example/unknown"]`, ""),
			"null":     document(`["`+contextV2+`",null]`, ""),
			"a number": document(`["`+contextV2+`",1]`, ""),
			"inside":   document(inline, `"@context":{"mine":"https://x.example/other"},`),
		} {
			if _, err := template(t, published, suite, edKey(1), lax).Add([]byte(bad), di.Terms{Created: now}); err == nil {
				t.Errorf("%s, %s: signed", suite, name)
			}
			refused(t, signedByHand(t, bad), p, di.CheckContext)
		}
	}
}

// signedByHand is a good signature over a document that a Template would refuse.
func signedByHand(t testing.TB, document string) []byte {
	t.Helper()
	_, method := didKey(t, edKey(1).Public())
	options := `{"type":"DataIntegrityProof","cryptosuite":"eddsa-jcs-2022","verificationMethod":"` + method + `","proofPurpose":"assertionMethod"}`
	value, err := newSigner(t, published, "eddsa-jcs-2022", edKey(1)).Sign(di.Input{Document: []byte(document), Options: []byte(options)})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := di.Attach([]byte(document), []byte(strings.TrimSuffix(options, "}")+`,"proofValue":"`+value+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// TestContextOfProof: Data Integrity EdDSA Cryptosuites 1.0, Section 3.3.2, step 4,
// and 3.2.5.
func TestContextOfProof(t *testing.T) {
	const one = `["` + contextV2 + `"]`
	document := change(t, credentialText, one, `["`+contextV2+`", "`+contexts.MultikeyV1+`"]`)
	p := policy(t, edKey(1).Public())
	p.Contexts = append(p.Contexts, contexts.MultikeyV1, contexts.JWKv1)
	both := func(o *di.Options) { o.Contexts = p.Contexts }
	make := func(suite string) string {
		signed, err := template(t, published, suite, edKey(1), both).Add(document, di.Terms{Created: now})
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	const two = `["` + contextV2 + `", "` + contexts.MultikeyV1 + `"],`

	signed := make("eddsa-jcs-2022")
	if strings.Count(signed, two) != 2 {
		t.Fatalf("the proof has no @context of its own: %s", signed)
	}
	v := verified(t, []byte(signed), p)

	// What is added behind is not signed: it is not in what comes back, known or not.
	for _, added := range []string{contexts.JWKv1, "https://attacker.example/v1"} {
		longer := strings.Replace(signed, two, `["`+contextV2+`", "`+contexts.MultikeyV1+`", "`+added+`"],`, 1)
		if got := verified(t, []byte(longer), p); string(got.Document) != string(v.Document) {
			t.Errorf("came back as %s", got.Document)
		}
	}
	for name, by := range map[string]string{
		"shorter":       `"` + contextV2 + `",`,
		"another order": `["` + contexts.MultikeyV1 + `","` + contextV2 + `"],`,
		"in front":      `["` + contexts.JWKv1 + `","` + contextV2 + `","` + contexts.MultikeyV1 + `"],`,
		"another":       `["` + contextV2 + `","` + contexts.JWKv1 + `"],`,
		"empty":         `[],`,
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, []byte(strings.Replace(signed, two, by, 1)), p, di.CheckContext)
		})
	}
	t.Run("none", func(t *testing.T) {
		refused(t, []byte(strings.Replace(signed, `"@context": `+two, "", 1)), p, di.CheckContext)
	})
	t.Run("the proof's is shortened", func(t *testing.T) {
		at := strings.LastIndex(signed, two)
		refused(t, []byte(signed[:at]+one+","+signed[at+len(two):]), p, di.CheckSignature)
	})
	t.Run("the suite itself", func(t *testing.T) {
		s, err := di.Parse([]byte(strings.Replace(signed, two, `"`+contextV2+`",`, 1)))
		if err != nil {
			t.Fatal(err)
		}
		in, err := s.Input(s.Proofs()[0])
		if err != nil {
			t.Fatal(err)
		}
		var e *di.Error
		if err := di.EdDSAJCS2022().Verify(in, s.Proofs()[0].Value, edKey(1).Public()); !errors.As(err, &e) || e.Check != di.CheckContext {
			t.Errorf("a shorter @context: %v", err)
		}
	})
	t.Run("different in two proofs", func(t *testing.T) {
		longer := change(t, sign(t, credentialText, di.Terms{}), one+",\n", two+"\n")
		more, err := template(t, published, "eddsa-jcs-2022", edKey(1), both).Append(longer, di.Terms{})
		if err != nil {
			t.Fatal(err)
		}
		refused(t, more, p, di.CheckContext)
	})
	t.Run("of an RDF suite", func(t *testing.T) {
		signed := make("eddsa-rdfc-2022")
		equal := change(t, signed, `"proof":{`, `"proof":{"@context":`+two)
		verified(t, equal, p)
		refused(t, change(t, signed, `"proof":{`, `"proof":{"@context":`+one+","), p, di.CheckContext)
	})
}

// TestNothingIsLost: what JSON-LD drops is not signed, so that it is refused when
// signing and when verifying (Data Integrity 1.0, Sections 2.4.1 and 2.4.3); what
// another implementation drops although it is good is signed.
func TestNothingIsLost(t *testing.T) {
	tmpl := template(t, published, "eddsa-rdfc-2022", edKey(1), func(o *di.Options) { o.InsecureAnySpelling = true })
	p := policy(t, edKey(1).Public())
	p.InsecureAnySpelling = true
	signed := sign(t, credentialText, di.Terms{Created: now}, "eddsa-rdfc-2022")
	verified(t, []byte(signed), p)
	evidence := func(id string) string { return `"evidence":{"id":"` + id + `","type":"https://e.example/T"}` }
	for name, c := range map[string]struct {
		member string
		good   bool // it can be signed
	}{
		"undefined term":                  {`"salary":"1"`, false},
		"undefined type":                  {`"evidence":{"type":"Undefined"}`, false},
		"term that is null":               {`"evidence":{"type":"https://e.example/T","salary":{"a":1}}`, false},
		"relative IRI":                    {evidence("1"), false},
		"percent without digits":          {evidence("https://x.example/%zz"), false},
		"space in an IRI":                 {evidence("https://x.example/a b"), false},
		"IRI that looks like a keyword":   {evidence("@salary"), false},
		"host that ends in a hyphen":      {evidence("https://a-b-.example/1"), true},
		"host 0.0.0.0":                    {evidence("https://0.0.0.0/1"), true},
		"host of emoji":                   {evidence("https://😀.example/1"), true},
		"IRI of 2083 characters and more": {evidence("https://x.example/" + strings.Repeat("a", 2083)), true},
		"control characters in a text":    {`"description":"a\b\f\u0000\u007f"`, true},
		"integer beyond a double":         {`"https://e.example/n":9007199254740993`, false},
		"null":                            {`"description":null`, false},
		"an empty array":                  {`"evidence":[]`, false},
		"blank nodes that look alike":     {clique(9), false},
	} {
		t.Run(name, func(t *testing.T) {
			fuller := change(t, credentialText, `"type": ["VerifiableCredential"],`, `"type": ["VerifiableCredential"],`+c.member+`,`)
			out, err := tmpl.Add(fuller, di.Terms{Created: now})
			if c.good != (err == nil) || c.good != (out != nil) {
				t.Errorf("signing: %v", err)
			}
			if c.good {
				verified(t, out, p)
			}
			check := di.CheckSignature
			if name == "integer beyond a double" {
				check = di.CheckStructure // it is not even I-JSON
			}
			refused(t, change(t, signed, `"type": ["VerifiableCredential"],`, `"type": ["VerifiableCredential"],`+c.member+`,`), p, check)
		})
	}
	t.Run("undefined member of a proof", func(t *testing.T) {
		refused(t, change(t, signed, `"proofPurpose"`, `"salary":"1","proofPurpose"`), p, di.CheckSignature)
	})
}

// TestSpelling: RDF signatures hold for every spelling of the same statements. One in
// which a reader would not find the end of validity must not come through.
func TestSpelling(t *testing.T) {
	const written = `"validUntil": "2027-01-01T00:00:00Z",`
	limited := string(change(t, credentialText, `"name": "Dipl`, written+`"name": "Dipl`))
	signed := sign(t, limited, di.Terms{Created: now}, "eddsa-rdfc-2022")
	p := policy(t, edKey(1).Public())
	verified(t, []byte(signed), p)
	const xsd, vocabulary = "http://www.w3.org/2001/XMLSchema#dateTime", "https://www.w3.org/2018/credentials#"
	hidden := func(name string) string {
		return `"` + name + `":{"@type":"` + xsd + `","@value":"2027-01-01T00:00:00Z"},`
	}
	for name, c := range map[string]struct{ old, by string }{
		"IRI for a term":       {written, hidden(vocabulary + "validUntil")},
		"IRI that is escaped":  {written, hidden(strings.Replace(vocabulary, ":", `\u003a`, 1) + "validUntil")},
		"@id of the subject":   {`"id": "did:example:subject"`, `"@id": "did:example:subject"`},
		"@type":                {`"type": ["VerifiableCredential"]`, `"@type": ["VerifiableCredential"]`},
		"beside, in @included": {`"credentialSubject": {`, `"credentialSubject": {"@included": [{"id": "did:example:subject", "name": "A. Student"}],`},
	} {
		t.Run(name, func(t *testing.T) {
			other := change(t, signed, c.old, c.by)
			refused(t, other, p, di.CheckSpelling)
			careless := p
			careless.InsecureAnySpelling = true
			verified(t, other, careless) // the signature says nothing of the spelling
			unsigned := change(t, limited, c.old, c.by)
			if out, err := template(t, published, "eddsa-rdfc-2022", edKey(1)).Add(unsigned, di.Terms{}); err == nil || out != nil {
				t.Error("signed")
			}
		})
	}
	t.Run("of the document, inside", func(t *testing.T) {
		const id, self = `"id": "urn:uuid:1",`, `"evidence": {"id": "urn:uuid:1"},`
		signed := sign(t, string(change(t, limited, written, id+self+written)), di.Terms{Created: now}, "eddsa-rdfc-2022")
		verified(t, []byte(signed), p)
		moved := change(t, signed, self+written, strings.Replace(self, "}", `,"type":"VerifiableCredential",`+strings.TrimSuffix(written, ",")+"}", 1))
		refused(t, moved, p, di.CheckSpelling)
		careless := p
		careless.InsecureAnySpelling = true
		verified(t, moved, careless)
	})
	t.Run("turned round by @reverse", func(t *testing.T) {
		refused(t, change(t, signed, `"credentialSubject": {`, `"credentialSubject": {"@reverse": {},`), p, di.CheckSpelling)
	})
	t.Run("in the proof", func(t *testing.T) {
		refused(t, change(t, signed, `"proofPurpose"`, `"@included":[],"proofPurpose"`), p, di.CheckSpelling)
	})
	t.Run("value objects have no other", func(t *testing.T) {
		spoken := change(t, limited, `"Diplôme \"cum laude\""`, `{"@value": "Diplôme", "@language": "fr"}`)
		verified(t, []byte(sign(t, string(spoken), di.Terms{Created: now}, "eddsa-rdfc-2022")), p)
	})
	t.Run("signed as written", func(t *testing.T) {
		verified(t, []byte(sign(t, strings.Replace(limited, written, hidden(vocabulary+"validUntil"), 1), di.Terms{Created: now})), p)
	})
}

// clique are n blank nodes, each of which knows all others.
func clique(n int) string {
	var nodes []string
	for i := range n {
		var knows []string
		for j := range n {
			if j != i {
				knows = append(knows, fmt.Sprintf(`{"id":"_:b%d"}`, j))
			}
		}
		nodes = append(nodes, fmt.Sprintf(`{"id":"_:b%d","https://e.example/knows":[%s]}`, i, strings.Join(knows, ",")))
	}
	return `"https://e.example/all":[` + strings.Join(nodes, ",") + `]`
}

// TestTemplateRefuses: Data Integrity 1.0, Section 4.2.
func TestTemplateRefuses(t *testing.T) {
	_, method := didKey(t, edKey(1).Public())
	good := di.Options{Signer: newSigner(t, published, "eddsa-jcs-2022", edKey(1)), VerificationMethod: method, Purpose: did.AssertionMethod}
	for name, spoil := range map[string]func(*di.Options){
		"no signer":    func(o *di.Options) { o.Signer = nil },
		"no method":    func(o *di.Options) { o.VerificationMethod = "" },
		"no fragment":  func(o *di.Options) { o.VerificationMethod = "did:example:1" },
		"no document":  func(o *di.Options) { o.VerificationMethod = "#key-1" },
		"no purpose":   func(o *di.Options) { o.Purpose = "" },
		"to encrypt":   func(o *di.Options) { o.Purpose = did.KeyAgreement },
		"self-made it": func(o *di.Options) { o.Purpose = "anything" },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			spoil(&o)
			if tmpl, err := di.NewTemplate(o); err == nil || tmpl != nil {
				t.Error("compiled")
			}
		})
	}
}
