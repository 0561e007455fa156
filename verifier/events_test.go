package verifier_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
	"github.com/zegel-id/zegel/verifier/webhooks"
)

// inbox is the university's endpoint.
type inbox struct {
	t  *testing.T
	mu sync.Mutex
	// down makes it answer 503.
	down  bool
	texts []string
	ids   []string
}

func (i *inbox) Do(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	status := 204
	if i.down {
		status = 503
	} else {
		i.texts, i.ids = append(i.texts, string(b)), append(i.ids, r.Header.Get("webhook-id"))
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(""))}, nil
}

// told is what arrived, as reference and state.
func (i *inbox) told(s verifier.Started) []string {
	var out []string
	for _, text := range i.texts {
		var b struct {
			Type string    `json:"type"`
			Time time.Time `json:"timestamp"`
			Data struct {
				Transaction string `json:"transaction"`
				State       string `json:"state"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(text), &b); err != nil || b.Time.IsZero() || b.Type != "transaction."+b.Data.State {
			i.t.Errorf("%s %v", text, err)
		}
		if b.Data.Transaction == s.Reference {
			out = append(out, b.Data.State)
		}
	}
	return out
}

func listening(t *testing.T) (*world.World, *inbox) {
	t.Helper()
	secret, err := webhooks.ParseSecret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if err != nil {
		t.Fatal(err)
	}
	i := &inbox{t: t}
	w := world.New(t, func(c *verifier.Config) {
		c.Webhooks = webhooks.Config{
			Endpoints: map[string]webhooks.Endpoint{world.University: {URL: "https://www.university.example/hook", Secrets: []webhooks.Secret{secret}}},
			Client:    i, Jitter: func() float64 { return 0 },
		}
	})
	return w, i
}

func deliver(t *testing.T, w *world.World) {
	t.Helper()
	_ = w.Verifier.Webhooks().Deliver(t.Context(), world.University) // an endpoint may be down
}

func (i *inbox) want(s verifier.Started, states ...string) {
	i.t.Helper()
	if got := i.told(s); !slices.Equal(got, states) {
		i.t.Errorf("told %v, want %v", got, states)
	}
}

// Each step is told once, without a secret and without a claim.
func TestWebhooks(t *testing.T) {
	w, i := listening(t)
	s := start(t, w, order(query, verifier.CrossDevice))
	deliver(t, w)
	i.want(s)
	a := w.Fetch(s)
	deliver(t, w)
	i.want(s, "fetched")
	if _, err := w.Object(s); err == nil {
		t.Error("fetched twice")
	}
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths()))); err != nil {
		t.Fatal(err)
	}
	deliver(t, w)
	result(t, w, s, "")
	w.Advance(time.Hour)
	deliver(t, w)
	i.want(s, "fetched", "answered")
	all := strings.Join(i.texts, "")
	for _, secret := range append(slices.Clone(world.Canaries), s.ID.Reveal(), a.Secret(), world.Last(s.RequestURI), string(a.Nonce), string(a.State), world.Issuer) {
		if strings.Contains(all, secret) {
			t.Errorf("%.12s stands in a webhook", secret)
		}
	}
	// The reference fetches nothing.
	_, err := w.Verifier.Result(t.Context(), s.Reference, world.University, "")
	refused(t, err, verifier.ErrNotFound)
}

func TestWebhookRefusedAndExpired(t *testing.T) {
	w, i := listening(t)
	no, late := start(t, w, order(query, verifier.CrossDevice)), start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(no)
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), url.Values{"error": {"access_denied"}, "state": {string(a.State)}}); err != nil {
		t.Fatal(err)
	}
	w.Advance(5 * time.Minute)
	deliver(t, w)
	i.want(late) // an answer may be under way
	w.Advance(2 * time.Minute)
	deliver(t, w)
	i.want(no, "fetched", "refused")
	i.want(late, "expired")
}

// Over the Digital Credentials API there is nothing to fetch; the rest is told.
func TestWebhooksOfTheBrowser(t *testing.T) {
	w, i := listening(t)
	s, late := start(t, w, browserOrder()), start(t, w, browserOrder())
	a, err := w.Browser(s.Digital[0], origin)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Verifier.RespondDigital(t.Context(), s.ID.Reveal(), world.University, s.Digital[0].Protocol, a.DC(a.Present(w.Issue(), a.Paths()))); err != nil {
		t.Fatal(err)
	}
	w.Advance(10 * time.Minute)
	deliver(t, w)
	i.want(s, "answered")
	i.want(late, "expired")
}

// Of several who answer at once, the step is told once, and as it was taken.
func TestWebhookOfTheWinner(t *testing.T) {
	w, i := listening(t)
	s := start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(s)
	h := w.Issue()
	var wg sync.WaitGroup
	for n := range 6 {
		form := a.Form(a.Present(h, a.Paths()))
		if n%2 == 0 {
			form = url.Values{"error": {"access_denied"}, "state": {string(a.State)}}
		}
		wg.Go(func() { _, _ = w.Verifier.Respond(t.Context(), a.Secret(), form) })
	}
	wg.Wait()
	deliver(t, w)
	r := result(t, w, s, "")
	i.want(s, "fetched", string(r.State))
}

// A restart, at whatever point, loses no webhook and makes none up.
func TestRestartLosesNoWebhook(t *testing.T) {
	w, i := listening(t)
	i.down = true
	s := start(t, w, order(query, verifier.CrossDevice))
	a := w.Fetch(s)
	deliver(t, w) // tried once
	w.Restart()
	if _, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(w.Issue(), a.Paths()))); err != nil {
		t.Fatal(err)
	}
	w.Restart() // before anything of it was tried
	// The result is fetched and swept, and long gone, when the endpoint is back.
	result(t, w, s, "")
	w.Advance(6 * time.Hour)
	if _, err := w.Verifier.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	i.down = false
	deliver(t, w)
	deliver(t, w)
	i.want(s, "fetched", "answered")
	if len(i.ids) != 2 || i.ids[0] == i.ids[1] {
		t.Errorf("ids %v", i.ids)
	}
}

// A crash after an event was put and before its step leaves nothing to tell.
func TestCrashBeforeTheStep(t *testing.T) {
	w, i := listening(t)
	s := start(t, w, order(query, verifier.CrossDevice))
	if _, err := w.Verifier.Webhooks().Put(t.Context(), webhooks.Event{Type: webhooks.Answered, Receiver: world.University, Transaction: s.Reference, State: "answered", Time: w.Now(), Until: w.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	deliver(t, w)
	w.Advance(2 * time.Hour)
	deliver(t, w)
	i.want(s, "expired")
}
