package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/verifier/api"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// stream is an open event stream over a real connection.
type stream struct {
	t     *testing.T
	res   *http.Response
	lines *bufio.Scanner
}

// listening serves the edge, and stops it.
func (e *edge) listening() (base string, stop func() error) {
	e.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- rest.Serve(ctx, l, e.handler, rest.ServeOptions{Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	}()
	return "http://" + l.Addr().String(), func() error { cancel(); return <-done }
}

func (e *edge) connect(base, path, client, last string, want int) *stream {
	e.t.Helper()
	r, err := http.NewRequestWithContext(e.t.Context(), "GET", base+path, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	if client != "" {
		r.Header.Set("Authorization", "Bearer "+e.keys[client])
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { res.Body.Close() })
	if res.StatusCode != want {
		e.t.Errorf("events: %d, want %d", res.StatusCode, want)
	}
	return &stream{e.t, res, bufio.NewScanner(res.Body)}
}

// next reads the next event, as id and state; empty at the end.
func (s *stream) next() (id, state string) {
	s.t.Helper()
	for s.lines.Scan() {
		field, value, _ := strings.Cut(s.lines.Text(), ": ")
		switch field {
		case "id":
			id = value
		case "data":
			var st struct {
				State   string    `json:"state"`
				Expires time.Time `json:"expires_at"`
			}
			if err := json.Unmarshal([]byte(value), &st); err != nil || st.Expires.IsZero() {
				s.t.Errorf("%s: %v", value, err)
			}
			return id, st.State
		}
	}
	if err := s.lines.Err(); err != nil {
		s.t.Errorf("the stream was cut: %v", err)
	}
	return "", ""
}

func (s *stream) want(id, state string) {
	s.t.Helper()
	if i, st := s.next(); i != id || st != state {
		s.t.Errorf("event %s %s, want %s %s", i, st, id, state)
	}
}

// The stream tells each state once, goes on after the last one seen, and ends
// when there is no more to tell.
func TestEvents(t *testing.T) {
	e := open(t)
	base, stop := e.listening()
	s := e.start(order)
	path := "/verifier/v1/transactions/" + s.ID + "/events"
	first := e.connect(base, path, world.University, "", 200)
	if h := first.res.Header; h.Get("Content-Type") != "text/event-stream" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", h)
	}
	first.want("1", "requested")
	a := e.fetch(s)
	first.want("2", "fetched")
	again := e.connect(base, path, world.University, "2", 200) // told fetched already
	e.respond(a, a.Form(a.Present(e.w.Issue(), a.Paths())), 200)
	first.want("3", "answered")
	first.want("", "")
	again.want("3", "answered")
	again.want("", "")
	e.connect(base, path, world.University, "", 200).want("3", "answered")
	e.connect(base, path, world.University, "3", http.StatusNoContent)
	if err := stop(); err != nil {
		t.Error(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if strings.Contains(e.log.String(), s.ID) {
		t.Error("the transaction stands in the log")
	}
}

// It is the receiver's alone, and ends with its admission and with the server.
func TestEventsRefused(t *testing.T) {
	e := open(t, func(o *api.Options) { o.Streams = rest.NewSlots(2, 3) })
	base, stop := e.listening()
	s := e.start(order)
	path := "/verifier/v1/transactions/" + s.ID + "/events"
	e.connect(base, path, "", "", 401)
	e.connect(base, path, "other", "", 403)
	e.connect(base, path, world.Employer, "", 404)
	for _, last := range []string{"0", "5", "x", "-1", "1e0"} {
		e.connect(base, path, world.University, last, 400)
	}
	one, two := e.connect(base, path, world.University, "", 200), e.connect(base, path, world.University, "1", 200)
	one.want("1", "requested")
	third := e.connect(base, path, world.University, "", http.StatusTooManyRequests)
	if third.res.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	e.w.Suspend()
	one.want("", "")
	two.want("", "")
	e.connect(base, path, world.University, "", 403)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestEventsEndWithTheServer(t *testing.T) {
	e := open(t)
	base, stop := e.listening()
	s := e.start(order)
	open := e.connect(base, "/verifier/v1/transactions/"+s.ID+"/events", world.University, "", 200)
	open.want("1", "requested")
	if err := stop(); err != nil {
		t.Errorf("a stream holds the server up: %v", err)
	}
	open.want("", "")
}

// A citizen who refuses, and one who never comes, end it too.
func TestEventsOfOtherEnds(t *testing.T) {
	e := open(t)
	base, stop := e.listening()
	s, late := e.start(order), e.start(order)
	a := e.fetch(s)
	e.respond(a, url.Values{"error": {"access_denied"}, "state": {string(a.State)}}, 200)
	no := e.connect(base, "/verifier/v1/transactions/"+s.ID+"/events", world.University, "2", 200)
	no.want("3", "refused")
	no.want("", "")
	waiting := e.connect(base, "/verifier/v1/transactions/"+late.ID+"/events", world.University, "", 200)
	waiting.want("1", "requested")
	e.w.Advance(10 * time.Minute)
	waiting.want("4", "expired")
	waiting.want("", "")
	if err := stop(); err != nil {
		t.Error(err)
	}
	// Held against the document as every other exchange.
	e.do(call{method: "GET", path: "/verifier/v1/transactions/" + late.ID + "/events", client: world.University}, 200)
	e.do(call{method: "GET", path: "/verifier/v1/transactions/" + late.ID + "/events", client: world.University, header: map[string]string{"Last-Event-ID": "4"}}, 204)
}
