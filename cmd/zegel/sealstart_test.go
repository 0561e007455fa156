package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/zegel-id/zegel/seal/csc/csctest"
	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/trust"
)

// refused opens the issuer, which must say what is wrong, and no secret.
func (s *site) refused(want ...string) {
	s.Helper()
	err := s.tryOpen()
	if err == nil {
		s.Fatalf("opened; expected %q", want)
	}
	for _, w := range want {
		if !strings.Contains(err.Error(), w) {
			s.Errorf("%v\nlacks %q", err, w)
		}
	}
	for _, secret := range []string{softhsmtest.PIN, "11112222", csctest.PIN, csctest.OTP, csctest.ClientSecret} {
		if strings.Contains(err.Error()+s.log.String(), secret) {
			s.Errorf("%q stands in the error or the log: %v", secret, err)
		}
	}
}

// replace changes what stands under seal of the tenant, the second that is
// opened.
func (s *site) replace(old, other string) {
	s.Helper()
	if !strings.Contains(s.seals[1], old) {
		s.Fatalf("%s lacks %q", s.seals[1], old)
	}
	s.seals[1] = strings.Replace(s.seals[1], old, other, 1)
}

// What is wrong with a token, a key or a certificate is told at the start, by the
// field and with the remedy.
func TestTokenRefusedAtStart(t *testing.T) {
	for name, one := range map[string]struct {
		bend func(s *site)
		want []string
	}{
		"no module":       {func(s *site) { s.replace("module: ", "module: /nowhere") }, []string{"issuer.tenants[0].seal.pkcs11.module: ", "name the library"}},
		"no library":      {func(s *site) { s.replace("module: ", "module: "+s.file("x.so", "text")+" #") }, []string{"seal.pkcs11.module: "}},
		"another label":   {func(s *site) { s.replace("token_label: seal", "token_label: other") }, []string{"seal.pkcs11.token_label: ", "other", "--list-token-slots"}},
		"another key":     {func(s *site) { s.replace("key_label: seal-1", "key_label: seal-9") }, []string{"seal.pkcs11.key_label: ", "seal-9", "--list-objects"}},
		"key of others":   {func(s *site) { s.replace("key_label: seal-1", "key_label: seal-0") }, []string{"seal.pkcs11.key_label: ", "another public key", "certificate of the key"}},
		"wrong PIN":       {func(s *site) { s.seals[0] = ""; s.file("pin", "11112222") }, []string{"issuer.tenants[0].seal.pkcs11.pin_file: ", "in one line"}},
		"no PIN":          {func(s *site) { s.seals[0] = ""; s.replace("pin_file: pin", "pin_file: none") }, []string{"seal.pkcs11.pin_file: "}},
		"open PIN":        {func(s *site) { s.chmod("pin", 0o644) }, []string{"issuer.seal.pkcs11.pin_file: ", "0600"}},
		"no certificate":  {func(s *site) { s.replace("certificate_file: seal-1", "certificate_file: none") }, []string{"seal.pkcs11.certificate_file: ", "in PEM"}},
		"no PEM":          {func(s *site) { s.file("seal-1.pem", "text") }, []string{"seal.pkcs11.certificate_file: "}},
		"another's":       {func(s *site) { s.crossed() }, []string{"issuer.tenants[0].seal.pkcs11.certificate_file: ", "does not name the issuer", "certified for http://"}},
		"no seal":         {func(s *site) { s.unsealing() }, []string{"seal.pkcs11.certificate_file: ", "QcType", "for electronic seals"}},
		"two queues":      {func(s *site) { s.seals[1] += "\nqueue: {at_once: 3}" }, []string{"issuer.tenants[0].seal: found another queue than in issuer.seal"}},
		"two PINs":        {func(s *site) { s.file("pin2", "x"); s.replace("pin_file: pin", "pin_file: pin2") }, []string{"found another pin_file than"}},
		"unknown members": {func(s *site) { s.replace("module: ", "modul: ") }, []string{"modul"}},
	} {
		t.Run(name, func(t *testing.T) {
			hsm := softhsmtest.New(t)
			s := newSite(t)
			s.token(hsm, "")
			one.bend(s)
			s.refused(one.want...)
		})
	}
}

func (s *site) chmod(name string, mode os.FileMode) {
	s.Helper()
	if err := os.Chmod(filepath.Join(s.dir, name), mode); err != nil {
		s.Fatal(err)
	}
}

// crossed gives the tenant the key and the certificate of the issuer.
func (s *site) crossed() {
	s.replace("key_label: seal-1", "key_label: seal-0")
	s.replace("certificate_file: seal-1", "certificate_file: seal-0")
}

