package history_test

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/store"
)

// A history begins with its own key. Each event stands in it once, whoever tells it
// how often, and a later start finds what was there.
func TestAnnounce(t *testing.T) {
	stores(t, func(t *testing.T, st store.Store) {
		key, ctx := newSigner(t), t.Context()
		if begun, err := history.Begun(ctx, st); begun || err != nil {
			t.Error(begun, err)
		}
		l := open(t, st, key)
		if begun, err := history.Begun(ctx, st); !begun || err != nil {
			t.Error(begun, err)
		}
		first, second := newKey(t, history.UseSeal), newKey(t, history.UseSeal)
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		if known, err := l.Known(ctx, first); known || err != nil {
			t.Error(known, err)
		}
		for range 3 {
			must(l.Announce(ctx, history.Added, first))
			must(l.Supersede(ctx, first))
			l = open(t, st, key)
		}
		must(l.Announce(ctx, history.Added, newKey(t, history.UseStatus)))
		must(l.Announce(ctx, history.Added, second))
		must(l.Supersede(ctx, first)) // comes before: retires nothing
		for range 2 {
			must(l.Supersede(ctx, second))
		}
		must(l.Announce(ctx, history.Revoked, first))
		must(l.Announce(ctx, history.Retired, first)) // more was said already
		must(l.Announce(ctx, history.Added, history.Key{Use: history.UseDID, Subject: "did:key:zExample", Public: newSigner(t).Public()}))
		must(l.Announce(ctx, history.Added, history.Key{Use: history.UseDID, Subject: "did:key:zExample", Public: history.Multikey("zExample")}))
		if known, err := l.Known(ctx, first); !known || err != nil {
			t.Error(known, err)
		}
		_, all := entries(t, l)
		var got []string
		for _, e := range all {
			got = append(got, fmt.Sprint(e.Event, " ", e.Use))
		}
		want := []string{"added history", "added seal", "added status", "added seal", "retired seal", "revoked seal", "added did", "added did"}
		if !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		if all[4].Key != all[1].Key || all[4].CertificateSHA256 != all[1].CertificateSHA256 || all[4].Certificate != "" || string(all[1].DER()) != string(first.Certificate.Raw) {
			t.Errorf("%+v", all[4])
		}
		if c := signed(t, l); c.Size != int64(len(want)) || c.Root != signed(t, open(t, st, key)).Root {
			t.Errorf("%+v", c)
		}
	})
}

func TestAnnounceRefuses(t *testing.T) {
	l := open(t, newMemory(), newSigner(t))
	before := signed(t, l)
	person := newCertificate(t, pkix.Name{CommonName: "Lotte Test", ExtraNames: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 4}, Value: "Test"}}})
	for name, c := range map[string]struct {
		event history.Event
		key   history.Key
		want  error
	}{
		"somebody else's":   {history.Added, history.Key{Use: history.UseSeal, Subject: "https://vault.example.org/6f1c", Certificate: newKey(t, history.UseSeal).Certificate}, history.ErrSubject},
		"a DID below":       {history.Added, history.Key{Use: history.UseDID, Subject: "did:web:vault.example.org:6f1c", Public: newSigner(t).Public()}, history.ErrSubject},
		"never added":       {history.Retired, newKey(t, history.UseSeal), history.ErrUnknown},
		"never added, lost": {history.Revoked, newKey(t, history.UseSeal), history.ErrUnknown},
		"the history's own": {history.Added, history.Key{Use: history.UseHistory, Subject: issuer, Public: newSigner(t).Public()}, history.ErrEntry},
		"unknown use":       {history.Added, newKey(t, "vault"), history.ErrEntry},
		"unknown event":     {"used", newKey(t, history.UseSeal), history.ErrUnknown},
		"no key":            {history.Added, history.Key{Use: history.UseDID, Subject: issuer}, history.ErrEntry},
		"a person":          {history.Added, history.Key{Use: history.UseSeal, Subject: issuer, Certificate: person}, history.ErrEntry},
	} {
		if err := l.Announce(t.Context(), c.event, c.key); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if signed(t, l) != before {
		t.Error("something got in")
	}
}

