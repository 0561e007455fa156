package api_test

import (
	"crypto/ecdsa"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

func (w *world) described() oid4vci.CredentialIssuerMetadata {
	w.Helper()
	a := w.send("GET", "/.well-known/openid-credential-issuer", nil, "")
	m, err := oid4vci.ParseCredentialIssuerMetadata(a.body, w.base, oid4vci.InsecureLoopback)
	if err != nil {
		w.Fatalf("metadata: %v", err)
	}
	return m
}

// encrypted sends an encrypted credential request.
func (w *world) encrypted(token, jwe string) answer {
	w.Helper()
	return w.send("POST", "/credential", map[string]string{"Authorization": "Bearer " + token, "Content-Type": oid4vci.MediaTypeJWT}, jwe)
}

func (w *world) encrypt(m oid4vci.CredentialIssuerMetadata, request any) string {
	w.Helper()
	jwe, err := m.EncryptRequest(request)
	if err != nil {
		w.Fatal(err)
	}
	return jwe
}

func (w *world) wish(m oid4vci.CredentialIssuerMetadata, key *ecdsa.PrivateKey) *oid4vci.ResponseEncryption {
	w.Helper()
	e, err := m.NewResponseEncryption(&key.PublicKey, "mine")
	if err != nil {
		w.Fatal(err)
	}
	return e
}

// OpenID4VCI 1.0, Sections 8.2, 8.3 and 10.
func TestEncryption(t *testing.T) {
	w := start(t)
	m := w.described()
	if m.CredentialRequestEncryption == nil || m.CredentialRequestEncryption.EncryptionRequired || m.CredentialResponseEncryption == nil {
		t.Fatalf("%+v", m)
	}
	token, ids := w.redeem(w.offer("OVO000001"))
	mine := newKey(t)
	wish := w.wish(m, mine)

	// Both ways.
	req := w.request(ids[0], w.nonce(), keys(t, 2)...)
	req["credential_response_encryption"] = wish
	a := w.encrypted(token, w.encrypt(m, req))
	if a.status != http.StatusOK || a.header.Get("Content-Type") != oid4vci.MediaTypeJWT || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", a.status, a.header, a.body)
	}
	plain, err := oid4vci.OpenResponse(a.body, mine, *wish)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := oid4vci.ParseCredentialResponse(plain, 2); err != nil || len(res.Credentials) != 2 {
		t.Errorf("%v %s", err, plain)
	}
	if _, err := oid4vci.OpenResponse(a.body, newKey(t), *wish); err == nil {
		t.Error("another key opens the response")
	}

	// A refusal is readable, also when an encrypted answer was asked for (Section 8.3.1.2).
	if a = w.encrypted(token, w.encrypt(m, req)); a.status != http.StatusBadRequest || a.text("error") != "invalid_nonce" {
		t.Errorf("%d %s", a.status, a.body)
	}
	// Somebody else's key in a plain request gets nothing (Section 8.2), and costs nothing.
	req = w.request(ids[1], w.nonce(), keys(t, 1)...)
	req["credential_response_encryption"] = wish
	if a = w.credential(token, req); a.status != http.StatusBadRequest || a.text("error") != "invalid_encryption_parameters" {
		t.Errorf("%d %s", a.status, a.body)
	}
	// What cannot be opened is refused without a reason.
	delete(req, "credential_response_encryption")
	jwe := w.encrypt(m, req)
	stranger := m
	other := *m.CredentialRequestEncryption
	public, _ := jose.PublicJWK(newKey(t).Public())
	public.Kid, public.Alg, public.Use = other.JWKS.Keys[0].Kid, "ECDH-ES", "enc"
	other.JWKS.Keys = []jose.JWK{public}
	stranger.CredentialRequestEncryption = &other
	for name, text := range map[string]string{
		"no JWE": "x", "a JWT": w.proof(newKey(t), "n", nil), "empty": "", "cut": jwe[:len(jwe)-4] + "AAAA",
		"another's key": w.encrypt(stranger, req), "plain JSON": `{"credential_configuration_id":"led_diploma"}`,
		"no kid": func() string {
			k := m.CredentialRequestEncryption.JWKS.Keys[0]
			k.Kid = ""
			b, _ := json.Marshal(req)
			text, err := jose.EncryptCompact(b, k, "A256GCM")
			if err != nil {
				t.Fatal(err)
			}
			return text
		}(),
	} {
		if a := w.encrypted(token, text); a.status != http.StatusBadRequest || a.text("error") != "invalid_encryption_parameters" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	// Encrypted there, plain back.
	if a = w.encrypted(token, jwe); a.status != http.StatusOK || len(texts(a)) != 1 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// The key changes each day, survives a restart, and works for a day after it
// went out of the metadata.
func TestRequestKeyRotation(t *testing.T) {
	w := start(t)
	before := w.described()
	try := func(m oid4vci.CredentialIssuerMetadata) answer {
		token, ids := w.redeem(w.offer("OVO000001"))
		return w.encrypted(token, w.encrypt(m, w.request(ids[0], w.nonce(), keys(t, 1)...)))
	}
	w.restart()
	if a := try(before); a.status != http.StatusOK {
		t.Fatalf("after a restart: %d %s", a.status, a.body)
	}
	w.clock.advance(24 * time.Hour)
	after := w.described()
	if after.CredentialRequestEncryption.JWKS.Keys[0].Thumbprint() == before.CredentialRequestEncryption.JWKS.Keys[0].Thumbprint() || after.CredentialRequestEncryption.JWKS.Keys[0].Kid == before.CredentialRequestEncryption.JWKS.Keys[0].Kid {
		t.Error("the key did not change")
	}
	for name, m := range map[string]oid4vci.CredentialIssuerMetadata{"former": before, "present": after} {
		if a := try(m); a.status != http.StatusOK {
			t.Errorf("%s key: %d %s", name, a.status, a.body)
		}
	}
	w.clock.advance(24 * time.Hour)
	if a := try(before); a.status != http.StatusBadRequest || !strings.Contains(a.text("error_description"), "fetch the metadata again") {
		t.Errorf("key of two days ago: %d %s", a.status, a.body)
	}
}

func TestEncryptionModes(t *testing.T) {
	w := start(t, func(w *world) {
		w.tune = func(c *issuer.Config) { c.Encryption = issuer.EncryptionRequired }
	})
	m := w.described()
	token, ids := w.redeem(w.offer("OVO000001"))
	wish := w.wish(m, newKey(t))
	req := w.request(ids[0], w.nonce(), keys(t, 1)...)
	if a := w.credential(token, req); a.status != http.StatusBadRequest || a.text("error") != "invalid_encryption_parameters" {
		t.Errorf("plain where encryption is required: %d %s", a.status, a.body)
	}
	if a := w.encrypted(token, w.encrypt(m, req)); a.status != http.StatusBadRequest || a.text("error") != "invalid_encryption_parameters" {
		t.Errorf("plain answer where encryption is required: %d %s", a.status, a.body)
	}
	req["credential_response_encryption"] = wish
	if a := w.encrypted(token, w.encrypt(m, req)); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}

	w = start(t, func(w *world) { w.tune = func(c *issuer.Config) { c.Encryption = issuer.EncryptionOff } })
	if off := w.described(); off.CredentialRequestEncryption != nil || off.CredentialResponseEncryption != nil {
		t.Errorf("%+v", off)
	}
	token, ids = w.redeem(w.offer("OVO000001"))
	if a := w.encrypted(token, w.encrypt(m, w.request(ids[0], w.nonce(), keys(t, 1)...))); a.status != http.StatusBadRequest || a.text("error") != "invalid_encryption_parameters" {
		t.Errorf("encrypted where it is off: %d %s", a.status, a.body)
	}
}
