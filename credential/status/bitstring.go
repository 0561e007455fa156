package status

import (
	"fmt"

	"github.com/zegel-id/zegel/internal/jose"
)

const (
	// MinEntries is how many entries a bitstring must have at least, so that a
	// request for it tells little (Bitstring Status List 1.0, Section 3.2).
	MinEntries = 131072
	// MaxSize is the largest statusSize that is read, in bits: 256 messages.
	MaxSize = 8
)

// Bitstring is an array of statuses of 1 to 8 bits (Bitstring Status List 1.0,
// Section 2.2). Index 0 is the left-most bits of the first byte: the other end
// than in a List.
type Bitstring struct {
	size int
	data []byte
}

// NewBitstring makes a bitstring of n statuses of size bits, all 0; of
// MinEntries when n is less.
func NewBitstring(size, n int) (*Bitstring, error) {
	n = max(n, MinEntries)
	if size < 1 || size > MaxSize || n > MaxList*8/size {
		return nil, fmt.Errorf("%w: %d statuses of %d bits; statusSize must be 1 to %d", ErrMalformed, n, size, MaxSize)
	}
	return &Bitstring{size: size, data: make([]byte, (n*size+7)/8)}, nil
}

// Len is the number of statuses.
func (b *Bitstring) Len() uint64 { return uint64(len(b.data)) * 8 / uint64(b.size) }

// At is the value at index i: the bits from i times the size on (Section 3.2).
func (b *Bitstring) At(i uint64) (uint8, error) {
	if i >= b.Len() {
		return 0, fmt.Errorf("%w: index is not below the length %d (Bitstring Status List 1.0, Section 3.2)", ErrIndex, b.Len())
	}
	var v uint8
	for at := i * uint64(b.size); at < (i+1)*uint64(b.size); at++ {
		v = v<<1 | b.data[at/8]>>(7-at%8)&1
	}
	return v, nil
}

// Put sets the value at index i.
func (b *Bitstring) Put(i uint64, v uint8) error {
	if i >= b.Len() {
		return fmt.Errorf("%w: index is not below the length %d", ErrIndex, b.Len())
	}
	if b.size < 8 && v>>b.size != 0 {
		return fmt.Errorf("%w: %d does not fit in %d bits", ErrValue, v, b.size)
	}
	for k := range uint64(b.size) {
		at := i*uint64(b.size) + k
		bit := byte(1) << (7 - at%8)
		if v>>(uint64(b.size)-1-k)&1 != 0 {
			b.data[at/8] |= bit
		} else {
			b.data[at/8] &^= bit
		}
	}
	return nil
}

// Encode is the encodedList: GZIP, base64url, multibase (Section 2.2).
func (b *Bitstring) Encode() (string, error) {
	packed, err := gzipPack(b.data)
	if err != nil {
		return "", err
	}
	return "u" + jose.Encode(packed), nil
}

// ParseBitstring reads an encodedList of statuses of size bits (Section 3.4).
func ParseBitstring(encoded string, size int) (*Bitstring, error) {
	if size < 1 || size > MaxSize {
		return nil, &Error{Name: MalformedValueError, Detail: fmt.Sprintf("statusSize must be 1 to %d", MaxSize), Err: ErrMalformed}
	}
	data, err := expand(encoded)
	if err != nil {
		return nil, err
	}
	b := &Bitstring{size: size, data: data}
	if b.Len() < MinEntries {
		return nil, &Error{Name: LengthError, Detail: fmt.Sprintf("encodedList has %d entries, at least %d are needed (Section 3.2)", b.Len(), MinEntries), Err: ErrMalformed}
	}
	return b, nil
}

// expand is the Bitstring Expansion Algorithm (Section 3.4).
func expand(encoded string) ([]byte, error) {
	fault := func(detail string, err error) ([]byte, error) {
		return nil, &Error{Name: MalformedValueError, Detail: "encodedList " + detail, Err: err}
	}
	if encoded == "" || encoded[0] != 'u' {
		return fault("must be base64url in multibase, so begin with u (Section 2.2)", ErrMalformed)
	}
	packed, err := jose.Decode(encoded[1:])
	if err != nil {
		return fault("is not base64url without padding (Section 2.2)", fmt.Errorf("%w: %w", ErrMalformed, err))
	}
	data, err := gzipUnpack(packed)
	if err != nil {
		return fault("must be the whole bitstring in GZIP (Section 2.2)", err)
	}
	return data, nil
}
