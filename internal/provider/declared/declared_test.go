package declared

import (
	"errors"
	"strings"
	"testing"
)

type doc struct {
	Name  string   `yaml:"name"`
	Items []string `yaml:"items"`
	Sub   struct {
		Count int `yaml:"count"`
	} `yaml:"sub"`
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"good", "name: a\nitems: [b, c]\nsub: {count: 2}\n", ""},
		{"unknown member", "name: a\nitem: [b]\n", "x.yaml:2: \"item\""},
		{"duplicate member", "name: a\nname: b\n", "x.yaml:2"},
		{"wrong type", "name: a\nsub:\n  count: many\n", "x.yaml:3"},
		{"anchor", "name: &a x\n", "x.yaml:1: an anchor"},
		{"alias", "name: &a x\nitems: [*a]\n", "an anchor"},
		{"tag", "name: !!str x\n", "a tag"},
		{"merge", "sub:\n  <<: {count: 1}\n", "not allowed"},
		{"two documents", "name: a\n---\nname: b\n", "one YAML document"},
		{"empty", "", "one YAML document"},
		{"syntax", "name: [\n", "x.yaml"},
		{"deep", "name: " + strings.Repeat("[", 60) + strings.Repeat("]", 60), "deep"},
		{"long", "name: " + strings.Repeat("a", MaxBytes), "bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d doc
			_, err := Read("x.yaml", []byte(c.text), &d)
			if c.want == "" {
				if err != nil || d.Sub.Count != 2 || len(d.Items) != 2 {
					t.Fatal(err, d)
				}
				return
			}
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestFaultsNameLineAndField(t *testing.T) {
	var d doc
	f, err := Read("x.yaml", []byte("name: a\nitems:\n  - b\n  - c\nsub:\n  count: 2\n"), &d)
	if err != nil {
		t.Fatal(err)
	}
	if f.Err() != nil {
		t.Fatal("a fault nobody noted")
	}
	f.Fault("sub.count", "too few")
	f.Fault("items[1]", "no c")
	f.Fault("sub.missing", "is required")
	want := "x.yaml:4: items[1]: no c\nx.yaml:6: sub.count: too few"
	if got := f.Err(); !errors.Is(got, ErrInvalid) || !strings.Contains(got.Error(), want) || !strings.Contains(got.Error(), "sub.missing: is required") {
		t.Fatalf("%v", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("name: a\nitems: [b, c]\nsub: {count: 2}\n"))
	f.Add([]byte("name: &a x\nitems: [*a]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d doc
		file, err := Read("x.yaml", b, &d)
		if (file == nil) == (err == nil) {
			t.Fatal("neither or both")
		}
		if file != nil {
			file.Fault("items[0]", "x")
			_ = file.Err()
		}
	})
}
