package verifier

import (
	"testing"

	"github.com/zegel-id/zegel/credential"
)

func TestCut(t *testing.T) {
	const doc = `{"a":1,"b":{"c":2,"d":{"e":3}},"l":[{"n":"x","m":1},{"n":"y"},5],"big":12345678901234567890,"z":null}`
	for _, c := range []struct {
		paths []credential.Path
		want  string // empty: nothing
	}{
		{nil, ""},
		{[]credential.Path{{"a"}}, `{"a":1}`},
		{[]credential.Path{{"big"}}, `{"big":12345678901234567890}`},
		{[]credential.Path{{"z"}}, `{"z":null}`},
		{[]credential.Path{{"b", "c"}}, `{"b":{"c":2}}`},
		{[]credential.Path{{"b"}, {"b", "c"}}, `{"b":{"c":2,"d":{"e":3}}}`},
		{[]credential.Path{{"l", nil, "n"}}, `{"l":[{"n":"x"},{"n":"y"}]}`},
		{[]credential.Path{{"l", 1}}, `{"l":[{"n":"y"}]}`},
		{[]credential.Path{{"l", 0, "m"}, {"l", nil, "n"}}, `{"l":[{"m":1,"n":"x"},{"n":"y"}]}`},
		{[]credential.Path{{"l", nil}}, `{"l":[{"n":"x","m":1},{"n":"y"},5]}`},
		{[]credential.Path{{"absent"}, {"a", "b"}, {"l", 9}, {"b", "x"}}, ""},
	} {
		got, there, err := selectionOf(c.paths).cut([]byte(doc))
		if err != nil || string(got) != c.want || there != (c.want != "") {
			t.Errorf("%v: got %s %v %v, want %s", c.paths, got, there, err, c.want)
		}
	}
}

func TestAround(t *testing.T) {
	for _, c := range []struct {
		p, asked credential.Path
		want     bool
	}{
		{credential.Path{"a"}, credential.Path{"a", "b"}, true},
		{credential.Path{"a", 0}, credential.Path{"a", nil, "b"}, true},
		{credential.Path{"a", 1}, credential.Path{"a", 0, "b"}, false},
		{credential.Path{"a"}, credential.Path{"a"}, false},
		{credential.Path{"x"}, credential.Path{"a", "b"}, false},
	} {
		if got := around(c.p, c.asked); got != c.want {
			t.Errorf("%v around %v: %v", c.p, c.asked, got)
		}
	}
}
