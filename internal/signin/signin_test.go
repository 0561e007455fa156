package signin_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/devidp"
	"github.com/zegel-id/zegel/internal/signin"
)

const rrn = "80610100139"

var key = []byte(strings.Repeat("k", 32))

// start runs the development provider on loopback and a relying party that
// comes back to an address nobody listens on.
func start(t *testing.T, change func(*signin.Config)) (*signin.RelyingParty, *http.Client) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	issuer := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	idp, err := devidp.New(devidp.Config{
		Issuer: issuer, Now: time.Now,
		Citizens: []devidp.Citizen{{ID: "one", GivenName: "Test", FamilyName: "Een", RRN: rrn}, {ID: "bad", GivenName: "Test", FamilyName: "Twee", RRN: "123"}},
		Clients:  []devidp.Client{{ID: "rp", Secret: "s", RedirectURI: "http://localhost:1/cb"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/", idp)
	c := signin.Config{Issuer: issuer, ClientID: "rp", ClientSecret: "s", RedirectURL: "http://localhost:1/cb", HTTP: http.DefaultClient, Now: time.Now}
	if change != nil {
		change(&c)
	}
	rp, err := signin.New(c, key)
	if err != nil {
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	return rp, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// walk plays the browser from the authorization request to the redirect back.
func walk(t *testing.T, b *http.Client, location, citizen string) url.Values {
	t.Helper()
	for range 10 {
		res, err := b.Get(location)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == http.StatusOK && res.Request.URL.Path == "/login" {
			res, err = b.PostForm(res.Request.URL.Scheme+"://"+res.Request.URL.Host+"/login", url.Values{"id": res.Request.URL.Query()["id"], "citizen": {citizen}})
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
		}
		next, err := res.Location()
		if err != nil {
			t.Fatalf("%s: %d", res.Request.URL.Path, res.StatusCode)
		}
		if next.Port() == "1" {
			return next.Query()
		}
		location = next.String()
	}
	t.Fatal("too many redirects")
	return nil
}

func TestSignIn(t *testing.T) {
	rp, browser := start(t, func(c *signin.Config) { c.ACR = []string{devidp.ACR} })
	location, ticket, err := rp.Start(t.Context(), []byte("extra"), signin.Demand{})
	if err != nil {
		t.Fatal(err)
	}
	back := walk(t, browser, location, "one")
	id, extra, err := rp.Finish(t.Context(), back, ticket)
	if err != nil {
		t.Fatal(err)
	}
	if id.INSZ.Reveal() != rrn || id.ACR != devidp.ACR || string(extra) != "extra" || id.Subject == "" {
		t.Errorf("identity %s acr %s extra %q", id.Subject, id.ACR, extra)
	}
	if text := fmt.Sprintf("%v %+v", id, id); strings.Contains(text, rrn) {
		t.Error("the identity printed the national number")
	}
	// A code works once.
	if _, _, err := rp.Finish(t.Context(), back, ticket); !errors.Is(err, signin.ErrAnswer) {
		t.Errorf("second use of a code: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	rp, browser := start(t, nil)
	location, ticket, err := rp.Start(t.Context(), nil, signin.Demand{})
	if err != nil {
		t.Fatal(err)
	}
	back := walk(t, browser, location, "one")
	with := func(name, value string) url.Values {
		q := url.Values{}
		for k, v := range back {
			q[k] = v
		}
		q.Set(name, value)
		return q
	}
	_, otherTicket, _ := rp.Start(t.Context(), nil, signin.Demand{})
	for name, c := range map[string]struct {
		query  url.Values
		ticket string
		want   error
	}{
		"no ticket":      {back, "", signin.ErrTicket},
		"changed ticket": {back, ticket[:len(ticket)-4] + "AAAA", signin.ErrTicket},
		"other browser":  {back, otherTicket, signin.ErrAnswer},
		"other state":    {with("state", "x"), ticket, signin.ErrAnswer},
		"other issuer":   {with("iss", "https://evil.example"), ticket, signin.ErrAnswer},
		"provider's no":  {with("error", "access_denied"), ticket, signin.ErrRefused},
		"other code":     {with("code", "x"), ticket, signin.ErrAnswer},
		"nothing at all": {url.Values{}, ticket, signin.ErrAnswer},
	} {
		if _, _, err := rp.Finish(context.Background(), c.query, c.ticket); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	location, ticket, _ = rp.Start(t.Context(), nil, signin.Demand{})
	if _, _, err := rp.Finish(t.Context(), walk(t, browser, location, "bad"), ticket); !errors.Is(err, signin.ErrAnswer) {
		t.Errorf("no national number: %v", err)
	}
}

// Relying parties of one process share a key. What a citizen was let start at
// one must not end at another, where it would stand for something else.
func TestTicketOfAnotherRelyingParty(t *testing.T) {
	var c signin.Config
	rp, browser := start(t, func(made *signin.Config) { c = *made })
	for name, change := range map[string]func(*signin.Config){
		"other redirect": func(c *signin.Config) { c.RedirectURL += "2" },
		"other client":   func(c *signin.Config) { c.ClientID += "2" },
	} {
		sibling := c
		change(&sibling)
		other, err := signin.New(sibling, key)
		if err != nil {
			t.Fatal(err)
		}
		location, ticket, err := rp.Start(t.Context(), []byte("extra"), signin.Demand{})
		if err != nil {
			t.Fatal(err)
		}
		back := walk(t, browser, location, "one")
		if _, _, err := other.Finish(t.Context(), back, ticket); !errors.Is(err, signin.ErrTicket) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := rp.Finish(t.Context(), back, ticket); err != nil {
			t.Errorf("its own: %v", err)
		}
	}
}

func TestTooLate(t *testing.T) {
	now := time.Now()
	rp, browser := start(t, func(c *signin.Config) { c.Now = func() time.Time { return now } })
	location, ticket, err := rp.Start(t.Context(), nil, signin.Demand{})
	if err != nil {
		t.Fatal(err)
	}
	back := walk(t, browser, location, "one")
	now = now.Add(11 * time.Minute)
	if _, _, err := rp.Finish(t.Context(), back, ticket); !errors.Is(err, signin.ErrTicket) {
		t.Errorf("%v", err)
	}
}

func TestWeakSignIn(t *testing.T) {
	rp, browser := start(t, func(c *signin.Config) { c.ACR = []string{"urn:be:vlaanderen:authmech:stronger"} })
	location, ticket, err := rp.Start(t.Context(), nil, signin.Demand{})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := rp.Finish(t.Context(), walk(t, browser, location, "one"), ticket); !errors.Is(err, signin.ErrAnswer) {
		t.Errorf("%v", err)
	}
}

func TestProviderAway(t *testing.T) {
	rp, _ := start(t, func(c *signin.Config) { c.Issuer = "http://localhost:1" })
	if _, _, err := rp.Start(t.Context(), nil, signin.Demand{}); !errors.Is(err, signin.ErrProvider) {
		t.Errorf("%v", err)
	}
}

func TestDevelopmentProviderStaysOnLoopback(t *testing.T) {
	if _, err := devidp.New(devidp.Config{Issuer: "https://idp.example.org", Now: time.Now}); !errors.Is(err, devidp.ErrNotLoopback) {
		t.Errorf("%v", err)
	}
}

// What one sign-in demands is asked of the provider and held against its answer
// (OpenID Connect Core 1.0, Sections 3.1.2.1 and 3.1.3.7).
func TestDemand(t *testing.T) {
	const stronger = "urn:be:vlaanderen:authmech:stronger"
	for name, c := range map[string]struct {
		of     []string // every sign-in
		demand signin.Demand
		query  map[string]string
		behind time.Duration // how long ago the provider says it was
		want   error
	}{
		"method":                   {nil, signin.Demand{ACR: []string{devidp.ACR}}, map[string]string{"acr_values": devidp.ACR}, 0, nil},
		"one of the methods":       {nil, signin.Demand{ACR: []string{stronger, devidp.ACR}}, map[string]string{"acr_values": stronger + " " + devidp.ACR}, 0, nil},
		"a stronger method":        {nil, signin.Demand{ACR: []string{stronger}}, map[string]string{"acr_values": stronger}, 0, signin.ErrAnswer},
		"stronger than all demand": {[]string{devidp.ACR}, signin.Demand{ACR: []string{stronger}}, map[string]string{"acr_values": stronger}, 0, signin.ErrAnswer},
		"not enough for all":       {[]string{stronger}, signin.Demand{ACR: []string{devidp.ACR}}, map[string]string{"acr_values": devidp.ACR}, 0, signin.ErrAnswer},
		"both":                     {[]string{stronger, devidp.ACR}, signin.Demand{ACR: []string{"other", devidp.ACR}}, map[string]string{"acr_values": devidp.ACR}, 0, nil},
		"lately":                   {nil, signin.Demand{MaxAge: 5 * time.Minute}, map[string]string{"max_age": "300"}, 4 * time.Minute, nil},
		"too long ago":             {nil, signin.Demand{MaxAge: time.Minute}, map[string]string{"max_age": "60"}, 4 * time.Minute, signin.ErrAnswer},
		"now":                      {nil, signin.Demand{Again: true}, map[string]string{"prompt": "login"}, 0, nil},
		"not now":                  {nil, signin.Demand{Again: true, MaxAge: time.Hour}, map[string]string{"prompt": "login"}, 4 * time.Minute, signin.ErrAnswer},
		"no demand":                {nil, signin.Demand{}, map[string]string{"acr_values": "", "max_age": "", "prompt": ""}, 4 * time.Minute, nil},
	} {
		t.Run(name, func(t *testing.T) {
			at := func() time.Time { return time.Now().Add(c.behind) }
			rp, browser := start(t, func(made *signin.Config) { made.ACR, made.Now = c.of, at })
			location, ticket, err := rp.Start(t.Context(), nil, c.demand)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(location)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range c.query {
				if got := u.Query().Get(name); got != value {
					t.Errorf("%s is %q, want %q", name, got, value)
				}
			}
			if _, _, err := rp.Finish(t.Context(), walk(t, browser, location, "one"), ticket); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// slow answers when it is let.
type slow struct {
	asked chan struct{}
	let   chan struct{}
}

func (s slow) Do(r *http.Request) (*http.Response, error) {
	s.asked <- struct{}{}
	<-s.let
	return http.DefaultClient.Do(r)
}

// A provider that is slow is asked once for all who wait, and holds nobody up
// for longer than they want to wait.
func TestSlowProvider(t *testing.T) {
	s := slow{make(chan struct{}, 10), make(chan struct{})}
	rp, _ := start(t, func(c *signin.Config) { c.HTTP = s })
	results := make(chan error, 3)
	for range 3 {
		go func() {
			_, _, err := rp.Start(context.Background(), nil, signin.Demand{})
			results <- err
		}()
	}
	<-s.asked
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := rp.Start(gone, nil, signin.Demand{}); !errors.Is(err, signin.ErrProvider) || !errors.Is(err, context.Canceled) {
		t.Errorf("who is gone: %v", err)
	}
	close(s.let)
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if n := len(s.asked); n != 0 {
		t.Errorf("asked %d times more", n)
	}
}
