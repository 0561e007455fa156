package solid

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/zegel-id/zegel/holder/pod"
)

// Limits on what is read of a response.
const (
	maxAnswer  = 256 << 10 // account API, token, headers' bodies
	maxListing = 16 << 20  // about 20,000 resources
)

// exchange is one request to the server.
type exchange struct {
	method string
	url    string
	header http.Header
	body   []byte
	limit  int64 // of the answer
}

// answer is what came back, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send does one exchange with the Solid server, never with another. An error
// means that there is no answer; it does not hold the address.
func (h *Host) send(ctx context.Context, e exchange) (answer, error) {
	if !within(h.server, e.url) {
		return answer{}, fmt.Errorf("%w: an address that the server gave leads elsewhere", pod.ErrUnavailable)
	}
	req, err := http.NewRequestWithContext(ctx, e.method, e.url, bytes.NewReader(e.body))
	if err != nil {
		return answer{}, fmt.Errorf("%w: the request cannot be made", pod.ErrUnavailable)
	}
	if e.body == nil {
		req.Body, req.GetBody, req.ContentLength = http.NoBody, nil, 0
	}
	for k, v := range e.header {
		req.Header[k] = v
	}
	res, err := h.http.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return answer{}, fmt.Errorf("%w: %s: %w", pod.ErrUnavailable, e.method, err)
	}
	defer res.Body.Close()
	if res.Request != nil && res.Request.URL != nil && res.Request.URL.String() != e.url {
		return answer{}, fmt.Errorf("%w: a redirect was followed; the HTTP client of this driver must not follow any", pod.ErrUnavailable)
	}
	if res.StatusCode >= 300 && res.StatusCode < 400 {
		return answer{}, fmt.Errorf("%w: the server answered with a redirect (status %d), which is not followed", pod.ErrUnavailable, res.StatusCode)
	}
	limit := e.limit
	if limit == 0 {
		limit = maxAnswer
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return answer{}, fmt.Errorf("%w: reading the answer: %w", pod.ErrUnavailable, err)
	}
	if int64(len(body)) > limit {
		return answer{}, fmt.Errorf("%w: the answer is longer than %d bytes", pod.ErrTooLarge, limit)
	}
	return answer{status: res.StatusCode, header: res.Header, body: body}, nil
}

// failure is the error of an answer that was not the one hoped for. The body
// is not repeated: it may hold addresses and WebIDs.
func (a answer) failure(doing string) error {
	kind := pod.ErrUnavailable
	switch a.status {
	case http.StatusNotFound, http.StatusGone:
		kind = pod.ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden:
		kind = pod.ErrDenied
	case http.StatusPreconditionFailed:
		kind = pod.ErrPrecondition
	case http.StatusRequestEntityTooLarge:
		kind = pod.ErrTooLarge
	}
	return fmt.Errorf("%w: %s: the Solid server answered with status %d", kind, doing, a.status)
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }
