package jose

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
)

// Headers of an encrypted message that are refused before a key is used (RFC
// 7516, Section 4.1; OpenID4VP 1.0, Section 8.3). The rest of the message is
// one that opens.
func TestJWEHeaderRefused(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	to, err := PublicJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	to.Alg, to.Kid = "ECDH-ES", "k"
	good, err := EncryptCompact([]byte("hello"), to, A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(good, ".")
	header, err := Decode(head)
	if err != nil {
		t.Fatal(err)
	}
	member := func(from, to string) string {
		if !strings.Contains(string(header), from) {
			t.Fatalf("%s is not in %s", from, header)
		}
		return Encode([]byte(strings.Replace(string(header), from, to, 1))) + "." + rest
	}
	for name, c := range map[string]struct{ text, says string }{
		"alg dir":             {member(`"alg":"ECDH-ES"`, `"alg":"dir"`), "alg"},
		"alg with key wrap":   {member(`"alg":"ECDH-ES"`, `"alg":"ECDH-ES+A256KW"`), "alg"},
		"alg RSA1_5":          {member(`"alg":"ECDH-ES"`, `"alg":"RSA1_5"`), "alg"},
		"alg of a password":   {member(`"alg":"ECDH-ES"`, `"alg":"PBES2-HS256+A128KW","p2c":2147483647,"p2s":"AAAA"`), "alg"},
		"no alg":              {member(`"alg":"ECDH-ES"`, `"x":"ECDH-ES"`), "alg"},
		"enc off the list":    {member(`"enc":"A256GCM"`, `"enc":"A128CBC-HS256"`), "enc"},
		"no enc":              {member(`"enc":"A256GCM"`, `"x":"A256GCM"`), "enc"},
		"compressed":          {member(`"alg":`, `"zip":"DEF","alg":`), "compression"},
		"critical header":     {member(`"alg":`, `"crit":["x"],"x":1,"alg":`), "critical"},
		"empty critical":      {member(`"alg":`, `"crit":[],"alg":`), "critical"},
		"alg twice":           {member(`"alg":`, `"alg":"ECDH-ES","alg":`), "header"},
		"header with padding": {head + "=." + rest, "header"},
		"four parts":          {good[:strings.LastIndexByte(good, '.')], "five parts"},
		"six parts":           {good + ".x", "five parts"},
		"too long":            {good + strings.Repeat("A", MaxToken), "five parts"},
		"a JWS":               {"a.b.c", "five parts"},
	} {
		plain, _, err := DecryptCompact(c.text, key, A256GCM)
		if !errors.Is(err, ErrJWE) || plain != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
	if plain, _, err := DecryptCompact(good, key, A256GCM); err != nil || string(plain) != "hello" {
		t.Errorf("the good one: %q, %v", plain, err)
	}
}

// Chains in a header have an end (RFC 7515, Section 4.1.6).
func TestCertificatesRefused(t *testing.T) {
	for name, h := range map[string]Header{
		"none": {}, "empty": {X5C: []string{}}, "too many": {X5C: make([]string, MaxChain+1)}, "no certificate": {X5C: []string{"AAAA"}}, "base64url": {X5C: []string{"__-_"}}, "white space": {X5C: []string{" "}},
	} {
		if chain, err := h.Certificates(); err == nil || chain != nil {
			t.Errorf("%s: %v, %v", name, chain, err)
		}
	}
}

// A public key holds no member of a private or symmetric one, whichever it is
// (RFC 7518, Sections 6.2.2, 6.3.2 and 6.4.1), and an RSA key is of a size and
// exponent that signatures can be relied on.
func TestJWKMembersRefused(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := PublicJWK(ec.Public())
	if err != nil {
		t.Fatal(err)
	}
	text, err := Marshal(jwk)
	if err != nil {
		t.Fatal(err)
	}
	// The octets of a point, but parted elsewhere or with more behind them.
	x, errX := Decode(jwk.X)
	y, errY := Decode(jwk.Y)
	if errX != nil || errY != nil {
		t.Fatal(errX, errY)
	}
	for _, size := range []int{0, 31, 33, 64} {
		moved, both := jwk, slices.Concat(x, y)
		moved.X, moved.Y = Encode(both[:size]), Encode(both[size:])
		longer := jwk
		longer.Y = Encode(append(y[:len(y):len(y)], make([]byte, size+1)...))
		for _, k := range []JWK{moved, longer} {
			if pub, err := k.Key(); !errors.Is(err, ErrJWK) || pub != nil {
				t.Errorf("x of %d characters and y of %d: %v", len(k.X), len(k.Y), err)
			}
		}
	}
	modulus := func(bits int) string {
		n := bytes.Repeat([]byte{0xff}, bits/8)
		return Encode(n)
	}
	rsa := func(n, e string) string { return `{"kty":"RSA","n":"` + n + `","e":"` + e + `"}` }
	for name, k := range map[string]string{"EC": string(text), "RSA": rsa(modulus(2048), "AQAB")} {
		if _, _, err := ParseJWK([]byte(k)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			with := strings.TrimSuffix(k, "}") + `,"` + member + `":"AA"}`
			if _, pub, err := ParseJWK([]byte(with)); !errors.Is(err, ErrJWK) || pub != nil {
				t.Errorf("%s with %s: %v", name, member, err)
			}
		}
	}
	for name, k := range map[string]string{
		"1024 bits": rsa(modulus(1024), "AQAB"), "16384 bits": rsa(modulus(16384), "AQAB"), "leading zero": rsa(Encode(append([]byte{0}, bytes.Repeat([]byte{0xff}, 256)...)), "AQAB"), "no modulus": rsa("", "AQAB"),
		"exponent 1": rsa(modulus(2048), "AQ"), "exponent 2": rsa(modulus(2048), "Ag"), "even exponent": rsa(modulus(2048), "AQAA"), "no exponent": rsa(modulus(2048), ""), "exponent of 33 bits": rsa(modulus(2048), "AQAAAAE"), "exponent of 72 bits": rsa(modulus(2048), "AQAAAAAAAAAB"),
	} {
		if _, pub, err := ParseJWK([]byte(k)); !errors.Is(err, ErrJWK) || pub != nil {
			t.Errorf("RSA, %s: %v", name, err)
		}
	}
}
