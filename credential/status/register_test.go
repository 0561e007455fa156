package status

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
)

// counted counts what reaches the store.
type counted struct {
	store.Store
	created, taken, other, finds atomic.Int64
}

func (c *counted) Create(ctx context.Context, r store.Record) (store.Record, error) {
	out, err := c.Store.Create(ctx, r)
	switch {
	case errors.Is(err, store.ErrExists):
		c.taken.Add(1)
	case err == nil:
		c.created.Add(1)
	}
	return out, err
}

func (c *counted) Replace(ctx context.Context, old, next store.Record) (store.Record, error) {
	c.other.Add(1)
	return c.Store.Replace(ctx, old, next)
}

func (c *counted) Find(ctx context.Context, k store.Kind, tag string, p store.Page) ([]store.Record, string, error) {
	c.finds.Add(1)
	return c.Store.Find(ctx, k, tag, p)
}

func open(t testing.TB) *counted {
	t.Helper()
	s, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &counted{Store: s}
}

func register(t testing.TB, s store.Store, at *clock, signer Signer) *Register {
	t.Helper()
	r, err := NewRegister(s, Options{Base: "https://issuer.example", Signer: signer, Size: 1024, Now: at.now})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func listID(r *Register, ref Ref) string { return ref.URI[len(r.base):] }

func TestAllocate(t *testing.T) {
	s := open(t)
	r := register(t, s, newClock(), keySigner{newKey(t)})
	const n = 1500
	refs, err := r.AllocateN(t.Context(), n, "vault:a")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[Ref]bool{}
	fill := map[string]int{}
	for _, ref := range refs {
		if seen[ref] {
			t.Fatal("an index was allocated twice")
		}
		seen[ref] = true
		fill[ref.URI]++
		if ref.Index >= 1024 {
			t.Fatalf("index %d", ref.Index)
		}
	}
	if len(fill) < 2 || len(fill) > 6 {
		t.Errorf("%d indexes went to %d lists", n, len(fill))
	}
	for _, k := range fill {
		if k > 1024*3/4 {
			t.Errorf("a list was filled to %d of 1024", k)
		}
	}
	// One write per index, one per list opened and one per list closed; a
	// taken index costs a read; Find only when a list is opened.
	lists := int64(len(fill))
	if got := s.created.Load(); got < n+lists || got > n+lists+1 {
		t.Errorf("%d records were created for %d indexes in %d lists", got, n, lists)
	}
	if s.other.Load() > lists || s.finds.Load() > lists+1 {
		t.Errorf("%d replacements, %d searches for %d lists", s.other.Load(), s.finds.Load(), lists)
	}
	if got := s.taken.Load(); got > n {
		t.Errorf("%d draws hit a taken index for %d allocations", got, n)
	}
	t.Logf("%d allocations: %d creates, %d taken, %d replaces, %d finds, lists %v", n, s.created.Load(), s.taken.Load(), s.other.Load(), s.finds.Load(), fill)

	found, err := r.Find(t.Context(), "vault:a")
	if err != nil || len(found) != n {
		t.Fatalf("found %d, %v", len(found), err)
	}
	for _, ref := range found {
		if !seen[ref] {
			t.Fatal("found an index that was not allocated")
		}
	}
	if other, err := r.Find(t.Context(), "vault:b"); err != nil || len(other) != 0 {
		t.Errorf("another tag: %v, %v", other, err)
	}
}

// A new process goes on with the list that is open.
func TestAllocateAfterRestart(t *testing.T) {
	s, at := open(t), newClock()
	a, err := register(t, s, at, keySigner{newKey(t)}).Allocate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b, err := register(t, s, at, keySigner{newKey(t)}).Allocate(t.Context())
	if err != nil || a.URI != b.URI || a.Index == b.Index {
		t.Fatalf("%v, %v, %v", a, b, err)
	}
}

func fetchFrom(r *Register) fetchFunc {
	return func(ctx context.Context, uri string) (string, time.Duration, error) {
		p, err := r.Token(ctx, uri[len(r.base):])
		return string(p.Body), p.TTL, err
	}
}

func TestSetAndPublish(t *testing.T) {
	s, at, key := open(t), newClock(), newKey(t)
	r := register(t, s, at, keySigner{key})
	refs, err := r.AllocateN(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	seen := func(r *Register, ref Ref) Value {
		t.Helper()
		v, err := checker(t, at, fetchFrom(r), CheckerOptions{}).Check(t.Context(), ref, trust(key.Public()))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	id := listID(r, refs[0])
	first, err := r.Token(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.Token(t.Context(), id); err != nil || again.ETag != first.ETag {
		t.Fatal("an unchanged list was signed anew")
	}
	for _, step := range []struct {
		set  Value
		want error
		then Value
	}{
		{Suspended, nil, Suspended},
		{Suspended, nil, Suspended},
		{Valid, nil, Valid},
		{Suspended, nil, Suspended},
		{Invalid, nil, Invalid},
		{Invalid, nil, Invalid},
		{Valid, ErrFinal, Invalid},
		{Suspended, ErrFinal, Invalid},
		{3, ErrValue, Invalid},
	} {
		if err := r.Set(t.Context(), refs[0], step.set); !errors.Is(err, step.want) {
			t.Fatalf("setting %v: %v", step.set, err)
		}
		if got := seen(r, refs[0]); got != step.then {
			t.Fatalf("after setting %v the next fetch says %v", step.set, got)
		}
		if v, err := r.Value(t.Context(), refs[0]); err != nil || v != step.then {
			t.Fatalf("Value: %v, %v", v, err)
		}
	}
	if seen(r, refs[1]) != Valid || seen(r, refs[2]) != Valid {
		t.Error("another index changed")
	}
	changed, err := r.Token(t.Context(), id)
	if err != nil || changed.ETag == first.ETag {
		t.Errorf("the ETag did not change: %v", err)
	}
	// A register that starts later sees the same.
	if late := register(t, s, at, keySigner{key}); seen(late, refs[0]) != Invalid {
		t.Error("a restart lost a revocation")
	}
	at.add(12 * time.Hour)
	renewed, err := r.Token(t.Context(), id)
	if err != nil || renewed.ETag == changed.ETag || !renewed.Expires.Equal(at.now().Add(24*time.Hour)) {
		t.Errorf("at half its lifetime the list was not renewed: %v", err)
	}
}

// Two registers on one store see each other's changes on the next fetch, and a
// final status cannot be undone by the one that did not know.
func TestTwoRegisters(t *testing.T) {
	s, at, key := open(t), newClock(), newKey(t)
	a, b := register(t, s, at, keySigner{key}), register(t, s, at, keySigner{key})
	ref, err := a.Allocate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id := listID(a, ref)
	before, err := b.Token(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Set(t.Context(), ref, Invalid); err != nil {
		t.Fatal(err)
	}
	after, err := b.Token(t.Context(), id)
	if err != nil || after.ETag == before.ETag {
		t.Fatalf("the other register still serves the old list: %v", err)
	}
	tok, err := ParseToken(string(after.Body))
	if err != nil {
		t.Fatal(err)
	}
	if v, _ := tok.List.At(ref.Index); v != Invalid {
		t.Errorf("found %v", v)
	}
	if err := b.Set(t.Context(), ref, Valid); !errors.Is(err, ErrFinal) {
		t.Errorf("undone: %v", err)
	}
	// Races between them lose nothing.
	refs, err := a.AllocateN(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i, ref := range refs {
		for _, r := range []*Register{a, b} {
			wg.Go(func() {
				v := Invalid
				if i%2 == 1 {
					v = Suspended
				}
				if err := r.Set(t.Context(), ref, v); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for i, ref := range refs {
		for _, r := range []*Register{a, b} {
			want := Invalid
			if i%2 == 1 {
				want = Suspended
			}
			if v, err := r.Value(t.Context(), ref); err != nil || v != want {
				t.Errorf("index %d: %v, %v", ref.Index, v, err)
			}
		}
	}
}

func TestSetRefuses(t *testing.T) {
	s, at := open(t), newClock()
	r := register(t, s, at, keySigner{newKey(t)})
	ref, err := r.Allocate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]Ref{
		"never allocated": {Index: ref.Index ^ 1, URI: ref.URI},
		"another list":    {Index: ref.Index, URI: ref.URI + "x"},
		"another issuer":  {Index: ref.Index, URI: "https://other.example/status/" + listID(r, ref)},
		"no list":         {Index: ref.Index, URI: "https://issuer.example/status/"},
		"past the end":    {Index: 1 << 40, URI: ref.URI},
	} {
		if err := r.Set(t.Context(), bad, Invalid); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []string{"", "unknown", "with space", "é"} {
		if _, err := r.Token(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("list %q: %v", id, err)
		}
	}
}

// A history with a gap or a damaged record is not published.
func TestDamagedHistory(t *testing.T) {
	for name, rec := range map[string]func(id string) store.Record{
		"gap": func(id string) store.Record {
			return store.Record{ID: changeID(id, 2), Data: []byte(`{"idx":1,"value":1}`)}
		},
		"damaged": func(id string) store.Record { return store.Record{ID: changeID(id, 1), Data: []byte(`{"idx":1`)} },
		"unknown": func(id string) store.Record {
			return store.Record{ID: changeID(id, 1), Data: []byte(`{"idx":1,"value":3}`)}
		},
		"outside": func(id string) store.Record {
			return store.Record{ID: changeID(id, 1), Data: []byte(`{"idx":1024,"value":1}`)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, at := open(t), newClock()
			r := register(t, s, at, keySigner{newKey(t)})
			ref, err := r.Allocate(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			id := listID(r, ref)
			bad := rec(id)
			bad.Kind, bad.Tags = kindChange, []string{id}
			if _, err := s.Create(t.Context(), bad); err != nil {
				t.Fatal(err)
			}
			if p, err := r.Token(t.Context(), id); err == nil {
				t.Errorf("published %s", p.Body)
			}
		})
	}
}

func TestPublishedForm(t *testing.T) {
	s, at, key := open(t), newClock(), newKey(t)
	r := register(t, s, at, keySigner{key})
	ref, err := r.Allocate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Token(t.Context(), listID(r, ref))
	if err != nil {
		t.Fatal(err)
	}
	tok, err := ParseToken(string(p.Body))
	if err != nil {
		t.Fatal(err)
	}
	if tok.Subject != ref.URI || !tok.IssuedAt.Equal(start) || !tok.Expires.Equal(p.Expires) || tok.TTL != 5*time.Minute || tok.List.Bits() != 2 || tok.List.Len() != 1024 {
		t.Errorf("%+v", tok)
	}
	if err := tok.JWS.Verify(key.Public()); err != nil {
		t.Error(err)
	}
	h := http.Header{}
	h.Set("ETag", p.ETag)
	if len(p.ETag) < 10 || p.ETag[0] != '"' {
		t.Errorf("ETag %s", p.ETag)
	}
}

func TestNewRegisterRefuses(t *testing.T) {
	s, at := open(t), newClock()
	good := Options{Base: "https://issuer.example/", Signer: keySigner{newKey(t)}, Now: at.now}
	if _, err := NewRegister(s, good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no signer":      func(o *Options) { o.Signer = nil },
		"no clock":       func(o *Options) { o.Now = nil },
		"odd size":       func(o *Options) { o.Size = 5000 },
		"small size":     func(o *Options) { o.Size = 512 },
		"short lifetime": func(o *Options) { o.TTL, o.Lifetime = time.Hour, time.Hour },
		"base":           func(o *Options) { o.Base = "issuer.example" },
	} {
		o := good
		change(&o)
		if _, err := NewRegister(s, o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// BenchmarkAllocate prints what an allocation costs as a ratio to one bare
// write of the same store in the same run.
func BenchmarkAllocate(b *testing.B) {
	s := open(b)
	r, err := NewRegister(s, Options{Base: "https://issuer.example", Signer: keySigner{newKey(b)}, Now: newClock().now})
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	var bare time.Duration
	n := 0
	for b.Loop() {
		b.StopTimer()
		from := time.Now()
		if _, err := s.Store.Create(ctx, store.Record{Kind: "bare", ID: fmt.Sprint(n)}); err != nil {
			b.Fatal(err)
		}
		bare += time.Since(from)
		n++
		b.StartTimer()
		if _, err := r.Allocate(ctx, "vault"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(bare), "writes/allocation")
}

// BenchmarkCheck prints a cached check as a ratio to one signature check.
func BenchmarkCheck(b *testing.B) {
	key := newKey(b)
	body := token(b, key, nil)
	c := checker(b, newClock(), serve(body), CheckerOptions{})
	tok, err := jose.Parse(body)
	if err != nil {
		b.Fatal(err)
	}
	from := time.Now()
	for range 200 {
		if err := tok.Verify(key.Public()); err != nil {
			b.Fatal(err)
		}
	}
	verify := float64(time.Since(from)) / 200
	for b.Loop() {
		if _, err := c.Check(b.Context(), Ref{0, listURI}, trust(key.Public())); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/verify, "verifications/check")
}