// unsealing certifies the tenant's key as that of a status list: for signing, not
// for seals.
func (s *site) unsealing() {
	s.Helper()
	b, err := os.ReadFile(filepath.Join(s.dir, "seal-1.pem"))
	if err != nil {
		s.Fatal(err)
	}
	chain, err := trust.ParsePEM(b)
	if err != nil {
		s.Fatal(err)
	}
	h, err := loadHierarchy(s.keys)
	if err != nil {
		s.Fatal(err)
	}
	body, err := h.Tenant("school")
	if err != nil {
		s.Fatal(err)
	}
	s.file("seal-1.pem", string(trust.EncodePEM(softhsmtest.Certify(s, h.SealCA, body.Status.Certificate, chain[0].PublicKey))))
}

// provider gives the issuer a key at a double of a provider; mode is explicit or
// oauth2code. The tenant keeps its own.
func (s *site) provider(mode string) *csctest.Server {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	c := s.certify("", key.Public())
	h, err := loadHierarchy(s.keys)
	if err != nil {
		s.Fatal(err)
	}
	// As providers do, the anchor comes last.
	p := csctest.New(s, csctest.Options{Key: key, Chain: []*x509.Certificate{c, h.SealCA.Certificate}, Mode: mode})
	s.file("client-secret", csctest.ClientSecret)
	s.file("csc-pin", csctest.PIN)
	s.file("csc-otp", csctest.OTP)
	sum := sha256.Sum256(c.Raw)
	s.seals[0] = fmt.Sprintf("csc:\n  url: %s\n  credential_id: %s\n  token_url: %s/oauth2/token\n  client_id: %s\n  client_secret_file: client-secret\n  certificate_sha256: %s\n",
		p.Base(), csctest.CredentialID, p.URL, csctest.ClientID, hex.EncodeToString(sum[:]))
	if mode == "explicit" {
		s.seals[0] += "  secret_files: {PIN: csc-pin, OTP: csc-otp}\n"
	} else {
		s.seals[0] += fmt.Sprintf("  authorization: oauth2\n  authorize_url: %s/oauth2/authorize\n  redirect_uri: %s\n", p.URL, csctest.Redirect)
	}
	return p
}

// What is wrong with a provider is told at the start likewise.
func TestProviderRefusedAtStart(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	for name, one := range map[string]struct {
		mode string
		bend func(s *site, p *csctest.Server)
		want []string
	}{
		"secret of the client": {"explicit", func(s *site, _ *csctest.Server) { s.file("client-secret", "wrong") }, []string{"issuer.seal.csc.client_secret_file: ", "invalid_client"}},
		"another credential": {"explicit", func(s *site, _ *csctest.Server) {
			s.seals[0] = strings.Replace(s.seals[0], csctest.CredentialID, "other", 1)
		}, []string{"issuer.seal.csc.credential_id: "}},
		"another certificate": {"explicit", func(s *site, _ *csctest.Server) {
			s.seals[0] = s.seals[0][:strings.Index(s.seals[0], "certificate_sha256")] + "certificate_sha256: " + strings.Repeat("ab", 32) + "\n  secret_files: {PIN: csc-pin, OTP: csc-otp}\n"
		}, []string{"issuer.seal.csc.certificate_sha256: the provider's certificate has "}},
		"wrong PIN": {"explicit", func(s *site, _ *csctest.Server) { s.file("csc-pin", "11112222") }, []string{"issuer.seal: the first signature, a probe: ", "invalid_authentication_data"}},
		"no OTP":    {"explicit", func(s *site, _ *csctest.Server) { s.seals[0] = strings.Replace(s.seals[0], ", OTP: csc-otp", "", 1) }, []string{"issuer.seal: the first signature, a probe: ", `"OTP"`}},
		"another mode": {"oauth2code", func(s *site, _ *csctest.Server) {
			s.seals[0] = s.seals[0][:strings.Index(s.seals[0], "  authorization: oauth2")]
		}, []string{"issuer.seal.csc.credential_id: ", "auth.mode"}},
		"a page": {"oauth2code", func(_ *site, p *csctest.Server) { p.Next("oauth2/authorize", status(http.StatusOK)) }, []string{"a person to sign in"}},
		"down": {"explicit", func(_ *site, p *csctest.Server) {
			p.Next("oauth2/token", status(503), status(503), status(503))
		}, []string{"issuer.seal.csc.url: ", "reachable at the start"}},
		"too slow": {"explicit", func(s *site, p *csctest.Server) {
			s.seals[0] += "wait: 200ms"
			p.Break("credentials/authorize", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		}, []string{"issuer.seal: the first signature, a probe: it took longer than 200ms", "raise wait"}},
		"another signature": {"explicit", func(_ *site, p *csctest.Server) {
			p.Bend(func([]string) []string { return []string{"AAAA"} })
		}, []string{"issuer.seal: the first signature, a probe: "}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			p := s.provider(one.mode)
			one.bend(s, p)
			s.refused(one.want...)
		})
	}
}

// The faults of a configuration are told together, each with its field.
func TestSealConfiguration(t *testing.T) {
	good := func() *Config {
		return &Config{Profile: ProfileProduction, Data: "d", Issuer: &IssuerConfig{
			ListenConfig: ListenConfig{URL: "https://issuer.example", Listen: "localhost:1"}, Register: "r",
			Seal: &SealConfig{CSC: &CSCConfig{
				URL: "https://p.example/csc/v2", CredentialID: "c", TokenURL: "https://p.example/token", ClientID: "i", ClientSecretFile: "s", CertificateFile: "f",
			}},
			Tenants: []IssuerConfig{{ListenConfig: ListenConfig{URL: "https://school.example"}, Tenant: "school", Register: "r", Seal: &SealConfig{PKCS11: &PKCS11Config{
				Module: "/m.so", TokenLabel: "t", KeyID: "0a", PINFile: "p", CertificateFile: "f",
			}}}},
		}}
	}
	c := good()
	if err := c.Check(); err != nil && pkcs11.Available {
		t.Fatal(err)
	}
	if s := c.Issuer.Seal; s.CSC.Authorization != authorizeExplicit || s.CSC.Batch != 100 || s.CSC.Parallel != 1 || s.wait.Seconds() != 25 || c.Issuer.Tenants[0].Seal.PKCS11.Sessions != 8 {
		t.Errorf("%+v", s)
	}
	for want, bend := range map[string]func(s *SealConfig, p *PKCS11Config){
		"- issuer.seal: name one of pkcs11 and csc":                           func(s *SealConfig, _ *PKCS11Config) { s.CSC = nil },
		"- issuer.seal.pkcs11.module: it is needed":                           func(s *SealConfig, _ *PKCS11Config) { s.PKCS11 = &PKCS11Config{} },
		"- issuer.seal.queue.at_once: found -1":                               func(s *SealConfig, _ *PKCS11Config) { s.Queue.AtOnce = -1 },
		"- issuer.seal.queue.waiting: found 100001":                           func(s *SealConfig, _ *PKCS11Config) { s.Queue.Waiting = 100001 },
		"- issuer.seal.wait: found \"1m\"":                                    func(s *SealConfig, _ *PKCS11Config) { s.Wait = "1m" },
		"- issuer.seal.csc.url: found \"http://p.example\", expected https":   func(s *SealConfig, _ *PKCS11Config) { s.CSC.URL = "http://p.example" },
		"- issuer.seal.csc.url: found \"http://localhost:1\", expected https": func(s *SealConfig, _ *PKCS11Config) { s.CSC.URL = "http://localhost:1" },
		"- issuer.seal.csc.token_url: found \"https://u:p@p.example\"":        func(s *SealConfig, _ *PKCS11Config) { s.CSC.TokenURL = "https://u:p@p.example" },
		"- issuer.seal.csc.client_id: it is needed":                           func(s *SealConfig, _ *PKCS11Config) { s.CSC.ClientID = "" },
		"- issuer.seal.csc.credential_id: it is needed":                       func(s *SealConfig, _ *PKCS11Config) { s.CSC.CredentialID = "" },
		"- issuer.seal.csc.client_secret_file: it is needed":                  func(s *SealConfig, _ *PKCS11Config) { s.CSC.ClientSecretFile = "" },
		"- issuer.seal.csc.certificate_file: name the file":                   func(s *SealConfig, _ *PKCS11Config) { s.CSC.CertificateFile = "" },
		"- issuer.seal.csc.certificate_sha256: found \"0a\"":                  func(s *SealConfig, _ *PKCS11Config) { s.CSC.CertificateFile, s.CSC.CertificateSHA256 = "", "0a" },
		"- issuer.seal.csc.authorization: found \"x\"":                        func(s *SealConfig, _ *PKCS11Config) { s.CSC.Authorization = "x" },
		"- issuer.seal.csc.authorization: authorize_url":                      func(s *SealConfig, _ *PKCS11Config) { s.CSC.RedirectURI = "https://r.example" },
		"- issuer.seal.csc.redirect_uri: it is needed":                        func(s *SealConfig, _ *PKCS11Config) { s.CSC.Authorization = authorizeOAuth },
		"- issuer.seal.csc.authorize_url: found \"\"":                         func(s *SealConfig, _ *PKCS11Config) { s.CSC.Authorization = authorizeOAuth },
		"- issuer.seal.csc.secret_files: found \"PIN\": \"\"":                 func(s *SealConfig, _ *PKCS11Config) { s.CSC.SecretFiles = map[string]string{"PIN": ""} },
		"- issuer.seal.csc.batch: found 1001":                                 func(s *SealConfig, _ *PKCS11Config) { s.CSC.Batch = 1001 },
		"- issuer.seal.csc.parallel: found -1":                                func(s *SealConfig, _ *PKCS11Config) { s.CSC.Parallel = -1 },
		"- issuer.seal.csc.timeout: found \"1ns\"":                            func(s *SealConfig, _ *PKCS11Config) { s.CSC.Timeout = "1ns" },
		"- issuer.tenants[0].seal.pkcs11.module: found \"m.so\", expected":    func(_ *SealConfig, p *PKCS11Config) { p.Module = "m.so" },
		"- issuer.tenants[0].seal.pkcs11.key_id: found \"xyz\"":               func(_ *SealConfig, p *PKCS11Config) { p.KeyID = "xyz" },
		"- issuer.tenants[0].seal.pkcs11.key_label: name the key":             func(_ *SealConfig, p *PKCS11Config) { p.KeyID = "" },
		"- issuer.tenants[0].seal.pkcs11.sessions: found 257":                 func(_ *SealConfig, p *PKCS11Config) { p.Sessions = 257 },
		"- issuer.tenants[0].seal.pkcs11.timeout: found \"2m\"":               func(_ *SealConfig, p *PKCS11Config) { p.Timeout = "2m" },
		"- issuer.tenants[0].seal.pkcs11.pin_file: it is needed":              func(_ *SealConfig, p *PKCS11Config) { p.PINFile = "" },
		"- issuer.tenants[0].seal.pkcs11.token_label: it is needed":           func(_ *SealConfig, p *PKCS11Config) { p.TokenLabel = "" },
		"- issuer.tenants[0].seal.pkcs11.certificate_file: it is needed":      func(_ *SealConfig, p *PKCS11Config) { p.CertificateFile = "" },
	} {
		c := good()
		bend(c.Issuer.Seal, c.Issuer.Tenants[0].Seal.PKCS11)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// A program without cgo says so, where the configuration asks for a module.
func TestSealWithoutCgo(t *testing.T) {
	c := &Config{Data: "d", Issuer: &IssuerConfig{
		ListenConfig: ListenConfig{URL: "https://issuer.example", Listen: "localhost:1"}, Register: "r",
		Seal: &SealConfig{PKCS11: &PKCS11Config{Module: "/m.so", TokenLabel: "t", KeyLabel: "k", PINFile: "p", CertificateFile: "f"}},
	}}
	err := c.Check()
	if pkcs11.Available {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), "issuer.seal.pkcs11: PKCS #11 needs a program built with cgo: build with CGO_ENABLED=1") {
		t.Error(err)
	}
}

// What deploy/zegel.yaml shows under seal, commented out, are fields that there are.
func TestSealAsDeployed(t *testing.T) {
	b, err := os.ReadFile("../../deploy/zegel.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(b), "\n  #seal:\n")
	block, _, ended := strings.Cut(block, "\n\n")
	if !found || !ended {
		t.Fatal("there is no seal")
	}
	var text strings.Builder
	for line := range strings.Lines(block) {
		line = strings.TrimPrefix(line, "  #")
		if indent, rest, ok := strings.Cut(line, "#"); ok && strings.TrimSpace(indent) == "" && !strings.HasPrefix(rest, " ") {
			line = indent + rest // an alternative
		}
		text.WriteString(line)
	}
	var s SealConfig
	if err := yaml.UnmarshalWithOptions([]byte(text.String()), &s, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if s.PKCS11.Sessions != 8 || s.CSC.AuthorizeURL == "" || s.CSC.SecretFiles["PIN"] == "" || s.Queue.Waiting != 1000 || s.Wait != "10s" {
		t.Errorf("%+v", s)
	}
}

// A key elsewhere is held against the same rule as one that is made or imported: one
// whose end is known is not begun with.
func TestWeakKeyElsewhere(t *testing.T) {
	s := newSite(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := &signerKey{field: ".csc.certificate_file", chain: []*x509.Certificate{s.certify("", key.Public())}}
	_, _, err = newSealKeys().prepare(t.Context(), &IssuerConfig{ListenConfig: ListenConfig{URL: s.urls[0]}}, elsewhere, true, time.Now)
	if !errors.Is(err, keyring.ErrWeak) || !strings.HasPrefix(err.Error(), ".csc.certificate_file: ") || !strings.Contains(err.Error(), "3072 bits") {
		t.Errorf("%v", err)
	}
}
