package profile_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/profile"
)

// small is a declaration with everything that a declaration can have.
const small = `{
	"name": "small",
	"required": ["title", "$issued"],
	"mandatory": ["/issuer", "/validUntil", "/not/there"],
	"tables": {"kinds": {"Diploma": "https://a.example/kind/1", "Attest": "https://a.example/kind/2"}},
	"inexpressible": {"secret": "there is no place", "day": "only a full date", "deep.secret": "no place either"},
	"document": {
		"@context": ["https://www.w3.org/ns/credentials/v2"],
		"id": "{$id}",
		"type": ["VerifiableCredential", "Small"],
		"issuer": {"id": "{$issuer}", "name": "{$issuerName}", "country": "c/{$issuerCountry|alpha3}"},
		"validFrom": "{$validFrom}", "validUntil": "{$validUntil}", "issued": "{$issued}", "credentialStatus": "{$status}",
		"again": {"title": "{title}"},
		"credentialSubject": {
			"id": "{$subject}",
			"title": [{"@language": "nl", "@value": "{title}"}],
			"hours": "PT{hours|integer}H",
			"day": "{day|dateTime}",
			"kind": {"id": "{kind|in:kinds}", "type": "Kind", "label": "{kind}"},
			"framework": {"$if": ["level.a", "level.b"], "id": "https://a.example/framework"},
			"levels": [
				{"scheme": "a", "code": "{level.a|else:NBS}", "label": "level {level.a|else:NBS}"},
				{"scheme": "b", "id": "https://a.example/b/{level.b|segment}", "code": "{level.b}"},
				{"scheme": "c", "code": "{level.c}", "name": "{name/of~c}"}
			],
			"language": "lang/{language|upper}",
			"country": "{country|alpha3}",
			"only": [{"@language": "nl", "@value": "{only}"}],
			"notes": [
				{"topic": "year", "text": "{day|partDate}"},
				{"$each": "notes", "$item": {"topic": "note", "head": {"text": "{.name}"}, "text": "{.content}", "language": "{.language|upper}"}}
			]
		}
	}
}`

var (
	issuer = profile.Issuer{ID: "did:web:a.example", Name: `A "B" é`, Country: "BE"}
	now    = time.Date(2026, 11, 23, 12, 0, 0, 987, time.FixedZone("", 3600))
	some   = profile.Copy{ID: "urn:uuid:1", Subject: "did:example:1", Issued: now, ValidFrom: now}
)

