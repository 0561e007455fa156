package profile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/internal/jose"
)

const everything = `{"title":"a\"\\\u00e9\n/","hours":12,"day":"2001-06-30","kind":"Attest","level":{"a":"5A","b":"x.y","c":"3"},"name/of~c":"C",` +
	`"language":"nld","country":"NL","notes":[{"name":"n","content":"c"},{"content":"d"}]}`

func decode(t testing.TB, b string) (v map[string]any) {
	t.Helper()
	if err := jose.Unmarshal([]byte(b), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestReadGivesWhatWasWritten(t *testing.T) {
	p := parse(t, small)
	for _, claims := range []string{everything, `{"title":"T"}`, `{"title":"T","day":"2001-06"}`, `{"title":"","kind":"Other","level":{"b":".."}}`} {
		got, err := p.Read([]byte(write(t, p, some, claims)))
		if err != nil {
			t.Fatal(err)
		}
		if want := decode(t, claims); !reflect.DeepEqual(got, want) {
			t.Errorf("read %v, written %v", got, want)
		}
	}
}

// TestReadRefuses changes one thing in a document.
func TestReadRefuses(t *testing.T) {
	p := parse(t, small)
	doc := write(t, p, some, everything)
	for name, c := range map[string]struct{ old, by, field string }{
		"another context":         {`["https://www.w3.org/ns/credentials/v2"]`, `["https://attacker.example"]`, "/@context"},
		"a context more":          {`/v2"]`, `/v2","https://attacker.example"]`, "/@context"},
		"an inline context more":  {`/v2"]`, `/v2",{"title":"https://attacker.example"}]`, "/@context"},
		"a context before":        {`["https://www.w3.org/ns/credentials/v2"`, `["https://attacker.example","https://www.w3.org/ns/credentials/v2"`, "/@context"},
		"context as a string":     {`["https://www.w3.org/ns/credentials/v2"]`, `"https://www.w3.org/ns/credentials/v2"`, "/@context"},
		"no context":              {`"@context"`, `"context"`, "/@context"},
		"a type less":             {`,"Small"]`, `]`, "/type"},
		"type as a string":        {`["VerifiableCredential","Small"]`, `"Small"`, "/type"},
		"two places differ":       {`"again":{"title":"a\"`, `"again":{"title":"b\"`, "/credentialSubject/title/0/@value"},
		"id and label differ":     {`kind/2`, `kind/1`, "/credentialSubject/kind/label"},
		"an id of none":           {`kind/2`, `kind/3`, "/credentialSubject/kind/id"},
		"another prefix":          {`"PT12H"`, `"P12D"`, "/credentialSubject/hours"},
		"another suffix":          {`"PT12H"`, `"PT12M"`, "/credentialSubject/hours"},
		"no number":               {`"PT12H"`, `"PT1.2H"`, "/credentialSubject/hours"},
		"a number":                {`"PT12H"`, `12`, "/credentialSubject/hours"},
		"a time of day":           {`2001-06-30T00:00:00Z`, `2001-06-30T00:00:01Z`, "/credentialSubject/day"},
		"no such day":             {`2001-06-30T`, `2001-06-31T`, "/credentialSubject/day"},
		"lower case":              {`lang/NLD`, `lang/nld`, "/credentialSubject/language"},
		"no country":              {`"country":"NLD"`, `"country":"NL"`, "/credentialSubject/country"},
		"a way out of the IRI":    {`/b/x.y`, `/b/../x.y`, "/credentialSubject/levels/1/id"},
		"an array for an object":  {`"kind":{"id":"https://a.example/kind/2","type":"Kind","label":"Attest"}`, `"kind":[]`, "/credentialSubject/kind"},
		"an object for an array":  {`"title":[{"@language":"nl","@value":"a\"\\\u00e9\n/"}]`, `"title":{}`, "/credentialSubject/title"},
		"an object for a string":  {`"code":"5A"`, `"code":{"@value":"5A"}`, "/credentialSubject/levels/0/code"},
		"a value and none":        {`"level 5A"`, `"level NBS"`, "/credentialSubject/levels/0/label"},
		"none and a value":        {`"code":"5A"`, `"code":"NBS"`, "/credentialSubject/levels/0/label"},
		"list element differs":    {`"head":{"text":"n"},"text":"c"`, `"head":{"text":1},"text":"c"`, "/credentialSubject/notes/0/head/text"},
		"a claim twice in a list": {`{"scheme":"c","code":"3",`, `{"scheme":"a","code":"6"},{"scheme":"c","code":"3",`, "/credentialSubject/levels/2/code"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(doc, c.old) {
				t.Fatalf("%s is not in %s", c.old, doc)
			}
			bad := []byte(strings.Replace(doc, c.old, c.by, 1))
			claims, err := p.Read(bad)
			var e *profile.Error
			if !errors.As(err, &e) || !errors.Is(err, profile.ErrDocument) || claims != nil || e.Field != c.field {
				t.Errorf("%v, %v, expected ErrDocument at %q", claims, err, c.field)
			}
			foreign := c.field == "/@context" || c.field == "/type"
			if q, err := profile.Of(bad, p); (q == p) == foreign || (err != nil) != foreign {
				t.Errorf("of profile %v, %v", q, err)
			}
			if places, err := p.Locate(bad); err == nil || places.Claims != nil {
				t.Errorf("located %v", places)
			}
		})
	}
	for _, bad := range []string{"", "null", "[]", `"a"`, doc + "x", doc + strings.Repeat(" ", profile.MaxDocument), strings.Replace(doc, `"id"`, `"id":"x","id"`, 1)} {
		if q, err := profile.Of([]byte(bad), p); !errors.Is(err, profile.ErrDocument) || q != nil {
			t.Errorf("%.20q: %v, %v", bad, q, err)
		}
		if claims, err := p.Read([]byte(bad)); !errors.Is(err, profile.ErrDocument) || claims != nil {
			t.Errorf("%.20q: %v, %v", bad, claims, err)
		}
	}
}

// What a document says beside the profile is not read and does no harm.
func TestReadPassesOver(t *testing.T) {
	p := parse(t, small)
	doc := write(t, p, some, everything)
	for old, by := range map[string]string{
		`"id":"urn:uuid:1"`:       `"id":"urn:uuid:1","proof":{"type":"DataIntegrityProof"}`,
		`"hours":"PT12H"`:         `"hours":"PT12H","nickname":"x"`,
		`{"scheme":"c","code"`:    `{"scheme":"d","code":"9"},{"code":"8"},"x",{"scheme":"c","code"`,
		`"Small"]`:                `"Small","Other"]`,
		`{"topic":"note","head"`:  `{"topic":"other","text":"x"},{"topic":"note","head"`,
		`"issuer":{"id":"did:web`: `"issuer":{"id":"did:webvh`,
	} {
		claims, err := p.Read([]byte(strings.Replace(doc, old, by, 1)))
		if err != nil || !reflect.DeepEqual(claims, decode(t, everything)) {
			t.Errorf("%s: %v, %v", by, claims, err)
		}
	}
}

func TestLocate(t *testing.T) {
	p := parse(t, small)
	places, err := p.Locate([]byte(write(t, p, some, everything)))
	if err != nil {
		t.Fatal(err)
	}
	want := profile.Places{Mandatory: []string{"/issuer"}, Claims: map[string][]string{
		"title":     {"/credentialSubject/title/0"},
		"hours":     {"/credentialSubject/hours"},
		"day":       {"/credentialSubject/day"},
		"kind":      {"/credentialSubject/kind/label"},
		"level.a":   {"/credentialSubject/levels/0/code", "/credentialSubject/levels/0/scheme"},
		"level.b":   {"/credentialSubject/levels/1/code", "/credentialSubject/levels/1/scheme"},
		"level.c":   {"/credentialSubject/levels/2/code", "/credentialSubject/levels/2/scheme"},
		"name/of~c": {"/credentialSubject/levels/2/name", "/credentialSubject/levels/2/scheme"},
		"language":  {"/credentialSubject/language"},
		"country":   {"/credentialSubject/country"},
		"notes":     {"/credentialSubject/notes/0", "/credentialSubject/notes/1"},
	}}
	if !reflect.DeepEqual(places, want) {
		t.Errorf("got  %v\nwant %v", places, want)
	}
	// Where the first place has no word, another shows the claim.
	places, err = p.Locate([]byte(write(t, p, some, `{"title":"T","day":"2001"}`)))
	if err != nil {
		t.Fatal(err)
	}
	if got := places.Claims["day"]; !reflect.DeepEqual(got, []string{"/credentialSubject/notes/0/text", "/credentialSubject/notes/0/topic"}) {
		t.Errorf("day: %v", got)
	}
	if _, ok := places.Claims["level.a"]; ok {
		t.Error("what is written for no claim is located as one")
	}
}

// FuzzDocument: what is written is strict JSON and reads as the claims it was
// written from; what is refused gives nothing.
func FuzzDocument(f *testing.F) {
	for _, s := range []string{everything, `{"title":"T"}`, `{"title":"T","level":{"b":"../x"}}`, `{"title":"\u0000","notes":[{"content":"\ud83d\ude00"}]}`} {
		f.Add([]byte(s))
	}
	p := parse(f, small)
	template, err := p.Template(issuer)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, claims []byte) {
		before := bytes.Clone(claims)
		doc, err := template.Document(some, claims)
		if !bytes.Equal(before, claims) {
			t.Fatal("the claims were changed")
		}
		if err != nil {
			if doc != nil {
				t.Fatal("a document of refused claims")
			}
			return
		}
		got, err := p.Read(doc)
		if err != nil {
			t.Fatalf("%s\n%s: %v", claims, doc, err)
		}
		want := decode(t, string(claims))
		delete(want, "secret")
		delete(want, "deep")
		if n, _ := want["notes"].([]any); n != nil && len(n) == 0 {
			delete(want, "notes")
		}
		if l, _ := want["level"].(map[string]any); l != nil && len(l) == 0 {
			delete(want, "level")
		}
		if got["day"] == nil {
			delete(want, "day") // the declaration excuses days without a word
		}
		a, _ := json.Marshal(got)
		b, _ := json.Marshal(want)
		if !bytes.Equal(a, b) {
			t.Fatalf("%s\nread as %s", b, a)
		}
	})
}

// FuzzRead: a document of anybody gives claims or an error, and no panic.
func FuzzRead(f *testing.F) {
	p := parse(f, small)
	f.Add([]byte(write(f, p, some, everything)))
	f.Add([]byte(write(f, p, some, `{"title":"T","day":"2001"}`)))
	f.Add([]byte(`{"@context":["https://www.w3.org/ns/credentials/v2"],"type":["VerifiableCredential","Small"],"credentialSubject":{"levels":[{"scheme":"c"}],"notes":[{"topic":"note","head":[]}]}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		claims, err := p.Read(doc)
		if err != nil && claims != nil {
			t.Fatal("claims of a refused document")
		}
		places, again := p.Locate(doc)
		if (err == nil) != (again == nil) || again != nil && places.Claims != nil {
			t.Fatalf("Read: %v, Locate: %v", err, again)
		}
	})
}
