package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/store"
)

func TestCheck(t *testing.T) {
	good := store.Record{Kind: "offer-2", ID: "a b~!", Tags: []string{"x", "y"}, Expiry: time.UnixMilli(1)}
	if err := store.Check(good); err != nil {
		t.Fatalf("a good record was refused: %v", err)
	}
	var seventeen []string
	for i := range store.MaxTags + 1 {
		seventeen = append(seventeen, fmt.Sprint(i))
	}
	tests := []struct {
		name string
		with func(*store.Record)
		says string
	}{
		{"no kind", func(r *store.Record) { r.Kind = "" }, "kind has 0 bytes"},
		{"long kind", func(r *store.Record) { r.Kind = store.Kind(strings.Repeat("k", 33)) }, "kind has 33 bytes"},
		{"upper case kind", func(r *store.Record) { r.Kind = "Offer" }, "kind \"Offer\""},
		{"kind with slash", func(r *store.Record) { r.Kind = "a/b" }, "kind \"a/b\""},
		{"no id", func(r *store.Record) { r.ID = "" }, "id has 0 bytes"},
		{"long id", func(r *store.Record) { r.ID = strings.Repeat("i", 257) }, "id has 257 bytes"},
		{"id with NUL", func(r *store.Record) { r.ID = "secret\x00" }, "id has a byte outside printable ASCII at position 6"},
		{"id not ASCII", func(r *store.Record) { r.ID = "é" }, "at position 0"},
		{"too many tags", func(r *store.Record) { r.Tags = seventeen }, "17 tags"},
		{"empty tag", func(r *store.Record) { r.Tags = []string{"a", ""} }, "tag 2 has 0 bytes"},
		{"long tag", func(r *store.Record) { r.Tags = []string{strings.Repeat("t", 257)} }, "tag 1 has 257 bytes"},
		{"tag with DEL", func(r *store.Record) { r.Tags = []string{"secret\x7f"} }, "tag 1 has a byte"},
		{"tag twice", func(r *store.Record) { r.Tags = []string{"secret", "secret"} }, "tag 2 stands there twice"},
		{"too much data", func(r *store.Record) { r.Data = make([]byte, store.MaxData+1) }, "data has 4194305 bytes"},
		{"before 1970", func(r *store.Record) { r.Expiry = time.UnixMilli(0) }, "expiry"},
		{"after 9999", func(r *store.Record) { r.Expiry = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "expiry"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := good
			tt.with(&r)
			err := store.Check(r)
			if !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("got %v, want ErrInvalid that says %q", err, tt.says)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error repeats an id or tag: %v", err)
			}
		})
	}
}

func TestCheckReplace(t *testing.T) {
	old := store.Record{Kind: "offer", ID: "1", Version: 7}
	got, err := store.CheckReplace(old, store.Record{Version: 99, Data: []byte("d")})
	if err != nil || got.Kind != old.Kind || got.ID != old.ID || got.Version != 8 {
		t.Fatalf("got %+v, %v; want the key of old and version 8", got, err)
	}
	for name, args := range map[string][2]store.Record{
		"never stored": {{Kind: "offer", ID: "1"}, {}},
		"another kind": {old, {Kind: "nonce"}},
		"another id":   {old, {ID: "2"}},
		"bad next":     {old, {Tags: []string{""}}},
		"bad old":      {{Kind: "Offer", ID: "1", Version: 7}, {}},
	} {
		if _, err := store.CheckReplace(args[0], args[1]); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
}

func TestStoredSharesNothing(t *testing.T) {
	zone := time.FixedZone("", 3600)
	r := store.Record{Tags: []string{"a"}, Data: []byte("d"), Expiry: time.Date(2030, 1, 1, 1, 0, 0, 1_999_999, zone)}
	s := r.Stored(3)
	r.Tags[0], r.Data[0] = "changed", 'x'
	if !slices.Equal(s.Tags, []string{"a"}) || string(s.Data) != "d" || s.Version != 3 {
		t.Errorf("got %+v, want a copy at version 3", s)
	}
	if want := time.Date(2030, 1, 1, 0, 0, 0, 1_000_000, time.UTC); s.Expiry != want {
		t.Errorf("expiry is %v, want %v", s.Expiry, want)
	}
}
