package vcdm_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/internal/testvectors"
)

const (
	base     = `"@context":["https://www.w3.org/ns/credentials/v2"]`
	minimal  = base + `,"type":["VerifiableCredential"],"issuer":"did:example:i","credentialSubject":{"id":"did:example:s","name":"SECRET"}`
	envelope = `{` + base + `,"type":"EnvelopedVerifiableCredential","id":"data:application/vc+jwt,eyJ.a.b"}`
)

// with is the minimal credential with further members; members of the minimal
// one are replaced.
func with(t testing.TB, members string) string {
	t.Helper()
	var a, b map[string]json.RawMessage
	if json.Unmarshal([]byte("{"+minimal+"}"), &a) != nil || json.Unmarshal([]byte("{"+members+"}"), &b) != nil {
		t.Fatalf("not JSON: %s", members)
	}
	for k, v := range b {
		a[k] = v
		if string(v) == `"-"` {
			delete(a, k)
		}
	}
	out, _ := json.Marshal(a)
	return string(out)
}

func TestCredential(t *testing.T) {
	for _, c := range []struct{ sec, members, problem string }{ // problem is the member at fault; empty when right
		{"4.3", ``, ""},
		{"4.3", `"@context":"https://www.w3.org/ns/credentials/v2"`, ""},
		{"4.3", `"@context":["https://www.w3.org/ns/credentials/v2",{"a":"urn:a"},"https://a.example/c"]`, ""},
		{"4.3", `"@context":"-"`, "@context"},
		{"4.3", `"@context":[]`, "@context"},
		{"4.3", `"@context":{"a":"urn:a"}`, "@context"},
		{"4.3", `"@context":["https://a.example/c","https://www.w3.org/ns/credentials/v2"]`, "@context"},
		{"4.3", `"@context":["https://www.w3.org/ns/credentials/v2",7]`, "@context[1]"},
		{"4.3", `"@context":["https://www.w3.org/ns/credentials/v2","SECRET"]`, "@context[1]"},
		{"4.3", `"@context":["https://www.w3.org/2018/credentials/v1"]`, "@context"},
		{"4.4", `"id":"urn:uuid:1"`, ""},
		{"4.4", `"id":["urn:a","urn:b"]`, "id"},
		{"4.4", `"id":"SECRET"`, "id"},
		{"4.4", `"id":null`, "id"},
		{"4.4", `"id":"urn:a b"`, "id"},
		{"4.4", `"credentialSubject":{"id":["urn:a"],"a":1}`, "credentialSubject.id"},
		{"4.1", `"@id":"urn:a"`, ""},
		{"4.5", `"type":"VerifiableCredential"`, ""},
		{"4.5", `"type":["X","VerifiableCredential"]`, ""},
		{"4.5", `"type":["X"]`, "type"},
		{"4.5", `"type":"-"`, "type"},
		{"4.5", `"type":["VerifiableCredential",1]`, "type"},
		{"4.5", `"type":["VerifiableCredential","a b"]`, "type"},
		{"4.6", `"name":"n","description":"d"`, ""},
		{"4.6", `"name":[{"@value":"n","@language":"en"},{"@value":"n","@language":"ar","@direction":"rtl"}]`, ""},
		{"11.1", `"name":{"@value":"n","@language":"en","x":"y"}`, "name"},
		{"11.1", `"description":{"@value":"n","@direction":"up"}`, "description"},
		{"11.1", `"description":{"@language":"en"}`, "description"},
		{"11.1", `"description":7`, "description"},
		{"11.1", `"name":{"@value":7}`, "name"},
		{"4.7", `"issuer":{"id":"https://a.example","name":"n"}`, ""},
		{"4.7", `"issuer":"-"`, "issuer"},
		{"4.7", `"issuer":null`, "issuer"},
		{"4.7", `"issuer":"SECRET"`, "issuer"},
		{"4.7", `"issuer":["did:example:i"]`, "issuer"},
		{"4.7", `"issuer":{"name":"n"}`, "issuer.id"},
		{"4.7", `"issuer":{"id":null}`, "issuer.id"},
		{"11.1", `"issuer":{"id":"https://a.example","name":{"@value":"n","x":"y"}}`, "issuer.name"},
		{"4.8", `"credentialSubject":[{"a":1},{"id":"urn:b"}]`, ""},
		{"4.8", `"credentialSubject":"-"`, "credentialSubject"},
		{"4.8", `"credentialSubject":{}`, "credentialSubject"},
		{"4.8", `"credentialSubject":[{"a":1},{ }]`, "credentialSubject"},
		{"4.8", `"credentialSubject":[]`, "credentialSubject"},
		{"4.8", `"credentialSubject":"did:example:s"`, "credentialSubject"},
		{"4.9", `"validFrom":"2026-01-01T00:00:00Z","validUntil":"2026-01-01T00:00:00.5+02:00"`, "validUntil"},
		{"4.9", `"validFrom":"2026-01-01T00:00:00.123Z","validUntil":"2026-01-01T00:00:01-11:00"`, ""},
		{"5.8", `"validFrom":"2026-01-01T00:00:00"`, ""},
		{"4.9", `"validFrom":"2026-01-01"`, "validFrom"},
		{"4.9", `"validFrom":1767225600`, "validFrom"},
		{"4.9", `"validFrom":["2026-01-01T00:00:00Z"]`, "validFrom"},
		{"4.9", `"validUntil":"2026-13-01T00:00:00Z"`, "validUntil"},
		{"4.9", `"validUntil":"2026-01-01 00:00:00Z"`, "validUntil"},
		{"4.9", `"validUntil":"2026-01-01T00:00:00,5Z"`, "validUntil"},
		{"4.10", `"credentialStatus":{"type":"X"}`, ""},
		{"4.10", `"credentialStatus":[{"type":"X","id":"urn:a"},{"type":"Y"}]`, ""},
		{"4.10", `"credentialStatus":[{"type":"X"},{"id":"urn:a"}]`, "credentialStatus[1].type"},
		{"4.10", `"credentialStatus":{"type":"X","id":"SECRET"}`, "credentialStatus.id"},
		{"4.10", `"credentialStatus":"https://a.example"`, "credentialStatus"},
		{"", `"credentialStatus":{"type":"X","@id":"urn:a"}`, "credentialStatus"},
		{"", `"credentialSubject":{"a":1,"@type":"X"}`, "credentialSubject"},
		{"4.11", `"credentialSchema":{"type":"JsonSchema","id":"https://a.example/s"}`, ""},
		{"4.11", `"credentialSchema":{"type":"JsonSchema"}`, "credentialSchema.id"},
		{"4.11", `"credentialSchema":{"id":"https://a.example/s"}`, "credentialSchema.type"},
		{"4.12", `"proof":{"type":"DataIntegrityProof"}`, ""},
		{"4.12", `"proof":{"cryptosuite":"x"}`, "proof.type"},
		{"5.4", `"refreshService":{"id":"urn:a"}`, "refreshService.type"},
		{"5.5", `"termsOfUse":{"id":"urn:a"}`, "termsOfUse.type"},
		{"5.6", `"evidence":[{"type":"X"},{}]`, "evidence[1].type"},
		{"5.3", `"relatedResource":{"id":"https://a.example/r","digestSRI":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`, ""},
		{"5.3", `"relatedResource":{"id":"https://a.example/r"}`, "relatedResource[0]"},
		{"5.3", `"relatedResource":{"digestSRI":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`, "relatedResource.id"},
		{"5.3", `"relatedResource":{"id":"https://a.example/r","digestSRI":"sha256-AAAA"}`, "relatedResource[0]"},
		{"5.3", `"relatedResource":{"id":"https://a.example/r","digestSRI":"md5-AAAA"}`, "relatedResource[0]"},
		{"5.3", `"relatedResource":{"id":"https://a.example/r","digestMultibase":"uAAAA"}`, "relatedResource[0]"},
		{"5.3", `"relatedResource":[{"id":"urn:r","digestSRI":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},{"id":"urn:r","digestSRI":"sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}]`, "relatedResource"},
		{"4.9", `"issuanceDate":"2026-01-01T00:00:00Z"`, "-"},
		{"4.9", `"expirationDate":"2026-01-01T00:00:00Z"`, "-"},
	} {
		if c.sec == "4.1" {
			c.problem = "-" // no member to name
		}
		t.Run(c.sec+" "+c.members, func(t *testing.T) {
			got, err := vcdm.ParseCredential([]byte(with(t, c.members)), vcdm.Rules{})
			if c.problem == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var e *vcdm.Error
			if got != nil || !errors.As(err, &e) || e.Problem != vcdm.MalformedValueError || e.Member != strings.TrimPrefix(c.problem, "-") {
				t.Fatalf("%v: got %v", got, err)
			}
			if strings.Contains(err.Error(), "SECRET") {
				t.Errorf("the error repeats a value: %v", err)
			}
		})
	}
}

