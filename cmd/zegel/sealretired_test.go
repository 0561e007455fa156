package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/keyring/keyringtest"
)

// A retirement that was cut off before the private key was removed is finished at the start.
func TestRetiredKeyLeft(t *testing.T) {
	s, a := newSite(t), keyringtest.New(t)
	id, _ := s.imported(a, 0, nil)
	ring := ringOf(s.keys, "")
	file := filepath.Join(ring.Dir(), id+".key")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Retire(id, time.Now()); err != nil {
		t.Fatal(err)
	}
	// Cut off after the manifest was written.
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	if ring.Has(id) {
		t.Error("the private key of a retired key is still there after a start")
	}
}
