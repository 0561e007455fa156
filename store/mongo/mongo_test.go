package mongo

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/integration/mtest"

	"github.com/zegel-id/zegel/store"
)

// The contract itself runs in e2e/ferretdb, against a server. Here a recorded
// server shows what is asked of servers that are not at hand.

var (
	single  = bson.D{{Key: "ok", Value: 1}, {Key: "isWritablePrimary", Value: true}}
	replica = append(slices.Clone(single), bson.E{Key: "setName", Value: "rs0"})
	router  = append(slices.Clone(single), bson.E{Key: "msg", Value: "isdbgrid"})
	done    = bson.D{{Key: "ok", Value: 1}, {Key: "n", Value: 1}}
)

func refusal(code int32) bson.D {
	return mtest.CreateCommandErrorResponse(mtest.CommandError{Code: code, Name: "Name", Message: "about secret-id"})
}

func recorded(t *testing.T, name string, f func(*mtest.T)) {
	mt := mtest.New(t, mtest.NewOptions().ClientType(mtest.Mock))
	mt.Run(name, f)
}

func TestConcerns(t *testing.T) {
	for name, tt := range map[string]struct {
		hello bson.D
		w     any
		read  string
	}{
		"one server":      {single, int32(1), "local"},
		"replica set":     {replica, "majority", "majority"},
		"sharded cluster": {router, "majority", "majority"},
	} {
		recorded(t, name, func(mt *mtest.T) {
			mt.AddMockResponses(tt.hello, done, done)
			s, err := open(context.Background(), mt.Client, "zegel", Options{})
			if err != nil {
				mt.Fatal(err)
			}
			mt.ClearEvents()
			mt.AddMockResponses(done, done, done, mtest.CreateCursorResponse(0, "zegel.records", mtest.FirstBatch))
			r, err := s.Create(context.Background(), store.Record{Kind: "offer", ID: "a"})
			if err != nil {
				mt.Fatal(err)
			}
			if _, err := s.Replace(context.Background(), r, r); err != nil {
				mt.Fatal(err)
			}
			if err := s.Delete(context.Background(), r); err != nil {
				mt.Fatal(err)
			}
			for _, command := range []string{"insert", "update", "delete"} {
				e := mt.GetStartedEvent()
				var sent struct {
					WriteConcern struct {
						W any
						J bool
					} `bson:"writeConcern"`
				}
				if err := bson.Unmarshal(e.Command, &sent); err != nil {
					mt.Fatal(err)
				}
				if e.CommandName != command || sent.WriteConcern.W != tt.w || !sent.WriteConcern.J {
					mt.Errorf("%s was sent with the write concern %+v, want w %v and j", e.CommandName, sent.WriteConcern, tt.w)
				}
			}
			if _, err := s.Get(context.Background(), "offer", "a"); err != store.ErrNotFound {
				mt.Fatal(err)
			}
			level, _ := mt.GetStartedEvent().Command.LookupErr("readConcern", "level")
			if got, _ := level.StringValueOK(); got != tt.read {
				mt.Errorf("find was sent with the read concern %q, want %q", got, tt.read)
			}
		})
	}
}

func TestIndexes(t *testing.T) {
	for name, tt := range map[string]struct {
		ttl    bson.D
		plain  []bson.D
		sweeps bool // the store sweeps
		fails  bool
	}{
		"server removes":         {ttl: done},
		"TTL not implemented":    {ttl: refusal(238), plain: []bson.D{done}, sweeps: true},
		"TTL is a bad option":    {ttl: refusal(197), plain: []bson.D{done}, sweeps: true},
		"not allowed":            {ttl: refusal(13), fails: true},
		"another index is there": {ttl: refusal(85), fails: true},
		"no plain index either":  {ttl: refusal(238), plain: []bson.D{refusal(13)}, fails: true},
	} {
		recorded(t, name, func(mt *mtest.T) {
			mt.AddMockResponses(single, done, tt.ttl)
			mt.AddMockResponses(tt.plain...)
			s, err := open(context.Background(), mt.Client, "zegel", Options{SweepEvery: time.Hour})
			if tt.fails {
				if err == nil {
					mt.Fatal("opened without its indexes")
				}
				return
			}
			if err != nil {
				mt.Fatal(err)
			}
			sweeping := true
			select {
			case <-s.swept:
				sweeping = false
			default:
			}
			if sweeping != tt.sweeps {
				mt.Errorf("the store sweeps: %v, want %v", sweeping, tt.sweeps)
			}
			s.stopSweeping()
			<-s.swept
		})
	}
}

