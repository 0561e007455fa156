package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/zegel-id/zegel/store"
)

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, r store.Record) (store.Record, error) {
	if err := store.Check(r); err != nil {
		return store.Record{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Record{}, err
	}
	defer s.gate.RUnlock()
	r = r.Stored(1)
	_, err := s.records.InsertOne(ctx, encode(r))
	switch {
	case mongo.IsDuplicateKeyError(err):
		return store.Record{}, store.ErrExists
	case err != nil:
		return store.Record{}, fmt.Errorf("store/mongo: creating a %q record: %w", r.Kind, plain(err))
	}
	return r, nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, kind store.Kind, id string) (store.Record, error) {
	if err := store.CheckKey(kind, id); err != nil {
		return store.Record{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Record{}, err
	}
	defer s.gate.RUnlock()
	var d document
	err := s.records.FindOne(ctx, s.live(key(kind, id))).Decode(&d)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return store.Record{}, store.ErrNotFound
	case err != nil:
		return store.Record{}, fmt.Errorf("store/mongo: reading a %q record: %w", kind, plain(err))
	}
	return d.record(), nil
}

// Replace implements store.Store.
func (s *Store) Replace(ctx context.Context, old, next store.Record) (store.Record, error) {
	next, err := store.CheckReplace(old, next)
	if err != nil {
		return store.Record{}, err
	}
	if err := s.enter(ctx); err != nil {
		return store.Record{}, err
	}
	defer s.gate.RUnlock()
	next = next.Stored(next.Version)
	d := encode(next)
	result, err := s.records.ReplaceOne(ctx, s.atVersion(old), d)
	if err != nil {
		return store.Record{}, fmt.Errorf("store/mongo: replacing a %q record: %w", next.Kind, plain(err))
	}
	if result.MatchedCount == 0 {
		return store.Record{}, s.whyNot(ctx, old)
	}
	return next, nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, old store.Record) error {
	if err := store.CheckKey(old.Kind, old.ID); err != nil {
		return err
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.gate.RUnlock()
	filter := s.live(key(old.Kind, old.ID))
	if old.Version != 0 {
		filter = s.atVersion(old)
	}
	result, err := s.records.DeleteOne(ctx, filter)
	if err != nil {
		return fmt.Errorf("store/mongo: deleting a %q record: %w", old.Kind, plain(err))
	}
	if result.DeletedCount == 0 {
		return s.whyNot(ctx, old)
	}
	return nil
}

// Find implements store.Store.
func (s *Store) Find(ctx context.Context, kind store.Kind, tag string, page store.Page) (found []store.Record, next string, err error) {
	page, err = store.CheckFind(kind, tag, page)
	if err != nil {
		return nil, "", err
	}
	if err := s.enter(ctx); err != nil {
		return nil, "", err
	}
	defer s.gate.RUnlock()

	filter := bson.D{
		{Key: "kind", Value: string(kind)},
		// Everything of the kind lies after "kind/", which is no key itself.
		{Key: "_id", Value: bson.D{{Key: "$gt", Value: key(kind, page.Next)}, {Key: "$lt", Value: afterKind(kind)}}},
		s.unexpired(),
	}
	if tag != "" {
		filter = append(filter, bson.E{Key: "tags", Value: tag})
	}
	// One more than was asked for tells whether there is a page after this.
	cursor, err := s.records.Find(ctx, filter, options.Find().
		SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(page.Limit)+1))
	if err != nil {
		return nil, "", fmt.Errorf("store/mongo: finding %q records: %w", kind, plain(err))
	}
	defer cursor.Close(context.WithoutCancel(ctx))
	size := 0
	for cursor.Next(ctx) {
		var d document
		if err := cursor.Decode(&d); err != nil {
			return nil, "", fmt.Errorf("store/mongo: reading a %q record: %w", kind, plain(err))
		}
		size += len(d.Data)
		if len(found) == page.Limit || len(found) > 0 && size > store.MaxPage {
			return found, found[len(found)-1].ID, nil
		}
		found = append(found, d.record())
	}
	if err := cursor.Err(); err != nil {
		return nil, "", fmt.Errorf("store/mongo: finding %q records: %w", kind, plain(err))
	}
	return found, "", nil
}

// unexpired matches what has no expiry or a later one than now.
func (s *Store) unexpired() bson.E {
	return bson.E{Key: "expires", Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$lte", Value: date(s.now())}}}}}
}

// live matches the record of a key until it expires.
func (s *Store) live(key string) bson.D {
	return bson.D{{Key: "_id", Value: key}, s.unexpired()}
}

// atVersion matches the live record that old was read from.
func (s *Store) atVersion(old store.Record) bson.D {
	return append(s.live(key(old.Kind, old.ID)), bson.E{Key: "version", Value: encode(old).Version})
}

// whyNot returns why a conditional write to the record matched nothing.
func (s *Store) whyNot(ctx context.Context, old store.Record) error {
	err := s.records.FindOne(ctx, s.live(key(old.Kind, old.ID)), options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err()
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return store.ErrNotFound
	case err != nil:
		return fmt.Errorf("store/mongo: reading a %q record: %w", old.Kind, plain(err))
	case old.Version == 0:
		return store.ErrNotFound // it was not there, and is there anew
	}
	return store.ErrConflict
}
