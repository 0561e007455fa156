package tsl_test

import (
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

const beAddress = "https://lists.example/be.xml"

// web serves documents and counts how often each was asked for.
type web struct {
	mu   sync.Mutex
	docs map[string][]byte
	hits map[string]int
	deaf string // answers nothing before the caller gives up
}

func newWeb() *web { return &web{docs: map[string][]byte{}, hits: map[string]int{}} }

func (w *web) hang(url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deaf = url
}

func (w *web) Fetch(ctx context.Context, url, _ string) ([]byte, time.Duration, error) {
	w.mu.Lock()
	if url == w.deaf {
		w.mu.Unlock()
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	defer w.mu.Unlock()
	w.hits[url]++
	if b, ok := w.docs[url]; ok {
		return b, 0, nil
	}
	return nil, 0, errors.New("down")
}

func (w *web) put(url string, doc []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.docs[url] = doc
}

func (w *web) fetched(url string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hits[url]
}

func (w *web) drop(url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.docs, url)
}

// shelf keeps documents.
type shelf struct {
	docs         map[string][]byte
	full, broken bool
}

func (s *shelf) Keep(_ context.Context, address string, doc []byte) error {
	if s.full {
		return errors.New("full")
	}
	s.docs[address] = doc
	return nil
}

func (s *shelf) Kept(_ context.Context, address string) ([]byte, error) {
	if s.broken {
		return nil, errors.New("broken")
	}
	return s.docs[address], nil
}

// scene is a union on a web, a shelf and a clock.
type scene struct {
	t     *testing.T
	u     union
	web   *web
	shelf *shelf
	now   time.Time
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, u: newUnion(t), web: newWeb(), shelf: &shelf{docs: map[string][]byte{}}, now: now}
	s.putLOTL(1, nil)
	s.putBE(1, nil)
	return s
}

func (s *scene) putLOTL(sequence int, change func(*tsltest.List)) {
	l := s.u.listOfLists(s.u.pointer())
	l.Sequence, l.Issued = sequence, s.now.Add(-time.Hour)
	if change != nil {
		change(&l)
	}
	s.web.put(lotlAddress, signedBy(s.t, l, s.u.lotl))
}

func (s *scene) putBE(sequence int, change func(*tsltest.List)) {
	l := national("BE")
	l.Sequence, l.Issued = sequence, s.now.Add(-time.Hour)
	if change != nil {
		change(&l)
	}
	s.web.put(beAddress, signedBy(s.t, l, s.u.be))
}

func (s *scene) config() tsl.Config {
	return tsl.Config{Location: lotlAddress, Signers: certs(s.u.lotl), Fetcher: s.web, Keeper: s.shelf, Now: func() time.Time { return s.now }}
}

