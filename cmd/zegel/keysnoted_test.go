package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/seal/keyring/keyringtest"
)

// A key that is in a ring no more is told in the use log, once; one that waited and
// that the server retired is told by the server.
func TestVanishedKeysAreLogged(t *testing.T) {
	s, a := newSite(t), keyringtest.New(t)
	id, _ := s.imported(a, 0, nil)
	other, _ := s.imported(a, 1, nil)
	s.zegel("keys", "request", "--dir", s.keys, "--subject", "C=BE,O=Voorbeeld (TEST),organizationIdentifier=NTRBE-0999999922,CN=Voorbeeld (TEST)", "--out", filepath.Join(s.dir, "seal.csr"), "--socket", s.socket())
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	var waiting string
	for _, k := range s.inventory() {
		if k.State == "requested" {
			waiting = k.ID
		}
	}
	if status, text := s.admin("POST", "/keys/retire?key="+waiting); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	note := func() string {
		t.Helper()
		if status, text := s.admin("POST", "/keys/changed"); status != 204 {
			t.Fatalf("%d %s", status, text)
		}
		_, log := s.admin("GET", "/audit/entries?kind=key.change")
		return log
	}
	if log := note(); strings.Contains(log, " gone ") || !strings.Contains(log, "seal key ready "+id) || !strings.Contains(log, "seal key requested "+waiting) || !strings.Contains(log, "seal key retired") {
		t.Errorf("before:\n%s", log)
	}
	if err := os.RemoveAll(s.app.local.ring("school").Dir()); err != nil {
		t.Fatal(err)
	}
	note()
	if log := note(); strings.Count(log, " gone ") != 1 || !strings.Contains(log, "seal key school gone "+other) {
		t.Errorf("after:\n%s", log)
	}
}
