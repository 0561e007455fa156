package led_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/piprate/json-gold/ld"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/jose"
)

// vcdm2 are the profiles whose contexts are in the program.
var vcdm2 = []*profile.Profile{led.ELM(), led.OSLO()}

func document(t testing.TB, p *profile.Profile, c profile.Copy, claims string) []byte {
	t.Helper()
	template, err := p.Template(issuer)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := template.Document(c, []byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestNothingIsDropped: every member of a document has its place in the quads
// (VC Data Integrity 1.0, Section 2.4.1), and json-gold makes the same of it.
func TestNothingIsDropped(t *testing.T) {
	ours := jsonld.New(jsonld.LoaderFunc(contexts.Document))
	for _, p := range vcdm2 {
		for name, claims := range map[string]string{"full": full, "usual": usual} {
			t.Run(p.Name()+"/"+name, func(t *testing.T) {
				c := sample()
				c.Status = json.RawMessage(`{"id":"https://issuer.example.org/status/0#1","type":"BitstringStatusListEntry","statusPurpose":"revocation","statusListIndex":"1","statusListCredential":"https://issuer.example.org/status/0"}`)
				doc := document(t, p, c, claims)
				got, err := ours.Canonicalize(doc, jsonld.Options{}, rdf.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if want := jsonGold(t, doc); string(got) != want {
					t.Errorf("ours\n%s\njson-gold\n%s", got, want)
				}
				t.Logf("%d bytes, %d quads", len(doc), bytes.Count(got, []byte("\n")))
			})
		}
	}
}

func jsonGold(t *testing.T, doc []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(doc, &v); err != nil {
		t.Fatal(err)
	}
	o := ld.NewJsonLdOptions("")
	o.DocumentLoader = contexts.Loader{}
	o.Algorithm = ld.AlgorithmURDNA2015
	o.Format = "application/n-quads"
	form, err := ld.NewJsonLdProcessor().Normalize(v, o)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(slices.Compact(strings.SplitAfter(form.(string), "\n")), "")
}

// TestVCDM2 holds documents against what VCDM 2.0 asks of any: Sections 4.3 to
// 4.9.
func TestVCDM2(t *testing.T) {
	for _, p := range vcdm2 {
		var d struct {
			Context []string `json:"@context"`
			ID      string   `json:"id"`
			Type    []string `json:"type"`
			Issuer  struct {
				ID string `json:"id"`
			} `json:"issuer"`
			ValidFrom, ValidUntil string
			IssuanceDate          *string `json:"issuanceDate"`
			ExpirationDate        *string `json:"expirationDate"`
			Subject               struct {
				ID string `json:"id"`
			} `json:"credentialSubject"`
		}
		if err := json.Unmarshal(document(t, p, sample(), full), &d); err != nil {
			t.Fatal(err)
		}
		if d.Context[0] != contexts.CredentialsV2 || len(d.Context) != 2 || d.Type[0] != "VerifiableCredential" || d.ID != sample().ID ||
			d.Issuer.ID != issuer.ID || d.Subject.ID != sample().Subject || d.IssuanceDate != nil || d.ExpirationDate != nil {
			t.Errorf("%s: %+v", p.Name(), d)
		}
	}
}

// TestDisclosureOfOneClaim selects what Locate says for one claim, as a
// selective disclosure suite does, and reads this claim and no other in it.
func TestDisclosureOfOneClaim(t *testing.T) {
	// One node stands for a code and its name, and its identifier holds the code.
	together := map[string][]string{"field_of_study.name": {"field_of_study.code"}, "subject.name": {"subject.code"}}
	p := jsonld.New(jsonld.LoaderFunc(contexts.Document))
	for _, profiled := range vcdm2 {
		doc := document(t, profiled, sample(), full)
		places, err := profiled.Locate(doc)
		if err != nil {
			t.Fatal(err)
		}
		all := leaves(t, profiled, doc)
		for _, claim := range profiled.Claims() {
			t.Run(profiled.Name()+"/"+claim, func(t *testing.T) {
				if len(places.Claims[claim]) == 0 {
					t.Fatal("has no place in the full document")
				}
				derived := selectPointers(t, doc, append(slices.Clone(places.Mandatory), places.Claims[claim]...))
				got := leaves(t, profiled, derived)
				if !reflect.DeepEqual(got[claim], all[claim]) {
					t.Errorf("disclosed %v, the document says %v", got[claim], all[claim])
				}
				for other := range got {
					if other != claim && !slices.Contains(together[claim], other) {
						t.Errorf("%s was disclosed too", other)
					}
				}
				// A derived document says nothing that the whole one does not say.
				if _, err := p.ToRDF(derived, jsonld.Options{}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func leaves(t *testing.T, p *profile.Profile, doc []byte) map[string]any {
	t.Helper()
	claims, err := p.Read(doc)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	var walk func(string, map[string]any)
	walk = func(prefix string, m map[string]any) {
		for name, v := range m {
			if inner, ok := v.(map[string]any); ok {
				walk(prefix+name+".", inner)
			} else {
				out[prefix+name] = v
			}
		}
	}
	walk("", claims)
	return out
}

// hidden marks an element of an array that is not selected.
type hidden struct{}

// selectPointers is a selection by JSON pointers (Data Integrity ECDSA
// Cryptosuites 1.0, Section 3.4.13): what they lead to, with @context, and id and
// type of the nodes on the way.
func selectPointers(t *testing.T, doc []byte, pointers []string) []byte {
	t.Helper()
	var root map[string]any
	if err := jose.Unmarshal(doc, &root); err != nil {
		t.Fatal(err)
	}
	out := onTheWay(root).(map[string]any)
	out["@context"] = root["@context"]
	for _, pointer := range pointers {
		var from, to any = root, out
		parts := strings.Split(pointer, "/")[1:]
		for i, part := range parts {
			part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
			whole := i == len(parts)-1
			switch f := from.(type) {
			case map[string]any:
				next, ok := f[part]
				if !ok {
					t.Fatalf("%s leads nowhere", pointer)
				}
				o := to.(map[string]any)
				if whole {
					o[part] = next
				} else if o[part] == nil {
					o[part] = onTheWay(next)
				}
				from, to = next, o[part]
			case []any:
				n, err := strconv.Atoi(part)
				if err != nil || n >= len(f) {
					t.Fatalf("%s leads nowhere", pointer)
				}
				a := to.([]any)
				if whole {
					a[n] = f[n]
				} else if a[n] == any(hidden{}) {
					a[n] = onTheWay(f[n])
				}
				from, to = f[n], a[n]
			}
		}
	}
	b, err := jose.Marshal(packed(out))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func onTheWay(v any) any {
	switch v := v.(type) {
	case map[string]any:
		o := map[string]any{}
		for _, name := range []string{"id", "type"} {
			if x, ok := v[name]; ok {
				o[name] = x
			}
		}
		return o
	case []any:
		a := make([]any, len(v))
		for i := range a {
			a[i] = hidden{}
		}
		return a
	}
	return v
}

// packed is v without the elements that were not selected.
func packed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = packed(inner)
		}
	case []any:
		a := slices.DeleteFunc(slices.Clone(v), func(e any) bool { return e == any(hidden{}) })
		for i := range a {
			a[i] = packed(a[i])
		}
		return a
	}
	return v
}

// TestMandatory: the issuer, the times and the status stand in every
// presentation, and no claim does.
func TestMandatory(t *testing.T) {
	for _, p := range vcdm2 {
		c := sample()
		c.Status = json.RawMessage(`{"type":"BitstringStatusListEntry"}`)
		doc := document(t, p, c, full)
		places, err := p.Locate(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, pointer := range []string{"/issuer", "/validFrom", "/validUntil", "/credentialStatus"} {
			if !slices.Contains(places.Mandatory, pointer) {
				t.Errorf("%s: %s is not mandatory", p.Name(), pointer)
			}
		}
		if got := leaves(t, p, selectPointers(t, doc, places.Mandatory)); len(got) != 0 {
			t.Errorf("%s: the mandatory part says %v", p.Name(), got)
		}
	}
}

// TestEuropassForm: VCDM 1.1 as the EDC application profile wants it.
func TestEuropassForm(t *testing.T) {
	c := sample()
	c.Status = json.RawMessage(`{"type":"BitstringStatusListEntry"}`)
	var d map[string]any
	if err := json.Unmarshal(document(t, led.Europass(), c, full), &d); err != nil {
		t.Fatal(err)
	}
	stamp := "2026-11-23T12:00:00Z"
	if d["issued"] != stamp || d["issuanceDate"] != stamp || d["validFrom"] != stamp || d["expirationDate"] != "2027-11-23T12:00:00Z" || d["validUntil"] != nil || d["credentialStatus"] != nil {
		t.Errorf("%v", d)
	}
	if want := []any{contexts.CredentialsV1, "http://data.europa.eu/snb/model/context/edc-ap"}; !reflect.DeepEqual(d["@context"], want) {
		t.Errorf("%v", d["@context"])
	}
}

// TestProfilesAreNotMistaken: no profile reads the document of another.
func TestProfilesAreNotMistaken(t *testing.T) {
	all := led.Profiles()
	for _, from := range all {
		doc := document(t, from, sample(), usual)
		if p, err := profile.Of(doc, all...); p != from || err != nil {
			t.Errorf("a document of %s is taken for another: %v", from.Name(), err)
		}
		for _, p := range all {
			if claims, err := p.Read(doc); (err == nil) != (p == from) {
				t.Errorf("%s reads %s: %v, %v", p.Name(), from.Name(), claims, err)
			}
		}
	}
}
