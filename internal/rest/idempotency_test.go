package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
)

type idemFixture struct {
	e     *Engine
	i     *Idempotency
	dir   string
	store store.Store
	keys  map[string]string
	runs  atomic.Int32
	ids   sync.Map
	now   atomic.Int64
	do    func(*Request) (Answer, error)
}

func idem(t *testing.T, change ...func(*IdempotencyOptions)) *idemFixture {
	t.Helper()
	f := &idemFixture{dir: t.TempDir(), keys: map[string]string{}}
	f.now.Store(time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC).UnixMilli())
	clock := func() time.Time { return time.UnixMilli(f.now.Load()) }
	s, err := embedded.Open(f.dir, embedded.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	f.store = s
	o := IdempotencyOptions{Store: s, Secret: bytes.Repeat([]byte{1}, 32), Now: clock}
	for _, c := range change {
		c(&o)
	}
	if f.i, err = NewIdempotency(o); err != nil {
		t.Fatal(err)
	}
	var list []Client
	for _, id := range []string{"a", "b"} {
		key, digest := NewKey()
		f.keys[id] = key
		list = append(list, Client{ID: id, Keys: []string{digest}, Permissions: []string{"p"}})
	}
	clients, err := NewClients(list...)
	if err != nil {
		t.Fatal(err)
	}
	log, _ := recordedLog()
	f.e = New(Options{Log: log, Clients: clients})
	f.do = func(r *Request) (Answer, error) {
		n := f.runs.Add(1)
		b, err := r.Body()
		return JSON(http.StatusCreated, map[string]any{"n": n, "secret": "tx-secret", "got": len(b)}).With("Location", fmt.Sprint("/offers/", n)), err
	}
	f.e.Mount(Route{Method: "POST", Path: "/offers", Permission: "p", Idempotent: f.i, Handler: func(r *Request) (Answer, error) {
		f.ids.Store(r.IdempotencyID, true)
		return f.do(r)
	}})
	return f
}

func (f *idemFixture) post(client, key, body string) *httptest.ResponseRecorder {
	h := http.Header{"Authorization": {"Bearer " + f.keys[client]}, "Content-Type": {"application/json"}}
	if key != "" {
		h.Set("Idempotency-Key", key)
	}
	return send(f.e, call{"POST", "/offers", body, h})
}

func TestIdempotency(t *testing.T) {
	f := idem(t)
	first := f.post("a", `"key-number-one"`, `{"insz":"85073003328"}`)
	if first.Code != 201 || first.Header().Get("Location") != "/offers/1" {
		t.Fatalf("%d %s", first.Code, first.Body)
	}
	again := f.post("a", "key-number-one", `{"insz":"85073003328"}`)
	if again.Code != 201 || again.Body.String() != first.Body.String() || again.Header().Get("Location") != "/offers/1" || again.Header().Get("Content-Type") != "application/json" || f.runs.Load() != 1 {
		t.Errorf("repeated: %d %s", again.Code, again.Body)
	}
	if w := f.post("a", "key-number-one", `{"insz":"other"}`); w.Code != 422 {
		t.Errorf("another body: %d", w.Code)
	}
	if w := f.post("b", "key-number-one", `{"insz":"other"}`); w.Code != 201 {
		t.Errorf("another client: %d %s", w.Code, w.Body)
	}
	if w := f.post("a", "", "{}"); w.Code != 201 {
		t.Errorf("without a key: %d", w.Code)
	}
	for _, bad := range []string{`""`, "a b", "é", string(bytes.Repeat([]byte("k"), 256)), `a"b`} {
		if w := f.post("a", bad, "{}"); w.Code != 400 {
			t.Errorf("key %.10q: %d", bad, w.Code)
		}
	}
	if w := send(f.e, call{"POST", "/offers", "{}", http.Header{"Authorization": {"Bearer " + f.keys["a"]}, "Idempotency-Key": {"one", "two"}}}); w.Code != 400 {
		t.Errorf("two keys: %d", w.Code)
	}
	f.now.Add((25 * time.Hour).Milliseconds())
	if w := f.post("a", "key-number-two", "{}"); w.Code != 201 {
		t.Errorf("a new key: %d %s", w.Code, w.Body)
	}

	// Nothing of request, answer or key stands on the disk.
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, word := range []string{"85073003328", "tx-secret", "key-number-one", "/offers"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s holds %q", d.Name(), word)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestIdempotencyRace(t *testing.T) {
	f := idem(t)
	hold := make(chan struct{})
	plain := f.do
	f.do = func(r *Request) (Answer, error) { <-hold; return plain(r) }
	codes := make(chan int, 32)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			w := f.post("a", "same", "{}")
			if w.Code == 409 && w.Header().Get("Retry-After") == "" {
				t.Error("409 without Retry-After")
			}
			codes <- w.Code
		})
	}
	for range 15 {
		if c := <-codes; c != 409 {
			t.Errorf("%d while the same is being answered", c)
		}
	}
	close(hold)
	wg.Wait()
	if c := <-codes; c != 201 || f.runs.Load() != 1 {
		t.Errorf("%d, %d runs", c, f.runs.Load())
	}
	if w := f.post("a", "same", "{}"); w.Code != 201 || f.runs.Load() != 1 {
		t.Errorf("afterwards: %d, %d runs", w.Code, f.runs.Load())
	}
}

