package podtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/lestrrat-go/jwx/v2/jwk"

	"github.com/zegel-id/zegel/internal/jose"
)

// Key is a vault key for tests.
type Key struct{ private jwk.Key }

// NewKey makes a P-256 key.
func NewKey(t testing.TB) Key {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := jwk.FromRaw(k)
	if err != nil {
		t.Fatal(err)
	}
	return Key{private}
}

// Members of a JWE in flattened JSON serialization (RFC 7516, Section 7.2.2),
// open to change by tests.
type Members map[string]any

// Seal encrypts plaintext to the key for the resource: the members of its JWE.
// The key wrap is jwx's. The content encryption is done here, because jwx
// opens envelopes with an aad but makes none.
func (k Key) Seal(t testing.TB, resource string, plaintext []byte) Members {
	t.Helper()
	cek := make([]byte, 32)
	_, _ = rand.Read(cek)
	public, err := k.private.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	wrapped, err := jwe.EncryptStatic([]byte("-"), cek, jwe.WithKey(jwa.ECDH_ES_A256KW, public), jwe.WithContentEncryption(jwa.A256GCM), jwe.WithJSON())
	if err != nil {
		t.Fatal(err)
	}
	var m Members
	if err := json.Unmarshal(wrapped, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "header") // jwx repeats the protected header in it, against RFC 7516, Section 7.2.1
	block, err := aes.NewCipher(cek)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(iv)
	aad := jose.Encode([]byte(resource))
	sealed := gcm.Seal(nil, iv, plaintext, []byte(m["protected"].(string)+"."+aad))
	cut := len(sealed) - gcm.Overhead()
	m["aad"], m["iv"] = aad, jose.Encode(iv)
	m["ciphertext"], m["tag"] = jose.Encode(sealed[:cut]), jose.Encode(sealed[cut:])
	return m
}

// Envelope is the JSON that goes into a pod.
func (m Members) Envelope(t testing.TB) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"jwe": m})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Open decrypts an envelope with jwx, which looks for the algorithm and the
// ephemeral key in the recipient's header only.
func (k Key) Open(t testing.TB, envelope []byte) []byte {
	t.Helper()
	var e struct {
		JWE Members `json:"jwe"`
	}
	if err := json.Unmarshal(envelope, &e); err != nil {
		t.Fatal(err)
	}
	text, _ := e.JWE["protected"].(string)
	head, err := jose.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	e.JWE["header"] = json.RawMessage(head)
	b, err := json.Marshal(e.JWE)
	if err != nil {
		t.Fatal(err)
	}
	plaintext, err := jwe.Decrypt(b, jwe.WithKey(jwa.ECDH_ES_A256KW, k.private))
	if err != nil {
		t.Fatal(err)
	}
	return plaintext
}
