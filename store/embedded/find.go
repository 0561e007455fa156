package embedded

import (
	"context"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"github.com/zegel-id/zegel/store"
)

// Find implements store.Store. A record that is changed while Find runs is
// found as it was or as it is, or not at all if it is deleted or loses the tag.
func (s *Store) Find(ctx context.Context, kind store.Kind, tag string, page store.Page) (found []store.Record, next string, err error) {
	page, err = store.CheckFind(kind, tag, page)
	if err != nil {
		return nil, "", err
	}
	if err := s.enter(ctx); err != nil {
		return nil, "", err
	}
	defer s.gate.RUnlock()

	prefix := recordRange(kind)
	if tag != "" {
		prefix = tagRange(kind, tag)
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: rangeEnd(prefix)})
	if err != nil {
		return nil, "", err
	}
	defer closeQuietly(it)

	start := prefix
	if page.Next != "" {
		start = append(slices.Clone(prefix), page.Next...)
		start = append(start, 0) // the first key after it
	}
	size := 0
	for ok := it.SeekGE(start); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return nil, "", err
		}
		r, err := s.readSynced(kind, string(it.Key()[len(prefix):]))
		if errors.Is(err, store.ErrNotFound) || err == nil && tag != "" && !slices.Contains(r.Tags, tag) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		size += len(r.Data)
		if len(found) == page.Limit || len(found) > 0 && size > store.MaxPage {
			return found, found[len(found)-1].ID, nil
		}
		found = append(found, r)
	}
	return found, "", it.Error()
}
