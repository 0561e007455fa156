package api_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/holder/api"
	"github.com/zegel-id/zegel/holder/pod/localdir"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/devidp"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/signin"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/store/embedded"
)

// Fictitious: months 61 and 65.
const lotte, sam = "80610100139", "85652500134"

// lines collects the program's log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type issuer struct{ url string }

func (i issuer) URL() string { return i.url }

func (issuer) VaultDeleted(context.Context, string) (int, error) { return 1, nil }

// platform is a vault platform and an identity provider, each on a port of its
// own.
type platform struct {
	t     *testing.T
	url   string
	dir   string
	lines *lines
	core  *holder.Holder
	edge  *rest.Engine

	config holder.Config
}

// https is the same platform under a public address.
func (p *platform) https(t *testing.T) *holder.Holder {
	t.Helper()
	c := p.config
	c.URL, c.InsecureLoopback = "https://vault.example.org", false
	c.OIDCIssuer = "https://op.example.org"
	h, err := holder.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const issuerURL = "https://issuer.example.org"

func newPlatform(t *testing.T, change ...func(*platform)) *platform {
	t.Helper()
	p := &platform{t: t, dir: t.TempDir(), lines: &lines{}}
	logger := slog.New(slog.NewTextHandler(p.lines, nil))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	listen := func() (net.Listener, string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(err)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		return l, "http://localhost:" + port
	}
	serve := func(l net.Listener, h http.Handler) {
		s := &httptest.Server{Listener: l, Config: &http.Server{Handler: h}}
		s.Start()
		t.Cleanup(s.Close)
	}

	at, base := listen()
	idpAt, idpURL := listen()
	p.url = base
	idp, err := devidp.New(devidp.Config{
		Issuer: idpURL, Now: time.Now,
		Citizens: []devidp.Citizen{{ID: "lotte", GivenName: "Lotte Canarina", FamilyName: "Canari", RRN: lotte}, {ID: "sam", GivenName: "Sam", FamilyName: "Canari", RRN: sam}},
		Clients:  []devidp.Client{{ID: "vault", Secret: "secret", RedirectURI: base + api.CallbackPath}},
	})
	must(err)
	serve(idpAt, idp)
	rp, err := signin.New(signin.Config{Issuer: idpURL, ClientID: "vault", ClientSecret: "secret", RedirectURL: base + api.CallbackPath, HTTP: http.DefaultClient, Now: time.Now}, bytes.Repeat([]byte("t"), 32))
	must(err)

	s, err := embedded.Open(p.dir+"/store", embedded.Options{})
	must(err)
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	l, err := audit.Open(p.dir+"/log", audit.Options{Signer: signer})
	must(err)
	pods, err := localdir.New(p.dir+"/pods", base+"/pods/")
	must(err)
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), pods.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	names, err := audit.NewPseudonyms(bytes.Repeat([]byte("n"), 32))
	must(err)
	handleKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	p.config = holder.Config{
		URL: base, Store: s, Profiles: &profiles.Profiles{Store: s, Options: []did.Option{did.InsecureLoopback()}}, Pods: pods, Log: l, Names: names,
		Key: bytes.Repeat([]byte("k"), 32), HandleKey: handleKey, OIDCIssuer: idpURL, Issuers: []holder.Issuer{issuer{issuerURL}},
		Logger: logger, InsecureLoopback: true,
	}
	for _, c := range change {
		c(p)
	}
	p.core, err = holder.New(p.config)
	must(err)
	p.edge = api.New(p.core, rp, api.Options{Log: logger})
	serve(at, described(t, p.edge))
	return p
}

// browser is a citizen's, which shows redirects.
func browser() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// walk plays the browser until it leaves for the wallet unit or meets a page,
// and signs in on the way.
func (p *platform) walk(b *http.Client, location, citizen string) (*http.Response, *url.URL) {
	p.t.Helper()
	for range 12 {
		res, err := b.Get(location)
		if err != nil {
			p.t.Fatal(err)
		}
		if res.StatusCode == http.StatusOK && res.Request.URL.Path == "/login" {
			res.Body.Close()
			if res, err = b.PostForm(res.Request.URL.Scheme+"://"+res.Request.URL.Host+"/login", url.Values{"id": res.Request.URL.Query()["id"], "citizen": {citizen}}); err != nil {
				p.t.Fatal(err)
			}
		}
		next, err := res.Location()
		if err != nil {
			return res, nil
		}
		res.Body.Close()
		if next.Hostname() == "127.0.0.1" || next.Hostname() == "::1" {
			return res, next
		}
		location = next.String()
	}
	p.t.Fatal("too many redirects")
	return nil, nil
}

const loopbackURI = "http://127.0.0.1:4711/cb"

// client is a wallet unit's side of the API, not signed in yet.
func (p *platform) client() *unit.Platform {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	return &unit.Platform{Base: p.url, HTTP: http.DefaultClient, Now: time.Now, Key: key}
}

// signIn signs a citizen in.
func (p *platform) signIn(citizen string) *unit.Platform {
	p.t.Helper()
	c, verifier := p.client(), oauth.NewVerifier()
	_, back := p.walk(browser(), c.LoginURL(loopbackURI, "st", verifier), citizen)
	if back == nil {
		p.t.Fatal("the browser did not come back")
	}
	q := back.Query()
	if q.Get("state") != "st" || q.Get("iss") != p.url || q.Get("code") == "" || back.Path != "/cb" {
		p.t.Fatalf("came back with %v", back)
	}
	expires, err := c.StartSession(p.t.Context(), q.Get("code"), verifier)
	if err != nil {
		p.t.Fatal(err)
	}
	if left := time.Until(expires); left < 9*time.Minute || left > 11*time.Minute {
		p.t.Errorf("the session lives %s", left)
	}
	return c
}

func (p *platform) setup(c *unit.Platform) unit.Setup {
	return unit.Setup{Platform: c, Random: rand.Reader, Now: time.Now, DID: []did.Option{did.InsecureLoopback()}}
}

// vault signs a citizen in and makes a vault.
func (p *platform) vault(citizen string) (*unit.Vault, unit.RecoveryCode) {
	p.t.Helper()
	v, code, err := unit.Create(p.t.Context(), p.setup(p.signIn(citizen)))
	if err != nil {
		p.t.Fatal(err)
	}
	return v, code
}

// call is a request as a wallet unit makes it, open to change.
type call struct {
	method, path string
	body         string
	header       http.Header
	// proof, if set, replaces the DPoP proof; authorization likewise.
	proof, authorization *string
}

func (p *platform) do(c *unit.Platform, x call) (*http.Response, string) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), x.method, p.url+x.path, strings.NewReader(x.body))
	if err != nil {
		p.t.Fatal(err)
	}
	for n, v := range x.header {
		req.Header[n] = v
	}
	if x.body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c != nil {
		proof, err := oauth.NewProof(c.Key, x.method, p.url+x.path, c.AccessToken, p.core.ProofNonce(), time.Now())
		if err != nil {
			p.t.Fatal(err)
		}
		req.Header.Set("Authorization", "DPoP "+c.AccessToken)
		req.Header.Set("DPoP", proof)
	}
	if x.proof != nil {
		req.Header.Set("DPoP", *x.proof)
	}
	if x.authorization != nil {
		req.Header.Set("Authorization", *x.authorization)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res, string(b)
}

// get fetches a public document.
func (p *platform) get(address, accept string) (*http.Response, string) {
	p.t.Helper()
	return p.do(nil, call{method: "GET", path: strings.TrimPrefix(address, p.url), header: http.Header{"Accept": {accept}}})
}
