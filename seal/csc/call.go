package csc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// exchange is one POST and its answer.
type exchange struct {
	call        string // for errors
	address     string
	kind        string // content type
	credentials string // Authorization
	body        []byte
}

// post makes one POST and reads the whole answer, within the timeout and
// MaxAnswer. An answer of another status than 2xx is an *Error. It does not try
// again.
func post(ctx context.Context, h HTTP, timeout time.Duration, x exchange) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.address, bytes.NewReader(x.body))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: the address cannot be asked", ErrConfig, x.call)
	}
	req.Header.Set("Content-Type", x.kind)
	req.Header.Set("Accept", "application/json")
	if x.credentials != "" {
		req.Header.Set("Authorization", x.credentials)
	}
	res, err := h.Do(req)
	if err != nil {
		return nil, &lostError{call: x.call, cause: err}
	}
	defer func() { _ = res.Body.Close() }()
	if res.Request != nil && res.Request.URL.String() != x.address {
		return nil, &garbledError{x.call, "a redirect was followed, with what was sent"}
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	if err != nil {
		return nil, &lostError{call: x.call, cause: err}
	}
	if len(answer) > MaxAnswer {
		return nil, &garbledError{x.call, fmt.Sprintf("an answer of more than %d octets", MaxAnswer)}
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, &Error{Call: x.call, Status: res.StatusCode, Code: errorCode(answer)}
	}
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, &garbledError{x.call, "an answer that is not application/json"}
	}
	return answer, nil
}

// lostError: no answer of the provider that says whether it did what it was
// asked. The cause comes from the connection, not from the provider.
type lostError struct {
	call  string
	cause error
}

func (e *lostError) Error() string { return e.call + ": " + e.cause.Error() }
func (e *lostError) Unwrap() error { return e.cause }

// garbledError: an answer that the API does not have.
type garbledError struct{ call, what string }

func (e *garbledError) Error() string { return e.call + ": " + e.what }

// errorCode reads the member error, if it looks like one of the API (CSC API
// v2, Section 10.2; RFC 6749, Section 5.2).
func errorCode(answer []byte) string {
	var e struct {
		Error string `json:"error"`
	}
	if jose.Unmarshal(answer, &e) != nil || len(e.Error) > 40 || strings.Trim(e.Error, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return ""
	}
	return e.Error
}

// passing says that the same call may succeed a moment later. One that was
// named is the end of other calls, for a token, which were made again already.
func passing(err error) bool {
	var e *Error
	if errors.Is(err, ErrAway) {
		return false
	}
	if errors.As(err, &e) {
		switch e.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return true
		}
		return false
	}
	var lost *lostError
	return errors.As(err, &lost)
}

// again makes a call that signs nothing, and makes it again when it fails in
// passing.
func again[T any](ctx context.Context, pause time.Duration, call func() (T, error)) (v T, err error) {
	for try := range tries {
		if try > 0 {
			timer := time.NewTimer(pause << (try - 1))
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return v, named(err)
			}
		}
		if v, err = call(); err == nil || !passing(err) || ctx.Err() != nil {
			return v, named(err)
		}
	}
	return v, named(err)
}

// named gives the errors of calls that sign nothing their names.
func named(err error) error {
	var e *Error
	var garbled *garbledError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrAway), errors.Is(err, ErrRefused), errors.Is(err, ErrProtocol), errors.Is(err, ErrConfig):
		return err // has one
	case errors.As(err, &garbled):
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	case passing(err):
		return fmt.Errorf("%w: %w", ErrAway, err)
	case errors.As(err, &e):
		return fmt.Errorf("%w: %w", ErrRefused, err)
	default:
		return err
	}
}

// ask makes a call of the API that signs nothing.
func (c *Client) ask(ctx context.Context, call string, question, answer any) error {
	body, err := jose.Marshal(question)
	if err != nil {
		return fmt.Errorf("%w: writing %s", ErrConfig, call)
	}
	_, err = again(ctx, c.cfg.Pause, func() (struct{}, error) {
		token, b, err := c.withToken(ctx, call, body, "")
		if unauthorized(err, call) {
			_, b, err = c.withToken(ctx, call, body, token) // it was refused: with a new one
		}
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, read(call, b, answer)
	})
	return err
}

func (c *Client) withToken(ctx context.Context, call string, body []byte, refused string) (token string, answer []byte, err error) {
	if token, err = c.cfg.Service.Token(ctx, refused); err != nil {
		return "", nil, err
	}
	answer, err = c.send(ctx, call, token, body)
	return token, answer, err
}

// send makes one call of the API, once.
func (c *Client) send(ctx context.Context, call, token string, body []byte) ([]byte, error) {
	return post(ctx, c.cfg.HTTP, c.cfg.Timeout, exchange{
		call: call, address: strings.TrimSuffix(c.cfg.Base, "/") + "/" + call,
		kind: "application/json", credentials: "Bearer " + token, body: body,
	})
}

func read(call string, b []byte, to any) error {
	if err := jose.Unmarshal(b, to); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrProtocol, call, err)
	}
	return nil
}

// form posts a form to an OAuth endpoint, once.
func form(ctx context.Context, h HTTP, timeout time.Duration, call, address, credentials string, values url.Values, to any) error {
	b, err := post(ctx, h, timeout, exchange{
		call: call, address: address, kind: "application/x-www-form-urlencoded",
		credentials: credentials, body: []byte(values.Encode()),
	})
	if err != nil {
		return err
	}
	return read(call, b, to)
}
