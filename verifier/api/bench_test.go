package api_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/internal/cputime"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/store/mongo"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/api"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// BenchmarkResponseEndpoint is what a presentation costs the server from the
// HTTP handler to the store and the use log: opening it, seal and holder
// binding, status, query, the sealed result. The ratios are to the two
// signatures and the key agreement that cannot be left out, on as many
// goroutines in the same run: x-must by the clock, x-must-cpu by the processor
// time of the whole process.
func BenchmarkResponseEndpoint(b *testing.B) {
	for _, kind := range []string{"embedded", "mongodb"} {
		for _, workers := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/callers=%d", kind, workers), func(b *testing.B) { benchmarkResponses(b, kind, workers) })
		}
	}
}

func benchmarkResponses(b *testing.B, kind string, workers int) {
	w := world.New(b)
	if kind == "mongodb" {
		uri := os.Getenv("ZEGEL_TEST_MONGODB")
		if uri == "" {
			b.Skip("ZEGEL_TEST_MONGODB names no server")
		}
		s, err := mongo.Open(b.Context(), uri, "zegel_bench_"+strings.ReplaceAll(uuid.NewString(), "-", ""), mongo.Options{Now: w.Now})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { s.Close() })
		w.Config.Store = s
	}
	w.Cached()
	clients, err := rest.NewClients()
	if err != nil {
		b.Fatal(err)
	}
	handler, err := api.New(w.Verifier, api.Options{Clients: clients, Store: w.Config.Store, Secret: bytes.Repeat([]byte{1}, 32), Now: w.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	h := w.Issue()
	query := []byte(`{"credentials":[{"id":"diploma","format":"dc+sd-jwt","meta":{"vct_values":["` + world.VCT + `"]},"claims":[{"path":["title"]},{"path":["person","family_name"]}]}]}`)
	paths, bodies := make([]string, b.N), make([]string, b.N)
	for i := range bodies {
		s, err := w.Verifier.Start(b.Context(), world.University, verifier.Order{Query: query, Purpose: world.Use, Flow: verifier.CrossDevice})
		if err != nil {
			b.Fatal(err)
		}
		asked := w.Fetch(s)
		paths[i], bodies[i] = "/response/"+asked.Secret(), asked.Form(asked.Present(h, asked.Paths())).Encode()
	}
	b.ResetTimer()
	took := atOnce(workers, b.N, func(i int) {
		r := httptest.NewRequest("POST", paths[i], strings.NewReader(bodies[i]))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", i>>16&255, i>>8&255, i&255) // no rate is limited
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK {
			b.Errorf("%d %s", rec.Code, rec.Body)
		}
	})
	b.StopTimer()
	rounds := max(b.N, 100)
	digest := sha256.Sum256([]byte("a bare signature"))
	sig, err := ecdsa.SignASN1(rand.Reader, h.Key, digest[:])
	if err != nil {
		b.Fatal(err)
	}
	must := atOnce(workers, rounds, func(int) {
		mine, err := ecdh.P256().GenerateKey(rand.Reader)
		if err == nil {
			_, err = mine.ECDH(mine.PublicKey())
		}
		if err != nil || !ecdsa.VerifyASN1(&h.Key.PublicKey, digest[:], sig) || !ecdsa.VerifyASN1(&h.Key.PublicKey, digest[:], sig) {
			b.Errorf("%v", err)
		}
	})
	per := func(d time.Duration, n int) float64 { return float64(d) / float64(n) }
	b.ReportMetric(float64(b.N)/took.clock.Seconds(), "responses/s")
	b.ReportMetric(per(took.clock, b.N)/per(must.clock, rounds), "x-must")
	if must.cpu > 0 {
		b.ReportMetric(per(took.cpu, b.N)/1e3, "cpu-us/response")
		b.ReportMetric(per(took.cpu, b.N)/per(must.cpu, rounds), "x-must-cpu")
	}
}

type spent struct{ clock, cpu time.Duration }

func atOnce(workers, n int, work func(int)) spent {
	begin, cpu := time.Now(), cputime.Used()
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
	return spent{time.Since(begin), cputime.Used() - cpu}
}
