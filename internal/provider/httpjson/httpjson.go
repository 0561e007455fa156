// Package httpjson asks a supplier that answers JSON over HTTPS. What is
// asked and where the records stand is declared; what they mean is a mapping.
//
// The citizen's identifier travels in the request's body, never in an
// address: addresses end up in logs.
package httpjson

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/declared"
	"github.com/zegel-id/zegel/internal/provider/mapping"
	"github.com/zegel-id/zegel/internal/provider/outbound"
)

// Source is a supplier's interface as declared.
type Source struct {
	// Subject is the member of the request that holds the identifier.
	Subject string `yaml:"subject"`
	// Members are further members of the request, always the same.
	Members map[string]string `yaml:"members"`
	// Records are the member names that lead to the array of records, joined
	// by slashes; empty when the answer is that array.
	Records string `yaml:"records"`
	// NoDataStatus are the HTTP statuses by which the supplier says that it
	// holds nothing. An empty array says so too.
	NoDataStatus []int `yaml:"no_data_status"`
}

// ParseSource reads and lints the declaration of a source.
func ParseSource(name string, b []byte) (Source, error) {
	var s Source
	f, err := declared.Read(name, b, &s)
	if err != nil {
		return Source{}, err
	}
	if s.Subject == "" {
		f.Fault("subject", "the member that holds the citizen's identifier is required")
	}
	if _, clash := s.Members[s.Subject]; clash {
		f.Fault("members", "%q is the subject's member", s.Subject)
	}
	if s.Records != "" && slices.Contains(strings.Split(s.Records, "/"), "") {
		f.Fault("records", "expected member names joined by slashes, found %q", s.Records)
	}
	for i, code := range s.NoDataStatus {
		if code != http.StatusNotFound && code != http.StatusNoContent && code != http.StatusGone {
			f.Fault(fmt.Sprintf("no_data_status[%d]", i), "expected 204, 404 or 410, found %d", code)
		}
	}
	if err := f.Err(); err != nil {
		return Source{}, err
	}
	return s, nil
}

// Config says how a supplier is asked. Zero values mean the defaults named.
type Config struct {
	// URL that answers a POST, https.
	URL string
	// AllowLoopbackHTTP admits plain http to this machine: development only.
	AllowLoopbackHTTP bool
	Source            Source
	Mapping           *mapping.Mapping
	// Authorize adds what the supplier wants, such as a bearer token; nil
	// where mutual TLS is enough.
	Authorize func(*http.Request) error
	// CorrelationHeader; default x-correlation-id.
	CorrelationHeader string
	Limits            outbound.Limits
	HTTP              outbound.Doer
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Client asks one supplier. It is safe for concurrent use.
type Client struct {
	c   Config
	url *url.URL
}

var _ provider.Connector = (*Client)(nil)

// New checks the configuration.
func New(c Config) (*Client, error) {
	u, err := outbound.CheckURL(c.URL, c.AllowLoopbackHTTP)
	if err != nil {
		return nil, fmt.Errorf("httpjson: %w", err)
	}
	if c.Mapping == nil || c.HTTP == nil || c.Source.Subject == "" {
		return nil, errors.New("httpjson: source, mapping and HTTP client are required")
	}
	if c.CorrelationHeader == "" {
		c.CorrelationHeader = "x-correlation-id"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Client{c, u}, nil
}

// Fetch asks for the records of one citizen.
func (c *Client) Fetch(ctx context.Context, q provider.Query) (provider.Answer, error) {
	if q.Subject.IsZero() {
		return provider.Answer{}, provider.ErrSubject
	}
	if q.CorrelationID == "" {
		q.CorrelationID = uuid.NewString()
	}
	var docs []*provider.Node
	build := func(ctx context.Context) (*http.Request, error) { return c.request(ctx, q) }
	accept := func(r outbound.Response) (err error) {
		docs, err = c.read(r)
		return err
	}
	if err := outbound.Ask(ctx, c.c.HTTP, c.c.Limits, build, accept); err != nil {
		return provider.Answer{}, err
	}
	sorted := c.c.Mapping.Sort(q.Supplier, q.Subject, docs)
	return provider.Answer{Records: sorted.Records, Refused: sorted.Refused, Pending: sorted.Pending, NoData: len(docs) == 0, Retrieved: c.c.Now()}, nil
}

func (c *Client) request(ctx context.Context, q provider.Query) (*http.Request, error) {
	members := maps.Clone(c.c.Source.Members)
	if members == nil {
		members = map[string]string{}
	}
	members[c.c.Source.Subject] = q.Subject.Reveal()
	body, err := jose.Marshal(members)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set(c.c.CorrelationHeader, q.CorrelationID)
	if c.c.Authorize != nil {
		if err := c.c.Authorize(req); err != nil {
			return nil, fmt.Errorf("authorising the request: %w", err)
		}
	}
	return req, nil
}

func unusable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", provider.ErrAnswer, fmt.Errorf(format, args...))
}

func (c *Client) read(r outbound.Response) ([]*provider.Node, error) {
	if slices.Contains(c.c.Source.NoDataStatus, r.Status) {
		return nil, nil
	}
	if r.Status != http.StatusOK {
		return nil, unusable("HTTP status %d", r.Status)
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return nil, unusable("Content-Type is not JSON")
	}
	value := jsontext.Value(r.Body)
	if c.c.Source.Records != "" {
		for _, step := range strings.Split(c.c.Source.Records, "/") {
			var object map[string]jsontext.Value
			if err := jose.Unmarshal(value, &object); err != nil {
				return nil, unusable("%w", err)
			}
			if value = object[step]; value == nil {
				return nil, unusable("the answer has no member %q", step)
			}
		}
	}
	var list []jsontext.Value
	if err := jose.Unmarshal(value, &list); err != nil || list == nil {
		return nil, unusable("the records are not an array of strict JSON")
	}
	docs := make([]*provider.Node, len(list))
	for i, raw := range list {
		if docs[i], err = provider.JSONNode(raw); err != nil {
			return nil, unusable("record %d: %w", i+1, err)
		}
	}
	return docs, nil
}
