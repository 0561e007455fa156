// Package solidtest runs a Community Solid Server for tests, on loopback, and
// the WebID documents of the people whose pods it holds.
//
// The server is an npm package pinned in e2e/solid. It needs Node.js. If it is
// not installed there yet, it is installed (about 100 MB, once) when CI=true or
// ZEGEL_TEST_SOLID=1; otherwise the test is skipped with a message that says
// so. When CI=true nothing is skipped: what is missing is a failure.
package solidtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/pod"
)

const (
	startLimit   = 90 * time.Second // 6 s on a quiet machine, 27 s on a busy one
	installLimit = 8 * time.Minute
)

// Server is a running Community Solid Server with a file backend.
type Server struct {
	// URL is its base URL, http://localhost:…/
	URL string
	// Dir is where it keeps its files.
	Dir string
	// WebIDs is where its users' WebID documents are.
	WebIDs *WebIDs
}

// Start runs a server until the test ends, or skips the test.
func Start(t testing.TB) *Server {
	t.Helper()
	dir := installed(t)
	for range 3 { // a free port may be taken before the server listens on it
		s, err := start(t, dir)
		if err == nil {
			return s
		}
		t.Log(err)
	}
	t.Fatal("the Solid server did not start")
	return nil
}

func start(t testing.TB, dir string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s := &Server{URL: fmt.Sprintf("http://localhost:%d/", port), Dir: t.TempDir()}
	cmd := exec.Command("node", "node_modules/@solid/community-server/bin/server.js",
		"--config", "@css:config/file.json", "--rootFilePath", s.Dir,
		"--port", fmt.Sprint(port), "--baseUrl", s.URL, "--loggingLevel", "warn")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "NODE_OPTIONS=--require ./loopback.cjs", "END_WITH_STDIN=1")
	var log output
	cmd.Stdout, cmd.Stderr = &log, &log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop := func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		<-ended
	}
	deadline := time.Now().Add(startLimit)
	for {
		if answers(s.URL + ".account/") {
			break
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the Solid server ended while it started: %v\n%s", err, log.String())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			stop()
			return nil, fmt.Errorf("the Solid server did not answer within %s\n%s", startLimit, log.String())
		}
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("the Solid server's log:\n%s", log.String())
		}
	})
	s.WebIDs = newWebIDs(t)
	return s, nil
}

func answers(address string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	return res.StatusCode == http.StatusOK
}

// installed is the folder with the server in it.
func installed(t testing.TB) string {
	t.Helper()
	_, self, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(self), "..", "..", "..", "..", "e2e", "solid")
	ci := os.Getenv("CI") == "true"
	missing := func(what string) {
		t.Helper()
		if ci {
			t.Fatalf("the Solid server cannot run: %s", what)
		}
		t.Skipf("NOT TESTED against a Solid server: %s", what)
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(program + " is not installed (Node.js 20 or later)")
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@solid", "community-server")); err == nil {
		return dir
	}
	if !ci && os.Getenv("ZEGEL_TEST_SOLID") != "1" {
		missing("it is not in e2e/solid/node_modules; set ZEGEL_TEST_SOLID=1 to let the test install it (about 100 MB)")
	}
	if err := install(t, dir); err != nil {
		t.Fatalf("installing the Solid server with npm: %v", err)
	}
	return dir
}

// install runs npm in a folder of its own and moves the result into place
// whole: other test processes may be doing the same.
func install(t testing.TB, dir string) error {
	temp, err := os.MkdirTemp(dir, ".node_modules-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(temp, name), b, 0o600); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), installLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "ci", "--omit=dev")
	cmd.Dir = temp
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	err = os.Rename(filepath.Join(temp, "node_modules"), filepath.Join(dir, "node_modules"))
	if errors.Is(err, fs.ErrExist) || err != nil && exists(filepath.Join(dir, "node_modules", "@solid")) {
		return nil // another process was faster
	}
	return err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// output is what a process wrote, read while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// WebIDs serves WebID documents, as the product does for its citizens.
type WebIDs struct {
	base string

	mu       sync.Mutex
	profiles map[string]*profile // by path
}

type profile struct{ issuer, token string }

func newWebIDs(t testing.TB) *WebIDs {
	w := &WebIDs{profiles: map[string]*profile{}}
	srv := httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(srv.Close)
	// By the name localhost: the server trusts no other plain http address.
	w.base = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	return w
}

// New is a WebID whose document exists.
func (w *WebIDs) New() string {
	path := "/profiles/" + pod.NewName()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.profiles[path] = &profile{}
	return w.base + path
}

// Publish is the function that solid.Config wants.
func (w *WebIDs) Publish(_ context.Context, webID, issuer, token string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.profiles[strings.TrimPrefix(webID, w.base)]
	if p == nil {
		return errors.New("no such WebID")
	}
	p.issuer, p.token = issuer, token
	return nil
}

// Token is the registration token that the document holds now.
func (w *WebIDs) Token(webID string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p := w.profiles[strings.TrimPrefix(webID, w.base)]; p != nil {
		return p.token
	}
	return ""
}

func (w *WebIDs) serve(res http.ResponseWriter, req *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.profiles[req.URL.Path]
	if p == nil {
		http.NotFound(res, req)
		return
	}
	res.Header().Set("Content-Type", "text/turtle")
	fmt.Fprintf(res, "@prefix solid: <http://www.w3.org/ns/solid/terms#>.\n<%s> a <http://xmlns.com/foaf/0.1/Agent>.\n", w.base+req.URL.Path)
	for predicate, object := range map[string]string{"oidcIssuer": "<" + p.issuer + ">", "oidcIssuerRegistrationToken": `"` + p.token + `"`} {
		if len(object) > 2 {
			fmt.Fprintf(res, "<%s> solid:%s %s.\n", w.base+req.URL.Path, predicate, object)
		}
	}
}
