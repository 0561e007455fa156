package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// recover brings an opened log to the state of its files: checkpoints first,
// then each class from its last signed place on.
func (l *Log) recover() error {
	if err := os.Remove(filepath.Join(l.dir, checkpointTemp)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(l.dir, checkpointFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	points, torn, err := readCheckpoints(b, l.o.keys())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	l.points = points
	if len(points) == 0 {
		if err := l.mustBeNew(); err != nil {
			return err
		}
		l.id = newID()
	} else {
		l.id = points.last().Log
		l.extents = points.last().Class
	}
	if len(torn) > 0 || len(points) == 0 {
		l.file = nil // keep and rewriteCheckpoints make the file anew
	} else if l.file, err = os.OpenFile(filepath.Join(l.dir, checkpointFile), os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if len(torn) > 0 && len(points) > 0 {
		if err := l.rewriteCheckpoints(); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	return l.recoverClasses()
}

// mustBeNew refuses a folder with segments and no checkpoint: the first
// checkpoint is written before the first segment.
func (l *Log) mustBeNew() error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for _, e := range entries {
		if name := e.Name(); name != lockFile && name != checkpointFile {
			return fmt.Errorf("%w: there is %q but no checkpoint", ErrDamaged, name)
		}
	}
	return nil
}

func (l *Log) recoverClasses() error {
	old := l.extents
	l.extents = map[string]Extent{}
	changed := map[string]string{}
	for name, x := range old {
		l.extents[name] = x
	}
	for _, c := range l.o.Retention.Classes {
		x, ok := l.extents[c.Name]
		if !ok {
			at := Mark{Head: genesis(l.id, c.Name)}
			x = Extent{Start: at, End: at}
		} else if x.Keep != c.Keep {
			changed[c.Name] = x.Keep.String() + " to " + c.Keep.String()
		}
		x.Keep = c.Keep
		l.extents[c.Name] = x
	}
	cut := map[string]int64{}
	for _, name := range classNames(l.extents) {
		c, n, err := l.recoverClass(name, l.extents[name])
		if err != nil {
			return err
		}
		cut[name] = n
		if slices.ContainsFunc(l.o.Retention.Classes, func(r Class) bool { return r.Name == name }) {
			l.chains[name] = c
		} else if x := l.extents[name]; c.durable != x.End {
			x.End = c.durable
			l.extents[name] = x
		}
		if l.chains[name] == nil {
			if err := c.close(); err != nil {
				return err
			}
		}
	}
	if err := l.checkpoint(); err != nil {
		return err
	}
	for name := range l.chains {
		if err := os.MkdirAll(filepath.Join(l.dir, name), 0o700); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	if err := syncDir(l.dir); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for name, c := range l.chains {
		if cut[name] > 0 {
			if err := l.note(c, LogRecover, "cut "+strconv.FormatInt(cut[name], 10)+" bytes"); err != nil {
				return err
			}
		}
		if text := changed[name]; text != "" {
			if err := l.note(c, RetentionChange, strings.ToLower(text)); err != nil {
				return err
			}
		}
	}
	return nil
}

// note puts an event of the log about itself into the class it concerns.
func (l *Log) note(c *chain, k Kind, detail string) error {
	now := l.o.Now()
	e := Event{Time: now.UTC().Truncate(time.Millisecond), Kind: k, Actor: Actor{Kind: System}, Outcome: OK, Detail: detail}
	if err := e.check(); err != nil {
		return err
	}
	text, err := openEvent(e)
	if err != nil {
		return err
	}
	return c.append(context.Background(), text, now)
}

// recoverClass walks from the last signed place to the end, cuts what a crash
// left unfinished and returns a chain that goes on from there.
func (l *Log) recoverClass(name string, x Extent) (*chain, int64, error) {
	damaged := func(segment uint64, at place, err error) error {
		return fmt.Errorf("%w: class %s, segment %d, line %d: %w", ErrDamaged, name, segment, at.line, err)
	}
	c := &chain{dir: l.dir, log: l.id, class: name, segmentBytes: l.o.SegmentBytes, segmentAge: l.o.SegmentAge}
	numbers, _, err := segments(l.dir, name)
	if err != nil {
		return nil, 0, fmt.Errorf("audit: %w", err)
	}
	numbers, err = l.dropPurged(name, numbers, x.Start.Segment)
	if err != nil {
		return nil, 0, err
	}
	for i, n := range numbers {
		if n != x.Start.Segment+1+uint64(i) {
			return nil, 0, fmt.Errorf("%w: class %s: segment %d is missing", ErrDamaged, name, x.Start.Segment+1+uint64(i))
		}
	}
	if last := x.Start.Segment + uint64(len(numbers)); last < x.End.Segment {
		return nil, 0, fmt.Errorf("%w: class %s: segment %d is missing", ErrDamaged, name, last+1)
	}

	w := &walker{log: l.id, class: name, at: x.Start}
	met := x.End == x.Start
	if x.End.Segment > x.Start.Segment {
		w.at.Segment = x.End.Segment - 1
	}
	var cut int64
	for n := w.at.Segment + 1; n <= x.Start.Segment+uint64(len(numbers)); n++ {
		path, before := segmentPath(l.dir, name, n), w.at
		trust := n == x.End.Segment && n > x.Start.Segment+1
		h, at, err := w.walkSegment(path, -1, trust, func(Entry) error {
			met = met || w.at == x.End
			return nil
		})
		if err != nil {
			last := n == x.Start.Segment+uint64(len(numbers))
			if !last || !met || !isCrash(path, at) {
				return nil, 0, damaged(n, at, err)
			}
			if cut, err = truncate(path, at); err != nil {
				return nil, 0, fmt.Errorf("audit: %w", err)
			}
			if at.offset == 0 { // the segment was just being made
				w.at = before
				break
			}
		}
		c.opened = h.Opened
	}
	if !met {
		return nil, 0, fmt.Errorf("%w: class %s ends before entry %d, which is signed", ErrDamaged, name, x.End.Seq)
	}
	return c, cut, c.resume(w.at)
}

// resume opens the last segment for appending.
func (c *chain) resume(at Mark) error {
	c.next, c.durable = at, at
	path := segmentPath(c.dir, c.class, at.Segment)
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) { // none yet, or all purged
		c.size = c.segmentBytes // so that the next event begins one
		return nil
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	c.size, c.durableSize = info.Size(), info.Size()
	if c.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// dropPurged finishes a purge that a crash interrupted: segments before the
// signed start are gone already as far as the log is concerned.
func (l *Log) dropPurged(class string, numbers []uint64, start uint64) ([]uint64, error) {
	i := 0
	for ; i < len(numbers) && numbers[i] <= start; i++ {
		if err := os.Remove(segmentPath(l.dir, class, numbers[i])); err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
	}
	if i > 0 {
		if err := syncDir(filepath.Join(l.dir, class)); err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
	}
	return numbers[i:], nil
}

// isCrash says whether what stands from a place on can be the rest of a write
// that was never acknowledged: no complete line comes after the first bad one.
func isCrash(path string, at place) bool {
	b, err := readFrom(path, at.offset)
	if err != nil {
		return false
	}
	for len(b) > 0 {
		i := slices.Index(b, '\n')
		if i < 0 {
			return true
		}
		if open, _, err := splitLine(b[:i+1]); err == nil {
			var any struct{}
			if jose.Unmarshal(append(slices.Clone(open), '}'), &any) == nil {
				return false
			}
		}
		b = b[i+1:]
	}
	return true
}

// maxTorn is the longest unfinished end that is read: many times a batch.
const maxTorn = 8 << 20

func readFrom(path string, offset int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxTorn+1))
	if err == nil && len(b) > maxTorn {
		err = errors.New("too long for an unfinished write")
	}
	return b, err
}

// truncate cuts a file at a place, or removes it when nothing is left.
func truncate(path string, at place) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if at.offset == 0 {
		err = errors.Join(os.Remove(path), syncDir(filepath.Dir(path)))
		return info.Size(), err
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	return info.Size() - at.offset, errors.Join(f.Truncate(at.offset), f.Sync(), f.Close())
}
