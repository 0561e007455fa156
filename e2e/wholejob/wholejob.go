// Package wholejob runs the main job with the real command, on the stores and
// pods that others keep, and checks from outside what it left there: a vault is
// activated, diplomas are collected and accepted, one is presented and
// verified, one is revoked, the vault is deleted.
//
// It is for tests. What only one store or Solid server shows is checked by the
// test that starts it.
package wholejob

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Limits on what a machine under load may need.
const (
	storyLimit = 3 * time.Minute
	stopLimit  = 30 * time.Second
)

// Command is the command, built from the repository.
type Command struct{ path string }

// Build builds the command into a directory of the test.
func Build(t testing.TB) Command {
	t.Helper()
	_, self, _, _ := runtime.Caller(0)
	c := Command{filepath.Join(t.TempDir(), "zegel")}
	if runtime.GOOS == "windows" {
		c.path += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", c.path, "./cmd/zegel")
	build.Dir = filepath.Join(filepath.Dir(self), "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return c
}

// Once runs `zegel demo --once` in a directory of its own and returns what it
// printed. It must end well, and log nothing.
func (c Command) Once(t testing.TB, arguments ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), storyLimit)
	defer cancel()
	data := filepath.Join(t.TempDir(), "demo")
	cmd := exec.CommandContext(ctx, c.path, append([]string{"demo", "--once", "--port", "0", "--data", data}, arguments...)...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("zegel demo --once: %v\n%s\n%s", err, out.Bytes(), log.Bytes())
	}
	quiet(t, log.String())
	return out.String()
}

// quiet fails when a log holds a line: a demonstration warns of nothing.
func quiet(t testing.TB, log string) {
	t.Helper()
	if log != "" {
		t.Errorf("zegel demo logged:\n%s", log)
	}
	if found := Readable([]byte(log)); found != "" {
		t.Errorf("%q stands in the log", found)
	}
}

// Demo is a demonstration that told its story and goes on serving.
type Demo struct {
	// Data is its directory.
	Data string

	Issuer   string `json:"issuer"`
	Holder   string `json:"holder"`
	Verifier string `json:"verifier"`

	command  Command
	out, log output
	stop     func() error
}

// Start runs `zegel demo` until Stop or the end of the test.
func (c Command) Start(t testing.TB, arguments ...string) *Demo {
	t.Helper()
	d := &Demo{Data: filepath.Join(t.TempDir(), "demo"), command: c}
	// Not the test's context: the end of a test is told by an interrupt.
	cmd := exec.Command(c.path, append([]string{"demo", "--port", "0", "--data", d.Data}, arguments...)...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &d.out, &d.log, stopLimit
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	d.stop = sync.OnceValue(func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			_ = cmd.Process.Kill()
		}
		select {
		case err := <-ended:
			return err
		case <-time.After(stopLimit):
			_ = cmd.Process.Kill()
			return errors.Join(errors.New("it did not end on an interrupt"), <-ended)
		}
	})
	t.Cleanup(func() {
		if err := d.stop(); err != nil {
			t.Errorf("zegel demo: %v", err)
		}
		if t.Failed() {
			t.Logf("zegel demo printed:\n%s\nand logged:\n%s", d.out.String(), d.log.String())
		}
	})
	d.wait(t, ended)
	b, err := os.ReadFile(filepath.Join(d.Data, "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// wait waits for the file that says that the story is told.
func (d *Demo) wait(t testing.TB, ended chan error) {
	t.Helper()
	for deadline := time.Now().Add(storyLimit); ; {
		if _, err := os.Stat(filepath.Join(d.Data, "ready")); err == nil {
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatal("zegel demo ended before its story was told")
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("zegel demo did not tell its story within %s", storyLimit)
		}
	}
}

// Stop interrupts the demonstration, which must end well and have logged
// nothing.
func (d *Demo) Stop(t testing.TB) {
	t.Helper()
	if err := d.stop(); err != nil {
		t.Errorf("zegel demo: %v", err)
	}
	quiet(t, d.log.String())
}

// Printed is what it printed up to now.
func (d *Demo) Printed() string { return d.out.String() }

// Zegel runs another command beside the demonstration, as its citizen Lotte,
// and returns what it printed.
func (d *Demo) Zegel(t testing.TB, arguments ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), d.command.path, arguments...)
	cmd.Env = append(os.Environ(), "ZEGEL_WALLET="+filepath.Join(d.Data, "wallet"), "ZEGEL_SOCKET="+filepath.Join(d.Data, "admin.sock"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("zegel %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// Status is the status of an answer to a GET without any credentials.
func Status(t testing.TB, address string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fetch(t, req).status
}

type answer struct {
	status int
	body   []byte
}

func fetch(t testing.TB, req *http.Request) answer {
	t.Helper()
	res, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, b}
}

// output is what a process wrote, read while it runs.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

// String is what was written up to now.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
