package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// eventWrite bounds the time to write one event to a slow reader.
const eventWrite = 30 * time.Second

// Events is a stream of server-sent events (HTML Standard, Section 9.2). send
// runs until there is no more to say; it must end when Stopping or the
// request's context does. The route's Timeout bounds the whole stream.
func Events(send func(*EventStream) error) Answer {
	a := Stream("text/event-stream", func(w io.Writer) error {
		rw, ok := w.(http.ResponseWriter)
		if !ok {
			return errors.New("rest: the connection cannot carry events")
		}
		s := &EventStream{w: rw, control: http.NewResponseController(rw)}
		// The server's limits are for requests that end soon; each event has its
		// own instead.
		if err := s.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		return send(s)
	})
	return a.With("X-Accel-Buffering", "no") // proxies must not hold events back
}

// EventStream writes events, each at once.
type EventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// Event sends one event. id and name must be one line of visible characters,
// data may have several lines.
func (s *EventStream) Event(id, name string, data []byte) error {
	if strings.ContainsAny(id+name, "\r\n\x00") || strings.ContainsRune(string(data), '\r') {
		return errors.New("rest: an event's fields must not break lines")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "id: %s\nevent: %s\n", id, name)
	for line := range strings.SplitSeq(string(data), "\n") {
		b.WriteString("data: " + line + "\n")
	}
	return s.write(b.String() + "\n")
}

// Beat sends a comment, which keeps proxies from closing a silent connection
// and finds out whether the reader is there.
func (s *EventStream) Beat() error { return s.write(": beat\n\n") }

// Retry asks the reader to wait that long before it connects again.
func (s *EventStream) Retry(d time.Duration) error {
	return s.write(fmt.Sprintf("retry: %d\n\n", d.Milliseconds()))
}

func (s *EventStream) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(eventWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return s.control.Flush()
}

type stoppingKey struct{}

// Stopping is closed when the server that serves a request begins to stop.
// Requests under way may finish; what would go on for long must end. It is nil
// without such a server.
func Stopping(ctx context.Context) <-chan struct{} {
	c, _ := ctx.Value(stoppingKey{}).(<-chan struct{})
	return c
}

// Slots bounds how much of something goes on at the same time: for each key and
// in all. It may be used by many goroutines.
type Slots struct {
	each, all int

	mu    sync.Mutex // guards the rest
	taken map[string]int
	total int
}

// NewSlots makes slots, none taken.
func NewSlots(each, all int) *Slots { return &Slots{each: each, all: all, taken: map[string]int{}} }

// Take takes a slot until ctx ends, or refuses. It is free a moment after that: who
// must have it back at once holds it.
func (s *Slots) Take(ctx context.Context, key string) error {
	release, err := s.Hold(key)
	if err == nil {
		context.AfterFunc(ctx, release)
	}
	return err
}

// Hold takes a slot until release is called, once, or refuses.
func (s *Slots) Hold(key string) (release func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken[key] >= s.each {
		return nil, &Problem{Status: http.StatusTooManyRequests, Title: "Too many connections", Detail: fmt.Sprintf("This caller has %d open already.", s.each), Spec: "RFC 6585, Section 4", Remedy: "Close one of them.", Header: http.Header{"Retry-After": {"5"}}}
	}
	if s.total >= s.all {
		return nil, &Problem{Status: http.StatusServiceUnavailable, Title: "Too many connections", Detail: "All callers together have as many open as are served.", Remedy: "Ask again as Retry-After says, or poll.", Header: http.Header{"Retry-After": {"30"}}}
	}
	s.taken[key]++
	s.total++
	return func() { s.give(key) }, nil
}

func (s *Slots) give(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.taken[key]--; s.taken[key] == 0 {
		delete(s.taken, key)
	}
}
