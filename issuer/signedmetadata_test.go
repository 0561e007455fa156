package issuer_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
)

// signer trusts what the access authority certified for the issuer.
func (h *house) signer(t *jose.Token) (crypto.PublicKey, error) {
	chain, err := t.Header.Certificates()
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	if len(chain) != 1 || bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		h.Errorf("a chain of %d, from %s (HAIP 1.0, Section 4.1)", len(chain), leaf.Issuer)
	}
	roots := x509.NewCertPool()
	roots.AddCert(h.ca.AccessCA.Certificate)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: h.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return nil, err
	}
	return leaf.PublicKey, seal.CertifiesIssuer(leaf, base)
}

func (h *house) signed() (string, oid4vci.CredentialIssuerMetadata) {
	h.Helper()
	text, err := h.MetadataDocument(true)
	if err != nil {
		h.Fatal(err)
	}
	m, err := oid4vci.ParseSignedMetadata(string(text), base, h.now(), h.signer)
	if err != nil {
		h.Fatal(err)
	}
	return string(text), m
}

// OpenID4VCI 1.0, Section 12.2.3: typ, sub, iat, all metadata as top-level
// claims; signed once and served until it changes.
func TestSignedMetadata(t *testing.T) {
	h := build(t)
	first, m := h.signed()
	tok, err := jose.Parse(first)
	if err != nil || tok.Header.Typ != "openidvci-issuer-metadata+jwt" || tok.Header.Alg != jose.ES256 {
		t.Fatalf("%v %+v", err, tok.Header)
	}
	var claims map[string]any
	if err := json.Unmarshal(tok.Payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["sub"] != base || claims["iat"] == nil || claims["exp"].(float64)-claims["iat"].(float64) != (24*time.Hour).Seconds() {
		t.Errorf("%v %v %v", claims["sub"], claims["iat"], claims["exp"])
	}
	plain, err := h.MetadataDocument(false)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal(plain, &want); err != nil {
		t.Fatal(err)
	}
	for name := range want {
		if claims[name] == nil {
			t.Errorf("%s is in no claim", name)
		}
	}
	if len(claims) != len(want)+3 || m.CredentialEndpoint == "" {
		t.Errorf("%d claims for %d members", len(claims), len(want))
	}
	// The same bytes, so no signature for each request.
	if again, _ := h.signed(); again != first {
		t.Error("signed anew for a request")
	}
	h.pass(time.Hour)
	if again, _ := h.signed(); again == first {
		t.Error("an hour old")
	}
}

// What is in the metadata, and who signs them, changes what is served at once.
func TestSignedMetadataChanges(t *testing.T) {
	h := build(t)
	_, before := h.signed()
	if err := h.ca.RotateMetadata("", h.now()); err != nil {
		t.Fatal(err)
	}
	next, err := h.ca.MetadataSealer(h.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.config.MetadataKeys.Rotate(next); err != nil {
		t.Fatal(err)
	}
	text, _ := h.signed()
	tok, err := jose.Parse(text)
	if err != nil || tok.Verify(next.Certificate().PublicKey) != nil {
		t.Error("signed with the former key")
	}
	h.pass(24 * time.Hour)
	plain, err := h.MetadataDocument(false)
	if err != nil {
		t.Fatal(err)
	}
	m, err := oid4vci.ParseCredentialIssuerMetadata(plain, base)
	if err != nil {
		t.Fatal(err)
	}
	_, after := h.signed()
	kid := before.CredentialRequestEncryption.JWKS.Keys[0].Kid
	if after.CredentialRequestEncryption.JWKS.Keys[0].Kid == kid || m.CredentialRequestEncryption.JWKS.Keys[0].Kid == kid {
		t.Error("the request key of the day before is still named")
	}
	// A seal key is never taken instead, also not after a rotation.
	if err := h.config.MetadataKeys.Rotate(h.config.Keys.Current()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.MetadataDocument(true); err == nil {
		t.Error("signed with the seal key")
	}
	if _, err := h.MetadataDocument(false); err != nil {
		t.Errorf("unsigned: %v", err)
	}
}

func TestUnsignedMetadataOnly(t *testing.T) {
	h := build(t)
	h.config.MetadataKeys = nil
	i, err := issuer.New(h.config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := i.MetadataDocument(true); !errors.Is(err, issuer.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// Signed metadata are no credential and no status list: their signer is none of
// those, and the typ is another.
func TestMetadataSignerSealsNothing(t *testing.T) {
	h := build(t)
	text, _ := h.signed()
	tok, err := jose.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := h.ca.Store(h.now())
	if err != nil {
		t.Fatal(err)
	}
	v, err := (&seal.Validator{Trust: trusted}).Validate(t.Context(), tok, h.now())
	if err == nil && v.Err() == nil {
		t.Error("it validates as a seal")
	}
}
