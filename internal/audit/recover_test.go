package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// crash leaves the files as they are: no last checkpoint, no close.
func crash(l *Log) { l.release() }

func TestRecoverTornLine(t *testing.T) {
	for _, tt := range []struct {
		name string
		rest string
	}{
		{"half a line", `{"seq":4,"time":"2026-`},
		{"a line without its end", `{"seq":4,"chain":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`},
		{"zeros", string(make([]byte, 5000))},
		{"zeros and a line end", string(make([]byte, 100)) + "\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, c := t.TempDir(), &clock{now: start}
			l := openLog(t, dir, c)
			appendN(t, l, 3)
			crash(l)
			path := segmentPath(dir, "use", 1)
			f, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			f.WriteString(tt.rest)
			f.Close()
			if verify(t, dir).OK() {
				t.Error("the unfinished line was not found")
			}
			l = openLog(t, dir, c)
			appendN(t, l, 1)
			l.Close()
			r := verify(t, dir)
			wantOK(t, r)
			if r.Classes[1].Last != 5 { // three, what recovery noted, one
				t.Errorf("report %+v", r)
			}
			n := 0
			for e := range List(dir, Filter{Kinds: []Kind{LogRecover}}) {
				n++
				if e.Detail != fmt.Sprintf("cut %d bytes", len(tt.rest)) {
					t.Errorf("detail %q", e.Detail)
				}
			}
			if n != 1 {
				t.Errorf("%d entries tell of the recovery", n)
			}
		})
	}
}

// A crash may cut the file anywhere after the last checkpoint; what was whole
// before stays.
func TestRecoverEveryCut(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := openLog(t, dir, c, func(o *Options) { o.SegmentBytes = 900 })
	appendN(t, l, 2)
	crash(l)
	numbers, _, _ := segments(dir, "use")
	last := segmentPath(dir, "use", numbers[len(numbers)-1])
	whole, err := os.ReadFile(last)
	if err != nil || len(numbers) != 2 {
		t.Fatal(numbers, err)
	}
	for n := 0; n < len(whole); n += 1 + n%13 {
		copied := t.TempDir()
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(segmentPath(copied, "use", numbers[len(numbers)-1]), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, copied, c)
		appendN(t, l, 1)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		r := verify(t, copied)
		if !r.OK() {
			t.Fatalf("cut at %d: %v", n, r.Problems)
		}
	}
}

func TestRecoverRefusesLoss(t *testing.T) {
	write := func(t *testing.T) (string, *clock) {
		dir, c := t.TempDir(), &clock{now: start}
		l := openLog(t, dir, c)
		appendN(t, l, 3)
		l.Close()
		return dir, c
	}
	for name, damage := range map[string]func(path string, b []byte){
		"cut before what is signed": func(path string, b []byte) { os.WriteFile(path, b[:len(b)-10], 0o600) },
		"changed":                   func(path string, b []byte) { b[len(b)-200] ^= 1; os.WriteFile(path, b, 0o600) },
		"gone":                      func(path string, _ []byte) { os.Remove(path) },
		"empty":                     func(path string, _ []byte) { os.WriteFile(path, nil, 0o600) },
		"checkpoints gone": func(path string, _ []byte) {
			os.Remove(filepath.Join(filepath.Dir(filepath.Dir(path)), checkpointFile))
		},
		"a well-formed line that does not fit": func(path string, b []byte) {
			line := bytes.SplitAfter(b, []byte("\n"))[1]
			os.WriteFile(path, append(b, line...), 0o600)
		},
		"a segment is missing": func(path string, b []byte) {
			os.WriteFile(filepath.Join(filepath.Dir(path), "00000003.jsonl"), b, 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, c := write(t)
			path := segmentPath(dir, "use", 1)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damage(path, b)
			if _, err := Open(dir, Options{Signer: testKey, Now: c.Now}); !errors.Is(err, ErrDamaged) {
				t.Errorf("opened: %v", err)
			}
		})
	}
}

func TestRecoverTornCheckpoint(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := openLog(t, dir, c)
	appendN(t, l, 2)
	l.Checkpoint()
	crash(l)
	path := filepath.Join(dir, checkpointFile)
	b, _ := os.ReadFile(path)
	os.WriteFile(path, b[:len(b)-30], 0o600)
	l = openLog(t, dir, c)
	appendN(t, l, 1)
	l.Close()
	r := verify(t, dir)
	wantOK(t, r)
	if r.Classes[1].Last != 3 {
		t.Errorf("report %+v", r)
	}
}

// TestMain lets the test binary be the process that TestKill kills.
func TestMain(m *testing.M) {
	dir := os.Getenv("AUDIT_TEST_KILL")
	if dir == "" {
		os.Exit(m.Run())
	}
	l, err := Open(dir, Options{Signer: testKey, SegmentBytes: 20_000, CheckpointEvery: 50})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for range 4 {
		go func() {
			for {
				e := Event{Kind: Share, Actor: Actor{Kind: System}, Outcome: OK}
				if err := l.Append(context.Background(), e); err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				os.Stdout.WriteString(".") // acknowledged
			}
		}()
	}
	select {}
}

// What was acknowledged before kill -9 stands in the log.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := 0
	for round := range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "AUDIT_TEST_KILL="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		dots := make([]byte, 100+37*round)
		n, err := io.ReadFull(out, dots)
		if err != nil {
			t.Fatalf("%v: %s", err, dots[:n])
		}
		cmd.Process.Kill()
		rest, _ := io.ReadAll(out)
		cmd.Wait()
		acknowledged += n + len(rest)
	}
	l := openLog(t, dir, &clock{now: time.Now()})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := verify(t, dir)
	wantOK(t, r)
	if stands := int(r.Classes[1].Last); stands < acknowledged || stands > acknowledged+3*4+3 {
		t.Errorf("%d acknowledged, %d stand there", acknowledged, stands)
	}
}

// When the disk fails nothing is acknowledged any more, until the log is
// opened again.
func TestWriteFailure(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := openLog(t, dir, c)
	appendN(t, l, 1)
	use := l.chains["use"]
	use.file.Close()
	for range 2 {
		if err := l.Append(t.Context(), share(t, "r")); err == nil {
			t.Fatal("acknowledged what was not written")
		}
	}
	if l.Health() == nil {
		t.Error("Health hides it")
	}
	l.Close()
	l = openLog(t, dir, c)
	appendN(t, l, 1)
	l.Close()
	wantOK(t, verify(t, dir))
}

func TestAppendHonoursContext(t *testing.T) {
	c := &clock{now: start}
	l := openLog(t, t.TempDir(), c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Append(ctx, share(t, "r")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestCheckpointFileIsShortened(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := openLog(t, dir, c)
	l.kept = 5
	first := l.Latest()
	for range 27 {
		appendN(t, l, 1)
		if err := l.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	b, _ := os.ReadFile(filepath.Join(dir, checkpointFile))
	if n := bytes.Count(b, []byte("\n")); n > 10 {
		t.Errorf("%d checkpoints are kept", n)
	}
	wantOK(t, verify(t, dir))
	wantOK(t, verify(t, dir, first))
}
