// Package strict stands in front of an issuer, authorization server or verifier
// and does what the specifications allow and careless clients do not expect:
// unknown members, another order of members, a nonce that went stale, a
// credential that is put off, slow answers in pieces. A client that holds to
// the specifications gets through. It is for tests only.
package strict

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// SeedVariable is the environment variable that repeats a run.
const SeedVariable = "ZEGEL_STRICT_SEED"

// Seed is a new seed, or the one that is to be repeated; the test prints it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv(SeedVariable); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", SeedVariable, err)
		}
	}
	t.Logf("%s=%d repeats this run", SeedVariable, seed)
	return seed
}

// Habit is one thing that a client must live with.
type Habit string

// Habits, each with the text that allows it.
const (
	// UnknownMembers stand in every JSON answer (OpenID4VCI 1.0, Sections 4.1.1,
	// 8.3 and 12.2.4; RFC 6749, Section 5.1; RFC 8414, Section 3.2).
	UnknownMembers Habit = "unknown members"
	// OtherOrder of members (RFC 8259, Section 4).
	OtherOrder Habit = "another order"
	// Pieces are answers of unknown length that come slowly, bit by bit (RFC
	// 9112, Section 7.1).
	Pieces Habit = "pieces"
	// UnknownParameters stand in addresses that a browser is sent to (RFC 6749,
	// Sections 3.1 and 4.1.2).
	UnknownParameters Habit = "unknown parameters"
	// StaleNonce refuses a credential request once with invalid_nonce (OpenID4VCI
	// 1.0, Section 8.3.1.2).
	StaleNonce Habit = "stale nonce"
	// DPoPNonce demands another nonce once at each endpoint (RFC 9449, Sections 8
	// and 9). It needs a server that tells nonces of its own.
	DPoPNonce Habit = "dpop nonce"
	// Deferral puts a credential off (OpenID4VCI 1.0, Sections 8.3 and 9); only
	// one whose request was not encrypted, because it must read the answer.
	Deferral Habit = "deferral"
)

// Harmless are the habits that need nothing of a client but patience and
// tolerance.
var Harmless = []Habit{UnknownMembers, OtherOrder, Pieces, UnknownParameters}

// All are all habits.
var All = append([]Habit{StaleNonce, DPoPNonce, Deferral}, Harmless...)

// Front is a handler before another.
type Front struct {
	next   http.Handler
	base   string // public address of what is behind
	seed   uint64
	habits map[Habit]bool

	mu       sync.Mutex
	requests uint64
	done     map[string]bool // what happens once, by path
	nonce    string          // last DPoP nonce that the server told
	waiting  map[string]deferred
	counts   map[Habit]int
}

// New makes a front with some habits before a handler whose public address is
// base. The same seed makes the same choices for the same sequence of
// requests.
func New(next http.Handler, base string, seed uint64, habits ...Habit) *Front {
	f := &Front{next: next, base: base, seed: seed, habits: map[Habit]bool{}, done: map[string]bool{}, waiting: map[string]deferred{}, counts: map[Habit]int{}}
	for _, h := range habits {
		f.habits[h] = true
	}
	return f
}

// Count tells how often a habit showed, so that a test can be sure that it did.
func (f *Front) Count(h Habit) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts[h]
}

// shows reports whether the habit is wanted, and counts it.
func (f *Front) shows(h Habit) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.habits[h] {
		f.counts[h]++
	}
	return f.habits[h]
}

// once is shows for the first request at a path.
func (f *Front) once(h Habit, path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := string(h) + " " + path
	if !f.habits[h] || f.done[key] {
		return false
	}
	f.done[key] = true
	f.counts[h]++
	return true
}

// random is a source for one request.
func (f *Front) random() *rand.Rand {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	return rand.New(rand.NewPCG(f.seed, f.requests))
}

// ServeHTTP implements http.Handler.
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	random := f.random()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 8<<20))
	if err != nil {
		http.Error(w, "the request is too long", http.StatusRequestEntityTooLarge)
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	rec := httptest.NewRecorder()
	if !f.refuse(rec, r) && !f.collect(rec, r, body) {
		f.next.ServeHTTP(rec, r)
		f.remember(rec, r)
		f.putOff(rec, r, random)
	}
	f.answer(w, r, rec, random)
}

// remember keeps the nonce that the server told. Where the server demanded it
// itself that is not done again: clients need not try a third time.
func (f *Front) remember(rec *httptest.ResponseRecorder, r *http.Request) {
	nonce := rec.Header().Get("DPoP-Nonce")
	if nonce == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nonce = nonce
	if rec.Code >= 400 {
		f.done[string(DPoPNonce)+" "+r.URL.Path] = true
	}
}

// refuse answers some first requests as a server whose nonces went stale.
func (f *Front) refuse(rec *httptest.ResponseRecorder, r *http.Request) bool {
	f.mu.Lock()
	nonce := f.nonce
	f.mu.Unlock()
	switch {
	case r.Method != http.MethodPost:
		return false
	case nonce != "" && r.Header.Get("DPoP") != "" && f.once(DPoPNonce, r.URL.Path):
		rec.Header().Set("DPoP-Nonce", nonce)
		status := http.StatusUnauthorized
		if strings.HasSuffix(r.URL.Path, "/token") || strings.HasSuffix(r.URL.Path, "/par") {
			status = http.StatusBadRequest
		} else {
			rec.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
		}
		writeJSON(rec, status, object{"error": "use_dpop_nonce", "error_description": "another nonce"})
		return true
	case strings.HasSuffix(r.URL.Path, "/credential") && r.Header.Get("Authorization") != "" && f.once(StaleNonce, r.URL.Path):
		writeJSON(rec, http.StatusBadRequest, object{"error": "invalid_nonce", "error_description": "another nonce"})
		return true
	}
	return false
}

// answer sends what was recorded, in this package's manner.
func (f *Front) answer(w http.ResponseWriter, r *http.Request, rec *httptest.ResponseRecorder, random *rand.Rand) {
	body := rec.Body.Bytes()
	if kind, _, err := mime.ParseMediaType(rec.Header().Get("Content-Type")); err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) {
		body = f.rewrite(r, body, random)
	}
	for name, values := range rec.Header() {
		w.Header()[name] = values
	}
	if location := rec.Header().Get("Location"); location != "" && strings.Contains(location, "?") && f.shows(UnknownParameters) {
		address, fragment, has := strings.Cut(location, "#")
		if has {
			fragment = "#" + fragment
		}
		w.Header().Set("Location", fmt.Sprintf("%s&%s=%s%s", address, word(random), word(random), fragment))
	}
	w.Header().Del("Content-Length")
	if len(body) == 0 || !f.shows(Pieces) {
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
		return
	}
	w.WriteHeader(rec.Code)
	control := http.NewResponseController(w)
	for len(body) > 0 {
		n := min(len(body), 1+random.IntN(1+len(body)/3))
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		_ = control.Flush() // an answer that cannot be flushed comes whole
		body = body[n:]
		select {
		case <-r.Context().Done():
			return
		case <-time.After(time.Duration(random.IntN(4)) * time.Millisecond):
		}
	}
}

// word is a word that no specification knows.
func word(random *rand.Rand) string { return fmt.Sprintf("strict_%x", random.Uint32()) }
