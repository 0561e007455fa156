package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certified makes a certificate, signed by itself if there is no parent.
func certified(t *testing.T, name string, authority bool, parent *tls.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: authority, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	by, signer := c, any(key)
	if parent != nil {
		by, signer = parent.Leaf, parent.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A listener takes certificates of institutions, those of wallets as they are
// registered, and those of wallets' authorities; and callers without one.
func TestClientCertificates(t *testing.T) {
	server := certified(t, "server", false, nil)
	der, err := x509.MarshalPKCS8PrivateKey(server.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	institutions, wallets, stranger := certified(t, "institutions", true, nil), certified(t, "wallets", true, nil), certified(t, "stranger", true, nil)
	own := certified(t, "own", false, nil)
	i := &IssuerConfig{ListenConfig: ListenConfig{
		Certificate: writePEM(t, "CERTIFICATE", server.Certificate[0]), Key: writePEM(t, "PRIVATE KEY", der), ClientCA: writePEM(t, "CERTIFICATE", institutions.Certificate[0]),
	}, Tenants: []IssuerConfig{{Wallets: []WalletConfig{
		{ID: "a", Certificates: []string{writePEM(t, "CERTIFICATE", own.Certificate[0])}},
		{ID: "b", Authorities: writePEM(t, "CERTIFICATE", wallets.Certificate[0]), CertificateName: CertificateNameConfig{DNS: "localhost"}},
	}}}}
	others, err := i.clientCertificates()
	if err != nil {
		t.Fatal(err)
	}
	for which, c := range map[string]struct {
		others clientCertificates
		wallet bool // wallets' certificates are taken
	}{"with wallets": {others, true}, "institutions alone": {clientCertificates{}, false}} {
		config, err := i.tls(c.others)
		if err != nil {
			t.Fatal(err)
		}
		for name, x := range map[string]struct {
			shown []tls.Certificate
			ok    bool
		}{
			"none": {nil, true}, "an institution": {[]tls.Certificate{certified(t, "i", false, &institutions)}, true},
			"a wallet's own": {[]tls.Certificate{own}, c.wallet}, "of wallets": {[]tls.Certificate{certified(t, "w", false, &wallets)}, c.wallet},
			"a stranger's own": {[]tls.Certificate{certified(t, "own", false, nil)}, false}, "of a stranger": {[]tls.Certificate{certified(t, "w", false, &stranger)}, false},
		} {
			here, there := net.Pipe()
			done := make(chan error, 1)
			go func() {
				s := tls.Server(there, config)
				done <- s.Handshake()
				s.Close()
			}()
			roots := x509.NewCertPool()
			roots.AddCert(server.Leaf)
			client := tls.Client(here, &tls.Config{RootCAs: roots, ServerName: "localhost", GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(x.shown) == 0 {
					return &tls.Certificate{}, nil
				}
				return &x.shown[0], nil
			}})
			_ = client.Handshake()
			go func() { _, _ = client.Read(make([]byte, 1)) }()
			if err := <-done; (err == nil) != x.ok {
				t.Errorf("%s, %s: %v", which, name, err)
			}
			here.Close()
		}
	}
}
