package jose

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"unsafe"
)

// ErrBase64 is returned for text that is not canonical base64url without
// padding (RFC 7515, Section 2; RFC 4648, Section 3.5).
var ErrBase64 = errors.New("not canonical base64url without padding")

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// pairs maps 12 bits to two base64url characters, the first in the low byte.
var pairs = func() (t [4096]uint16) {
	for i := range t {
		t[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&63])<<8
	}
	return t
}()

// foreign marks in values what is no character of the alphabet.
const foreign = 0x80

// values maps base64url characters to their 6 bits, all others to foreign.
var values = func() (t [256]uint8) {
	for i := range t {
		t[i] = foreign
	}
	for i, c := range []byte(alphabet) {
		t[c] = uint8(i)
	}
	return t
}()

// fours maps the characters of a group of four to their 6 bits where these stand
// in 24, all others to foreign4.
var fours = func() (t [4][256]uint32) {
	for i := range t {
		for c, v := range values {
			if t[i][c] = uint32(v) << (18 - 6*i); v == foreign {
				t[i][c] = foreign4
			}
		}
	}
	return t
}()

const foreign4 = 1 << 31

var b64 = base64.RawURLEncoding

// EncodedLen is the length of n octets in base64url without padding.
func EncodedLen(n int) int { return b64.EncodedLen(n) }

// Encode is base64url without padding.
func Encode(b []byte) string {
	out := AppendEncode(make([]byte, 0, EncodedLen(len(b))), b)
	return unsafe.String(unsafe.SliceData(out), len(out)) // nobody else has out
}

// AppendEncode appends src in base64url without padding, eight characters at a
// step: every credential passes here several times, and with encoding/base64
// it was a fifth of the work of issuing that is not the signature.
func AppendEncode(dst, src []byte) []byte {
	n, size := len(dst), EncodedLen(len(src))
	dst = slices.Grow(dst, size)[:n+size]
	out := dst[n:]
	for len(src) >= 8 && len(out) >= 8 {
		x := binary.BigEndian.Uint64(src)
		binary.LittleEndian.PutUint64(out, uint64(pairs[x>>52])|uint64(pairs[x>>40&0xfff])<<16|
			uint64(pairs[x>>28&0xfff])<<32|uint64(pairs[x>>16&0xfff])<<48)
		src, out = src[6:], out[8:]
	}
	b64.Encode(out, src)
	return dst
}

// Decode reads base64url without padding and refuses padding, line breaks,
// other alphabets and stray bits, so that one value has one spelling.
func Decode(s string) ([]byte, error) {
	return AppendDecode(make([]byte, 0, b64.DecodedLen(len(s))), s)
}

// AppendDecode appends what s spells to dst, as strictly as Decode. With an
// error nothing is returned.
func AppendDecode[T string | []byte](dst []byte, s T) ([]byte, error) {
	if len(s)%4 == 1 {
		return nil, ErrBase64
	}
	n, size := len(dst), b64.DecodedLen(len(s))
	dst = slices.Grow(dst, size)[:n+size]
	out := dst[n:]
	var bad4 uint32
	for len(s) >= 8 && len(out) >= 8 {
		x := fours[0][s[0]] | fours[1][s[1]] | fours[2][s[2]] | fours[3][s[3]]
		y := fours[0][s[4]] | fours[1][s[5]] | fours[2][s[6]] | fours[3][s[7]]
		bad4 |= x | y
		// 48 bits of value and two octets that the next step overwrites.
		binary.BigEndian.PutUint64(out, uint64(x)<<40|uint64(y)<<16)
		s, out = s[8:], out[6:]
	}
	for len(s) >= 4 {
		x := fours[0][s[0]] | fours[1][s[1]] | fours[2][s[2]] | fours[3][s[3]]
		bad4 |= x
		out[0], out[1], out[2] = byte(x>>16), byte(x>>8), byte(x)
		s, out = s[4:], out[3:]
	}
	var bad uint8
	switch len(s) {
	case 2:
		a, b := values[s[0]], values[s[1]]
		bad |= a | b | stray(b&0xf)
		out[0] = a<<2 | b>>4
	case 3:
		a, b, c := values[s[0]], values[s[1]], values[s[2]]
		bad |= a | b | c | stray(c&3)
		out[0], out[1] = a<<2|b>>4, b<<4|c>>2
	}
	if bad >= foreign || bad4 >= foreign4 {
		return nil, ErrBase64
	}
	return dst, nil
}

// stray is foreign when bits that belong to no octet are set (RFC 4648,
// Section 3.5).
func stray(bits uint8) uint8 {
	if bits != 0 {
		return foreign
	}
	return 0
}

// Octets32 reports whether s is canonical base64url of 32 octets, as the
// coordinates of a P-256 key are.
func Octets32(s string) bool {
	if len(s) != 43 {
		return false
	}
	bad := uint8(0)
	for i := range len(s) {
		bad |= values[s[i]]
	}
	return bad < foreign && values[s[42]]&3 == 0 // the last character holds four bits
}
