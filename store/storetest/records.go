package storetest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/zegel-id/zegel/store"
)

func (s suite) create() {
	r := store.Record{Kind: "offer", ID: "a", Version: 42, Tags: []string{"x", "y"}, Data: []byte{0, 1, 0xff}}
	got := s.mustCreate(r)
	r.Version = 1
	s.mustEqual(got, r)
	s.mustGet(r)

	if _, err := s.Create(s.Context(), store.Record{Kind: "offer", ID: "a", Data: []byte("other")}); err != store.ErrExists {
		s.Fatalf("second Create: %v, want ErrExists", err)
	}
	s.mustGet(r)

	// The same id under another kind, and ids that differ by case or a suffix,
	// are other records.
	for _, other := range []store.Record{
		{Kind: "nonce", ID: "a", Version: 1},
		{Kind: "offer", ID: "A", Version: 1},
		{Kind: "offer", ID: "a ", Version: 1},
		{Kind: "offer", ID: "a/b", Version: 1, Data: []byte("d")},
		{Kind: "offe", ID: "r/a", Version: 1},
		{Kind: "offer-", ID: "$a.b", Version: 1},
	} {
		s.mustCreate(other)
		s.mustGet(other)
	}
	s.mustGet(r)
	if _, err := s.Get(s.Context(), "offer", "b"); err != store.ErrNotFound {
		s.Fatalf("Get of a missing id: %v, want ErrNotFound", err)
	}
	if _, err := s.Get(s.Context(), "other", "a"); err != store.ErrNotFound {
		s.Fatalf("Get of a missing kind: %v, want ErrNotFound", err)
	}
}

func (s suite) replace() {
	ctx := s.Context()
	expiry := s.o.Clock.Now().Add(time.Hour)
	first := s.mustCreate(store.Record{Kind: "offer", ID: "a", Tags: []string{"x", "y"}, Expiry: expiry, Data: []byte("1")})

	second, err := s.Replace(ctx, first, store.Record{Version: 9, Tags: []string{"y", "z"}, Data: []byte("2")})
	if err != nil {
		s.Fatal(err)
	}
	want := store.Record{Kind: "offer", ID: "a", Version: 2, Tags: []string{"y", "z"}, Data: []byte("2")}
	s.mustEqual(second, want)
	s.mustGet(want)
	s.mustFind("offer", "x")
	s.mustFind("offer", "y", "a")
	s.mustFind("offer", "z", "a")

	if _, err := s.Replace(ctx, first, store.Record{Data: []byte("3")}); err != store.ErrConflict {
		s.Fatalf("Replace of an old version: %v, want ErrConflict", err)
	}
	s.mustGet(want)
	s.o.Clock.Move(2 * time.Hour)
	s.mustGet(want) // the expiry went with the replacement

	third, err := s.Replace(ctx, second, store.Record{Kind: "offer", ID: "a"})
	if err != nil {
		s.Fatal(err)
	}
	s.mustEqual(third, store.Record{Kind: "offer", ID: "a", Version: 3})
	s.mustFind("offer", "y")
	s.mustFind("offer", "", "a")

	ahead := third
	ahead.Version = 4
	if _, err := s.Replace(ctx, ahead, third); err != store.ErrConflict {
		s.Fatalf("Replace of a version to come: %v, want ErrConflict", err)
	}
	missing := store.Record{Kind: "offer", ID: "b", Version: 1}
	if _, err := s.Replace(ctx, missing, missing); err != store.ErrNotFound {
		s.Fatalf("Replace of a missing record: %v, want ErrNotFound", err)
	}
	if _, err := s.Get(ctx, "offer", "b"); err != store.ErrNotFound {
		s.Fatalf("Replace of a missing record made it: %v", err)
	}
}

func (s suite) delete() {
	ctx := s.Context()
	first := s.mustCreate(store.Record{Kind: "offer", ID: "a", Tags: []string{"x"}, Expiry: s.o.Clock.Now().Add(time.Hour)})
	second, err := s.Replace(ctx, first, first)
	if err != nil {
		s.Fatal(err)
	}
	if err := s.Delete(ctx, first); err != store.ErrConflict {
		s.Fatalf("Delete of an old version: %v, want ErrConflict", err)
	}
	s.mustGet(second)
	if err := s.Delete(ctx, second); err != nil {
		s.Fatal(err)
	}
	if _, err := s.Get(ctx, "offer", "a"); err != store.ErrNotFound {
		s.Fatalf("Get after Delete: %v, want ErrNotFound", err)
	}
	s.mustFind("offer", "x")
	s.mustFind("offer", "")
	if err := s.Delete(ctx, second); err != store.ErrNotFound {
		s.Fatalf("second Delete: %v, want ErrNotFound", err)
	}

	again := s.mustCreate(store.Record{Kind: "offer", ID: "a", Data: []byte("again")})
	s.mustEqual(again, store.Record{Kind: "offer", ID: "a", Version: 1, Data: []byte("again")})
	s.mustFind("offer", "x")
	if _, err := s.Replace(ctx, again, again); err != nil {
		s.Fatal(err)
	}
	if err := s.Delete(ctx, store.Record{Kind: "offer", ID: "a"}); err != nil {
		s.Fatalf("Delete of any version: %v", err)
	}
	if err := s.Delete(ctx, store.Record{Kind: "offer", ID: "a"}); err != store.ErrNotFound {
		s.Fatalf("Delete of any version of nothing: %v, want ErrNotFound", err)
	}
}

