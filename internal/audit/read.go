package audit

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"time"
)

// Filter chooses entries; a zero field chooses all.
type Filter struct {
	Classes      []string
	Kinds        []Kind
	Subject      Pseudonym
	Organisation string
	From         time.Time // at or after
	To           time.Time // before
}

func (f Filter) match(e Entry) bool {
	return (len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind)) &&
		(f.Subject == "" || f.Subject == e.Subject || Pseudonym(e.Actor.ID) == f.Subject) &&
		(f.Organisation == "" || f.Organisation == e.Organisation) &&
		(f.From.IsZero() || !e.Time.Before(f.From)) &&
		(f.To.IsZero() || e.Time.Before(f.To))
}

// List gives the entries of a log's folder, class by class, each in order. It
// reads and does not verify. It ends after the first error.
func List(dir string, f Filter) iter.Seq2[Entry, error] {
	return list(dir, nil, f)
}

// List gives the durable entries of the open log. Purge waits until the caller
// has read them.
func (l *Log) List(f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		l.upkeep.RLock()
		defer l.upkeep.RUnlock()
		list(l.dir, l.ends(), f)(yield)
	}
}

var errStop = errors.New("the reader stopped")

func list(dir string, ends map[string]end, f Filter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			yield(Entry{}, fmt.Errorf("audit: %w", err))
			return
		}
		for _, e := range entries {
			name := e.Name()
			if !e.IsDir() || !className.MatchString(name) || len(f.Classes) > 0 && !slices.Contains(f.Classes, name) {
				continue
			}
			if err := listClass(dir, name, ends, f, yield); err != nil {
				if !errors.Is(err, errStop) {
					yield(Entry{}, err)
				}
				return
			}
		}
	}
}

func listClass(dir, class string, ends map[string]end, f Filter, yield func(Entry, error) bool) error {
	numbers, _, err := segments(dir, class)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for i, n := range numbers {
		most, skip := limit(ends, class, n)
		if skip {
			return nil
		}
		at, err := readSegment(segmentPath(dir, class, n), most, func(line int, text []byte) error {
			if line == 1 {
				return nil
			}
			open, _, err := splitLine(text)
			if err != nil {
				return err
			}
			e, err := parseEntry(open)
			if err != nil {
				return err
			}
			e.Class, e.Segment = class, n
			if f.match(e) && !yield(e, nil) {
				return errStop
			}
			return nil
		})
		if errors.Is(err, errTorn) && i == len(numbers)-1 {
			return nil // being written, or left so by a crash; Verify tells
		}
		if err != nil {
			return fmt.Errorf("audit: class %s, segment %d, line %d: %w", class, n, at.line, err)
		}
	}
	return nil
}
