// Package crash_test kills the real command at random moments under load and
// holds what it knows after the restart against everything it had
// acknowledged: nothing is lost, nothing happens twice, nothing readable lies
// in a file at any of those moments. It also has many clients race for each
// thing that only one may have.
//
// A killed process leaves the disk's cache as it is. What a power cut does to
// it is tested in store/embedded and internal/audit, on disks that forget.
package crash_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKill: kill -9 under load, restart, prove; several times on the same data.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("builds, runs and kills the command for half a minute; run without -short")
	}
	s := install(t)
	s.stumble(8) // the very first start, which makes everything
	s.start()
	workers := s.workers(4)
	const rounds = 6
	for round := range rounds {
		moment := time.Duration(100+s.random.IntN(1200)) * time.Millisecond
		var wg sync.WaitGroup
		for _, w := range workers {
			wg.Add(1)
			w.killed.Store(false)
			go w.load(&wg)
		}
		time.Sleep(moment)
		workers[0].killed.Store(true)
		s.kill()
		wg.Wait()
		s.search(s.needles(workers))
		s.stumble(s.random.IntN(3))
		s.start()
		s.verifyUseLog()
		prove(workers, round == rounds-1)
		if t.Failed() {
			t.Fatalf("in round %d, killed after %v", round, moment)
		}
	}
	s.proveUseLog(workers)
	s.stop()
	s.verifyUseLog()
	s.search(s.needles(workers))
	account(t, workers)
}

// stumble starts the command and kills it before it serves, or soon after: a
// start is a moment like any other.
func (s *server) stumble(times int) {
	for range times {
		s.launch()
		select {
		case <-s.ended:
			s.t.Fatalf("zegel serve ended with %v:\n%s", s.cmd.ProcessState, s.said())
		case <-time.After(time.Duration(s.random.IntN(200)) * time.Millisecond):
		}
		s.kill()
	}
}

// proveUseLog looks for the line of everything that was acknowledged: exactly
// one with the id of the request.
func (s *server) proveUseLog(workers []*worker) {
	s.t.Helper()
	count := map[line]int{}
	for text := range strings.Lines(s.zegel("audit", "list", "--socket", filepath.Join(s.data, "admin.sock"))) {
		var e struct {
			Kind    string
			Outcome string
			Request string `json:"request_id"`
		}
		s.check(json.Unmarshal([]byte(text), &e))
		if e.Outcome == "ok" {
			count[line{e.Kind, e.Request}]++
		}
	}
	for _, w := range workers {
		for _, l := range w.lines {
			if count[l] != 1 {
				s.t.Errorf("the use log has %d lines of the %s with request id %s, expected 1", count[l], l.kind, l.request)
			}
		}
	}
}

// account says what the test has seen, and fails when that is too little to
// prove anything.
func account(t *testing.T, workers []*worker) {
	t.Helper()
	n := map[string]int{}
	for _, w := range workers {
		for _, l := range w.lines {
			n[l.kind]++
		}
		for _, o := range w.offers {
			if o.created == refused || o.redeemed == refused {
				n["answers lost"]++
			}
			for _, d := range o.datasets {
				if d.fetched == refused {
					n["answers lost"]++
				}
			}
		}
		for _, x := range w.transactions {
			if x.started == refused || x.fetched == refused {
				n["answers lost"]++
			}
		}
	}
	t.Logf("acknowledged: %v", n)
	for _, kind := range []string{"offer.create", "issue", "revoke", "transaction.create", "presentation.received"} {
		if n[kind] < 5 {
			t.Errorf("only %d of %s: too little for a proof", n[kind], kind)
		}
	}
}
