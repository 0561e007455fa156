package unit

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/zegel-id/zegel/internal/jose"
)

// RFC 3394, Section 4.6: 256 bits of key data with a 256-bit KEK.
func TestKeyWrapVector(t *testing.T) {
	un := func(s string) []byte { b, _ := hex.DecodeString(s); return b }
	kek := un("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F")
	key := un("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
	want := un("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21")
	got, err := wrapKey(kek, key)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%X %v", got, err)
	}
	back, err := unwrapKey(kek, got)
	if err != nil || !bytes.Equal(back, key) {
		t.Fatalf("%X %v", back, err)
	}
	for i := range got {
		broken := append([]byte{}, got...)
		broken[i] ^= 1
		if _, err := unwrapKey(kek, broken); err == nil {
			t.Fatalf("octet %d changed and the key unwrapped", i)
		}
	}
}

func TestEnvelope(t *testing.T) {
	key, _ := ecdh.P256().GenerateKey(rand.Reader)
	other, _ := ecdh.P256().GenerateKey(rand.Reader)
	const resource = "https://pod.example/1/credentials/2"
	e, err := SealEnvelope(rand.Reader, key.PublicKey(), resource, []byte("a diploma"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := OpenEnvelope(key, resource, e)
	if err != nil || string(out) != "a diploma" {
		t.Fatalf("%q %v", out, err)
	}
	if _, err := OpenEnvelope(other, resource, e); !errors.Is(err, ErrEnvelope) {
		t.Errorf("another key: %v", err)
	}
	if _, err := OpenEnvelope(key, resource+"x", e); !errors.Is(err, ErrEnvelope) {
		t.Errorf("moved to another resource: %v", err)
	}
	moved := bytes.Replace(e, []byte(jose.Encode([]byte(resource))), []byte(jose.Encode([]byte(resource+"x"))), 1)
	if _, err := OpenEnvelope(key, resource+"x", moved); !errors.Is(err, ErrEnvelope) {
		t.Errorf("moved with its aad rewritten: %v", err)
	}
	if _, err := OpenEnvelope(key, resource, []byte(`{"jwe":{},"plain":"x"}`)); !errors.Is(err, ErrEnvelope) {
		t.Errorf("unknown members: %v", err)
	}
}

// An independent implementation opens our envelopes.
func TestEnvelopeOpensInJWX(t *testing.T) {
	key, _ := ecdh.P256().GenerateKey(rand.Reader)
	e, err := SealEnvelope(rand.Reader, key.PublicKey(), "https://pod.example/1/2", []byte("a diploma"))
	if err != nil {
		t.Fatal(err)
	}
	var wrapped struct {
		JWE jsontext.Value `json:"jwe"`
	}
	if err := jose.Unmarshal(e, &wrapped); err != nil {
		t.Fatal(err)
	}
	priv, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), key.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	// jwx v2 reads the flattened form only with alg in "header", which RFC
	// 7516, Section 7.2.2 makes optional.
	text := bytes.Replace(wrapped.JWE, []byte("{"), []byte(`{"header":{"alg":"ECDH-ES+A256KW"},`), 1)
	out, err := jwe.Decrypt(text, jwe.WithKey(jwa.ECDH_ES_A256KW, priv))
	if err != nil || string(out) != "a diploma" {
		t.Fatalf("%q %v", out, err)
	}
}

func TestKeystore(t *testing.T) {
	keys, err := NewKeys(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	code, _ := NewRecoveryCode(rand.Reader)
	wrong, _ := NewRecoveryCode(rand.Reader)
	ks, err := keys.Lock(rand.Reader, code)
	if err != nil {
		t.Fatal(err)
	}
	text, err := ks.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string][]byte{"vault key": keys.Vault.Bytes(), "master key": keys.master[:], "code": code.b[:]} {
		if bytes.Contains(text, []byte(jose.Encode(secret))) {
			t.Errorf("the keystore shows the %s", name)
		}
	}
	back, err := ParseKeystore(text)
	if err != nil {
		t.Fatal(err)
	}
	open, err := back.Unlock(code)
	if err != nil || !open.Vault.Equal(keys.Vault) || !open.DID.Equal(keys.DID) {
		t.Fatalf("the keys changed on the way: %v", err)
	}
	if _, err := back.Unlock(wrong); !errors.Is(err, ErrLocked) {
		t.Errorf("wrong code: %v", err)
	}
	prf := bytes.Repeat([]byte{7}, 32)
	if err := back.AddSlot(rand.Reader, open, SlotPasskeyPRF, prf); err != nil {
		t.Fatal(err)
	}
	if _, err := back.Open(SlotPasskeyPRF, prf); err != nil {
		t.Errorf("second slot: %v", err)
	}
	if _, err := back.Open(SlotPasskeyPRF, prf[:16]); err == nil {
		t.Error("a short secret was accepted")
	}
	back.Keys = back.Keys[:len(back.Keys)-4] + "AAAA"
	if _, err := back.Unlock(code); !errors.Is(err, ErrKeystore) {
		t.Errorf("changed keystore: %v", err)
	}
}

func TestRecoveryCode(t *testing.T) {
	c, _ := NewRecoveryCode(rand.Reader)
	text := c.Reveal()
	for _, spelling := range []string{text, strings.ToLower(text), strings.ReplaceAll(text, "-", " "), strings.ReplaceAll(text, "0", "O")} {
		got, err := ParseRecoveryCode(spelling)
		if err != nil || got != c {
			t.Errorf("%v", err)
		}
	}
	swapped := []byte(text)
	swapped[0], swapped[1] = swapped[1], swapped[0]
	if swapped[0] != swapped[1] {
		if _, err := ParseRecoveryCode(string(swapped)); !errors.Is(err, ErrRecoveryCode) {
			t.Errorf("mistyped: %v", err)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(s, text[:9]) {
		t.Error("the code was printed")
	}
}

func FuzzOpenEnvelope(f *testing.F) {
	key, _ := ecdh.P256().GenerateKey(rand.Reader)
	e, _ := SealEnvelope(rand.Reader, key.PublicKey(), "r", []byte("x"))
	f.Add(e)
	f.Add([]byte(`{"jwe":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out, err := OpenEnvelope(key, "r", b); err == nil && string(out) != "x" {
			t.Fatal("something else opened")
		}
	})
}

func FuzzParseKeystore(f *testing.F) {
	f.Add([]byte(`{"version":1,"slots":[{"id":"","kind":"recovery-code","salt":"","wrapped":""}],"iv":"","keys":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ks, err := ParseKeystore(b); err == nil {
			if _, err := ks.Unlock(RecoveryCode{}); err == nil {
				t.Fatal("opened without the secret")
			}
		}
	})
}
