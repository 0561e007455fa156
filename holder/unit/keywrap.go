package unit

import (
	"crypto/aes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

var errUnwrap = errors.New("key does not unwrap")

const wrapIV = 0xA6A6A6A6A6A6A6A6

// wrapKey wraps a key of n*8 octets, n >= 2, with AES Key Wrap (RFC 3394,
// Section 2.2.1).
func wrapKey(kek, key []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	if len(key)%8 != 0 || len(key) < 16 {
		return nil, errors.New("key to wrap must be a multiple of 8 octets")
	}
	n := len(key) / 8
	out := make([]byte, 8+len(key))
	copy(out[8:], key)
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], wrapIV)
	for j := range 6 {
		for i := 1; i <= n; i++ {
			copy(b[8:], out[8*i:8*i+8])
			block.Encrypt(b[:], b[:])
			binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])^uint64(n*j+i))
			copy(out[8*i:], b[8:])
		}
	}
	copy(out, b[:8])
	return out, nil
}

// unwrapKey is the inverse of wrapKey with its integrity check (RFC 3394,
// Section 2.2.2).
func unwrapKey(kek, wrapped []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	if len(wrapped)%8 != 0 || len(wrapped) < 24 {
		return nil, errUnwrap
	}
	n := len(wrapped)/8 - 1
	out := make([]byte, 8*n)
	copy(out, wrapped[8:])
	var b [16]byte
	copy(b[:8], wrapped[:8])
	for j := 5; j >= 0; j-- {
		for i := n; i >= 1; i-- {
			binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])^uint64(n*j+i))
			copy(b[8:], out[8*i-8:8*i])
			block.Decrypt(b[:], b[:])
			copy(out[8*i-8:], b[8:])
		}
	}
	var iv [8]byte
	binary.BigEndian.PutUint64(iv[:], wrapIV)
	if subtle.ConstantTimeCompare(iv[:], b[:8]) != 1 {
		return nil, errUnwrap
	}
	return out, nil
}
