package status

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"sync"
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

// packer compresses what is written to it, anew after each Reset.
type packer interface {
	io.WriteCloser
	Reset(io.Writer)
}

// packers keeps those of one format by level: one takes more memory than a list.
type packers struct {
	open func(level int) (packer, error)
	kept map[int]*sync.Pool
}

func newPackers(open func(level int) (packer, error)) packers {
	return packers{open, map[int]*sync.Pool{flate.BestSpeed: {}, flate.HuffmanOnly: {}}}
}

var (
	zlibs = newPackers(func(level int) (packer, error) { return zlib.NewWriterLevel(nil, level) })
	gzips = newPackers(func(level int) (packer, error) { return gzip.NewWriterLevel(nil, level) })
)

// zlibPack compresses as Token Status List, Section 4.1 asks.
func zlibPack(data []byte) ([]byte, error) { return zlibs.pack(data) }

// gzipPack compresses as Bitstring Status List 1.0, Section 3.3 asks. The header
// has neither name nor time, so that one list has one form.
func gzipPack(data []byte) ([]byte, error) { return gzips.pack(data) }

func (p packers) pack(data []byte) ([]byte, error) {
	var best []byte
	for _, level := range levels(data) {
		packed, err := p.at(level, data)
		if err != nil {
			return nil, err
		}
		if best == nil || len(packed) < len(best) {
			best = packed
		}
	}
	return best, nil
}

func (p packers) at(level int, data []byte) ([]byte, error) {
	w, kept := p.kept[level].Get().(packer)
	if !kept {
		var err error
		if w, err = p.open(level); err != nil {
			return nil, err
		}
	}
	var buf bytes.Buffer
	buf.Grow(len(data)/2 + 64)
	w.Reset(&buf)
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	w.Reset(nil)
	p.kept[level].Put(w)
	return buf.Bytes(), nil
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
