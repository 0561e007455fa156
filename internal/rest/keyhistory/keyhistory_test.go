package keyhistory_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/rest/keyhistory"
	"github.com/zegel-id/zegel/seal/history"
	"github.com/zegel-id/zegel/store/embedded"
)

const issuer = "https://issuer.example.org"

// site is a server of a history that may lie.
type site struct {
	*testing.T
	key  crypto.Signer
	log  *history.Log
	url  string
	bend func(path string, body string) string
	next *history.Log // served in its place
}

func newSite(t *testing.T) *site {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{T: t, key: key}
	s.log = s.history(key)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := s.log
		if s.next != nil {
			h = s.next
		}
		e := rest.New(rest.Options{Log: slog.New(slog.DiscardHandler)})
		e.Mount(keyhistory.Routes(h)...)
		got := httptest.NewRecorder()
		e.ServeHTTP(got, r)
		body := got.Body.String()
		if s.bend != nil {
			body = s.bend(r.URL.Path, body)
		}
		w.Header().Set("Content-Type", got.Header().Get("Content-Type"))
		w.Header().Set("Cache-Control", got.Header().Get("Cache-Control"))
		w.WriteHeader(got.Code)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// history is another history, signed by a key.
func (s *site) history(key crypto.Signer) *history.Log {
	s.Helper()
	st, err := embedded.Open(filepath.Join(s.TempDir(), "store"), embedded.Options{})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = st.Close() })
	l, err := history.Open(s.Context(), st, history.Options{
		Origin: "issuer.example.org/key-history", Signers: []crypto.Signer{key}, Own: func(subject string) bool { return subject == issuer }, Now: time.Now,
	})
	if err != nil {
		s.Fatal(err)
	}
	return l
}

// add adds a key to a history and gives its certificate.
func (s *site) add(l *history.Log) *x509.Certificate {
	s.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Oefenregister (TEST)"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		s.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		s.Fatal(err)
	}
	if err := l.Announce(s.Context(), history.Added, history.Key{Use: history.UseSeal, Subject: issuer, Certificate: c}); err != nil {
		s.Fatal(err)
	}
	return c
}

// Fetch implements history.Fetcher.
func (s *site) Fetch(ctx context.Context, url, _ string) ([]byte, string, error) {
	status, h, body := s.get(url)
	if status != http.StatusOK {
		return nil, "", fmt.Errorf("status %d", status)
	}
	return []byte(body), h.Get("Content-Type"), nil
}

func (s *site) get(url string) (int, http.Header, string) {
	s.Helper()
	res, err := http.Get(url)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return res.StatusCode, res.Header, string(b)
}

func (s *site) monitor() history.Monitor { return history.Monitor{URL: s.url, Fetch: s} }

