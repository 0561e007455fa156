package lote_test

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/lote"
)

const address = "https://lists.example.org/pub-eaa.jwt"

// web serves one document.
type web struct {
	mu     sync.Mutex
	doc    string
	tag    string
	age    time.Duration
	err    error
	asked  int
	unsent int // times that the document still had the tag
}

func (w *web) FetchUnless(_ context.Context, url, _, etag string) ([]byte, string, time.Duration, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	switch {
	case url != address:
		return nil, "", 0, errors.New("another address")
	case w.err != nil:
		return nil, "", 0, w.err
	case etag != "" && etag == w.tag:
		w.unsent++
		return nil, etag, w.age, nil
	}
	return []byte(w.doc), w.tag, w.age, nil
}

func (w *web) set(f func(*web)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

func (w *web) fetched() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked
}

// shelf keeps documents in memory.
type shelf struct {
	docs map[string][]byte
	err  error
}

func (s *shelf) Keep(_ context.Context, address string, doc []byte) error {
	if s.err != nil {
		return s.err
	}
	s.docs[address] = doc
	return nil
}

func (s *shelf) Kept(_ context.Context, address string) ([]byte, error) {
	return s.docs[address], s.err
}

type scene struct {
	t        *testing.T
	h        *devca.Hierarchy
	web      *web
	shelf    *shelf
	now      time.Time
	changed  []int64
	reported []error
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, web: &web{}, shelf: &shelf{docs: map[string][]byte{}}, now: time.Now().UTC().Truncate(time.Second)}
	h, err := devca.New(devca.Options{Now: s.now, Issuer: "https://led.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	s.h, s.web.doc = h, h.List
	return s
}

// rotate publishes a list with another seal key.
func (s *scene) rotate() {
	s.t.Helper()
	if err := s.h.RotateSeal("", s.now); err != nil {
		s.t.Fatal(err)
	}
	s.web.set(func(w *web) { w.doc = s.h.List })
}

func (s *scene) store() *trust.Store {
	s.t.Helper()
	store, err := trust.NewStore(trust.Anchors{trust.UseListSigner: {s.h.ListSigner.Certificate}}, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return store
}

func (s *scene) source(f func(*lote.Config)) *lote.Source {
	s.t.Helper()
	c := lote.Config{
		Location: address, Profile: trust.PubEAAProviders, Store: s.store(), Fetcher: s.web, Keeper: s.shelf, Now: func() time.Time { return s.now },
		Changed: func(l *trust.List) { s.changed = append(s.changed, l.Sequence) }, Report: func(err error) { s.reported = append(s.reported, err) },
	}
	if f != nil {
		f(&c)
	}
	source, err := lote.NewSource(s.t.Context(), c)
	if err != nil {
		s.t.Fatal(err)
	}
	return source
}

func (s *scene) refresh(source *lote.Source, want error) {
	s.t.Helper()
	if err := source.Refresh(s.t.Context()); !errors.Is(err, want) {
		s.t.Errorf("refresh: %v, expected %v", err, want)
	}
}

func (s *scene) number(source *lote.Source, want int64) {
	s.t.Helper()
	l, st := source.List(), source.Status()
	if want == 0 {
		if l != nil || st.Sequence != 0 {
			s.t.Errorf("there is a list %+v", st)
		}
		return
	}
	if l == nil || l.Sequence != want || st.Sequence != want {
		s.t.Errorf("list %+v, expected number %d", st, want)
	}
}

// The last good list stays when another cannot be had or is not acceptable, until
// its NextUpdate; then nothing is anchored, and the next good one heals it.
func TestSourceKeepsLast(t *testing.T) {
	s := newScene(t)
	errAway := errors.New("away")
	source := s.source(nil)
	s.number(source, 0)
	if err := source.Health(t.Context()); !errors.Is(err, lote.ErrNone) {
		t.Errorf("health without a list: %v", err)
	}
	s.web.err = errAway
	s.refresh(source, errAway)
	if err := source.Health(t.Context()); !errors.Is(err, lote.ErrNone) || !errors.Is(err, errAway) {
		t.Errorf("health says nothing of the reason: %v", err)
	}
	s.web.err = nil
	s.refresh(source, nil)
	s.number(source, 1)
	first := s.h.List
	s.rotate()
	s.refresh(source, nil)
	s.number(source, 2)

	for name, doc := range map[string]string{"older": first, "none": "", "another kind": "a.b.c"} {
		s.web.doc = doc
		if err := source.Refresh(t.Context()); err == nil || source.Status().Err == nil {
			t.Errorf("%s: was taken", name)
		}
		s.number(source, 2)
		if err := source.Health(t.Context()); err != nil {
			t.Errorf("%s: health: %v", name, err)
		}
	}
	s.web.doc = first
	s.refresh(source, trust.ErrRollback)

	end := source.List().NextUpdate
	s.now = end
	s.refresh(source, trust.ErrListExpired) // the old one
	s.number(source, 2)
	if err := source.Health(t.Context()); !errors.Is(err, trust.ErrListExpired) {
		t.Errorf("health of a list that ran out: %v", err)
	}
	if err := s.h.Refresh(s.now); err != nil {
		t.Fatal(err)
	}
	s.web.doc = s.h.List
	s.refresh(source, nil)
	s.number(source, 3)
	if err := source.Health(t.Context()); err != nil {
		t.Error(err)
	}
	if got := s.changed; len(got) != 3 {
		t.Errorf("changed %v", got)
	}
}

// What was kept is verified again at the start, and needs no network.
func TestSourceRestart(t *testing.T) {
	s := newScene(t)
	first := s.h.List
	s.rotate()
	s.refresh(s.source(nil), nil)

	s.web.err = errors.New("away")
	store := s.store()
	source := s.source(func(c *lote.Config) { c.Store = store })
	s.number(source, 2)
	if _, err := store.Certificates([]*x509.Certificate{s.h.Seal.Certificate}, trust.UseSeal, s.now); err != nil {
		t.Errorf("kept, and anchors nothing: %v", err)
	}
	if st := source.Status(); !st.Fetched.IsZero() || !st.Tried.IsZero() {
		t.Errorf("%+v", st)
	}
	// An older one is refused after the restart, too.
	s.web.err, s.web.doc = nil, first
	s.refresh(source, trust.ErrRollback)

	// Kept for too long: it anchors nothing, and is still newer than what was before.
	s.now = source.List().NextUpdate.Add(time.Hour)
	store = s.store()
	source = s.source(func(c *lote.Config) { c.Store = store })
	s.number(source, 2)
	if err := source.Health(t.Context()); !errors.Is(err, trust.ErrListExpired) {
		t.Errorf("health: %v", err)
	}
	if _, err := store.Certificates([]*x509.Certificate{s.h.Seal.Certificate}, trust.UseSeal, s.now); !errors.Is(err, trust.ErrListExpired) {
		t.Errorf("anchors from a list that ran out: %v", err)
	}
	s.reported = nil

	// Changed on disk, of another signer, of another kind: not used, and told.
	good := s.shelf.docs[address]
	other, err := devca.New(devca.Options{Now: s.now, Issuer: "https://led.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string]string{
		"changed": string(good[:len(good)-6]) + "AAAAAA", "of another signer": other.List, "half": string(good[:100]), "empty": "",
	} {
		s.shelf.docs[address], s.reported = []byte(doc), nil
		s.number(s.source(nil), 0)
		if len(s.reported) != 1 || !strings.Contains(s.reported[0].Error(), "kept") {
			t.Errorf("%s: reported %v", name, s.reported)
		}
	}
	s.shelf.docs[address] = good
	access := s.source(func(c *lote.Config) { c.Profile = trust.AccessProviders })
	if access.List() != nil {
		t.Error("a list of another kind was taken")
	}
	s.shelf.err = errors.New("disk")
	if _, err := lote.NewSource(t.Context(), lote.Config{Location: address, Profile: trust.PubEAAProviders, Store: s.store(), Fetcher: s.web, Keeper: s.shelf}); !errors.Is(err, s.shelf.err) {
		t.Errorf("a keeper that cannot be read: %v", err)
	}
}

// A list that cannot be kept is used, the fault is told, and it is kept later.
func TestSourceCannotKeep(t *testing.T) {
	s := newScene(t)
	source := s.source(nil)
	s.web.tag = `"1"`
	s.shelf.err = errors.New("disk full")
	s.refresh(source, s.shelf.err)
	s.number(source, 1)
	s.shelf.err = nil
	s.refresh(source, nil)
	if string(s.shelf.docs[address]) != s.h.List {
		t.Error("it was not kept")
	}
	s.refresh(source, nil)
	if s.web.unsent != 1 {
		t.Errorf("sent again although unchanged (%d)", s.web.unsent)
	}
	// What has run out is not asked for by its tag.
	s.now = source.List().NextUpdate
	s.refresh(source, trust.ErrListExpired)
	if len(s.changed) != 1 {
		t.Errorf("changed %v", s.changed)
	}
}

func TestSourceConfig(t *testing.T) {
	s := newScene(t)
	empty, err := trust.NewStore(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	good := lote.Config{Location: address, Profile: trust.PubEAAProviders, Store: s.store(), Fetcher: s.web}
	for name, bend := range map[string]func(*lote.Config){
		"location": func(c *lote.Config) { c.Location = "list" }, "profile": func(c *lote.Config) { c.Profile = trust.Profile{} },
		"store": func(c *lote.Config) { c.Store = nil }, "signer": func(c *lote.Config) { c.Store = empty },
		"fetcher": func(c *lote.Config) { c.Fetcher = nil }, "interval": func(c *lote.Config) { c.Interval = -1 },
	} {
		c := good
		bend(&c)
		if _, err := lote.NewSource(t.Context(), c); err == nil {
			t.Errorf("%s: was taken", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	source, err := lote.NewSource(ctx, good)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Refresh(ctx); !errors.Is(err, context.Canceled) || !source.Status().Tried.IsZero() {
		t.Errorf("cut off: %v, %+v", err, source.Status())
	}
}

// running has a source run in the time of synctest.
func running(t *testing.T, f func(s *scene, source *lote.Source)) {
	synctest.Test(t, func(t *testing.T) {
		s := newScene(t)
		source := s.source(func(c *lote.Config) { c.Now, c.Changed, c.Report = time.Now, nil, nil })
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- source.Run(ctx) }()
		synctest.Wait()
		f(s, source)
		cancel()
		<-done
	})
}

// A list that fails is fetched ever more seldom, and each hour when it is well.
func TestRun(t *testing.T) {
	running(t, func(s *scene, source *lote.Source) {
		time.Sleep(10*time.Hour + 90*time.Second)
		if n := s.web.fetched(); n != 11 {
			t.Errorf("fetched %d times in ten hours", n)
		}
		s.web.set(func(w *web) { w.err = errors.New("away") })
		time.Sleep(5 * time.Hour) // at 59, 64, 74, 94, 134 minutes, then every hour
		if n := s.web.fetched(); n != 11+7 {
			t.Errorf("fetched %d times in five hours of failures", n-11)
		}
		// The publisher says that it may change sooner.
		s.web.set(func(w *web) { w.err, w.age = nil, 10*time.Minute })
		time.Sleep(time.Hour)
		before := s.web.fetched()
		time.Sleep(time.Hour)
		if n := s.web.fetched() - before; n != 6 {
			t.Errorf("fetched %d times in an hour", n)
		}
		s.web.set(func(w *web) { w.age = time.Nanosecond })
		time.Sleep(11 * time.Minute)
		before = s.web.fetched()
		time.Sleep(10 * time.Minute)
		if n := s.web.fetched() - before; n != 10 {
			t.Errorf("fetched %d times in ten minutes", n)
		}
	})
}

// A certificate that is not listed has the list fetched soon, and once a minute
// however many there are.
func TestMissed(t *testing.T) {
	running(t, func(s *scene, source *lote.Source) {
		time.Sleep(30 * time.Minute)
		before := s.web.fetched()
		s.rotate()
		source.Missed()
		synctest.Wait()
		if n := s.web.fetched() - before; n != 1 || source.List().Sequence != 2 {
			t.Errorf("fetched %d times, number %d", n, source.List().Sequence)
		}
		for range 30 * 60 {
			source.Missed()
			time.Sleep(time.Second)
		}
		if n := s.web.fetched() - before; n < 25 || n > 31 {
			t.Errorf("fetched %d times in half an hour", n)
		}
	})
}

// The store tells what it missed.
func TestStoreTellsMisses(t *testing.T) {
	s := newScene(t)
	store := s.store()
	source := s.source(func(c *lote.Config) { c.Store = store })
	var told []trust.Use
	store.OnMiss(func(u trust.Use) { told = append(told, u) })
	chain := []*x509.Certificate{s.h.Seal.Certificate}
	if _, err := store.Certificates(chain, trust.UseSeal, s.now); err == nil || len(told) != 1 || told[0] != trust.UseSeal {
		t.Errorf("told %v, %v", told, err)
	}
	s.refresh(source, nil)
	if _, err := store.Certificates(chain, trust.UseSeal, s.now); err != nil || len(told) != 1 {
		t.Errorf("told %v, %v", told, err)
	}
	also := 0
	store.OnMiss(func(trust.Use) { also++ })
	if _, err := store.Certificates([]*x509.Certificate{s.h.Registrar.Certificate}, trust.UseAccessCertificate, s.now); err == nil || len(told) != 2 || told[1] != trust.UseAccessCertificate || also != 1 {
		t.Errorf("told %v, the other %d times, %v", told, also, err)
	}
}
