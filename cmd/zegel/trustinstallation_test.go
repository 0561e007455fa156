package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	verifierapi "github.com/zegel-id/zegel/verifier/api"
)

// installation is a verifier that follows trusted lists, as `zegel serve` builds it,
// with a clock that tests set.
type installation struct {
	t         *testing.T
	c         *Config
	hierarchy *devca.Hierarchy
	clock     atomic.Int64 // Unix seconds
	log       *lockedBuffer
	key       string // of a receiver

	app  *app
	stop func()
}

// lockedBuffer may be written by servers while tests read it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// writeInstallation writes what a configuration names: keys, the register of
// receivers and the signers of the list of lists.
func writeInstallation(t *testing.T, dir string, p *unionScene, now time.Time) *devca.Hierarchy {
	t.Helper()
	if err := initKeys(filepath.Join(dir, "keys"), devca.Options{Now: now.Add(-time.Hour), Issuer: "https://issuer.example.org"}); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"receivers.yaml": strings.NewReplacer("{vct}", "https://issuer.example.org/types/diploma", "{host}", "localhost").Replace(demoReceivers),
		"journal.pem":    string(trust.EncodePEM(p.union.cert)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h, err := loadHierarchy(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func newInstallation(t *testing.T, p *unionScene, now time.Time) *installation {
	t.Helper()
	dir, err := os.MkdirTemp("", "zegel") // short, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	i := &installation{t: t, hierarchy: writeInstallation(t, dir, p, now), log: &lockedBuffer{}}
	i.clock.Store(now.Unix())
	var digest string
	i.key, digest = rest.NewKey()
	i.c = &Config{Profile: ProfileDevelopment, Data: filepath.Join(dir, "data"), Keys: filepath.Join(dir, "keys"), Socket: filepath.Join(dir, "s"), Verifier: &VerifierConfig{
		ListenConfig: ListenConfig{URL: "http://localhost:8083", Listen: "127.0.0.1:0"}, Receivers: filepath.Join(dir, "receivers.yaml"),
		Clients: []ClientConfig{{ID: "employer", KeySHA256: []string{digest}, Permissions: []string{verifierapi.Permission}}},
		Accept:  []AcceptConfig{{Type: "https://issuer.example.org/types/diploma", Issuers: []string{"https://issuer.example.org"}, Registrations: []string{"NTRBE-0999999922"}}},
		Trust:   TrustConfig{Lists: &TrustedListsConfig{Location: p.URL + "/lotl.xml", Certificates: filepath.Join(dir, "journal.pem")}},
	}}
	if err := i.c.Check(); err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *installation) now() time.Time { return time.Unix(i.clock.Load(), 0).UTC() }

// wait sets the clock forward.
func (i *installation) wait(d time.Duration) { i.clock.Add(int64(d / time.Second)) }

// start opens and serves it, background work and all.
func (i *installation) start() {
	i.t.Helper()
	var err error
	if i.app, err = open(i.t.Context(), i.c, slog.New(slog.NewTextHandler(i.log, nil)), i.now); err != nil {
		i.t.Fatal(err)
	}
	if err := i.app.roles(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- i.app.serve(ctx) }()
	i.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			i.t.Error(err)
		}
		if err := i.app.Close(); err != nil {
			i.t.Error(err)
		}
	})
	i.t.Cleanup(i.stop)
	i.eventually("the admin socket is there", func() bool { _, err := os.Stat(i.c.Socket); return err == nil })
}

// eventually waits for background work.
func (i *installation) eventually(what string, is func() bool) {
	i.t.Helper()
	for range 3000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	i.t.Fatalf("%s: not within half a minute\n%s", what, i.log)
}

// do asks a handler of the verifier.
func (i *installation) do(method, path, body string) (int, string) {
	i.t.Helper()
	r := httptest.NewRequest(method, i.c.Verifier.URL+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+i.key)
	if body != "" {
		r.Header.Set("Content-Type", "application/jose")
	}
	rec := httptest.NewRecorder()
	i.app.servers[0].handler.ServeHTTP(rec, r)
	return rec.Code, rec.Body.String()
}

// ready are the checks that fail; empty when it is ready.
func (i *installation) ready() string {
	i.t.Helper()
	if status, text := i.do("GET", "/health/ready", ""); status != http.StatusOK {
		return text
	}
	return ""
}

// judge has the verifier judge a seal that is made now.
func (i *installation) judge(want seal.Qualification, check string) {
	i.t.Helper()
	if err := i.app.local.Refresh(i.t.Context()); err != nil { // revocation lists of that time
		i.t.Fatal(err)
	}
	s, err := i.hierarchy.Sealer("", i.now)
	if err != nil {
		i.t.Fatal(err)
	}
	compact, err := s.SignCompact("vc+jwt", i.now(), []byte(`{}`))
	if err != nil {
		i.t.Fatal(err)
	}
	status, text := i.do("POST", "/verifier/v1/seals/validate", compact)
	var r report.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil || status != http.StatusOK {
		i.t.Fatalf("status %d, %v\n%s", status, err, text)
	}
	if r.Qualification != want || r.Indication != seal.TotalPassed {
		i.t.Errorf("found %s %s, expected %s\n%s", r.Indication, r.Qualification, want, text)
	}
	if check != "" && !strings.Contains(text, `"name":"`+seal.CheckListed+check+`","outcome":"skipped"`) {
		i.t.Errorf("the check %s does not say why\n%s", seal.CheckListed+check, text)
	}
}

// run runs a command of `zegel trust` and gives its exit status.
func (i *installation) run(args ...string) (status int, stdout, stderr string) {
	i.t.Helper()
	return trusting(i.t, append(args, "--socket", i.c.Socket)...)
}

func trusting(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	c := trustCommand()
	c.SilenceErrors, c.SilenceUsage = true, true
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&errs)
	if err := c.ExecuteContext(t.Context()); err != nil {
		s, ok := err.(exitStatus)
		if !ok {
			t.Fatalf("%v: the error has no status of its own", err)
		}
		status = int(s)
	}
	return status, out.String(), errs.String()
}

// asked calls an admin route.
func (i *installation) asked(method, path, mediaType, body string) (int, http.Header, string) {
	i.t.Helper()
	req, err := http.NewRequestWithContext(i.t.Context(), method, "http://admin"+path, strings.NewReader(body))
	if err != nil {
		i.t.Fatal(err)
	}
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	res, err := rest.UnixClient(i.c.Socket).Do(req)
	if err != nil {
		i.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		i.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}
