package status

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
)

// MaxList is the largest list that is inflated, in bytes: a small message must
// not become a large one.
const MaxList = 4 << 20

// levels are the ways to compress that are worth trying; the smallest result is
// taken. Changes at random leave no repetitions to find: there Huffman codes
// alone are both smaller and much faster than every other level, and the
// highest takes two hundred times as long. Runs of one value are what matching
// is for.
func levels(data []byte) []int {
	steps := 0
	for i := 1; i < len(data); i++ {
		if data[i] != data[i-1] {
			steps++
		}
	}
	if steps > len(data)/4 {
		return []int{flate.HuffmanOnly}
	}
	return []int{flate.BestSpeed, flate.HuffmanOnly}
}

// zlibPack compresses as Token Status List, Section 4.1 asks.
func zlibPack(data []byte) ([]byte, error) {
	return pack(data, func(w io.Writer, level int) (io.WriteCloser, error) { return zlib.NewWriterLevel(w, level) })
}

// gzipPack compresses as Bitstring Status List 1.0, Section 3.3 asks. The header
// has neither name nor time, so that one list has one form.
func gzipPack(data []byte) ([]byte, error) {
	return pack(data, func(w io.Writer, level int) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, level) })
}

func pack(data []byte, open func(io.Writer, int) (io.WriteCloser, error)) ([]byte, error) {
	var best []byte
	for _, level := range levels(data) {
		var buf bytes.Buffer
		buf.Grow(len(data)/2 + 64)
		w, err := open(&buf, level)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(data); err != nil {
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
		if best == nil || buf.Len() < len(best) {
			best = buf.Bytes()
		}
	}
	return best, nil
}

// zlibUnpack inflates a whole ZLIB stream, with its checksum and with nothing
// behind it.
func zlibUnpack(packed []byte) ([]byte, error) {
	source := bytes.NewReader(packed)
	r, err := zlib.NewReader(source)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not ZLIB", ErrMalformed)
	}
	return unpack(r, source)
}

// gzipUnpack inflates one GZIP member, with its checksum and with nothing
// behind it. A second member is refused: it would be read by some and not by
// others.
func gzipUnpack(packed []byte) ([]byte, error) {
	source := bytes.NewReader(packed)
	r, err := gzip.NewReader(source)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not GZIP", ErrMalformed)
	}
	r.Multistream(false)
	return unpack(r, source)
}

// unpack stops at MaxList, whatever the stream says of itself.
func unpack(r io.Reader, source *bytes.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxList+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: it does not inflate", ErrMalformed)
	case len(data) > MaxList:
		return nil, fmt.Errorf("%w: it inflates to more than %d bytes", ErrMalformed, MaxList)
	case len(data) == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrMalformed)
	case source.Len() != 0:
		return nil, fmt.Errorf("%w: %d bytes follow the compressed stream", ErrMalformed, source.Len())
	}
	return data, nil
}
