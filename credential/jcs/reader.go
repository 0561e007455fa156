package jcs

import (
	"fmt"
	"unsafe"

	"github.com/zegel-id/zegel/credential/internal/jsontree"
)

// Parse reads one JSON value. The error wraps ErrSyntax and names a place, never
// a value. src may be changed afterwards.
func Parse(src []byte) (Value, error) { return new(Reader).Read(src) }

// Reader reads one text after another into the same memory. It is not for concurrent
// use.
type Reader struct{ t jsontree.Tree }

// Read is Parse. What it gives is good until the next Read or Forget; texts and raw
// values that were taken from it stay good.
func (r *Reader) Read(src []byte) (Value, error) { return r.read(string(src)) }

// ReadInPlace is Read without a copy of the text: it does not change as long as the value,
// or a text or raw value that was taken from it, is used.
func (r *Reader) ReadInPlace(src []byte) (Value, error) {
	return r.read(unsafe.String(unsafe.SliceData(src), len(src)))
}

func (r *Reader) read(src string) (Value, error) {
	r.Forget()
	if err := r.t.Read(src, true); err != nil {
		return Value{}, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return Value{&r.t, 0}, nil
}

// maxNodes is how much memory a Reader keeps.
const maxNodes = 1 << 14

// Forget lets go of what was read, and of the memory of a large text.
func (r *Reader) Forget() {
	r.t.Forget()
	if cap(r.t.Nodes) > maxNodes {
		r.t.Nodes = nil
	}
}
