package audit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// chain writes the segments of one class. Whoever appends first becomes the
// one who writes for all that come while the disk is busy (group commit).
type chain struct {
	dir, log, class string
	segmentBytes    int64
	segmentAge      time.Duration

	mu          sync.Mutex // guards this group: what will stand in the files
	next        Mark
	size        int64
	opened      time.Time
	pending     []chunk
	batch       *batch
	durable     Mark // what does stand there
	durableSize int64
	broken      error

	commit sync.Mutex // held while writing; guards file
	file   *os.File
}

// chunk is what goes to one segment.
type chunk struct {
	segment uint64
	fresh   bool // the segment is to be created
	data    []byte
}

// batch is the appends that become durable together; err is read after done
// is closed.
type batch struct {
	done chan struct{}
	err  error
}

func segmentPath(dir, class string, n uint64) string {
	return filepath.Join(dir, class, fmt.Sprintf("%08d.jsonl", n))
}

// append adds an event and returns when it is durable. When ctx ends first the
// event may or may not stand in the log.
func (c *chain) append(ctx context.Context, event []byte, now time.Time) error {
	c.mu.Lock()
	if c.broken != nil {
		defer c.mu.Unlock()
		return c.broken
	}
	if c.next.Segment == 0 || c.size+int64(len(event)) > c.segmentBytes || now.Sub(c.opened) >= c.segmentAge {
		if err := c.begin(now); err != nil {
			defer c.mu.Unlock()
			return err
		}
	}
	if len(c.pending) == 0 {
		c.pending = append(c.pending, chunk{segment: c.next.Segment})
	}
	last := &c.pending[len(c.pending)-1]
	had := len(last.data)
	c.next.Seq++
	last.data, c.next.Head = appendLine(last.data, c.next.Head, numbered(nil, c.next.Seq, event))
	c.size += int64(len(last.data) - had)
	return c.join(ctx)
}

// begin starts the next segment. mu is held.
func (c *chain) begin(now time.Time) error {
	h := header{Segment: c.next.Segment + 1, Log: c.log, Class: c.class, First: c.next.Seq + 1, Prev: c.next.Head, Opened: now.UTC().Truncate(time.Millisecond)}
	open, err := h.open()
	if err != nil {
		return fmt.Errorf("audit: encoding a segment header: %w", err)
	}
	ch := chunk{segment: h.Segment, fresh: true}
	ch.data, c.next.Head = appendLine(nil, c.next.Head, open)
	c.next.Segment, c.size, c.opened = h.Segment, int64(len(ch.data)), now
	c.pending = append(c.pending, ch)
	return nil
}

// rotate closes the segment in use, so that it can be purged.
func (c *chain) rotate(ctx context.Context, now time.Time) error {
	c.mu.Lock()
	if c.broken != nil {
		defer c.mu.Unlock()
		return c.broken
	}
	if err := c.begin(now); err != nil {
		defer c.mu.Unlock()
		return err
	}
	return c.join(ctx)
}

// join waits for what is pending, or writes it when nobody else will. It
// takes mu held and lets it go.
func (c *chain) join(ctx context.Context) error {
	b := c.batch
	leads := b == nil
	if leads {
		b = &batch{done: make(chan struct{})}
		c.batch = b
	}
	c.mu.Unlock()
	if leads {
		c.flush()
		return b.err
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flush writes all that is pending. After a failure nothing more is written:
// what the disk holds is only known after opening the log anew.
func (c *chain) flush() {
	c.commit.Lock()
	defer c.commit.Unlock()
	c.mu.Lock()
	chunks, b, end, size, err := c.pending, c.batch, c.next, c.size, c.broken
	c.pending, c.batch = nil, nil
	c.mu.Unlock()
	if err == nil {
		err = c.write(chunks)
	}
	c.mu.Lock()
	if err != nil {
		c.broken = fmt.Errorf("audit: class %s cannot be written until the log is opened again: %w", c.class, err)
	} else {
		c.durable, c.durableSize = end, size
	}
	c.mu.Unlock()
	b.err = err
	close(b.done)
}

func (c *chain) write(chunks []chunk) error {
	for _, ch := range chunks {
		if ch.fresh {
			if err := c.create(ch.segment); err != nil {
				return err
			}
		}
		if _, err := c.file.Write(ch.data); err != nil {
			return err
		}
		if err := datasync(c.file); err != nil {
			return err
		}
		if ch.fresh {
			if err := syncDir(filepath.Join(c.dir, c.class)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *chain) create(segment uint64) error {
	if c.file != nil {
		if err := c.file.Close(); err != nil {
			return err
		}
		c.file = nil
	}
	f, err := os.OpenFile(segmentPath(c.dir, c.class, segment), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	c.file = f
	return nil
}

func (c *chain) close() error {
	c.commit.Lock()
	defer c.commit.Unlock()
	c.mu.Lock()
	if c.broken == nil {
		c.broken = ErrClosed
	}
	c.mu.Unlock()
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}

// state is what is durable and how long its last segment is.
func (c *chain) state() (Mark, int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.durable, c.durableSize, c.broken
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
