package vcapi

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/internal/jose"
)

func TestWith(t *testing.T) {
	for _, x := range []struct{ in, name, want string }{
		{`{}`, "a", `{"a":1}`},
		{` { "b" : [ 2, {"a":3} ] } `, "a", `{"b":[ 2, {"a":3} ],"a":1}`},
		{`{"b":2,"a":{"x":0},"c":3}`, "a", `{"b":2,"a":1,"c":3}`},
		{`{"\u0061":0}`, "a", `{"\u0061":1}`},
		{`{"b":"\ud83d\ude00"}`, `q"`, `{"b":"\ud83d\ude00","q\"":1}`},
	} {
		got, err := with([]byte(x.in), x.name, 1)
		if err != nil || string(got) != x.want {
			t.Errorf("%s: %s %v, expected %s", x.in, got, err, x.want)
		}
	}
}

// What with makes is strict JSON of the same members and one more.
func FuzzWith(f *testing.F) {
	f.Add(`{"a":1}`, "b")
	f.Add(`{"\u0062":"\ud83d\ude00","c":{"b":[]}}`, "b")
	f.Fuzz(func(t *testing.T, text, name string) {
		var before map[string]any
		if jose.Unmarshal([]byte(text), &before) != nil || before == nil {
			return
		}
		out, err := with([]byte(text), name, "new")
		if err != nil {
			return
		}
		var after map[string]any
		if err := jose.Unmarshal(out, &after); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if after[name] != "new" {
			t.Fatalf("%q has not the member", out)
		}
		before[name] = "new"
		a, err1 := json.Marshal(before)
		b, err2 := json.Marshal(after)
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Fatalf("%s became %s", a, b)
		}
	})
}

func TestContextsAreChecked(t *testing.T) {
	for name, more := range map[string]map[string][]byte{
		"an embedded one": {vcdm.BaseContext: []byte(`{"@context":{}}`)},
		"no JSON":         {"https://a.example/": []byte(`{`)},
		"no context":      {"https://a.example/": []byte(`{"a":1}`)},
		"a bad term":      {"https://a.example/": []byte(`{"@context":{"a":1}}`)},
	} {
		if c, err := NewContexts(more, false); err == nil || c != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInstancesAreChecked(t *testing.T) {
	known, err := NewContexts(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	_, secret, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := Key{Signer: secret}
	if _, err := NewIssuer(IssuerConfig{Name: "a", ID: "did:web:a.example", VerificationMethod: "did:web:a.example#k", Suite: EdDSARDFC, Key: key, Contexts: known, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]IssuerConfig{
		"no name":             {ID: "did:web:a.example", VerificationMethod: "did:web:a.example#k", Suite: JWT, Contexts: known, Now: time.Now},
		"a path":              {Name: "a/b", ID: "did:web:a.example", VerificationMethod: "did:web:a.example#k", Suite: JWT, Contexts: known, Now: time.Now},
		"no method":           {Name: "a", ID: "did:web:a.example", Suite: JWT, Contexts: known, Now: time.Now},
		"no suite":            {Name: "a", ID: "did:web:a.example", VerificationMethod: "did:web:a.example#k", Suite: "none", Contexts: known, Now: time.Now},
		"a method of another": {Name: "a", ID: "did:web:a.example", VerificationMethod: "did:web:b.example#k", Suite: EdDSARDFC, Key: key, Contexts: known, Now: time.Now},
		"a key of another":    {Name: "a", ID: "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", Suite: EdDSARDFC, Key: key, Contexts: known, Now: time.Now},
		"no store":            {Name: "a", ID: "did:web:a.example", VerificationMethod: "did:web:a.example#k", Suite: EdDSARDFC, Key: key, Contexts: known, Base: "https://a.example", Now: time.Now},
		"no key":              {Name: "a", ID: "did:web:a.example", VerificationMethod: "did:web:a.example#k", Suite: EdDSARDFC, Contexts: known, Now: time.Now},
	} {
		if i, err := NewIssuer(c); err == nil || i != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
