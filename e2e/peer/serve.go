package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/devidp"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/magda/fixtures"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/testport"
	issuerapi "github.com/zegel-id/zegel/issuer/api"
	"github.com/zegel-id/zegel/seal/trust/devca"
	verifierapi "github.com/zegel-id/zegel/verifier/api"
)

// Fronts make the handler that stands at the public address of a role, before
// the handler that leads to the role. Nil leads there straight.
type Fronts func(role, base string, next http.Handler) http.Handler

// WalletID is the client_id of wallets that the issuer of Serve knows, Callback
// where their browsers come back to.
const (
	WalletID         = "independent-wallet"
	AttestedWalletID = "attested-wallet"
	WalletProviderID = "https://provider.example"
	Callback         = "http://127.0.0.1:7/callback"
)

// Serve runs `zegel serve` with an issuer and a verifier behind fronts, until
// the test ends. Institutions offer what they answer for themselves (Own); a
// citizen who signs in gets a record out of a file, into any wallet.
//
// Settings are further lines of the issuer's configuration, such as
// "encryption: off".
func Serve(t *testing.T, fronts Fronts, settings ...string) Demo {
	t.Helper()
	dir := t.TempDir()
	s := Demo{program: build(t), Data: dir, Wallet: filepath.Join(dir, "wallet")}
	s.Citizen = fixtures.WithDiplomas
	issuerAt, verifierAt := "", ""
	s.Issuer, issuerAt = public(t, "issuer", fronts)
	s.Verifier, verifierAt = public(t, "verifier", fronts)
	s.Zegel(t, "keys", "init", "--dir", filepath.Join(dir, "keys"), "--issuer", s.Issuer)
	s.provide(t)
	s.configure(t, issuerAt, verifierAt, s.signIn(t), settings)
	s.launch(t)
	return s
}

// public opens the public address of a role. Behind its front the role listens
// at the other address that is returned.
func public(t *testing.T, role string, fronts Fronts) (base, listen string) {
	t.Helper()
	listen = testport.Free(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base = fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
	var h http.Handler = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: listen})
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	if fronts != nil {
		h = fronts(role, base, h)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return base, listen
}

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
            vct_values: ["%s/types/led-diploma"]
            claims: [[title], [level]]
`

// provide makes the key of a wallet provider, who also attests keys.
func (s *Demo) provide(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err == nil {
		s.WalletProvider, err = jose.PrivateJWK(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.WalletProvider.Kid, s.WalletProvider.Alg = "provider", "ES256"
}

// signIn serves the development identity provider and returns its address.
func (s *Demo) signIn(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
	p, err := devidp.New(devidp.Config{
		Issuer: base, Now: time.Now, Citizens: []devidp.Citizen{{ID: "lotte", GivenName: "Lotte", FamilyName: "Test", RRN: s.Citizen}},
		Clients: []devidp.Client{{ID: "issuer", Secret: signInSecret, RedirectURI: s.Issuer + "/signed-in"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return base
}

const signInSecret = "secret of a test"

// recordsMapping is what a line of the file means.
const recordsMapping = `data_type: led-diploma
record: {reference: id, subject: insz}
claims:
  - {claim: title, from: title, required: true}
  - {claim: level.eqf, from: eqf}
`

func (s *Demo) configure(t *testing.T, issuerAt, verifierAt, signInAt string, settings []string) {
	t.Helper()
	hierarchy, err := devca.Load(filepath.Join(s.Data, "keys", "hierarchy"))
	if err != nil {
		t.Fatal(err)
	}
	var school, employer string
	s.SchoolKey, school = rest.NewKey()
	s.EmployerKey, employer = rest.NewKey()
	provider, err := jose.Marshal(map[string]any{"keys": []any{s.WalletProvider.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	var more strings.Builder
	for _, line := range settings {
		more.WriteString("\n  " + line)
	}
	files := map[string]string{
		"provider.json":  string(provider),
		"suppliers.yaml": string(fixtures.Register()),
		"receivers.yaml": fmt.Sprintf(receivers, s.Issuer),
		"sign-in.secret": signInSecret,
		"mapping.yaml":   recordsMapping,
		"source.yaml":    "format: jsonl\n",
		"records.jsonl":  `{"id":"1","insz":"` + s.Citizen + `","title":"Getuigschrift","eqf":"4"}` + "\n",
		"zegel.yaml": fmt.Sprintf(`
profile: development
data: data
keys: keys
issuer:
  url: %[1]s
  listen: %[9]s
  register: suppliers.yaml
  status_ttl: 1s%[17]s
  sign_in: {issuer: "%[11]s", client_id: issuer, client_secret_file: sign-in.secret, acr: ["%[12]s"]}
  connectors:
    - {supplier: led, data_type: led-diploma, configuration: led_diploma, kind: file, mapping: mapping.yaml, source: source.yaml, file: records.jsonl}
  types:
    - {id: led_diploma, metadata: led-diploma, without_vault: true, proofs: [jwt, attestation]}
  attesters:
    keys: provider.json
  wallet_providers:
    - {name: Provider (TEST), issuer: "%[15]s", keys: provider.json, wallets: [{id: %[16]s, name: Attested wallet (TEST), redirect_uris: ["%[14]s"]}]}
  wallets:
    - {id: %[13]s, name: Wallet of others (TEST), redirect_uris: ["%[14]s"]}
  clients:
    - {id: school, key_sha256: [%[3]s], permissions: ["%[5]s", "%[6]s:led_diploma"]}
verifier:
  url: %[2]s
  listen: %[10]s
  receivers: receivers.yaml
  result_grace: 0s
  accept:
    - {type: "%[1]s/types/led-diploma", issuers: ["%[1]s"], registrations: ["%[8]s"]}
  clients:
    - {id: employer, key_sha256: [%[4]s], permissions: [%[7]s]}
`, s.Issuer, s.Verifier, school, employer, issuerapi.PermissionOffer, issuerapi.PermissionClaims, verifierapi.Permission, hierarchy.Registration(), issuerAt, verifierAt, signInAt, devidp.ACR, WalletID, Callback, WalletProviderID, AttestedWalletID, more.String()),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.Data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// launch starts the command and waits until both roles serve.
func (s *Demo) launch(t *testing.T) {
	t.Helper()
	var said strings.Builder
	cmd := exec.CommandContext(t.Context(), s.program, "serve", "--config", filepath.Join(s.Data, "zegel.yaml"))
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel, cmd.WaitDelay = func() error { return cmd.Process.Signal(os.Interrupt) }, 20*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := <-ended; t.Failed() {
			t.Logf("zegel serve ended with %v and said:\n%s", err, said.String())
		}
	})
	for _, base := range []string{s.Issuer, s.Verifier} {
		for {
			res, err := http.Get(base + "/health/ready")
			if err == nil {
				res.Body.Close()
			}
			if err == nil && res.StatusCode == http.StatusOK {
				break
			}
			select {
			case err := <-ended:
				ended <- err
				t.Fatalf("zegel serve ended early: %v", err)
			case <-t.Context().Done():
				t.Fatal("zegel serve does not serve")
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}
