package api_test

import (
	"crypto/ecdh"
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

	"github.com/zegel-id/zegel/internal/cputime"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// issuance is a way to fetch a credential, and the cryptography that it cannot
// do without.
type issuance struct {
	name string
	// body is the credential request for keys, made outside of what is measured,
	// and its media type.
	body func(w *world, nonce string, keys []*ecdsa.PrivateKey) (body, kind string)
	// verifications, signatures and key agreements for that many copies.
	must func(copies int) work
}

type work struct{ verifications, signatures, agreements int }

// BenchmarkCredentialEndpoint is what an issuance costs the server: token,
// nonce and credential requests with everything they do, from the HTTP handler
// to the store and the use log. The ratios are to the cryptography that cannot
// be left out, on as many goroutines, measured in the same run: x-must by the
// clock, x-must-cpu by the processor time of the whole process, which is the
// measure of what a machine can serve.
func BenchmarkCredentialEndpoint(b *testing.B) {
	attester := newKey(b)
	for _, how := range issuances(b, attester) {
		for _, kind := range []string{"memory", "embedded", "mongodb"} {
			for _, copies := range []int{1, 8} {
				for _, workers := range []int{1, 16} {
					if kind == "memory" && workers > 1 {
						continue
					}
					b.Run(fmt.Sprintf("%s/%s/copies=%d/callers=%d", how.name, kind, copies, workers), func(b *testing.B) {
						benchmarkIssuance(b, how, attester, kind, copies, workers)
					})
				}
			}
		}
	}
}

func issuances(b *testing.B, attester *ecdsa.PrivateKey) []issuance {
	plain := func(w *world, nonce string, keys []*ecdsa.PrivateKey) (string, string) {
		return string(marshal(w, w.request("", nonce, keys...))), "application/json"
	}
	return []issuance{
		{"jwt", plain, func(n int) work { return work{n, n, 0} }},
		{"encrypted", func(w *world, nonce string, keys []*ecdsa.PrivateKey) (string, string) {
			m, err := w.issuer.Metadata()
			if err != nil {
				b.Fatal(err)
			}
			req := w.request("", nonce, keys...)
			req["credential_response_encryption"] = w.wish(m, newKey(w))
			return w.encrypt(m, req), oid4vci.MediaTypeJWT
		}, func(n int) work { return work{n, n, 2} }},
		{"attested-jwt", func(w *world, nonce string, keys []*ecdsa.PrivateKey) (string, string) {
			attestation := w.attest(attester, nonce, nil, keys...)
			proof := w.proof(keys[0], nonce, func(h, _ map[string]any) { h["key_attestation"] = attestation })
			return string(marshal(w, map[string]any{"credential_configuration_id": "led_diploma", "proofs": map[string]any{"jwt": []string{proof}}})), "application/json"
		}, func(n int) work { return work{2, n, 0} }},
		{"attestation", func(w *world, nonce string, keys []*ecdsa.PrivateKey) (string, string) {
			return string(marshal(w, map[string]any{
				"credential_configuration_id": "led_diploma", "proofs": map[string]any{"attestation": []string{w.attest(attester, nonce, nil, keys...)}},
			})), "application/json"
		}, func(n int) work { return work{1, n, 0} }},
	}
}

func benchmarkIssuance(b *testing.B, how issuance, attester *ecdsa.PrivateKey, kind string, copies, workers int) {
	w := start(b, func(w *world) {
		w.noSignIn = true
		storeOf(b, kind, w)
		w.tune = func(c *issuer.Config) { trustAttester(b, c, attester) }
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
	proofKeys := keys(b, copies)
	caller := callers(w)
	b.ResetTimer()
	var took spent
	took.add(parallel(workers, n, func(i int) {
		tokens[i] = caller("/token", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, tokenForm(offers[i]).Encode())
	}))
	took.add(parallel(workers, n, func(i int) { nonces[i] = caller("/nonce", nil, "") }))
	read(b, tokens)
	read(b, nonces)
	bodies, types := make([]string, n), make([]string, n)
	for i := range bodies {
		bodies[i], types[i] = how.body(w, nonces[i].text("c_nonce"), proofKeys)
	}
	took.add(parallel(workers, n, func(i int) {
		credentials[i] = caller("/credential", map[string]string{"Content-Type": types[i], "Authorization": "Bearer " + tokens[i].text("access_token")}, bodies[i])
	}))
	b.StopTimer()
	if how.name != "encrypted" { // those are checked by their tests
		read(b, credentials)
		for _, a := range credentials {
			if len(texts(a)) != copies {
				b.Fatalf("%d %s", a.status, a.body)
			}
		}
	}
	must := how.must(copies)
	rounds := max(n, 100)
	reference := parallel(workers, rounds, func(int) { must.do(b, proofKeys[0]) })
	b.ReportMetric(float64(took.clock.Nanoseconds())/float64(n), "ns/issuance")
	b.ReportMetric(float64(took.clock)/float64(n)*float64(rounds)/float64(reference.clock), "x-must")
	if reference.cpu > 0 {
		b.ReportMetric(float64(took.cpu)/float64(n)*float64(rounds)/float64(reference.cpu), "x-must-cpu")
	}
}

func trustAttester(t testing.TB, c *issuer.Config, key *ecdsa.PrivateKey) {
	t.Helper()
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	jwk.Kid = "attester"
	c.Attesters = &oid4vci.AttestationPolicy{Key: oid4vci.Attesters{Keys: []jose.JWK{jwk}, Now: c.Now}.Key}
	c.Types = slices.Clone(c.Types)
	c.Types[0].Proofs.Types = []oid4vci.ProofType{oid4vci.ProofJWT, oid4vci.ProofAttestation}
}

// spent is time by the clock and by the processors.
type spent struct{ clock, cpu time.Duration }

func (s *spent) add(o spent) { s.clock, s.cpu = s.clock+o.clock, s.cpu+o.cpu }

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

func parallel(workers, n int, work func(int)) spent {
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

// do is the bare cryptography.
func (m work) do(b *testing.B, key *ecdsa.PrivateKey) {
	d := digest("a bare signature")
	var sig []byte
	var err error
	for range m.signatures {
		if sig, err = ecdsa.SignASN1(rand.Reader, key, d); err != nil {
			b.Fatal(err)
		}
	}
	for range m.verifications {
		if !ecdsa.VerifyASN1(&key.PublicKey, d, sig) {
			b.Fatal("the signature does not verify")
		}
	}
	for range m.agreements {
		mine, err := ecdh.P256().GenerateKey(rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := mine.ECDH(mine.PublicKey()); err != nil {
			b.Fatal(err)
		}
	}
}
