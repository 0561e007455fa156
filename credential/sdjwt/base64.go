package sdjwt

import (
	"encoding/base64"
	"slices"
)

var base64url = base64.RawURLEncoding.Strict()

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// pairs maps 12 bits to two base64url characters.
var pairs = func() (t [4096][2]byte) {
	for i := range t {
		t[i] = [2]byte{alphabet[i>>6], alphabet[i&63]}
	}
	return t
}()

// appendBase64 writes base64url without padding, two characters at a step:
// encoding is a fifth of the work of issuing that is not the signature.
func appendBase64(dst, src []byte) []byte {
	n := len(dst)
	dst = slices.Grow(dst, base64url.EncodedLen(len(src)))
	dst = dst[:n+base64url.EncodedLen(len(src))]
	out := dst[n:]
	for len(src) >= 3 && len(out) >= 4 {
		hi, lo := &pairs[uint(src[0])<<4|uint(src[1])>>4], &pairs[uint(src[1]&15)<<8|uint(src[2])]
		out[0], out[1], out[2], out[3] = hi[0], hi[1], lo[0], lo[1]
		src, out = src[3:], out[4:]
	}
	switch len(src) {
	case 1:
		p := &pairs[uint(src[0])<<4]
		out[0], out[1] = p[0], p[1]
	case 2:
		p := &pairs[uint(src[0])<<4|uint(src[1])>>4]
		out[0], out[1], out[2] = p[0], p[1], pairs[uint(src[1]&15)<<8][0]
	}
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
