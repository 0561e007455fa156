package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// The certificate of a key that was elsewhere is served with the one above it,
// also after the key has gone and the server was started anew.
func TestFormerChainIsServed(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	if err := initKeys(keys, devca.Options{Now: time.Now(), Issuer: "https://issuer.example"}); err != nil {
		t.Fatal(err)
	}
	local, err := openLocalTrust(t.Context(), keys, newHistory(t), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	above := devca.Pair{Key: key}
	root := local.hierarchy.SealCA
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "above (TEST)"}, NotBefore: root.Certificate.NotBefore, NotAfter: root.Certificate.NotAfter,
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}, root.Certificate, key.Public(), root.Key)
	if err != nil {
		t.Fatal(err)
	}
	if above.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	body, err := local.hierarchy.Tenant("")
	if err != nil {
		t.Fatal(err)
	}
	leaf := softhsmtest.Certify(t, above, body.Seal.Certificate, key.Public())
	s, err := seal.NewSealer(key, []*x509.Certificate{leaf, above.Certificate}, seal.Options{RequireSeal: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := local.UseSeal(t.Context(), "", s); err != nil {
		t.Fatal(err)
	}
	if local, err = openLocalTrust(t.Context(), keys, newHistory(t), time.Now); err != nil {
		t.Fatal(err)
	}
	if got, ok := local.keys[""].PEM(s.ID()); !ok || !bytes.Equal(got, s.PEM()) {
		t.Errorf("%v:\n%s", ok, got)
	}
	// Another certificate under its name is no start.
	path := local.chainFile(leaf)
	if err := os.WriteFile(path, local.keys[""].Current().PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openLocalTrust(t.Context(), keys, newHistory(t), time.Now); err == nil || !strings.Contains(err.Error(), "another certificate than its name says") {
		t.Error(err)
	}
}
