// Package ferretdb runs the store contract on store/mongo, and the whole job
// with the real command, against FerretDB, started in the test process, and
// against any MongoDB that is named by ZEGEL_TEST_MONGODB. It is a module of its own: the product does not depend
// on a database server.
package ferretdb

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/FerretDB/FerretDB/ferretdb"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/zegel-id/zegel/store"
	zegelmongo "github.com/zegel-id/zegel/store/mongo"
	"github.com/zegel-id/zegel/store/storetest"
)

func TestFerretDB(t *testing.T) {
	// FerretDB's conditional writes are not atomic: no racing Replace.
	run(t, startFerretDB(t), storetest.Options{Rounds: 200})
}

// TestMongoDB uses databases of its own on the server and drops them.
func TestMongoDB(t *testing.T) {
	uri := os.Getenv("ZEGEL_TEST_MONGODB")
	if uri == "" {
		t.Skip("ZEGEL_TEST_MONGODB names no server; give it a connection string such as mongodb://127.0.0.1:27017/")
	}
	run(t, uri, storetest.Options{RacingReplace: true})
}

func BenchmarkFerretDB(b *testing.B) { benchmark(b, startFerretDB(b)) }

func BenchmarkMongoDB(b *testing.B) {
	uri := os.Getenv("ZEGEL_TEST_MONGODB")
	if uri == "" {
		b.Skip("ZEGEL_TEST_MONGODB names no server")
	}
	benchmark(b, uri)
}

func run(t *testing.T, uri string, o storetest.Options) {
	o.Clock = storetest.NewClock()
	databases := map[store.Store]string{}
	open := func(t *testing.T, database string) store.Store {
		s := mustOpen(t, uri, database, zegelmongo.Options{Now: o.Clock.Now})
		databases[s] = database
		return s
	}
	o.Reopen = func(t *testing.T, s store.Store) store.Store {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return open(t, databases[s])
	}
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, newDatabase(t, uri)) }, o)
}

func benchmark(b *testing.B, uri string) {
	storetest.Benchmark(b, b.TempDir(), func(b *testing.B) store.Store {
		return mustOpen(b, uri, newDatabase(b, uri), zegelmongo.Options{})
	})
}

func mustOpen(t testing.TB, uri, database string, o zegelmongo.Options) store.Store {
	t.Helper()
	o.Report = func(err error) { t.Error(err) }
	s, err := zegelmongo.Open(t.Context(), uri, database, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newDatabase returns a name that nobody uses and drops the database at the end.
func newDatabase(t testing.TB, uri string) string {
	name := fmt.Sprintf("zegel_test_%016x", rand.Uint64())
	t.Cleanup(func() {
		ctx := context.Background()
		client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri))
		if err != nil {
			t.Fatal(err)
		}
		defer client.Disconnect(ctx)
		if err := client.Database(name).Drop(ctx); err != nil {
			t.Error(err)
		}
	})
	return name
}

// startFerretDB serves on loopback until the test ends and returns the
// connection string.
func startFerretDB(t testing.TB) string { return startFerretDBIn(t, t.TempDir()) }

func startFerretDBIn(t testing.TB, dir string) string {
	t.Helper()
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Logger:    slog.New(slog.DiscardHandler),
		Handler:   "sqlite",
		SQLiteURL: "file:" + dir + "/",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return server.MongoDBURI()
}
