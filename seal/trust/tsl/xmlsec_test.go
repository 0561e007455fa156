package tsl_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
	if ok, out := xmlsecVerdict(t, doc, signer); !ok {
		t.Errorf("xmlsec1: %s", out)
	}
}

// xmlsecVerdict is what xmlsec1 says of the signature of a list, and its words.
func xmlsecVerdict(t *testing.T, doc []byte, signer *x509.Certificate) (ok bool, words string) {
	t.Helper()
	xmlsec1 := tool(t)
	dir, err := os.MkdirTemp("", "xmlsec") // xmlsec1 splits names at a comma
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	cert := write(t, dir, "signer.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signer.Raw}))
	args := append([]string{"--verify", "--insecure", "--pubkey-cert-pem", cert}, identifiers...)
	out, err := exec.Command(xmlsec1, append(args, write(t, dir, "list.xml", doc))...).CombinedOutput()
	return err == nil, string(out)
}

// TestXMLSecSigns verifies what xmlsec1 has canonicalised, digested and signed:
// a list as we write it, one written in every way that XML allows, and one with
// SignedProperties in inclusive canonical form.
func TestXMLSecSigns(t *testing.T) {
	signer := listSigner(t, rsaKey(t, 2048), "BE")
	plain := func(s string) string { return s }
	odd := func(s string) string {
		s = replace(`<Name xml:lang="en">TEST operator BE</Name>`, "<Name\n  xml:lang = 'en' ><![CDATA[<TEST> & \"operator\"]]>&#xD;&#9;\t&#233;\u20ac&gt;\r\n</Name >")(s)
		s = replace(`<SchemeInformation>`, "<!-- a comment -->\n<SchemeInformation\txmlns:unused='urn:example:unused'>")(s)
		s = replace(`<TrustServiceStatusList `, `<TrustServiceStatusList xmlns:more="http://uri.etsi.org/02231/v2/additionaltypes#" `)(s)
		s = replace(`</SchemeInformation>`, `<SchemeExtensions><Extension Critical="false"><e:a xmlns:e="urn:example:e" xmlns="urn:example:d" z="1" a='&lt;&#9;&#10;"&gt;&amp;' e:b=""><c xmlns="" more:d="x"/><e:f xmlns:e="urn:example:g"><e:h/></e:f><d/></e:a></Extension></SchemeExtensions></SchemeInformation>`)(s)
		return s
	}
	// Without transforms for the SignedProperties, in a scope with more names.
	inclusive := func(s string) string {
		c14n := `<ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms>`
		return replace(c14n, "")(replace(`<TrustServiceStatusList `, `<TrustServiceStatusList xmlns:more="urn:example:more" xml:lang="nl" `)(s))
	}
	for name, change := range map[string]func(string) string{"plain": plain, "odd": odd, "inclusive": inclusive} {
		t.Run(name, func(t *testing.T) {
			doc := signByXMLSec(t, change(string(signedBy(t, national("BE"), signer))), signer)
			l, err := tsl.Verify(doc, certs(signer), now)
			if err != nil {
				t.Fatal(err)
			}
			if want := "<TEST> & \"operator\"\r\t\t\u00e9\u20ac>"; name == "odd" && l.Scheme.Operator.In("en") != want {
				t.Errorf("operator is %q, expected %q", l.Scheme.Operator.In("en"), want)
			}
		})
	}
}

var values = regexp.MustCompile(`<ds:(DigestValue|SignatureValue)>[^<]*<`)

// signByXMLSec has xmlsec1 fill in the digests and the signature.
func signByXMLSec(t *testing.T, doc string, signer pair) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(signer.key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := write(t, dir, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	template := write(t, dir, "template.xml", values.ReplaceAll([]byte(doc), []byte("<ds:$1><")))
	signed := filepath.Join(dir, "signed.xml")
	args := append([]string{"--sign", "--privkey-pem", key, "--output", signed}, identifiers...)
	if out, err := exec.Command(tool(t), append(args, template)...).CombinedOutput(); err != nil {
		t.Fatalf("xmlsec1: %v\n%s", err, out)
	}
	b, err := os.ReadFile(signed)
	if err != nil {
		t.Fatal(err)
	}
	return b
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
