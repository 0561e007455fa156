package ferretdb

import (
	"os"
	"path/filepath"
	"testing"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"github.com/zegel-id/zegel/e2e/wholejob"
)

// The main job with the real command, records on FerretDB.
func TestWholeJob(t *testing.T) {
	dir := t.TempDir()
	uri := startFerretDBIn(t, dir)
	wholeJob(t, uri)
	// The write-ahead log also holds what stood in the database for a moment
	// only.
	wholejob.CleanDir(t, dir)
}

// TestWholeJobMongoDB uses a database of its own on the server and drops it.
func TestWholeJobMongoDB(t *testing.T) {
	uri := os.Getenv("ZEGEL_TEST_MONGODB")
	if uri == "" {
		t.Skip("ZEGEL_TEST_MONGODB names no server; give it a connection string such as mongodb://127.0.0.1:27017/")
	}
	wholeJob(t, uri)
}

func wholeJob(t *testing.T, uri string) {
	file := filepath.Join(t.TempDir(), "mongodb.uri")
	if err := os.WriteFile(file, []byte(uri+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	database := newDatabase(t, uri)
	arguments := []string{"--mongodb-uri-file", file, "--mongodb-database", database}
	command := wholejob.Build(t)
	wholejob.Told(t, command.Once(t, arguments...))
	readRecords(t, uri, database)

	// Once more in the same database, beside what the other one left.
	d := command.Start(t, arguments...)
	wholejob.Told(t, d.Printed())
	if _, err := os.Stat(filepath.Join(d.Data, "store")); err == nil {
		t.Error("there is an embedded store")
	}
	v := d.Lotte(t)
	readRecords(t, uri, database)
	d.Delete(t, v)
	d.Stop(t)
	readRecords(t, uri, database)
}

// readRecords reads every document of the database as its operator can.
func readRecords(t *testing.T, uri, database string) {
	t.Helper()
	ctx := t.Context()
	client, err := mongo.Connect(ctx, options.Client().ApplyURI(uri))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Disconnect(ctx)
	collections, err := client.Database(database).ListCollectionNames(ctx, bson.D{})
	if err != nil {
		t.Fatal(err)
	}
	records := 0
	for _, name := range collections {
		all, err := client.Database(database).Collection(name).Find(ctx, bson.D{})
		if err != nil {
			t.Fatal(err)
		}
		for ; all.Next(ctx); records++ {
			if found := wholejob.Readable(all.Current); found != "" {
				t.Errorf("%q stands in a record of %s", found, name)
			}
		}
		if err := all.Err(); err != nil {
			t.Fatal(err)
		}
	}
	// A vault, its documents, offers, credentials, transactions, spent marks.
	if records < 20 {
		t.Errorf("the database holds %d records: the job was not done in it", records)
	}
}
