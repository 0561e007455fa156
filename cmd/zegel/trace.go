package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
)

// tracer shows HTTP messages whole, secrets and all. It exists in the
// demonstration only, where everything is fictitious.
type tracer struct {
	mu   sync.Mutex
	out  io.Writer
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	ask, err := httputil.DumpRequestOut(req, true)
	if err != nil {
		return nil, err
	}
	res, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	answer, err := httputil.DumpResponse(res, true)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "%s\n%s\n", mark("> ", ask), mark("< ", answer))
	return res, nil
}

func mark(prefix string, message []byte) string {
	return prefix + strings.ReplaceAll(strings.TrimRight(string(message), "\r\n"), "\n", "\n"+prefix)
}
