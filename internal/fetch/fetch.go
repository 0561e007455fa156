// Package fetch is the product's one outbound HTTP client.
//
// It has two classes. Operator reaches endpoints that an operator wrote in the
// configuration: private addresses are fine, client certificates and extra
// root certificates are possible. Public reaches addresses that came from
// input, such as a did:web or a status list: https to public addresses only,
// checked on the socket after name resolution. Both bound time, headers and
// body, follow no redirect unless told so, and use no proxy of the
// environment, no cookies and no error bodies.
//
// It is no general client: it knows no retries and no authentication schemes,
// and it does not judge content types.
package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Options of both classes. The zero value is usable and strict.
type Options struct {
	// Timeout bounds the whole exchange, body included. Default 10 s.
	Timeout time.Duration
	// HeaderTimeout bounds the wait for the answer's headers. Default 5 s.
	HeaderTimeout time.Duration
	// MaxBody is the longest body, before and after decompression. Default 1 MiB.
	MaxBody int64
	// Redirects is how many redirects of a GET or HEAD are followed, each
	// checked like the first address. Default 0, at most 3.
	Redirects int
	// ReturnRedirects makes Do hand a redirect that is not followed to the
	// caller instead of answering ReasonRedirect.
	ReturnRedirects bool
	// Ports lists the ports that may be used; empty allows all.
	Ports []int
	// Roots are trusted beside the system's root certificates.
	Roots []*x509.Certificate
	// TLS is the base of the TLS configuration, with a client certificate for
	// example. Only Operator uses it.
	TLS *tls.Config
	// PlainLoopback lets Operator use http, to loopback addresses only.
	PlainLoopback bool
	// SendAuthorization lets Public send an Authorization header that the
	// caller set on the request, such as a wallet's access token. Such requests
	// follow no redirects. Cookies are never sent.
	SendAuthorization bool
	// InsecureAllowLoopback lets Public reach loopback addresses, over http
	// too. For tests and the demo: with it, whoever writes an address can make
	// this machine talk to itself.
	InsecureAllowLoopback bool
	// InsecureAllowHTTP lets Public use http, to the addresses that it reaches by
	// https. For documents whose own signature is verified, such as trusted lists:
	// whoever is on the way reads what is asked for and can hold it back. A
	// redirect still never leaves https.
	InsecureAllowHTTP bool
	// Resolver is net.DefaultResolver if nil.
	Resolver Resolver
	// Now is time.Now if nil. It dates answers for their age.
	Now func() time.Time
}

// Client fetches within the bounds of its class. It may be used by many
// goroutines. Close it when it is no longer used.
type Client struct {
	o      Options
	public bool
	http   *http.Client
	plain  *http.Transport // http: loopback only, unless InsecureAllowHTTP
	secure *http.Transport
}

// Operator returns a client for endpoints that an operator configured.
func Operator(o Options) *Client {
	o.InsecureAllowHTTP = false
	return newClient(o, false, isOperable)
}

// Public returns a client for addresses that came from input.
func Public(o Options) *Client {
	o.TLS = nil
	allow := isPublic
	if o.InsecureAllowLoopback {
		allow = func(a netip.Addr) (bool, string) {
			if ok, _ := isLoopback(a); ok {
				return true, ""
			}
			return isPublic(a)
		}
	}
	o.PlainLoopback = o.InsecureAllowLoopback
	return newClient(o, true, allow)
}

const (
	maxRedirects     = 3
	maxHeaderBytes   = 32 << 10
	handshakeTimeout = 5 * time.Second
	idleTimeout      = 60 * time.Second
	dialTimeout      = 5 * time.Second
)