// watched is what a monitor has after n keys were added.
func (s *site) watched(n int) history.Watched {
	s.Helper()
	w, err := s.monitor().Pin(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	for range n {
		s.add(s.log)
	}
	w, _, err = s.monitor().Update(s.Context(), w)
	if err != nil {
		s.Fatal(err)
	}
	return w
}

// A monitor follows the history, over many entries and looks, and proves each
// certificate.
func TestMonitorFollows(t *testing.T) {
	s := newSite(t)
	w, err := s.monitor().Pin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []*x509.Certificate
	seen := 0
	for _, more := range []int{0, 1, 2, 0, 5, 300} {
		for range more {
			all = append(all, s.add(s.log))
		}
		next, added, err := s.monitor().Update(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		if seen += len(added); seen != len(all)+1 {
			t.Errorf("%d entries for %d keys", seen, len(all))
		}
		w = next
	}
	for _, c := range []*x509.Certificate{all[0], all[7], all[307]} {
		if found, err := s.monitor().Prove(t.Context(), w, c); err != nil || len(found) != 1 || string(found[0].DER()) != string(c.Raw) {
			t.Errorf("%v %v", found, err)
		}
	}
	other := s.add(s.history(s.key))
	if _, err := s.monitor().Prove(t.Context(), w, other); !errors.Is(err, history.ErrAbsent) {
		t.Error(err)
	}
}

// A server that shows something else than before, or than it signed, is found out,
// and nothing of what it says is taken.
func TestMonitorFindsLies(t *testing.T) {
	for name, c := range map[string]struct {
		lie  func(s *site)
		want error  // nil: any
		say  string // part of the message
	}{
		"rollback": {func(s *site) {
			s.next = s.history(s.key)
			s.add(s.next)
		}, history.ErrOlder, "2 entries, and whether they are the first of the 4 that were seen is not known: fetching consistency"},
		"rollback with the proof of another history": {func(s *site) {
			s.next = s.history(s.key)
			s.add(s.next)
			s.bend = func(path, body string) string {
				if strings.HasSuffix(path, "checkpoint") {
					s.next = nil
				}
				return body
			}
		}, history.ErrUnshown, "the 2 entries that are served are not shown to be the first of the 4 that were seen: "},
		"fork of the same size": {func(s *site) {
			s.next = s.history(s.key)
			for range 3 {
				s.add(s.next)
			}
		}, history.ErrFork, "two roots of 4 entries"},
		"fork that is larger": {func(s *site) {
			s.next = s.history(s.key)
			for range 7 {
				s.add(s.next)
			}
		}, history.ErrUnshown, "the 8 entries that are served are not shown to go on from the 4 that were seen: "},
		"another key": {func(s *site) {
			_, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				s.Fatal(err)
			}
			s.next = s.history(key)
			for range 7 {
				s.add(s.next)
			}
		}, history.ErrKey, "is signed by issuer.example.org/key-history+"},
		"a root that was not signed": {func(s *site) {
			s.add(s.log)
			s.bend = func(path, body string) string {
				if strings.HasSuffix(path, "checkpoint") {
					body = strings.Replace(body, "\n5\n", "\n6\n", 1)
				}
				return body
			}
		}, nil, "invalid signature"},
		"an altered entry": {func(s *site) {
			s.add(s.log)
			s.bend = func(path, body string) string {
				if strings.HasSuffix(path, "entries") {
					at := strings.Index(body, `"time":"`) + len(`"time":"`)
					body = body[:at] + "2999" + body[at+4:]
				}
				return body
			}
		}, nil, "was altered"},
		"an entry in another form": {func(s *site) {
			s.add(s.log)
			s.bend = func(path, body string) string {
				if strings.HasSuffix(path, "entries") {
					body = strings.Replace(body, ":", ": ", 1)
				}
				return body
			}
		}, history.ErrEntry, "canonical"},
		"an entry left out": {func(s *site) {
			s.add(s.log)
			s.add(s.log)
			s.bend = func(path, body string) string {
				if strings.HasSuffix(path, "entries") {
					body = body[:strings.Index(body, "\n")+1]
				}
				return body
			}
		}, nil, "1 entries were served"},
		"entries exchanged": {func(s *site) {
			s.add(s.log)
			s.add(s.log)
			s.bend = func(path, body string) string {
				if a, b, ok := strings.Cut(strings.TrimSpace(body), "\n"); ok && strings.HasSuffix(path, "entries") {
					body = b + "\n" + a + "\n"
				}
				return body
			}
		}, history.ErrEntry, "it says that it is entry"},
		"a proof that is none": {func(s *site) {
			s.add(s.log)
			s.bend = func(path, body string) string {
				if strings.HasSuffix(path, "consistency") {
					at := strings.Index(body, `"proof":["`) + len(`"proof":["`)
					body = body[:at] + strings.Repeat("A", 43) + "=" + body[at+44:]
				}
				return body
			}
		}, history.ErrUnshown, "it does not verify"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			w := s.watched(3)
			c.lie(s)
			after, added, err := s.monitor().Update(t.Context(), w)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.say) {
				t.Fatalf("%v", err)
			}
			if len(added) > 0 || after.Checkpoint != w.Checkpoint {
				t.Error("something of it was taken")
			}
			if errors.Is(err, history.ErrFork) && errors.Is(err, history.ErrUnshown) {
				t.Error("a proof that is none")
			}
			var fork *history.Fork
			if errors.As(err, &fork) && (string(fork.Kept) != w.Checkpoint || len(fork.Served) == 0) {
				t.Error("the proof is not complete")
			}
			var unshown *history.Unshown
			if errors.As(err, &unshown) && (string(unshown.Kept) != w.Checkpoint || len(unshown.Served) == 0) {
				t.Error("what to ask with is not complete")
			}
		})
	}
}

// A checkpoint that a cache kept, or a server that lags, is an older state and no
// contradiction; the next look goes on.
func TestMonitorSeesAnOlderState(t *testing.T) {
	s := newSite(t)
	var kept string
	s.bend = func(path, body string) string {
		if strings.HasSuffix(path, "checkpoint") && kept == "" {
			kept = body
		}
		return body
	}
	before := s.watched(2)
	s.add(s.log)
	w, _, err := s.monitor().Update(t.Context(), before)
	if err != nil {
		t.Fatal(err)
	}
	s.bend = func(path, body string) string {
		if strings.HasSuffix(path, "checkpoint") {
			return kept
		}
		return body
	}
	after, added, err := s.monitor().Update(t.Context(), w)
	if !errors.Is(err, history.ErrOlder) || errors.Is(err, history.ErrFork) || errors.Is(err, history.ErrUnshown) || !strings.Contains(err.Error(), "3 entries, which are the first of the 4 that were seen") {
		t.Errorf("%v", err)
	}
	if len(added) > 0 || after.Checkpoint != w.Checkpoint {
		t.Error("something of it was taken")
	}
	s.bend = nil
	s.add(s.log)
	if _, added, err := s.monitor().Update(t.Context(), after); err != nil || len(added) != 1 {
		t.Errorf("%v %v", added, err)
	}
}

