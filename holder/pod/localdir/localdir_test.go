package localdir

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/holder/pod/podtest"
)

const base = "https://vault.example/pods/"

func newHost(t testing.TB, dir string) *Host {
	t.Helper()
	h, err := New(dir, base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func TestContract(t *testing.T) {
	podtest.Run(t, podtest.Subject{
		Host:  newHost(t, t.TempDir()),
		WebID: func(testing.TB) string { return "https://id.example/profiles/" + pod.NewName() },
	})
}

func newPod(t testing.TB, h *Host) (*pod.Pod, string) {
	t.Helper()
	at, err := h.Create(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	p, err := h.Open(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	return p, strings.TrimSuffix(strings.TrimPrefix(at.URL, base), "/")
}

func envelope(t testing.TB, k podtest.Key, p *pod.Pod, name, text string) []byte {
	t.Helper()
	return k.Seal(t, p.Resource(name), []byte(text)).Envelope(t)
}

// A pod is known by its folder, so another base later opens what is there.
func TestBaseMoves(t *testing.T) {
	dir := t.TempDir()
	h, err := New(dir, base)
	if err != nil {
		t.Fatal(err)
	}
	at, err := h.Create(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h, err = New(dir, "https://moved.example/")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	p, err := h.Open(t.Context(), at)
	if err != nil || p.URL() != at.URL {
		t.Fatalf("opened %v, %v", p, err)
	}
}

func TestLinksAreRefused(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	h := newHost(t, dir)
	p, id := newPod(t, h)
	other, otherID := newPod(t, h)
	k, name := podtest.NewKey(t), pod.NewName()
	tag, err := other.Put(t.Context(), name, pod.MediaType, envelope(t, k, other, name, "x"), pod.IfAbsent())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for label, target := range map[string]string{
		"out of the directory":        filepath.Join(outside, "secret"),
		"relative, out of it":         "../../../../../../etc/hostname",
		"to another pod":              "../" + otherID + "/" + name,
		"to nothing":                  "nowhere",
		"to a file made outside":      filepath.Join(outside, "new"),
		"to a folder of another pod ": "../" + otherID,
	} {
		t.Run(label, func(t *testing.T) {
			link := filepath.Join(dir, id, name)
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			defer os.Remove(link)
			if o, err := p.Get(t.Context(), name); err == nil {
				t.Errorf("read %q through a link", o.Data)
			}
			for _, c := range []pod.Condition{pod.IfAbsent(), pod.IfMatch(tag)} {
				if _, err := p.Put(t.Context(), name, pod.MediaType, envelope(t, k, p, name, "y"), c); err == nil {
					t.Error("wrote over a link")
				}
			}
			if names, err := p.List(t.Context()); err != nil || len(names) != 0 {
				t.Errorf("list is %q, error %v", names, err)
			}
		})
	}
	if b, err := os.ReadFile(filepath.Join(outside, "secret")); err != nil || string(b) != "secret" {
		t.Errorf("the file outside is %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(outside, "new")); err == nil {
		t.Error("a file was made outside")
	}

	// A link in place of a pod's folder.
	alias := pod.NewName()
	if err := os.Symlink(otherID, filepath.Join(dir, alias)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Open(t.Context(), pod.Location{URL: base + alias + "/"}); err == nil {
		t.Error("opened a pod through a link")
	}
}

func TestForeignFiles(t *testing.T) {
	dir := t.TempDir()
	h := newHost(t, dir)
	p, id := newPod(t, h)
	for _, name := range []string{"notes.txt", ".hidden"} {
		if err := os.WriteFile(filepath.Join(dir, id, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	big := pod.NewName()
	if err := os.WriteFile(filepath.Join(dir, id, big), make([]byte, pod.MaxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if names, err := p.List(t.Context()); err != nil || len(names) != 1 {
		t.Errorf("list is %q, error %v; want %s", names, err, big)
	}
	if _, err := p.Get(t.Context(), big); !errors.Is(err, pod.ErrTooLarge) {
		t.Errorf("got error %v, want %v", err, pod.ErrTooLarge)
	}
	if err := p.DeleteAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(left) != 0 {
		t.Errorf("after DeleteAll there are %q", left)
	}
}

func TestOneProcess(t *testing.T) {
	dir := t.TempDir()
	newHost(t, dir)
	if h, err := New(dir, base); err == nil {
		_ = h.Close()
		t.Fatal("a second host opened the directory")
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pods")
	p, id := newPod(t, newHost(t, dir))
	name := pod.NewName()
	if _, err := p.Put(t.Context(), name, pod.MediaType, envelope(t, podtest.NewKey(t), p, name, "x"), pod.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, id), filepath.Join(dir, id, name)} {
		if i, err := os.Stat(path); err != nil || i.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, error %v; want none for group and others", path, i.Mode(), err)
		}
	}
}

func TestRefusedBase(t *testing.T) {
	for _, bad := range []string{"", "/pods/", "pods", "ftp://a/", "https://a", "https://a/x", "https://a/x/?q", "https://a/x/#f", "https://a/x/?", "https://a/#", "https://u@a/", "https://a/x/../", "https://a//x/"} {
		if h, err := New(t.TempDir(), bad); err == nil {
			_ = h.Close()
			t.Errorf("base %q was accepted", bad)
		}
	}
}

// TestKill kills a writing process at random moments: what it reported as
// written is there whole, and the version it was writing is whole or absent.
func TestKill(t *testing.T) {
	if dir := os.Getenv("LOCALDIR_WRITER"); dir != "" {
		writer(t, dir)
		return
	}
	dir := t.TempDir()
	for range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$")
		cmd.Env = append(os.Environ(), "LOCALDIR_WRITER="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := map[string]string{} // resource: version
		lines, stop, killed := bufio.NewScanner(out), rand.IntN(60)+1, false
		for lines.Scan() {
			var path, tag string
			if n, _ := fmt.Sscanf(lines.Text(), "wrote %s %s", &path, &tag); n != 2 {
				continue
			}
			acknowledged[path] = tag
			if len(acknowledged) == stop && !killed {
				killed = true
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) // into the next write
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		if len(acknowledged) < stop {
			t.Fatalf("the writer stopped after %d writes", len(acknowledged))
		}
		check(t, dir, acknowledged)
	}
}

func check(t *testing.T, dir string, acknowledged map[string]string) {
	h, err := New(dir, base)
	if err != nil {
		t.Fatal(err)
	}
	newer := 0
	for path, tag := range acknowledged {
		address, name := path[:strings.LastIndex(path, "/")+1], path[strings.LastIndex(path, "/")+1:]
		p, err := h.Open(t.Context(), pod.Location{URL: address})
		if err != nil {
			t.Fatal(err)
		}
		o, err := p.Get(t.Context(), name)
		if err != nil {
			t.Fatalf("an acknowledged write is lost: %v", err)
		}
		if string(o.ETag) != tag {
			newer++
		}
		if err := pod.CheckEnvelope(address, name, pod.MediaType, o.Data); err != nil {
			t.Fatalf("a resource is torn: %v", err)
		}
	}
	if newer > 1 { // the one that was being written
		t.Errorf("%d resources are not the version acknowledged last", newer)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, tempDir, "*")); len(left) != 0 {
		t.Errorf("temporary files are left: %q", left)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
}

// writer creates and replaces resources until it is killed.
func writer(t *testing.T, dir string) {
	h, err := New(dir, base)
	if err != nil {
		t.Fatal(err)
	}
	k := podtest.NewKey(t)
	p, _ := newPod(t, h)
	for {
		name, c := pod.NewName(), pod.IfAbsent()
		for range 2 {
			tag, err := p.Put(t.Context(), name, pod.MediaType, envelope(t, k, p, name, strings.Repeat("x", 50_000)), c)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println("wrote", p.Resource(name), tag)
			c = pod.IfMatch(tag)
		}
	}
}
