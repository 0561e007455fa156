package peer

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var built struct {
	sync.Once
	dir, program string
	err          error
}

// Main runs the tests of a package that uses the command, and clears up after
// them.
func Main(m *testing.M) int {
	code := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	return code
}

// build builds the command, once for all tests of a package.
func build(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "zegel-peer-"); built.err != nil {
			return
		}
		built.program = filepath.Join(built.dir, "zegel")
		if out, err := exec.Command("go", "build", "-o", built.program, "github.com/zegel-id/zegel/cmd/zegel").CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.program
}

// Module builds the command of a folder that is a Go module of its own, because what it
// needs is not the product's. Unless the peers are asked for, the test is skipped and says
// so.
func Module(t *testing.T, dir, what string) (program string) {
	t.Helper()
	asked(t, what, "downloads Go modules")
	program = filepath.Join(t.TempDir(), "peer")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}
