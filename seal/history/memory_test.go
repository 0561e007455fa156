package history_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
)

const issuer = "https://issuer.example.org"

// memory is a store for one test. before is asked for leave to do something, and
// after may fail what was done.
type memory struct {
	mu            sync.Mutex
	records       map[string]store.Record
	before, after func(op string, r store.Record) error
}

func newMemory() *memory { return &memory{records: map[string]store.Record{}} }

func (m *memory) do(op string, r store.Record, f func() (store.Record, error)) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.before != nil {
		if err := m.before(op, r); err != nil {
			return store.Record{}, err
		}
	}
	out, err := f()
	if err == nil && m.after != nil {
		err = m.after(op, r)
	}
	return out, err
}

func (m *memory) Create(_ context.Context, r store.Record) (store.Record, error) {
	return m.do("create", r, func() (store.Record, error) {
		if _, ok := m.records[string(r.Kind)+"/"+r.ID]; ok {
			return store.Record{}, store.ErrExists
		}
		r.Version, r.Data = 1, slices.Clone(r.Data)
		m.records[string(r.Kind)+"/"+r.ID] = r
		return r, nil
	})
}

func (m *memory) Get(_ context.Context, kind store.Kind, id string) (store.Record, error) {
	return m.do("get", store.Record{Kind: kind, ID: id}, func() (store.Record, error) {
		r, ok := m.records[string(kind)+"/"+id]
		if !ok {
			return r, store.ErrNotFound
		}
		return r, nil
	})
}

func (m *memory) Replace(_ context.Context, old, next store.Record) (store.Record, error) {
	return m.do("replace", next, func() (store.Record, error) {
		now, ok := m.records[string(old.Kind)+"/"+old.ID]
		if !ok {
			return store.Record{}, store.ErrNotFound
		}
		if now.Version != old.Version {
			return store.Record{}, store.ErrConflict
		}
		next.Version = old.Version + 1
		m.records[string(old.Kind)+"/"+old.ID] = next
		return next, nil
	})
}

func (m *memory) Delete(_ context.Context, old store.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, string(old.Kind)+"/"+old.ID)
	return nil
}

func (m *memory) Find(_ context.Context, kind store.Kind, tag string, page store.Page) ([]store.Record, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []store.Record
	for _, r := range m.records {
		if r.Kind == kind && (tag == "" || slices.Contains(r.Tags, tag)) && r.ID > page.Next {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b store.Record) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	if limit := min(page.Limit, 100); len(out) > limit { // pages are seen to be put together
		return out[:limit], out[limit-1].ID, nil
	}
	return out, "", nil
}

func (m *memory) Close() error { return nil }

// stores are those that the histories of tests are in.
func stores(t *testing.T, test func(*testing.T, store.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, newMemory()) })
	t.Run("embedded", func(t *testing.T) {
		st, err := embedded.Open(filepath.Join(t.TempDir(), "store"), embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		test(t, st)
	})
}

func newSigner(t testing.TB) crypto.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func options(keys ...crypto.Signer) history.Options {
	return history.Options{
		Origin: "issuer.example.org/key-history", Signers: keys, Now: time.Now,
		Own: func(subject string) bool {
			return subject == issuer || subject == issuer+"/school" || subject == "did:key:zExample"
		},
	}
}

func open(t testing.TB, st store.Store, keys ...crypto.Signer) *history.Log {
	t.Helper()
	l, err := history.Open(context.Background(), st, options(keys...))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// newKey is a key with a certificate of an organisation.
func newKey(t testing.TB, use history.Use) history.Key {
	t.Helper()
	return history.Key{Use: use, Subject: issuer, Certificate: newCertificate(t, pkix.Name{CommonName: "Oefenregister (TEST)"})}
}

func newCertificate(t testing.TB, name pkix.Name) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: name, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// entries are those of a history.
func entries(t testing.TB, l *history.Log) (raw [][]byte, read []history.Entry) {
	t.Helper()
	size, err := l.Size(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for start := int64(0); start < size; start += history.MaxEntries {
		some, err := l.Entries(context.Background(), start, min(size, start+history.MaxEntries))
		if err != nil {
			t.Fatal(err)
		}
		raw = append(raw, some...)
	}
	for n, b := range raw {
		e, err := history.ParseEntry(b)
		if err != nil || e.Sequence != int64(n) {
			t.Fatalf("entry %d: %v: %s", n, err, b)
		}
		read = append(read, e)
	}
	return raw, read
}

// signed is the checkpoint of a history, opened.
func signed(t testing.TB, l *history.Log) history.Checkpoint {
	t.Helper()
	b, err := l.Checkpoint(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	c, err := history.OpenCheckpoint(b, l.Origin(), l.Keys()...)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return c
}
