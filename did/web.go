package did

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fetcher reads one resource with GET. An implementation for identifiers that
// come from outside requires https and a valid certificate, connects to public
// addresses only, checked after name resolution, follows no redirect to
// another host, sends no credentials, and stops at a size and a time of its
// own; this package also stops after fetchTime and refuses more than
// MaxDocument bytes.
//
// A status other than 200 is an error that has a method StatusCode() int, as
// StatusError does: 404 and 410 mean something here.
type Fetcher interface {
	Fetch(ctx context.Context, url, accept string) (body []byte, contentType string, err error)
}

// fetchTime bounds one request, whatever the context allows.
const fetchTime = 10 * time.Second

// StatusError says that a Fetcher got another status than 200.
type StatusError struct{ Code int }

func (e *StatusError) Error() string {
	return "HTTP status " + strconv.Itoa(e.Code) + ", expected 200"
}

// StatusCode is the HTTP status.
func (e *StatusError) StatusCode() int { return e.Code }

// status is the HTTP status that a Fetcher's answer carries: 200 without an
// error, 0 when no answer came.
func status(err error) int {
	if err == nil {
		return http.StatusOK
	}
	var s interface{ StatusCode() int }
	if errors.As(err, &s) {
		return s.StatusCode()
	}
	return 0
}

func fetch(ctx context.Context, f Fetcher, url, accept string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	b, _, err := f.Fetch(ctx, url, accept)
	return b, err
}

// Option changes what the functions on WebIDs and did:web allow.
type Option func(*settings)

type settings struct {
	loopback bool
	now      func() time.Time
}

func with(options []Option) settings {
	s := settings{now: time.Now}
	for _, o := range options {
		o(&s)
	}
	return s
}

// InsecureLoopback is for development: identifiers of the host localhost, and
// only those, are reached by plain http.
func InsecureLoopback() Option { return func(s *settings) { s.loopback = true } }

// Clock sets the time that a verification judges by; time.Now by default.
func Clock(now func() time.Time) Option { return func(s *settings) { s.now = now } }

// scheme of a host: http for localhost in development, https for every other,
// so that an identifier has one address.
func (s settings) scheme(host string) string {
	if s.loopback && host == "localhost" {
		return "http"
	}
	return "https"
}

// WebMethod is the method did:web (W3C CCG, 8 May 2026). The document is as
// trustworthy as the site: whoever owns the path speaks for a DID with a path,
// which is not the owner of the domain.
type WebMethod struct {
	Fetch Fetcher
	// InsecureLoopback resolves the host localhost by plain http.
	InsecureLoopback bool
}

// Accept header for DID documents.
const acceptDID = "application/did, application/did+ld+json, application/did+json, application/ld+json;q=0.9, application/json;q=0.8"

// WebURL is the address of the document of a did:web (did:web, Read): colons
// become slashes, %3A before a port a colon, /.well-known stands in for no
// path. IP addresses, user information, other percent-encodings, and empty or
// dot segments are refused.
func WebURL(did string, options ...Option) (string, error) {
	host, port, path, err := parseWeb(did)
	if err != nil {
		return "", err
	}
	url := with(options).scheme(host) + "://" + host
	if port != "" {
		url += ":" + port
	}
	if len(path) == 0 {
		return url + "/.well-known/did.json", nil
	}
	return url + "/" + strings.Join(path, "/") + "/did.json", nil
}

func parseWeb(did string) (host, port string, path []string, err error) {
	d, err := Parse(did)
	if err != nil {
		return "", "", nil, err
	}
	if d.Method != "web" {
		return "", "", nil, fmt.Errorf("%w: expected did:web", ErrMethod)
	}
	parts := strings.Split(d.ID, ":")
	host, port, hasPort := strings.Cut(parts[0], "%3A")
	if err := checkHost(host); err != nil {
		return "", "", nil, err
	}
	if hasPort && !validPort(port) {
		return "", "", nil, fmt.Errorf("%w: the port after %%3A must be 1 to 65535 (did:web, Method-specific identifier)", ErrSyntax)
	}
	for _, segment := range parts[1:] {
		if err := checkSegment(segment); err != nil {
			return "", "", nil, err
		}
	}
	return host, port, parts[1:], nil
}

// checkHost accepts a fully qualified name in lower case, or localhost. IP
// addresses are refused in every spelling that a URL parser could read as one:
// a last label that is a number (did:web, Method-specific identifier; WHATWG
// URL, Section 3.5).
func checkHost(host string) error {
	if host == "" || len(host) > 253 {
		return fmt.Errorf("%w: the host is empty or too long (did:web, Method-specific identifier)", ErrSyntax)
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return fmt.Errorf("%w: a label of the host is empty, too long or starts or ends with a hyphen (RFC 1123, Section 2.1)", ErrSyntax)
		}
		for i := 0; i < len(label); i++ {
			if c := label[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
				return fmt.Errorf("%w: the host must be lower-case letters, digits, hyphens and dots; only a port may follow, after %%3A (did:web, Method-specific identifier)", ErrSyntax)
			}
		}
	}
	last := labels[len(labels)-1]
	if last[0] >= '0' && last[0] <= '9' {
		return fmt.Errorf("%w: the host must be a name, not an IP address (did:web, Method-specific identifier)", ErrSyntax)
	}
	if len(labels) == 1 && host != "localhost" {
		return fmt.Errorf("%w: the host must be fully qualified (did:web, Method-specific identifier)", ErrSyntax)
	}
	return nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && port[0] != '0'
}

// checkSegment refuses what could lead to another path: empty and dot
// segments, and every percent-encoding.
func checkSegment(segment string) error {
	if segment == "" || strings.Trim(segment, ".") == "" {
		return fmt.Errorf("%w: a path segment is empty or dots only (did:web, Method-specific identifier)", ErrSyntax)
	}
	for i := 0; i < len(segment); i++ {
		if !idchar(segment[i]) {
			return fmt.Errorf("%w: percent-encoding is allowed only before the port, as %%3A (did:web, Method-specific identifier)", ErrSyntax)
		}
	}
	return nil
}

// Resolve fetches and checks the document (did:web, Read). 404 is ErrNotFound,
// 410 ErrDeactivated; every other failure is an error of its own, and never
// means that the DID does not exist.
func (m WebMethod) Resolve(ctx context.Context, did string) (*Document, error) {
	var options []Option
	if m.InsecureLoopback {
		options = []Option{InsecureLoopback()}
	}
	url, err := WebURL(did, options...)
	if err != nil {
		return nil, err
	}
	b, err := fetch(ctx, m.Fetch, url, acceptDID)
	switch status(err) {
	case http.StatusOK:
	case http.StatusNotFound:
		return nil, ErrNotFound
	case http.StatusGone:
		return nil, ErrDeactivated
	default:
		return nil, fmt.Errorf("fetching the document of a did:web: %w", err)
	}
	return documentOf(did, b)
}

// documentOf reads the document and compares its id with the identifier it was
// asked for (DID Core 1.0, Section 5.1.1).
func documentOf(id string, b []byte) (*Document, error) {
	doc, err := ParseDocument(b)
	if err != nil {
		return nil, err
	}
	if doc.ID != id {
		return nil, fmt.Errorf("%w: its id is not the identifier it was fetched for (DID Core 1.0, Section 5.1.1)", ErrDocument)
	}
	return doc, nil
}
