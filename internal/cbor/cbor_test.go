package cbor

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// RFC 8949, Appendix A: what is written.
func TestAppend(t *testing.T) {
	for _, c := range []struct {
		want string
		got  []byte
	}{
		{"00", AppendUint(nil, 0)},
		{"17", AppendUint(nil, 23)},
		{"1818", AppendInt(nil, 24)},
		{"1903e8", AppendUint(nil, 1000)},
		{"1a000f4240", AppendUint(nil, 1000000)},
		{"1b000000e8d4a51000", AppendUint(nil, 1000000000000)},
		{"1bffffffffffffffff", AppendUint(nil, math.MaxUint64)},
		{"20", AppendInt(nil, -1)},
		{"3903e7", AppendInt(nil, -1000)},
		{"3b7fffffffffffffff", AppendInt(nil, math.MinInt64)},
		{"fa47c35000", AppendFloat(nil, 100000)},
		{"fb3ff199999999999a", AppendFloat(nil, 1.1)},
		{"f4", AppendBool(nil, false)},
		{"f5", AppendBool(nil, true)},
		{"f6", AppendNull(nil)},
		{"4401020304", AppendBytes(nil, []byte{1, 2, 3, 4})},
		{"62c3bc", AppendText(nil, "ü")},
		{"c11a514b67b0", AppendUint(AppendTag(nil, 1), 1363896240)},
		{"83010203", AppendUint(AppendUint(AppendUint(AppendArray(nil, 3), 1), 2), 3)},
		{"a10102", AppendUint(AppendUint(AppendMap(nil, 1), 1), 2)},
	} {
		if hex.EncodeToString(c.got) != c.want {
			t.Errorf("got %x, want %s", c.got, c.want)
		}
		if err := Check(c.got, Limits{}); err != nil {
			t.Errorf("%s: %v", c.want, err)
		}
	}
	for _, n := range []uint64{0, 23, 24, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1} {
		if got := len(AppendHead(nil, Uint, n)); got != HeadLen(n) {
			t.Errorf("HeadLen(%d) = %d, the head has %d bytes", n, HeadLen(n), got)
		}
	}
}

// RFC 8949, Appendix A: what is read.
func TestFloat(t *testing.T) {
	for in, want := range map[string]float64{
		"f90000": 0, "f93c00": 1, "f93e00": 1.5, "f97bff": 65504, "f90001": 5.960464477539063e-8,
		"f90400": 0.00006103515625, "f9c400": -4, "f97c00": math.Inf(1), "f9fc00": math.Inf(-1),
		"fa47c35000": 100000, "fb3ff199999999999a": 1.1,
	} {
		r := NewReader(unhex(t, in))
		if got := r.Float(); got != want || r.End() != nil {
			t.Errorf("%s: %v, %v", in, got, r.End())
		}
	}
	if r := NewReader(unhex(t, "f97e00")); !math.IsNaN(r.Float()) || r.End() != nil {
		t.Error("NaN is not read")
	}
	if r := NewReader(unhex(t, "f5")); r.Float() != 0 || r.Err() == nil {
		t.Error("a boolean reads as a float")
	}
}

func TestReader(t *testing.T) {
	b := AppendArray(nil, 7)
	b = AppendInt(b, -42)
	b = AppendBytes(b, []byte("abc"))
	b = AppendText(AppendTag(b, 0), "2026-01-02T03:04:05Z")
	b = AppendBool(b, true)
	b = AppendNull(b)
	b = AppendText(AppendUint(AppendMap(b, 1), 7), "seven")
	b = AppendUint(b, 9)
	if err := Check(b, Limits{}); err != nil {
		t.Fatal(err)
	}
	r := NewReader(b)
	if n := r.Array(); n != 7 {
		t.Fatal(n)
	}
	if r.Int() != -42 || string(r.Bytes()) != "abc" || r.Tag() != 0 || r.Text() != "2026-01-02T03:04:05Z" || !r.Bool() || !r.NextNull() {
		t.Fatal(r.Err())
	}
	r.Null()
	at := r.Offset()
	if got := r.Skip(); !bytes.Equal(got, unhex(t, "a10765736576656e")) || !bytes.Equal(r.Since(at), got) {
		t.Fatalf("%x", got)
	}
	if r.Uint() != 9 || r.End() != nil || r.Next() != None {
		t.Fatal(r.End())
	}
}

