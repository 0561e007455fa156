package jose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// plainSeeds are texts at the edges of the plain spelling, and whether they have it.
var plainSeeds = map[string]bool{
	`{"alg":"ES256"}`: true,
	`{"alg":"ES256","typ":"dc+sd-jwt","x5t#S256":"AA","x5c":["` + strings.Repeat("MIIB", 100) + `","AA"],"iat":1795439787}`: true,
	`{"alg":"ES256","crit":[]}`: true, `{"x5c":[",",","]}`: true, `{"":"","a":[""]}`: true, "{\"a\":\"\x7f\"}": true,
	`{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"1"}`: true,
	``: false, `{`: false, `{}`: false, `{"alg"`: false, `{"alg":`: false, `{"alg":"`: false, `{"alg":"ES256"`: false, `{"alg":"ES256"}}`: false,
	`{"alg":"ES256",}`: false, `{"alg":"ES256","alg":"none"}`: false, `{"a":"1","b":"2","a":"3"}`: false,
	` {"alg":"ES256"}`: false, `{"alg": "ES256"}`: false, `{"alg":"ES256"} `: false, `{"a\u006cg":"ES256"}`: false, `{"alg":"ES\u0032"}`: false,
	"{\"kid\":\"\xff\"}": false, "{\"kid\":\"\x1f1234567\"}": false, "{\"kid\":\"12345678\x00\"}": false, `{"kid":"12345é"}`: false, `{"kid":"1234567\"8"}`: false,
	`{"iat":0}`: false, `{"iat":01}`: false, `{"iat":-1}`: false, `{"iat":1.5}`: false, `{"iat":1e3}`: false, `{"iat":1234567890123456}`: false,
	`{"b64":false}`: false, `{"kid":null}`: false, `{"x5c":[1]}`: false, `{"x5c":["AA",]}`: false, `{"x5c":["AA"`: false, `{"x5c":[`: false, `{"x5c":[["AA"]]}`: false, `{"jwk":{"kty":"EC"}}`: false,
	`["alg"]`: false, `{"alg","ES256"}`: false, `{alg:"ES256"}`: false,
}

func TestPlain(t *testing.T) {
	for text, want := range plainSeeds {
		if got := Plain(text, func(string, string) bool { return true }); got != want {
			t.Errorf("%q: %t", text, got)
		}
		if got := Plain([]byte(text), func([]byte, []byte) bool { return true }); got != want {
			t.Errorf("%q as bytes: %t", text, got)
		}
	}
	if Plain(`{"alg":"ES256"}`, func(string, string) bool { return false }) {
		t.Error("a member that was declined is plain")
	}
	many := "{"
	for i := range maxPlain + 1 {
		many += fmt.Sprintf(`"%d":"",`, i)
	}
	if Plain(many[:len(many)-1]+"}", func(string, string) bool { return true }) {
		t.Error("more members than are compared")
	}
}

// Each octet at each place is found, whatever stands around it.
func TestPlainly(t *testing.T) {
	for _, around := range []byte{' ', '!', '#', '[', ']', 'A', 0x7f} {
		for size := range 20 {
			text := bytes.Repeat([]byte{around}, size)
			for i := range size {
				for c := range 256 {
					text[i] = byte(c)
					want := i
					if c >= ' ' && c < 0x80 && c != '"' && c != '\\' {
						want = size
					}
					if got := Plainly(text, 0); got != want {
						t.Fatalf("%q: %d, expected %d", text, got, want)
					}
					if got := Plainly(string(text), min(i+1, size)); got != size {
						t.Fatalf("%q after %d: %d", text, i, got)
					}
				}
				text[i] = around
			}
		}
	}
}

// A header and a key are the same, whichever way they are read.
func FuzzPlain(f *testing.F) {
	for text := range plainSeeds {
		f.Add([]byte(text))
	}
	for _, member := range []string{"alg", "typ", "cty", "kid", "jwk", "x5t#S256", "x5u", "x5c", "crit", "b64", "zip", "Alg", "kty", "x", "d", "k", "use"} {
		for _, value := range []string{`"AA"`, `["AA","AA"]`, `1`, `true`, `{}`} {
			f.Add([]byte(`{"` + member + `":` + value + `}`))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var anything map[string]any
		if Plain(b, func(_, _ []byte) bool { return true }) && (Unmarshal(b, &anything) != nil || json.Unmarshal(b, &anything) != nil) {
			t.Fatalf("%q is plain and not JSON", b)
		}
		var got, want Header
		err, general := got.read(b), Unmarshal(b, &want)
		if (err == nil) != (general == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q was read as %+v, %v, and is %+v, %v", b, got, err, want, general)
		}
		if k, ok := plainJWK(string(b)); ok {
			var want JWK
			if err := Unmarshal(b, &want); err != nil || k != want {
				t.Fatalf("%q was read as the key %+v and is %+v, %v", b, k, want, err)
			}
		}
	})
}
