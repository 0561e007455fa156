package status

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/cputime"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// BenchmarkPublish says how many bare signatures (P-256, RFC 6979) it takes, in
// processor time, to compress and sign anew a list of 2^20 entries of which one
// in ten is set at random, in rounds by turns.
func BenchmarkPublish(b *testing.B) {
	now := newClock()
	secure := plainJWS{key: newKey(b), issuer: listIssuer}
	r := allForms(b, open(b), now, secure, func(o *Options) { o.Size, o.Messages = 1<<20, nil })
	ref, err := r.Allocate(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	id := listID(r, ref)
	p, err := r.list(b.Context(), id)
	if err != nil {
		b.Fatal(err)
	}
	source := rand.New(rand.NewPCG(1, 2))
	for i := range uint64(1 << 20) {
		if source.IntN(10) == 0 {
			if err := p.lists.put(i, Value(1+source.IntN(2))); err != nil {
				b.Fatal(err)
			}
		}
	}
	for _, bench := range []struct {
		name    string
		publish func() (Published, error)
	}{
		{"jwt", func() (Published, error) { return r.Token(b.Context(), id) }},
		{"cwt", func() (Published, error) { return r.CWT(b.Context(), id) }},
		{"revocation", func() (Published, error) { return r.ListCredential(b.Context(), id, Revocation) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var publish, sign time.Duration
			n, bytes := 0, 0
			for b.Loop() {
				runtime.GC()
				from := cputime.Used()
				for range 20 {
					now.at.Store(now.at.Load() ^ 1<<16) // 18 hours on or back: it is signed anew
					got, err := bench.publish()
					if err != nil {
						b.Fatal(err)
					}
					bytes = len(got.Body)
				}
				publish += cputime.Used() - from
				sign += bareSignatures(b, secure.key, 1000)
				n++
			}
			b.ReportMetric(float64(publish.Microseconds())/float64(20*n), "us-publication")
			b.ReportMetric(float64(bytes), "bytes")
			b.ReportMetric(50*float64(publish)/float64(sign), "signatures/publication")
		})
	}
}

func bareSignatures(b *testing.B, key *ecdsa.PrivateKey, n int) time.Duration {
	b.Helper()
	runtime.GC()
	digest := sha256.Sum256([]byte("bare"))
	from := cputime.Used()
	for range n {
		if _, err := key.Sign(nil, digest[:], crypto.SHA256); err != nil {
			b.Fatal(err)
		}
	}
	return cputime.Used() - from
}

// BenchmarkServe says how many times a list is served from memory in the
// processor time of one signature.
func BenchmarkServe(b *testing.B) {
	now := newClock()
	key := newKey(b)
	r, err := NewRegister(open(b), Options{Base: "https://issuer.example", Signer: keySigner{key}, Interval: time.Minute, Now: now.now})
	if err != nil {
		b.Fatal(err)
	}
	ref, err := r.Allocate(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	id := listID(r, ref)
	var serve, sign time.Duration
	for b.Loop() {
		from := cputime.Used()
		for range 20000 {
			if _, err := r.Token(b.Context(), id); err != nil {
				b.Fatal(err)
			}
		}
		serve += cputime.Used() - from
		sign += bareSignatures(b, key, 500)
	}
	b.ReportMetric(40*float64(sign)/float64(serve), "served/signature")
}

// BenchmarkLoad says how many bare signatures it takes to read the 100,000
// changes of a list back after a restart.
func BenchmarkLoad(b *testing.B) {
	s, now, key := open(b), newClock(), newKey(b)
	make := func() *Register {
		r, err := NewRegister(s, Options{Base: "https://issuer.example", Signer: keySigner{key}, Size: 1 << 20, Now: now.now})
		if err != nil {
			b.Fatal(err)
		}
		return r
	}
	ref, err := make().Allocate(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	id := listID(make(), ref)
	const changes = 100_000
	errs := run(16, changes, func(i int) error {
		data, err := jose.Marshal(changeData{Index: uint64(i * 10), Value: Suspended})
		if err != nil {
			return err
		}
		_, err = s.Create(b.Context(), store.Record{Kind: kindChange, ID: changeID(id, uint64(i+1)), Tags: []string{id}, Data: data})
		return err
	})
	if errs != nil {
		b.Fatal(errs)
	}
	var load, sign time.Duration
	for b.Loop() {
		from := cputime.Used()
		if _, err := make().Token(b.Context(), id); err != nil {
			b.Fatal(err)
		}
		load += cputime.Used() - from
		sign += bareSignatures(b, key, 500)
	}
	b.ReportMetric(float64(load.Milliseconds())/float64(b.N), "ms-load")
	b.ReportMetric(500*float64(load)/float64(sign), "signatures/load")
}

// run calls do with 0 to n-1 from several goroutines.
func run(workers, n int, do func(int) error) error {
	errs := make(chan error, workers)
	for w := range workers {
		go func() {
			for i := w; i < n; i += workers {
				if err := do(i); err != nil {
					errs <- fmt.Errorf("%d: %w", i, err)
					return
				}
			}
			errs <- nil
		}()
	}
	var first error
	for range workers {
		if err := <-errs; err != nil {
			first = err
		}
	}
	return first
}
