package did

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func member(b []byte, name string) []byte {
	var m map[string]jsontext.Value
	if jose.Unmarshal(b, &m) != nil {
		return nil
	}
	return m[name]
}

const exampleKey = "zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv"

func method(id, more string) string {
	return `{"id":"` + id + `","type":"Multikey","controller":"did:example:123"` + more + `}`
}

func document(members string) []byte {
	return []byte(`{"@context":"https://www.w3.org/ns/did/v1","id":"did:example:123",` + members + `}`)
}

func TestParseDocumentResolvesRelativeIDs(t *testing.T) {
	d, err := ParseDocument(document(`"verificationMethod":[` + method("#k", `,"publicKeyMultibase":"`+exampleKey+`"`) + `],"assertionMethod":["#k"],"authentication":["did:example:123#k"],"service":[{"id":"#s","type":["A","B"],"serviceEndpoint":{"x":1}}],"alsoKnownAs":"https://example.com/"`))
	if err != nil {
		t.Fatal(err)
	}
	for _, use := range []Relationship{AssertionMethod, Authentication} {
		if _, err := d.Method("did:example:123#k", use, time.Now()); err != nil {
			t.Errorf("%s: %v", use, err)
		}
	}
	if d.Service[0].ID != "did:example:123#s" || len(d.Service[0].Type) != 2 || d.AlsoKnownAs[0] != "https://example.com/" {
		t.Errorf("found %+v", d)
	}
	if url, ok := d.Service[0].Endpoint(); ok {
		t.Errorf("an object is no single endpoint: %s", url)
	}
}

