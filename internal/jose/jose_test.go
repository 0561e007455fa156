package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/lestrrat-go/jwx/v2/jws"
)

func TestUnmarshalStrict(t *testing.T) {
	for name, in := range map[string]string{
		"duplicate member":   `{"a":1,"a":2}`,
		"nested duplicate":   `{"x":{"a":1,"a":2}}`,
		"trailing data":      `{"a":1}{}`,
		"invalid UTF-8":      "{\"a\":\"\xff\"}",
		"lone surrogate":     `{"a":"\ud800"}`,
		"too deep":           strings.Repeat("[", 65) + strings.Repeat("]", 65),
		"empty":              ``,
		"wrong type":         `{"n":"secret-value"}`,
		"single quotes":      `{'a':1}`,
		"number as NaN":      `{"n":NaN}`,
		"unclosed structure": `{"a":[1,2}`,
	} {
		var v struct {
			A any `json:"a"`
			N int `json:"n"`
		}
		var target any = &v
		if strings.HasPrefix(in, "[") {
			target = new(any)
		}
		err := Unmarshal([]byte(in), target)
		if !errors.Is(err, ErrJSON) {
			t.Errorf("%s: got %v, want ErrJSON", name, err)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error repeats a value: %v", name, err)
		}
	}
	var v struct {
		Name string `json:"name"`
	}
	if err := Unmarshal([]byte(`{"NAME":"x"}`), &v); err != nil || v.Name != "" {
		t.Errorf("names must match exactly, got %q, %v", v.Name, err)
	}
	if err := UnmarshalClosed([]byte(`{"name":"x","other":1}`), &v); !errors.Is(err, ErrJSON) {
		t.Errorf("unknown member: %v", err)
	}
}

func TestDecodeStrict(t *testing.T) {
	for _, in := range []string{"QQ==", "QR", "Q Q", "QQ\n", "+/8", "Q", "QUI=", "Ä"} {
		if _, err := Decode(in); !errors.Is(err, ErrBase64) {
			t.Errorf("Decode(%q) = %v, want ErrBase64", in, err)
		}
	}
	if b, err := Decode("QQ"); err != nil || string(b) != "A" {
		t.Errorf("Decode(QQ) = %q, %v", b, err)
	}
}

