package bench

import (
	"encoding/json"
	"testing"
	"time"

	peers "github.com/zegel-id/zegel/e2e/peer"
)

// stranger is a running process with others' libraries, which measures itself.
type stranger struct{ *peers.Session }

// node is a script with the npm packages of its folder.
func node(t *testing.T, dir, script, what string) stranger {
	t.Helper()
	peers.Install(t, dir, what)
	return stranger{peers.Open(t, dir, script)}
}

// operation is something that a stranger made ready to run.
type operation struct {
	stranger stranger
	id       int
}

// ready has an operation made ready with all that it is given.
func (s stranger) ready(t *testing.T, name string, given map[string]any) operation {
	t.Helper()
	var answer struct {
		peers.Refusal
		ID int
	}
	s.Ask(t, "ready", map[string]any{"operation": name, "given": given}, &answer)
	answer.Accepts(t)
	return operation{s, answer.ID}
}

// result runs an operation once and is what it made.
func (o operation) result(t *testing.T) string {
	t.Helper()
	out, _ := o.run(t, 1)
	return out
}

func (o operation) run(t *testing.T, n int) (out string, used time.Duration) {
	t.Helper()
	var answer struct {
		peers.Refusal
		Out         json.RawMessage
		Nanoseconds time.Duration
	}
	o.stranger.Ask(t, "run", map[string]any{"id": o.id, "n": n}, &answer)
	answer.Accepts(t)
	if err := json.Unmarshal(answer.Out, &out); err != nil {
		t.Fatal(err)
	}
	return out, answer.Nanoseconds
}

// warm is what an operation runs for before it is measured, so that its compiler has
// seen it.
const warm = 1500 * time.Millisecond

// side is the operation, warm where it is measured.
func (o operation) side(t *testing.T) side {
	t.Helper()
	if *full {
		for used := time.Duration(0); used < warm; {
			_, more := o.run(t, 5)
			used += max(more, time.Millisecond)
		}
	}
	return func(t *testing.T, n int) time.Duration {
		t.Helper()
		_, used := o.run(t, n)
		return used
	}
}

const ariesFramework = "aries-framework-go 0.3.2"

// ariesPeer is the program with packages of aries-framework-go.
func ariesPeer(t *testing.T) stranger {
	t.Helper()
	return stranger{peers.Start(t, peers.Module(t, "../aries", ariesFramework))}
}
