package audit

import (
	"errors"
	"os"
	"slices"
	"testing"
	"time"
)

const day = 24 * time.Hour

// years makes a log with an event of the class use each 30 days for n years.
func years(t *testing.T, dir string, c *clock, n int) *Log {
	t.Helper()
	l := openLog(t, dir, c, func(o *Options) { o.SegmentAge = 90 * day })
	for range n * 12 {
		appendN(t, l, 1)
		c.Move(30 * day)
	}
	return l
}

func TestPurge(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := years(t, dir, c, 12)
	if err := l.Append(t.Context(), login(t)); err != nil {
		t.Fatal(err)
	}
	before, _, _ := segments(dir, "use")
	p, err := l.Purge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	after, _, _ := segments(dir, "use")
	if len(p) != 1 || p[0].Class != "use" || p[0].Segments == 0 || len(after)+p[0].Segments != len(before) {
		t.Fatalf("purged %+v; %d segments, then %d", p, len(before), len(after))
	}
	limit := c.Now().AddDate(-10, 0, 0)
	if p[0].Newest.After(limit) {
		t.Errorf("an event of %v was purged at %v", p[0].Newest, c.Now())
	}
	left := 0
	for e, err := range l.List(Filter{Classes: []string{"use"}}) {
		if err != nil {
			t.Fatal(err)
		}
		left++
		if e.Time.Before(limit.Add(-120 * day)) {
			t.Errorf("an event of %v is still there at %v", e.Time, c.Now())
		}
	}
	if uint64(left)+p[0].Entries != 144 {
		t.Errorf("%d left and %d purged of 144", left, p[0].Entries)
	}
	appendN(t, l, 1)
	r, err := l.Verify()
	if err != nil {
		t.Fatal(err)
	}
	wantOK(t, r)
	if again, err := l.Purge(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("purged again: %+v, %v", again, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantOK(t, verify(t, dir))

	t.Run("what is left is as safe as before", func(t *testing.T) {
		path := segmentPath(dir, "use", after[0])
		good, _ := os.ReadFile(path)
		defer os.WriteFile(path, good, 0o600)
		for i := range good {
			bad := slices.Clone(good)
			bad[i] ^= 1
			os.WriteFile(path, bad, 0o600)
			if verify(t, dir).OK() {
				t.Fatalf("byte %d was changed and not found", i)
			}
		}
		os.Remove(path)
		if verify(t, dir).OK() {
			t.Error("a removed segment passes as purged")
		}
	})
	t.Run("reopened", func(t *testing.T) {
		l := openLog(t, dir, c)
		appendN(t, l, 1)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		wantOK(t, verify(t, dir))
	})
}

func TestPurgeAllOfAClass(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := openLog(t, dir, c)
	if err := l.Append(t.Context(), login(t)); err != nil {
		t.Fatal(err)
	}
	c.Move(366 * day)
	p, err := l.Purge(t.Context())
	if err != nil || len(p) != 1 || p[0].Entries != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	l.Close()
	wantOK(t, verify(t, dir))
	l = openLog(t, dir, c)
	if err := l.Append(t.Context(), login(t)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := verify(t, dir)
	wantOK(t, r)
	if s := r.Classes[0]; s.First != 2 || s.Last != 2 || s.Purged == nil {
		t.Errorf("class %+v", s)
	}
}

func TestPurgeRefusesDamage(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := years(t, dir, c, 12)
	path := segmentPath(dir, "use", 1)
	b, _ := os.ReadFile(path)
	b[len(b)/2] ^= 1
	os.WriteFile(path, b, 0o600)
	if _, err := l.Purge(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("purged a damaged segment: %v", err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("the evidence is gone")
	}
}

// A purge that a crash interrupted after signing is finished at the next Open.
func TestPurgeInterrupted(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := years(t, dir, c, 12)
	first, _ := os.ReadFile(segmentPath(dir, "use", 1))
	if _, err := l.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.Close()
	os.WriteFile(segmentPath(dir, "use", 1), first, 0o600)
	if verify(t, dir).OK() {
		t.Error("a purged segment that is there again was not found")
	}
	openLog(t, dir, c).Close()
	wantOK(t, verify(t, dir))
}

func TestRetentionChange(t *testing.T) {
	dir, c := t.TempDir(), &clock{now: start}
	l := openLog(t, dir, c)
	appendN(t, l, 2)
	l.Close()
	r := DefaultRetention()
	r.Classes[0].Keep = Keep{Years: 5}
	// The class security is given up, its kinds go to use.
	r.Classes[0].Kinds = Kinds()
	r.Classes = r.Classes[:1]
	c.Move(day)
	l = openLog(t, dir, c, func(o *Options) { o.Retention = r })
	if err := l.Append(t.Context(), login(t)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	rep := verify(t, dir)
	wantOK(t, rep)
	if len(rep.Classes) != 2 || rep.Classes[1].Keep != (Keep{Years: 5}) {
		t.Errorf("report %+v", rep)
	}
	n := 0
	for e := range List(dir, Filter{Kinds: []Kind{RetentionChange}}) {
		n++
		if e.Detail != "p10y to p5y" {
			t.Errorf("detail %q", e.Detail)
		}
	}
	if n != 1 {
		t.Errorf("%d entries tell of the change", n)
	}
}
