package api_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/store"
)

// BenchmarkCredentialEndpoint is what an issuance costs the server: token,
// nonce and credential requests with everything they do, from the HTTP
// handler to the store and the use log, for one proof and for a batch of
// eight. The ratio is to the cryptography that cannot be left out, one P-256
// verification and one signature per copy, on as many goroutines, measured in
// the same run.
func BenchmarkCredentialEndpoint(b *testing.B) {
	for _, c := range []struct {
		name    string
		memory  bool
		workers int
		copies  int
	}{
		{"memory/1-copy", true, 1, 1}, {"memory/8-copies", true, 1, 8},
		{"embedded/1-copy", false, 1, 1}, {"embedded/8-copies", false, 1, 8},
		{"embedded-16-callers/1-copy", false, 16, 1}, {"embedded-16-callers/8-copies", false, 16, 8},
	} {
		b.Run(c.name, func(b *testing.B) {
			w := start(b, func(w *world) {
				w.noSignIn = true
				if c.memory {
					w.wrap = func(s store.Store) store.Store { return &memory{Store: s, recs: map[string]store.Record{}} }
					w.log = silent{}
				}
			})
			d := diplomas()
			d.Datasets, d.Refused = d.Datasets[:1], nil
			w.source.set(d, nil)
			n := b.N
			offers, tokens, nonces, credentials := make([]answer, n), make([]answer, n), make([]answer, n), make([]answer, n)
			for i := range n {
				offers[i] = w.offer("OVO000001")
				w.clock.advance(time.Second) // an institution's rate is limited, and not what is measured
			}
			proofKeys := keys(b, c.copies)
			caller := callers(w)
			b.ResetTimer()
			var took time.Duration
			took += parallel(c.workers, n, func(i int) {
				tokens[i] = caller("/token", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, tokenForm(offers[i]).Encode())
			})
			took += parallel(c.workers, n, func(i int) { nonces[i] = caller("/nonce", nil, "") })
			read(b, tokens)
			read(b, nonces)
			bodies := make([]string, n)
			for i := range bodies {
				bodies[i] = string(marshal(b, w.request("", nonces[i].text("c_nonce"), proofKeys...)))
			}
			took += parallel(c.workers, n, func(i int) {
				credentials[i] = caller("/credential", map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + tokens[i].text("access_token")}, bodies[i])
			})
			b.StopTimer()
			read(b, credentials)
			for _, a := range credentials {
				if len(texts(a)) != c.copies {
					b.Fatalf("%d %s", a.status, a.body)
				}
			}
			reference := parallel(c.workers, max(n, 200), func(int) { verifyAndSign(b, proofKeys[0]) }) / time.Duration(max(n, 200))
			each := took / time.Duration(n)
			b.ReportMetric(float64(each.Nanoseconds()), "ns/issuance")
			b.ReportMetric(float64(each)/float64(reference*time.Duration(c.copies)), "x-verify+sign")
		})
	}
}

// callers sends requests to the handler, each from an address of its own so
// that no rate is limited.
func callers(w *world) func(path string, header map[string]string, body string) answer {
	var from atomic.Int64
	return func(path string, header map[string]string, body string) answer {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		for k, v := range header {
			r.Header.Set(k, v)
		}
		n := from.Add(1)
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", n>>16&255, n>>8&255, n&255)
		rec := httptest.NewRecorder()
		(*w.handler.Load()).ServeHTTP(rec, r)
		if rec.Code != http.StatusOK {
			w.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
		return answer{status: rec.Code, header: rec.Header(), body: rec.Body.Bytes()}
	}
}

// read parses the answers, outside of what is measured.
func read(b *testing.B, answers []answer) {
	for i := range answers {
		if err := json.Unmarshal(answers[i].body, &answers[i].json); err != nil {
			b.Fatal(err)
		}
	}
}

func parallel(workers, n int, work func(int)) time.Duration {
	begin := time.Now()
	var next atomic.Int64
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	all.Wait()
	return time.Since(begin)
}

func verifyAndSign(b *testing.B, key *ecdsa.PrivateKey) {
	d := digest("a bare signature")
	sig, err := ecdsa.SignASN1(rand.Reader, key, d)
	if err != nil || !ecdsa.VerifyASN1(&key.PublicKey, d, sig) {
		b.Fatal(err)
	}
}

type silent struct{}

func (silent) Append(context.Context, audit.Event) error { return nil }

// memory is a store that costs as little as one can, to show what the rest
// costs. Closing closes the store under it.
type memory struct {
	store.Store
	mu   sync.Mutex
	recs map[string]store.Record
}

func place(kind store.Kind, id string) string { return string(kind) + " " + id }

func (m *memory) Create(_ context.Context, r store.Record) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.recs[place(r.Kind, r.ID)]; ok {
		return store.Record{}, store.ErrExists
	}
	m.recs[place(r.Kind, r.ID)] = r.Stored(1)
	return r.Stored(1), nil
}

func (m *memory) Get(_ context.Context, kind store.Kind, id string) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.recs[place(kind, id)]
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	return r.Stored(r.Version), nil
}

func (m *memory) Replace(_ context.Context, old, next store.Record) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next, err := store.CheckReplace(old, next)
	if err != nil || m.recs[place(old.Kind, old.ID)].Version != old.Version {
		return store.Record{}, store.ErrConflict
	}
	m.recs[place(old.Kind, old.ID)] = next.Stored(next.Version)
	return next, nil
}

func (m *memory) Delete(_ context.Context, old store.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.recs[place(old.Kind, old.ID)]; !ok {
		return store.ErrNotFound
	}
	delete(m.recs, place(old.Kind, old.ID))
	return nil
}

func (m *memory) Find(_ context.Context, kind store.Kind, tag string, _ store.Page) (found []store.Record, _ string, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.recs {
		if r.Kind == kind && (tag == "" || slices.Contains(r.Tags, tag)) {
			found = append(found, r)
		}
	}
	return found, "", nil
}
