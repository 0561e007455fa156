package jcs_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"

	ours "github.com/zegel-id/zegel/credential/jcs"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// TestVectors are those that RFC 8785, Section 1, points at.
func TestVectors(t *testing.T) {
	files, _ := filepath.Glob(testvectors.Dir(t, "jcs") + "/input/*.json")
	if len(files) != 6 {
		t.Fatalf("%d vectors, expected 6", len(files))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ours.Transform(in)
			if err != nil {
				t.Fatal(err)
			}
			hexadecimal := strings.Join(strings.Fields(string(testvectors.File(t, "jcs", "outhex/"+name+".txt"))), "")
			if hex.EncodeToString(got) != hexadecimal {
				t.Errorf("got  %s\nwant %s", got, testvectors.File(t, "jcs", "output/"+name+".json"))
			}
		})
	}
}

// TestNumbers are the samples of RFC 8785, Appendix B, that are finite, and what
// else decides on a form.
func TestNumbers(t *testing.T) {
	for in, want := range map[string]string{
		"0": "0", "-0": "0", "-0.0": "0", "0e9": "0", "0.0E-400": "0",
		"5e-324": "5e-324", "-5e-324": "-5e-324",
		"1.7976931348623157e308": "1.7976931348623157e+308", "-1.7976931348623157e308": "-1.7976931348623157e+308",
		"9007199254740992": "9007199254740992", "-9007199254740992": "-9007199254740992",
		"9007199254740991": "9007199254740991", "295147905179352830000": "295147905179352830000",
		"9.999999999999997e22": "9.999999999999997e+22", "1e23": "1e+23", "1.0000000000000001e23": "1.0000000000000001e+23",
		"999999999999999700000": "999999999999999700000", "999999999999999900000": "999999999999999900000",
		"1e21": "1e+21", "1e20": "100000000000000000000",
		"9.999999999999997e-7": "9.999999999999997e-7", "0.000001": "0.000001", "1e-7": "1e-7",
		"333333333.3333332": "333333333.3333332", "333333333.33333325": "333333333.33333325", "333333333.33333343": "333333333.33333343",
		"-0.0000033333333333333333": "-0.0000033333333333333333", "1424953923781206.2": "1424953923781206.2",
		"1.50": "1.5", "123456789012345": "123456789012345", "-1E+2": "-100",
	} {
		got, err := ours.Transform([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v; want %s", in, got, err, want)
		}
	}
}

// TestRefused: what two readers could understand differently has no canonical form.
func TestRefused(t *testing.T) {
	deep := strings.Repeat("[", ours.MaxDepth+1) + strings.Repeat("]", ours.MaxDepth+1)
	wide := "{"
	for i := range 20 {
		wide += fmt.Sprintf(`"m%d":0,`, i)
	}
	for name, in := range map[string]string{
		"nothing":                      "",
		"trailing":                     `{} {}`,
		"trailing comma":               `{"a":1,}`,
		"trailing comma in array":      `[1,]`,
		"no comma":                     `[1 2]`,
		"no colon":                     `{"a" 1}`,
		"name not a string":            `{a:1}`,
		"unclosed":                     `{"a":1`,
		"unclosed string":              `"a`,
		"ends in an escape":            `"a\`,
		"byte order mark":              "\ufeff{}",
		"name twice":                   `{"a":1,"a":1}`,
		"name twice, once escaped":     `{"a":1,"\u0061":2}`,
		"name twice in a wide object":  wide + `"m3":1}`,
		"name twice after the map":     wide + `"x":1,"x":1}`,
		"deep":                         deep,
		"lone high surrogate":          `"\ud800"`,
		"high surrogate, then no low":  `"\ud800\u0041"`,
		"lone low surrogate":           `"\udc00"`,
		"two low surrogates":           `"\udc00\udc00"`,
		"short escape":                 `"\u12"`,
		"escape with a sign":           `"\u+123"`,
		"unknown escape":               `"\x41"`,
		"noncharacter":                 "\"\ufffe\"",
		"noncharacter, escaped":        `"\ufdd0"`,
		"noncharacter, surrogate pair": `"\ud83f\udfff"`,
		"not UTF-8":                    "\"\xff\"",
		"surrogate in UTF-8":           "\"\xed\xa0\x80\"",
		"not UTF-8, with an escape":    "\"\\n\xff\"",
		"control character":            "\"\x01\"",
		"control character in escaped": "\"\\n\x01\"",
		"leading zero":                 "01",
		"minus only":                   "-",
		"no fraction":                  "1.",
		"no exponent":                  "1e",
		"plus":                         "+1",
		"hexadecimal":                  "0x10",
		"not a number":                 "NaN",
		"infinite":                     "1e309",
		"too small":                    "1e-400",
		"whole number loses its digit": "9007199254740993",
		"other digits than the double": "1000000000000000000001",
		"word":                         "nul",
		"other space":                  "\u00a0{}",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ours.Transform([]byte(in))
			if !errors.Is(err, ours.ErrSyntax) || got != nil {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

func TestCanonicalStrings(t *testing.T) {
	for in, want := range map[string]string{
		`"\u0000\u001f\b\t\n\u000b\f\r"`:                 `"\u0000\u001f\b\t\n\u000b\f\r"`,
		`"\u00e9\/\u0022\\\u007F"`:                       "\"é/\\\"\\\\\u007f\"",
		`"\ud83d\ude00"`:                                 `"😀"`,
		`{"\u20ac":1,"\ud83d\ude00":2,"\ufb33":3,"a":4}`: `{"a":4,"€":1,"😀":2,"` + "\ufb33" + `":3}`, // RFC 8785, Section 3.2.3
		`{ "b" : [ ] , "a" : { } }`:                      `{"a":{},"b":[]}`,
	} {
		got, err := ours.Transform([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v; want %s", in, got, err, want)
		}
	}
}

func TestValue(t *testing.T) {
	src := []byte(`{"a": {"n": 1}, "b": ["x", {"n": null, "a": true}], "n": "\u0041"}`)
	v, err := ours.Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	clear(src) // the value does not hang on the caller's bytes
	if text, ok := v.Member("n").Text(); !ok || text != "A" {
		t.Errorf("n is %q", text)
	}
	if _, ok := v.Member("a").Text(); ok {
		t.Error("an object is a text")
	}
	if got := v.Member("b").Raw(); got != `["x", {"n": null, "a": true}]` {
		t.Errorf("raw %s", got)
	}
	if from, to := v.Member("a").Span(); from != 6 || to != 14 || v.Member("a").NameAt() != 1 {
		t.Errorf("a at %d to %d", from, to)
	}
	var kinds []ours.Kind
	for e := range v.Member("b").Elements() {
		kinds = append(kinds, e.Kind())
	}
	if !slices.Equal(kinds, []ours.Kind{ours.String, ours.Object}) {
		t.Errorf("kinds %v", kinds)
	}
	if m := v.Member("c"); m.Kind() != ours.None || m.Raw() != "" || m.Member("x").Kind() != ours.None {
		t.Error("a member that is not there is something")
	}
	got := v.AppendObject(nil, ours.Member{Name: "b"}, ours.Member{Name: "a", Value: v.Member("n")}, ours.Member{Name: "z", Value: v.Member("a")})
	if string(got) != `{"a":"A","n":"A","z":{"n":1}}` {
		t.Errorf("with other members: %s", got)
	}
}

// TestReader: memory that is used again holds nothing of what was read before.
func TestReader(t *testing.T) {
	var r ours.Reader
	for _, size := range []int{1, 3, 20000, 2} {
		text := `{"\u0061":["` + strings.Repeat(`\u0062",1e1,"`, size) + `c"]}`
		for range 2 {
			v, err := r.Read([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			want, err := ours.Transform([]byte(text))
			if err != nil || string(v.AppendCanonical(nil)) != string(want) {
				t.Fatalf("read again it is another: %v", err)
			}
		}
		if v, err := r.Read([]byte(`{"a":1,"a":1}`)); err == nil || v.Kind() != ours.None {
			t.Error("an error with a result")
		}
	}
	v, err := r.Read([]byte(`{"a":"\u0062"}`))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := v.Member("a").Text()
	r.Forget()
	if _, err := r.Read([]byte(`{"x":"\u0079"}`)); err != nil || b != "b" {
		t.Errorf("a text that was taken became %q, %v", b, err)
	}
}

// FuzzAgainstPeer compares with another implementation: what both take must be
// equal, and what we take is stable. We refuse more than it does.
func FuzzAgainstPeer(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join(os.Getenv("ZEGEL_VECTORS"), "jcs/input/*.json"))
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil {
			f.Add(b)
		}
	}
	for _, s := range []string{`{"b":1e2,"a":[0.5,-0,1e-7]}`, `"\ud83d\ude00"`, `[9007199254740993]`, `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := ours.Transform(in)
		if err != nil {
			if got != nil || !errors.Is(err, ours.ErrSyntax) {
				t.Fatalf("%s, %v", got, err)
			}
			return
		}
		again, err := ours.Transform(got)
		if err != nil || !bytes.Equal(got, again) {
			t.Errorf("%s becomes %s, %v", got, again, err)
		}
		if peerFault(in) {
			return
		}
		want, err := jcs.Transform(in)
		if err != nil {
			t.Errorf("the peer refuses %q: %v", in, err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("got %s, the peer has %s", got, want)
		}
	})
}

// peerFault: gowebpki/jcs 1.0.1 takes objects and arrays only, and has no depth
// to speak of.
func peerFault(in []byte) bool {
	in = bytes.TrimLeft(in, " \t\r\n")
	return len(in) == 0 || in[0] != '{' && in[0] != '['
}
