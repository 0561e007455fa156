// Package jcs reads JSON strictly and writes it in its one canonical form, by
// the JSON Canonicalization Scheme (RFC 8785): the bytes that proofs over JSON
// sign.
//
// Strict means I-JSON (RFC 7493), which RFC 8785 asks for: no member name
// twice, no lone surrogates or noncharacters, nothing after the value, no
// number that would be another one when read as a double. What two readers could understand
// differently has no canonical form here.
//
// It is not a general JSON library: nothing is read into Go types, and values
// cannot be changed.
package jcs

import (
	"errors"

	"github.com/zegel-id/zegel/credential/internal/jsontree"
)

// MaxDepth is how deeply arrays and objects may be nested.
const MaxDepth = jsontree.MaxDepth

// ErrSyntax is returned for text that is not I-JSON.
var ErrSyntax = errors.New("not I-JSON")

// Transform is the canonical form of a JSON text.
func Transform(src []byte) ([]byte, error) {
	v, err := Parse(src)
	if err != nil {
		return nil, err
	}
	return v.AppendCanonical(make([]byte, 0, len(src))), nil
}
