package peer

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Session is a program that keeps running: it takes orders of one line each and
// answers each with a line.
type Session struct {
	name string
	in   io.Writer
	out  *bufio.Scanner
}

// Open starts a script of the folder, until the test ends.
func Open(t *testing.T, dir, script string) *Session {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Dir = dir
	return start(t, script, cmd)
}

// Start starts a program, until the test ends.
func Start(t *testing.T, program string) *Session {
	t.Helper()
	return start(t, filepath.Base(program), exec.CommandContext(t.Context(), program))
}

func start(t *testing.T, name string, cmd *exec.Cmd) *Session {
	t.Helper()
	cmd.Stderr, cmd.WaitDelay = os.Stderr, 10*time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 4<<20)
	return &Session{name, in, lines}
}

// Ask gives an order and reads the answer to it.
func (s *Session) Ask(t *testing.T, name string, order map[string]any, answer any) {
	t.Helper()
	line := map[string]any{"order": name}
	for k, v := range order {
		line[k] = v
	}
	b, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.in.Write(append(b, '\n')); err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	if !s.out.Scan() {
		t.Fatalf("%s gave no answer to %s: %v", s.name, name, s.out.Err())
	}
	if err := json.Unmarshal(s.out.Bytes(), answer); err != nil {
		t.Fatalf("%s: %v: %s", s.name, err, s.out.Bytes())
	}
}
