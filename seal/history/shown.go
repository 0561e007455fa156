package history

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/zegel-id/zegel/store"
)

// Origin is the name of the history.
func (l *Log) Origin() string { return l.origin }

// Keys are those that sign checkpoints, the one in use first, in the form of C2SP
// signed-note.
func (l *Log) Keys() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.verifiers()
}

// Checkpoint is the root of everything that was written, signed.
func (l *Log) Checkpoint(ctx context.Context) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.sync(ctx); err != nil {
		return nil, err
	}
	return l.sign()
}

// Size is how many entries there are.
func (l *Log) Size(ctx context.Context) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.sync(ctx)
	return l.size, err
}

// reach makes sure that size entries are known; with mu.
func (l *Log) reach(ctx context.Context, size int64) error {
	if size > l.size {
		if err := l.sync(ctx); err != nil {
			return err
		}
	}
	if size > l.size {
		return fmt.Errorf("%w: it has %d entries", ErrRange, l.size)
	}
	return nil
}

// Inclusion proves that the tree of size entries holds entry index (RFC 6962,
// Section 2.1.1). It also returns the hash of that entry.
func (l *Log) Inclusion(ctx context.Context, index, size int64) (leaf [32]byte, proof [][32]byte, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if index < 0 || index >= size {
		return leaf, nil, fmt.Errorf("%w: entry %d of %d", ErrRange, index, size)
	}
	if err := l.reach(ctx, size); err != nil {
		return leaf, nil, err
	}
	p, err := tlog.ProveRecord(size, index, l.hashes)
	if err != nil {
		return leaf, nil, err
	}
	return l.hashes[tlog.StoredHashIndex(0, index)], octets(p), nil
}

// Consistency proves that the first entries of the tree of size to are those of the
// tree of size from (RFC 6962, Section 2.1.2).
func (l *Log) Consistency(ctx context.Context, from, to int64) ([][32]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from < 1 || from > to {
		return nil, fmt.Errorf("%w: from %d to %d", ErrRange, from, to)
	}
	if err := l.reach(ctx, to); err != nil {
		return nil, err
	}
	p, err := tlog.ProveTree(to, from, l.hashes)
	return octets(p), err
}

func octets[P ~[]tlog.Hash](p P) [][32]byte {
	out := make([][32]byte, len(p))
	for i, h := range p {
		out[i] = h
	}
	return out
}

// Entries are the bytes of entries start to end, without end; at most MaxEntries.
func (l *Log) Entries(ctx context.Context, start, end int64) ([][]byte, error) {
	if start < 0 || start >= end || end-start > MaxEntries {
		return nil, fmt.Errorf("%w: %d to %d, at most %d at once", ErrRange, start, end, MaxEntries)
	}
	l.mu.Lock()
	err := l.reach(ctx, end)
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var out [][]byte
	for b := start / block; b <= (end-1)/block; b++ {
		for page := (store.Page{Limit: block}); ; {
			found, next, err := l.st.Find(ctx, kindEntry, blockTag(b*block), page)
			if err != nil {
				return nil, fmt.Errorf("reading the history of keys: %w", err)
			}
			for _, r := range found {
				if r.ID >= entryID(start) && r.ID < entryID(end) {
					out = append(out, r.Data)
				}
			}
			if next == "" {
				break
			}
			page.Next = next
		}
	}
	if int64(len(out)) != end-start {
		return nil, fmt.Errorf("%w: %d of the entries %d to %d are there", ErrBroken, len(out), start, end)
	}
	return out, nil
}
