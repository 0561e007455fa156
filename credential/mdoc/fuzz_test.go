package mdoc_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/internal/jose"
)

// FuzzParse: a failed parse returns nothing, and what is accepted can be read
// to its end.
func FuzzParse(f *testing.F) {
	p := parties()
	good, err := jose.Decode(p.issue(f, nil))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, b := range hostile(f, 2<<10) {
		f.Add(b)
	}
	policy := issued(p.policy(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := mdoc.ParseCBOR(b)
		if (s == nil) != (err != nil) {
			t.Fatalf("%v with %v", s, err)
		}
		if err != nil {
			return
		}
		for _, path := range s.Claims().Paths() {
			if path.ValidateMdoc() == nil && s.Claims().CBOR(path[0].(string), path[1].(string)) == nil {
				t.Fatalf("%v is listed but not there", path)
			}
		}
		if out, err := s.Claims().JSON(); err == nil && !json.Valid(out) {
			t.Fatalf("not JSON: %s", out)
		}
		v, err := s.VerifyIssued(policy)
		if (v == nil) != (err != nil) {
			t.Fatalf("%v with %v", v, err)
		}
	})
}

// FuzzVerify: nothing that differs from the presentation made verifies with
// other claims.
func FuzzVerify(f *testing.F) {
	p := parties()
	good, err := jose.Decode(p.present(f, p.issue(f, nil), nil, mdoc.Path{namespace, "age"}, mdoc.Path{second, "note"}))
	if err != nil {
		f.Fatal(err)
	}
	policy := p.policy(f)
	want := map[string]bool{}
	if v, err := mdoc.Verify(jose.Encode(good), policy); err == nil {
		for _, path := range v.Claims.Paths() {
			for _, b := range v.Claims.Select(path) {
				want[path.String()+string(b)] = true
			}
		}
	} else {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := mdoc.Verify(jose.Encode(b), policy)
		if (v == nil) != (err != nil) {
			t.Fatalf("%v with %v", v, err)
		}
		if err != nil {
			return
		}
		for _, path := range v.Claims.Paths() {
			for _, b := range v.Claims.Select(path) {
				if !want[path.String()+string(b)] {
					t.Fatalf("%s was not presented", path)
				}
			}
		}
	})
}

// FuzzElements: JSON is taken exactly when jose.Unmarshal takes it, within the
// limits, and comes back as it was.
func FuzzElements(f *testing.F) {
	p := parties()
	template, err := mdoc.NewTemplate(p.options())
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{
		`{"a":[1,2.5,-3,"x\u00e9\n",true,false,null,{}]}`, `"\ud83d\ude00"`, `1e3`, `-0`, `[[[]]]`, `{"a":1,"a":2}`,
		`"\ud800"`, `01`, `1.`, `[1,]`, ` {"" : "" } `, `nul`, `123456789012345678901`, `"\u0000"`, "\"\xff\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		c := p.credential()
		c.Elements = append(append([]byte(`{"org.example.card":{"family_name":"x","height":`), value...), `}}`...)
		d, err := template.Prepare(c, nil)
		var want map[string]map[string]any
		plain := jose.Unmarshal(c.Elements.([]byte), &want)
		if err != nil {
			return // limits, 64-bit integers, elements the type does not know
		}
		if plain != nil {
			t.Fatalf("%q is accepted, but is no JSON: %v", value, plain)
		}
		text, err := d.Seal(p.issuer.Key)
		if err != nil {
			t.Fatal(err)
		}
		s, err := mdoc.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]map[string]any
		if err := s.Claims().Decode(&got); err != nil {
			t.Fatal(err)
		}
		for name, members := range want {
			if len(members) == 0 {
				delete(want, name)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q came back as %v", value, got)
		}
	})
}
