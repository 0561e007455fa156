package rest

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A stream of events outlives the limits of other requests, and ends when the
// server begins to stop, which it does not hold up.
func TestEventsEndWithTheServer(t *testing.T) {
	more := make(chan struct{})
	e, _ := engine(t, Route{Method: "GET", Path: "/events", Timeout: time.Minute, Handler: func(r *Request) (Answer, error) {
		return Events(func(s *EventStream) error {
			if err := s.Retry(time.Second); err != nil {
				return err
			}
			<-more
			if err := s.Event("1", "state", []byte("a\nb")); err != nil {
				return err
			}
			select {
			case <-Stopping(r.Context()):
				return nil
			case <-r.Context().Done():
				return r.Context().Err()
			}
		}), nil
	}})
	l := listen(t)
	stop := serve(t, l, e, func(o *ServeOptions) {
		o.ReadTimeout, o.WriteTimeout, o.HeaderTimeout = 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
	})
	res, err := http.Get("http://" + l.Addr().String() + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", res.Header)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Scan()
	if lines.Text() != "retry: 1000" {
		t.Errorf("%q", lines.Text())
	}
	time.Sleep(300 * time.Millisecond) // longer than the limits above
	close(more)
	var got []string
	for lines.Scan() && lines.Text() != "data: b" {
		got = append(got, lines.Text())
	}
	if strings.Join(got, "|") != "|id: 1|event: state|data: a" {
		t.Errorf("%q", got)
	}
	if err := stop(); err != nil {
		t.Errorf("the server did not stop cleanly: %v", err)
	}
	for lines.Scan() {
	}
	if lines.Err() != nil {
		t.Errorf("the stream was cut: %v", lines.Err())
	}
}

// No field of an event can end its line and begin another.
func TestEventFields(t *testing.T) {
	s := &EventStream{}
	for _, f := range [][3]string{{"1\nevent: x", "a", ""}, {"1", "a\r", ""}, {"1\x00", "a", ""}, {"1", "a", "b\rdata: c"}} {
		if err := s.Event(f[0], f[1], []byte(f[2])); err == nil {
			t.Errorf("%q was written", f)
		}
	}
}

func TestSlots(t *testing.T) {
	s := NewSlots(2, 3)
	ctx, cancel := context.WithCancel(t.Context())
	refused := func(key string, want int) {
		t.Helper()
		p, ok := s.Take(ctx, key).(*Problem)
		if !ok || p.Status != want || p.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %v, want %d", key, p, want)
		}
	}
	for _, key := range []string{"a", "a", "b"} {
		if err := s.Take(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	refused("a", http.StatusTooManyRequests)
	refused("b", http.StatusServiceUnavailable)
	cancel()
	for s.count() > 0 { // given back when the contexts end
		time.Sleep(time.Millisecond)
	}
	if err := s.Take(t.Context(), "a"); err != nil {
		t.Error(err)
	}
}

func (s *Slots) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.total
}
