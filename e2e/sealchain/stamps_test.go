package sealchain

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/testport"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// buildStamps builds sigstore's time-stamp server, which is a tool of a module of its
// own.
func buildStamps(t testing.TB) string {
	t.Helper()
	if os.Getenv("CI") != "true" && os.Getenv("ZEGEL_TEST_PEERS") != "1" {
		t.Skip("SKIPPED: set ZEGEL_TEST_PEERS=1 to test with sigstore's time-stamp server (downloads Go modules)")
	}
	program := filepath.Join(t.TempDir(), "timestamp-server")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/sigstore/timestamp-authority/cmd/timestamp-server")
	build.Dir = filepath.Join("..", "timestamp")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the time-stamp server: %v\n%s", err, out)
	}
	return program
}

// serveStamps runs sigstore's server with the key of an authority, and gives the
// address where it stamps and what ends it. It has a fixed port for its metrics, so
// that one runs at a time.
func serveStamps(t testing.TB, program string, a *devtsa.Authority) (address *url.URL, stop func()) {
	t.Helper()
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(a.Key)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"key.pem":   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"chain.pem": trust.EncodePEM(a.Chain[0], a.Root),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listen := testport.Free(t)
	u := &url.URL{Scheme: "http", Host: listen}
	var log bytes.Buffer
	cmd := exec.Command(program, "serve", "--host", u.Hostname(), "--port", u.Port(), "--scheme", "http", "--disable-ntp-monitoring", "--include-chain-in-response",
		"--timestamp-signer", "file", "--file-signer-key-path", filepath.Join(dir, "key.pem"), "--certificate-chain-path", filepath.Join(dir, "chain.pem"))
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed, so it ends with an error
		if t.Failed() {
			t.Log(log.String())
		}
	})
	t.Cleanup(stop)
	for range 300 {
		if res, err := http.Get(u.String() + "/ping"); err == nil {
			res.Body.Close()
			return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/api/v1/timestamp"}, stop
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the time-stamp server does not answer")
	return nil, nil
}

// stampFront is the address that the platform knows. Behind it one authority takes
// the place of another, none answers, or all that ask meet first.
type stampFront struct {
	*httptest.Server

	mu      sync.Mutex
	to      *url.URL // nil when nobody answers
	meeting int      // how many more are waited for
	met     chan struct{}
}

func newStampFront(t testing.TB) *stampFront {
	f := &stampFront{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		to := f.to
		var wait chan struct{}
		if f.meeting > 0 {
			wait = f.met
			if f.meeting--; f.meeting == 0 {
				close(f.met)
			}
		}
		f.mu.Unlock()
		if to == nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if wait != nil {
			select {
			case <-wait:
			case <-r.Context().Done():
				return
			}
		}
		(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL, p.Out.Host = to, to.Host
		}}).ServeHTTP(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

// use has an authority answer from now on; nil nobody.
func (f *stampFront) use(to *url.URL) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.to = to
}

// together has the next n requests wait for each other.
func (f *stampFront) together(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.meeting, f.met = n, make(chan struct{})
}