// Many new entries are read in steps, whatever size was signed: each step is proven to
// be of the tree that was signed, and what comes meanwhile is read after it.
func TestMonitorReadsInSteps(t *testing.T) {
	s := newSite(t)
	w := s.watched(0)
	var last *x509.Certificate
	for range 10 {
		last = s.add(s.log)
	}
	m := s.monitor()
	m.Step = 4
	var read []int64
	for n, behind := range []int64{6, 2, 0, 0} { // the last is of the next tree
		next, added, err := m.Update(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		if next.Behind != behind || int64(len(added)) > m.Step {
			t.Errorf("step %d: %d entries, behind by %d", n, len(added), next.Behind)
		}
		for _, e := range added {
			read = append(read, e.Sequence)
		}
		_, err = m.Prove(t.Context(), next, last)
		if (err == nil) != (behind == 0) {
			t.Errorf("step %d: %v", n, err)
		}
		if n == 0 {
			s.add(s.log) // it belongs to the next tree
		}
		if n < 2 {
			s.bend = func(path, body string) string {
				if strings.HasSuffix(path, "entries") {
					at := strings.LastIndex(body, `"time":"`) + len(`"time":"`)
					body = body[:at] + "2999" + body[at+4:]
				}
				return body
			}
			after, added, err := m.Update(t.Context(), next)
			if say := []string{"entries 5 to 8 that are served are not shown to be of the tree that was signed", "one of 9 to 10 was altered"}[n]; err == nil || len(added) > 0 || !strings.Contains(err.Error(), say) {
				t.Errorf("%v", err)
			}
			if fmt.Sprint(after) != fmt.Sprint(next) {
				t.Error("something of it was taken")
			}
			s.bend = nil
		}
		w = next
	}
	if fmt.Sprint(read) != "[1 2 3 4 5 6 7 8 9 10 11]" {
		t.Error(read)
	}
}

// An answer that cannot be read accuses nobody: it is an error as any other, and the
// next look goes on.
func TestMonitorReadsNoProofIntoRubbish(t *testing.T) {
	for name, bend := range map[string]func(body string) string{
		"a page of a proxy":  func(string) string { return "<!doctype html><title>Sign in</title>" },
		"cut off":            func(body string) string { return body[:len(body)/2] },
		"nothing":            func(string) string { return "" },
		"a hash of 3 octets": func(string) string { return `{"from":4,"to":5,"proof":["AAAA"]}` },
		"of other trees":     func(body string) string { return strings.Replace(body, `"from":4`, `"from":3`, 1) },
		"an unknown member":  func(body string) string { return strings.Replace(body, `{`, `{"more":1,`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			w := s.watched(3)
			s.add(s.log)
			s.bend = func(path, body string) string {
				if strings.HasSuffix(path, "consistency") {
					return bend(body)
				}
				return body
			}
			after, _, err := s.monitor().Update(t.Context(), w)
			if err == nil || errors.Is(err, history.ErrFork) || errors.Is(err, history.ErrUnshown) || !strings.Contains(err.Error(), "proof of consistency") {
				t.Errorf("%v", err)
			}
			if after.Checkpoint != w.Checkpoint {
				t.Error("something of it was taken")
			}
			s.bend = nil
			if _, added, err := s.monitor().Update(t.Context(), after); err != nil || len(added) != 1 {
				t.Errorf("%v %v", added, err)
			}
		})
	}
}

// A certificate is proven by a tree, not by a server's word.
func TestProveFindsLies(t *testing.T) {
	s := newSite(t)
	c := s.add(s.log)
	w := s.watched(2)
	s.bend = func(path, body string) string {
		if strings.HasSuffix(path, "inclusion") {
			body = strings.Replace(body, `"index":1`, `"index":2`, 1)
		}
		return body
	}
	if _, err := s.monitor().Prove(t.Context(), w, c); err == nil || !strings.Contains(err.Error(), "of another entry") {
		t.Error(err)
	}
	other := s.history(s.key)
	c = s.add(other)
	s.add(other)
	s.add(other)
	s.bend, s.next = nil, other
	if _, err := s.monitor().Prove(t.Context(), w, c); err == nil || !strings.Contains(err.Error(), "do not hash to the root") {
		t.Errorf("a certificate of another history: %v", err)
	}
}

// What was kept of a history is checked before it is built on.
func TestWatchedIsChecked(t *testing.T) {
	s := newSite(t)
	w := s.watched(3)
	bad := w
	bad.Edge = []string{}
	other := newSite(t).watched(3)
	mixed := w
	mixed.Edge = other.Edge
	ahead, behind := w, w
	ahead.Behind, behind.Behind = -1, 4
	for _, w := range []history.Watched{bad, mixed, ahead, behind, {Version: 1, URL: w.URL, Keys: w.Keys, Checkpoint: other.Checkpoint, Edge: other.Edge}} {
		if _, _, err := s.monitor().Update(t.Context(), w); err == nil || !strings.Contains(err.Error(), "what was kept") {
			t.Error(err)
		}
	}
	for _, text := range []string{"", "{}", `{"version":2,"url":"a","keys":["b"]}`, `{"version":1,"url":"a","keys":["b"],"more":1}`} {
		if _, err := history.ParseWatched([]byte(text)); err == nil {
			t.Error(text)
		}
	}
	for _, key := range []string{"", "a", "a+00000000+AQ==", w.Keys[0] + "="} {
		if _, err := history.NewWatched(s.url, key); err == nil {
			t.Error(key)
		}
	}
}

// Numbers that are none, or lie beyond the history, are refused; what is said of a
// tree of one size may be kept for long, the checkpoint for a moment.
func TestRoutes(t *testing.T) {
	s := newSite(t)
	s.add(s.log)
	for _, path := range []string{
		"entries", "entries?start=0", "entries?start=0&end=3", "entries?start=1&end=1", "entries?start=-1&end=1", "entries?start=0&end=x", "entries?start=00&end=1",
		"entries?start=0&end=99999999999999999999", "entries?start=0&end=257", "inclusion?index=2&size=2", "inclusion?index=0&size=3", "inclusion?size=2", "consistency?from=0&to=2", "consistency?from=2&to=1", "consistency?from=1&to=3",
	} {
		if status, h, body := s.get(s.url + "/key-history/" + path); status != http.StatusBadRequest || h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	for path, age := range map[string]string{
		"key": "10", "checkpoint": "10", "entries?start=0&end=2": "2592000", "inclusion?index=0&size=2": "2592000", "consistency?from=1&to=2": "2592000",
	} {
		if status, h, body := s.get(s.url + "/key-history/" + path); status != http.StatusOK || h.Get("Cache-Control") != "public, max-age="+age {
			t.Errorf("%s: %d %s %s", path, status, h, body)
		}
	}
	if status, _, _ := s.get(s.url + "/key-history/"); status != http.StatusNotFound {
		t.Error(status)
	}
	if len(keyhistory.Routes(nil)) != 0 {
		t.Error("routes without a history")
	}
}

// The history's own key is replaced: a monitor that knew the former one follows to
// the new one, which it learns of from a tree that the former one signed, and does not
// take the former one any more when that is retired. One that was away is refused.
func TestMonitorFollowsTheKey(t *testing.T) {
	s := newSite(t)
	w := s.watched(2)
	away := w
	_, next, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	look := func() {
		t.Helper()
		s.add(s.log)
		if w, _, err = s.monitor().Update(t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time nothing changes
		if err := s.log.Rotate(t.Context(), next); err != nil {
			t.Fatal(err)
		}
	}
	if keys := s.log.Keys(); len(keys) != 2 || keys[1] != w.Keys[0] {
		t.Fatalf("%q", keys)
	}
	both, err := s.monitor().Pin(t.Context())
	if err != nil || len(both.Keys) != 2 {
		t.Error(both, err)
	}
	look()
	if len(w.Keys) != 2 {
		t.Errorf("%q", w.Keys)
	}
	if ended, err := s.log.EndFormer(t.Context(), time.Hour); ended || err != nil {
		t.Error(ended, err)
	}
	for range 2 {
		if ended, err := s.log.EndFormer(t.Context(), 0); !ended || err != nil {
			t.Error(ended, err)
		}
	}
	look()
	look()
	if len(w.Keys) != 1 || w.Keys[0] != s.log.Keys()[0] || w.Keys[0] == away.Keys[0] {
		t.Errorf("%q", w.Keys)
	}
	if _, _, err := s.monitor().Update(t.Context(), away); !errors.Is(err, history.ErrKey) {
		t.Errorf("who missed the overlap: %v", err)
	}
	// From the beginning, with the new key, the same is seen.
	fresh, err := history.NewWatched(s.url, s.log.Keys()...)
	if err != nil {
		t.Fatal(err)
	}
	if fresh, _, err = s.monitor().Update(t.Context(), fresh); err != nil || len(fresh.Keys) != 1 || fresh.Keys[0] != w.Keys[0] {
		t.Errorf("%q %v", fresh.Keys, err)
	}
	// The former key alone signs nothing that is believed any more.
	s.next = s.history(s.key)
	if _, _, err := s.monitor().Update(t.Context(), w); !errors.Is(err, history.ErrKey) {
		t.Errorf("the retired key: %v", err)
	}
}
