package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/testport"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// site is an issuer and its tenant "school" whose seal keys are elsewhere: as the
// command in a process of its own, or within the test with a clock that it moves.
type site struct {
	*testing.T
	dir, keys string
	urls      []string
	api       []string // keys of an institution
	seals     []string // what stands under seal, in YAML
	log       syncBuffer

	app   *app
	moved atomic.Int64
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newSite(t *testing.T) *site {
	t.Helper()
	base := "http://" + testport.Free(t)
	s := &site{T: t, dir: t.TempDir(), urls: []string{base, base + "/school"}, seals: []string{"", ""}}
	s.keys = filepath.Join(s.dir, "keys")
	if err := initKeys(s.keys, devca.Options{Now: time.Now(), Issuer: s.urls[0]}); err != nil {
		t.Fatal(err)
	}
	if err := initTenant(s.keys, "school", devca.Options{Now: time.Now(), Issuer: s.urls[1], Organization: "School (TEST)", Registration: "NTRBE-0999999823"}); err != nil {
		t.Fatal(err)
	}
	s.file("suppliers.yaml", "suppliers: []\n")
	s.file("membership.json", membership)
	return s
}

func (s *site) file(name, text string) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	return path
}

// config writes the configuration.
func (s *site) config() string {
	s.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "profile: development\ndata: data\nkeys: keys\nissuer:\n")
	s.api = nil
	for n, indent := range []string{"  ", "      "} {
		key, digest := rest.NewKey()
		s.api = append(s.api, key)
		if n == 1 {
			b.WriteString("  tenants:\n    - tenant: school\n")
		}
		body := fmt.Sprintf(`url: %s
register: suppliers.yaml
types:
  - {id: membership, metadata: membership.json}
  - {id: led_diploma_elm_ldp, metadata: led-diploma, format: ldp_vc, definition: elm}
  - {id: led_diploma_mdoc, metadata: led-diploma, format: mso_mdoc, definition: led-diploma}
clients:
  - {id: institution, key_sha256: [%s], permissions: [offer, "offer:claims:membership", "offer:claims:led_diploma_elm_ldp", "offer:claims:led_diploma_mdoc"]}
`, s.urls[n], digest)
		if s.seals[n] != "" {
			body += "seal:\n" + strings.ReplaceAll(strings.TrimRight("  "+strings.ReplaceAll(strings.TrimSpace(s.seals[n]), "\n", "\n  "), " "), "\t", "  ") + "\n"
		}
		for line := range strings.Lines(body) {
			b.WriteString(indent + line)
		}
	}
	return s.file("zegel.yaml", b.String())
}

// now is the clock of an issuer within the test.
func (s *site) now() time.Time { return time.Now().Add(time.Duration(s.moved.Load())) }

func (s *site) pass(d time.Duration) { s.moved.Add(int64(d)) }

// tryOpen opens the issuer within the test.
func (s *site) tryOpen() error {
	s.Helper()
	c, err := LoadConfig(s.config())
	if err != nil {
		return err
	}
	a, err := open(s.Context(), c, slog.New(slog.NewTextHandler(&s.log, nil)), s.now)
	if err != nil {
		return err
	}
	s.Cleanup(func() {
		if err := a.Close(); err != nil {
			s.Error(err)
		}
	})
	s.app = a
	return a.roles(context.Background())
}

// serve starts the command and stops it when the test ends.
func (s *site) serve() {
	s.Helper()
	s.start(s.config())
}

// start is serve with a configuration of its own.
func (s *site) start(config string) {
	s.Helper()
	cmd := exec.Command("zegel", "serve", "--config", config)
	cmd.Stderr = &s.log
	if err := cmd.Start(); err != nil {
		s.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			s.Errorf("the server ended with %v:\n%s", err, s.log.String())
		}
	})
	s.wait("the server serves", func() bool {
		select {
		case err := <-ended:
			ended <- err
			s.Fatalf("the server did not start: %v\n%s", err, s.log.String())
		default:
		}
		status, _, _ := s.try("GET", s.urls[0]+"/health/live", "")
		return status == http.StatusOK
	})
}

// send sends a request, to the handler within the test or to the command.
func (s *site) send(method, address, body string, header ...string) (int, map[string]any, string) {
	s.Helper()
	status, out, text := s.try(method, address, body, header...)
	if status == 0 {
		s.Errorf("%s %s: %s", method, address, text)
	}
	return status, out, text
}

