package peer

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// Session is a script that keeps running: it takes orders of one line each and
// answers each with a line.
type Session struct {
	script string
	in     io.Writer
	out    *bufio.Scanner
}

// Open starts a script of the folder, until the test ends.
func Open(t *testing.T, dir, script string) *Session {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", script)
	cmd.Dir, cmd.Stderr, cmd.WaitDelay = dir, os.Stderr, 10*time.Second
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
	return &Session{script, in, lines}
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
		t.Fatalf("%s: %v", s.script, err)
	}
	if !s.out.Scan() {
		t.Fatalf("%s gave no answer to %s: %v", s.script, name, s.out.Err())
	}
	if err := json.Unmarshal(s.out.Bytes(), answer); err != nil {
		t.Fatalf("%s: %v: %s", s.script, err, s.out.Bytes())
	}
}