func (s *scene) source(change func(*tsl.Config)) *tsl.Source {
	s.t.Helper()
	c := s.config()
	if change != nil {
		change(&c)
	}
	out, err := tsl.NewSource(context.Background(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *scene) refresh(source *tsl.Source) error {
	s.t.Helper()
	return source.Refresh(context.Background())
}

func sequences(l *tsl.Lists) string {
	if l == nil {
		return "none"
	}
	out := fmt.Sprint("EU ", l.ListOfLists().Scheme.Sequence)
	for _, t := range l.Territories() {
		out += fmt.Sprint(", ", t, " ", l.National(t).Scheme.Sequence)
	}
	return out
}

func wantLists(t *testing.T, s *tsl.Source, want string) {
	t.Helper()
	if got := sequences(s.Lists()); got != want {
		t.Errorf("lists in use: %s, expected %s", got, want)
	}
}

func TestSourceRefresh(t *testing.T) {
	s := newScene(t)
	source := s.source(nil)
	wantLists(t, source, "none")
	if st := source.Status(); len(st) != 0 {
		t.Errorf("status before the first try: %+v", st)
	}
	if err := s.refresh(source); err != nil {
		t.Fatal(err)
	}
	wantLists(t, source, "EU 1, BE 1")
	s.putBE(2, nil)
	if err := s.refresh(source); err != nil {
		t.Fatal(err)
	}
	wantLists(t, source, "EU 1, BE 2")
	st := source.Status()
	if len(st) != 2 || st[0].Territory != "EU" || st[1].Territory != "BE" || st[1].Sequence != 2 || !st[1].Fetched.Equal(now) || st[1].Err != nil {
		t.Errorf("status: %+v", st)
	}
	s.putLOTL(2, func(l *tsltest.List) { l.Pointers = l.Pointers[:1] })
	if err := s.refresh(source); err != nil {
		t.Fatal(err)
	}
	wantLists(t, source, "EU 2")
	if len(source.Status()) != 1 {
		t.Error("a list that is no longer pointed to has a status")
	}
}

// TestSourceKeepsLast: the last good list stays whatever comes after it, and
// expires by itself.
func TestSourceKeepsLast(t *testing.T) {
	ca := authority(t, "TEST CA")
	leaf := sealCertificate(t, ca, sealStatements(), nil)
	with := func(l *tsltest.List) {
		l.Providers = []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{{Since: years(2), Certificates: certs(ca), Extensions: []string{tsltest.For("ForeSeals")}}}}}
	}
	for _, c := range []struct {
		name   string
		change func(*scene)
		want   error
		check  string
	}{
		{"list down", func(s *scene) { s.web.drop(beAddress) }, nil, ""},
		{"list of lists down", func(s *scene) { s.web.drop(lotlAddress) }, nil, ""},
		{"both down", func(s *scene) { s.web.drop(beAddress); s.web.drop(lotlAddress) }, nil, ""},
		{"not a list", func(s *scene) { s.web.put(beAddress, []byte("<html></html>")) }, tsl.ErrList, tsl.CheckContent},
		{"an older list", func(s *scene) { s.putBE(9, with) }, tsl.ErrRollback, tsl.CheckSequence},
		{"another list of the same number", func(s *scene) { s.putBE(10, nil) }, tsl.ErrRollback, tsl.CheckSequence},
		{"an older list of lists", func(s *scene) { s.putLOTL(9, nil) }, tsl.ErrRollback, tsl.CheckSequence},
		{"another list of lists of the same number", func(s *scene) {
			s.putLOTL(10, func(l *tsltest.List) { l.Information = []string{"https://lists.example/other"} })
		}, tsl.ErrRollback, tsl.CheckSequence},
		{"an expired list", func(s *scene) {
			s.putBE(11, func(l *tsltest.List) { with(l); l.Issued, l.NextUpdate = now.AddDate(0, -3, 0), now })
		}, tsl.ErrExpired, tsl.CheckValidity},
		{"a closed list", func(s *scene) { s.putBE(11, func(l *tsltest.List) { with(l); l.Closed = true }) }, tsl.ErrExpired, tsl.CheckValidity},
		{"a list for more than six months", func(s *scene) {
			s.putBE(11, func(l *tsltest.List) { with(l); l.NextUpdate = l.Issued.AddDate(0, 6, 2) })
		}, tsl.ErrList, tsl.CheckContent},
		{"a list by the signer of the list of lists", func(s *scene) {
			s.u.lotl, s.u.be = s.u.be, s.u.lotl // the signer of the list of lists signs for Belgium
			s.putBE(11, with)
		}, tsl.ErrList, tsl.CheckSigner},
		{"a list of version 4", func(s *scene) { s.putBE(11, func(l *tsltest.List) { with(l); l.Version = 4 }) }, tsl.ErrList, tsl.CheckContent},
		{"a list of the future", func(s *scene) { s.putBE(11, func(l *tsltest.List) { with(l); l.Issued = now.Add(time.Hour) }) }, tsl.ErrList, tsl.CheckSigningTime},
		{"an expired list of lists", func(s *scene) {
			s.putLOTL(11, func(l *tsltest.List) { l.Issued, l.NextUpdate = now.AddDate(0, -3, 0), now })
		}, tsl.ErrExpired, tsl.CheckValidity},
		{"the list of another territory", func(s *scene) { s.putBE(11, func(l *tsltest.List) { l.Territory = "DK" }) }, tsl.ErrList, tsl.CheckScheme},
		{"a list of another type", func(s *scene) { s.putBE(11, func(l *tsltest.List) { l.Type = tsltest.TypeListOfLists }) }, tsl.ErrList, tsl.CheckScheme},
		{"a list by another signer", func(s *scene) { s.u.be = listSigner(t, ecKey(t, elliptic.P256()), "BE"); s.putBE(11, with) }, tsl.ErrList, tsl.CheckSigner},
		{"a list of lists by another signer", func(s *scene) {
			s.u.lotl = listSigner(t, ecKey(t, elliptic.P256()), "EU")
			s.putLOTL(11, nil)
		}, tsl.ErrList, tsl.CheckSigner},
		{"a national list as list of lists", func(s *scene) { s.putLOTL(11, func(l *tsltest.List) { l.Type = tsltest.TypeNational }) }, tsl.ErrList, tsl.CheckScheme},
		{"a list of lists of another territory", func(s *scene) { s.putLOTL(11, func(l *tsltest.List) { l.Territory = "US" }) }, tsl.ErrList, tsl.CheckScheme},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.putLOTL(10, nil)
			s.putBE(10, with)
			source := s.source(nil)
			if err := s.refresh(source); err != nil {
				t.Fatal(err)
			}
			c.change(s)
			err := s.refresh(source)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("found %v, expected %v", err, c.want)
			}
			if !strings.Contains(err.Error(), "list of BE: ") && !strings.Contains(err.Error(), "list of lists: ") {
				t.Errorf("nobody says which list: %v", err)
			}
			var e *tsl.Error
			if c.check != "" && (!errors.As(err, &e) || e.Check != c.check) {
				t.Errorf("refused by %v, expected %s", err, c.check)
			}
			wantLists(t, source, "EU 10, BE 10")
			ask := func(at time.Time) tsl.Outcome {
				return source.Lists().Seal(certs(leaf), tsl.Times{Signature: now, Now: at}).Qualified
			}
			if got := ask(now); got != tsl.Positive {
				t.Errorf("with the last good list: %s", got)
			}
			if got := ask(now.AddDate(0, 3, 0)); got != tsl.Indeterminate {
				t.Errorf("after NextUpdate: %s", got)
			}
		})
	}
}

