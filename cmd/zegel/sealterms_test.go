package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
)

// A token whose key could not be taken can be tried in another way.
func TestTokenNotTakenLeavesNoTerms(t *testing.T) {
	hsm := softhsmtest.New(t)
	s := newSite(t)
	s.token(hsm, "")
	if out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", "second", "--so-pin", "12345678", "--pin", softhsmtest.PIN).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	s.serve()
	socket := filepath.Join(s.dir, "data", "admin.sock")
	replace := func() string {
		out, _ := exec.Command("zegel", "signers", "replace", "--socket", socket).CombinedOutput()
		return string(out)
	}
	b, _ := os.ReadFile(filepath.Join(s.dir, "zegel.yaml"))
	first := strings.Replace(string(b), "token_label: "+softhsmtest.Label, "token_label: second", 1)
	first = strings.Replace(first, "sessions: 8", "sessions: 9", 1)
	s.file("zegel.yaml", first)
	if out := replace(); !strings.Contains(out, "pkcs11.key_label") {
		t.Error(out)
	}
	s.file("zegel.yaml", strings.Replace(first, "sessions: 9", "sessions: 4", 1))
	if out := replace(); strings.Contains(out, "than when the signer was taken into use") {
		t.Error("the token was never taken into use: ", out)
	}
}
