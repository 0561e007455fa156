package embedded

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/store"
)

const crashWriters = 8

// crashChild writes until it is killed. What was acknowledged to it, it tells
// on standard output, a line each:
//
//	spent ID           it redeemed a one-time value that all children contend for
//	at ID VERSION      a record of its own now has that version
//	gone ID            it deleted the record
func crashChild(dir string) {
	s, err := Open(dir, Options{})
	if err != nil {
		panic(err)
	}
	// One write of a short line to a pipe is whole or nothing (pipe(7)).
	say := func(format string, args ...any) { fmt.Fprintf(os.Stdout, format+"\n", args...) }
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	say("open")
	ctx := context.Background()
	first, err := strconv.Atoi(os.Getenv("ZEGEL_TEST_SPENT"))
	must(err)
	for i := range crashWriters {
		go func() {
			for n := 0; ; n++ {
				spent := fmt.Sprint(first + n)
				switch _, err := s.Create(ctx, crashRecord("spent", spent, 1)); err {
				case nil:
					say("spent %s", spent)
				case store.ErrExists:
				default:
					panic(err)
				}
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), i, n)
				r, err := s.Create(ctx, crashRecord("own", id, 1))
				must(err)
				say("at %s %d", id, r.Version)
				for range n % 3 {
					r, err = s.Replace(ctx, r, crashRecord("own", id, r.Version+1))
					must(err)
					say("at %s %d", id, r.Version)
				}
				if n%5 == 0 {
					must(s.Delete(ctx, r))
					say("gone %s", id)
				}
			}
		}()
	}
	select {}
}

// crashRecord is what the record must be at that version.
func crashRecord(kind store.Kind, id string, version uint64) store.Record {
	return store.Record{
		Kind:    kind,
		ID:      id,
		Version: version,
		Tags:    []string{fmt.Sprint("v", version)},
		Expiry:  time.Date(2100, 1, 1, 0, 0, int(version), 0, time.UTC),
		Data:    []byte(strings.Repeat(fmt.Sprint(id, " ", version, " "), 30)),
	}
}

// TestCrash kills a process at random points under load, again and again on the
// same directory.
func TestCrash(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	own := map[string]uint64{} // acknowledged version, 0 if deleted
	spent := map[int]bool{}
	for round := range rounds {
		t.Setenv("ZEGEL_TEST_SPENT", fmt.Sprint(max(0, len(spent)-50)))
		cmd, lines := child(t, "crash", dir)
		if !lines.Scan() || lines.Text() != "open" {
			t.Fatalf("round %d: the child said %q, want that it is open", round, lines.Text())
		}
		var kill sync.WaitGroup
		kill.Go(func() {
			time.Sleep(time.Duration(20+rand.IntN(200)) * time.Millisecond)
			_ = cmd.Process.Kill()
		})
		for lines.Scan() {
			word := strings.Fields(lines.Text())
			switch {
			case len(word) == 2 && word[0] == "spent":
				n, err := strconv.Atoi(word[1])
				if err != nil || spent[n] {
					t.Fatalf("round %d: one-time value %s was redeemed twice (%v)", round, word[1], err)
				}
				spent[n] = true
			case len(word) == 3 && word[0] == "at":
				version, err := strconv.ParseUint(word[2], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				own[word[1]] = version
			case len(word) == 2 && word[0] == "gone":
				own[word[1]] = 0
			default:
				t.Fatalf("round %d: the child said %q", round, lines.Text())
			}
		}
		kill.Wait()
		_ = cmd.Wait()
		checkCrashed(t, dir, own, spent)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("%d rounds, %d records and %d one-time values", rounds, len(own), len(spent))
	if len(own) < rounds || len(spent) < rounds {
		t.Error("hardly anything was written: the test shows nothing")
	}
}

// checkCrashed compares the store to what was acknowledged. A writer that was
// killed may have got one step further than it could tell.
func checkCrashed(t *testing.T, dir string, own map[string]uint64, spent map[int]bool) {
	t.Helper()
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	checkIndexes(t, s)

	steps := 0
	for id, version := range own {
		r, err := s.Get(t.Context(), "own", id)
		switch {
		case err == nil && version == 0:
			t.Errorf("%s was deleted and is back", id)
			continue
		case err == store.ErrNotFound && version == 0:
			continue
		case err == store.ErrNotFound: // deleted, but that was not told
			steps++
			own[id] = 0
			continue
		case err != nil:
			t.Error(err)
			continue
		case r.Version != version:
			steps++
			own[id] = r.Version
		}
		want := crashRecord("own", id, r.Version)
		if r.Version < version || r.Version > version+1 || string(r.Data) != string(want.Data) ||
			!r.Expiry.Equal(want.Expiry) || r.Tags[0] != want.Tags[0] {
			t.Errorf("%s is at version %d with %d bytes, %d was acknowledged", id, r.Version, len(r.Data), version)
		}
	}
	stored := 0
	for page := (store.Page{Limit: store.MaxLimit}); ; {
		found, next, err := s.Find(t.Context(), "own", "", page)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range found {
			stored++
			if _, known := own[r.ID]; !known { // created, but that was not told
				steps++
				own[r.ID] = r.Version
			}
		}
		if page.Next = next; next == "" {
			break
		}
	}
	if steps > crashWriters {
		t.Errorf("%d records are ahead of what was acknowledged, with %d writers", steps, crashWriters)
	}
	for _, version := range own {
		if version > 0 {
			stored--
		}
	}
	if stored != 0 {
		t.Errorf("%d records more than there should be", stored)
	}
	for n := range spent {
		if _, err := s.Create(t.Context(), crashRecord("spent", fmt.Sprint(n), 1)); err != store.ErrExists {
			t.Errorf("one-time value %d was redeemed, but a second redemption says %v", n, err)
		}
	}
}
