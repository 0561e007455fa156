package tsp_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// openssl runs the command, which knows RFC 3161 from elsewhere.
func openssl(t testing.TB, dir string, args ...string) (string, error) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("openssl is not there")
		}
		t.Skip("SKIPPED: openssl is not there")
	}
	cmd := exec.Command("openssl", args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func write(t testing.TB, dir, name string, content []byte) string {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// opensslAuthority answers queries with `openssl ts -reply`.
func opensslAuthority(t testing.TB, dir, essDigest string, root *x509.Certificate, key crypto.Signer, cert *x509.Certificate) answer {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "tsa.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	write(t, dir, "tsa.pem", trust.EncodePEM(cert))
	write(t, dir, "chain.pem", trust.EncodePEM(root))
	write(t, dir, "serial", []byte("01\n"))
	write(t, dir, "ts.cnf", fmt.Appendf(nil, `[tsa]
default_tsa = tsa1
[tsa1]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
certs = chain.pem
signer_key = tsa.key
signer_digest = sha384
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.5
digests = sha256, sha384, sha512
accuracy = secs:1, millisecs:500, microsecs:100
ordering = yes
ess_cert_id_alg = %s
`, essDigest))
	return func(r *http.Request) (*http.Response, error) {
		var query bytes.Buffer
		if _, err := query.ReadFrom(r.Body); err != nil {
			return nil, err
		}
		write(t, dir, "query.tsq", query.Bytes())
		if out, err := openssl(t, dir, "ts", "-reply", "-config", "ts.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr"); err != nil {
			return nil, fmt.Errorf("%w: %s", err, out)
		}
		body, err := os.ReadFile(filepath.Join(dir, "reply.tsr"))
		if err != nil {
			return nil, err
		}
		return response(http.StatusOK, replyType, bytes.NewReader(body)), nil
	}
}

// What OpenSSL stamps verifies here, whichever way it names its certificate, and
// its refusals are told.
func TestOpenSSLStamps(t *testing.T) {
	for _, essDigest := range []string{"sha1", "sha256", "sha512"} {
		a := authority(t, devtsa.Options{Now: time.Now})
		c := client(t, a, opensslAuthority(t, t.TempDir(), essDigest, a.Root, a.Key, a.Chain[0]))
		c.Now = time.Now
		c.Authorities[0].Policy = asn1.ObjectIdentifier{1, 2, 3, 4, 5}
		token, err := c.Stamp(context.Background(), crypto.SHA512, digest(crypto.SHA512, message))
		if err != nil {
			t.Fatalf("%s: %v", essDigest, err)
		}
		if token.Accuracy != time.Second+500100*time.Microsecond || !token.Ordering || !token.Policy.Equal(c.Authorities[0].Policy) || len(token.Certificates) != 2 {
			t.Errorf("%s: accuracy %s, ordering %t, %d certificates", token, token.Accuracy, token.Ordering, len(token.Certificates))
		}
		c.Authorities[0].Policy = asn1.ObjectIdentifier{1, 2, 3, 4, 6}
		if _, err := c.Stamp(context.Background(), crypto.SHA512, digest(crypto.SHA512, message)); err == nil || !strings.Contains(err.Error(), "rejection, expected granted; unacceptedPolicy") {
			t.Errorf("%s, policy not offered: %v", essDigest, err)
		}
	}
}

// OpenSSL accepts what the client stores: its queries, and the tokens it got.
func TestOpenSSLVerifies(t *testing.T) {
	dir := t.TempDir()
	a := authority(t, devtsa.Options{Now: time.Now})
	root := write(t, dir, "root.pem", trust.EncodePEM(a.Root))
	data := write(t, dir, "data", []byte(message))
	for _, h := range []tsp.HTTP{a, opensslAuthority(t, t.TempDir(), "sha256", a.Root, a.Key, a.Chain[0])} {
		c := client(t, a, h)
		c.Now = time.Now
		token, err := c.Stamp(context.Background(), crypto.SHA256, digest(crypto.SHA256, message))
		if err != nil {
			t.Fatal(err)
		}
		stored := write(t, dir, "token", token.Raw)
		if out, err := openssl(t, dir, "ts", "-verify", "-in", stored, "-token_in", "-data", data, "-CAfile", root); err != nil || !strings.Contains(out, "Verification: OK") {
			t.Errorf("%v: %s", err, out)
		}
	}
	r, err := tsp.NewRequest(crypto.SHA256, digest(crypto.SHA256, message), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r.Policy = asn1.ObjectIdentifier{1, 2, 3, 4, 5}
	der, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	out, err := openssl(t, dir, "ts", "-query", "-text", "-in", write(t, dir, "query", der))
	for _, line := range []string{"Hash Algorithm: sha256", "Policy OID: 1.2.3.4.5", fmt.Sprintf("Nonce: 0x%X", r.Nonce), "Certificate required: yes"} {
		if err != nil || !strings.Contains(out, line) {
			t.Errorf("%q is not in the query: %v\n%s", line, err, out)
		}
	}
}

// Tokens of every allowed algorithm, and of signers that are named by their key,
// as OpenSSL's CMS makes them.
func TestOpenSSLSignatures(t *testing.T) {
	a := authority(t, devtsa.Options{})
	content := contentOf(t, made(t, a, stamp()))
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	pss := func(salt string) []string {
		return []string{"-keyopt", "rsa_padding_mode:pss", "-keyopt", "rsa_pss_saltlen:" + salt}
	}
	for name, tc := range map[string]struct {
		key  crypto.Signer
		args []string
		want error
	}{
		"ECDSA P-384, SHA-384":     {p384, []string{"-md", "sha384"}, nil},
		"ECDSA P-384, SHA-512":     {p384, []string{"-md", "sha512"}, nil},
		"ECDSA, SHA-1":             {p384, []string{"-md", "sha1"}, tsp.ErrAlgorithm},
		"RSA, SHA-256":             {long, []string{"-md", "sha256"}, nil},
		"RSA, SHA-512":             {long, []string{"-md", "sha512"}, nil},
		"RSA, SHA-1":               {long, []string{"-md", "sha1"}, tsp.ErrAlgorithm},
		"RSA of 1024 bits":         {short, []string{"-md", "sha256"}, tsp.ErrAlgorithm},
		"PSS, SHA-256":             {long, append(pss("32"), "-md", "sha256"), nil},
		"PSS, SHA-384":             {long, append(pss("48"), "-md", "sha384"), nil},
		"PSS, another salt length": {long, append(pss("24"), "-md", "sha256"), tsp.ErrAlgorithm},
		"PSS, another mask digest": {long, append(pss("32"), "-md", "sha256", "-keyopt", "rsa_mgf1_md:sha512"), tsp.ErrAlgorithm},
		"named by its key":         {p384, []string{"-md", "sha384", "-keyid", "-certfile", "shorter"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cert := certified(t, a, tc.key.Public())
			der, err := x509.MarshalPKCS8PrivateKey(tc.key)
			if err != nil {
				t.Fatal(err)
			}
			write(t, dir, "key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
			write(t, dir, "cert", trust.EncodePEM(cert))
			write(t, dir, "shorter", trust.EncodePEM(a.Chain[0])) // comes first in the token
			write(t, dir, "content", content)
			// -cades signs which certificate it is.
			args := []string{"cms", "-sign", "-binary", "-nodetach", "-cades", "-econtent_type", "1.2.840.113549.1.9.16.1.4",
				"-in", "content", "-signer", "cert", "-inkey", "key", "-outform", "DER", "-out", "token"}
			if out, err := openssl(t, dir, append(args, tc.args...)...); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			raw, err := os.ReadFile(filepath.Join(dir, "token"))
			if err != nil {
				t.Fatal(err)
			}
			_, err = parsed(t, raw).Verify(verification(t, a))
			if !errors.Is(err, tc.want) || tc.want == nil && err != nil {
				t.Errorf("found %v", err)
			}
		})
	}
}

// certified is a certificate for time-stamps of another key.
func certified(t testing.TB, a *devtsa.Authority, pub crypto.PublicKey) *x509.Certificate {
	usage, err := devtsa.ExtKeyUsage(true, timeStamping)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Another key"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, ExtraExtensions: []pkix.Extension{usage}, SubjectKeyId: []byte{1, 2, 3},
	}, a.Root, pub, a.RootKey)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
