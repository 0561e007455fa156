package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
)

// grace is how long an expired record stays, so that a process whose clock is
// ahead does not remove what is alive for another.
const grace = time.Hour

// makeIndexes makes the indexes that are missing and reports whether the server
// will remove expired records itself.
func (s *Store) makeIndexes(ctx context.Context) (sweeps bool, err error) {
	indexes := s.records.Indexes()
	if _, err := indexes.CreateOne(ctx, mongo.IndexModel{
		Keys:    bson.D{{Key: "kind", Value: 1}, {Key: "tags", Value: 1}, {Key: "_id", Value: 1}},
		Options: options.Index().SetName("kind_tags"),
	}); err != nil {
		return false, err
	}
	byExpiry := bson.D{{Key: "expires", Value: 1}}
	_, err = indexes.CreateOne(ctx, mongo.IndexModel{
		Keys:    byExpiry,
		Options: options.Index().SetName("expires_ttl").SetExpireAfterSeconds(int32(grace / time.Second)),
	})
	if err == nil {
		return true, nil
	}
	if !knowsNoTTL(err) {
		return false, err
	}
	_, err = indexes.CreateOne(ctx, mongo.IndexModel{Keys: byExpiry, Options: options.Index().SetName("expires")})
	return false, err
}

// knowsNoTTL tells a server without TTL indexes from one that fails: by the
// error codes BadValue, CommandNotSupported, CannotCreateIndex, InvalidOptions,
// InvalidIndexSpecificationOption and NotImplemented.
func knowsNoTTL(err error) bool {
	var command mongo.CommandError
	return errors.As(err, &command) && slices.Contains([]int32{2, 115, 67, 72, 197, 238}, command.Code)
}

// Sweep removes the records that expired more than an hour ago and returns how
// many. Where the server does not, the store does this by itself.
func (s *Store) Sweep(ctx context.Context) (removed int, err error) {
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.gate.RUnlock()
	result, err := s.records.DeleteMany(ctx, bson.D{
		{Key: "expires", Value: bson.D{{Key: "$lte", Value: date(s.now().Add(-grace))}}},
	})
	if err != nil {
		return 0, fmt.Errorf("store/mongo: sweeping expired records: %w", plain(err))
	}
	return int(result.DeletedCount), nil
}

// keepSwept sweeps until ctx ends. It belongs to the store: Close ends it.
func (s *Store) keepSwept(ctx context.Context, every time.Duration) {
	defer close(s.swept)
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.report(err)
		}
	}
}
