// Package mongo keeps records in one collection of a MongoDB database, or of a
// server that speaks its protocol. It uses what all of them do exactly, an
// insert under a unique _id, and otherwise single-document writes: no
// transactions, no server-side scripts. Several processes may share a database.
//
// Replace and Delete are as atomic as the server's conditional writes. MongoDB's
// are; FerretDB 1.24's are not (two racing writers may both be told that they
// won), which is why one-time values are redeemed by Create.
//
// In a sharded cluster the collection must be sharded by its _id, or _id is
// unique within a shard only.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/readconcern"
	"go.mongodb.org/mongo-driver/mongo/readpref"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"

	"github.com/zegel-id/zegel/store"
)

const (
	collection   = "records"
	closeTimeout = 10 * time.Second
)

// Options of Open. The zero value is ready for use.
type Options struct {
	// Now tells the time that expiry is measured against; time.Now if nil.
	// Processes that share a database must agree on it within an hour.
	Now func() time.Time
	// SweepEvery is the pause between two removals of expired records, where
	// the server does not remove them itself; one minute if 0.
	SweepEvery time.Duration
	// Report is told of faults of sweeping, which no caller's operation can
	// return. Nil drops them.
	Report func(error)
}

// Store implements store.Store.
type Store struct {
	client  *mongo.Client
	records *mongo.Collection
	now     func() time.Time
	report  func(error)

	// Operations hold gate for reading, Close for writing.
	gate   sync.RWMutex
	closed bool

	stopSweeping context.CancelFunc
	swept        chan struct{}
}

var _ store.Store = (*Store)(nil)

// Open connects to the server of the connection string and makes the indexes.
// ctx bounds the opening only. Write and read concern and the read preference
// of the connection string are overruled: see concerns.
func Open(ctx context.Context, uri, database string, o Options) (*Store, error) {
	if database == "" {
		return nil, errors.New("store/mongo: no database was named")
	}
	clientOptions := options.Client().ApplyURI(uri)
	if clientOptions.Validate() != nil {
		// The driver's error may repeat a part of the password.
		return nil, errors.New("store/mongo: the connection string cannot be read; it has the form mongodb://user:password@host:port/, with user and password percent-encoded")
	}
	client, err := mongo.Connect(ctx, clientOptions)
	if err != nil {
		return nil, fmt.Errorf("store/mongo: connecting: %w", plain(err))
	}
	s, err := open(ctx, client, database, o)
	if err != nil {
		return nil, errors.Join(err, disconnect(client))
	}
	return s, nil
}

func open(ctx context.Context, client *mongo.Client, database string, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SweepEvery <= 0 {
		o.SweepEvery = time.Minute
	}
	if o.Report == nil {
		o.Report = func(error) {}
	}
	var server hello
	if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}, options.RunCmd().SetReadPreference(readpref.Primary())).Decode(&server); err != nil {
		return nil, fmt.Errorf("store/mongo: asking the server what it is: %w", plain(err))
	}
	write, read := server.concerns()
	s := &Store{
		client: client,
		records: client.Database(database).Collection(collection, options.Collection().
			SetWriteConcern(write).SetReadConcern(read).SetReadPreference(readpref.Primary())),
		now:          o.Now,
		report:       o.Report,
		stopSweeping: func() {},
		swept:        make(chan struct{}),
	}
	sweeps, err := s.makeIndexes(ctx)
	if err != nil {
		return nil, fmt.Errorf("store/mongo: making the indexes: %w", plain(err))
	}
	if sweeps {
		close(s.swept)
		return s, nil
	}
	sweepCtx, cancel := context.WithCancel(context.Background())
	s.stopSweeping = cancel
	go s.keepSwept(sweepCtx, o.SweepEvery)
	return s, nil
}

// Close waits for running operations and disconnects. Closing twice is no
// error.
func (s *Store) Close() error {
	s.stopSweeping()
	<-s.swept
	s.gate.Lock()
	defer s.gate.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return disconnect(s.client)
}

func disconnect(client *mongo.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := client.Disconnect(ctx); err != nil {
		return fmt.Errorf("store/mongo: disconnecting: %w", plain(err))
	}
	return nil
}

// enter begins an operation, which must call s.gate.RUnlock at its end if there
// was no error.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.gate.RLock()
	if s.closed {
		s.gate.RUnlock()
		return store.ErrClosed
	}
	return nil
}

// hello is what we ask of the server's answer to the command of that name.
type hello struct {
	SetName string `bson:"setName"` // member of a replica set
	Msg     string `bson:"msg"`     // "isdbgrid": router of a sharded cluster
}

// concerns returns when a write counts as done and what a read may see. With
// several servers that is what a majority has on disk, so that no failover takes
// back what was acknowledged or seen; with one, what it has in its journal.
func (h hello) concerns() (*writeconcern.WriteConcern, *readconcern.ReadConcern) {
	journal := true
	if h.SetName != "" || h.Msg == "isdbgrid" {
		write := writeconcern.Majority()
		write.Journal = &journal
		return write, readconcern.Majority()
	}
	return &writeconcern.WriteConcern{W: 1, Journal: &journal}, readconcern.Local()
}

// plain takes the server's words out of an error, for they repeat keys and
// values of the document at hand, and leaves its code.
func plain(err error) error {
	var command mongo.CommandError
	if errors.As(err, &command) && command.Code != 0 {
		return fmt.Errorf("the server refused with code %d (%s)", command.Code, command.Name)
	}
	var write mongo.WriteException
	if errors.As(err, &write) {
		var codes []int
		for _, e := range write.WriteErrors {
			codes = append(codes, e.Code)
		}
		if e := write.WriteConcernError; e != nil {
			return fmt.Errorf("the server did not confirm the write, with code %d (%s), refusals %v; read before trying again", e.Code, e.Name, codes)
		}
		return fmt.Errorf("the server refused the write with codes %v", codes)
	}
	return err
}
