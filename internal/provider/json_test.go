package provider

import (
	"fmt"
	"strings"
	"testing"
)

func TestJSONNode(t *testing.T) {
	n, err := JSONNode([]byte(`{"a":"x","b":[1,12345678901234567890,true,null],"c":{"d":[{"e":"1"},{"e":"2","f":"y"}]},"g":[["p","q"],["r"]],"h":null,"i":[]}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"a": "[x]", "b": "[1 12345678901234567890 true]", "c/d/e": "[1 2]", "c/d[e=2]/f": "[y]", "g/item": "[p q r]", "h": "[]", "i": "[]",
	} {
		p, err := ParsePath(path)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, x := range p.Select(n) {
			got = append(got, x.Value())
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", path, got, want)
		}
	}
	for _, bad := range []string{``, `[]`, `"a"`, `{"a":1,"a":2}`, `{"a":1}x`, "{\"a\":\"\xff\"}", `{"a":` + strings.Repeat("[", 80) + strings.Repeat("]", 80) + `}`, `{"a":[` + strings.Repeat("1,", maxJSONNodes) + `1]}`} {
		if n, err := JSONNode([]byte(bad)); err == nil || n != nil {
			t.Errorf("%.20q: accepted", bad)
		}
	}
}

func FuzzJSONNode(f *testing.F) {
	f.Add([]byte(`{"a":"x","b":[1,true,null],"c":{"d":[{"e":"1"}]},"g":[["p"]]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, err := JSONNode(b); (n == nil) == (err == nil) {
			t.Fatal("neither or both")
		}
	})
}