func parse(t testing.TB, declaration string) *profile.Profile {
	t.Helper()
	p, err := profile.Parse([]byte(declaration))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t testing.TB, p *profile.Profile, c profile.Copy, claims string) string {
	t.Helper()
	template, err := p.Template(issuer)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := template.Document(c, []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

func TestDocument(t *testing.T) {
	p := parse(t, small)
	const head = `{"@context":["https://www.w3.org/ns/credentials/v2"],"id":"urn:uuid:1","type":["VerifiableCredential","Small"],` +
		`"issuer":{"id":"did:web:a.example","name":"A \"B\" é","country":"c/BEL"},"validFrom":"2026-11-23T11:00:00Z","issued":"2026-11-23T11:00:00Z",`
	for name, c := range map[string]struct{ claims, want string }{
		"only what is required": {`{"title":"T"}`,
			`"again":{"title":"T"},"credentialSubject":{"id":"did:example:1","title":[{"@language":"nl","@value":"T"}],"levels":[{"scheme":"a","code":"NBS","label":"level NBS"}]}}`},
		"everything": {`{"title":"a\"\\\u00e9\n/","hours":12,"day":"2001-06-30","kind":"Attest","level":{"a":"5A","b":"x.y","c":"3"},"name/of~c":"C",` +
			`"language":"nld","country":"NL","notes":[{"name":"n","content":"c"},{"content":"d"}]}`,
			`"again":{"title":"a\"\\\u00e9\n/"},"credentialSubject":{"id":"did:example:1","title":[{"@language":"nl","@value":"a\"\\\u00e9\n/"}],` +
				`"hours":"PT12H","day":"2001-06-30T00:00:00Z","kind":{"id":"https://a.example/kind/2","type":"Kind","label":"Attest"},` +
				`"framework":{"id":"https://a.example/framework"},"levels":[{"scheme":"a","code":"5A","label":"level 5A"},{"scheme":"b","id":"https://a.example/b/x.y","code":"x.y"},` +
				`{"scheme":"c","code":"3","name":"C"}],"language":"lang/NLD","country":"NLD",` +
				`"notes":[{"topic":"note","head":{"text":"n"},"text":"c"},{"topic":"note","text":"d"}]}}`},
		"where a value has no word": {`{"title":"T","day":"2001","kind":"Other","level":{"b":"../x"}}`,
			`"again":{"title":"T"},"credentialSubject":{"id":"did:example:1","title":[{"@language":"nl","@value":"T"}],"kind":{"type":"Kind","label":"Other"},` +
				`"framework":{"id":"https://a.example/framework"},"levels":[{"scheme":"a","code":"NBS","label":"level NBS"},{"scheme":"b","code":"../x"}],` +
				`"notes":[{"topic":"year","text":"2001"}]}}`},
		"a step up is no segment": {`{"title":"T","level":{"b":".."}}`,
			`"again":{"title":"T"},"credentialSubject":{"id":"did:example:1","title":[{"@language":"nl","@value":"T"}],` +
				`"framework":{"id":"https://a.example/framework"},"levels":[{"scheme":"a","code":"NBS","label":"level NBS"},{"scheme":"b","code":".."}]}}`},
		"with what the declaration leaves out": {`{"title":"T","secret":{"a":["b"]},"deep":{"secret":1}}`,
			`"again":{"title":"T"},"credentialSubject":{"id":"did:example:1","title":[{"@language":"nl","@value":"T"}],"levels":[{"scheme":"a","code":"NBS","label":"level NBS"}]}}`},
		"no notes": {`{"title":"T","notes":[]}`,
			`"again":{"title":"T"},"credentialSubject":{"id":"did:example:1","title":[{"@language":"nl","@value":"T"}],"levels":[{"scheme":"a","code":"NBS","label":"level NBS"}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := write(t, p, some, c.claims); got != head+c.want {
				t.Errorf("got\n%s\nwant\n%s", got, head+c.want)
			}
		})
	}
	t.Run("an identifier less, an end and a status more", func(t *testing.T) {
		c := some
		c.ID, c.ValidUntil, c.Status = "", now.Add(time.Hour), json.RawMessage(`{"id":"urn:x:1", "type":"S"}`)
		got := write(t, p, c, `{"title":"T"}`)
		if strings.Contains(got, `"id":""`) || strings.Contains(got, "urn:uuid") ||
			!strings.Contains(got, `"validUntil":"2026-11-23T12:00:00Z"`) || !strings.Contains(got, `"credentialStatus":{"id":"urn:x:1", "type":"S"}`) {
			t.Errorf("%s", got)
		}
	})
}

func TestClaimsRefused(t *testing.T) {
	p := parse(t, small)
	template, err := p.Template(issuer)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ claims, field string }{
		"not JSON":                    {`{"title":"SECRET"`, ""},
		"an array":                    {`["SECRET"]`, ""},
		"two values":                  {`{"title":"SECRET"}{}`, ""},
		"something behind":            {`{"title":"SECRET"} x`, ""},
		"a name twice":                {`{"title":"SECRET","title":"SECRET"}`, ""},
		"invalid UTF-8":               {"{\"title\":\"SECRET\xff\"}", ""},
		"lone surrogate":              {`{"title":"SECRET\ud800"}`, ""},
		"missing":                     {`{"hours":1}`, "title"},
		"null":                        {`{"title":null}`, "title"},
		"unknown":                     {`{"title":"T","nickname":"SECRET"}`, "nickname"},
		"unknown below":               {`{"title":"T","level":{"z":"SECRET"}}`, "level.z"},
		"object for a string":         {`{"title":{"a":"SECRET"}}`, "title"},
		"number for a string":         {`{"title":7654}`, "title"},
		"string for an object":        {`{"title":"T","level":"SECRET"}`, "level"},
		"string for a number":         {`{"title":"T","hours":"7654"}`, "hours"},
		"fraction":                    {`{"title":"T","hours":7.654}`, "hours"},
		"negative":                    {`{"title":"T","hours":-7654}`, "hours"},
		"exponent":                    {`{"title":"T","hours":7e6}`, "hours"},
		"too large for a double":      {`{"title":"T","hours":9007199254740993}`, "hours"},
		"boolean for a number":        {`{"title":"T","hours":true}`, "hours"},
		"a language without a word":   {`{"title":"T","language":"NLD"}`, "language"},
		"a country without a word":    {`{"title":"T","country":"QQ"}`, "country"},
		"the value for none":          {`{"title":"T","level":{"a":"NBS"}}`, "level.a"},
		"string for a list":           {`{"title":"T","notes":"SECRET"}`, "notes"},
		"object for a list":           {`{"title":"T","notes":{"name":"SECRET"}}`, "notes"},
		"strings in a list":           {`{"title":"T","notes":["SECRET"]}`, "notes"},
		"empty element":               {`{"title":"T","notes":[{}]}`, "notes"},
		"unknown member of a list":    {`{"title":"T","notes":[{"content":"c","SECRET":"SECRET"}]}`, "notes"},
		"a member without a word":     {`{"title":"T","notes":[{"content":"c","language":"SECRET"}]}`, "notes"},
		"wrong type in a list":        {`{"title":"T","notes":[{"content":1}]}`, ".content"},
		"longer than is taken":        {`{"title":"` + strings.Repeat("x", profile.MaxClaims) + `"}`, ""},
		"escaped name of a claim":     {`{"t\u0069tle":"SECRET"}`, `t\u0069tle`},
		"deeper than there is a name": {`{"title":"T","deep":{"secret":1,"other":"SECRET"}}`, "deep.other"},
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := template.Document(some, []byte(c.claims))
			var e *profile.Error
			if !errors.As(err, &e) || !errors.Is(err, profile.ErrClaims) || e.Field != c.field || doc != nil {
				t.Fatalf("%q, %v, expected ErrClaims at %q", doc, err, c.field)
			}
			if strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), "7654") {
				t.Errorf("the error holds a value: %v", err)
			}
		})
	}
}

func TestCopyRefused(t *testing.T) {
	p := parse(t, small)
	template, err := p.Template(issuer)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*profile.Copy){
		"ID is no IRI":             func(c *profile.Copy) { c.ID = "a b" },
		"ID is relative":           func(c *profile.Copy) { c.ID = "/a" },
		"ID with a fragment":       func(c *profile.Copy) { c.ID = "urn:uuid:1#a" },
		"ID ends with the scheme":  func(c *profile.Copy) { c.ID = "urn:" },
		"Subject has a quote":      func(c *profile.Copy) { c.Subject = `did:x:"` },
		"Subject is no ASCII":      func(c *profile.Copy) { c.Subject = "did:x:é" },
		"Subject begins with 1":    func(c *profile.Copy) { c.Subject = "1a:x" },
		"no beginning":             func(c *profile.Copy) { c.ValidFrom = time.Time{} },
		"ends before it begins":    func(c *profile.Copy) { c.ValidUntil = now.Add(-time.Hour) },
		"required value is absent": func(c *profile.Copy) { c.Issued = time.Time{} },
		"status is no JSON":        func(c *profile.Copy) { c.Status = json.RawMessage(`{`) },
		"status twice":             func(c *profile.Copy) { c.Status = json.RawMessage(`{"id":"a","id":"b"}`) },
		"status is a string":       func(c *profile.Copy) { c.Status = json.RawMessage(`"urn:x:1"`) },
		"more than a status":       func(c *profile.Copy) { c.Status = json.RawMessage(`{},"issuer":"urn:x:other"`) },
	} {
		c := some
		change(&c)
		if doc, err := template.Document(c, []byte(`{"title":"T"}`)); !errors.Is(err, profile.ErrCopy) || doc != nil {
			t.Errorf("%s: %q, %v, expected ErrCopy", name, doc, err)
		}
	}
	for name, i := range map[string]profile.Issuer{
		"no ID":        {Name: "A", Country: "BE"},
		"no name":      {ID: "did:web:a.example", Country: "BE"},
		"bad ID":       {ID: "a.example", Name: "A", Country: "BE"},
		"bad country":  {ID: "did:web:a.example", Name: "A", Country: "QQ"},
		"not UTF-8":    {ID: "did:web:a.example", Name: "\xff", Country: "BE"},
		"no ID at all": {},
	} {
		if _, err := p.Template(i); !errors.Is(err, profile.ErrCopy) {
			t.Errorf("issuer with %s: %v, expected ErrCopy", name, err)
		}
	}
}

func TestDeclarationRefused(t *testing.T) {
	const head = `{"name":"a","document":{"@context":["https://a.example"],"type":["T"],`
	for name, d := range map[string]string{
		"not JSON":                       `{`,
		"unknown member":                 `{"name":"a","documents":{}}`,
		"no name":                        `{"document":{"@context":["https://a.example"],"type":["T"],"a":"{a}"}}`,
		"no document":                    `{"name":"a"}`,
		"document without claims":        head + `"a":"b"}}`,
		"document is a string":           `{"name":"a","document":"{a}"}`,
		"no context":                     `{"name":"a","document":{"type":["T"],"a":"{a}"}}`,
		"inline context":                 `{"name":"a","document":{"@context":[{"a":"urn:x:a"}],"type":["T"],"a":"{a}"}}`,
		"context is a string":            `{"name":"a","document":{"@context":"https://a.example","type":["T"],"a":"{a}"}}`,
		"no type":                        `{"name":"a","document":{"@context":["https://a.example"],"a":"{a}"}}`,
		"two references":                 head + `"a":"{a}{b}"}}`,
		"nested":                         head + `"a":"{a{b}"}}`,
		"open":                           head + `"a":"{a"}}`,
		"closed twice":                   head + `"a":"{a}}"}}`,
		"no name in it":                  head + `"a":"{}"}}`,
		"a dot":                          head + `"a":"{.}"}}`,
		"unknown function":               head + `"a":"{a|shout}"}}`,
		"unknown table":                  head + `"a":"{a|in:t}"}}`,
		"else without":                   head + `"a":"{a|else:}"}}`,
		"after else":                     head + `"a":"{a|else:x|segment}"}}`,
		"integer not first":              head + `"a":"{a|segment|integer}"}}`,
		"table that is not invertible":   `{"name":"a","tables":{"t":{"x":"1","y":"1"}},"document":{"@context":["https://a.example"],"type":["T"],"a":"{a|in:t}"}}`,
		"unknown value":                  head + `"a":"{a}","b":"{$secret}"}}`,
		"status in a text":               head + `"a":"{a}","b":"x{$status}"}}`,
		"item outside a list":            head + `"a":"{.a}"}}`,
		"list in a list":                 head + `"a":[{"$each":"a","$item":{"b":"{.b}","c":[{"$each":"c","$item":{"d":"{.d}"}}]}}]}}`,
		"list without item":              head + `"a":[{"$each":"a"}]}}`,
		"list of constants":              head + `"a":[{"$each":"a","$item":{"b":"c"}}]}}`,
		"list and text":                  head + `"a":[{"$each":"a","$item":{"b":"{.b}"}}],"c":"{a}"}}`,
		"no claims after if":             head + `"a":"{a}","b":{"$if":[],"c":"d"}}}`,
		"if without a place":             head + `"a":"{a}","b":{"$if":["c"],"d":"e"}}}`,
		"a claim below a claim":          head + `"a":"{a}","b":"{a.b}"}}`,
		"a claim below a list":           head + `"a":[{"$each":"a","$item":{"b":"{.b}"}}],"c":"{a.b}"}}`,
		"a claim below what is left out": `{"name":"a","inexpressible":{"b":"why"},"document":{"@context":["https://a.example"],"type":["T"],"a":"{b.c}"}}`,
		"unknown word":                   head + `"a":"{a}","b":{"$for":"a"}}}`,
		"array that cannot be told":      head + `"a":[{"b":"{b}"},{"c":"{c}"}]}}`,
		"array told by equal constants":  head + `"a":[{"k":"1","b":"{b}"},{"k":"1","c":"{c}"}]}}`,
		"a member twice":                 head + `"a":"{a}","a":"{b}"}}`,
		"required without a place":       `{"name":"a","required":["b"],"document":{"@context":["https://a.example"],"type":["T"],"a":"{a}"}}`,
		"mandatory is no pointer":        `{"name":"a","mandatory":["issuer"],"document":{"@context":["https://a.example"],"type":["T"],"a":"{a}"}}`,
		"inexpressible without a reason": `{"name":"a","inexpressible":{"b":""},"document":{"@context":["https://a.example"],"type":["T"],"a":"{a}"}}`,
	} {
		if p, err := profile.Parse([]byte(d)); !errors.Is(err, profile.ErrDeclaration) || p != nil {
			t.Errorf("%s: %v, expected ErrDeclaration", name, err)
		}
	}
	for name, v := range map[string]string{"not JSON": `{`, "a string": `"a"`, "a document that is a string": `{"document":"a"}`, "takes the name away": `{"name":null}`} {
		if p, err := profile.ParseVariant([]byte(small), []byte(v)); !errors.Is(err, profile.ErrDeclaration) || p != nil {
			t.Errorf("variant that is %s: %v, expected ErrDeclaration", name, err)
		}
	}
}

func TestVariant(t *testing.T) {
	p, err := profile.ParseVariant([]byte(small), []byte(`{"name":"other","mandatory":null,"document":{"again":null,"credentialStatus":null,"more":"{title}","issued":"x/{$issued}"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got := write(t, p, some, `{"title":"T"}`)
	if p.Name() != "other" || strings.Contains(got, `"again"`) || !strings.Contains(got, `"more":"T"`) || !strings.Contains(got, `"issued":"x/2026-11-23T11:00:00Z"`) {
		t.Errorf("%s: %s", p.Name(), got)
	}
	places, err := p.Locate([]byte(got))
	if err != nil || len(places.Mandatory) != 0 {
		t.Errorf("%v %v", places.Mandatory, err)
	}
}

func TestPaths(t *testing.T) {
	p := parse(t, small)
	for claim, want := range map[string]string{
		"title":     `["credentialSubject","title",0,"@value"] true`,
		"hours":     `["credentialSubject","hours"] true`,
		"kind":      `["credentialSubject","kind","label"] true`,
		"level.a":   `["credentialSubject","levels",0,"code"] true`,
		"level.b":   `["credentialSubject","levels",null,"code"] false`,
		"name/of~c": `["credentialSubject","levels",null,"name"] false`,
		"notes":     `["credentialSubject","notes",null] false`,
		"only":      `["credentialSubject","only",0,"@value"] true`,
		"day":       `["credentialSubject","day"] true`,
		"secret":    `null false`,
	} {
		path, exact := p.Path(claim)
		got := "null false"
		if path != nil {
			got = path.String() + map[bool]string{true: " true", false: " false"}[exact]
		}
		if got != want {
			t.Errorf("%s: %s, expected %s", claim, got, want)
		}
	}
	if !slices.Contains(p.Claims(), "level.c") || slices.Contains(p.Claims(), "secret") || len(p.Inexpressible()) != 3 {
		t.Errorf("%v %v", p.Claims(), slices.Collect(maps.Keys(p.Inexpressible())))
	}
}

func TestConcurrentUse(t *testing.T) {
	p := parse(t, small)
	want := write(t, p, some, `{"title":"T","notes":[{"content":"c"}]}`)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			template, err := p.Template(issuer)
			if err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				doc, err := template.Document(some, []byte(`{"title":"T","notes":[{"content":"c"}]}`))
				if err != nil || string(doc) != want {
					t.Errorf("%s, %v", doc, err)
				}
				if _, err := p.Read(doc); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
