package trust

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// errExchange tells that no answer could be had, good or bad.
var errExchange = errors.New("the responder did not answer")

// maxGET is how long an encoded request may be for GET (RFC 5019, Section 5).
const maxGET = 255

// exchangeOCSP sends a request to a responder and reads a bounded answer: by GET,
// if it may be kept on the way and is short enough, else by POST (RFC 6960,
// Appendix A.1; RFC 5019, Section 5).
func exchangeOCSP(ctx context.Context, client HTTP, address string, request []byte, mayGET bool) ([]byte, error) {
	r, err := requestTo(ctx, address, request, mayGET)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/ocsp-response")
	res, err := client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: %w", ErrOCSP, errExchange, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %w: HTTP status %d, expected 200", ErrOCSP, errExchange, res.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || kind != "application/ocsp-response" {
		return nil, fmt.Errorf("%w: %w: Content-Type is not application/ocsp-response (RFC 6960, Appendix A.2)", ErrOCSP, errExchange)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxOCSP+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w: %w", ErrOCSP, errExchange, err)
	}
	return body, nil // its length is judged by who reads it
}

func requestTo(ctx context.Context, address string, request []byte, mayGET bool) (*http.Request, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || len(address) > 2048 {
		return nil, fmt.Errorf("%w: the responder's address is not one of http or https", ErrOCSP)
	}
	if text := url.QueryEscape(base64.StdEncoding.EncodeToString(request)); mayGET && u.RawQuery == "" && len(text) <= maxGET {
		return http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(address, "/")+"/"+text, nil)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(request))
	if err == nil {
		r.Header.Set("Content-Type", "application/ocsp-request")
	}
	return r, err
}