func TestParseDocumentRefusals(t *testing.T) {
	key := `,"publicKeyMultibase":"` + exampleKey + `"`
	for name, b := range map[string][]byte{
		"duplicate id":           []byte(`{"id":"did:example:123","id":"did:example:456"}`),
		"trailing data":          append(document(`"service":[]`), '{', '}'),
		"invalid UTF-8":          document("\"x\":\"\xff\""),
		"null":                   []byte(`null`),
		"array":                  []byte(`[]`),
		"deep":                   document(`"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100)),
		"large":                  document(`"x":"` + strings.Repeat("a", MaxDocument) + `"`),
		"no id":                  []byte(`{"@context":"https://www.w3.org/ns/did/v1"}`),
		"id with fragment":       []byte(`{"id":"https://example.com/card#me"}`),
		"id not a URL":           []byte(`{"id":"me"}`),
		"http id":                []byte(`{"id":"http://example.com/"}`),
		"unknown context":        []byte(`{"@context":"https://example.com/","id":"did:example:123"}`),
		"unknown first context":  []byte(`{"@context":["https://example.com/","https://www.w3.org/ns/did/v1"],"id":"did:example:123"}`),
		"moved base":             []byte(`{"@context":["https://www.w3.org/ns/did/v1",{"@base":"did:example:456"}],"id":"did:example:123"}`),
		"empty context":          []byte(`{"@context":[],"id":"did:example:123"}`),
		"context a number":       []byte(`{"@context":1,"id":"did:example:123"}`),
		"context null":           []byte(`{"@context":["https://www.w3.org/ns/did/v1",null],"id":"did:example:123"}`),
		"method without id":      document(`"verificationMethod":[` + method("", key) + `]`),
		"method id no fragment":  document(`"verificationMethod":[` + method("did:example:123", key) + `]`),
		"method id relative":     document(`"verificationMethod":[` + method("key-1", key) + `]`),
		"controller not a URL":   document(`"verificationMethod":[{"id":"#k","type":"Multikey","controller":"me"` + key + `}]`),
		"method no type":         document(`"verificationMethod":[{"id":"#k","controller":"did:example:123"` + key + `}]`),
		"two methods, one id":    document(`"verificationMethod":[` + method("#k", key) + `,` + method("did:example:123#k", key) + `]`),
		"embedded twin":          document(`"verificationMethod":[` + method("#k", key) + `],"assertionMethod":[` + method("#k", key) + `]`),
		"two keys in one":        document(`"verificationMethod":[` + method("#k", key+`,"publicKeyJwk":{`+jwkC+`}`) + `]`),
		"base58 beside":          document(`"verificationMethod":[` + method("#k", key+`,"publicKeyBase58":"a"`) + `]`),
		"secretKeyMultibase":     document(`"verificationMethod":[` + method("#k", key+`,"secretKeyMultibase":"z42"`) + `]`),
		"privateKeyJwk":          document(`"verificationMethod":[` + method("#k", key+`,"privateKeyJwk":{}`) + `]`),
		"private JWK":            document(`"verificationMethod":[` + method("#k", `,"publicKeyJwk":{`+jwkC+`,"d":"AA"}`) + `]`),
		"private JWK, embedded":  document(`"authentication":[` + method("#k", `,"publicKeyJwk":{`+jwkC+`,"d":"AA"}`) + `]`),
		"revoked not a time":     document(`"verificationMethod":[` + method("#k", key+`,"revoked":"yesterday"`) + `]`),
		"reference a number":     document(`"assertionMethod":[1]`),
		"reference not a URL":    document(`"assertionMethod":["k"]`),
		"relationship no array":  document(`"assertionMethod":"#k"`),
		"service no endpoint":    document(`"service":[{"id":"#s","type":"A"}]`),
		"service no type":        document(`"service":[{"id":"#s","serviceEndpoint":"https://example.com/"}]`),
		"too many entries":       document(`"alsoKnownAs":["a"` + strings.Repeat(`,"a"`, maxEntries) + `]`),
		"alsoKnownAs an object":  document(`"alsoKnownAs":{}`),
		"method id with a space": document(`"verificationMethod":[` + method("https://a b/#k", key) + `]`),
	} {
		if d, err := ParseDocument(b); !errors.Is(err, ErrDocument) || d != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPrivateKeysAreNamedAsTheFault(t *testing.T) {
	_, err := ParseDocument(document(`"verificationMethod":[` + method("#k", `,"publicKeyJwk":{`+jwkC+`,"d":"c2VjcmV0"}`) + `]`))
	if !errors.Is(err, errSecret) || strings.Contains(err.Error(), "c2VjcmV0") {
		t.Errorf("found %v", err)
	}
}

func TestMethodRetrieval(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	key := `,"publicKeyMultibase":"` + exampleKey + `"`
	d, err := ParseDocument(document(`"verificationMethod":[` +
		method("#k", key) + `,` +
		method("#revoked", key+`,"revoked":"2026-11-23T12:00:00Z"`) + `,` +
		method("#expired", key+`,"expires":"2026-11-23T13:00:00+01:00"`) + `,` +
		method("#unlisted", key) + `,` +
		method("#enc", `,"publicKeyMultibase":"z6LSj72tK8brWgZja8NLRwPigth2T9QRiG1uH9oKZuKjdh9p"`) + `,` +
		method("#ed", `,"publicKeyMultibase":"z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"`) + `,` +
		method("#none", ``) + `,` +
		`{"id":"#unknown","type":"EcdsaSecp256k1VerificationKey2019","controller":"did:example:123"` + key + `},` +
		`{"id":"#nobody","type":"Multikey"` + key + `},` +
		`{"id":"#foreign","type":"Multikey","controller":"did:example:456"` + key + `},` +
		`{"id":"#jwkenc","type":"JsonWebKey","controller":"did:example:123","publicKeyJwk":{` + jwkC + `,"use":"enc"}},` +
		`{"id":"did:example:456#k","type":"Multikey","controller":"did:example:456"` + key + `}],` +
		`"assertionMethod":["#k","#revoked","#expired","#foreign","#nobody","#enc","#ed","#none","#unknown","#jwkenc","#missing","did:example:456#k"],` +
		`"authentication":[` + method("#embedded", key) + `],"keyAgreement":["#enc","#ed","#jwkenc"]`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url string
		use Relationship
		at  time.Time
		ok  bool
	}{
		{"did:example:123#k", AssertionMethod, now, true},
		{"did:example:123#k", Authentication, now, false},
		{"did:example:123#k", KeyAgreement, now, false},
		{"did:example:123#k", "verificationMethod", now, false},
		{"did:example:123#k", "", now, false},
		{"#k", AssertionMethod, now, false},
		{"did:example:123", AssertionMethod, now, false},
		{"did:example:123#", AssertionMethod, now, false},
		{"did:example:123#unlisted", AssertionMethod, now, false},
		{"did:example:123#missing", AssertionMethod, now, false},
		{"did:example:123#embedded", Authentication, now, true},
		{"did:example:123#embedded", AssertionMethod, now, false},
		{"did:example:123#revoked", AssertionMethod, now, false},
		{"did:example:123#revoked", AssertionMethod, now.Add(-time.Second), true},
		{"did:example:123#expired", AssertionMethod, now, false},
		{"did:example:123#expired", AssertionMethod, now.Add(-time.Second), true},
		{"did:example:123#foreign", AssertionMethod, now, false},
		{"did:example:123#nobody", AssertionMethod, now, false},
		{"did:example:456#k", AssertionMethod, now, false},
		{"did:example:123#enc", AssertionMethod, now, false},
		{"did:example:123#enc", KeyAgreement, now, true},
		{"did:example:123#ed", KeyAgreement, now, false},
		{"did:example:123#ed", AssertionMethod, now, true},
		{"did:example:123#jwkenc", AssertionMethod, now, false},
		{"did:example:123#jwkenc", KeyAgreement, now, true},
		{"did:example:123#none", AssertionMethod, now, false},
		{"did:example:123#unknown", AssertionMethod, now, false},
	} {
		pub, err := d.Method(c.url, c.use, c.at)
		if (err == nil) != c.ok || (pub != nil) != c.ok {
			t.Errorf("%s for %s: %v, expected %v", c.url, c.use, err, c.ok)
		}
	}
}

// The documents of the did:webvh suite are ordinary documents of many
// implementations.
func TestDocumentsOfOthersAreRead(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(testvectors.Dir(t, "did-webvh"), "vectors", "*", "*", "resolutionResult*.json"))
	read := 0
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		doc := member(b, "didDocument")
		if doc == nil || string(doc) == "null" {
			continue
		}
		if _, err := ParseDocument(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		read++
	}
	if read < 20 {
		t.Errorf("only %d documents", read)
	}
}

func FuzzParseDocument(f *testing.F) {
	f.Add(document(`"verificationMethod":[` + method("#k", `,"publicKeyMultibase":"`+exampleKey+`"`) + `],"assertionMethod":["#k"]`))
	f.Add(document(`"authentication":[` + method("#k", `,"publicKeyJwk":{`+jwkC+`}`) + `],"service":[{"id":"#s","type":"A","serviceEndpoint":["x"]}]`))
	f.Add([]byte(`{"@context":["https://www.w3.org/ns/did/v1.1",{"a":"b"}],"id":"did:web:example.com","controller":["did:a:b","did:c:d"]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDocument(b)
		if err != nil {
			if d != nil {
				t.Error("a failed parse returned a document")
			}
			return
		}
		for _, use := range Relationships {
			for _, r := range d.references(use) {
				id := r.ID
				if r.Method != nil {
					id = r.Method.ID
				}
				_, _ = d.Method(id, use, time.Unix(0, 0))
			}
		}
		text, err := d.JSON()
		if err != nil {
			t.Fatalf("a document that was read cannot be written: %v", err)
		}
		if len(text) <= MaxDocument {
			if _, err := ParseDocument(text); err != nil {
				t.Errorf("what was written cannot be read: %v\n%s", err, text)
			}
		}
	})
}
