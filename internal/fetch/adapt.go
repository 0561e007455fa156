package fetch

import (
	"context"
	"time"
)

// Typed gives a Fetcher the shape that packages want who judge the content
// type.
type Typed struct{ Fetcher }

// Fetch returns body and content type.
func (t Typed) Fetch(ctx context.Context, url, accept string) (body []byte, contentType string, err error) {
	d, err := t.Fetcher.Fetch(ctx, url, accept)
	return d.Body, d.ContentType, err
}

// Aged gives a Fetcher the shape that packages want who keep what they fetch.
type Aged struct{ Fetcher }

// Fetch returns body and how long it may be kept; 0 if it may not, or does not
// say.
func (a Aged) Fetch(ctx context.Context, url, accept string) (body []byte, maxAge time.Duration, err error) {
	d, err := a.Fetcher.Fetch(ctx, url, accept)
	if d.NoStore {
		d.MaxAge = 0
	}
	return d.Body, d.MaxAge, err
}
