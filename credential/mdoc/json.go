package mdoc

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/jose"
)

// errName is returned for a map that no JSON object can stand for.
var errName = errors.New("a map has an integer key and a text key of the same spelling, which one JSON object cannot hold (RFC 8949, Section 6.1)")

// encoding is what an expected-conversion tag asks of byte strings inside it
// (RFC 8949, Section 3.4.5.2).
type encoding uint8

const (
	base64url encoding = iota
	base64std
	base16
)

// appendJSON appends the next item as JSON (RFC 8949, Section 6.1): dates and
// other tagged values without their tag, byte strings in base64url, big
// integers as base64url with "~" before negative ones, integer keys in digits.
// What JSON has no word for (undefined, NaN, infinity) is null.
func appendJSON(dst []byte, r *cbor.Reader, enc encoding) ([]byte, error) {
	switch r.Next() {
	case cbor.Uint:
		return strconv.AppendUint(dst, r.Uint(), 10), nil
	case cbor.Negative:
		n := r.Int()
		return strconv.AppendInt(dst, n, 10), r.Err()
	case cbor.Bytes:
		dst = append(dst, '"')
		dst = enc.append(dst, r.Bytes())
		return append(dst, '"'), nil
	case cbor.Text:
		return jsontext.AppendQuote(dst, r.RawText())
	case cbor.Array:
		return appendArray(dst, r, enc)
	case cbor.Map:
		return appendObject(dst, r, enc)
	case cbor.Tag:
		return appendTagged(dst, r, enc)
	case cbor.Simple:
		if !r.NextFloat() {
			return append(dst, [...]string{"false", "true", "null", "null"}[r.Skip()[0]&3]...), nil
		}
		f := r.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(dst, "null"...), nil
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64), nil
	default:
		return nil, r.End()
	}
}

func (e encoding) append(dst, b []byte) []byte {
	switch e {
	case base64std:
		return base64.StdEncoding.AppendEncode(dst, b)
	case base16:
		return hex.AppendEncode(dst, b)
	default:
		return jose.AppendEncode(dst, b)
	}
}

func appendTagged(dst []byte, r *cbor.Reader, enc encoding) ([]byte, error) {
	switch tag := r.Tag(); {
	case tag == 21:
		enc = base64url
	case tag == 22:
		enc = base64std
	case tag == 23:
		enc = base16
	case (tag == 2 || tag == 3) && r.Next() == cbor.Bytes:
		if dst = append(dst, '"'); tag == 3 {
			dst = append(dst, '~')
		}
		return append(jose.AppendEncode(dst, r.Bytes()), '"'), nil
	}
	return appendJSON(dst, r, enc)
}

func appendArray(dst []byte, r *cbor.Reader, enc encoding) ([]byte, error) {
	dst = append(dst, '[')
	for i := range r.Array() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = appendJSON(dst, r, enc); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

// appendObject appends a map. Check has refused equal keys; only an integer
// and a text can still have the same spelling.
func appendObject(dst []byte, r *cbor.Reader, enc encoding) ([]byte, error) {
	dst = append(dst, '{')
	var digits []string
	var names [][]byte
	for i := range r.Map() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if r.Next() == cbor.Text {
			name := r.RawText()
			if len(name) > 0 && len(name) <= 20 && name[len(name)-1] <= '9' {
				names = append(names, name)
			}
			if dst, err = jsontext.AppendQuote(dst, name); err != nil {
				return nil, err
			}
		} else {
			s := strconv.FormatInt(r.Int(), 10)
			digits = append(digits, s)
			dst = append(append(append(dst, '"'), s...), '"')
		}
		dst = append(dst, ':')
		if dst, err = appendJSON(dst, r, enc); err != nil {
			return nil, err
		}
	}
	if len(digits) > 0 && len(names) > 0 {
		slices.Sort(digits)
		for _, n := range names {
			if _, dup := slices.BinarySearch(digits, string(n)); dup {
				return nil, errName
			}
		}
	}
	return append(dst, '}'), r.Err()
}

// jsonOf is one CBOR value as JSON.
func jsonOf(value []byte) ([]byte, error) {
	return appendJSON(make([]byte, 0, len(value)+2), cbor.NewReader(value), base64url)
}