func TestIdempotencyFailures(t *testing.T) {
	f := idem(t)
	plain := f.do
	t.Run("a refusal is not kept", func(t *testing.T) {
		f.do = func(*Request) (Answer, error) { return Answer{}, &Problem{Status: 400} }
		if w := f.post("a", "k1", "{}"); w.Code != 400 {
			t.Fatal(w.Code)
		}
		f.do = plain
		if w := f.post("a", "k1", `{"mended":true}`); w.Code != 201 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("a crash gives way after its time, under the same id", func(t *testing.T) {
		f.ids.Clear()
		f.do = func(*Request) (Answer, error) { panic("crash") }
		if w := f.post("a", "k2", "{}"); w.Code != 500 {
			t.Fatal(w.Code)
		}
		f.do = plain
		if w := f.post("a", "k2", "{}"); w.Code != 409 {
			t.Errorf("at once: %d", w.Code)
		}
		f.now.Add((3 * time.Minute).Milliseconds())
		if w := f.post("a", "k2", `{"other":1}`); w.Code != 422 {
			t.Errorf("another body: %d", w.Code)
		}
		if w := f.post("a", "k2", "{}"); w.Code != 201 {
			t.Errorf("later: %d %s", w.Code, w.Body)
		}
		n := 0
		f.ids.Range(func(k, _ any) bool { n++; return k != "" })
		if n != 1 {
			t.Errorf("%d ids for one request", n)
		}
	})
	t.Run("an answer that cannot be kept is not given", func(t *testing.T) {
		seal := errors.New("no key")
		f := idem(t, func(o *IdempotencyOptions) {
			o.Seal = func([]byte, []byte) ([]byte, error) { return nil, seal }
			o.Open = func([]byte, []byte) ([]byte, error) { return nil, seal }
		})
		if w := f.post("a", "k", "{}"); w.Code != 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("required", func(t *testing.T) {
		f := idem(t, func(o *IdempotencyOptions) { o.Required = true })
		if w := f.post("a", "", "{}"); w.Code != 400 || f.runs.Load() != 0 {
			t.Errorf("%d", w.Code)
		}
	})
	t.Run("the caller went away", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f.do = func(r *Request) (Answer, error) { cancel(); return plain(r) }
		r := httptest.NewRequestWithContext(ctx, "POST", "/offers", bytes.NewReader([]byte("{}")))
		r.Header = http.Header{"Authorization": {"Bearer " + f.keys["a"]}, "Idempotency-Key": {"k3"}, "Content-Type": {"application/json"}}
		f.e.ServeHTTP(httptest.NewRecorder(), r)
		f.do = func(*Request) (Answer, error) { t.Error("ran again"); return NoContent(), nil }
		if w := f.post("a", "k3", "{}"); w.Code != 201 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

func TestNewIdempotencyRefuses(t *testing.T) {
	for name, o := range map[string]IdempotencyOptions{
		"no store":     {Secret: make([]byte, 32)},
		"short secret": {Store: struct{ store.Store }{}, Secret: make([]byte, 31)},
		"half a hook":  {Store: struct{ store.Store }{}, Secret: make([]byte, 32), Seal: func(a, _ []byte) ([]byte, error) { return a, nil }},
	} {
		if _, err := NewIdempotency(o); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
