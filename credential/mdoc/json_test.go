package mdoc_test

import (
	"encoding/hex"
	"testing"

	"github.com/zegel-id/zegel/credential/mdoc"
)

// RFC 8949, Section 6.1: what a value is as JSON.
func TestJSON(t *testing.T) {
	p := parties()
	base := p.issue(t, nil)
	for in, want := range map[string]string{
		"1bffffffffffffffff":           "18446744073709551615",
		"3b7fffffffffffffff":           "-9223372036854775808",
		"f93e00":                       "1.5",
		"f97e00":                       "null",
		"f97c00":                       "null",
		"f7":                           "null",
		"c249010000000000000000":       `"AQAAAAAAAAAA"`,
		"c349010000000000000000":       `"~AQAAAAAAAAAA"`,
		"43010203":                     `"AQID"`,
		"d543010203":                   `"AQID"`,
		"d643fbff01":                   `"+/8B"`,
		"d743fbff01":                   `"fbff01"`,
		"d68243fbff0141ff":             `["+/8B","/w=="]`,
		"d81843010203":                 `"AQID"`,
		"c11a514b67b0":                 "1363896240",
		"d903ec6a323031392d31302d3230": `"2019-10-20"`,
		"a201020304":                   `{"1":2,"3":4}`,
		"a2016131613102":               "",
		"a12039ffff":                   `{"-1":-65536}`,
		"6322225c":                     `"\"\"\\"`,
		"3bffffffffffffffff":           "",
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		text := changed(t, base, func(o *object) {
			list := o.get("nameSpaces").(*object).get(second).([]any)
			it := inside(t, list[0])
			it.set("elementValue", raw(b))
			list[0] = encoded(it)
		})
		c := parse(t, text).Claims()
		got := c.Select(mdoc.Path{second, "note"})
		if want == "" {
			if _, err := c.JSON(); err == nil || got != nil {
				t.Errorf("%s: %s is accepted", in, got)
			}
			continue
		}
		if len(got) != 1 || string(got[0]) != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	// Integer keys of maps are selected by numbers (OpenID4VCI 1.0, Appendix C.2).
	text := changed(t, base, func(o *object) {
		list := o.get("nameSpaces").(*object).get(second).([]any)
		it := inside(t, list[0])
		it.set("elementValue", &object{[]any{1, -2, "1"}, []any{"one", "minus two", "text"}})
		list[0] = encoded(it)
	})
	c := parse(t, text).Claims()
	mixed := changed(t, base, func(o *object) {
		list := o.get("nameSpaces").(*object).get(second).([]any)
		it := inside(t, list[0])
		it.set("elementValue", []any{[]any{"a", "b"}, &object{[]any{1}, []any{"c"}}})
		list[0] = encoded(it)
	})
	if got := parse(t, mixed).Claims().Select(mdoc.Path{second, "note", nil, 1}); got != nil {
		t.Errorf("a number is an index and a key at once: %s", got)
	}
	for want, part := range map[string]any{`"one"`: 1, `"minus two"`: -2, `"text"`: "1"} {
		if got := c.Select(mdoc.Path{second, "note", part}); len(got) != 1 || string(got[0]) != want {
			t.Errorf("%v: %s", part, got)
		}
	}
}
