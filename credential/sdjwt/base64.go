package sdjwt

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

var base64url = base64.RawURLEncoding.Strict()

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// pairs maps 12 bits to two base64url characters, the first in the low byte.
var pairs = func() (t [4096]uint16) {
	for i := range t {
		t[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&63])<<8
	}
	return t
}()

// appendBase64 writes base64url without padding, eight characters at a step:
// done by encoding/base64 it would be a fifth of the work of issuing that is
// not the signature.
func appendBase64(dst, src []byte) []byte {
	n := len(dst)
	size := (len(src)*8 + 5) / 6
	dst = slices.Grow(dst, size)[:n+size]
	out := dst[n:]
	for len(src) >= 8 && len(out) >= 8 {
		x := binary.BigEndian.Uint64(src)
		binary.LittleEndian.PutUint64(out, uint64(pairs[x>>52])|uint64(pairs[x>>40&0xfff])<<16|
			uint64(pairs[x>>28&0xfff])<<32|uint64(pairs[x>>16&0xfff])<<48)
		src, out = src[6:], out[8:]
	}
	base64url.Encode(out, src)
	return dst
}

// octets32 reports whether s is canonical base64url of 32 octets.
func octets32(s string) bool {
	if len(s) != 43 {
		return false
	}
	for i := range len(s) {
		if values[s[i]] < 0 {
			return false
		}
	}
	return values[s[42]]&3 == 0 // the last character holds four bits
}

// values maps base64url characters to their 6 bits, others to -1.
var values = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte(alphabet) {
		t[c] = int8(i)
	}
	return t
}()
