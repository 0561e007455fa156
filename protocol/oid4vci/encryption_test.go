package oid4vci

import (
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
)

// encrypting is metadata that offers everything, with its keys: the one it
// names and an older one.
func encrypting(t testing.TB) (CredentialIssuerMetadata, []DecryptionKey) {
	t.Helper()
	keys := []DecryptionKey{{Kid: "new", Key: newKey(t)}, {Kid: "old", Key: newKey(t)}}
	jwk, err := keys[0].Public()
	if err != nil {
		t.Fatal(err)
	}
	return CredentialIssuerMetadata{
		CredentialRequestEncryption:  &CredentialRequestEncryption{JWKS: JWKS{Keys: []jose.JWK{jwk}}, EncValuesSupported: ContentEncryption()},
		CredentialResponseEncryption: &CredentialResponseEncryption{AlgValuesSupported: []string{AlgECDHES}, EncValuesSupported: ContentEncryption()},
	}, keys
}

func TestEncryptedRequest(t *testing.T) {
	m, keys := encrypting(t)
	text, err := m.EncryptRequest(CredentialRequest{CredentialConfigurationID: "led"})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := jose.ParseJWEHeader(text); err != nil || h.Kid != "new" || h.Alg != AlgECDHES || h.Enc != jose.A256GCM {
		t.Errorf("%+v, %v", h, err)
	}
	plain, err := Decrypt([]byte(text), keys, ContentEncryption())
	if err != nil {
		t.Fatal(err)
	}
	if r, err := ParseCredentialRequest(plain); err != nil || r.CredentialConfigurationID != "led" || r.Encrypted {
		t.Errorf("%+v, %v", r, err)
	}
	// A wallet that read the metadata before a rotation.
	old, err := keys[1].Public()
	if err != nil {
		t.Fatal(err)
	}
	earlier, err := jose.EncryptCompact([]byte(`{}`), old, jose.A128GCM)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decrypt([]byte(earlier), keys, ContentEncryption()); err != nil {
		t.Errorf("an old key that is still accepted: %v", err)
	}
	old.Kid = ""
	anonymous, err := jose.EncryptCompact([]byte(`{}`), old, jose.A128GCM)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		keys []DecryptionKey
		encs []string
	}{
		"a key that was retired": {earlier, keys[:1], ContentEncryption()},
		"no kid":                 {anonymous, keys, ContentEncryption()},
		"the kid of another key": {text, []DecryptionKey{{Kid: "new", Key: keys[1].Key}}, ContentEncryption()},
		"an enc not offered":     {text, keys, []string{jose.A128GCM}},
		"changed":                {text[:len(text)-4] + "AAAA", keys, ContentEncryption()},
		"no JWE":                 {"a.b.c", keys, ContentEncryption()},
		"plain JSON":             {`{"credential_configuration_id":"led"}`, keys, ContentEncryption()},
		"too long":               {strings.Repeat("A", 2*MaxDocument+1), keys, ContentEncryption()},
	} {
		plain, err := Decrypt([]byte(c.text), c.keys, c.encs)
		if err == nil || plain != nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		wantField(t, err, "credential request", InvalidEncryptionParameters)
	}
}

// Compression is refused on both ways: what is not offered cannot be agreed.
func TestCompressionIsRefused(t *testing.T) {
	_, keys := encrypting(t)
	h := jose.Encode([]byte(`{"alg":"ECDH-ES","enc":"A256GCM","kid":"new","zip":"DEF"}`))
	_, err := Decrypt([]byte(h+"..AAAA.AAAA.AAAA"), keys, ContentEncryption())
	wantField(t, err, "credential request", InvalidEncryptionParameters)
	to, err := keys[0].Public()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (ResponseEncryption{JWK: to, Enc: jose.A256GCM, Zip: "DEF"}).Encrypt(CredentialResponse{}); err == nil {
		t.Error("a response was compressed")
	}
}

func TestEncryptedResponse(t *testing.T) {
	m, _ := encrypting(t)
	key, other := newKey(t), newKey(t)
	asked, err := m.NewResponseEncryption(&key.PublicKey, "w-1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := asked.Encrypt(CredentialResponse{TransactionID: "t", Interval: 5})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := jose.ParseJWEHeader(text); err != nil || h.Kid != "w-1" || h.Alg != asked.JWK.Alg {
		t.Errorf("kid is not echoed: %+v, %v", h, err)
	}
	plain, err := OpenResponse([]byte(text), key, *asked)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := ParseCredentialResponse(plain, 1); err != nil || !r.Deferred() || r.TransactionID != "t" {
		t.Errorf("%+v, %v", r.Interval, err)
	}
	weaker, renamed := *asked, *asked
	weaker.Enc, renamed.JWK.Kid = jose.A128GCM, "w-2"
	if _, err := OpenResponse([]byte(text), key, weaker); err == nil {
		t.Error("another enc than was asked for")
	}
	if _, err := OpenResponse([]byte(text), key, renamed); err == nil {
		t.Error("another kid than was asked for")
	}
	if _, err := OpenResponse([]byte(text), other, *asked); err == nil {
		t.Error("opened with another key")
	}
	if _, err := OpenResponse([]byte(`{"credentials":[]}`), key, *asked); err == nil {
		t.Error("a plain response to a request for an encrypted one")
	}
}

// A wallet finds nothing to encrypt with where nothing fits.
func TestNothingToEncryptWith(t *testing.T) {
	key := newKey(t)
	for name, change := range map[string]func(*CredentialIssuerMetadata){
		"not offered": func(m *CredentialIssuerMetadata) {
			m.CredentialRequestEncryption, m.CredentialResponseEncryption = nil, nil
		},
		"another alg": func(m *CredentialIssuerMetadata) {
			m.CredentialRequestEncryption.JWKS.Keys[0].Alg = "ECDH-ES+A256KW"
			m.CredentialResponseEncryption.AlgValuesSupported = []string{"ECDH-ES+A256KW"}
		},
		"another enc": func(m *CredentialIssuerMetadata) {
			m.CredentialRequestEncryption.EncValuesSupported = []string{"A256CBC-HS512"}
			m.CredentialResponseEncryption.EncValuesSupported = []string{"A256CBC-HS512"}
		},
	} {
		m, _ := encrypting(t)
		change(&m)
		if _, err := m.EncryptRequest(CredentialRequest{}); err == nil {
			t.Errorf("%s: a request was encrypted", name)
		}
		if _, err := m.NewResponseEncryption(&key.PublicKey, "w"); err == nil {
			t.Errorf("%s: a response was asked for", name)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	m, keys := encrypting(f)
	good, err := m.EncryptRequest(CredentialRequest{CredentialConfigurationID: "led"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("a.b.c.d.e")
	f.Fuzz(func(t *testing.T, text string) {
		plain, err := Decrypt([]byte(text), keys, ContentEncryption())
		if err != nil && plain != nil {
			t.Fatal("a message that cannot be opened came with its text")
		}
	})
}
