package webhooks_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
	"github.com/zegel-id/zegel/verifier/webhooks"
)

const (
	secretText = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwzegel+TEST01"
	olderText  = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)

func secret(t testing.TB, text string) webhooks.Secret {
	t.Helper()
	s, err := webhooks.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// receiver is a client and the endpoint behind it in one.
type receiver struct {
	mu     sync.Mutex
	status int
	err    error
	got    []http.Header
	bodies []string
}

func (r *receiver) Do(req *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.bodies = append(r.got, req.Header.Clone()), append(r.bodies, string(b))
	if r.err != nil {
		return nil, r.err
	}
	return &http.Response{StatusCode: r.status, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// scene is an outbox over a store of its own.
type scene struct {
	*testing.T
	store   store.Store
	r       *receiver
	verdict webhooks.Verdict
	later   atomic.Int64
	config  webhooks.Config
	o       *webhooks.Outbox
}

func (s *scene) now() time.Time { return time.Now().Add(time.Duration(s.later.Load())) }

func (s *scene) advance(d time.Duration) { s.later.Add(int64(d)) }

func (s *scene) open(change func(*webhooks.Config)) *webhooks.Outbox {
	s.Helper()
	c := s.config
	if change != nil {
		change(&c)
	}
	o, err := webhooks.New(c, s.store, s.now, func(context.Context, string, webhooks.Event) (webhooks.Verdict, error) { return s.verdict, nil })
	if err != nil {
		s.Fatal(err)
	}
	return o
}

func stage(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, r: &receiver{status: 204}, verdict: webhooks.Yes}
	var err error
	if s.store, err = embedded.Open(filepath.Join(t.TempDir(), "store"), embedded.Options{Now: s.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	s.config = webhooks.Config{
		Endpoints: map[string]webhooks.Endpoint{"university": {URL: "https://www.university.example/hook", Secrets: []webhooks.Secret{secret(t, secretText)}}},
		Client:    s.r, Jitter: func() float64 { return 0 },
	}
	s.o = s.open(nil)
	return s
}

func (s *scene) put(o *webhooks.Outbox) string {
	s.Helper()
	id, err := o.Put(s.Context(), webhooks.Event{Type: webhooks.Answered, Receiver: "university", Transaction: "ref", State: "answered", Time: s.now(), Until: s.now().Add(time.Hour)})
	if err != nil {
		s.Fatal(err)
	}
	return id
}

func (s *scene) deliver(want string) {
	s.Helper()
	err := s.o.Deliver(s.Context(), "university")
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		s.Errorf("delivering: %v, want %q", err, want)
	}
}

func (s *scene) left(want int) {
	s.Helper()
	recs, _, err := s.store.Find(s.Context(), "vp-event", "", store.Page{})
	if err != nil || len(recs) != want {
		s.Errorf("%d events left, %v; want %d", len(recs), err, want)
	}
}

// What is sent is what the conventions' own library takes, and nothing else is
// in it.
func TestStandardWebhooks(t *testing.T) {
	s := stage(t)
	id := s.put(s.o)
	s.deliver("")
	s.left(0)
	if s.r.count() != 1 {
		t.Fatalf("%d webhooks", s.r.count())
	}
	h, b := s.r.got[0], s.r.bodies[0]
	w, err := standard.NewWebhook(secretText)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Verify([]byte(b), h); err != nil {
		t.Error(err)
	}
	if err := w.Verify([]byte(strings.Replace(b, "answered", "refused", 1)), h); err == nil {
		t.Error("a changed body verifies")
	}
	if h.Get("webhook-id") != id || h.Get("Content-Type") != "application/json" {
		t.Errorf("%v", h)
	}
	if !strings.HasPrefix(b, `{"data":{"state":"answered","transaction":"ref"},"timestamp":"`) && !strings.HasPrefix(b, `{"type":"transaction.answered","timestamp":"`) {
		t.Errorf("body %s", b)
	}
	if strings.Contains(b, "university") {
		t.Errorf("body %s", b)
	}
}

// While secrets are exchanged each signs: who knows either takes it. Ed25519 is
// v1a.
func TestRotation(t *testing.T) {
	s := stage(t)
	seed := bytes.Repeat([]byte{7}, ed25519.SeedSize)
	key := secret(t, "whsk_"+base64.StdEncoding.EncodeToString(seed))
	s.o = s.open(func(c *webhooks.Config) {
		c.Endpoints = map[string]webhooks.Endpoint{"university": {URL: "https://www.university.example/hook", Secrets: []webhooks.Secret{secret(t, secretText), secret(t, olderText), key}}}
	})
	s.put(s.o)
	s.deliver("")
	h, b := s.r.got[0], s.r.bodies[0]
	for _, text := range []string{secretText, olderText} {
		w, err := standard.NewWebhook(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Verify([]byte(b), h); err != nil {
			t.Error(err)
		}
	}
	entries := strings.Split(h.Get("webhook-signature"), " ")
	sig, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(entries[len(entries)-1], "v1a,"))
	public, perr := base64.StdEncoding.DecodeString(strings.TrimPrefix(key.PublicKey(), "whpk_"))
	signed := fmt.Sprintf("%s.%s.%s", h.Get("webhook-id"), h.Get("webhook-timestamp"), b)
	if err != nil || perr != nil || len(entries) != 3 || !ed25519.Verify(public, []byte(signed), sig) {
		t.Errorf("%v %v %s", err, perr, h.Get("webhook-signature"))
	}
}

// What is not taken is tried again under the same id, later each time, and
// given up at the end.
func TestRetries(t *testing.T) {
	s := stage(t)
	s.r.status = http.StatusInternalServerError
	id := s.put(s.o)
	s.deliver("answered 500")
	s.deliver("") // not due
	if s.r.count() != 1 {
		t.Errorf("%d tries at once", s.r.count())
	}
	s.advance(29 * time.Second)
	s.deliver("")
	s.advance(2 * time.Second)
	s.r.err = errors.New("no route")
	s.deliver("no route")
	s.advance(31 * time.Second)
	s.deliver("") // the pause has doubled
	if s.r.count() != 2 {
		t.Errorf("%d tries, want 2", s.r.count())
	}
	s.r.err = nil
	for _, status := range []int{301, 400, 429, 503} { // none of them is a delivery
		s.r.status = status
		s.advance(2 * time.Hour)
		s.deliver(fmt.Sprint(status))
	}
	s.left(1)
	seen := map[string]bool{}
	for _, h := range s.r.got {
		if h.Get("webhook-id") != id {
			t.Errorf("another id: %s", h.Get("webhook-id"))
		}
		seen[h.Get("webhook-timestamp")] = true
	}
	if len(seen) != 6 {
		t.Errorf("%d different times of 6 tries", len(seen))
	}
	tries := s.r.count()
	s.advance(17 * time.Hour)
	s.deliver("gave up a webhook after 6 tries")
	s.left(0)
	if s.r.count() != tries {
		t.Error("sent after its end")
	}
}

// An endpoint that is gone is told nothing more, by no process, until its
// address or secret changes (Standard Webhooks, 410).
func TestGone(t *testing.T) {
	s := stage(t)
	s.r.status = http.StatusGone
	s.put(s.o)
	s.put(s.o)
	s.deliver("410")
	s.r.status = 204
	s.deliver("")
	s.left(0)
	if s.put(s.o) != "" || s.put(s.open(nil)) != "" {
		t.Error("an event for an endpoint that is gone was kept")
	}
	if s.r.count() != 1 {
		t.Errorf("%d webhooks", s.r.count())
	}
	for name, e := range map[string]webhooks.Endpoint{
		"address": {URL: "https://www.university.example/other", Secrets: []webhooks.Secret{secret(t, secretText)}},
		"secret":  {URL: "https://www.university.example/hook", Secrets: []webhooks.Secret{secret(t, olderText)}},
	} {
		s.o = s.open(func(c *webhooks.Config) { c.Endpoints = map[string]webhooks.Endpoint{"university": e} })
		if s.put(s.o) == "" {
			t.Errorf("a changed %s does not enable it", name)
		}
	}
	s.deliver("")
	s.left(0)
}

// An event whose step was not taken is never told; one whose step is under way
// waits.
func TestOnlyWhatHappened(t *testing.T) {
	s := stage(t)
	s.verdict = webhooks.NotYet
	s.put(s.o)
	s.deliver("")
	s.left(1)
	s.verdict = webhooks.Yes
	s.advance(3 * time.Second)
	s.deliver("")
	s.left(0)
	s.verdict = webhooks.No
	s.put(s.o)
	s.deliver("")
	s.left(0)
	s.verdict = webhooks.NotYet
	s.put(s.o)
	s.advance(2 * time.Hour) // the step can no longer happen
	s.deliver("")
	s.left(0)
	if s.r.count() != 1 {
		t.Errorf("%d webhooks, want 1", s.r.count())
	}
}

// Several processes on one store send each event once.
func TestOneSender(t *testing.T) {
	s := stage(t)
	for range 20 {
		s.put(s.o)
	}
	var wg sync.WaitGroup
	for range 4 {
		o := s.open(nil)
		wg.Go(func() {
			if err := o.Deliver(context.Background(), "university"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.left(0)
	ids := map[string]int{}
	last := ""
	for _, h := range s.r.got {
		ids[h.Get("webhook-id")]++
		last = h.Get("webhook-id")
	}
	if len(ids) != 20 || s.r.count() != 20 || last == "" {
		t.Errorf("%d webhooks with %d ids", s.r.count(), len(ids))
	}
}

// A running outbox sends what is told, and ends with its context.
func TestRun(t *testing.T) {
	s := stage(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	o := s.open(func(c *webhooks.Config) { c.Poll = 10 * time.Millisecond })
	go func() { o.Run(ctx); close(done) }()
	s.put(o)
	o.Tell("university")
	for s.r.count() == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	<-done
}

// A receiver without an endpoint is told nothing, and no outbox takes anything.
func TestNobody(t *testing.T) {
	s := stage(t)
	if id, err := s.o.Put(t.Context(), webhooks.Event{Receiver: "employer"}); id != "" || err != nil {
		t.Error(id, err)
	}
	none, err := webhooks.New(webhooks.Config{}, nil, nil, nil)
	if none != nil || err != nil {
		t.Error(none, err)
	}
	if id, err := none.Put(t.Context(), webhooks.Event{Receiver: "university"}); id != "" || err != nil || none.RetryFor() != 0 {
		t.Error(id, err)
	}
	none.Tell("university")
	none.Run(t.Context())
	if err := none.Deliver(t.Context(), "university"); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	s := stage(t)
	good := s.config.Endpoints["university"]
	for name, change := range map[string]func(*webhooks.Config){
		"plain http":  func(c *webhooks.Config) { endpoint(c, "http://www.university.example/", good.Secrets) },
		"a user":      func(c *webhooks.Config) { endpoint(c, "https://a:b@www.university.example/", good.Secrets) },
		"no address":  func(c *webhooks.Config) { endpoint(c, "", good.Secrets) },
		"no secret":   func(c *webhooks.Config) { endpoint(c, good.URL, nil) },
		"zero secret": func(c *webhooks.Config) { endpoint(c, good.URL, []webhooks.Secret{{}}) },
		"no client":   func(c *webhooks.Config) { c.Client = nil },
		"no jitter":   func(c *webhooks.Config) { c.Jitter = nil },
		"for ever":    func(c *webhooks.Config) { c.RetryFor = 1 << 60 },
	} {
		c := s.config
		change(&c)
		if o, err := webhooks.New(c, s.store, s.now, func(context.Context, string, webhooks.Event) (webhooks.Verdict, error) { return webhooks.Yes, nil }); err == nil || o != nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func endpoint(c *webhooks.Config, url string, secrets []webhooks.Secret) {
	c.Endpoints = map[string]webhooks.Endpoint{"university": {URL: url, Secrets: secrets}}
}

func TestParseSecret(t *testing.T) {
	for _, text := range []string{"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_" + strings.Repeat("A", 200), "whsec_!!!!", "whsk_c2hvcnQ=", "whpk_" + olderText[6:], "WHSEC_" + olderText[6:]} {
		if _, err := webhooks.ParseSecret(text); !errors.Is(err, webhooks.ErrSecret) || len(text) > 6 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	s := secret(t, secretText+"\n")
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s), s.LogValue().String()} {
		if text != "[secret]" {
			t.Errorf("printed %s", text)
		}
	}
}

func FuzzParseSecret(f *testing.F) {
	f.Add(secretText)
	f.Add("whsk_" + olderText[6:])
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := webhooks.ParseSecret(text); err == nil && fmt.Sprint(s) != "[secret]" {
			t.Error("prints")
		}
	})
}