func (s suite) expiry() {
	ctx, clock := s.Context(), s.o.Clock
	soon := clock.Now().Add(time.Minute)
	r := s.mustCreate(store.Record{Kind: "nonce", ID: "a", Tags: []string{"x"}, Expiry: soon.Add(999_999)})
	s.mustEqual(r, store.Record{Kind: "nonce", ID: "a", Version: 1, Tags: []string{"x"}, Expiry: soon})
	s.mustCreate(store.Record{Kind: "nonce", ID: "b", Tags: []string{"x"}})
	s.mustCreate(store.Record{Kind: "nonce", ID: "c", Tags: []string{"x"}, Expiry: soon.Add(time.Millisecond)})
	s.mustGet(r)

	clock.Move(time.Minute - time.Millisecond)
	s.mustFind("nonce", "x", "a", "b", "c")
	clock.Move(time.Millisecond)
	// Expired, and gone for everyone but Create.
	if _, err := s.Get(ctx, "nonce", "a"); err != store.ErrNotFound {
		s.Errorf("Get: %v, want ErrNotFound", err)
	}
	if _, err := s.Replace(ctx, r, store.Record{}); err != store.ErrNotFound {
		s.Errorf("Replace: %v, want ErrNotFound", err)
	}
	if err := s.Delete(ctx, r); err != store.ErrNotFound {
		s.Errorf("Delete: %v, want ErrNotFound", err)
	}
	if err := s.Delete(ctx, store.Record{Kind: "nonce", ID: "a"}); err != store.ErrNotFound {
		s.Errorf("Delete of any version: %v, want ErrNotFound", err)
	}
	if _, err := s.Create(ctx, store.Record{Kind: "nonce", ID: "a"}); err != store.ErrExists {
		s.Errorf("Create: %v, want ErrExists", err)
	}
	s.mustFind("nonce", "x", "b", "c")
	s.mustFind("nonce", "", "b", "c")
	found, next, err := s.Find(ctx, "nonce", "x", store.Page{Limit: 2})
	if err != nil || next != "" || len(found) != 2 {
		s.Errorf("a page that the live records fill exactly: %d records, next %q, %v", len(found), next, err)
	}
}

// sweeper is what drivers offer that remove expired records themselves.
type sweeper interface {
	Sweep(context.Context) (removed int, err error)
}

func (s suite) sweep() {
	sweeper, ok := s.Store.(sweeper)
	if !ok {
		s.Skip("the driver has no Sweep")
	}
	ctx, clock := s.Context(), s.o.Clock
	expiry := clock.Now().Add(time.Minute)
	for _, r := range []store.Record{
		{Kind: "nonce", ID: "expires", Tags: []string{"x"}, Expiry: expiry},
		{Kind: "offer", ID: "expires", Expiry: expiry.Add(-time.Second)},
		{Kind: "nonce", ID: "later", Tags: []string{"x"}, Expiry: expiry.Add(24 * time.Hour)},
		{Kind: "nonce", ID: "never", Tags: []string{"x"}},
	} {
		s.mustCreate(r)
	}
	prolonged := s.mustCreate(store.Record{Kind: "nonce", ID: "prolonged", Tags: []string{"x"}, Expiry: expiry})
	if _, err := s.Replace(ctx, prolonged, store.Record{Tags: []string{"x"}, Expiry: expiry.Add(24 * time.Hour)}); err != nil {
		s.Fatal(err)
	}
	if err := s.Delete(ctx, s.mustCreate(store.Record{Kind: "nonce", ID: "deleted", Expiry: expiry})); err != nil {
		s.Fatal(err)
	}

	if n, err := sweeper.Sweep(ctx); n != 0 || err != nil {
		s.Fatalf("Sweep before anything expired: %d, %v", n, err)
	}
	clock.Move(2 * time.Hour) // past the grace a driver may give
	if n, err := sweeper.Sweep(ctx); n != 2 || err != nil {
		s.Fatalf("Sweep removed %d (%v), want 2", n, err)
	}
	if n, err := sweeper.Sweep(ctx); n != 0 || err != nil {
		s.Fatalf("second Sweep removed %d (%v), want 0", n, err)
	}
	s.mustFind("nonce", "x", "later", "never", "prolonged")
	s.mustCreate(store.Record{Kind: "nonce", ID: "expires"}) // the id is free again
	s.mustFind("nonce", "x", "later", "never", "prolonged")
}

