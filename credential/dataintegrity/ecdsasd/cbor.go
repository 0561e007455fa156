package ecdsasd

import "math"

// The major types of CBOR (RFC 8949, Section 3.1) that proof values are made of.
const (
	majorUint  = 0
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
)

// appendHead appends the beginning of an item, in its shortest form.
func appendHead(b []byte, major byte, n int) []byte {
	switch {
	case n < 24:
		return append(b, major<<5|byte(n))
	case n <= math.MaxUint8:
		return append(b, major<<5|24, byte(n))
	case n <= math.MaxUint16:
		return append(b, major<<5|25, byte(n>>8), byte(n))
	}
	return append(b, major<<5|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func appendBytes(b, s []byte) []byte { return append(appendHead(b, majorBytes, len(s)), s...) }

func appendText(b []byte, s string) []byte { return append(appendHead(b, majorText, len(s)), s...) }

// reader reads CBOR in deterministic encoding: shortest forms, no indefinite lengths (RFC
// 8949, Section 4.2.1), no tags. The first fault sticks and makes all that follows empty.
type reader struct {
	b   []byte
	bad bool
}

// head reads the beginning of an item of a major type. Lengths beyond what is left are a
// fault, so that nothing large is made of a few bytes: each item that a length counts
// takes a byte at least.
func (r *reader) head(major byte) int {
	if r.bad || len(r.b) == 0 || r.b[0]>>5 != major {
		return r.fault()
	}
	n, size := int(r.b[0]&31), 0
	least := 0 // of the numbers that need this size
	switch n {
	case 24:
		size, least = 1, 24
	case 25:
		size, least = 2, math.MaxUint8+1
	case 26:
		size, least = 4, math.MaxUint16+1
	case 27, 28, 29, 30, 31:
		return r.fault()
	}
	if len(r.b) < 1+size {
		return r.fault()
	}
	if size > 0 {
		n = 0
		for _, c := range r.b[1 : 1+size] {
			n = n<<8 | int(c)
		}
	}
	r.b = r.b[1+size:]
	if n < least || n > math.MaxInt32 || major != majorUint && n > len(r.b) {
		return r.fault()
	}
	return n
}

func (r *reader) fault() int {
	r.bad, r.b = true, nil
	return 0
}

// sized reads a byte string of one length.
func (r *reader) sized(n int) []byte {
	if r.head(majorBytes) != n {
		r.fault()
		return nil
	}
	return r.take(n)
}

func (r *reader) text() string { return string(r.take(r.head(majorText))) }

func (r *reader) take(n int) []byte {
	if r.bad {
		return nil
	}
	s := r.b[:n:n]
	r.b = r.b[n:]
	return s
}

// done says whether all was read, without a fault.
func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }
