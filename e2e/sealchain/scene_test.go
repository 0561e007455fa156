package sealchain

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/devidp"
	"github.com/zegel-id/zegel/internal/provider/magda"
	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
	"github.com/zegel-id/zegel/internal/provider/magda/magdadev"
	"github.com/zegel-id/zegel/internal/provider/magda/wssecurity"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/testport"
	issuerapi "github.com/zegel-id/zegel/issuer/api"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/trust"
	verifierapi "github.com/zegel-id/zegel/verifier/api"
)

// registration is that of the public body that seals.
const registration = "NTRBE-0999999922"

// elm is the type of European digital credentials.
const elm = "http://data.europa.eu/snb/model/elm/EuropeanDigitalCredential"

// scene is an installation of the command with everybody that it needs: the seal key
// in SoftHSM, certified by a provider that the trusted lists name, sigstore's
// time-stamp server, an identity provider and LED.
type scene struct {
	testing.TB
	dir, program             string
	issuer, holder, verifier string
	employer                 string // API key
	provider                 *provider
	certificate              *x509.Certificate // of the seal
	stamps                   *stampFront
}

// newScene starts it; pods is what stands under holder.pods.
func newScene(t testing.TB, p *provider, stamps *stampFront, pods string) *scene {
	t.Helper()
	s := &scene{TB: t, dir: t.TempDir(), provider: p, stamps: stamps}
	s.program = filepath.Join(s.dir, "zegel")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", s.program, "github.com/zegel-id/zegel/cmd/zegel").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	for _, address := range []*string{&s.issuer, &s.holder, &s.verifier} {
		_, port, err := net.SplitHostPort(testport.Free(t))
		s.check(err)
		*address = "http://localhost:" + port
	}
	s.zegel("", "keys", "init", "--dir", s.path("keys"), "--issuer", s.issuer)
	hsm := softhsmtest.New(t)
	s.certificate = p.certify(tokenKey(t, hsm, "seal-key"), s.issuer, registration)
	s.configure(hsm, pods)
	s.serve()
	return s
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) write(name string, content []byte) string {
	s.Helper()
	s.check(os.WriteFile(s.path(name), content, 0o600))
	return s.path(name)
}

// configure writes what `zegel serve` reads.
func (s *scene) configure(hsm *softhsmtest.HSM, pods string) {
	s.Helper()
	key, employer := rest.NewKey()
	s.employer = key
	platform, platformDigest := rest.NewKey()
	var roots []*x509.Certificate
	for _, root := range s.provider.stampRoots {
		roots = append(roots, root.Certificate)
	}
	s.write("seal.pin", []byte(softhsmtest.PIN+"\n"))
	s.write("seal.pem", trust.EncodePEM(s.certificate))
	s.write("stamps.pem", trust.EncodePEM(roots...))
	s.write("journal.pem", trust.EncodePEM(s.provider.lists.Certificate))
	s.write("suppliers.yaml", fixtures.Register())
	s.write("platform.key", []byte(platform))
	s.write("sign-in.secret", []byte(signInSecret))
	s.write("receivers.yaml", []byte(strings.ReplaceAll(receivers, "{issuer}", s.issuer)))
	s.write("zegel.yaml", []byte(strings.NewReplacer(
		"{issuer}", s.issuer, "{holder}", s.holder, "{verifier}", s.verifier, "{identity}", s.identities(), "{magda}", s.led(),
		"{module}", hsm.Module, "{token}", softhsmtest.Label, "{stamps}", s.stamps.URL, "{lists}", s.provider.server.URL,
		"{platform}", platformDigest, "{employer}", employer, "{pods}", pods, "{registration}", registration, "{elm}", elm,
		"{acr}", devidp.ACR, "{vaults}", issuerapi.PermissionVaults, "{verify}", verifierapi.Permission,
	).Replace(configuration)))
}

const signInSecret = "secret of a test"

const configuration = `
profile: development
data: data
keys: keys
issuer:
  url: {issuer}
  register: suppliers.yaml
  status_ttl: 1s
  sign_in: {issuer: "{identity}", client_id: zegel-issuer, client_secret_file: sign-in.secret, acr: ["{acr}"]}
  seal:
    pkcs11: {module: {module}, token_label: {token}, key_label: seal-key, pin_file: seal.pin, certificate_file: seal.pem}
  vault_platforms: ["{holder}"]
  wallets:
    - {id: zegel-wallet, name: Zegel, redirect_uris: ["http://127.0.0.1/callback"]}
  connectors:
    - {supplier: led, data_type: led-diploma, configuration: led_diploma, configurations: [led_diploma_elm], kind: magda, mapping: led-diploma,
       url: "{magda}", sender: kbo0999999922.be/ipdc0000-test, certificate: magda.crt.pem, key: magda.key.pem}
  clients:
    - {id: vault-platform, key_sha256: [{platform}], permissions: [{vaults}]}
holder:
  url: {holder}
  sign_in: {issuer: "{identity}", client_id: zegel, client_secret_file: sign-in.secret, acr: ["{acr}"]}
  issuers:
    - {url: "{issuer}", key_file: platform.key}
  timestamps:
    anchors: stamps.pem
    authorities: [{url: "{stamps}"}]
  pods: {pods}
verifier:
  url: {verifier}
  receivers: receivers.yaml
  trust:
    lists: {location: "{lists}/lotl.xml", certificates: journal.pem}
  accept:
    - {type: "{issuer}/types/led-diploma", issuers: ["{issuer}"], registrations: ["{registration}"]}
    - {type: "{elm}", issuers: ["{issuer}"], registrations: ["{registration}"]}
  clients:
    - {id: employer, key_sha256: [{employer}], permissions: [{verify}]}
`

