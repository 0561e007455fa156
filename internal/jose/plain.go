package jose

import (
	"math/bits"
	"strings"
	"unicode/utf8"
)

// maxPlain is how many members Plain reads: headers and keys have fewer.
const maxPlain = 16

// Plain walks an object in the plainest spelling, which headers and keys mostly
// have: no spaces, ASCII text without escapes, and no values but strings, whole
// numbers and arrays of strings. each gets every member, its name and its value as
// written, which Quoted and List read; of a walk that ends with false it may have
// got some. False says that the spelling is another, or that each said so, and
// nothing about whether the text is well-formed: Unmarshal decides on that. What is
// plain is strict JSON.
func Plain[T string | []byte](text T, each func(name, value T) bool) bool {
	var names [maxPlain]T
	if len(text) < 2 || text[0] != '{' {
		return false
	}
	i := 1
	for n := range names {
		end := plainString(text, i)
		if end < 0 || end+1 >= len(text) || text[end] != ':' {
			return false
		}
		name := text[i+1 : end-1]
		for _, other := range names[:n] {
			if string(other) == string(name) {
				return false
			}
		}
		names[n] = name
		i = end + 1
		if end = plainValue(text, i); end < 0 || end >= len(text) || !each(name, text[i:end]) {
			return false
		}
		if text[end] == '}' {
			return end+1 == len(text)
		}
		if text[end] != ',' {
			return false
		}
		i = end + 1
	}
	return false
}

// Quoted is the string that a plain value is; false when it is none.
func Quoted(value string) (string, bool) {
	if value[0] != '"' {
		return "", false
	}
	return value[1 : len(value)-1], true
}

// List is the array of strings that a plain value is, not nil; false when it is
// none.
func List(value string) ([]string, bool) {
	if value[0] != '[' {
		return nil, false
	}
	if len(value) == len("[]") {
		return []string{}, true
	}
	return strings.Split(value[2:len(value)-2], `","`), true
}

// plainValue is the end of the value at i, negative when it is not plain.
func plainValue[T string | []byte](text T, i int) int {
	if i >= len(text) {
		return -1
	}
	switch c := text[i]; {
	case c == '"':
		return plainString(text, i)
	case c == '[':
		return plainList(text, i)
	case c >= '1' && c <= '9':
		from := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		if i-from > 15 { // beyond it readers take another number
			return -1
		}
		return i
	default:
		return -1
	}
}

func plainList[T string | []byte](text T, i int) int {
	if i++; i < len(text) && text[i] == ']' {
		return i + 1
	}
	for {
		if i = plainString(text, i); i < 0 || i >= len(text) {
			return -1
		}
		if text[i] == ']' {
			return i + 1
		}
		if text[i] != ',' {
			return -1
		}
		i++
	}
}

// plainString is the end of the string at i.
func plainString[T string | []byte](text T, i int) int {
	if i >= len(text) || text[i] != '"' {
		return -1
	}
	if i = Plainly(text, i+1); i == len(text) || text[i] != '"' {
		return -1
	}
	return i + 1
}

// Plainly is where text from i on ends to stand for itself inside a JSON string:
// at a quote, a backslash, a control character or what is not ASCII. It looks at
// eight characters in a step: certificates and digests are long.
func Plainly[T string | []byte](text T, i int) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x80 * ones
	)
	for ; i+8 <= len(text); i += 8 {
		t := text[i : i+8]
		x := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		// The high bit of the first of these is set; those behind it mean nothing.
		quote, escape := x^'"'*ones, x^'\\'*ones
		if found := ((quote-ones)&^quote | (escape-ones)&^escape | (x-' '*ones)&^x | x) & highs; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c == '"' || c == '\\' || c < ' ' || c >= utf8.RuneSelf {
			break
		}
	}
	return i
}
