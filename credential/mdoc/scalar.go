package mdoc

import (
	"bytes"
	"math"
	"strconv"

	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/jose"
)

func (t *transcoder) literal(typ Type) {
	for i, word := range [...]string{"false", "true", "null"} {
		if bytes.HasPrefix(t.src[t.at:], []byte(word)) {
			if typ != Any && (typ != Bool || i == 2) {
				t.fail(word + " stands where " + string(typ) + " is expected")
			}
			t.at += len(word)
			t.dst = append(t.dst, 0xf4+byte(i))
			return
		}
	}
	t.fail("not well-formed JSON at byte " + strconv.Itoa(t.at))
}

// string writes a string as its type asks.
func (t *transcoder) string(typ Type) {
	s := t.text()
	if t.fault != "" {
		return
	}
	switch typ {
	case Any, Text:
	case FullDate:
		if !fullDate(s) {
			t.fail("not a full-date such as 2026-06-30 (RFC 3339, Section 5.6)")
		}
		t.dst = cbor.AppendTag(t.dst, tagFullDate)
	case DateTime:
		if _, ok := parseDateTime(s); !ok {
			t.fail("not a tdate such as 2026-06-30T12:00:00Z, in UTC and without a fraction")
		}
		t.dst = cbor.AppendTag(t.dst, tagDateTime)
	case Bytes:
		t.dst = cbor.AppendHead(t.dst, cbor.Bytes, uint64(len(s)*6/8))
		from := len(t.dst)
		b, err := jose.AppendDecode(t.dst, s)
		if err != nil {
			t.fail("not base64url without padding")
			return
		}
		if t.dst = b; len(b)-from != len(s)*6/8 {
			t.fail("not base64url without padding")
		}
		return
	default:
		t.fail("a string stands where " + string(typ) + " is expected")
		return
	}
	t.dst = append(cbor.AppendHead(t.dst, cbor.Text, uint64(len(s))), s...)
}

// number writes a whole number as an integer and any other as a float (RFC
// 8949, Section 6.2).
func (t *transcoder) number(typ Type) {
	from := t.at
	whole := true
	digits := func() {
		at := t.at
		for t.at < len(t.src) && t.src[t.at] >= '0' && t.src[t.at] <= '9' {
			t.at++
		}
		if t.at == at {
			t.fail("not a well-formed number")
		}
	}
	if t.src[t.at] == '-' {
		t.at++
	}
	first := t.at
	digits()
	if t.at > first+1 && t.src[first] == '0' {
		t.fail("not a well-formed number")
	}
	if t.at < len(t.src) && t.src[t.at] == '.' {
		whole = false
		t.at++
		digits()
	}
	if t.at < len(t.src) && t.src[t.at]|0x20 == 'e' {
		whole = false
		t.at++
		if t.at < len(t.src) && (t.src[t.at] == '+' || t.src[t.at] == '-') {
			t.at++
		}
		digits()
	}
	if t.fault != "" {
		return
	}
	s := t.src[from:t.at]
	switch {
	case typ != Any && typ != Int && typ != Uint, typ != Any && !whole, typ == Uint && s[0] == '-':
		t.fail("a number stands where " + string(typ) + " is expected")
	case !whole:
		f, err := strconv.ParseFloat(string(s), 64)
		if err != nil || math.IsInf(f, 0) {
			t.fail("a number is out of range")
		}
		t.dst = cbor.AppendFloat(t.dst, f)
	default:
		i, err := strconv.ParseInt(string(s), 10, 64)
		if err != nil {
			t.fail("a whole number does not fit 64 bits; write it as a string")
		}
		t.dst = cbor.AppendInt(t.dst, i)
	}
}
