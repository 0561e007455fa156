package outbound

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zegel-id/zegel/internal/provider"
)

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }

func status(code int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func get(ctx context.Context) (*http.Request, error) {
	return http.NewRequestWithContext(ctx, http.MethodGet, "https://supplier.example/x", nil)
}

func ok(r Response) error {
	if r.Status != 200 {
		return provider.ErrAnswer
	}
	return nil
}

func TestAskTriesAgainOnlyAfterSafeFailures(t *testing.T) {
	reset := &url.Error{Op: "Get", URL: "https://supplier.example/x", Err: errors.New("connection reset")}
	for _, c := range []struct {
		name   string
		answer func(try int) (*http.Response, error)
		tries  int
		want   error
		waited time.Duration
	}{
		{"first answer", func(int) (*http.Response, error) { return status(200, "a"), nil }, 1, nil, 0},
		{"reset, then answer", func(n int) (*http.Response, error) {
			if n == 1 {
				return nil, reset
			}
			return status(200, "a"), nil
		}, 2, nil, time.Second},
		{"always reset", func(int) (*http.Response, error) { return nil, reset }, 3, provider.ErrUnavailable, 3 * time.Second},
		{"always 503", func(int) (*http.Response, error) { return status(503, ""), nil }, 3, provider.ErrUnavailable, 3 * time.Second},
		{"429 with Retry-After", func(n int) (*http.Response, error) {
			if n == 1 {
				return status(429, "", "Retry-After", "4"), nil
			}
			return status(200, "a"), nil
		}, 2, nil, 4 * time.Second},
		{"Retry-After too long", func(int) (*http.Response, error) { return status(503, "", "Retry-After", "60"), nil }, 1, provider.ErrUnavailable, 0},
		{"500 is an answer", func(int) (*http.Response, error) { return status(500, ""), nil }, 1, provider.ErrAnswer, 0},
		{"redirect is an answer", func(int) (*http.Response, error) {
			return status(302, "", "Location", "https://elsewhere.example"), nil
		}, 1, provider.ErrAnswer, 0},
		{"certificate not trusted", func(int) (*http.Response, error) {
			return nil, &url.Error{Op: "Get", URL: "u", Err: x509.UnknownAuthorityError{}}
		}, 1, provider.ErrAnswer, 0},
		{"too large", func(int) (*http.Response, error) { return status(200, strings.Repeat("a", 101)), nil }, 1, ErrTooLarge, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tries, start := 0, time.Now()
				d := doer(func(*http.Request) (*http.Response, error) {
					tries++
					return c.answer(tries)
				})
				l := Limits{Attempts: 3, Backoff: time.Second, MaxBackoff: 10 * time.Second, MaxBytes: 100, Jitter: func() float64 { return 1 }}
				err := Ask(t.Context(), d, l, get, ok)
				if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
					t.Fatalf("error %v, want %v", err, c.want)
				}
				if err != nil && strings.Contains(err.Error(), "supplier.example") {
					t.Error("the address is in the error")
				}
				if tries != c.tries || time.Since(start) != c.waited {
					t.Fatalf("%d tries in %s, want %d in %s", tries, time.Since(start), c.tries, c.waited)
				}
			})
		})
	}
}

func TestAskSlowSupplier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		d := doer(func(r *http.Request) (*http.Response, error) {
			tries++
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		l := Limits{Attempts: 2, AttemptTimeout: 2 * time.Second, Backoff: time.Second, Jitter: func() float64 { return 1 }}
		start := time.Now()
		if err := Ask(t.Context(), d, l, get, ok); !errors.Is(err, provider.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if tries != 2 || time.Since(start) != 5*time.Second {
			t.Fatal(tries, time.Since(start))
		}
		// A caller who gives up ends it at once.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		tries, start = 0, time.Now()
		if err := Ask(ctx, d, l, get, ok); err == nil || tries != 1 || time.Since(start) != time.Second {
			t.Fatal(err, tries, time.Since(start))
		}
	})
}

func TestCheckURL(t *testing.T) {
	for _, c := range []struct {
		in       string
		loopback bool
		ok       bool
	}{
		{"https://a.example/x", false, true},
		{"http://a.example/x", true, false},
		{"http://127.0.0.1:80/x", true, true},
		{"http://127.0.0.1:80/x", false, false},
		{"http://127.0.0.1.example/x", true, false},
		{"https://u:p@a.example/x", false, false},
		{"ftp://a.example", false, false},
		{"/x", false, false},
		{"", false, false},
	} {
		if _, err := CheckURL(c.in, c.loopback); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.in, err)
		}
	}
}
