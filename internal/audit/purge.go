package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Purged says what a purge removed from a class.
type Purged struct {
	Class    string    `json:"class"`
	Segments int       `json:"segments"`
	Entries  uint64    `json:"entries"`
	Newest   time.Time `json:"newest"` // the newest event that went
}

// Purge removes the segments whose newest event has been kept for the time of
// its class. A checkpoint with the new beginning of the chain is signed and
// durable before a file goes, so that what is left verifies and what was not
// due cannot go unseen. A damaged segment is not purged.
func (l *Log) Purge(ctx context.Context) ([]Purged, error) {
	l.upkeep.Lock()
	defer l.upkeep.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	now := l.o.Now()
	before := map[string]Extent{}
	var all []Purged
	var files []string
	for _, name := range classNames(l.extents) {
		x := l.extents[name]
		p, start, gone, err := l.due(ctx, name, x, now)
		if err != nil {
			l.restore(before)
			return nil, err
		}
		if p.Segments == 0 {
			continue
		}
		before[name] = x
		if newest := p.Newest; x.Purged == nil || newest.After(*x.Purged) {
			x.Purged = &newest
		}
		x.Start = start
		l.extents[name] = x
		all, files = append(all, p), append(files, gone...)
	}
	if len(all) == 0 {
		return nil, nil
	}
	if err := l.checkpoint(); err != nil {
		l.restore(before)
		return nil, err
	}
	for _, path := range files {
		if err := os.Remove(path); err != nil {
			return all, fmt.Errorf("audit: purging: %w", err)
		}
	}
	for _, p := range all {
		if err := syncDir(filepath.Join(l.dir, p.Class)); err != nil {
			return all, fmt.Errorf("audit: purging: %w", err)
		}
	}
	return all, nil
}

func (l *Log) restore(before map[string]Extent) {
	for name, x := range before {
		l.extents[name] = x
	}
}

// due walks the segments of a class from its beginning for as long as they are
// due, and returns the place where the chain will begin.
func (l *Log) due(ctx context.Context, name string, x Extent, now time.Time) (p Purged, start Mark, files []string, err error) {
	p.Class = name
	w := &walker{log: l.id, class: name, at: x.Start}
	c := l.chains[name]
	numbers, _, err := segments(l.dir, name)
	if err != nil {
		return p, start, nil, fmt.Errorf("audit: %w", err)
	}
	for _, n := range numbers {
		if err := ctx.Err(); err != nil {
			return p, start, nil, err
		}
		before, path, limit, inUse := w.at, segmentPath(l.dir, name, n), int64(-1), false
		if c != nil {
			at, size, err := c.state()
			if err != nil {
				return p, start, nil, err
			}
			if n > at.Segment {
				break // made after we looked
			}
			if inUse = n == at.Segment; inUse {
				limit = size
			}
		}
		newest, err := l.newest(w, path, limit)
		if err != nil {
			return p, start, nil, fmt.Errorf("%w: class %s, segment %d is not purged: %w", ErrDamaged, name, n, err)
		}
		if x.Keep.after(newest).After(now) {
			w.at = before
			break
		}
		if inUse { // close it and look again: events may have come meanwhile
			if err := c.rotate(ctx, now); err != nil {
				return p, start, nil, err
			}
			w.at = before
			if newest, err = l.newest(w, path, -1); err != nil {
				return p, start, nil, fmt.Errorf("%w: class %s, segment %d is not purged: %w", ErrDamaged, name, n, err)
			}
			if x.Keep.after(newest).After(now) {
				w.at = before
				break
			}
		}
		p.Segments++
		p.Entries += w.at.Seq - before.Seq
		if newest.After(p.Newest) {
			p.Newest = newest
		}
		files = append(files, path)
	}
	return p, w.at, files, nil
}

// newest walks a segment and returns the time of its newest event, or of its
// opening if that is later.
func (l *Log) newest(w *walker, path string, limit int64) (time.Time, error) {
	var newest time.Time
	h, _, err := w.walkSegment(path, limit, false, func(e Entry) error {
		if e.Time.After(newest) {
			newest = e.Time
		}
		return nil
	})
	if h.Opened.After(newest) {
		newest = h.Opened
	}
	return newest, err
}
