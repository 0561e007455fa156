package unit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/zegel-id/zegel/seal/tsp"
)

const (
	stampPath = "/vault/v1/timestamps"
	typeQuery = "application/timestamp-query"
)

// Stamper gets time-stamps through the platform. The unit makes the request and
// judges the token; the platform carries a digest to the authorities that it
// knows. trust holds the anchors of authorities.
func (p *Platform) Stamper(trust tsp.Chains, random io.Reader) *tsp.Client {
	return &tsp.Client{HTTP: stamping{p}, Authorities: []tsp.Authority{{URL: p.Base + stampPath, Timeout: 2 * tsp.DefaultTimeout}}, Trust: trust, Random: random, Now: p.Now}
}

// stamping sends a query with the session of the unit.
type stamping struct{ platform *Platform }

// Do implements tsp.HTTP.
func (s stamping) Do(req *http.Request) (*http.Response, error) {
	query, err := io.ReadAll(io.LimitReader(req.Body, tsp.MaxRequest+1))
	if err != nil {
		return nil, err
	}
	body, h, err := s.platform.raw(req.Context(), http.MethodPost, stampPath, http.Header{"Content-Type": {typeQuery}, "Accept": {"application/timestamp-reply"}}, query)
	if r := (*Refusal)(nil); errors.As(err, &r) {
		return nil, fmt.Errorf("the vault platform: %w", r)
	}
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: h, Body: io.NopCloser(bytes.NewReader(body))}, nil
}

// Remind has the platform remind the citizen to open the vault before a month,
// such as 2031-11; an empty one takes it back.
func (p *Platform) Remind(ctx context.Context, month string) error {
	_, err := p.call(ctx, http.MethodPut, "/vault/v1/reminder", map[string]string{"open_before": month}, nil)
	return err
}
