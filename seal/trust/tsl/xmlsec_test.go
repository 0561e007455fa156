package tsl_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// tool finds xmlsec1. Without it the test is skipped, and fails in CI.
func tool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("xmlsec1")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("xmlsec1 is not installed")
		}
		t.Skip("SKIPPED: xmlsec1 is not installed (Debian: xmlsec1)")
	}
	return path
}

func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// identifiers tell xmlsec1 which attributes are identifiers.
var identifiers = []string{
	"--id-attr:Id", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties",
	"--id-attr:Id", "http://uri.etsi.org/02231/v2#:TrustServiceStatusList",
}

// xmlsec has xmlsec1 verify a list.
func xmlsec(t *testing.T, doc []byte, signer *x509.Certificate) {
	t.Helper()
	xmlsec1 := tool(t)
	dir, err := os.MkdirTemp(t.TempDir(), "") // xmlsec1 splits names at a comma
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(dir, ",") {
		t.Fatal("the name of the test must have no comma")
	}
	cert := write(t, dir, "signer.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signer.Raw}))
	args := append([]string{"--verify", "--insecure", "--pubkey-cert-pem", cert}, identifiers...)
	if out, err := exec.Command(xmlsec1, append(args, write(t, dir, "list.xml", doc))...).CombinedOutput(); err != nil {
		t.Errorf("xmlsec1: %v\n%s", err, out)
	}
}

// TestXMLSecSigns verifies what xmlsec1 has digested and signed.
func TestXMLSecSigns(t *testing.T) {
	signer := listSigner(t, rsaKey(t, 2048), "BE")
	template := string(signedBy(t, national("BE"), signer))
	for _, name := range []string{"ds:DigestValue", "ds:SignatureValue"} {
		info := regexp.MustCompile(`<` + name + `>[^<]*<`)
		template = info.ReplaceAllString(template, "<"+name+"><")
	}
	der, err := x509.MarshalPKCS8PrivateKey(signer.key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := write(t, dir, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	signed := filepath.Join(dir, "signed.xml")
	args := append([]string{"--sign", "--privkey-pem", key, "--output", signed}, identifiers...)
	if out, err := exec.Command(tool(t), append(args, write(t, dir, "template.xml", []byte(template)))...).CombinedOutput(); err != nil {
		t.Fatalf("xmlsec1: %v\n%s", err, out)
	}
	doc, err := os.ReadFile(signed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tsl.Verify(doc, certs(signer), now); err != nil {
		t.Error(err)
	}
}

// TestXMLSec has xmlsec1 verify the real lists that we verify.
func TestXMLSec(t *testing.T) {
	for _, v := range lists {
		t.Run(v.file, func(t *testing.T) {
			doc := testvectors.File(t, "tsl", v.file)
			xmlsec(t, doc, embeddedSigner(t, doc))
		})
	}
}
