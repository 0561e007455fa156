package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
)

// The walk-through in the runbook does what it says.
func TestRunbookOfSigners(t *testing.T) {
	module := softhsmtest.New(t).Module // is there, or the test is skipped
	for _, tool := range []string{"pkcs11-tool", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip("SKIPPED: ", err)
		}
	}
	text, err := os.ReadFile("../../docs/runbooks/signers.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(text, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of commands", len(blocks))
	}
	s := newSite(t)
	s.Setenv("SOFTHSM2_CONF", filepath.Join(s.dir, "softhsm2.conf"))
	if err := os.RemoveAll(s.keys); err != nil {
		t.Fatal(err)
	}
	commands := strings.NewReplacer("http://localhost:8081", s.urls[0], "/usr/lib/softhsm/libsofthsm2.so", module).Replace(string(blocks[0][1]))
	cmd := exec.Command("sh", "-euc", commands)
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.start(filepath.Join(s.dir, "zegel.yaml"))
	if out := s.zegel("signers", "--socket", filepath.Join(s.dir, "data", "admin.sock")); !strings.Contains(out, "token seal") || !strings.Contains(out, "ready") {
		t.Error(out)
	}
}
