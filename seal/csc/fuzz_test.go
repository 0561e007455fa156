package csc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"testing/quick"

	"github.com/zegel-id/zegel/internal/jose"
)

// FuzzSignatures reads answers to signHash: a failed one gives nothing, a good
// one as many as were asked for.
func FuzzSignatures(f *testing.F) {
	for _, s := range []string{
		`{"signatures":["MEUCIQ=="]}`, `{"signatures":["AA==","AQ=="]}`, `{"responseID":"1"}`, `{"signatures":[]}`,
		`{"signatures":["*"]}`, `{"signatures":[""],"signatures":[""]}`, `{"signatures":null}`, `[]`, ``,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for want := range 3 {
			sigs, err := signatures("signatures/signHash", b, want+1)
			if err != nil && sigs != nil || err == nil && len(sigs) != want+1 {
				t.Fatalf("%x, %v", sigs, err)
			}
		}
	})
}

// FuzzErrorCode reads error answers: what comes out is a word of the API's
// alphabet, or nothing.
func FuzzErrorCode(f *testing.F) {
	for _, s := range []string{`{"error":"invalid_pin"}`, `{"error":"PIN 1234"}`, `{"error":1}`, `{`, ``, `{"error":"a","error":"b"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		code := errorCode(b)
		if len(code) > 40 || strings.ContainsFunc(code, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
			t.Fatalf("%q", code)
		}
	})
}

// FuzzCredential reads answers to credentials/info: one that passes has our
// certificate first and lets us sign.
func FuzzCredential(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	leaf := &x509.Certificate{Raw: []byte("certificate"), PublicKey: key.Public()}
	s, err := schemeOf(leaf)
	if err != nil {
		f.Fatal(err)
	}
	var good Credential
	good.Key.Status, good.Key.Algo, good.Multisign, good.SCAL = "enabled", []string{s.oid}, 5, "2"
	good.Cert.Certificates = []string{base64.StdEncoding.EncodeToString(leaf.Raw)}
	seed, err := json.Marshal(good)
	if err != nil || good.check([]*x509.Certificate{leaf}, s) != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"key":{"status":"enabled","algo":[]},"cert":{"certificates":[null]},"multisign":-1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var cred Credential
		if jose.Unmarshal(b, &cred) != nil || cred.check([]*x509.Certificate{leaf}, s) != nil {
			return
		}
		if cred.Key.Status != "enabled" || cred.Multisign < 1 || cred.Cert.Certificates[0] != good.Cert.Certificates[0] {
			t.Fatalf("%+v", cred)
		}
	})
}

// A signature is taken in either form, and no other octets are.
func TestSignatureForms(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := schemeOf(&x509.Certificate{PublicKey: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	digest := make([]byte, 48)
	raw, err := jose.SignDigest(key, jose.ES384, digest)
	if err != nil {
		t.Fatal(err)
	}
	der, err := s.signature(key.Public(), digest, raw)
	if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, digest, der) {
		t.Fatal(err)
	}
	if again, err := s.signature(key.Public(), digest, der); err != nil || string(again) != string(der) {
		t.Error(err)
	}
	changed := func(at uint8, bit uint8) bool {
		bent := append([]byte(nil), raw...)
		bent[int(at)%len(bent)] ^= 1 << (bit % 8)
		got, err := s.signature(key.Public(), digest, bent)
		return got == nil && err != nil
	}
	if err := quick.Check(changed, nil); err != nil {
		t.Error(err)
	}
}

// An offer of PKCS #1 v1.5 is none of RSASSA-PSS; for EC some name the key.
func TestOffers(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		key  crypto.Signer
		oid  string
		want bool
	}{
		{rsaKey, oidPSS, true}, {rsaKey, "1.2.840.113549.1.1.1", false}, {rsaKey, "1.2.840.113549.1.1.11", false}, {rsaKey, "", false},
		{ecKey, "1.2.840.10045.4.3.2", true}, {ecKey, oidEC, true}, {ecKey, "1.2.840.10045.4.3.3", false}, {ecKey, "", false},
	} {
		s, err := schemeOf(&x509.Certificate{PublicKey: c.key.Public()})
		if err != nil || s.knows(c.oid) != c.want {
			t.Errorf("%T, %s: %v", c.key, c.oid, err)
		}
	}
}