// TestSourceChanged: who wants to know is told of a new set, and of no old one.
func TestSourceChanged(t *testing.T) {
	s := newScene(t)
	var told []string
	tell := func(c *tsl.Config) { c.Changed = func(l *tsl.Lists) { told = append(told, sequences(l)) } }
	source := s.source(tell)
	for range 2 {
		if err := s.refresh(source); err != nil {
			t.Fatal(err)
		}
	}
	s.putBE(2, nil)
	if err := s.refresh(source); err != nil {
		t.Fatal(err)
	}
	s.source(tell)
	if want := []string{"EU 1, BE 1", "EU 1, BE 2", "EU 1, BE 2"}; !slices.Equal(told, want) {
		t.Errorf("told %q, expected %q", told, want)
	}
}

// TestSourceSignerChange: a list whose signer is no longer told is not kept.
func TestSourceSignerChange(t *testing.T) {
	s := newScene(t)
	source := s.source(nil)
	if err := s.refresh(source); err != nil {
		t.Fatal(err)
	}
	s.u.be = listSigner(t, ecKey(t, elliptic.P256()), "BE")
	s.putLOTL(2, nil)
	if err := s.refresh(source); err == nil {
		t.Error("the old list was accepted under the new signer")
	}
	wantLists(t, source, "EU 2")
	if st := source.Status(); len(st) != 2 || st[1].Sequence != 0 || st[1].Err == nil || !st[1].Fetched.IsZero() {
		t.Errorf("the status has a list that is not in use: %+v", st)
	}
	s.putBE(1, func(l *tsltest.List) { l.Information = []string{"https://lists.example/other"} })
	if err := s.refresh(source); !errors.Is(err, tsl.ErrRollback) {
		t.Errorf("found %v, expected the number to be remembered", err)
	}
	s.putBE(2, nil)
	if err := s.refresh(source); err != nil {
		t.Error(err)
	}
	wantLists(t, source, "EU 2, BE 2")
}

