// Package softhsmtest gives tests a token in SoftHSM, made for the test in a
// folder of its own, that can be unplugged, exchanged and made to fail. What it
// simulates is the token's absence and errors; keys and signatures are real.
package softhsmtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/pkcs11"
)

// The PINs of every token made here.
const (
	PIN   = "98765432"
	SOPIN = "12345678"
)

// Label of the token that New makes.
const Label = "seal"

// places are where distributions put the library.
var places = []string{
	"/usr/lib/softhsm/libsofthsm2.so",
	"/usr/lib64/pkcs11/libsofthsm2.so",
	"/usr/lib64/softhsm/libsofthsm.so",
	"/usr/local/lib/softhsm/libsofthsm2.so",
	"/opt/homebrew/lib/softhsm/libsofthsm2.so",
}

// HSM is a folder of tokens and the library that serves it.
type HSM struct {
	Module string
	dir    string
}

// New makes an HSM with one initialised token. It sets the environment that the
// library reads, so such tests do not run in parallel. Without SoftHSM the test
// is skipped, and says so; with CI=true it fails.
func New(t testing.TB) *HSM {
	t.Helper()
	h := &HSM{Module: module(t), dir: t.TempDir()}
	conf := filepath.Join(h.dir, "softhsm2.conf")
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n", h.tokens())
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	h.mkdir(t, h.tokens())
	h.Add(t, Label)
	return h
}

func module(t testing.TB) string {
	t.Helper()
	path := os.Getenv("ZEGEL_TEST_SOFTHSM")
	for i := 0; path == "" && i < len(places); i++ {
		if _, err := os.Stat(places[i]); err == nil {
			path = places[i]
		}
	}
	_, tool := exec.LookPath("softhsm2-util")
	switch {
	case !pkcs11.Available:
		missing(t, "this test was built without cgo")
	case path == "":
		missing(t, "SoftHSM is not installed; install softhsm2, or set ZEGEL_TEST_SOFTHSM to its library (docs/testing.md)")
	case tool != nil:
		missing(t, "softhsm2-util is not on the path (docs/testing.md)")
	}
	return path
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip("SKIPPED: " + what)
}

// Config opens the token of New.
func (h *HSM) Config() pkcs11.Config {
	return pkcs11.Config{
		Module: h.Module, Token: Label, Retry: time.Nanosecond,
		PIN: func(context.Context) (string, error) { return PIN, nil },
	}
}

// Open opens the token of New until the test ends.
func (h *HSM) Open(t testing.TB, change ...func(*pkcs11.Config)) *pkcs11.Token {
	t.Helper()
	c := h.Config()
	for _, f := range change {
		f(&c)
	}
	token, err := pkcs11.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := token.Close(); err != nil {
			t.Error(err)
		}
	})
	return token
}

// Add initialises one more token. A library that is open does not see it.
func (h *HSM) Add(t testing.TB, label string) {
	t.Helper()
	out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", SOPIN, "--pin", PIN).CombinedOutput()
	if err != nil {
		t.Fatalf("softhsm2-util: %v\n%s", err, out)
	}
}

// Unplug takes all tokens away, under the hands of an open library.
func (h *HSM) Unplug(t testing.TB) {
	t.Helper()
	h.move(t, h.tokens(), filepath.Join(h.dir, "drawer"))
	h.mkdir(t, h.tokens())
}

// Plug puts back what Unplug took away, and nothing else.
func (h *HSM) Plug(t testing.TB) {
	t.Helper()
	if err := os.RemoveAll(h.tokens()); err != nil {
		t.Fatal(err)
	}
	h.move(t, filepath.Join(h.dir, "drawer"), h.tokens())
}

// PlugBeside puts back what Unplug took away, beside what is there now.
func (h *HSM) PlugBeside(t testing.TB) {
	t.Helper()
	drawer := filepath.Join(h.dir, "drawer")
	entries, err := os.ReadDir(drawer)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		h.move(t, filepath.Join(drawer, e.Name()), filepath.Join(h.tokens(), e.Name()))
	}
}

func (h *HSM) tokens() string { return filepath.Join(h.dir, "tokens") }

func (h *HSM) mkdir(t testing.TB, dir string) {
	t.Helper()
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

func (h *HSM) move(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// Wait asks until something is so.
func Wait(t testing.TB, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !so() {
		if time.Now().After(deadline) {
			t.Fatal("not in a minute: " + what)
		}
		time.Sleep(time.Millisecond)
	}
}