func TestParsing(t *testing.T) {
	for _, text := range []string{"", "[]", `"x"`, "{", "{" + minimal + `,"issuer":"did:example:j"}`, "{" + minimal + "}{}", "{\"a\":\"\xff\"}", "{\"a\":" + strings.Repeat("[", 70) + strings.Repeat("]", 70) + "}", `{"a":"` + strings.Repeat("x", vcdm.MaxSize) + `"}`} {
		c, err := vcdm.ParseCredential([]byte(text), vcdm.Rules{})
		p, err2 := vcdm.ParsePresentation([]byte(text), vcdm.Rules{})
		var e *vcdm.Error
		if c != nil || p != nil || err2 == nil || !errors.As(err, &e) || e.Problem != vcdm.ParsingError {
			t.Errorf("%.40q: %v, %v", text, err, err2)
		}
	}
}

func TestFacts(t *testing.T) {
	c, err := vcdm.ParseCredential([]byte(with(t, `"issuer":{"id":"https://a.example"},"validFrom":"2026-01-01T00:00:00","validUntil":"2026-02-01T01:00:00+01:00","credentialStatus":{"type":"X","statusListIndex":"7"}`)), vcdm.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	from, until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	if c.Issuer != "https://a.example" || c.Subjects[0].ID != "did:example:s" || !c.ValidFrom.Equal(from) || !c.ValidUntil.Equal(until) || string(c.Status[0].Raw) != `{"type":"X","statusListIndex":"7"}` {
		t.Errorf("%+v", c)
	}
	for at, want := range map[time.Time]error{from: nil, until: nil, from.Add(-time.Second): nil, from.Add(-2 * time.Second): vcdm.ErrNotYetValid, until.Add(time.Second): nil, until.Add(2 * time.Second): vcdm.ErrExpired} {
		err := c.CheckValidity(at, time.Second)
		var e *vcdm.Error
		if !errors.Is(err, want) || want != nil && (!errors.As(err, &e) || e.Problem != vcdm.RangeError) {
			t.Errorf("at %s: %v, want %v", at, err, want)
		}
	}
}

// A date without zone is read, but not written (Sections 4.9 and 5.8).
func TestProducing(t *testing.T) {
	if _, err := vcdm.ParseCredential([]byte(with(t, `"validFrom":"2026-01-01T00:00:00"`)), vcdm.Rules{Producing: true}); err == nil {
		t.Error("a date without zone is produced")
	}
}

func TestVersion1(t *testing.T) {
	doc := []byte(with(t, `"@context":["https://www.w3.org/2018/credentials/v1"],"issuanceDate":"2026-01-01T00:00:00Z","expirationDate":"2026-02-01T00:00:00Z"`))
	if _, err := vcdm.ParseCredential(doc, vcdm.Rules{}); !errors.Is(err, vcdm.ErrVersion1) {
		t.Error(err)
	}
	if _, err := vcdm.ParseCredential(doc, vcdm.Rules{AllowVersion1: true, Producing: true}); !errors.Is(err, vcdm.ErrVersion1) {
		t.Error(err)
	}
	c, err := vcdm.ParseCredential(doc, vcdm.Rules{AllowVersion1: true})
	if err != nil || !c.Version1 || c.ValidFrom.IsZero() || c.ValidUntil.IsZero() {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := vcdm.ParseCredential([]byte(with(t, `"@context":["https://www.w3.org/2018/credentials/v1"]`)), vcdm.Rules{AllowVersion1: true}); err == nil {
		t.Error("version 1.1 without issuanceDate")
	}
}

func TestPresentation(t *testing.T) {
	vc := "{" + minimal + `,"proof":{"type":"DataIntegrityProof"}}`
	for _, c := range []struct {
		sec, members string
		ok           bool
	}{
		{"4.13", ``, true},
		{"4.13", `,"holder":"did:example:h","id":"urn:a"`, true},
		{"4.13", `,"holder":{"id":"did:example:h"}`, true},
		{"4.13", `,"holder":"SECRET"`, false},
		{"4.13", `,"holder":{"name":"h"}`, false},
		{"4.13", `,"holder":["did:example:h"]`, false},
		{"4.13", `,"verifiableCredential":` + vc, true},
		{"4.13", `,"verifiableCredential":[` + vc + `,` + envelope + `]`, true},
		{"4.13", `,"verifiableCredential":["eyJ.a.b"]`, false},
		{"4.13", `,"verifiableCredential":"https://a.example/vc"`, false},
		{"4.13", `,"verifiableCredential":[` + strings.Replace(vc, "VerifiableCredential", "X", 1) + `]`, false},
		{"4.13.3", `,"verifiableCredential":[{` + minimal + `}]`, false},
		{"4.13.3", `,"holder":"did:example:h","verifiableCredential":[{` + minimal + `}]`, false},
		{"4.13.3", `,"holder":"did:example:i","verifiableCredential":[{` + minimal + `}]`, true},
		{"4.13.1", `,"verifiableCredential":` + strings.Replace(envelope, base+",", "", 1), false},
		{"4.13.1", `,"verifiableCredential":` + strings.Replace(envelope, "application/vc+jwt", "text/plain", 1), false},
		{"4.13.1", `,"verifiableCredential":` + strings.Replace(envelope, "application/vc+jwt", "application/vp+jwt", 1), false},
		{"4.13.1", `,"verifiableCredential":` + strings.Replace(envelope, "data:", "https:", 1), false},
		{"4.13.1", `,"verifiableCredential":` + strings.Replace(envelope, "eyJ.a.b", "", 1), false},
		{"4.13.1", `,"verifiableCredential":` + strings.Replace(envelope, "vc+jwt,eyJ.a.b", "vc+cose;base64,AAA", 1), false},
		{"4.13.1", `,"verifiableCredential":` + strings.Replace(envelope, "vc+jwt,eyJ.a.b", "vc+cose;base64,AAAA", 1), true},
		{"4.13.1", `,"verifiableCredential":` + strings.Replace(envelope, "EnvelopedVerifiableCredential", "X", 1), false},
	} {
		t.Run(c.sec+c.members, func(t *testing.T) {
			p, err := vcdm.ParsePresentation([]byte("{"+base+`,"type":["VerifiablePresentation"]`+c.members+"}"), vcdm.Rules{})
			if (err == nil) != c.ok || (p != nil) != c.ok {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := vcdm.ParsePresentation([]byte("{"+minimal+"}"), vcdm.Rules{}); err == nil {
		t.Error("a credential is read as a presentation")
	}
}

// What stands alone is enveloped or has its proofs in it.
func TestSecured(t *testing.T) {
	vc := "{" + minimal + `,"proof":{"type":"DataIntegrityProof"}}`
	vp := "{" + base + `,"type":"VerifiablePresentation"}`
	sealed := strings.NewReplacer("EnvelopedVerifiableCredential", "EnvelopedVerifiablePresentation", "vc+jwt", "vp+jwt").Replace(envelope)
	for text, want := range map[string]string{
		vc: "credential", envelope: "enveloped credential", vp: "presentation", sealed: "enveloped presentation", " " + envelope + "\n": "enveloped credential",
		strings.Replace(envelope, "vc+jwt", "vp+jwt", 1): "", strings.Replace(sealed, "vp+jwt", "vc+jwt", 1): "",
		strings.Replace(sealed, base+",", "", 1): "", strings.Replace(envelope, "eyJ.a.b", "", 1): "",
		`"eyJ.a.b"`: "", `[]`: "", `{}`: "", vc + vc: "", ``: "",
	} {
		var got []string
		c, err := vcdm.ParseSecured([]byte(text), vcdm.Rules{})
		if err != nil && (c.Embedded != nil || c.Enveloped != nil) {
			t.Errorf("%s: %v with a credential", text, err)
		}
		e, p, err := vcdm.ParseSecuredPresentation([]byte(text), vcdm.Rules{})
		if err != nil && (e != nil || p != nil) {
			t.Errorf("%s: %v with a presentation", text, err)
		}
		for name, is := range map[string]bool{"credential": c.Embedded != nil, "enveloped credential": c.Enveloped != nil, "presentation": p != nil, "enveloped presentation": e != nil} {
			if is {
				got = append(got, name)
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s is read as %q, expected %q", text, got, want)
		}
	}
}

func TestRelatedResource(t *testing.T) {
	const empty, multi = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "uEiDjsMRCmPwcFJr79MiZb7kkJ65B5GSbk0yklZkbeFK4VQ"
	for _, r := range []vcdm.RelatedResource{{SRI: empty}, {Multibase: multi}, {SRI: empty, Multibase: multi}, {SRI: empty + "?ct=text/plain"}} {
		if err := r.Check(nil); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
		if err := r.Check([]byte("x")); !errors.Is(err, vcdm.ErrDigest) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	// Both must match; of several hashes the strongest decides.
	sha384x := "sha384-" + strings.Repeat("A", 64)
	for _, r := range []vcdm.RelatedResource{{}, {SRI: empty, Multibase: "uEiA" + strings.Repeat("A", 43)}, {SRI: sha384x, Multibase: multi}, {SRI: empty + " " + sha384x}, {SRI: sha384x + " " + empty}} {
		if err := r.Check(nil); !errors.Is(err, vcdm.ErrDigest) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestTypes(t *testing.T) {
	p := jsonld.New(jsonld.LoaderFunc(contexts.Document))
	list := []vcdm.Context{{URL: vcdm.BaseContext}, {Inline: []byte(`{"Diploma":"https://a.example/Diploma"}`)}}
	got, err := vcdm.Types(p, list, []string{"VerifiableCredential", "Diploma", "urn:x:Y"})
	if err != nil || strings.Join(got, " ") != "https://www.w3.org/2018/credentials#VerifiableCredential https://a.example/Diploma urn:x:Y" {
		t.Errorf("%v, %v", got, err)
	}
	for _, c := range []struct {
		list []vcdm.Context
		typ  string
	}{{list, "Unknown"}, {append(list, vcdm.Context{URL: "https://a.example/unknown"}), "Diploma"}} {
		if got, err := vcdm.Types(p, c.list, []string{c.typ}); err == nil {
			t.Errorf("%s: %v", c.typ, got)
		}
	}
}

// The signed examples of the Recommendation are conforming documents.
func TestRecommendationExamples(t *testing.T) {
	n := 0
	for _, doc := range examples(t) {
		n++
		if c, err := vcdm.ParseCredential(doc, vcdm.Rules{}); err != nil || len(c.Proofs) == 0 {
			t.Errorf("example %d: %v", n, err)
		}
	}
	if n == 0 {
		t.Fatal("no examples")
	}
}

// examples are the credentials in the vector file, wherever they stand.
func examples(t testing.TB) (out [][]byte) {
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if v["credentialSubject"] != nil && v["proof"] != nil {
				b, _ := json.Marshal(v)
				out = append(out, b)
				return
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	var all any
	if err := json.Unmarshal(testvectors.File(t, "w3c-spec-signed-examples", "vc-data-model-2.0.json"), &all); err != nil {
		t.Fatal(err)
	}
	walk(all)
	return out
}

func FuzzParse(f *testing.F) {
	for _, doc := range examples(f) {
		f.Add(doc)
	}
	f.Add([]byte("{" + minimal + "}"))
	f.Add([]byte("{" + base + `,"type":["VerifiablePresentation"],"verifiableCredential":[` + envelope + "]}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := vcdm.ParseCredential(b, vcdm.Rules{AllowVersion1: true})
		if (c == nil) == (err == nil) || c != nil && (c.Issuer == "" || len(c.Subjects) == 0) {
			t.Fatalf("%+v, %v", c, err)
		}
		if p, err := vcdm.ParsePresentation(b, vcdm.Rules{AllowVersion1: true}); (p == nil) == (err == nil) {
			t.Fatalf("%+v, %v", p, err)
		}
	})
}