func (s suite) limits() {
	r := store.Record{Kind: store.Kind(strings.Repeat("k", store.MaxKind)), Data: bytes.Repeat([]byte{0xa5}, store.MaxData)}
	for c := byte(' '); c <= '~'; c++ {
		r.ID += string(c)
	}
	r.ID += strings.Repeat("~", store.MaxID-len(r.ID))
	for i := range store.MaxTags {
		r.Tags = append(r.Tags, strings.Repeat(string(rune(' '+i)), store.MaxTag))
	}
	r.Expiry = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	r = s.mustCreate(r)
	s.mustGet(r)
	for _, tag := range r.Tags {
		s.mustFind(r.Kind, tag, r.ID)
	}
	found, _, err := s.Find(s.Context(), r.Kind, "", store.Page{Next: r.ID})
	if err != nil || len(found) != 0 {
		s.Fatalf("after the last record: %d records, %v", len(found), err)
	}
	if r, err = s.Replace(s.Context(), r, r); err != nil {
		s.Fatal(err)
	}
	if err := s.Delete(s.Context(), r); err != nil {
		s.Fatal(err)
	}
}

func (s suite) badInput() {
	ctx := s.Context()
	good := s.mustCreate(store.Record{Kind: "offer", ID: "a", Tags: []string{"x"}})
	long := strings.Repeat("x", 257)
	for _, bad := range []store.Record{
		{Kind: "", ID: "b"}, {Kind: "Offer", ID: "b"}, {Kind: "a\x00b", ID: "b"}, {Kind: "a/b", ID: "b"},
		{Kind: "offer", ID: ""}, {Kind: "offer", ID: "b\x00"}, {Kind: "offer", ID: "é"}, {Kind: "offer", ID: store.Record{ID: long}.ID},
	} {
		if _, err := s.Create(ctx, bad); !errors.Is(err, store.ErrInvalid) {
			s.Errorf("Create of kind %q id %q: %v, want ErrInvalid", bad.Kind, bad.ID, err)
		}
		if _, err := s.Get(ctx, bad.Kind, bad.ID); !errors.Is(err, store.ErrInvalid) {
			s.Errorf("Get of kind %q id %q: %v, want ErrInvalid", bad.Kind, bad.ID, err)
		}
		bad.Version = 1
		if _, err := s.Replace(ctx, bad, good); !errors.Is(err, store.ErrInvalid) {
			s.Errorf("Replace of kind %q id %q: %v, want ErrInvalid", bad.Kind, bad.ID, err)
		}
		if err := s.Delete(ctx, bad); !errors.Is(err, store.ErrInvalid) {
			s.Errorf("Delete of kind %q id %q: %v, want ErrInvalid", bad.Kind, bad.ID, err)
		}
	}
	for name, bad := range map[string]store.Record{
		"tag":      {Kind: "offer", ID: "b", Tags: []string{long}},
		"tags":     {Kind: "offer", ID: "b", Tags: []string{"x", "x"}},
		"data":     {Kind: "offer", ID: "b", Data: make([]byte, store.MaxData+1)},
		"expiry":   {Kind: "offer", ID: "b", Expiry: time.Unix(-1, 0)},
		"far away": {Kind: "offer", ID: "b", Expiry: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		if _, err := s.Create(ctx, bad); !errors.Is(err, store.ErrInvalid) {
			s.Errorf("Create with bad %s: %v, want ErrInvalid", name, err)
		}
		bad.ID = ""
		if _, err := s.Replace(ctx, good, bad); !errors.Is(err, store.ErrInvalid) {
			s.Errorf("Replace with bad %s: %v, want ErrInvalid", name, err)
		}
	}
	if _, err := s.Replace(ctx, good, store.Record{ID: "b"}); !errors.Is(err, store.ErrInvalid) {
		s.Errorf("Replace by another id: %v, want ErrInvalid", err)
	}
	if _, err := s.Replace(ctx, store.Record{Kind: "offer", ID: "a"}, good); !errors.Is(err, store.ErrInvalid) {
		s.Errorf("Replace of version 0: %v, want ErrInvalid", err)
	}
	for _, bad := range []struct {
		kind store.Kind
		tag  string
		page store.Page
	}{
		{"", "x", store.Page{}}, {"O", "x", store.Page{}}, {"offer", long, store.Page{}}, {"offer", "\n", store.Page{}},
		{"offer", "x", store.Page{Limit: -1}}, {"offer", "x", store.Page{Limit: store.MaxLimit + 1}},
		{"offer", "x", store.Page{Next: "\x00"}}, {"offer", "x", store.Page{Next: long}},
	} {
		if _, _, err := s.Find(ctx, bad.kind, bad.tag, bad.page); !errors.Is(err, store.ErrInvalid) {
			s.Errorf("Find(%q, %q, %+v): %v, want ErrInvalid", bad.kind, bad.tag, bad.page, err)
		}
	}
	s.mustGet(good)
	s.mustFind("offer", "", "a")
}

// ownership checks that neither side's later changes reach the other.
func (s suite) ownership() {
	tags, data := []string{"x"}, []byte("data")
	want := store.Record{Kind: "offer", ID: "a", Version: 1, Tags: []string{"x"}, Data: []byte("data")}
	created := s.mustCreate(store.Record{Kind: "offer", ID: "a", Tags: tags, Data: data})
	tags[0], data[0] = "y", 'D'
	s.mustEqual(created, want)
	created.Tags[0], created.Data[0] = "z", 'Z'
	got, err := s.Get(s.Context(), "offer", "a")
	if err != nil {
		s.Fatal(err)
	}
	s.mustEqual(got, want)
	got.Tags[0], got.Data[0] = "w", 'W'
	s.mustGet(want)
}

func (s suite) context() {
	r := s.mustCreate(store.Record{Kind: "offer", ID: "a"})
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	if _, err := s.Create(ctx, store.Record{Kind: "offer", ID: "b"}); !errors.Is(err, context.Canceled) {
		s.Errorf("Create: %v, want Canceled", err)
	}
	if _, err := s.Get(ctx, "offer", "a"); !errors.Is(err, context.Canceled) {
		s.Errorf("Get: %v, want Canceled", err)
	}
	if _, err := s.Replace(ctx, r, r); !errors.Is(err, context.Canceled) {
		s.Errorf("Replace: %v, want Canceled", err)
	}
	if err := s.Delete(ctx, r); !errors.Is(err, context.Canceled) {
		s.Errorf("Delete: %v, want Canceled", err)
	}
	if _, _, err := s.Find(ctx, "offer", "", store.Page{}); !errors.Is(err, context.Canceled) {
		s.Errorf("Find: %v, want Canceled", err)
	}
	s.mustFind("offer", "", "a")
	s.mustGet(r)
}

func (s suite) close() {
	r := s.mustCreate(store.Record{Kind: "offer", ID: "a"})
	for range 2 {
		if err := s.Close(); err != nil {
			s.Fatal(err)
		}
	}
	ctx := s.Context()
	if _, err := s.Create(ctx, store.Record{Kind: "offer", ID: "b"}); err != store.ErrClosed {
		s.Errorf("Create: %v, want ErrClosed", err)
	}
	if _, err := s.Get(ctx, "offer", "a"); err != store.ErrClosed {
		s.Errorf("Get: %v, want ErrClosed", err)
	}
	if _, err := s.Replace(ctx, r, r); err != store.ErrClosed {
		s.Errorf("Replace: %v, want ErrClosed", err)
	}
	if err := s.Delete(ctx, r); err != store.ErrClosed {
		s.Errorf("Delete: %v, want ErrClosed", err)
	}
	if _, _, err := s.Find(ctx, "offer", "", store.Page{}); err != store.ErrClosed {
		s.Errorf("Find: %v, want ErrClosed", err)
	}
}

func (s suite) reopen() {
	if s.o.Reopen == nil {
		s.Skip("the driver's records do not outlive a test")
	}
	ctx := s.Context()
	expiry := s.o.Clock.Now().Add(time.Hour)
	kept := s.mustCreate(store.Record{Kind: "offer", ID: "kept", Tags: []string{"x"}, Expiry: expiry, Data: []byte("1")})
	kept, err := s.Replace(ctx, kept, store.Record{Tags: []string{"y"}, Expiry: expiry, Data: []byte("2")})
	if err != nil {
		s.Fatal(err)
	}
	gone := s.mustCreate(store.Record{Kind: "offer", ID: "gone", Tags: []string{"y"}})
	if err := s.Delete(ctx, gone); err != nil {
		s.Fatal(err)
	}

	s.Store = s.o.Reopen(s.T, s.Store)
	defer s.Close()
	s.mustGet(kept)
	s.mustFind("offer", "x")
	s.mustFind("offer", "y", "kept")
	if _, err := s.Create(ctx, kept); err != store.ErrExists {
		s.Errorf("Create: %v, want ErrExists", err)
	}
	if _, err := s.Get(ctx, "offer", "gone"); err != store.ErrNotFound {
		s.Errorf("Get: %v, want ErrNotFound", err)
	}
	if _, err := s.Replace(ctx, kept, kept); err != nil {
		s.Error(err)
	}
}