// TestSourceAmbiguous: of two lists of one territory none is used, and that is
// said.
func TestSourceAmbiguous(t *testing.T) {
	s := newScene(t)
	s.putLOTL(1, func(l *tsltest.List) { l.Pointers = append(l.Pointers, s.u.pointer()) })
	source := s.source(nil)
	if err := s.refresh(source); !errors.Is(err, tsl.ErrList) {
		t.Errorf("found %v", err)
	}
	wantLists(t, source, "EU 1")
	if st := source.Status(); len(st) != 2 || st[1].Territory != "BE" || !errors.Is(st[1].Err, tsl.ErrList) {
		t.Errorf("status: %+v", st)
	}
	err := s.refresh(s.source(func(c *tsl.Config) { c.Territories = []string{"DK"} }))
	if err == nil || strings.Contains(err.Error(), "BE") {
		t.Errorf("a territory that is not followed: %v", err)
	}
}

// TestSourceSignedAnew: the same list with a fresh signature is the same list.
func TestSourceSignedAnew(t *testing.T) {
	s := newScene(t)
	source := s.source(nil)
	if err := s.refresh(source); err != nil {
		t.Fatal(err)
	}
	s.putBE(1, nil)
	s.putLOTL(1, nil)
	if err := s.refresh(source); err != nil {
		t.Error(err)
	}
}

// TestSourceRestart: what was kept is in use at once, verified again, and still
// forbids older lists.
func TestSourceRestart(t *testing.T) {
	s := newScene(t)
	s.putBE(5, nil)
	if err := s.refresh(s.source(nil)); err != nil {
		t.Fatal(err)
	}
	s.web.drop(lotlAddress)
	s.web.drop(beAddress)
	source := s.source(nil)
	wantLists(t, source, "EU 1, BE 5")
	if st := source.Status(); len(st) != 2 || !st[1].Fetched.IsZero() {
		t.Errorf("status: %+v", st)
	}
	s.putLOTL(1, nil)
	s.putBE(4, nil)
	if err := s.refresh(source); !errors.Is(err, tsl.ErrRollback) {
		t.Errorf("found %v", err)
	}
	wantLists(t, source, "EU 1, BE 5")

	t.Run("changed", func(t *testing.T) {
		kept := maps.Clone(s.shelf.docs)
		s.shelf.docs[beAddress] = []byte(strings.Replace(string(kept[beAddress]), "TEST", "EVIL", 1))
		wantLists(t, s.source(nil), "EU 1")
		s.shelf.docs[lotlAddress] = []byte("nonsense")
		wantLists(t, s.source(nil), "none")
		s.shelf.docs = kept
	})
	t.Run("expired", func(t *testing.T) {
		s.now = now.AddDate(1, 0, 0)
		source := s.source(nil)
		wantLists(t, source, "EU 1, BE 5")
		if d := source.Lists().Service(tsl.ServiceTimestamp, certs(authority(t, "TEST")), tsl.Times{Signature: s.now, Now: s.now}); d.Qualified != tsl.Indeterminate {
			t.Errorf("an expired list answers %s", d.Qualified)
		}
	})
	t.Run("a full shelf", func(t *testing.T) {
		s := newScene(t)
		s.shelf.full = true
		source := s.source(nil)
		if err := s.refresh(source); err == nil {
			t.Error("nobody says that nothing is kept")
		}
		wantLists(t, source, "EU 1, BE 1")
	})
	t.Run("a broken shelf", func(t *testing.T) {
		s := newScene(t)
		s.shelf.broken = true
		if _, err := tsl.NewSource(context.Background(), s.config()); err == nil {
			t.Error("nobody says that what was kept cannot be read")
		}
	})
	t.Run("no shelf", func(t *testing.T) {
		s := newScene(t)
		source := s.source(func(c *tsl.Config) { c.Keeper = nil })
		if err := s.refresh(source); err != nil {
			t.Fatal(err)
		}
		wantLists(t, source, "EU 1, BE 1")
	})
}

func TestSourceTerritories(t *testing.T) {
	s := newScene(t)
	source := s.source(func(c *tsl.Config) { c.Territories = []string{"DK"} })
	if err := s.refresh(source); err == nil || !strings.Contains(err.Error(), "no list of DK") {
		t.Errorf("a list that is followed and not there: %v", err)
	}
	wantLists(t, source, "EU 1")
	if st := source.Status(); len(st) != 2 || st[1].Territory != "DK" || st[1].Err == nil {
		t.Errorf("status: %+v", st)
	}
	if s.web.hits[beAddress] != 0 {
		t.Error("fetched a list that is not followed")
	}
}

