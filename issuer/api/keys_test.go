package api_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// proofBy is a jwt proof by any key, named as header says.
func (w *world) proofBy(key crypto.Signer, nonce string, header map[string]any) string {
	w.Helper()
	alg, err := jose.AlgFor(key.Public())
	if err != nil {
		w.Fatal(err)
	}
	h := map[string]any{"alg": string(alg), "typ": oid4vci.TypProof}
	for name, value := range header {
		h[name] = value
	}
	payload := marshal(w, map[string]any{"aud": w.base, "iat": w.clock.now().Unix(), "nonce": nonce})
	text, err := jose.SignCompact(key, h, payload)
	if err != nil {
		w.Fatal(err)
	}
	return text
}

func byJWK(t *testing.T, key crypto.Signer) map[string]any {
	t.Helper()
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"jwk": jwk}
}

func selfSigned(t *testing.T, key crypto.Signer) map[string]any {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "holder"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"x5c": jose.EncodeX5C([]*x509.Certificate{c})}
}

func byDID(t *testing.T, key crypto.Signer) map[string]any {
	t.Helper()
	d, err := did.DIDKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"kid": d + "#" + strings.TrimPrefix(d, "did:key:")}
}

// OpenID4VCI 1.0, Section 12.2.4 and Appendix F.1: a type takes keys of the
// algorithms it is configured for, named in the ways it is configured for, and
// no others.
func TestKeysOfATypeAsConfigured(t *testing.T) {
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	rsaKey, _ := rsa.GenerateKey(rand.Reader, 2048)
	all := issuer.KeyProofs{Types: []oid4vci.ProofType{oid4vci.ProofJWT, oid4vci.ProofDIVP}, Algs: []jose.Alg{jose.ES256, jose.ES384, jose.EdDSA}, DIDs: true, Certificates: true}
	type try struct {
		name   string
		key    crypto.Signer
		header map[string]any
		good   bool // under all; under the default only jwk and P-256 is
	}
	tries := []try{
		{"P-256", p256, byJWK(t, p256), true}, {"P-384", p384, byJWK(t, p384), true}, {"Ed25519", ed, byJWK(t, ed), true},
		{"P-521", p521, byJWK(t, p521), false}, {"RSA", rsaKey, byJWK(t, rsaKey), false},
		{"DID", p256, byDID(t, p256), true}, {"DID of Ed25519", ed, byDID(t, ed), true}, {"another's DID", p256, byDID(t, ed), false},
		{"DID of the web", p256, map[string]any{"kid": "did:web:example.org#key"}, false},
		{"certificate", p256, selfSigned(t, p256), true}, {"certificate of P-384", p384, selfSigned(t, p384), true},
		{"another's certificate", p256, selfSigned(t, p384), false}, {"certificate of RSA", rsaKey, selfSigned(t, rsaKey), false},
	}
	for name, proofs := range map[string]issuer.KeyProofs{"default": {}, "all": all} {
		t.Run(name, func(t *testing.T) {
			w, _ := attested(t, proofs)
			c := w.described().CredentialConfigurationsSupported["led_diploma"]
			if name == "all" {
				jwt, divp := c.ProofTypesSupported[oid4vci.ProofJWT].ProofSigningAlgValuesSupported, c.ProofTypesSupported[oid4vci.ProofDIVP].ProofSigningAlgValuesSupported
				if fmt.Sprint(jwt) != "[ES256 ES384 EdDSA]" || fmt.Sprint(divp) != "[ecdsa-jcs-2019 eddsa-jcs-2022]" || len(c.CryptographicBindingMethodsSupported) != 3 {
					t.Errorf("%v %v %v", jwt, divp, c.CryptographicBindingMethodsSupported)
				}
			}
			for _, x := range tries {
				token, ids := w.redeem(w.offer("OVO000001"))
				a := w.credential(token, map[string]any{"credential_identifier": ids[0], "proofs": map[string]any{"jwt": []string{w.proofBy(x.key, w.nonce(), x.header)}}})
				if good := x.good && name == "all" || x.name == "P-256"; good != (a.status == http.StatusOK) {
					t.Errorf("%s: %d %s", x.name, a.status, a.body)
				} else if !good {
					w.refused(a, 400, "invalid_proof")
				} else if got := payload(t, texts(a)[0])["cnf"].(map[string]any)["jwk"].(map[string]any)["x"]; got != byJWK(t, x.key)["jwk"].(jose.JWK).X {
					t.Errorf("%s: bound to another key", x.name)
				}
			}
		})
	}
}