func (s *site) try(method, address, body string, header ...string) (int, map[string]any, string) {
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		return 0, nil, err.Error()
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	var status int
	var text []byte
	if s.app != nil {
		r.RequestURI = r.URL.RequestURI()
		r.RemoteAddr = "127.0.0.1:1"
		w := httptest.NewRecorder()
		s.app.servers[0].handler.ServeHTTP(w, r)
		status, text = w.Code, w.Body.Bytes()
	} else {
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, nil, err.Error()
		}
		defer res.Body.Close()
		if text, err = io.ReadAll(res.Body); err != nil {
			return 0, nil, err.Error()
		}
		status = res.StatusCode
	}
	var out map[string]any
	_ = json.Unmarshal(text, &out)
	return status, out, string(text)
}

// wanted is a credential that a wallet asked for.
type wanted struct {
	n, want             int
	access, transaction string
	copies              []string
}

const elmClaims = `{"title":"Kanarie bachelor","award_type":"Diploma","authenticity":"Authentiek","supplier":{"name":"Kanarie"},"record":{"reference":"e6247988-1111-4222-8333-444455556666"},"awarding_institution":{"name":"Kanarieschool","country":"BE"}}`

// offer makes an offer at an issuer and redeems it.
func (s *site) offer(n int, configuration string) string {
	s.Helper()
	claims := `{"member":"yes"}`
	if configuration != "membership" {
		claims = elmClaims
	}
	status, o, text := s.send("POST", s.urls[n]+"/issuance/v1/offers", `{"credential_configuration_id":"`+configuration+`","claims":[`+claims+`]}`, "Authorization", "Bearer "+s.api[n], "Content-Type", "application/json")
	if status != http.StatusCreated {
		s.Errorf("offer: %d %s", status, text)
		return ""
	}
	status, m, text := s.send("POST", s.urls[n]+"/token", code(o).Encode(), "Content-Type", formType)
	if status != http.StatusOK {
		s.Errorf("token: %d %s", status, text)
		return ""
	}
	return m["access_token"].(string)
}

// ask asks for a credential with two copies: it is there, or will be.
func (s *site) ask(n int, configuration string) *wanted {
	s.Helper()
	return s.askCopies(n, configuration, 2)
}

func (s *site) askCopies(n int, configuration string, copies int) *wanted {
	s.Helper()
	w := &wanted{n: n, want: copies, access: s.offer(n, configuration)}
	body := s.proven(n, configuration, copies)
	status, m, text := s.send("POST", s.urls[n]+"/credential", body, "Authorization", "Bearer "+w.access, "Content-Type", "application/json")
	w.take(s, status, m, text)
	return w
}

// proven is a credential request with proven keys.
func (s *site) proven(n int, configuration string, copies int) string {
	s.Helper()
	_, m, text := s.send("POST", s.urls[n]+"/nonce", "")
	nonce, _ := m["c_nonce"].(string)
	var proofs []string
	for range copies {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			s.Error(err)
		}
		proof, err := oid4vci.NewProof(key, oid4vci.ProofClaims{Audience: s.urls[n], Nonce: oid4vci.Secret(nonce), IssuedAt: jose.NumericDate(s.now().Unix())})
		if err != nil {
			s.Errorf("%v: %s", err, text)
		}
		proofs = append(proofs, `"`+proof+`"`)
	}
	return `{"credential_configuration_id":"` + configuration + `","proofs":{"jwt":[` + strings.Join(proofs, ",") + `]}}`
}

// again asks for what was put off.
func (s *site) again(w *wanted) {
	s.Helper()
	status, m, text := s.send("POST", s.urls[w.n]+"/deferred_credential", `{"transaction_id":"`+w.transaction+`"}`, "Authorization", "Bearer "+w.access, "Content-Type", "application/json")
	w.take(s, status, m, text)
}

// take reads an answer: 200 with every copy, or 202 with a transaction_id
// (OpenID4VCI 1.0, Section 8.3).
func (w *wanted) take(s *site, status int, m map[string]any, text string) {
	s.Helper()
	switch status {
	case http.StatusOK:
		for _, c := range m["credentials"].([]any) {
			b, _ := json.Marshal(c.(map[string]any)["credential"])
			w.copies = append(w.copies, strings.Trim(string(b), `"`))
		}
		if len(w.copies) != w.want {
			s.Errorf("%d copies of %d", len(w.copies), w.want)
		}
	case http.StatusAccepted:
		w.transaction, _ = m["transaction_id"].(string)
		if w.transaction == "" || len(w.copies) > 0 {
			s.Errorf("neither credentials nor a transaction: %s", text)
		}
	default:
		s.Errorf("%d %s", status, text)
	}
}

