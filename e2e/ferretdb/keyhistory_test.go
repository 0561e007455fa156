package ferretdb

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/history"
	zegelmongo "github.com/zegel-id/zegel/store/mongo"
)

// Writers with connections of their own make one history of keys.
func TestKeyHistory(t *testing.T) {
	historyNeverForks(t, startFerretDB(t))
}

// TestKeyHistoryMongoDB uses a database of its own on the server and drops it.
func TestKeyHistoryMongoDB(t *testing.T) {
	uri := os.Getenv("ZEGEL_TEST_MONGODB")
	if uri == "" {
		t.Skip("ZEGEL_TEST_MONGODB names no server; give it a connection string such as mongodb://127.0.0.1:27017/")
	}
	historyNeverForks(t, uri)
}

func historyNeverForks(t *testing.T, uri string) {
	const subject, writers, keys = "did:web:issuer.example.org", 3, 10
	database := newDatabase(t, uri)
	newKey := func() crypto.Signer {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	signer := newKey()
	open := func() (*history.Log, error) {
		st := mustOpen(t, uri, database, zegelmongo.Options{})
		t.Cleanup(func() { _ = st.Close() })
		return history.Open(t.Context(), st, history.Options{
			Origin: "issuer.example.org/key-history", Signers: []crypto.Signer{signer}, Own: func(s string) bool { return s == subject }, Now: time.Now,
		})
	}
	var all []crypto.Signer
	for range keys {
		all = append(all, newKey())
	}
	var mu sync.Mutex
	var seen []history.Checkpoint
	var wg sync.WaitGroup
	for w := range writers {
		l, err := open()
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for i := range all {
				k := history.Key{Use: history.UseDID, Subject: subject, Public: all[(i+3*w)%keys].Public()}
				if err := l.Announce(t.Context(), history.Added, k); err != nil {
					t.Error(err)
					return
				}
				signed, err := l.Checkpoint(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				c, err := history.OpenCheckpoint(signed, l.Origin(), l.Keys()...)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen = append(seen, c)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	l, err := open()
	if err != nil {
		t.Fatal(err)
	}
	lines, err := l.Entries(t.Context(), 0, keys+1)
	if err != nil {
		t.Fatal(err)
	}
	if size, err := l.Size(t.Context()); size != keys+1 || err != nil {
		t.Errorf("%d entries for %d keys: %v", size, keys, err)
	}
	var edge history.Edge
	roots := map[int64][32]byte{}
	for _, b := range lines {
		edge.Add(b)
		roots[edge.Size()], _ = edge.Root()
	}
	for _, c := range seen {
		if roots[c.Size] != c.Root {
			t.Errorf("a root of %d entries that is not of this history", c.Size)
		}
	}
}