func newClient(o Options, public bool, allow rule) *Client {
	if o.Timeout <= 0 {
		o.Timeout = 10 * time.Second
	}
	if o.HeaderTimeout <= 0 {
		o.HeaderTimeout = min(5*time.Second, o.Timeout)
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	o.Redirects = min(max(o.Redirects, 0), maxRedirects)
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{o: o, public: public}
	plain := rule(isLoopback)
	if o.InsecureAllowHTTP {
		plain = allow
	}
	c.plain = c.transport(plain)
	c.secure = c.transport(allow)
	c.secure.TLSClientConfig = tlsConfig(o)
	c.secure.ForceAttemptHTTP2 = true
	c.http = &http.Client{Transport: c, Timeout: o.Timeout, CheckRedirect: c.redirect}
	return c
}

func (c *Client) transport(allow rule) *http.Transport {
	d := &dialer{resolver: c.o.Resolver, allow: allow, timeout: min(dialTimeout, c.o.Timeout)}
	return &http.Transport{
		Proxy:                  nil, // never from the environment
		DialContext:            d.dial,
		TLSHandshakeTimeout:    min(handshakeTimeout, c.o.Timeout),
		ResponseHeaderTimeout:  c.o.HeaderTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true, // gzip is undone by body, within bounds
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        idleTimeout,
	}
}

func tlsConfig(o Options) *tls.Config {
	t := &tls.Config{}
	if o.TLS != nil {
		t = o.TLS.Clone()
	}
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	if len(o.Roots) > 0 {
		pool := t.RootCAs
		if pool == nil {
			var err error
			if pool, err = x509.SystemCertPool(); err != nil {
				pool = x509.NewCertPool() // then only Roots are trusted
			}
		} else {
			pool = pool.Clone()
		}
		for _, r := range o.Roots {
			pool.AddCert(r)
		}
		t.RootCAs = pool
	}
	return t
}

// Close drops idle connections.
func (c *Client) Close() error {
	c.plain.CloseIdleConnections()
	c.secure.CloseIdleConnections()
	return nil
}

// Do sends one request. The answer may have any status; its body ends with an
// Error when it is longer than MaxBody. The caller closes it. Every error is
// an *Error.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	if err := c.check(req); err != nil {
		return nil, err
	}
	req = req.Clone(req.Context())
	if req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "zegel")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, classify(req.URL.Hostname(), err)
	}
	host := res.Request.URL.Hostname()
	if err := body(res, host, c.o.MaxBody); err != nil {
		res.Body.Close()
		return nil, err
	}
	return res, nil
}

// RoundTrip picks the transport by scheme. It is called by net/http for each
// hop, after redirect; use Do.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := c.check(req); err != nil {
		return nil, err
	}
	if req.URL.Scheme == "http" {
		return c.plain.RoundTrip(req)
	}
	return c.secure.RoundTrip(req)
}

// check holds a request against the rules that need no network.
func (c *Client) check(req *http.Request) error {
	u := req.URL
	if u == nil || u.Opaque != "" || u.Hostname() == "" {
		return &Error{Reason: ReasonURL, Detail: "an absolute URL with a host is required"}
	}
	refuse := func(r Reason, format string, args ...any) error {
		return &Error{Reason: r, Host: u.Hostname(), Detail: fmt.Sprintf(format, args...)}
	}
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !c.o.PlainLoopback && !c.o.InsecureAllowHTTP):
		return refuse(ReasonScheme, "https is required")
	case u.User != nil:
		return refuse(ReasonUserinfo, "the URL must not hold a user name or password (RFC 3986, Section 3.2.1)")
	case req.Host != "" && req.Host != u.Host:
		return refuse(ReasonURL, "the Host header must be the host of the URL")
	case req.Header.Get("Cookie") != "":
		return refuse(ReasonCredentials, "cookies are not sent")
	case c.public && !c.o.SendAuthorization && req.Header.Get("Authorization") != "":
		return refuse(ReasonCredentials, "an Authorization header is not sent to addresses that came from input")
	}
	if err := c.checkHost(u); err != nil {
		return err
	}
	port := 443
	if u.Scheme == "http" {
		port = 80
	}
	if p := u.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return refuse(ReasonPort, "the port must be 1 to 65535")
		}
		port = int(n)
	}
	if len(c.o.Ports) > 0 && !slices.Contains(c.o.Ports, port) {
		return refuse(ReasonPort, "port %d is not one of %v", port, c.o.Ports)
	}
	return nil
}

// checkHost refuses IP literals in the Public class: what is addressed by
// input has a name, and a certificate for it.
func (c *Client) checkHost(u *url.URL) error {
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil || !c.public {
		return nil
	}
	if ok, _ := isLoopback(ip); ok && c.o.InsecureAllowLoopback {
		return nil
	}
	return &Error{Reason: ReasonHost, Host: u.Hostname(), Detail: "a host name is required, not an IP address"}
}

