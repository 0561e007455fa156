package cbor

import (
	"fmt"
	"math"
)

// Reader takes a document apart from front to back without copying: Bytes and
// Text share its memory. The first fault stays; from then on everything reads
// as zero, and End tells. It is safe on any bytes, but only Check refuses
// duplicate keys, text that is not UTF-8, and excess.
type Reader struct {
	data []byte
	off  int
	err  error
}

// NewReader reads b.
func NewReader(b []byte) *Reader { return &Reader{data: b} }

// Err is the first fault.
func (r *Reader) Err() error { return r.err }

// End is the first fault, or one when something is left to read.
func (r *Reader) End() error {
	if r.err == nil && r.off != len(r.data) {
		r.err = fmt.Errorf("%w: data follows the item at byte %d", ErrMalformed, r.off)
	}
	return r.err
}

// Offset is the place of the next item.
func (r *Reader) Offset() int { return r.off }

// Since is what was read from a place Offset gave.
func (r *Reader) Since(offset int) []byte {
	if r.err != nil || offset > r.off {
		return nil
	}
	return r.data[offset:r.off:r.off]
}

// Next is the major type of the next item, None when there is none.
func (r *Reader) Next() Major {
	if r.err != nil || r.off >= len(r.data) {
		return None
	}
	return Major(r.data[r.off] >> 5)
}

// NextNull reports whether null comes next.
func (r *Reader) NextNull() bool { return r.Next() == Simple && r.data[r.off] == 0xf6 }

func (r *Reader) fail(want string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: expected %s at byte %d, found %s", ErrMalformed, want, r.off, r.Next())
	}
}

func (r *Reader) head(m Major) (uint64, bool) {
	if r.Next() != m {
		r.fail(m.String())
		return 0, false
	}
	h, ok := head(r.data, r.off)
	if !ok {
		r.fail(m.String())
		return 0, false
	}
	r.off = h.next
	return h.arg, true
}

// Uint reads an unsigned integer.
func (r *Reader) Uint() uint64 {
	n, _ := r.head(Uint)
	return n
}

// Int reads an integer that fits 64 bits.
func (r *Reader) Int() int64 {
	m := Uint
	if r.Next() == Negative {
		m = Negative
	}
	n, ok := r.head(m)
	if ok && n > math.MaxInt64 {
		r.err = fmt.Errorf("%w: an integer does not fit 64 bits", ErrMalformed)
		return 0
	}
	if m == Negative && ok {
		return -1 - int64(n)
	}
	return int64(n)
}

// Bytes reads a byte string.
func (r *Reader) Bytes() []byte { return r.string(Bytes) }

// Text reads a text.
func (r *Reader) Text() string { return string(r.string(Text)) }

// RawText reads a text as bytes, which spares a copy.
func (r *Reader) RawText() []byte { return r.string(Text) }

func (r *Reader) string(m Major) []byte {
	at := r.off
	n, ok := r.head(m)
	if !ok {
		return nil
	}
	if n > uint64(len(r.data)-r.off) {
		r.off = at
		r.fail("a whole " + m.String())
		return nil
	}
	end := r.off + int(n)
	b := r.data[r.off:end:end]
	r.off = end
	return b
}

// Array reads the head of an array and gives the number of items.
func (r *Reader) Array() int { return r.count(Array, 1) }

// Map reads the head of a map and gives the number of keys.
func (r *Reader) Map() int { return r.count(Map, 2) }

func (r *Reader) count(m Major, each uint64) int {
	n, ok := r.head(m)
	if ok && n > uint64(len(r.data)-r.off)/each {
		r.fail("a whole " + m.String())
		return 0
	}
	return int(n)
}

// Tag reads a tag.
func (r *Reader) Tag() uint64 {
	n, _ := r.head(Tag)
	return n
}

// Expect reads a tag that must be n.
func (r *Reader) Expect(n uint64) {
	if got := r.Tag(); r.err == nil && got != n {
		r.err = fmt.Errorf("%w: expected tag %d, found tag %d", ErrMalformed, n, got)
	}
}

// Bool reads a boolean.
func (r *Reader) Bool() bool {
	if r.Next() == Simple && (r.data[r.off] == 0xf4 || r.data[r.off] == 0xf5) {
		r.off++
		return r.data[r.off-1] == 0xf5
	}
	r.fail("a boolean")
	return false
}

// Null reads null.
func (r *Reader) Null() {
	if r.NextNull() {
		r.off++
		return
	}
	r.fail("null")
}

// Skip reads one item of any kind and gives its bytes.
func (r *Reader) Skip() []byte {
	from := r.off
	left := uint64(1)
	for ; left > 0; left-- {
		if r.err != nil {
			return nil
		}
		h, ok := head(r.data, r.off)
		if !ok {
			r.fail("an item")
			return nil
		}
		rest := uint64(len(r.data) - h.next)
		r.off = h.next
		switch h.major {
		case Bytes, Text:
			if h.arg > rest {
				r.fail("a whole string")
				return nil
			}
			r.off += int(h.arg)
		case Array, Map:
			if h.arg > rest {
				r.fail("a whole array or map")
				return nil
			}
			left += h.arg << (h.major - Array)
		case Tag:
			left++
		}
	}
	return r.Since(from)
}

// Float reads a half, single or double precision number (RFC 8949, Section
// 3.3).
func (r *Reader) Float() float64 {
	h, ok := head(r.data, r.off)
	if r.err != nil || !ok || h.major != Simple || h.info < 25 {
		r.fail("a floating-point number")
		return 0
	}
	r.off = h.next
	switch h.info {
	case 25:
		return half(uint16(h.arg))
	case 26:
		return float64(math.Float32frombits(uint32(h.arg)))
	default:
		return math.Float64frombits(h.arg)
	}
}

// NextFloat reports whether a floating-point number comes next.
func (r *Reader) NextFloat() bool { return r.Next() == Simple && r.data[r.off]&31 >= 25 }

// half decodes IEEE 754 binary16 (RFC 8949, Appendix D).
func half(v uint16) float64 {
	exp, mant := int(v>>10&0x1f), float64(v&0x3ff)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(mant, -24)
	case 31:
		if f = math.Inf(1); mant != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(mant+1024, exp-25)
	}
	if v&0x8000 != 0 {
		return -f
	}
	return f
}
