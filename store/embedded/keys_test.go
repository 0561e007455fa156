package embedded

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/store"
)

// FuzzKeys checks that the keys of two records compare as their fields do, in
// order of kind, tag and id, and are equal only for equal fields.
func FuzzKeys(f *testing.F) {
	f.Add("offer", "tag", "id", "offer-", "tag", "id")
	f.Add("a", "b", "c", "a", "b ", "c")
	f.Add("a", "bc", "d", "a", "b", "cd")
	f.Add("a", " ", "~", "a", "  ", " ")
	f.Fuzz(func(t *testing.T, kind1, tag1, id1, kind2, tag2, id2 string) {
		r1 := store.Record{Kind: store.Kind(kind1), ID: id1, Tags: []string{tag1}}
		r2 := store.Record{Kind: store.Kind(kind2), ID: id2, Tags: []string{tag2}}
		if store.Check(r1) != nil || store.Check(r2) != nil {
			t.Skip("no record that a store takes")
		}
		order := slices.Compare([]string{kind1, id1}, []string{kind2, id2})
		if got := bytes.Compare(recordKey(r1.Kind, id1), recordKey(r2.Kind, id2)); got != order {
			t.Errorf("record keys compare as %d, want %d", got, order)
		}
		order = slices.Compare([]string{kind1, tag1, id1}, []string{kind2, tag2, id2})
		if got := bytes.Compare(tagKey(r1.Kind, tag1, id1), tagKey(r2.Kind, tag2, id2)); got != order {
			t.Errorf("tag keys compare as %d, want %d", got, order)
		}
		// A key lies in the range of its own kind and tag, and no other.
		in := func(key, prefix []byte) bool {
			return bytes.Compare(key, prefix) >= 0 && bytes.Compare(key, rangeEnd(prefix)) < 0
		}
		if got := in(recordKey(r1.Kind, id1), recordRange(r2.Kind)); got != (kind1 == kind2) {
			t.Errorf("record of kind %q in the range of kind %q: %v", kind1, kind2, got)
		}
		if got := in(tagKey(r1.Kind, tag1, id1), tagRange(r2.Kind, tag2)); got != (kind1 == kind2 && tag1 == tag2) {
			t.Errorf("tag %q %q in the range of %q %q: %v", kind1, tag1, kind2, tag2, got)
		}
	})
}

func FuzzParseExpiryKey(f *testing.F) {
	f.Add(expiryKey(time.UnixMilli(1), "a", "b"))
	f.Add(expiryKey(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "offer", strings.Repeat("i", store.MaxID)))
	f.Add([]byte("x\xff\xff\xff\xff\xff\xff\xff\xffa\x00b"))
	f.Add([]byte("x\x00\x00\x00\x00\x00\x00\x00\x01a\x00b\x00c"))
	f.Add([]byte("r"))
	f.Fuzz(func(t *testing.T, key []byte) {
		expiry, kind, id, err := parseExpiryKey(key)
		if err != nil {
			if !expiry.IsZero() || kind != "" || id != "" {
				t.Errorf("refused, but returned %v %q %q", expiry, kind, id)
			}
			return
		}
		if again := expiryKey(expiry, kind, id); !bytes.Equal(again, key) {
			t.Errorf("%x was read and written again as %x", key, again)
		}
	})
}

func FuzzDecodeValue(f *testing.F) {
	for _, r := range []store.Record{
		{Version: 1},
		{Version: 300, Tags: []string{"x", "yy"}, Data: []byte("data")},
		{Version: math.MaxUint64, Expiry: time.UnixMilli(1893456000000), Data: make([]byte, 300)},
	} {
		f.Add(encodeValue(r))
	}
	f.Add([]byte{})
	f.Add([]byte{2, 1, 0, 0})                                   // another format
	f.Add([]byte{1, 0, 0, 0})                                   // version 0
	f.Add([]byte{1, 1, 0, 17})                                  // too many tags
	f.Add([]byte{1, 1, 0, 1, 200, 1})                           // a tag longer than the rest
	f.Add([]byte{1, 0x81, 0, 0, 0})                             // a number in a longer form
	f.Add([]byte{1, 1, 0, 2, 1, 'x', 1, 'x'})                   // a tag twice
	f.Add(append([]byte{1}, bytes.Repeat([]byte{0xff}, 11)...)) // an overflow
	f.Fuzz(func(t *testing.T, value []byte) {
		r, err := decodeValue("kind", "id", value)
		if err != nil {
			if r.Kind != "" || r.Version != 0 || r.Data != nil {
				t.Errorf("refused, but returned %+v", r)
			}
			return
		}
		if again := encodeValue(r); !bytes.Equal(again, value) {
			t.Errorf("%x was read and written again as %x", value, again)
		}
	})
}
