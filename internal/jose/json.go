// Package jose is the product's own strict reading and writing of JSON,
// base64url, JWK and compact JWS (RFC 7515 to 7518), and its use of JWE.
//
// It exists because every credential, proof and request of the product passes
// here: one place decides what is well-formed, which algorithm fits which key
// and which typ belongs to which use. It is small on purpose: no JSON
// serialisations of JWS, no symmetric signatures, no "none", no unencoded
// payloads, no key taken from a token without the caller deciding so.
package jose

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
)

// MaxDepth is how deeply arrays and objects may be nested in outside JSON.
const MaxDepth = 64

// ErrJSON is returned for input that is not one strict JSON value.
var ErrJSON = errors.New("not strict JSON")

// Unmarshal reads one JSON value (RFC 8259) into v and refuses what lenient
// readers let through: duplicate member names, invalid UTF-8, anything after
// the value, and nesting deeper than MaxDepth. Names are matched exactly;
// unknown members are ignored. The error never holds a value of the input.
func Unmarshal(b []byte, v any) error {
	if err := depth(b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return safe(err)
	}
	return nil
}

// UnmarshalClosed is Unmarshal that refuses unknown members too, for input
// whose shape is ours.
func UnmarshalClosed(b []byte, v any) error {
	if err := depth(b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, v, json.RejectUnknownMembers(true)); err != nil {
		return safe(err)
	}
	return nil
}

// Marshal writes v as JSON, the same bytes for the same value: map members
// are sorted and nothing is escaped for HTML.
func Marshal(v any) ([]byte, error) {
	return json.Marshal(v, json.Deterministic(true))
}

// safe describes a JSON error by its place and kind, without the text around
// it: input may hold secrets and errors end up in logs.
func safe(err error) error {
	var sem *json.SemanticError
	switch {
	case errors.As(err, &sem):
		return memberError(sem)
	case errors.Is(err, errDuplicate):
		return fmt.Errorf("%w: a member name appears twice", ErrJSON)
	}
	return fmt.Errorf("%w: syntax error, duplicate member, invalid UTF-8 or trailing data", ErrJSON)
}

func depth(b []byte) error {
	level := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			i = closing(b, i+1)
		case '{', '[':
			if level++; level > MaxDepth {
				return fmt.Errorf("%w: nested deeper than %d levels", ErrJSON, MaxDepth)
			}
		case '}', ']':
			level--
		}
	}
	return nil
}

// closing is the position of the quote that ends the string whose text starts
// at i, or len(b). Certificates are long strings: it jumps. What it has looked
// at it does not look at again, except behind an escaped quote.
func closing(b []byte, i int) int {
	for i < len(b) {
		quote := bytes.IndexByte(b[i:], '"')
		if quote < 0 {
			return len(b)
		}
		quote += i
		for i <= quote {
			escape := bytes.IndexByte(b[i:quote], '\\')
			if escape < 0 {
				return quote
			}
			i += escape + 2
		}
	}
	return len(b)
}