// TestErrorsNameNoRecord checks that a server's words, which repeat keys and
// values, do not come through.
func TestErrorsNameNoRecord(t *testing.T) {
	unconfirmed := mtest.CreateWriteConcernErrorResponse(mtest.WriteConcernError{Code: 64, Name: "WriteConcernTimeout", Message: "about secret-id"})
	rejected := mtest.CreateWriteErrorsResponse(mtest.WriteError{Code: 121, Message: "about secret-id"})
	for name, tt := range map[string]struct {
		answer bson.D
		says   string
	}{
		"refused":     {refusal(13), "code 13"},
		"rejected":    {rejected, "[121]"},
		"unconfirmed": {unconfirmed, "did not confirm"},
	} {
		recorded(t, name, func(mt *mtest.T) {
			mt.AddMockResponses(single, done, done)
			s, err := open(context.Background(), mt.Client, "zegel", Options{})
			if err != nil {
				mt.Fatal(err)
			}
			r := store.Record{Kind: "offer", ID: "secret-id", Version: 1}
			mt.AddMockResponses(tt.answer, tt.answer, tt.answer)
			_, create := s.Create(context.Background(), r)
			_, replace := s.Replace(context.Background(), r, r)
			remove := s.Delete(context.Background(), r)
			for i, err := range []error{create, replace, remove} {
				if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), tt.says) {
					mt.Errorf("operation %d: %v, want an error that says %q and nothing of the record", i, err, tt.says)
				}
				for _, outcome := range []error{store.ErrExists, store.ErrConflict, store.ErrNotFound} {
					if errors.Is(err, outcome) {
						mt.Errorf("operation %d: a failure is taken for the outcome %v", i, outcome)
					}
				}
			}
		})
	}
	recorded(t, "duplicate", func(mt *mtest.T) {
		mt.AddMockResponses(single, done, done, mtest.CreateWriteErrorsResponse(mtest.WriteError{Code: 11000}))
		s, err := open(context.Background(), mt.Client, "zegel", Options{})
		if err != nil {
			mt.Fatal(err)
		}
		if _, err := s.Create(context.Background(), store.Record{Kind: "offer", ID: "a"}); err != store.ErrExists {
			mt.Errorf("got %v, want ErrExists", err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, uri := range []string{"", "postgres://localhost", "mongodb://user:hunter@2@host:99999/", "mongodb://user:hunter:2@host", "mongodb://user:hunter@host/?w=-1"} {
		_, err := Open(t.Context(), uri, "zegel", Options{})
		if err == nil {
			t.Errorf("%q was opened", uri)
		} else if strings.Contains(err.Error(), "hunter") {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
	if _, err := Open(t.Context(), "mongodb://localhost", "", Options{}); err == nil {
		t.Error("opened without a database")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Open(ctx, "mongodb://127.0.0.1:1/", "zegel", Options{}); err == nil {
		t.Error("opened without a server")
	}
}

func TestCloseTwice(t *testing.T) {
	client, err := mongo.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{client: client, stopSweeping: func() {}, swept: make(chan struct{})}
	close(s.swept)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzDocument checks that records survive BSON, and that keys order and
// separate them as their kinds and ids do.
func FuzzDocument(f *testing.F) {
	f.Add("offer", "id", "offer-", "id", "tag", int64(0), []byte(nil))
	f.Add("a", "/", "a", "//", " ", int64(1), []byte("data"))
	f.Add("a", "~", "a0", " ", "$tag", int64(253402300799999), []byte{0, 255})
	f.Fuzz(func(t *testing.T, kind1, id1, kind2, id2, tag string, expiry int64, data []byte) {
		r := store.Record{Kind: store.Kind(kind1), ID: id1, Tags: []string{tag}, Data: data}
		if expiry != 0 {
			r.Expiry = time.UnixMilli(expiry)
		}
		if store.Check(r) != nil || store.CheckKey(store.Kind(kind2), id2) != nil {
			t.Skip("no record that a store takes")
		}
		r = r.Stored(3)
		raw, err := bson.Marshal(encode(r))
		if err != nil {
			t.Fatal(err)
		}
		var d document
		if err := bson.Unmarshal(raw, &d); err != nil {
			t.Fatal(err)
		}
		got := d.record()
		if got.Kind != r.Kind || got.ID != r.ID || got.Version != 3 || got.Expiry != r.Expiry ||
			!slices.Equal(got.Tags, r.Tags) || string(got.Data) != string(r.Data) {
			t.Errorf("%+v came back as %+v", r, got)
		}

		key1, key2 := key(r.Kind, id1), key(store.Kind(kind2), id2)
		if kind1 == kind2 && strings.Compare(key1, key2) != strings.Compare(id1, id2) {
			t.Errorf("keys %q and %q are not in the order of their ids", key1, key2)
		}
		in := key1 > key(store.Kind(kind2), "") && key1 < afterKind(store.Kind(kind2))
		if in != (kind1 == kind2) {
			t.Errorf("key %q in the range of kind %q: %v", key1, kind2, in)
		}
	})
}
