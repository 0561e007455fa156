package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A file is written whole, for its owner only; an old one stays unless it is
// to be written over; nothing else is left behind.
func TestWriteNew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	is := func(want string) {
		t.Helper()
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("found %q, %v, expected %q", got, err, want)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%v %v", entries, err)
		}
	}
	if err := writeNew(path, []byte("one")); err != nil {
		t.Fatal(err)
	}
	is("one")
	if err := writeNew(path, []byte("two")); !errors.Is(err, os.ErrExist) {
		t.Errorf("writing over: %v", err)
	}
	is("one")
	if err := writeOver(path, []byte("three")); err != nil {
		t.Fatal(err)
	}
	is("three")
}