// sealedBy looks that copies are sealed with a key, and verifies.
func (s *site) sealedBy(w *wanted, c *x509.Certificate) {
	s.Helper()
	for _, text := range w.copies {
		compact, _, _ := strings.Cut(text, "~")
		token, err := jose.Parse(compact)
		if err != nil {
			s.Error(err)
			return
		}
		chain, err := token.Header.Certificates()
		if err != nil || !chain[0].Equal(c) {
			s.Errorf("sealed with another certificate: %v", err)
		}
		if err := token.Verify(c.PublicKey); err != nil {
			s.Error(err)
		}
	}
}

// statusList is the address of the status list of a credential.
func (s *site) statusList(w *wanted) string {
	s.Helper()
	compact, _, _ := strings.Cut(w.copies[0], "~")
	token, err := jose.Parse(compact)
	if err != nil {
		s.Fatal(err)
	}
	var claims struct {
		Status struct {
			List struct {
				URI string `json:"uri"`
			} `json:"status_list"`
		} `json:"status"`
	}
	if err := json.Unmarshal(token.Payload, &claims); err != nil || claims.Status.List.URI == "" {
		s.Fatalf("no status list: %v", err)
	}
	return claims.Status.List.URI
}

// ready is what the health check of an issuer says.
func (s *site) ready() string {
	s.Helper()
	status, m, text := s.send("GET", s.urls[0]+"/health/ready", "")
	if status != http.StatusOK {
		s.Errorf("health: %d %s", status, text)
	}
	said := []string{fmt.Sprint(m["status"])}
	if degraded, ok := m["degraded"].([]any); ok {
		for _, name := range degraded {
			said = append(said, fmt.Sprint(name))
		}
	}
	return strings.Join(said, " ")
}

// wait asks until something is so.
func (s *site) wait(what string, so func() bool) {
	s.Helper()
	for range 300 {
		if so() {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	s.Fatalf("not in a minute: %s\n%s", what, s.log.String())
}

// certify certifies keys as the seal authority of the site does.
func (s *site) certify(tenant string, pub crypto.PublicKey) *x509.Certificate {
	s.Helper()
	h, err := loadHierarchy(s.keys)
	if err != nil {
		s.Fatal(err)
	}
	c, err := h.CertifySeal(tenant, pub, time.Now())
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// token makes a key in the HSM for each issuer, and says so under seal.
func (s *site) token(hsm *softhsmtest.HSM, more string) []*x509.Certificate {
	s.Helper()
	s.file("pin", softhsmtest.PIN+"\n")
	var certificates []*x509.Certificate
	for n, tenant := range []string{"", "school"} {
		label := fmt.Sprintf("seal-%d", n)
		certificates = append(certificates, s.tokenKey(hsm, label, tenant))
		s.seals[n] = fmt.Sprintf("pkcs11:\n  module: %s\n  token_label: %s\n  key_label: %s\n  sessions: 8\n  pin_file: pin\n  certificate_file: %s.pem\n%s", hsm.Module, softhsmtest.Label, label, label, more)
	}
	return certificates
}

// tokenKey makes a key in the HSM and certifies it for an issuer.
func (s *site) tokenKey(hsm *softhsmtest.HSM, label, tenant string) *x509.Certificate {
	s.Helper()
	token, err := pkcs11.Open(s.Context(), hsm.Config())
	if err != nil {
		s.Fatal(err)
	}
	key, err := token.GenerateKey(s.Context(), label, elliptic.P256())
	if err != nil {
		s.Fatal(err)
	}
	c := s.certify(tenant, key.Public())
	s.file(label+".pem", string(trust.EncodePEM(c)))
	if err := token.Close(); err != nil {
		s.Fatal(err)
	}
	return c
}

// wellKnown is the address of metadata of an issuer.
func wellKnown(t testing.TB, name, issuer string) string {
	t.Helper()
	u, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host + "/.well-known/" + name + u.Path
}
