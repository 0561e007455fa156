package magda

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/magda/soap"
	"github.com/zegel-id/zegel/internal/provider/magda/wssecurity"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/internal/provider/outbound"
)

// Config says how one service is asked. Zero values mean the defaults named.
type Config struct {
	// URL of the SOAP endpoint, https.
	URL string
	// AllowLoopbackHTTP admits plain http to this machine: development only.
	AllowLoopbackHTTP bool
	Service           *Service
	Mapping           *mapping.Mapping
	Sender            Sender
	// Signing of requests; nil sends them unsigned, which the real platform
	// refuses.
	Signing *wssecurity.Signing
	// VerifyAnswers, when given, refuses an answer that is not signed so.
	VerifyAnswers *wssecurity.Verification
	// CorrelationHeader; default x-correlation-id.
	CorrelationHeader string
	Limits            outbound.Limits
	// HTTP sends; its TLS configuration is ClientTLS.
	HTTP outbound.Doer
	// Now is the clock, in the zone in which the platform expects times; nil
	// means time.Now.
	Now func() time.Time
	// NewID makes references; nil means random UUIDs.
	NewID func() string
}

// Client asks one MAGDA service. It is safe for concurrent use.
type Client struct {
	c      Config
	url    *url.URL
	signer *wssecurity.Signer
}

var _ provider.Connector = (*Client)(nil)

// New checks the configuration.
func New(c Config) (*Client, error) {
	u, err := outbound.CheckURL(c.URL, c.AllowLoopbackHTTP)
	if err != nil {
		return nil, fmt.Errorf("magda: %w", err)
	}
	if c.Service == nil || c.Mapping == nil || c.HTTP == nil || c.Sender.Identification == "" {
		return nil, errors.New("magda: service, mapping, sender identification and HTTP client are required")
	}
	client := &Client{c: c, url: u}
	if c.CorrelationHeader == "" {
		client.c.CorrelationHeader = "x-correlation-id"
	}
	if c.Now == nil {
		client.c.Now = time.Now
	}
	if c.NewID == nil {
		client.c.NewID = uuid.NewString
	}
	if c.Signing != nil {
		s := *c.Signing
		if s.Now == nil {
			s.Now = client.c.Now
		}
		if client.signer, err = wssecurity.NewSigner(s); err != nil {
			return nil, fmt.Errorf("magda: %w", err)
		}
	}
	if c.VerifyAnswers != nil {
		v := *c.VerifyAnswers
		if v.Now == nil {
			v.Now = client.c.Now
		}
		client.c.VerifyAnswers = &v
	}
	return client, nil
}

// Fetch asks for the records of one citizen. Records that the mapping refuses
// are in Refused, each with its reason; the others go on.
func (c *Client) Fetch(ctx context.Context, q provider.Query) (provider.Answer, error) {
	if q.Subject.IsZero() {
		return provider.Answer{}, provider.ErrSubject
	}
	if q.CorrelationID == "" {
		q.CorrelationID = c.c.NewID()
	}
	if !headerValue(q.CorrelationID) {
		return provider.Answer{}, errors.New("correlation id: expected at most 128 visible ASCII characters")
	}
	refs := references{c.c.NewID(), c.c.NewID()}
	var got answer
	build := func(ctx context.Context) (*http.Request, error) { return c.request(ctx, q, refs) }
	accept := func(r outbound.Response) (err error) {
		got, err = c.read(r, refs)
		return err
	}
	if err := outbound.Ask(ctx, c.c.HTTP, c.c.Limits, build, accept); err != nil {
		return provider.Answer{}, fmt.Errorf("%s %s: %w", c.c.Service.Name, c.c.Service.Version, err)
	}
	sorted := c.c.Mapping.Sort(q.Supplier, q.Subject, got.records)
	return provider.Answer{Records: sorted.Records, Refused: sorted.Refused, Pending: sorted.Pending, NoData: got.noData, Notices: got.notices, Retrieved: c.c.Now()}, nil
}

func headerValue(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= 128
}

// request is made anew for each try: its Timestamp must be fresh.
func (c *Client) request(ctx context.Context, q provider.Query, refs references) (*http.Request, error) {
	e := c.c.Service.request(c.c.Sender, refs, q.Subject, c.c.Now())
	if c.signer != nil {
		if err := c.signer.Sign(e); err != nil {
			return nil, err
		}
	}
	body, err := e.Bytes()
	if err != nil {
		return nil, fmt.Errorf("writing the request: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", soap.ContentType)
	req.Header.Set("SOAPAction", `"`+c.c.Service.SOAPAction+`"`)
	req.Header.Set("Accept", "text/xml")
	req.Header.Set(c.c.CorrelationHeader, q.CorrelationID)
	return req, nil
}

// read accepts status 200 and the 500 of a fault (SOAP 1.1, Section 6.2).
func (c *Client) read(r outbound.Response, refs references) (answer, error) {
	if r.Status != http.StatusOK && r.Status != http.StatusInternalServerError {
		return answer{}, unusable("HTTP status %d", r.Status)
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "text/xml" {
		return answer{}, unusable("HTTP status %d without a SOAP message: Content-Type is not text/xml", r.Status)
	}
	e, err := soap.ParseEnvelope(r.Body)
	if err != nil {
		return answer{}, unusable("%w", err)
	}
	body := e.Body
	if c.c.VerifyAnswers != nil && !isFault(e) {
		v, err := c.c.VerifyAnswers.Verify(e)
		if err != nil {
			return answer{}, unusable("%w", err)
		}
		body = v.Body
	}
	got, err := c.c.Service.answer(body, refs)
	if err == nil && r.Status != http.StatusOK {
		return answer{}, unusable("HTTP status %d with an answer", r.Status)
	}
	return got, err
}

// isFault: a fault is an error with or without a signature.
func isFault(e soap.Envelope) bool {
	only, err := soap.Only(e.Body)
	if err != nil {
		return false
	}
	_, ok := soap.FaultOf(only)
	return ok
}
