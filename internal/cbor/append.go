// Package cbor writes and reads CBOR (RFC 8949) for the few structures of the
// product that are made of it: COSE, ISO mdoc and status lists as CWT.
//
// Writing is by appending, so that constant parts can be encoded once: every
// head is the shortest (Section 4.2.1), the order of map keys is the caller's.
// Reading is in two steps. Check walks a whole document once and holds it
// against limits; a Reader then takes it apart without copying.
//
// It is no general codec: there is no reflection, indefinite lengths are
// refused, and map keys are integers or text.
package cbor

import (
	"encoding/binary"
	"math"
)

// Major is a major type (RFC 8949, Section 3.1).
type Major uint8

// The major types, and one that no item has.
const (
	Uint Major = iota
	Negative
	Bytes
	Text
	Array
	Map
	Tag
	Simple // booleans, null and floats
	None   // nothing more to read
)

func (m Major) String() string {
	if m > None {
		m = None
	}
	return [...]string{"unsigned integer", "negative integer", "byte string", "text", "array", "map", "tag", "simple value", "nothing"}[m]
}

// AppendHead appends the head of an item in its shortest form.
func AppendHead(dst []byte, m Major, n uint64) []byte {
	t := byte(m) << 5
	switch {
	case n < 24:
		return append(dst, t|byte(n))
	case n <= math.MaxUint8:
		return append(dst, t|24, byte(n))
	case n <= math.MaxUint16:
		return append(dst, t|25, byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, t|26), uint32(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, t|27), n)
	}
}

// AppendUint appends an unsigned integer.
func AppendUint(dst []byte, n uint64) []byte { return AppendHead(dst, Uint, n) }

// AppendInt appends an integer.
func AppendInt(dst []byte, n int64) []byte {
	if n < 0 {
		return AppendHead(dst, Negative, uint64(-1-n))
	}
	return AppendHead(dst, Uint, uint64(n))
}

// AppendBytes appends a byte string.
func AppendBytes(dst, b []byte) []byte { return append(AppendHead(dst, Bytes, uint64(len(b))), b...) }

// AppendText appends a text, which must be valid UTF-8.
func AppendText(dst []byte, s string) []byte {
	return append(AppendHead(dst, Text, uint64(len(s))), s...)
}

// AppendArray appends the head of an array; n items follow.
func AppendArray(dst []byte, n int) []byte { return AppendHead(dst, Array, uint64(n)) }

// AppendMap appends the head of a map; n keys with their values follow.
func AppendMap(dst []byte, n int) []byte { return AppendHead(dst, Map, uint64(n)) }

// AppendTag appends a tag; its content follows.
func AppendTag(dst []byte, n uint64) []byte { return AppendHead(dst, Tag, n) }

// AppendBool appends a boolean.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 0xf5)
	}
	return append(dst, 0xf4)
}

// AppendNull appends null.
func AppendNull(dst []byte) []byte { return append(dst, 0xf6) }

// AppendFloat appends a number in the shortest of the single and double forms
// that keeps it. Half precision is read, never written.
func AppendFloat(dst []byte, v float64) []byte {
	if f := float32(v); float64(f) == v {
		return binary.BigEndian.AppendUint32(append(dst, 0xfa), math.Float32bits(f))
	}
	return binary.BigEndian.AppendUint64(append(dst, 0xfb), math.Float64bits(v))
}

// HeadLen is the length of the shortest head for n.
func HeadLen(n uint64) int {
	switch {
	case n < 24:
		return 1
	case n <= math.MaxUint8:
		return 2
	case n <= math.MaxUint16:
		return 3
	case n <= math.MaxUint32:
		return 5
	default:
		return 9
	}
}
