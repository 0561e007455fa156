package cbor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrMalformed is returned for bytes that are no CBOR of the kind read here.
// The text says where and why and holds none of the data.
var ErrMalformed = errors.New("not well-formed CBOR")

// Limits bound what Check accepts. A zero field is its default.
type Limits struct {
	Size  int // bytes; 1 MiB
	Depth int // nested arrays, maps and tags; 16
	Items int // data items, keys included; 16384
}

func or(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

// Check holds b against RFC 8949, Section 5.3.1 (well-formed) and 5.3.2 (text
// is UTF-8, no map has the same key twice), and against the limits. b is one
// data item and nothing else. Indefinite lengths are refused, as are simple
// values other than the booleans, null and undefined, and map keys other than
// integers and text. Heads need not be the shortest: what is signed or
// digested is the bytes as they came.
func Check(b []byte, l Limits) error {
	if most := or(l.Size, 1<<20); len(b) > most {
		return fmt.Errorf("%w: %d bytes, at most %d are read", ErrMalformed, len(b), most)
	}
	c := checker{data: b, depth: or(l.Depth, 16), items: or(l.Items, 1<<14)}
	end := c.item(0, 0)
	if c.fault == "" && end != len(b) {
		c.fail(end, "data follows the item")
	}
	if c.fault != "" {
		return fmt.Errorf("%w: %s at byte %d (RFC 8949, Section 5.3)", ErrMalformed, c.fault, c.at)
	}
	return nil
}

type checker struct {
	data         []byte
	depth, items int
	fault        string
	at           int
}

// fail keeps the first fault and ends the walk.
func (c *checker) fail(at int, fault string) int {
	if c.fault == "" {
		c.fault, c.at = fault, at
	}
	return len(c.data)
}

// item walks one item and gives the place after it.
func (c *checker) item(at, depth int) int {
	if c.items--; c.items < 0 {
		return c.fail(at, "too many data items")
	}
	if depth > c.depth {
		return c.fail(at, "nested too deeply")
	}
	h, ok := head(c.data, at)
	if !ok {
		return c.fail(at, "the item is cut off, of indefinite length or of an unknown kind")
	}
	switch h.major {
	case Bytes, Text:
		if h.arg > uint64(len(c.data)-h.next) {
			return c.fail(at, "a string is cut off")
		}
		end := h.next + int(h.arg)
		if h.major == Text && !utf8.Valid(c.data[h.next:end]) {
			return c.fail(at, "text is not UTF-8")
		}
		return end
	case Array:
		if h.arg > uint64(len(c.data)-h.next) {
			return c.fail(at, "an array is cut off")
		}
		next := h.next
		for i := uint64(0); i < h.arg && c.fault == ""; i++ {
			next = c.item(next, depth+1)
		}
		return next
	case Map:
		if h.arg > uint64(len(c.data)-h.next)/2 {
			return c.fail(at, "a map is cut off")
		}
		return c.pairs(h.next, int(h.arg), depth+1)
	case Tag:
		return c.item(h.next, depth+1)
	default:
		return h.next
	}
}

// few is how many keys are compared one by one.
const few = 8

// pairs walks a map. Keys that stand in ascending order, the usual case, need
// no further look for one that stands twice.
func (c *checker) pairs(at, n, depth int) int {
	var spans [few][]byte
	var seen map[string]struct{}
	var last []byte
	ascending := true
	next := at
	for i := 0; i < n && c.fault == ""; i++ {
		h, ok := head(c.data, next)
		if !ok || h.major != Uint && h.major != Negative && h.major != Text {
			return c.fail(next, "a map key is neither an integer nor text")
		}
		from := next
		next = c.item(next, depth)
		if c.fault != "" {
			break
		}
		key := c.key(h, from, next)
		switch {
		case ascending && (i == 0 || less(last, key)):
		case n <= few:
			ascending = false
			for _, k := range spans[:i] {
				if bytes.Equal(k, key) {
					return c.fail(from, "a map has the same key twice")
				}
			}
		default:
			if ascending { // the first key out of order: go back over those before
				ascending = false
				seen = c.keysBefore(at, i)
			}
			if _, dup := seen[string(key)]; dup {
				return c.fail(from, "a map has the same key twice")
			}
		}
		if n <= few {
			spans[i] = key
		} else if !ascending {
			seen[string(key)] = struct{}{}
		}
		last = key
		next = c.item(next, depth)
	}
	return next
}

// less is the length-first order, in which shorter keys come first.
func less(a, b []byte) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return bytes.Compare(a, b) < 0
}

// key is a key in its shortest encoding, so that one written at length is the
// same key.
func (c *checker) key(h header, from, end int) []byte {
	if h.next-from == HeadLen(h.arg) {
		return c.data[from:end]
	}
	short := AppendHead(nil, h.major, h.arg)
	if h.major == Text {
		short = append(short, c.data[h.next:end]...)
	}
	return short
}

// keysBefore collects the first n keys of a map that were walked already.
func (c *checker) keysBefore(at, n int) map[string]struct{} {
	seen := make(map[string]struct{}, 2*n)
	r := Reader{data: c.data, off: at}
	for range n {
		h, _ := head(c.data, r.off)
		from := r.off
		r.Skip()
		seen[string(c.key(h, from, r.off))] = struct{}{}
		r.Skip()
	}
	return seen
}

// header is a decoded head.
type header struct {
	major Major
	info  byte // additional information
	arg   uint64
	next  int // place after the head
}

// head decodes a head: the major type, its argument, and for simple values
// whether they are known.
func head(b []byte, at int) (header, bool) {
	if at >= len(b) {
		return header{}, false
	}
	h := header{major: Major(b[at] >> 5), info: b[at] & 31, next: at + 1}
	rest := b[h.next:]
	switch {
	case h.info < 24:
		h.arg = uint64(h.info)
	case h.info == 24 && len(rest) >= 1:
		h.arg, h.next = uint64(rest[0]), at+2
	case h.info == 25 && len(rest) >= 2:
		h.arg, h.next = uint64(binary.BigEndian.Uint16(rest)), at+3
	case h.info == 26 && len(rest) >= 4:
		h.arg, h.next = uint64(binary.BigEndian.Uint32(rest)), at+5
	case h.info == 27 && len(rest) >= 8:
		h.arg, h.next = binary.BigEndian.Uint64(rest), at+9
	default:
		return header{}, false // cut off, reserved, or indefinite
	}
	if h.major == Simple && h.info < 25 && (h.info < 20 || h.info == 24) {
		return header{}, false
	}
	return h, true
}
