package crossfeed_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zegel-id/zegel/e2e/wholejob"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oauth"
)

type m = map[string]any

// system is the demonstration as it serves, and one who speaks all of its
// protocols.
type system struct {
	t    testing.TB
	http *http.Client

	issuer, holder, verifier         string
	schoolKey, employerKey, vaultKey string
}

func start(t *testing.T) *system {
	d := wholejob.Build(t).Start(t)
	s := &system{t: t, issuer: d.Issuer, holder: d.Holder, verifier: d.Verifier}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(d.Data, name))
		s.check(err)
		return b
	}
	var keys struct {
		School   string `json:"school_key"`
		Employer string `json:"employer_key"`
	}
	s.check(json.Unmarshal(read("demo.json"), &keys))
	s.schoolKey, s.employerKey, s.vaultKey = keys.School, keys.Employer, strings.TrimSpace(string(read("issuer-api.key")))

	// Servers count requests per address, and guess by guess this is many. On
	// Linux loopback has more than one.
	next := byte(0)
	transport := &http.Transport{DisableKeepAlives: true}
	if runtime.GOOS == "linux" {
		transport.DialContext = func(ctx context.Context, _, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			next = next%250 + 1
			dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, next)}}
			return dialer.DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", port))
		}
	}
	s.http = &http.Client{Transport: transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

func (s *system) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

type answer struct {
	status int
	body   []byte
}

func (a answer) text(path ...string) string {
	var v any
	_ = json.Unmarshal(a.body, &v)
	for _, name := range path {
		switch at := v.(type) {
		case m:
			v = at[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(at) {
				return ""
			}
			v = at[i]
		}
	}
	text, _ := v.(string)
	return text
}

// send waits when the server asks for it.
func (s *system) send(method, address, body string, header ...string) answer {
	s.t.Helper()
	for {
		req, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(body))
		s.check(err)
		for i := 0; i+1 < len(header); i += 2 {
			req.Header[http.CanonicalHeaderKey(header[i])] = []string{header[i+1]}
		}
		// What is longer than it may be is not read to its end: the connection
		// is cut while it is still sent.
		long := len(address)+len(strings.Join(header, ""))+len(body) > maxRead
		cut := func(err error) bool {
			return long && (errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE))
		}
		res, err := s.http.Do(req)
		if cut(err) {
			return answer{status: http.StatusRequestHeaderFieldsTooLarge}
		}
		s.check(err)
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if cut(err) {
			return answer{status: res.StatusCode}
		}
		s.check(err)
		if res.StatusCode != http.StatusTooManyRequests {
			return answer{res.StatusCode, b}
		}
		wait, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		time.Sleep(time.Duration(max(wait, 1)) * time.Second)
	}
}

// maxRead is what a server reads of most requests, head or body.
const maxRead = 16 << 10

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

func (s *system) form(address string, form url.Values, header ...string) answer {
	s.t.Helper()
	return s.send("POST", address, form.Encode(), append(header, "Content-Type", formType)...)
}

func (s *system) json(method, address string, body any, header ...string) answer {
	s.t.Helper()
	b, err := json.Marshal(body)
	s.check(err)
	return s.send(method, address, string(b), append(header, "Content-Type", jsonType)...)
}

func (s *system) sign(key *ecdsa.PrivateKey, header, payload m) string {
	s.t.Helper()
	b, err := jose.Marshal(payload)
	s.check(err)
	header["alg"] = "ES256"
	text, err := jose.SignCompact(key, header, b)
	s.check(err)
	return text
}

func (s *system) jwk(key *ecdsa.PrivateKey) jose.JWK {
	s.t.Helper()
	jwk, err := jose.PublicJWK(key.Public())
	s.check(err)
	return jwk
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// proof is a DPoP proof for one request.
func (s *system) proof(key *ecdsa.PrivateKey, method, address, token string) string {
	s.t.Helper()
	// Every refusal of the platform brings its nonce along.
	res, err := s.http.Get(s.holder + "/vault/v1")
	s.check(err)
	s.check(res.Body.Close())
	text, err := oauth.NewProof(key, method, address, token, res.Header.Get(oauth.NonceHeader), time.Now())
	s.check(err)
	return text
}

// signIn plays the citizen's browser until it comes back to a wallet unit, and
// returns the code it brings.
func (s *system) signIn(citizen, verifier string) string {
	s.t.Helper()
	const back = "http://127.0.0.1:1/callback"
	jar, err := cookiejar.New(nil)
	s.check(err)
	browser := *s.http
	browser.Jar = jar
	at := s.holder + "/session/login?" + url.Values{
		"redirect_uri": {back}, "state": {"s"}, "code_challenge": {oauth.Challenge(verifier)}, "code_challenge_method": {"S256"},
	}.Encode()
	for range 20 {
		res, err := browser.Get(at)
		s.check(err)
		res.Body.Close()
		if page := res.Request.URL; res.StatusCode == http.StatusOK && page.Path == "/login" {
			res, err = browser.PostForm(page.Scheme+"://"+page.Host+"/login", url.Values{"id": page.Query()["id"], "citizen": {citizen}})
			s.check(err)
			res.Body.Close()
		}
		next, err := res.Location()
		s.check(err)
		if strings.HasPrefix(next.String(), back) {
			return next.Query().Get("code")
		}
		at = next.String()
	}
	s.t.Fatal("the sign-in does not end")
	return ""
}
