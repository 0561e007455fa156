package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

var segmentName = regexp.MustCompile(`^([0-9]{8,19})\.jsonl$`)

// segments lists the segments of a class in order, and the names of files
// that are none.
func segments(dir, class string) (numbers []uint64, strangers []string, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, class))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		m := segmentName.FindStringSubmatch(e.Name())
		if m == nil || !e.Type().IsRegular() {
			strangers = append(strangers, e.Name())
			continue
		}
		n, err := strconv.ParseUint(m[1], 10, 64)
		if err != nil || n == 0 || filepath.Base(segmentPath(dir, class, n)) != e.Name() {
			strangers = append(strangers, e.Name())
			continue
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers, strangers, nil
}

// errTorn is a last line without its end: what a crash leaves behind.
var errTorn = errors.New("the last line is not finished")

// place is where in a segment a walk ended.
type place struct {
	line   int   // number of the line, from 1
	offset int64 // where it begins
}

// readSegment gives the lines of a segment, at most limit bytes (negative: all
// of them), to visit. It returns the place where it stopped and why; nil at
// the end of the file.
func readSegment(path string, limit int64, visit func(n int, line []byte) error) (place, error) {
	f, err := os.Open(path)
	if err != nil {
		return place{}, err
	}
	defer f.Close()
	var r io.Reader = f
	if limit >= 0 {
		r = io.LimitReader(f, limit)
	}
	buf := bufio.NewReaderSize(r, maxLine)
	for at := (place{line: 1}); ; at.line++ {
		line, err := buf.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return at, nil
		case errors.Is(err, io.EOF):
			return at, errTorn
		case errors.Is(err, bufio.ErrBufferFull):
			return at, fmt.Errorf("the line is longer than %d bytes", maxLine)
		case err != nil:
			return at, err
		}
		if err := visit(at.line, line); err != nil {
			return at, err
		}
		at.offset += int64(len(line))
	}
}

// walkSegment takes the walker through a whole segment. each sees every entry,
// the header as the zero Entry, after the walker moved; it may be nil.
func (w *walker) walkSegment(path string, limit int64, trust bool, each func(Entry) error) (header, place, error) {
	var h header
	at, err := readSegment(path, limit, func(n int, line []byte) (err error) {
		var e Entry
		if n == 1 {
			h, err = w.header(line, trust)
		} else {
			e, err = w.entry(line)
		}
		if err == nil && each != nil {
			err = each(e)
		}
		return err
	})
	if err == nil && at.line == 1 {
		err = errors.New("the segment is empty")
	}
	return h, at, err
}
