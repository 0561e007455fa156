package softhsmtest

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed testdata/faults.c
var faultsSource string

// Faults makes calls into the library fail.
type Faults struct {
	t   testing.TB
	dir string
}

// Break puts a library that fails on request between the HSM and who opens it.
// It is compiled for the test.
func (h *HSM) Break(t testing.TB) *Faults {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		missing(t, "there is no C compiler (cc)")
	}
	f := &Faults{t: t, dir: t.TempDir()}
	t.Setenv("ZEGEL_TEST_FAULTS", f.dir)
	lib := filepath.Join(h.dir, "faults.so")
	cmd := exec.Command(cc, "-shared", "-fPIC", "-O1", fmt.Sprintf("-DREAL=%q", h.Module), "-x", "c", "-", "-o", lib, "-ldl", "-lpthread")
	cmd.Stdin = strings.NewReader(faultsSource)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("compiling the library that fails: %v\n%s", err, out)
	}
	h.Module = lib
	return f
}

// Fail makes the next calls of a function answer rv.
func (f *Faults) Fail(function string, rv uint, times int) { f.set(function, rv, times, 0) }

// FailAfter lets some calls of a function pass and makes the next answer rv.
func (f *Faults) FailAfter(function string, pass int, rv uint) { f.set(function, rv, 1, uint(pass)) }

// FailFrom is FailAfter for so many times. Not for C_Sign, whose answers are
// changed meanwhile: C_SignInit stands for it.
func (f *Faults) FailFrom(function string, pass int, rv uint, times int) {
	f.set(function, rv, times, uint(pass))
}

// Change makes the next answers of a function wrong: C_Sign has the value
// exclusive-ored into its last octet, C_GetTokenInfo its bits set in the flags,
// and C_GetTokenInfo.sessions is the most sessions it allows.
func (f *Faults) Change(function string, value uint, times int) { f.set(function, 0, times, value) }

func (f *Faults) set(function string, rv uint, times int, value uint) {
	f.t.Helper()
	f.write(function, fmt.Sprintf("%d %d %d", rv, times, value))
}

// Clear ends what Fail and Change began.
func (f *Faults) Clear(function string) { f.remove(function) }

// Pending says that a fault has not been met as often as was asked.
func (f *Faults) Pending(function string) bool { return f.is(function) }

// Hold makes calls of a function wait until Release.
func (f *Faults) Hold(function string) {
	f.t.Helper()
	f.write(function+".hold", "")
}

// Held says that a call waits.
func (f *Faults) Held(function string) bool { return f.is(function + ".held") }

// Release ends Hold.
func (f *Faults) Release(function string) { f.remove(function + ".hold") }

func (f *Faults) write(name, text string) {
	f.t.Helper()
	temp := filepath.Join(f.dir, "new")
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(temp, filepath.Join(f.dir, name)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *Faults) remove(name string) {
	if err := os.Remove(filepath.Join(f.dir, name)); err != nil && !os.IsNotExist(err) {
		f.t.Error(err)
	}
}

func (f *Faults) is(name string) bool {
	_, err := os.Stat(filepath.Join(f.dir, name))
	return err == nil
}
