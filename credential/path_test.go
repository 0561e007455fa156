package credential

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
)

// The credential of OpenID4VP 1.0, Section 7.3.
const arthur = `{
  "name": "Arthur Dent",
  "address": {"street_address": "42 Market Street", "locality": "Milliways", "postal_code": "12345"},
  "degrees": [
    {"type": "Bachelor of Science", "university": "University of Betelgeuse"},
    {"type": "Master of Science", "university": "University of Betelgeuse"}
  ],
  "nationalities": ["British", "Betelgeusian"],
  "mixed": [{"a": 1}, "text"],
  "sparse": [{"a": 1}, {"b": 2}],
  "nested": [[1, 2], [3]],
  "empty": [],
  "nothing": null
}`

func TestSelect(t *testing.T) {
	var root any
	if err := jose.Unmarshal([]byte(arthur), &root); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path string
		want []any
		err  error
	}{
		{`["name"]`, []any{"Arthur Dent"}, nil},
		{`["address","street_address"]`, []any{"42 Market Street"}, nil},
		{`["degrees",null,"type"]`, []any{"Bachelor of Science", "Master of Science"}, nil},
		{`["nationalities",1]`, []any{"Betelgeusian"}, nil},
		{`["sparse",null,"a"]`, []any{1.0}, nil},
		{`["nested",null,1]`, []any{2.0}, nil},
		{`["nested",null,null]`, []any{1.0, 2.0, 3.0}, nil},
		{`["nothing"]`, []any{nil}, nil},
		{`["unknown"]`, nil, ErrPathEmpty},
		{`["nationalities",2]`, nil, ErrPathEmpty},
		{`["empty",null]`, nil, ErrPathEmpty},
		{`["name","first"]`, nil, ErrPathType},
		{`["degrees","type"]`, nil, ErrPathType},
		{`["mixed",null,"a"]`, nil, ErrPathType},
		{`["address",null]`, nil, ErrPathType},
		{`["address",0]`, nil, ErrPathType},
		{`["nationalities",-1]`, nil, ErrPathType},
		{`[null]`, nil, ErrPathType},
		{`["nothing","x"]`, nil, ErrPathType},
	} {
		p, err := ParsePath([]byte(tt.path))
		if err != nil {
			t.Fatalf("%s: %v", tt.path, err)
		}
		got, err := p.Select(root)
		if !errors.Is(err, tt.err) || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %v, %v; want %v, %v", tt.path, got, err, tt.want, tt.err)
		}
		if p.String() != tt.path {
			t.Errorf("String() = %s, want %s", p, tt.path)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, text := range []string{
		``, `null`, `{}`, `"name"`, `[]`, `[true]`, `[{}]`, `[["a"]]`, `[1.0]`, `[1.5]`, `[1e2]`,
		`[99999999999]`, `["a"] ` + "x", `["a",]`, "[\"\xff\"]",
		`[` + strings.Repeat(`"a",`, MaxPathLength) + `"a"]`,
		`["` + strings.Repeat("a", MaxPathName+1) + `"]`,
	} {
		if p, err := ParsePath([]byte(text)); !errors.Is(err, ErrPath) || p != nil {
			t.Errorf("%.40q: got %v, %v", text, p, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		path       Path
		json, mdoc bool
	}{
		{Path{"a"}, true, false},
		{Path{"a", "b"}, true, true},
		{Path{"a", nil, "b"}, true, false},
		{Path{"ns", "el", -1}, false, true},
		{Path{"ns", "el", 3, nil}, true, true},
		{Path{nil, "a"}, false, false},
		{Path{0}, false, false},
		{Path{"a", 1.0}, false, false},
		{Path{}, false, false},
	} {
		if err := tt.path.Validate(); (err == nil) != tt.json {
			t.Errorf("%v as JSON: %v", tt.path, err)
		}
		if err := tt.path.ValidateMdoc(); (err == nil) != tt.mdoc {
			t.Errorf("%v as mdoc: %v", tt.path, err)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, tt := range []struct {
		p, q Path
		want bool
	}{
		{Path{"a"}, Path{"a"}, true},
		{Path{"a"}, Path{"a", "b"}, true},
		{Path{"a", "b"}, Path{"a"}, false},
		{Path{"a"}, Path{"b"}, false},
		{Path{"a", nil}, Path{"a", 3, "b"}, true},
		{Path{"a", nil}, Path{"a", "b"}, false},
		{Path{"a", 3}, Path{"a", nil}, false},
		{Path{"a", 3}, Path{"a", 3}, true},
		{Path{}, Path{"a"}, false},
	} {
		if got := tt.p.Covers(tt.q); got != tt.want {
			t.Errorf("%v covers %v: %v", tt.p, tt.q, got)
		}
	}
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{`["a",null,0]`, `["org.iso.18013.5.1","given_name"]`, `[-1]`, `[1e3]`, `[]`} {
		f.Add([]byte(s))
	}
	var root any
	if err := jose.Unmarshal([]byte(arthur), &root); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePath(b)
		if err != nil {
			if p != nil {
				t.Fatal("a failed parse returned a path")
			}
			return
		}
		again, err := ParsePath([]byte(p.String()))
		if err != nil || !again.Equal(p) || !p.Covers(again) {
			t.Fatalf("%s does not survive a round trip: %v", p, err)
		}
		if got, err := p.Select(root); (err == nil) != (len(got) > 0) {
			t.Fatal("an error goes with a selection")
		}
	})
}
