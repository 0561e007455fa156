package jose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
)

func FuzzDecryptCompact(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	jwk, err := PublicJWK(&key.PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	jwk.Alg, jwk.Kid = "ECDH-ES", "k"
	good, err := EncryptCompact([]byte(`{"a":1}`), jwk, A256GCM)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	parts := strings.Split(good, ".")
	for _, header := range []string{
		`{"alg":"ECDH-ES","enc":"A256GCM"}`, `{"alg":"dir","enc":"A256GCM"}`, `{"alg":"RSA1_5","enc":"A128CBC-HS256"}`, `{"alg":"ECDH-ES","enc":"A256GCM","zip":"DEF"}`,
		`{"alg":"ECDH-ES","enc":"A256GCM","crit":["x"],"epk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}`, `{"alg":"PBES2-HS256+A128KW","p2c":2147483647,"p2s":"AAAA","enc":"A256GCM"}`, `[]`,
	} {
		f.Add(Encode([]byte(header)) + "." + strings.Join(parts[1:], "."))
	}
	f.Add("....")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseJWEHeader(text)
		plain, h2, errD := DecryptCompact(text, key, A128GCM, A256GCM)
		if errD != nil {
			if plain != nil {
				t.Fatal("a failed decryption returned a plaintext")
			}
			return
		}
		if text != good || string(plain) != `{"a":1}` {
			t.Fatalf("another text was opened: %q", text)
		}
		if err != nil || h.Kid != "k" || h2.Kid != h.Kid {
			t.Fatalf("%+v, %+v, %v", h, h2, err)
		}
	})
}

// The strict reader accepts nothing that the standard library refuses, and
// finds the same in it.
func FuzzUnmarshal(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":[true,null,"x"]}`, `{"a":1,"a":2}`, `{"a":1,"A":2}`, `{"a":1}{}`, `{"a":"` + "\xff" + `"}`, `{"a":"\ud800"}`, `[1e400]`, `{"a":1,}`, ` {"a":1} `, `nul`, `"\u0000"`, ``,
		strings.Repeat("[", 70) + strings.Repeat("]", 70),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var got any
		if err := Unmarshal(b, &got); err != nil {
			return
		}
		var want any
		if err := json.Unmarshal(b, &want); err != nil {
			t.Fatalf("%q was accepted, the standard library says %v", b, err)
		}
		a, errA := json.Marshal(got)
		w, errW := json.Marshal(want)
		if errA != nil || errW != nil || string(a) != string(w) {
			t.Fatalf("%q was read as %s, the standard library reads %s", b, a, w)
		}
	})
}