func keys(t testing.TB) map[Alg]crypto.Signer {
	t.Helper()
	out := map[Alg]crypto.Signer{}
	for a, c := range map[Alg]elliptic.Curve{ES256: elliptic.P256(), ES384: elliptic.P384(), ES512: elliptic.P521()} {
		k, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out[a] = k
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	out[EdDSA] = ed
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	out[PS256], out[RS256] = r, r
	return out
}

// Tokens made here verify in jwx and the other way round, for every algorithm.
func TestJWSAgainstJWX(t *testing.T) {
	for a, key := range keys(t) {
		t.Run(string(a), func(t *testing.T) {
			payload := []byte(`{"sub":"x"}`)
			use := Use{Typ: "test+jwt", Algs: []Alg{a}}
			ours, err := SignCompact(key, map[string]any{"alg": a, "typ": "test+jwt"}, payload)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := jws.Verify([]byte(ours), jws.WithKey(jwa.SignatureAlgorithm(a), key.Public())); err != nil {
				t.Errorf("jwx refuses ours: %v", err)
			}
			h := jws.NewHeaders()
			_ = h.Set("typ", "test+jwt")
			theirs, err := jws.Sign(payload, jws.WithKey(jwa.SignatureAlgorithm(a), key, jws.WithProtectedHeaders(h)))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{ours, string(theirs)} {
				tok, err := use.Open(text, func(Header) (crypto.PublicKey, error) { return key.Public(), nil })
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(tok.Payload, payload) {
					t.Errorf("payload %q", tok.Payload)
				}
				broken := text[:len(text)-8] + "AAAAAAAA"
				if _, err := use.Open(broken, func(Header) (crypto.PublicKey, error) { return key.Public(), nil }); err == nil {
					t.Error("a broken signature verified")
				}
			}
		})
	}
}

func TestUseRefuses(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	use := Use{Typ: "kb+jwt", Algs: []Alg{ES256}}
	sign := func(signer crypto.Signer, header map[string]any) string {
		text, err := SignCompact(signer, header, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	none := Encode([]byte(`{"alg":"none","typ":"kb+jwt"}`)) + "." + Encode([]byte(`{}`)) + "."
	hs := Encode([]byte(`{"alg":"HS256","typ":"kb+jwt"}`)) + "." + Encode([]byte(`{}`)) + "." + Encode(make([]byte, 32))
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"other typ":         {sign(key, map[string]any{"alg": "ES256", "typ": "dpop+jwt"}), ErrTyp},
		"no typ":            {sign(key, map[string]any{"alg": "ES256"}), ErrTyp},
		"typ in upper case": {sign(key, map[string]any{"alg": "ES256", "typ": "KB+JWT"}), ErrTyp},
		"none":              {none, ErrAlg},
		"HMAC":              {hs, ErrAlg},
		"alg off the list":  {sign(other, map[string]any{"alg": "ES384", "typ": "kb+jwt"}), ErrAlg},
		"crit":              {sign(key, map[string]any{"alg": "ES256", "typ": "kb+jwt", "crit": []string{"exp"}}), ErrCrit},
		"empty crit":        {sign(key, map[string]any{"alg": "ES256", "typ": "kb+jwt", "crit": []string{}}), ErrCrit},
		"b64":               {sign(key, map[string]any{"alg": "ES256", "typ": "kb+jwt", "b64": false}), ErrCrit},
		"four parts":        {sign(key, map[string]any{"alg": "ES256", "typ": "kb+jwt"}) + ".x", ErrToken},
		"empty":             {"", ErrToken},
	} {
		if _, err := use.Open(c.token, func(Header) (crypto.PublicKey, error) { return key.Public(), nil }); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	// The key decides, not the token: an ES256 token never verifies with a P-384 key.
	good := sign(key, map[string]any{"alg": "ES256", "typ": "kb+jwt"})
	if _, err := use.Open(good, func(Header) (crypto.PublicKey, error) { return other.Public(), nil }); !errors.Is(err, ErrKey) {
		t.Errorf("key of another curve: %v", err)
	}
}

// One of several keys is enough, whichever; none that is not among them, and the use is
// checked all the same.
func TestOpenAny(t *testing.T) {
	first, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	second, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	third, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	use := Use{Typ: "kb+jwt", Algs: []Alg{ES256, ES384}}
	both := []crypto.PublicKey{first.Public(), second.Public()}
	for name, c := range map[string]struct {
		signer crypto.Signer
		alg    Alg
		typ    string
		keys   []crypto.PublicKey
		holds  bool
	}{
		"the first":        {first, ES256, "kb+jwt", both, true},
		"the second":       {second, ES384, "kb+jwt", both, true},
		"a third":          {third, ES256, "kb+jwt", both, false},
		"no key":           {first, ES256, "kb+jwt", nil, false},
		"a nil key":        {first, ES256, "kb+jwt", []crypto.PublicKey{nil}, false},
		"of another kind":  {first, ES256, "dpop+jwt", both, false},
		"the first, alone": {second, ES384, "kb+jwt", both[:1], false},
	} {
		text, err := SignCompact(c.signer, map[string]any{"alg": c.alg, "typ": c.typ}, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if tok, err := use.OpenAny(text, c.keys...); (err == nil) != c.holds || (tok != nil) != c.holds {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignatureRange(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	zero, max := make([]byte, 64), bytes.Repeat([]byte{0xff}, 64)
	for name, sig := range map[string][]byte{"zero": zero, "max": max, "short": zero[:63], "long": append(max, 1), "empty": nil} {
		if err := VerifySignature(key.Public(), ES256, []byte("x"), sig); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// DER where r||s belongs (RFC 7518, Section 3.4).
	der, _ := key.Sign(nil, digest(crypto.SHA256, []byte("x")), crypto.SHA256)
	if err := VerifySignature(key.Public(), ES256, []byte("x"), der); !errors.Is(err, ErrSignature) {
		t.Errorf("DER signature: %v", err)
	}
}

// An Ed25519 signature has 64 bytes, a key 32, and S lies below the order of
// the group, so that no second form of a signature passes (RFC 8032, Section
// 5.1.7; RFC 8037, Section 2).
func TestEd25519Forms(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("x")
	good := ed25519.Sign(key, message)
	if err := VerifySignature(pub, EdDSA, message, good); err != nil {
		t.Fatal(err)
	}
	// S + L is the same number modulo L.
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	swapped := slices.Clone(good[32:])
	slices.Reverse(swapped)
	more := new(big.Int).Add(new(big.Int).SetBytes(swapped), order).FillBytes(make([]byte, 32))
	slices.Reverse(more)
	for name, sig := range map[string][]byte{
		"short": good[:63], "long": append(slices.Clone(good), 0), "empty": nil, "S beyond the order": slices.Concat(good[:32], more), "zero": make([]byte, 64),
	} {
		if err := VerifySignature(pub, EdDSA, message, sig); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, k := range map[string]ed25519.PublicKey{"short key": pub[:31], "long key": append(slices.Clone(pub), 0)} {
		if err := VerifySignature(k, EdDSA, message, good); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}

func TestJWK(t *testing.T) {
	for a, key := range keys(t) {
		k, err := PublicJWK(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		pub, err := k.Key()
		if err != nil || !pub.(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
			t.Errorf("%s: public key changed on the way: %v", a, err)
		}
		if a == PS256 || a == RS256 {
			continue
		}
		p, err := PrivateJWK(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Key(); !errors.Is(err, ErrJWK) {
			t.Errorf("%s: a private JWK passed as a public one: %v", a, err)
		}
		back, err := p.Private()
		if err != nil || !back.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(key.Public()) {
			t.Errorf("%s: private key changed on the way: %v", a, err)
		}
	}
	// RFC 7638, Section 3.1 has an RSA example; RFC 8037, Appendix A.3 an Ed25519 one.
	ed := JWK{Kty: "OKP", Crv: "Ed25519", X: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
	if got := ed.Thumbprint(); got != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("thumbprint %s", got)
	}
	for name, k := range map[string]string{
		"off curve":     `{"kty":"EC","crv":"P-256","x":"` + Encode(make([]byte, 32)) + `","y":"` + Encode(make([]byte, 32)) + `"}`,
		"short x":       `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`,
		"unknown curve": `{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"}`,
		"symmetric":     `{"kty":"oct","k":"AA"}`,
		"private":       `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"AA"}`,
		"small RSA":     `{"kty":"RSA","n":"` + Encode(bytes.Repeat([]byte{0xff}, 128)) + `","e":"AQAB"}`,
	} {
		if _, _, err := ParseJWK([]byte(k)); !errors.Is(err, ErrJWK) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJWE(t *testing.T) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	to, _ := PublicJWK(key.Public())
	to.Kid, to.Alg = "k1", "ECDH-ES"
	for _, enc := range []string{A128GCM, A256GCM} {
		text, err := EncryptCompact([]byte("hello"), to, enc)
		if err != nil {
			t.Fatal(err)
		}
		out, h, err := DecryptCompact(text, key, A128GCM, A256GCM)
		if err != nil || string(out) != "hello" || h.Kid != "k1" || h.Enc != enc {
			t.Errorf("%s: %q %+v %v", enc, out, h, err)
		}
		if _, _, err := DecryptCompact(text, key); !errors.Is(err, ErrJWE) {
			t.Errorf("enc off the list: %v", err)
		}
		other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if _, _, err := DecryptCompact(text, other, enc); !errors.Is(err, ErrJWE) {
			t.Errorf("other key: %v", err)
		}
	}
	bomb, err := jwe.Encrypt(make([]byte, 1<<20), jwe.WithKey(jwa.ECDH_ES, &key.PublicKey),
		jwe.WithContentEncryption(jwa.A256GCM), jwe.WithCompress(jwa.Deflate))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := DecryptCompact(string(bomb), key, A256GCM); !errors.Is(err, ErrJWE) {
		t.Errorf("compressed message: %v", err)
	}
	if _, err := EncryptCompact(nil, JWK{Kty: "EC", Alg: "none"}, A256GCM); !errors.Is(err, ErrJWE) {
		t.Errorf("recipient without alg: %v", err)
	}
}

func TestNumericDate(t *testing.T) {
	var v struct {
		D NumericDate `json:"d"`
	}
	if err := Unmarshal([]byte(`{"d":1700000000.9}`), &v); err != nil || v.D != 1700000000 {
		t.Errorf("%v %v", v.D, err)
	}
	for _, in := range []string{`{"d":"1700000000"}`, `{"d":true}`, `{"d":1e99}`, `{"d":1.7e9}`, `{"d":2.5E9}`, `{"d":17.0e+8}`, `{"d":{}}`} {
		if err := Unmarshal([]byte(in), &v); !errors.Is(err, ErrJSON) {
			t.Errorf("%s: %v", in, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	good, _ := SignCompact(key, map[string]any{"alg": "ES256", "typ": "t"}, []byte(`{"a":1}`))
	f.Add(good)
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		tok, err := Parse(text)
		if err != nil {
			if tok != nil {
				t.Fatal("a failed parse returned a token")
			}
			return
		}
		if text != good && tok.Header.Alg == ES256 && tok.Verify(&key.PublicKey) == nil {
			t.Fatal("another text verified")
		}
		_, _ = tok.Header.Certificates()
	})
}

func FuzzParseJWK(f *testing.F) {
	f.Add([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, pub, err := ParseJWK(b)
		if err != nil {
			return
		}
		if _, err := AlgFor(pub); err != nil {
			t.Fatalf("accepted a key without algorithm: %v", err)
		}
		if k.Thumbprint() == "" {
			t.Fatal("no thumbprint")
		}
	})
}

// A token proves itself once to each question, and never more than it proved.
func TestVerifyOnce(t *testing.T) {
	all := keys(t)
	key := all[ES256]
	text, err := SignCompact(key, map[string]any{"alg": "ES256", "typ": "x"}, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tok, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name string, pub crypto.PublicKey) {
		t.Helper()
		if err := tok.Verify(pub); err == nil {
			t.Errorf("%s verified", name)
		}
	}
	refused("another key, before", other.Public())
	refused("another key, again", other.Public())
	if err := tok.Verify(key.Public()); err != nil {
		t.Fatal(err)
	}
	refused("another key, after", other.Public())
	refused("a key of another kind", all[EdDSA].Public())
	refused("no key", nil)
	copied := *key.Public().(*ecdsa.PublicKey)
	signed := tok.input
	tok.input = nil // nothing verifies over this: what passes was not computed anew
	if err := tok.Verify(&copied); err != nil {
		t.Errorf("an equal key, again: %v", err)
	}
	refused("another key over nothing", other.Public())
	tok.input = signed
	tok.Header.Alg = ES384
	refused("another algorithm", key.Public())
	tok.Header.Alg = ES256
	tok.Signature[5] ^= 1
	refused("a changed signature", key.Public())
	tok.Signature[5] ^= 1
	tok.Signature = append(tok.Signature, 0)
	refused("a longer signature", key.Public())
	if string(tok.Payload) != `{}` {
		t.Error("the parts of a token run into each other")
	}
}

func TestSignDigest(t *testing.T) {
	input := []byte("input")
	for a, key := range keys(t) {
		sig, err := SignDigest(key, a, digest(max(a.Hash(), crypto.SHA256), input))
		if a == EdDSA {
			if !errors.Is(err, ErrAlg) {
				t.Errorf("EdDSA over a digest: %v", err)
			}
			continue
		}
		if err != nil || VerifySignature(key.Public(), a, input, sig) != nil {
			t.Errorf("%s: %v", a, err)
		}
		if _, err := SignDigest(key, a, make([]byte, 20)); !errors.Is(err, ErrAlg) {
			t.Errorf("%s over 20 octets: %v", a, err)
		}
		if _, err := SignDigest(key, "none", make([]byte, 32)); !errors.Is(err, ErrAlg) {
			t.Errorf("none: %v", err)
		}
		wrong := ES384
		if a == ES384 {
			wrong = ES512
		}
		if _, err := SignDigest(key, wrong, make([]byte, wrong.Hash().Size())); !errors.Is(err, ErrKey) {
			t.Errorf("%s with a key of %s: %v", wrong, a, err)
		}
	}
}

// Depth is counted outside of strings, whatever is escaped in them.
func TestDepth(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth+1)
	for text, ok := range map[string]bool{
		`"` + deep + `"`: true, `"\"` + deep + `"`: true, `"\\"` + deep: false, `"\\\"` + deep + `"`: true,
		`["` + deep + `","\"",1]`: true, `"a\"b\"c"` + deep: false, `"` + deep: true, `"\`: true, `"a\"`: true,
	} {
		if err := depth([]byte(text)); (err == nil) != ok {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}
