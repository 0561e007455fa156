package embedded

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zegel-id/zegel/store"
)

// TestMain is also the main function of the children that some tests start.
func TestMain(m *testing.M) {
	switch dir := os.Getenv("ZEGEL_TEST_CHILD_DIR"); os.Getenv("ZEGEL_TEST_CHILD") {
	case "":
		os.Exit(m.Run())
	case "hold":
		holdChild(dir)
	case "crash":
		crashChild(dir)
	default:
		os.Exit(2)
	}
}

// child starts this test binary in one of the roles above.
func child(t *testing.T, role, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ZEGEL_TEST_CHILD="+role, "ZEGEL_TEST_CHILD_DIR="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

func mustOpen(t *testing.T, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func holdChild(dir string) {
	if _, err := Open(dir, Options{}); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("open\n")
	select {}
}

func TestOneOwner(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	cmd, lines := child(t, "hold", dir)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("the child said %q, want that it is open", lines.Text())
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("while another process owns it: %v, want ErrInUse with the directory", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	s := mustOpen(t, dir, Options{}) // a killed owner leaves no lock behind
	for _, name := range []string{dir, dir + "/", link} {
		if _, err := Open(name, Options{}); !errors.Is(err, ErrInUse) {
			t.Errorf("second Open in one process, as %s: %v, want ErrInUse", name, err)
		}
	}
	if _, lines := child(t, "hold", link); !lines.Scan() || !strings.Contains(lines.Text(), ErrInUse.Error()) {
		t.Errorf("the child said %q, want ErrInUse", lines.Text())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, link, Options{})
}

func TestOpenRefuses(t *testing.T) {
	t.Run("no name", func(t *testing.T) {
		if _, err := Open("", Options{}); err == nil {
			t.Error("a store without a directory was opened")
		}
	})
	t.Run("a file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file, Options{}); err == nil || errors.Is(err, ErrInUse) {
			t.Errorf("got %v, want an error other than ErrInUse", err)
		}
	})
	for name, write := range map[string]map[string]string{
		"another program's database": {"key": "value"},
		"a later format":             {string(formatKey): "zegel store 2"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db, err := pebble.Open(dir, &pebble.Options{Logger: engineLog{new(Store)}})
			if err != nil {
				t.Fatal(err)
			}
			for k, v := range write {
				if err := db.Set([]byte(k), []byte(v), pebble.Sync); err != nil {
					t.Fatal(err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the refusal lets the directory go
				if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "the directory h") {
					t.Errorf("got %v, want a refusal that names the format", err)
				}
			}
		})
	}
}

func TestDirectoryIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	mustOpen(t, dir, Options{})
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v, want 0700", info.Mode(), err)
	}
}

func TestSweeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, "store", Options{SweepEvery: time.Minute, fs: memoryDisk(t)})
		r := store.Record{Kind: "nonce", ID: "a", Expiry: time.Now().Add(30 * time.Second)}
		if _, err := s.Create(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(45 * time.Second)
		if _, err := s.Create(t.Context(), r); err != store.ErrExists {
			t.Errorf("before the sweep: %v, want ErrExists", err)
		}
		time.Sleep(16 * time.Second)
		synctest.Wait()
		r.Expiry = time.Time{}
		if _, err := s.Create(t.Context(), r); err != nil {
			t.Errorf("after the sweep: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