// TestSourceProgress: who asked is told of each list that it begins and is done,
// and what is in use of it.
func TestSourceProgress(t *testing.T) {
	s := newScene(t)
	source := s.source(nil)
	told := func() (out []string) {
		t.Helper()
		tell := func(p tsl.Progress) {
			line := fmt.Sprint(p.Territory, " of ", p.Of)
			if p.Done {
				line += " done"
			}
			if p.List != nil {
				line += fmt.Sprint(" ", p.List.Scheme.Sequence)
			}
			if p.Err != nil {
				line += " failed"
			}
			out = append(out, line)
		}
		if err := source.RefreshTelling(context.Background(), tell); err != nil && !strings.Contains(err.Error(), "down") {
			t.Error(err)
		}
		return out
	}
	if got, want := told(), []string{"EU of 0", "EU of 0 done 1", "BE of 1", "BE of 1 done 1"}; !slices.Equal(got, want) {
		t.Errorf("told %q, expected %q", got, want)
	}
	s.web.drop(beAddress)
	s.web.drop(lotlAddress)
	if got, want := told(), []string{"EU of 0", "EU of 0 done 1 failed", "BE of 1", "BE of 1 done 1 failed"}; !slices.Equal(got, want) {
		t.Errorf("told %q, expected %q", got, want)
	}
}

