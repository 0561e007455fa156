package status

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

type bitstringVectors struct {
	Lists []struct {
		Name   string   `json:"name"`
		Size   int      `json:"statusSize"`
		Set    []uint64 `json:"set"`
		Bytes  int      `json:"uncompressed_bytes"`
		SHA256 string   `json:"uncompressed_sha256"`
		List   string   `json:"encodedList"`
	} `json:"lists"`
	Decoded []struct {
		Title  string `json:"title"`
		List   string `json:"encodedList"`
		Bytes  int    `json:"uncompressed_bytes"`
		SHA256 string `json:"sha256_uncompressed"`
	} `json:"spec_lists_decoded"`
}

func readBitstrings(t testing.TB) bitstringVectors {
	t.Helper()
	var v bitstringVectors
	if err := json.Unmarshal(testvectors.File(t, "bitstring-status-list", "encoded-lists.json"), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// named reports whether an error has that name, and the sentinel below it.
func named(err error, name ErrorName, sentinel error) bool {
	var e *Error
	return errors.As(err, &e) && e.Name == name && errors.Is(err, sentinel) && e.Type() == "https://www.w3.org/ns/credentials/status-list#"+string(name)
}

func TestBitstringVectors(t *testing.T) {
	v := readBitstrings(t)
	for _, l := range v.Lists {
		t.Run(l.Name, func(t *testing.T) {
			data, err := expand(l.List)
			if err != nil || len(data) != l.Bytes || hash(data) != l.SHA256 {
				t.Fatalf("%d bytes, %v", len(data), err)
			}
			b, err := ParseBitstring(l.List, l.Size)
			if l.Bytes < MinEntries/8 {
				if !named(err, LengthError, ErrMalformed) || b != nil {
					t.Fatalf("a short list: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			made, err := NewBitstring(l.Size, int(b.Len()))
			if err != nil {
				t.Fatal(err)
			}
			for i := range b.Len() {
				got, err := b.At(i)
				want := bit(slices.Contains(l.Set, i))
				if err != nil || got != want {
					t.Fatalf("index %d: %d, %v", i, got, err)
				}
				if err := made.Put(i, got); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(made.data, b.data) {
				t.Error("the list written by us differs")
			}
			text, err := made.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ParseBitstring(text, l.Size); err != nil || !bytes.Equal(again.data, b.data) {
				t.Errorf("the list written by us is read as another: %v", err)
			}
			if _, err := b.At(b.Len()); !errors.Is(err, ErrIndex) {
				t.Errorf("index past the end: %v", err)
			}
		})
	}
	for _, l := range v.Decoded {
		t.Run(l.Title, func(t *testing.T) {
			if b, err := ParseBitstring(l.List, 1); err != nil || hash(b.data) != l.SHA256 || len(b.data) != l.Bytes {
				t.Error(err)
			}
		})
	}
}

// The first index is the left-most bits, and the first bit of a value its
// highest, at every size.
func TestBitstringOrder(t *testing.T) {
	for size, want := range map[int][3]byte{1: {0x50, 0, 0}, 2: {0x20, 0x10, 0}, 3: {0x0b, 0x80, 0}, 4: {0x05, 0, 0x30}, 8: {0, 0xa5, 0}} {
		b, err := NewBitstring(size, 0)
		if err != nil {
			t.Fatal(err)
		}
		set := map[int]map[uint64]uint8{1: {1: 1, 3: 1}, 2: {1: 2, 5: 1}, 3: {1: 2, 2: 7}, 4: {1: 5, 4: 3}, 8: {1: 0xa5}}[size]
		for i, v := range set {
			if err := b.Put(i, 1<<size-1); err != nil { // what was there goes
				t.Fatal(err)
			}
			if err := b.Put(i, v); err != nil {
				t.Fatal(err)
			}
		}
		if [3]byte(b.data[:3]) != want {
			t.Errorf("size %d: %x, want %x", size, b.data[:3], want)
		}
		for i, v := range set {
			if got, err := b.At(i); err != nil || got != v {
				t.Errorf("size %d, index %d: %d, %v", size, i, got, err)
			}
		}
		if b.Len() != MinEntries {
			t.Errorf("size %d: %d entries", size, b.Len())
		}
		if size < 8 {
			if err := b.Put(0, 1<<size); !errors.Is(err, ErrValue) {
				t.Errorf("size %d: a value too large: %v", size, err)
			}
		}
		if err := b.Put(b.Len(), 0); !errors.Is(err, ErrIndex) {
			t.Errorf("size %d: past the end: %v", size, err)
		}
	}
	for _, size := range []int{0, -1, 9} {
		if b, err := NewBitstring(size, 0); err == nil || b != nil {
			t.Errorf("size %d was made", size)
		}
	}
	if b, err := NewBitstring(1, 8*MaxList+8); err == nil || b != nil {
		t.Error("a list larger than any was made")
	}
}

func gzipped(t testing.TB, parts ...[]byte) string {
	t.Helper()
	var buf bytes.Buffer
	for _, b := range parts {
		w := gzip.NewWriter(&buf)
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return "u" + jose.Encode(buf.Bytes())
}

func TestParseBitstringRefuses(t *testing.T) {
	zeros := make([]byte, MinEntries/8)
	good := gzipped(t, zeros)
	packed, err := jose.Decode(good[1:])
	if err != nil {
		t.Fatal(err)
	}
	again := func(b []byte) string { return "u" + jose.Encode(b) }
	sum := bytes.Clone(packed)
	sum[len(sum)-6] ^= 1
	for name, tt := range map[string]struct {
		text string
		size int
		want ErrorName
	}{
		"empty":              {"", 1, MalformedValueError},
		"no multibase":       {good[1:], 1, MalformedValueError},
		"base58":             {"z" + good[1:], 1, MalformedValueError},
		"padded base64url":   {"U" + good[1:], 1, MalformedValueError},
		"padding":            {good + "=", 1, MalformedValueError},
		"nothing in it":      {"u", 1, MalformedValueError},
		"zlib":               {"u" + deflate(t, zeros), 1, MalformedValueError},
		"cut off":            {again(packed[:len(packed)-4]), 1, MalformedValueError},
		"wrong checksum":     {again(sum), 1, MalformedValueError},
		"byte after it":      {again(append(bytes.Clone(packed), 0)), 1, MalformedValueError},
		"two members":        {gzipped(t, zeros, zeros), 1, MalformedValueError},
		"zip bomb":           {gzipped(t, make([]byte, MaxList+1)), 1, MalformedValueError},
		"size 0":             {good, 0, MalformedValueError},
		"size 9":             {good, 9, MalformedValueError},
		"too few":            {gzipped(t, zeros[1:]), 1, LengthError},
		"too few at size 2":  {good, 2, LengthError},
		"list of no entries": {gzipped(t, nil), 1, MalformedValueError},
	} {
		if b, err := ParseBitstring(tt.text, tt.size); !named(err, tt.want, ErrMalformed) || b != nil {
			t.Errorf("%s: %v, %v", name, b, err)
		}
	}
	if b, err := ParseBitstring(gzipped(t, make([]byte, MaxList)), 1); err != nil || b.Len() != 8*MaxList {
		t.Errorf("the largest list: %v", err)
	}
}

func FuzzParseBitstring(f *testing.F) {
	for _, l := range readBitstrings(f).Lists {
		f.Add(l.List, 1)
		f.Add(l.List, 2)
	}
	f.Fuzz(func(t *testing.T, text string, size int) {
		b, err := ParseBitstring(text, size)
		if err != nil {
			if b != nil || !errors.Is(err, ErrMalformed) {
				t.Fatal("a failed parse returned a list or another error")
			}
			return
		}
		if _, err := b.At(b.Len() - 1); err != nil {
			t.Fatal(err)
		}
		if _, err := b.At(b.Len()); err == nil {
			t.Fatal("an index past the end was answered")
		}
		text, err = b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseBitstring(text, size); err != nil || !bytes.Equal(again.data, b.data) {
			t.Fatal("a list does not survive a round trip")
		}
	})
}
