package audit

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	testKey    = ed25519.NewKeyFromSeed(make([]byte, 32))
	testKeys   = []crypto.PublicKey{testKey.Public()}
	start      = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	testSecret = bytes.Repeat([]byte{7}, 32)
)

// clock is a time that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func citizen(t testing.TB, name string) Pseudonym {
	t.Helper()
	p, err := NewPseudonyms(testSecret)
	if err != nil {
		t.Fatal(err)
	}
	return p.Of("citizen", name, nil)
}

func share(t testing.TB, request string) Event {
	who := citizen(t, "someone")
	return Event{
		Kind: Share, Actor: Actor{Citizen, string(who)}, Subject: who, Organisation: "OVO002949", Purpose: "recruitment",
		LegalBasis: "GDPR 6(1)(a)", DataType: "https://issuer.example/vct/led", Outcome: OK, RequestID: request,
	}
}

func login(t testing.TB) Event {
	return Event{Kind: Login, Actor: Actor{Citizen, string(citizen(t, "someone"))}, Outcome: OK}
}

func openLog(t testing.TB, dir string, c *clock, change ...func(*Options)) *Log {
	t.Helper()
	o := Options{Signer: testKey, Now: c.Now}
	for _, f := range change {
		f(&o)
	}
	l, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func appendN(t testing.TB, l *Log, n int) {
	t.Helper()
	for i := range n {
		if err := l.Append(context.Background(), share(t, fmt.Sprintf("r-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t testing.TB, dir string, known ...string) Report {
	t.Helper()
	r, err := Verify(dir, testKeys, known...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantOK(t testing.TB, r Report) {
	t.Helper()
	if !r.OK() {
		t.Fatalf("problems: %v", r.Problems)
	}
}

// small makes a closed log of two classes and several segments.
func small(t testing.TB) string {
	t.Helper()
	dir, c := t.TempDir(), &clock{now: start}
	l := openLog(t, dir, c, func(o *Options) { o.SegmentBytes = 1200; o.CheckpointEvery = 5 })
	for i := range 6 {
		c.Move(time.Minute)
		appendN(t, l, 1)
		if i%3 == 0 {
			if err := l.Append(t.Context(), login(t)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAppendVerifyList(t *testing.T) {
	dir := small(t)
	r := verify(t, dir)
	wantOK(t, r)
	if len(r.Classes) != 2 || r.Classes[1].Name != "use" || r.Classes[1].Entries != 6 || r.Classes[1].Unsigned != 0 || r.Classes[1].Segments < 2 || r.Classes[0].Entries != 2 {
		t.Errorf("report %+v", r)
	}
	var seen []uint64
	for e, err := range List(dir, Filter{Kinds: []Kind{Share}}) {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, e.Seq)
		if e.Class != "use" || e.Organisation != "OVO002949" || e.Time.IsZero() {
			t.Errorf("entry %+v", e)
		}
	}
	if !slices.Equal(seen, []uint64{1, 2, 3, 4, 5, 6}) {
		t.Errorf("entries %v", seen)
	}
	n := 0
	for range List(dir, Filter{From: start.Add(3 * time.Minute), To: start.Add(5 * time.Minute), Classes: []string{"use"}}) {
		n++
	}
	if n != 2 {
		t.Errorf("%d entries in the time window, want 2", n)
	}
	for range List(dir, Filter{}) {
		break // a reader may stop
	}
}

func TestReopen(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	for range 3 {
		l := openLog(t, dir, c)
		appendN(t, l, 2)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(t.Context(), login(t)); !errors.Is(err, ErrClosed) {
			t.Errorf("append after close: %v", err)
		}
		c.Move(time.Hour)
	}
	r := verify(t, dir)
	wantOK(t, r)
	if r.Classes[1].Last != 6 {
		t.Errorf("report %+v", r)
	}
}

func TestOneProcess(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	openLog(t, dir, c)
	if _, err := Open(dir, Options{Signer: testKey}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second writer: %v", err)
	}
}

func files(t testing.TB, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && d.Name() != lockFile {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Every change of a single byte, anywhere, is found.
func TestEveryByteCounts(t *testing.T) {
	dir := small(t)
	flips := 0
	for _, path := range files(t, dir) {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range good {
			mask := byte(1) << (i % 8)
			bad := bytes.Clone(good)
			bad[i] ^= mask
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := Verify(dir, testKeys)
			if err == nil && r.OK() {
				t.Fatalf("%s: byte %d with mask %#x was changed and not found", filepath.Base(path), i, mask)
			}
			flips++
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wantOK(t, verify(t, dir))
	t.Logf("%d changes found", flips)
}

// rechain writes the chain values of a file anew, as an attacker without the
// signing key can.
func rechain(t *testing.T, path string, change func(lines []string) []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(b), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	lines = change(lines)
	var out []byte
	var prev hash
	for i, line := range lines {
		open, chain, err := splitLine([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			out, prev = append(out, line...), chain
			continue
		}
		out, prev = appendLine(out, prev, open)
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTampering(t *testing.T) {
	seg := func(dir string, n uint64) string { return segmentPath(dir, "use", n) }
	last := func(dir string) uint64 {
		n, _, err := segments(dir, "use")
		if err != nil || len(n) < 3 {
			t.Fatalf("segments %v, %v", n, err)
		}
		return n[len(n)-1]
	}
	cut := func(path string, keep func(lines [][]byte) [][]byte) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.SplitAfter(b, []byte("\n"))
		if err := os.WriteFile(path, bytes.Join(keep(lines[:len(lines)-1]), nil), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, tamper := range map[string]func(dir string){
		"entry deleted": func(d string) {
			cut(seg(d, 1), func(l [][]byte) [][]byte { return append(l[:1:1], l[2:]...) })
		},
		"entries swapped":     func(d string) { cut(seg(d, 1), func(l [][]byte) [][]byte { l[1], l[2] = l[2], l[1]; return l }) },
		"entry repeated":      func(d string) { cut(seg(d, 1), func(l [][]byte) [][]byte { return append(l, l[len(l)-1]) }) },
		"last entry cut":      func(d string) { cut(seg(d, last(d)), func(l [][]byte) [][]byte { return l[:len(l)-1] }) },
		"last segment gone":   func(d string) { must(os.Remove(seg(d, last(d)))) },
		"first segment gone":  func(d string) { must(os.Remove(seg(d, 1))) },
		"middle segment gone": func(d string) { must(os.Remove(seg(d, 2))) },
		"segments swapped": func(d string) {
			must(os.Rename(seg(d, 1), d+"/x"))
			must(os.Rename(seg(d, 2), seg(d, 1)))
			must(os.Rename(d+"/x", seg(d, 2)))
		},
		"segment of another class": func(d string) {
			b, err := os.ReadFile(segmentPath(d, "security", 1))
			must(err)
			must(os.WriteFile(seg(d, last(d)+1), b, 0o600))
		},
		"class gone":           func(d string) { must(os.RemoveAll(filepath.Join(d, "security"))) },
		"class added":          func(d string) { must(os.Mkdir(filepath.Join(d, "more"), 0o700)) },
		"file added":           func(d string) { must(os.WriteFile(filepath.Join(d, "use", "note.txt"), nil, 0o600)) },
		"segment before start": func(d string) { must(os.WriteFile(filepath.Join(d, "use", "00000000.jsonl"), nil, 0o600)) },
		"checkpoints gone":     func(d string) { must(os.Remove(filepath.Join(d, checkpointFile))) },
		"checkpoints empty":    func(d string) { must(os.WriteFile(filepath.Join(d, checkpointFile), nil, 0o600)) },
		"middle checkpoint cut": func(d string) {
			cut(filepath.Join(d, checkpointFile), func(l [][]byte) [][]byte { return append(l[:1:1], l[2:]...) })
		},
		"rewritten with a good chain": func(d string) {
			rechain(t, seg(d, last(d)), func(l []string) []string {
				l[len(l)-1] = strings.Replace(l[len(l)-1], "OVO002949", "OVO000001", 1)
				return l
			})
		},
		"inserted with a good chain": func(d string) {
			rechain(t, seg(d, last(d)), func(l []string) []string { return append(l[:2:2], l[1:]...) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := small(t)
			tamper(dir)
			r := verify(t, dir)
			if r.OK() {
				t.Fatal("not found")
			}
			t.Log(r.Problems)
		})
	}

	t.Run("a segment of another log", func(t *testing.T) {
		dir, other := small(t), small(t)
		b, err := os.ReadFile(seg(other, 1))
		must(err)
		must(os.WriteFile(seg(dir, 1), b, 0o600))
		if verify(t, dir).OK() {
			t.Fatal("not found")
		}
	})
	t.Run("checkpoints of another key", func(t *testing.T) {
		other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		r, err := Verify(small(t), []crypto.PublicKey{other.Public()})
		if err != nil || r.OK() {
			t.Fatalf("%+v, %v", r, err)
		}
		if _, err := Verify(small(t), nil); err == nil {
			t.Fatal("verified without a key")
		}
	})
	t.Run("no folder", func(t *testing.T) {
		if _, err := Verify(filepath.Join(t.TempDir(), "none"), testKeys); err == nil {
			t.Fatal("verified what is not there")
		}
	})
}

// Who removes the newest checkpoints and all that follows the one before is
// found by a checkpoint that was kept elsewhere.
func TestRollback(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := openLog(t, dir, c)
	appendN(t, l, 3)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, dir, c)
	appendN(t, l, 3)
	if err := l.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	known := l.Latest()
	appendN(t, l, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantOK(t, verify(t, dir, known))
	wantOK(t, verify(t, old))
	if verify(t, old, known).OK() {
		t.Error("the rollback was not found")
	}
	if _, err := Verify(dir, testKeys, known+"x"); err == nil {
		t.Error("compared with a checkpoint that does not verify")
	}

	// The same number of entries again, from the old state: a fork.
	l = openLog(t, old, c)
	appendN(t, l, 9)
	for range 5 {
		appendN(t, l, 1)
		if err := l.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, old, known); r.OK() {
		t.Error("the fork was not found")
	}
	if verify(t, small(t), known).OK() {
		t.Error("another log was not told apart")
	}
}

func TestLiveVerifyAndList(t *testing.T) {
	c := &clock{now: start}
	l := openLog(t, t.TempDir(), c, func(o *Options) { o.SegmentBytes = 4000; o.CheckpointEvery = 7 })
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 40 {
				if err := l.Append(t.Context(), share(t, fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 10 {
		r, err := l.Verify()
		if err != nil {
			t.Fatal(err)
		}
		wantOK(t, r)
		for _, err := range l.List(Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	wg.Wait()
	n := 0
	for e, err := range l.List(Filter{}) {
		if n++; err != nil || e.Seq != uint64(n) {
			t.Fatalf("entry %d after %d, %v", e.Seq, n, err)
		}
	}
	if n != 160 {
		t.Errorf("%d entries, want 160", n)
	}
	if err := l.Health(); err != nil {
		t.Error(err)
	}
}

func TestRunSignsAndPurges(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(dir, Options{Signer: testKey})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { l.Run(ctx, func(err error) { t.Error(err) }) })
		if err := l.Append(ctx, login(t)); err != nil {
			t.Fatal(err)
		}
		before := l.Latest()
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if l.Latest() == before {
			t.Error("no checkpoint after a minute")
		}
		still := l.Latest()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if l.Latest() != still {
			t.Error("a checkpoint without anything new")
		}
		time.Sleep(370 * 24 * time.Hour)
		synctest.Wait()
		n := 0
		for range l.List(Filter{Classes: []string{"security"}}) {
			n++
		}
		if n != 0 {
			t.Error("the security event is still there after more than a year")
		}
		cancel()
		wg.Wait()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
	wantOK(t, verify(t, dir))
}

// An event whose signing fails is safe; Health tells.
func TestSignerFails(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	s := &flaky{Signer: testKey}
	l := openLog(t, dir, c, func(o *Options) { o.Signer = s; o.CheckpointEvery = 1 })
	s.fail = true
	appendN(t, l, 1)
	if l.Health() == nil {
		t.Error("Health hides that checkpoints cannot be signed")
	}
	s.fail = false
	appendN(t, l, 1)
	if err := l.Health(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantOK(t, verify(t, dir))
}

type flaky struct {
	crypto.Signer
	fail bool
}

func (f *flaky) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	if f.fail {
		return nil, errors.New("the module does not answer")
	}
	return f.Signer.Sign(r, digest, o)
}

func TestKeyChange(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := openLog(t, dir, c)
	appendN(t, l, 1)
	l.Close()
	next, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{Signer: next}); !errors.Is(err, ErrDamaged) {
		t.Errorf("opened with an unknown key: %v", err)
	}
	l = openLog(t, dir, c, func(o *Options) { o.Signer, o.EarlierKeys = next, testKeys })
	appendN(t, l, 1)
	l.Close()
	r, err := Verify(dir, []crypto.PublicKey{testKey.Public(), next.Public()})
	if err != nil {
		t.Fatal(err)
	}
	wantOK(t, r)
	if r, _ := Verify(dir, testKeys); r.OK() {
		t.Error("verified with half of the keys")
	}
}