// TestSourceCutOff: a refresh that was cut off says nothing of the lists.
func TestSourceCutOff(t *testing.T) {
	s := newScene(t)
	source := s.source(nil)
	if err := s.refresh(source); err != nil {
		t.Fatal(err)
	}
	s.putBE(2, nil)
	for at, address := range map[string]string{"EU": lotlAddress, "BE": beAddress} {
		s.web.hang(address)
		ctx, cut := context.WithCancel(context.Background())
		err := source.RefreshTelling(ctx, func(p tsl.Progress) {
			if p.Territory == at && !p.Done {
				cut()
			}
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cut off at %s: %v", at, err)
		}
		for _, st := range source.Status() {
			if st.Err != nil || st.Sequence != 1 {
				t.Errorf("cut off at %s: noted %+v", at, st)
			}
		}
		wantLists(t, source, "EU 1, BE 1")
		s.web.hang("")
	}
}

// TestSourceWaits: who waits for another refresh can stop waiting.
func TestSourceWaits(t *testing.T) {
	s := newScene(t)
	source := s.source(nil)
	entered, leave := make(chan bool), make(chan bool)
	done := make(chan error)
	go func() {
		first := true
		done <- source.RefreshTelling(context.Background(), func(tsl.Progress) {
			if first {
				first = false
				close(entered)
				<-leave
			}
		})
	}()
	<-entered
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := source.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("found %v", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestSourceKeptFaults: that a kept list is not acceptable is told, that there is
// none is not.
func TestSourceKeptFaults(t *testing.T) {
	s := newScene(t)
	var told []string
	report := func(c *tsl.Config) { c.Report = func(err error) { told = append(told, err.Error()) } }
	s.source(report)
	if err := s.refresh(s.source(report)); err != nil {
		t.Fatal(err)
	}
	s.source(report)
	if len(told) != 0 {
		t.Errorf("told %q", told)
	}
	s.shelf.docs[beAddress] = []byte(strings.Replace(string(s.shelf.docs[beAddress]), "TEST", "EVIL", 1))
	source := s.source(report)
	if len(told) != 1 || !strings.HasPrefix(told[0], "what was kept: list of BE: ") {
		t.Errorf("told %q", told)
	}
	if st := source.Status(); len(st) != 2 || st[1].Err == nil || st[1].Sequence != 0 {
		t.Errorf("status: %+v", st)
	}
}

func TestNewSource(t *testing.T) {
	s := newScene(t)
	for name, change := range map[string]func(*tsl.Config){
		"no location":         func(c *tsl.Config) { c.Location = "" },
		"a relative location": func(c *tsl.Config) { c.Location = "/lotl.xml" },
		"no signers":          func(c *tsl.Config) { c.Signers = nil },
		"no fetcher":          func(c *tsl.Config) { c.Fetcher = nil },
		"a negative interval": func(c *tsl.Config) { c.Interval = -1 },
	} {
		c := s.config()
		change(&c)
		if _, err := tsl.NewSource(context.Background(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestRun: refreshes at once, sooner after a failure, and ends.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.web.drop(lotlAddress)
		start := time.Now()
		source := s.source(func(c *tsl.Config) { c.Interval = time.Hour })
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- source.Run(ctx) }()
		synctest.Wait()
		wantLists(t, source, "none")
		s.putLOTL(1, nil)
		time.Sleep(15 * time.Minute)
		wantLists(t, source, "EU 1, BE 1")
		time.Sleep(50 * time.Minute)
		if n := s.web.fetched(lotlAddress); n != 2 {
			t.Errorf("fetched %d times within %s", n, time.Since(start))
		}
		time.Sleep(time.Hour)
		if n := s.web.fetched(lotlAddress); n != 3 {
			t.Errorf("fetched %d times within %s", n, time.Since(start))
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// TestRunBroken: a list that stays broken has all fetched ever more seldom.
func TestRunBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		s.web.drop(beAddress)
		source := s.source(func(c *tsl.Config) { c.Interval = 6 * time.Hour })
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- source.Run(ctx) }()
		time.Sleep(24*time.Hour + time.Minute) // at 0, 10, 30, 70, 150, 310 and 630 minutes, then every six hours
		if n := s.web.fetched(lotlAddress); n != 9 {
			t.Errorf("fetched %d times within a day", n)
		}
		s.putBE(1, nil)
		time.Sleep(6 * time.Hour)
		s.web.drop(beAddress)
		time.Sleep(4*time.Hour + 28*time.Minute)
		before := s.web.fetched(lotlAddress)
		time.Sleep(12 * time.Minute) // 34 hours and 41 minutes after the start
		if n := s.web.fetched(lotlAddress); n != before+2 {
			t.Errorf("fetched %d times with a new failure and after it", n-before)
		}
		cancel()
		<-done
	})
}

// TestSourceConcurrent: many ask while it refreshes.
func TestSourceConcurrent(t *testing.T) {
	s := newScene(t)
	source := s.source(nil)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				if err := source.Refresh(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 20 {
				if l := source.Lists(); l != nil {
					l.Anchors(tsl.ServiceCA, now)
				}
				if st := source.Status(); len(st) > 1 && !slices.Contains([]string{"EU"}, st[0].Territory) {
					t.Error("order of status")
				}
			}
		})
	}
	wg.Wait()
}

// TestRunBeforeItRunsOut: a list whose end comes before the next refresh is fetched
// before its end.
func TestRunBeforeItRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		began := time.Now()
		clock := func() time.Time { return now.Add(time.Since(began)) }
		s.putBE(1, func(l *tsltest.List) { l.NextUpdate = now.Add(3 * time.Hour) })
		source := s.source(func(c *tsl.Config) { c.Interval, c.Now = 6*time.Hour, clock })
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- source.Run(ctx) }()
		synctest.Wait()
		wantLists(t, source, "EU 1, BE 1")
		s.putBE(2, nil)
		time.Sleep(3*time.Hour + time.Minute)
		wantLists(t, source, "EU 1, BE 2")
		cancel()
		<-done
	})
}

// TestSourceMoved: a list whose address changes keeps its number and stays over a
// restart while it cannot be had at the new one.
func TestSourceMoved(t *testing.T) {
	const moved = "https://lists.example/new/be.xml"
	s := newScene(t)
	s.putBE(5, nil)
	source := s.source(nil)
	if err := source.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	wantLists(t, source, "EU 1, BE 5")
	p := s.u.pointer()
	p.Location = moved
	l := s.u.listOfLists(p)
	l.Sequence, l.Issued = 2, s.now.Add(-time.Hour)
	s.web.put(lotlAddress, signedBy(s.t, l, s.u.lotl))
	if err := source.Refresh(context.Background()); err == nil {
		t.Fatal("the new address answers")
	}
	wantLists(t, source, "EU 2, BE 5")
	again := s.source(nil)
	wantLists(t, again, "EU 2, BE 5")
	older := national("BE")
	older.Sequence, older.Issued = 4, s.now.Add(-2*time.Hour)
	s.web.put(moved, signedBy(s.t, older, s.u.be))
	if err := again.Refresh(context.Background()); !errors.Is(err, tsl.ErrRollback) {
		t.Errorf("found %v", err)
	}
	wantLists(t, again, "EU 2, BE 5")
}
