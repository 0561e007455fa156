package status

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

type listVector struct {
	Bits     int    `json:"bits"`
	Entries  uint64 `json:"entries"`
	Bytes    string `json:"byte_array_hex"`
	Statuses []struct {
		Index  uint64 `json:"idx"`
		Status uint8  `json:"status"`
	} `json:"statuses"`
	Ordered []int           `json:"statuses_in_index_order"`
	List    json.RawMessage `json:"status_list_json"`
}

func readVector(t testing.TB, name string) listVector {
	t.Helper()
	var v listVector
	if err := json.Unmarshal(testvectors.File(t, "token-status-list", name), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSection4(t *testing.T) {
	for _, name := range []string{"section-4-1bit-small.json", "section-4-2bit-small.json"} {
		t.Run(name, func(t *testing.T) {
			v := readVector(t, name)
			l, err := ParseList(v.List)
			if err != nil {
				t.Fatal(err)
			}
			if l.Bits() != v.Bits || l.Len() != uint64(len(v.Ordered)) || hex.EncodeToString(l.data) != v.Bytes {
				t.Fatalf("bits %d, length %d, bytes %x", l.Bits(), l.Len(), l.data)
			}
			made, err := NewList(v.Bits, len(v.Ordered))
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range v.Ordered {
				if got, err := l.At(uint64(i)); err != nil || int(got) != want {
					t.Errorf("index %d: got %v, %v; want %d", i, got, err, want)
				}
				if err := made.Put(uint64(i), Value(want)); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(made.data, l.data) {
				t.Errorf("written %x, read %x", made.data, l.data)
			}
		})
	}
}

func TestAppendixC(t *testing.T) {
	for _, bits := range []int{1, 2, 4, 8} {
		t.Run(fmt.Sprintf("%d bit", bits), func(t *testing.T) {
			v := readVector(t, fmt.Sprintf("appendix-c-%dbit.json", bits))
			l, err := ParseList(v.List)
			if err != nil {
				t.Fatal(err)
			}
			if l.Bits() != bits || l.Len() != v.Entries {
				t.Fatalf("bits %d, length %d", l.Bits(), l.Len())
			}
			want := map[uint64]uint8{}
			for _, s := range v.Statuses {
				want[s.Index] = s.Status
			}
			made, err := NewList(bits, int(v.Entries))
			if err != nil {
				t.Fatal(err)
			}
			for i := range l.Len() {
				got, err := l.At(i)
				if err != nil || uint8(got) != want[i] {
					t.Fatalf("index %d: got %v, %v; want %d", i, got, err, want[i])
				}
				if err := made.Put(i, got); err != nil {
					t.Fatal(err)
				}
			}
			text, err := jose.Marshal(made)
			if err != nil {
				t.Fatal(err)
			}
			again, err := ParseList(text)
			if err != nil || !bytes.Equal(again.data, l.data) {
				t.Fatalf("the list written by us differs: %v", err)
			}
			// Tampered: the compressed form carries the checksum.
			var w wireList
			if err := jose.Unmarshal(v.List, &w); err != nil {
				t.Fatal(err)
			}
			packed, _ := jose.Decode(w.List)
			for i := 0; i < len(packed); i += 1 + len(packed)/64 {
				bad := bytes.Clone(packed)
				bad[i] ^= 0x10
				l2, err := wireList{w.Bits, jose.Encode(bad)}.list()
				if err == nil && !bytes.Equal(l2.data, l.data) {
					t.Fatalf("a list with byte %d changed was read as another list", i)
				}
			}
			if _, err := (wireList{w.Bits, jose.Encode(packed[:len(packed)-4])}).list(); !errors.Is(err, ErrMalformed) {
				t.Errorf("a list without its checksum: %v", err)
			}
			if _, err := (wireList{w.Bits, jose.Encode(append(packed, 0))}).list(); !errors.Is(err, ErrMalformed) {
				t.Errorf("a list with a byte after it: %v", err)
			}
			if _, err := l.At(l.Len()); !errors.Is(err, ErrIndex) {
				t.Errorf("index past the end: %v", err)
			}
		})
	}
}

func deflate(t testing.TB, b []byte) string {
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return jose.Encode(buf.Bytes())
}

func TestParseListRefuses(t *testing.T) {
	small := deflate(t, []byte{1})
	for name, text := range map[string]string{
		"bits 3":           `{"bits":3,"lst":"` + small + `"}`,
		"bits missing":     `{"lst":"` + small + `"}`,
		"bits a string":    `{"bits":"1","lst":"` + small + `"}`,
		"bits twice":       `{"bits":1,"bits":1,"lst":"` + small + `"}`,
		"lst missing":      `{"bits":1}`,
		"lst with padding": `{"bits":1,"lst":"` + small + `="}`,
		"lst not zlib":     `{"bits":1,"lst":"AAAA"}`,
		"lst empty":        `{"bits":1,"lst":"` + deflate(t, nil) + `"}`,
		"zip bomb":         `{"bits":1,"lst":"` + deflate(t, make([]byte, MaxList+1)) + `"}`,
		"trailing data":    `{"bits":1,"lst":"` + small + `"} x`,
		"not an object":    `[]`,
	} {
		if l, err := ParseList([]byte(text)); !errors.Is(err, ErrMalformed) || l != nil {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
	if l, err := ParseList([]byte(`{"bits":1,"lst":"` + deflate(t, make([]byte, MaxList)) + `"}`)); err != nil || l.Len() != 8*MaxList {
		t.Errorf("the largest list: %v", err)
	}
}

func TestParseClaim(t *testing.T) {
	ref, err := ParseClaim([]byte(`{"status_list":{"idx":0,"uri":"https://example.com/statuslists/1"},"other":1}`))
	if err != nil || ref != (Ref{0, "https://example.com/statuslists/1"}) {
		t.Fatalf("%v, %v", ref, err)
	}
	for _, text := range []string{
		`null`, `{}`, `{"status_list":{}}`, `{"status_list":null}`, `{"status_list":{"idx":1}}`, `{"status_list":{"uri":"https://a"}}`,
		`{"status_list":{"idx":-1,"uri":"https://a"}}`, `{"status_list":{"idx":1.5,"uri":"https://a"}}`,
		`{"status_list":{"idx":"1","uri":"https://a"}}`, `{"status_list":{"idx":null,"uri":"https://a"}}`, `{"status_list":{"idx":18446744073709551616,"uri":"https://a"}}`,
	} {
		if _, err := ParseClaim([]byte(text)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", text, err)
		}
	}
	b, err := jose.Marshal(Ref{7, "https://a/status/x"}.Claim())
	if err != nil || string(b) != `{"status_list":{"idx":7,"uri":"https://a/status/x"}}` {
		t.Errorf("%s, %v", b, err)
	}
}

func FuzzParseList(f *testing.F) {
	for _, bits := range []int{1, 2, 4} {
		f.Add([]byte(readVector(f, fmt.Sprintf("appendix-c-%dbit.json", bits)).List))
	}
	f.Add([]byte(readVector(f, "section-4-2bit-small.json").List))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseList(b)
		if err != nil {
			if l != nil {
				t.Fatal("a failed parse returned a list")
			}
			return
		}
		if _, err := l.At(l.Len() - 1); err != nil {
			t.Fatal(err)
		}
		if _, err := l.At(l.Len()); err == nil {
			t.Fatal("an index past the end was answered")
		}
		text, err := l.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ParseList(text); err != nil || !bytes.Equal(again.data, l.data) {
			t.Fatal("a list does not survive a round trip")
		}
	})
}