// redirect decides on one hop.
func (c *Client) redirect(next *http.Request, via []*http.Request) error {
	next.Header.Del("Referer") // it would carry the query of the last hop
	last := via[len(via)-1]
	refuse := func(detail string) error {
		return &Error{Reason: ReasonRedirect, Host: last.URL.Hostname(), Status: next.Response.StatusCode, Detail: detail}
	}
	var err error
	switch {
	case len(via) > c.o.Redirects:
		err = refuse(fmt.Sprintf("more than %d redirects", c.o.Redirects))
	case via[0].Method != http.MethodGet && via[0].Method != http.MethodHead:
		err = refuse("only GET and HEAD follow redirects")
	case via[0].Header.Get("Authorization") != "":
		err = refuse("a request with credentials follows no redirect")
	case last.URL.Scheme == "https" && next.URL.Scheme != "https":
		err = &Error{Reason: ReasonScheme, Host: last.URL.Hostname(), Detail: "the redirect leaves https"}
	default:
		return c.check(next)
	}
	if c.o.ReturnRedirects {
		return http.ErrUseLastResponse
	}
	return err
}

// Document is a fetched resource.
type Document struct {
	Body []byte
	// ContentType is the Content-Type header as it came. The caller judges it.
	ContentType string
	// URL is where it was found after redirects.
	URL  string
	ETag string
	// MaxAge is how long the document may be used from now on, by its own
	// headers (RFC 9111, Section 4.2); 0 if they do not say.
	MaxAge time.Duration
	// Expires is the time of fetching plus MaxAge; zero if MaxAge is.
	Expires time.Time
	// NoStore says that the document must not be kept.
	NoStore bool
}

// Fetcher is what Client and Cached have in common.
type Fetcher interface {
	Fetch(ctx context.Context, url, accept string) (Document, error)
}

// Fetch gets the resource at an address. Only status 200 is a document; the
// body of any other answer is not read. accept is the Accept header, if not
// empty.
func (c *Client) Fetch(ctx context.Context, address, accept string) (Document, error) {
	d, _, err := c.get(ctx, address, accept, "")
	return d, err
}

// maxTag is the longest ETag that is kept and sent.
const maxTag = 256

// FetchUnless is Fetch of a resource that has changed: one that still has the
// ETag is no error, and has no body (RFC 9110, Section 13.1.2).
func (c *Client) FetchUnless(ctx context.Context, address, accept, etag string) (body []byte, tag string, maxAge time.Duration, err error) {
	d, unchanged, err := c.get(ctx, address, accept, etag)
	switch {
	case err != nil:
		return nil, "", 0, err
	case unchanged:
		return nil, etag, d.MaxAge, nil
	case d.Body == nil:
		d.Body = []byte{}
	}
	if len(d.ETag) > maxTag {
		d.ETag = ""
	}
	return d.Body, d.ETag, d.MaxAge, nil
}

func (c *Client) get(ctx context.Context, address, accept, etag string) (d Document, unchanged bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Document{}, false, &Error{Reason: ReasonURL, Detail: "the address is not a URL (RFC 3986)"}
	}
	req.URL.Fragment, req.URL.RawFragment = "", "" // never part of a request
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	res, err := c.Do(req)
	if err != nil {
		return Document{}, false, err
	}
	defer res.Body.Close()
	host := res.Request.URL.Hostname()
	unchanged = etag != "" && res.StatusCode == http.StatusNotModified
	if res.StatusCode != http.StatusOK && !unchanged {
		return Document{}, false, &Error{Reason: ReasonStatus, Host: host, Status: res.StatusCode, Detail: fmt.Sprintf("status %d, expected 200", res.StatusCode)}
	}
	d = Document{
		ContentType: res.Header.Get("Content-Type"),
		URL:         res.Request.URL.String(),
		ETag:        res.Header.Get("ETag"),
	}
	if !unchanged {
		if d.Body, err = io.ReadAll(res.Body); err != nil {
			return Document{}, false, classify(host, err)
		}
	}
	now := c.o.Now()
	d.MaxAge, d.NoStore = freshness(res.Header, now)
	if d.MaxAge > 0 {
		d.Expires = now.Add(d.MaxAge)
	}
	return d, unchanged, nil
}