// The first fault stays, and what follows reads as zero.
func TestReaderRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		read func(*Reader)
	}{
		"another type":       {"6161", func(r *Reader) { r.Uint() }},
		"nothing":            {"", func(r *Reader) { r.Text() }},
		"cut off":            {"4261", func(r *Reader) { r.Bytes() }},
		"endless array":      {"9f01ff", func(r *Reader) { r.Array() }},
		"array too long":     {"9b7fffffffffffffff", func(r *Reader) { r.Array() }},
		"map too long":       {"a201", func(r *Reader) { r.Map() }},
		"integer too large":  {"1bffffffffffffffff", func(r *Reader) { r.Int() }},
		"integer too small":  {"3bffffffffffffffff", func(r *Reader) { r.Int() }},
		"another tag":        {"c001", func(r *Reader) { r.Expect(24) }},
		"no boolean":         {"f6", func(r *Reader) { r.Bool() }},
		"no null":            {"f4", func(r *Reader) { r.Null() }},
		"skip a cut string":  {"82014261", func(r *Reader) { r.Skip() }},
		"skip a cut array":   {"830102", func(r *Reader) { r.Skip() }},
		"skip the endless":   {"5f", func(r *Reader) { r.Skip() }},
		"skip a large array": {"9bffffffffffffffff", func(r *Reader) { r.Skip() }},
		"something is left":  {"0101", func(r *Reader) { r.Uint() }},
	} {
		r := NewReader(unhex(t, c.in))
		c.read(r)
		if err := r.End(); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if r.Uint() != 0 || r.Bytes() != nil || r.Array() != 0 || r.Map() != 0 || r.Skip() != nil || r.Bool() {
			t.Errorf("%s: something is read after the fault", name)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	deep := strings.Repeat("81", 20) + "01"
	for name, c := range map[string]struct{ in, why string }{
		"empty":                    {"", "cut off"},
		"trailing":                 {"0000", "follows"},
		"cut integer":              {"1901", "cut off"},
		"reserved information":     {"1c", "unknown"},
		"cut text":                 {"6261", "a string is cut off"},
		"huge text":                {"7bffffffffffffffff", "a string is cut off"},
		"cut array":                {"8201", "cut off"},
		"huge array":               {"9bffffffffffffffff", "an array is cut off"},
		"huge map":                 {"bbffffffffffffffff", "a map is cut off"},
		"endless text":             {"7f6161ff", "indefinite"},
		"endless array":            {"9fff", "indefinite"},
		"endless map":              {"bfff", "indefinite"},
		"break":                    {"ff", "indefinite"},
		"unassigned simple":        {"e0", "unknown"},
		"simple in two bytes":      {"f8ff", "unknown"},
		"two-byte false":           {"f814", "unknown"},
		"not UTF-8":                {"61ff", "UTF-8"},
		"surrogate":                {"63eda080", "UTF-8"},
		"duplicate text key":       {"a2616101616102", "twice"},
		"duplicate integer key":    {"a201010102", "twice"},
		"duplicate at length":      {"a20101180102", "twice"},
		"duplicate text at length": {"a26161017801616102", "twice"},
		"duplicate inside":         {"81a20101a0 01", "neither"},
		"bytes as key":             {"a1416101", "neither"},
		"array as key":             {"a18001", "neither"},
		"nested":                   {deep, "deeply"},
		"nested tags":              {strings.Repeat("c1", 20) + "01", "deeply"},
	} {
		err := Check(unhex(t, c.in), Limits{})
		if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Check(unhex(t, deep), Limits{Depth: 20}); err != nil {
		t.Error(err)
	}
	if err := Check(unhex(t, "83010203"), Limits{Items: 3}); err == nil {
		t.Error("more items than allowed")
	}
	if err := Check(unhex(t, "83010203"), Limits{Size: 3}); err == nil {
		t.Error("more bytes than allowed")
	}
}

// Large maps are looked through for duplicates in whatever order they come.
func TestLargeMaps(t *testing.T) {
	build := func(keys ...uint64) []byte {
		b := AppendMap(nil, len(keys))
		for _, k := range keys {
			b = AppendNull(AppendUint(b, k))
		}
		return b
	}
	var up, down []uint64
	for i := range uint64(100) {
		up, down = append(up, i*7), append(down, 700-i*7)
	}
	for name, keys := range map[string][]uint64{"ascending": up, "descending": down, "turning": append(append([]uint64{}, up...), 3)} {
		if err := Check(build(keys...), Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, i := range []int{0, 50, len(keys) - 1} {
			if err := Check(build(append(append([]uint64{}, keys...), keys[i])...), Limits{}); err == nil {
				t.Errorf("%s: key %d stands twice and is accepted", name, i)
			}
		}
	}
}

// FuzzCheck: what Check accepts, a Reader walks to its end, and writing it
// anew in shortest form is accepted too.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{"a2616101626162f97e00", "83010203", "d81845a101820203", "a201010102", "9fff", "1bffffffffffffffff", "7bffffffffffffffff"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		err := Check(b, Limits{})
		r := NewReader(b)
		whole := r.Skip()
		if err != nil {
			return
		}
		if r.End() != nil || !bytes.Equal(whole, b) {
			t.Fatalf("accepted, but not read to its end: %v", r.End())
		}
		r = NewReader(b)
		again := rewrite(nil, r)
		if r.End() != nil {
			t.Fatal(r.End())
		}
		if err := Check(again, Limits{}); err != nil || len(again) > len(b) {
			t.Fatalf("%x written anew is %x: %v", b, again, err)
		}
	})
}

func rewrite(dst []byte, r *Reader) []byte {
	switch m := r.Next(); m {
	case Uint:
		return AppendUint(dst, r.Uint())
	case Bytes:
		return AppendBytes(dst, r.Bytes())
	case Text:
		return AppendText(dst, r.Text())
	case Array:
		n := r.Array()
		dst = AppendArray(dst, n)
		for range n {
			dst = rewrite(dst, r)
		}
		return dst
	case Map:
		n := r.Map()
		dst = AppendMap(dst, n)
		for range 2 * n {
			dst = rewrite(dst, r)
		}
		return dst
	case Tag:
		return rewrite(AppendTag(dst, r.Tag()), r)
	default:
		return append(dst, r.Skip()...)
	}
}
