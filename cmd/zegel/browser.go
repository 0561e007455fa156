package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/protocol/oauth"
)

// browser plays the citizen's browser where the development identity provider
// is used: it follows redirects and chooses a fictitious citizen in its form.
type browser struct {
	citizen string
	client  *http.Client
	left    *left
}

// left is what the issuer's page says before it leads back to the wallet.
type left struct {
	RedirectTo string `json:"redirect_to"`
	Refused    []struct {
		Record string `json:"record"`
		Reason string `json:"reason"`
	} `json:"refused"`
	Pending []string `json:"pending"`
	NoData  bool     `json:"no_data"`
}

func newBrowser(citizen string, transport http.RoundTripper) *browser {
	jar, _ := cookiejar.New(nil) // never fails without options
	return &browser{citizen: citizen, client: &http.Client{
		Jar: jar, Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// visit goes from page to page until stop says that it has arrived, or a page
// that is no redirect answers.
func (b *browser) visit(ctx context.Context, address string, accept string, stop func(*url.URL) bool) (*url.URL, []byte, error) {
	for range 20 {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, nil, err
		}
		if accept != "" {
			req.Header.Set("Accept", accept)
		}
		res, body, err := b.do(req)
		if err != nil {
			return nil, nil, err
		}
		if res.StatusCode == http.StatusOK && req.URL.Path == "/login" {
			if res, body, err = b.chooseCitizen(ctx, req.URL); err != nil {
				return nil, nil, err
			}
		}
		if res.StatusCode < 300 || res.StatusCode >= 400 {
			if res.StatusCode != http.StatusOK {
				return nil, nil, answered(res, body)
			}
			if !consentForm.Match(body) {
				return req.URL, body, nil
			}
			if address, err = b.agree(ctx, req.URL, body); err != nil {
				return nil, nil, err
			}
			res.Header.Set("Location", address)
		}
		next, err := res.Location()
		if err != nil {
			return nil, nil, err
		}
		if stop(next) {
			return next, nil, nil
		}
		address = next.String()
	}
	return nil, nil, errors.New("too many redirects while signing in")
}

var consentForm = regexp.MustCompile(`action="([^"]*/consent)">\s*<input type="hidden" name="form" value="([^"]+)"`)

// agree answers the issuer's page as a citizen who says yes, and gives the way
// back to the wallet.
func (b *browser) agree(ctx context.Context, page *url.URL, body []byte) (string, error) {
	m := consentForm.FindSubmatch(body)
	form := url.Values{"form": {string(m[2])}, "decision": {"allow"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, page.Scheme+"://"+page.Host+string(m[1]), formBody(form))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, answer, err := b.do(req)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", answered(res, answer)
	}
	b.left = &left{}
	if err := json.Unmarshal(answer, b.left); err != nil {
		return "", err
	}
	return b.left.RedirectTo, nil
}

func (b *browser) chooseCitizen(ctx context.Context, page *url.URL) (*http.Response, []byte, error) {
	form := url.Values{"id": page.Query()["id"], "citizen": {b.citizen}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, page.Scheme+"://"+page.Host+"/login", formBody(form))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(req)
}

func (b *browser) do(req *http.Request) (*http.Response, []byte, error) {
	res, err := b.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	return res, body, err
}

func answered(res *http.Response, body []byte) error {
	var p struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Remedy string `json:"remedy"`
	}
	if json.Unmarshal(body, &p) == nil && p.Title != "" {
		return fmt.Errorf("%s answered %s: %s. %s %s", res.Request.URL.Host, res.Status, p.Title, p.Detail, p.Remedy)
	}
	return fmt.Errorf("%s answered %s", res.Request.URL.Host, res.Status)
}

// signIn gets a session of the vault platform.
func signIn(ctx context.Context, p *unit.Platform, citizen string, transport http.RoundTripper, tell func(string)) (time.Time, error) {
	verifier, state := oauth.NewVerifier(), rand.Text()
	q, _, err := throughBrowser(ctx, citizen, transport, tell, func(callback string) (string, string, error) {
		return p.LoginURL(callback, state, verifier), state, nil
	})
	if err != nil {
		return time.Time{}, err
	}
	if q.Get("state") != state {
		return time.Time{}, errors.New("the sign-in came back with another state; start again")
	}
	if iss := q.Get("iss"); iss != p.Base {
		return time.Time{}, errors.New("another server than the vault platform answered the sign-in (RFC 9207, Section 2.4); start again")
	}
	if e := q.Get("error"); e != "" {
		return time.Time{}, fmt.Errorf("the sign-in was refused: %s", e)
	}
	return p.StartSession(ctx, q.Get("code"), verifier)
}

// throughBrowser sends a browser to the address that begin makes for a redirect
// address, and returns what it comes back with. With a citizen of the
// development identity provider it plays the browser; otherwise it tells the
// address to open in one and waits on loopback (RFC 8252, Section 7.3).
func throughBrowser(ctx context.Context, citizen string, transport http.RoundTripper, tell func(string), begin func(callback string) (address, state string, err error)) (url.Values, *left, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	address, state, err := begin(fmt.Sprintf("http://%s/callback", l.Addr()))
	if err != nil {
		return nil, nil, err
	}
	if citizen == "" {
		q, err := waitForBrowser(ctx, l, address, state, tell)
		return q, nil, err
	}
	b := newBrowser(citizen, transport)
	arrived, _, err := b.visit(ctx, address, "", func(u *url.URL) bool { return u.Host == l.Addr().String() })
	if err != nil {
		return nil, nil, err
	}
	return arrived.Query(), b.left, nil
}

// waitForBrowser serves the redirect address until the citizen comes back with
// the state that was sent. Others on this machine, pages among them, can reach
// the address too: what they bring is not listened to.
func waitForBrowser(ctx context.Context, l net.Listener, login, state string, tell func(string)) (url.Values, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	arrived := make(chan url.Values, 1)
	server := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/callback" || subtle.ConstantTimeCompare([]byte(r.URL.Query().Get("state")), []byte(state)) != 1 {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Signed in</title></head><body><main><h1>Signed in</h1><p>You can close this page and go back to your wallet.</p></main></body></html>`)
		select {
		case arrived <- r.URL.Query():
		default:
		}
	})}
	go server.Serve(l)
	defer server.Close()
	tell("Open this address in your browser to sign in:\n  " + login)
	select {
	case q := <-arrived:
		return q, nil
	case <-ctx.Done():
		return nil, errors.New("nobody signed in within ten minutes")
	}
}
