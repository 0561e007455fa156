package status

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/zegel-id/zegel/internal/jose"
)

// List is an array of statuses of 1, 2, 4 or 8 bits (Section 4.1). The lowest
// index stands in the least significant bits of the first byte.
type List struct {
	bits int
	data []byte
}

// wireList is the status_list object (Section 4.2).
type wireList struct {
	Bits int    `json:"bits"`
	List string `json:"lst"`
}

// NewList makes a list of n statuses, all VALID.
func NewList(bits int, n int) (*List, error) {
	if !validBits(bits) || n < 1 || n%(8/bits) != 0 || n*bits/8 > MaxList {
		return nil, fmt.Errorf("%w: %d statuses of %d bits; bits must be 1, 2, 4 or 8 and fill whole bytes (Section 4.1)", ErrMalformed, n, bits)
	}
	return &List{bits: bits, data: make([]byte, n*bits/8)}, nil
}

func validBits(b int) bool { return b == 1 || b == 2 || b == 4 || b == 8 }

// Bits of one status.
func (l *List) Bits() int { return l.bits }

// Len is the number of statuses.
func (l *List) Len() uint64 { return uint64(len(l.data)) * 8 / uint64(l.bits) }

// At is the value at index i.
func (l *List) At(i uint64) (Value, error) {
	if i >= l.Len() {
		return Invalid, fmt.Errorf("%w: index is not below the length %d (Section 8.3)", ErrIndex, l.Len())
	}
	at, shift := l.place(i)
	return Value(l.data[at] >> shift & l.mask()), nil
}

// Put sets the value at index i.
func (l *List) Put(i uint64, v Value) error {
	if i >= l.Len() {
		return fmt.Errorf("%w: index is not below the length %d", ErrIndex, l.Len())
	}
	if uint8(v) > l.mask() {
		return fmt.Errorf("%w: %v does not fit in %d bits", ErrValue, v, l.bits)
	}
	at, shift := l.place(i)
	l.data[at] = l.data[at]&^(l.mask()<<shift) | uint8(v)<<shift
	return nil
}

func (l *List) place(i uint64) (at uint64, shift uint) {
	per := uint64(8 / l.bits)
	return i / per, uint(i%per) * uint(l.bits)
}

func (l *List) mask() uint8 { return uint8(1<<l.bits - 1) }

// MarshalJSON writes the status_list object: ZLIB, base64url (Sections 4.1 and
// 4.2).
func (l *List) MarshalJSON() ([]byte, error) {
	packed, err := zlibPack(l.data)
	if err != nil {
		return nil, err
	}
	return l.appendJSON(nil, packed), nil
}

// appendJSON appends the status_list object of the list, compressed.
func (l *List) appendJSON(dst, packed []byte) []byte {
	dst = slices.Grow(dst, jose.EncodedLen(len(packed))+len(`{"bits":8,"lst":""}`))
	dst = strconv.AppendInt(append(dst, `{"bits":`...), int64(l.bits), 10)
	dst = jose.AppendEncode(append(dst, `,"lst":"`...), packed)
	return append(dst, `"}`...)
}

// ParseList reads a status_list object. The ZLIB stream must be complete, with
// its checksum, and nothing may follow it.
func ParseList(b []byte) (*List, error) {
	var w wireList
	if err := jose.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("%w: status_list: %w", ErrMalformed, err)
	}
	return w.list()
}

func (w wireList) list() (*List, error) {
	packed, err := jose.Decode(w.List)
	if err != nil {
		return nil, fmt.Errorf("%w: status_list.lst: %w (Section 4.2)", ErrMalformed, err)
	}
	return readList(w.Bits, packed)
}

// readList makes a list of the members of a status_list, JSON or CBOR.
func readList(bits int, packed []byte) (*List, error) {
	if !validBits(bits) {
		return nil, fmt.Errorf("%w: status_list.bits must be 1, 2, 4 or 8 (Section 4.2)", ErrMalformed)
	}
	data, err := zlibUnpack(packed)
	if err != nil {
		return nil, fmt.Errorf("status_list.lst: %w (Section 4.1)", err)
	}
	return &List{bits: bits, data: data}, nil
}