const receivers = `
receivers:
  - id: employer
    status: admitted
    legal_name: Voorbeeld Werkgever (TEST)
    registration: NTRBE-0999999823
    country: BE
    privacy_statement: https://employer.example/privacy
    hosts: [localhost]
    intended_uses:
      - id: recruitment
        purpose: {nl: Nagaan van het diploma, fr: Vérifier le diplôme, de: Prüfen des Diploms, en: Check of the diploma}
        legal_basis: GDPR, Article 6(1)(b)
        credentials:
          - format: dc+sd-jwt
            vct_values: ["{issuer}/types/led-diploma"]
            claims: [[title], [level]]
`

// listen serves a stand-in until the test ends.
func (s *scene) listen(make func(base string) http.Handler) string {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	s.check(err)
	base := fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
	server := &http.Server{Handler: make(base), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	s.Cleanup(func() { _ = server.Close() })
	return base
}

// identities is the development identity provider.
func (s *scene) identities() string {
	s.Helper()
	return s.listen(func(base string) http.Handler {
		p, err := devidp.New(devidp.Config{
			Issuer: base, Now: time.Now, Citizens: []devidp.Citizen{{ID: "lotte", GivenName: "Lotte", FamilyName: "Test", RRN: fixtures.WithDiplomas}},
			Clients: []devidp.Client{
				{ID: "zegel", Secret: signInSecret, RedirectURI: s.holder + "/session/callback"},
				{ID: "zegel-issuer", Secret: signInSecret, RedirectURI: s.issuer + issuerapi.CallbackPath},
			},
		})
		s.check(err)
		return p
	})
}

// led is LED behind the development MAGDA platform, which verifies the signature of
// each question.
func (s *scene) led() string {
	s.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	s.check(err)
	tmpl := &x509.Certificate{SerialNumber: serial(s), Subject: pkix.Name{CommonName: "kbo0999999922 (TEST)"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	s.check(err)
	signer, err := x509.ParseCertificate(der)
	s.check(err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	s.check(err)
	s.write("magda.crt.pem", trust.EncodePEM(signer))
	s.write("magda.key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
	return s.listen(func(string) http.Handler {
		return magdadev.Handler(magdadev.Config{
			Services: []magdadev.Service{{Declared: magda.LEDGeefBewijs(), Answers: fixtures.Answers()}},
			Verify:   &wssecurity.Verification{Certificates: []*x509.Certificate{signer}, Now: time.Now}, Now: time.Now,
		})
	}) + magdadev.Path
}

// serve runs the command until the test ends. It is ready when the verifier has its
// trusted lists.
func (s *scene) serve() {
	s.Helper()
	log, err := os.Create(s.path("server.log"))
	s.check(err)
	cmd := exec.Command(s.program, "serve", "--config", s.path("zegel.yaml"))
	cmd.Stdout, cmd.Stderr = log, log
	s.check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		err := <-ended
		log.Close()
		if err != nil {
			s.Errorf("zegel serve ended with %v", err)
		}
		if said, err := os.ReadFile(log.Name()); s.Failed() && err == nil {
			s.Logf("zegel serve said:\n%s", said)
		}
	})
	for range 600 {
		ready := true
		for _, base := range []string{s.issuer, s.holder, s.verifier} {
			res, err := http.Get(base + "/health/ready")
			if err == nil {
				res.Body.Close()
			}
			ready = ready && err == nil && res.StatusCode == http.StatusOK
		}
		if ready {
			return
		}
		select {
		case err := <-ended:
			ended <- err
			s.Fatalf("zegel serve ended early: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	s.Fatal("zegel serve is not ready")
}

// run runs a command with a wallet, and gives its exit status and what it printed.
func (s *scene) run(wallet string, args ...string) (int, string) {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), s.program, args...)
	cmd.Env = append(os.Environ(), "ZEGEL_SOCKET="+s.path("data/admin.sock"), "ZEGEL_WALLET="+s.path(wallet))
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode(), out.String() + complaints.String()
	case err != nil:
		s.Fatal(err)
	}
	return 0, out.String()
}

// zegel is run for a command that must end well.
func (s *scene) zegel(wallet string, args ...string) string {
	s.Helper()
	status, out := s.run(wallet, args...)
	if status != 0 {
		s.Fatalf("zegel %s ended with %d:\n%s", strings.Join(args, " "), status, out)
	}
	return out
}

// validate asks the verifier's endpoint.
func (s *scene) validate(document []byte, mediaType string) []byte {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), http.MethodPost, s.verifier+"/verifier/v1/seals/validate", bytes.NewReader(document))
	s.check(err)
	req.Header.Set("Content-Type", mediaType)
	req.Header.Set("Authorization", "Bearer "+s.employer)
	res, err := http.DefaultClient.Do(req)
	s.check(err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	s.check(err)
	if res.StatusCode != http.StatusOK {
		s.Fatalf("HTTP status %d: %s", res.StatusCode, b)
	}
	return b
}

// strangerKey is a key that nobody certified.
func strangerKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
