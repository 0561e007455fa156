// Package testvectors finds the public test vectors that tests hold the code
// against. They are not part of the repository; docs/testing.md says where
// they come from.
package testvectors

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Dir returns the folder of the named vectors. The root is the environment
// variable ZEGEL_VECTORS, or ../shared/vectors beside the repository. When the
// folder is not there the test is skipped, and says so; with CI=true it fails,
// because a skipped vector proves nothing.
func Dir(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join(root(), name)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("vectors %q are not at %s: set ZEGEL_VECTORS to their folder", name, dir)
		}
		t.Skipf("SKIPPED: vectors %q are not at %s; set ZEGEL_VECTORS to their folder (docs/testing.md)", name, dir)
	}
	return dir
}

// File returns the content of one vector file.
func File(t testing.TB, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(Dir(t, dir), name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func root() string {
	if r := os.Getenv("ZEGEL_VECTORS"); r != "" {
		return r
	}
	_, self, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(self), "..", "..", "..", "shared", "vectors")
}
