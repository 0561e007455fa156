// Package solid keeps pods on a Solid server (Solid Protocol 0.11, Web Access
// Control, Solid-OIDC client credentials with DPoP). Pods are made through the
// account API of Community Solid Server 7, the tested server; the rest is what
// each Solid server does.
//
// Each pod has an account, a random name and credentials of its own, and an
// owner whose WebID is hosted elsewhere. The server sees ciphertext, sizes and
// times; it gives no confidentiality against its own operator, which is what
// the envelopes are for.
//
// What Community Solid Server 7 cannot do: it deletes neither the root
// container of a pod nor an account. DeleteAll empties the pod, locks it,
// and withdraws the credentials and the link to the WebID; the empty shell is
// left to a job of the server's operator.
//
// Tests against a real server (package solidtest) need Node.js and npm: they
// run when CI=true or ZEGEL_TEST_SOLID=1, or when the server is installed in
// e2e/solid already, and are skipped with a message otherwise.
package solid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/holder/pod"
)

// Doer sends a request as it is. It must not follow redirects; a *http.Client
// is made not to.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Config says which server, and how to reach it.
type Config struct {
	// Server is the base URL of the server, which is its issuer too:
	// https://…/ , or http://localhost:…/ . Community Solid Server takes tokens
	// of an issuer with any other form of address, but then treats each request
	// as anonymous.
	Server string
	// HTTP sends the requests. It needs a limit on time.
	HTTP Doer
	// Publish puts the statement `<webID> solid:oidcIssuerRegistrationToken
	// "token"` into the WebID document, by which the server sees that whoever
	// asks for a pod controls the WebID; an empty token takes it out again. The
	// document must name issuer as solid:oidcIssuer from then on, for as long
	// as the pod lives.
	Publish func(ctx context.Context, webID, issuer, token string) error
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// maxClients bounds how many vaults' tokens are kept in memory.
const maxClients = 1024

// Host is a Solid server that holds pods.
type Host struct {
	server  *url.URL
	http    Doer
	publish func(ctx context.Context, webID, issuer, token string) error
	now     func() time.Time

	mu       sync.Mutex
	endpoint string             // of tokens, once discovered
	clients  map[string]*client // by client id
}

// New checks the configuration. It does not reach the server yet.
func New(c Config) (*Host, error) {
	if err := CheckServer(c.Server); err != nil {
		return nil, fmt.Errorf("server of pods: %w", err)
	}
	u, err := url.Parse(c.Server)
	if err != nil {
		return nil, fmt.Errorf("server of pods: %w", err)
	}
	if c.HTTP == nil || c.Publish == nil {
		return nil, errors.New("server of pods: HTTP and Publish are needed")
	}
	h := &Host{server: u, http: unredirected(c.HTTP), publish: c.Publish, now: c.Now, clients: map[string]*client{}}
	if h.now == nil {
		h.now = time.Now
	}
	return h, nil
}

// CheckServer reports what is wrong with the base URL of a server.
func CheckServer(address string) error {
	if err := pod.CheckURL(address); err != nil {
		return err
	}
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" && u.Hostname() != "localhost" {
		return errors.New("expected https, or http with the host name localhost; with a loopback address the server would take every request as anonymous")
	}
	return nil
}

// unredirected keeps a *http.Client from following redirects: a DPoP proof and
// a token go to the server they are for, and nowhere else.
func unredirected(d Doer) Doer {
	c, ok := d.(*http.Client)
	if !ok {
		return d
	}
	own := *c
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

// Open returns the pod at a location. It does not reach the server.
func (h *Host) Open(ctx context.Context, at pod.Location) (*pod.Pod, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	a, err := parseAccess(at.Access)
	if err != nil {
		return nil, err
	}
	if !within(h.server, at.URL) || at.URL != a.Root+vaultContainer {
		return nil, errors.New("pod location: the address is not one of this Solid server; use the location as Create returned it")
	}
	c, err := h.client(a.ClientID, a.ClientSecret)
	if err != nil {
		return nil, err
	}
	return pod.Guard(at.URL, &container{host: h, access: a, url: at.URL, client: c})
}

// Close forgets the tokens.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.clients)
	return nil
}

// within reports whether address is a URL in normal form below base.
func within(base *url.URL, address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == base.Scheme && u.Host == base.Host && u.User == nil && u.Opaque == "" &&
		u.RawQuery == "" && !u.ForceQuery && !strings.Contains(address, "#") &&
		strings.HasPrefix(u.EscapedPath(), base.EscapedPath()) && u.JoinPath().String() == address &&
		!strings.ContainsAny(strings.ToLower(u.EscapedPath()), `\`) && !strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") && !strings.Contains(strings.ToLower(u.EscapedPath()), "%2e")
}
