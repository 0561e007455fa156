package peer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// Refusal is what a script answers when something was refused: the code on the
// wire, if there is one, and its library's message.
type Refusal struct {
	Code    string `json:"error"`
	Message string `json:"message"`
}

// Accepts stops the test unless the script had what it wanted.
func (r Refusal) Accepts(t *testing.T) {
	t.Helper()
	if r.Message != "" {
		t.Fatalf("%s %s", r.Code, r.Message)
	}
}

// Refuses fails the test unless the script was refused with this code.
func (r Refusal) Refuses(t *testing.T, code string) {
	t.Helper()
	if r.Code != code || r.Message == "" {
		t.Errorf("refused with %q (%s), want %q", r.Code, r.Message, code)
	}
}

// asked skips the test unless the peers are asked for, and says whether CI=true did.
func asked(t *testing.T, what, needs string) (ci bool) {
	t.Helper()
	ci = os.Getenv("CI") == "true"
	if !ci && os.Getenv("ZEGEL_TEST_PEERS") != "1" {
		t.Skipf("SKIPPED: set ZEGEL_TEST_PEERS=1 to test with %s (%s)", what, needs)
	}
	return ci
}

// Install puts the locked packages of the folder in place. Without node, or
// unless the peers are asked for, the test is skipped and says so; with
// CI=true it fails, because a skipped peer proves nothing.
func Install(t *testing.T, dir, what string) {
	t.Helper()
	ci := asked(t, what, "needs node 20 and npm; installs from the npm registry")
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			if ci {
				t.Fatalf("%s is not installed, and CI=true asks for %s", program, what)
			}
			t.Skipf("SKIPPED: %s is not installed; %s was not run", program, what)
		}
	}
	// Packages are tested at the same time, and one folder serves several.
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	folder := sha256.Sum256([]byte(abs))
	unlock, err := lockedfile.MutexAt(filepath.Join(os.TempDir(), "zegel-npm-"+hex.EncodeToString(folder[:8])+".lock")).Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	mark, want := filepath.Join(dir, "node_modules", ".installed-lock"), hex.EncodeToString(sum[:])
	if have, err := os.ReadFile(mark); err == nil && string(have) == want {
		return
	}
	cmd := exec.CommandContext(t.Context(), "npm", "ci")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	if err := os.WriteFile(mark, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Run gives an order to a script of the folder and reads its answer.
func Run(t *testing.T, dir, script string, order, answer any) {
	t.Helper()
	in, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Dir, cmd.Stdin, cmd.Stderr = dir, bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	if err := json.Unmarshal(out, answer); err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
	}
}