// Writers in several processes on one store make one history: every key once, one
// order for all, and every root that anybody saw is one of the same tree.
func TestWritersNeverFork(t *testing.T) {
	stores(t, func(t *testing.T, st store.Store) { racing(t, st, 4, 12) })
}

func racing(t *testing.T, st store.Store, writers, keys int) {
	key := newSigner(t)
	all := make([]history.Key, keys)
	for i := range all {
		all[i] = newKey(t, history.UseSeal)
	}
	var mu sync.Mutex
	var seen []history.Checkpoint
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			l, err := history.Open(t.Context(), st, options(key))
			if err != nil {
				t.Error(err)
				return
			}
			var last int64
			for i := range all {
				// All tell of the same keys, each in another order.
				k := all[(i*(2*w+1)+w)%len(all)]
				if err := l.Announce(t.Context(), history.Added, k); err != nil {
					t.Error(err)
				}
				b, err := l.Checkpoint(t.Context())
				if err != nil {
					t.Error(err)
					continue
				}
				c, err := history.OpenCheckpoint(b, l.Origin(), l.Keys()...)
				if err != nil || c.Size < last {
					t.Errorf("%v, size %d after %d", err, c.Size, last)
				}
				last = c.Size
				mu.Lock()
				seen = append(seen, c)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	l := open(t, st, key)
	raw, read := entries(t, l)
	if len(read) != keys+1 {
		t.Errorf("%d entries for %d keys", len(read), keys)
	}
	var edge history.Edge
	roots := map[int64][32]byte{}
	for _, b := range raw {
		edge.Add(b)
		roots[edge.Size()], _ = edge.Root()
	}
	for _, c := range seen {
		if roots[c.Size] != c.Root {
			t.Errorf("a root of %d entries that is not of this tree", c.Size)
		}
	}
}

// errStopped is a process that ends.
var errStopped = errors.New("stopped")

// A process may end before and after every single operation on the store. What it
// was told is durable is there at the next start, nothing stands there twice, and
// the history is the same tree.
func TestCrashes(t *testing.T) {
	key := newSigner(t)
	keys := []history.Key{newKey(t, history.UseSeal), newKey(t, history.UseStatus), newKey(t, history.UseSeal)}
	script := func(st store.Store) (done int, last history.Checkpoint, err error) {
		l, err := history.Open(context.Background(), st, options(key))
		if err != nil {
			return 0, last, err
		}
		for _, k := range keys {
			known, err := l.Known(context.Background(), k)
			if err == nil && !known {
				err = l.Announce(context.Background(), history.Added, k)
			}
			if err != nil {
				return done, last, err
			}
			done++
			b, err := l.Checkpoint(context.Background())
			if err != nil {
				return done, last, err
			}
			if last, err = history.OpenCheckpoint(b, l.Origin(), l.Keys()...); err != nil {
				t.Fatal(err)
			}
		}
		return done, last, l.Supersede(context.Background(), keys[2])
	}
	steps := 0
	for _, after := range []bool{false, true} {
		for stop := 1; ; stop++ {
			m := newMemory()
			count := 0
			halt := func(string, store.Record) error {
				if count++; count >= stop {
					return errStopped
				}
				return nil
			}
			if after {
				m.after = halt
			} else {
				m.before = halt
			}
			done, last, err := script(m)
			if err == nil {
				break
			}
			steps++
			if !errors.Is(err, errStopped) {
				t.Fatalf("step %d: %v", stop, err)
			}
			m.before, m.after = nil, nil
			l := open(t, m, key)
			for _, k := range keys[:done] {
				if known, err := l.Known(t.Context(), k); !known || err != nil {
					t.Fatalf("step %d: a key is lost: %v", stop, err)
				}
			}
			if last.Size > 0 {
				p, err := l.Consistency(t.Context(), last.Size, signed(t, l).Size)
				if err == nil {
					err = history.ConsistencyProof{From: last.Size, To: signed(t, l).Size, Proof: history.Encode(p)}.Verify(last, signed(t, l))
				}
				if err != nil {
					t.Fatalf("step %d: %v", stop, err)
				}
			}
			if _, _, err := script(m); err != nil {
				t.Fatalf("step %d: %v", stop, err)
			}
			if _, read := entries(t, open(t, m, key)); len(read) != 5 {
				t.Fatalf("step %d: %d entries", stop, len(read))
			}
		}
	}
	if steps < 20 {
		t.Errorf("%d steps", steps)
	}
}

// An error of the store that leaves open whether it wrote is no reason to write
// twice.
func TestUncertainWrite(t *testing.T) {
	m := newMemory()
	key := newSigner(t)
	l := open(t, m, key)
	k := newKey(t, history.UseSeal)
	m.after = func(op string, r store.Record) error {
		if op == "create" {
			return errors.New("the line broke")
		}
		return nil
	}
	if err := l.Announce(t.Context(), history.Added, k); err != nil {
		t.Errorf("it was written: %v", err)
	}
	m.after = nil
	m.before = func(op string, r store.Record) error {
		if op == "create" {
			return errors.New("the line broke")
		}
		return nil
	}
	if err := l.Announce(t.Context(), history.Added, newKey(t, history.UseSeal)); err == nil || !strings.Contains(err.Error(), "the line broke") {
		t.Errorf("it was not written: %v", err)
	}
	m.before = nil
	if _, read := entries(t, open(t, m, key)); len(read) != 2 {
		t.Errorf("%d entries", len(read))
	}
}

// What was signed and is not there any more, or is another now, is no start.
func TestOpenRefuses(t *testing.T) {
	const entry, head = "key-history-entry/000000000000000", "key-history/head"
	for name, c := range map[string]struct {
		bend func(m *memory)
		want error
	}{
		"a changed entry": {func(m *memory) {
			r := m.records[entry+"1"]
			r.Data = []byte(strings.Replace(string(r.Data), "/school", "/schoof", 1))
			m.records[entry+"1"] = r
		}, history.ErrBroken},
		"exchanged entries": {func(m *memory) {
			a, b := m.records[entry+"1"], m.records[entry+"2"]
			a.Data, b.Data = b.Data, a.Data
			m.records[entry+"1"], m.records[entry+"2"] = a, b
		}, history.ErrBroken},
		"an entry that is gone":  {func(m *memory) { delete(m.records, entry+"1") }, history.ErrBroken},
		"a last one that is":     {func(m *memory) { delete(m.records, entry+"2") }, history.ErrBroken},
		"all of them":            {func(m *memory) { clear(m.records) }, nil},
		"all but the head":       {func(m *memory) { h := m.records[head]; clear(m.records); m.records[head] = h }, history.ErrBroken},
		"a head that is none":    {func(m *memory) { h := m.records[head]; h.Data = []byte("x"); m.records[head] = h }, history.ErrBroken},
		"a head that is missing": {func(m *memory) { delete(m.records, head) }, nil}, // as after a crash
		"an entry of another form": {func(m *memory) {
			r := m.records[entry+"2"]
			r.Data = append(r.Data, ' ')
			m.records[entry+"2"] = r
		}, history.ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			m, key := newMemory(), newSigner(t)
			l := open(t, m, key)
			k := newKey(t, history.UseSeal)
			k.Subject = issuer + "/school"
			for _, k := range []history.Key{k, newKey(t, history.UseStatus)} {
				if err := l.Announce(t.Context(), history.Added, k); err != nil {
					t.Fatal(err)
				}
			}
			c.bend(m)
			if _, err := history.Open(t.Context(), m, options(key)); !errors.Is(err, c.want) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("another key", func(t *testing.T) {
		m := newMemory()
		open(t, m, newSigner(t))
		if _, err := history.Open(t.Context(), m, options(newSigner(t))); !errors.Is(err, history.ErrKey) {
			t.Error(err)
		}
		delete(m.records, head)
		if _, err := history.Open(t.Context(), m, options(newSigner(t))); !errors.Is(err, history.ErrKey) {
			t.Errorf("without a head: %v", err)
		}
	})
	t.Run("the name stays", func(t *testing.T) {
		m, key := newMemory(), newSigner(t)
		open(t, m, key)
		o := options(key)
		o.Origin = "other.example.org/key-history"
		l, err := history.Open(t.Context(), m, o)
		if err != nil || l.Origin() != "issuer.example.org/key-history" {
			t.Error(err)
		}
	})
}

// Time never goes back, also where a clock does.
func TestTimeNeverGoesBack(t *testing.T) {
	m, key := newMemory(), newSigner(t)
	o := options(key)
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return at }
	l, err := history.Open(t.Context(), m, o)
	if err != nil {
		t.Fatal(err)
	}
	at = at.Add(-time.Hour)
	if err := l.Announce(t.Context(), history.Added, newKey(t, history.UseSeal)); err != nil {
		t.Fatal(err)
	}
	at = at.Add(2 * time.Hour)
	if err := l.Announce(t.Context(), history.Added, newKey(t, history.UseSeal)); err != nil {
		t.Fatal(err)
	}
	_, read := entries(t, l)
	if read[1].Time != "2026-11-26T12:00:00Z" || read[2].Time != "2026-11-26T13:00:00Z" {
		t.Error(read[1].Time, read[2].Time)
	}
}

// Ranges are bounded, and everything in them is there, over many pages and blocks.
func TestEntriesAndRanges(t *testing.T) {
	m, key := newMemory(), newSigner(t)
	l := open(t, m, key)
	c := newKey(t, history.UseSeal)
	for n := 1; n < 600; n++ {
		event := []history.Event{history.Retired, history.Added}[n%2]
		if err := l.Announce(t.Context(), event, c); err != nil {
			t.Fatal(err)
		}
	}
	raw, _ := entries(t, open(t, m, key))
	if len(raw) != 600 {
		t.Fatal(len(raw))
	}
	for _, r := range [][2]int64{{0, 1}, {255, 257}, {300, 556}, {599, 600}} {
		some, err := l.Entries(t.Context(), r[0], r[1])
		if err != nil || len(some) != int(r[1]-r[0]) || string(some[0]) != string(raw[r[0]]) || string(some[len(some)-1]) != string(raw[r[1]-1]) {
			t.Errorf("%v: %d, %v", r, len(some), err)
		}
	}
	for _, r := range [][2]int64{{-1, 1}, {1, 1}, {2, 1}, {0, 257}, {599, 601}, {600, 601}, {1 << 62, 1<<62 + 1}} {
		if _, err := l.Entries(t.Context(), r[0], r[1]); !errors.Is(err, history.ErrRange) {
			t.Errorf("entries %v: %v", r, err)
		}
		if _, _, err := l.Inclusion(t.Context(), r[1], r[1]); !errors.Is(err, history.ErrRange) {
			t.Errorf("inclusion %v: %v", r, err)
		}
	}
	for _, r := range [][2]int64{{0, 1}, {-1, 1}, {2, 1}, {1, 601}, {601, 601}} {
		if _, err := l.Consistency(t.Context(), r[0], r[1]); !errors.Is(err, history.ErrRange) {
			t.Errorf("consistency %v: %v", r, err)
		}
	}
	// An entry that is gone is told, and not left out.
	delete(m.records, "key-history-entry/0000000000000300")
	if _, err := l.Entries(t.Context(), 290, 310); !errors.Is(err, history.ErrBroken) {
		t.Error(err)
	}
}
