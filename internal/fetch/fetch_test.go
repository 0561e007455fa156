package fetch

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// names is a resolver that knows only what a test tells it.
type names map[string][]string

func (n names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	list, ok := n[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out, nil
}

// site starts a TLS server for example.com and gives options that reach it
// through the Public class.
func site(t *testing.T, h http.HandlerFunc) (address string, o Options) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return "https://example.com:" + port, Options{
		InsecureAllowLoopback: true,
		Roots:                 []*x509.Certificate{s.Certificate()},
		Resolver:              names{"example.com": {"127.0.0.1"}, "inner.example": {"10.0.0.7"}, "mixed.example": {"10.0.0.7", "127.0.0.1"}},
		Timeout:               5 * time.Second,
	}
}

func wantReason(t *testing.T, err error, want Reason) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want reason %s", err, want)
	}
	if e.Reason != want {
		t.Fatalf("reason %s (%v), want %s", e.Reason, err, want)
	}
	return e
}

func TestFetch(t *testing.T) {
	at, o := site(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/json" {
			t.Errorf("Accept %q", r.Header.Get("Accept"))
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("ETag", `"1"`)
		io.WriteString(w, `{}`)
	})
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return now }
	c := Public(o)
	defer c.Close()
	d, err := c.Fetch(t.Context(), at+"/x#fragment", "application/json")
	if err != nil {
		t.Fatal(err)
	}
	if string(d.Body) != "{}" || d.ContentType != "application/json" || d.MaxAge != time.Minute || !d.Expires.Equal(now.Add(time.Minute)) || d.ETag != `"1"` || d.URL != at+"/x" {
		t.Errorf("document %+v", d)
	}
}

func TestAddressRules(t *testing.T) {
	for _, s := range special {
		first := s.prefix.Addr()
		if s.prefix.Bits() < first.BitLen() {
			first = first.Next()
		}
		for _, a := range []netip.Addr{s.prefix.Addr(), first} {
			if ok, _ := isPublic(a); ok {
				t.Errorf("%s (%s) counts as public", a, s.name)
			}
		}
	}
	for _, text := range []string{
		"::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:1::",
		"fd00:ec2::254", "fe80::1%eth0", "255.255.255.255", "4000::1", "169.254.169.254", "100.100.100.200", "2606:4700::1%eth0",
	} {
		if ok, _ := isPublic(netip.MustParseAddr(text)); ok {
			t.Errorf("%s counts as public", text)
		}
	}
	for _, text := range []string{"8.8.8.8", "::ffff:8.8.8.8", "2606:4700:4700::1111", "193.191.210.1", "172.32.0.1", "100.128.0.1", "2a02:2788::1"} {
		if ok, is := isPublic(netip.MustParseAddr(text)); !ok {
			t.Errorf("%s does not count as public: %s", text, is)
		}
	}
	if ok, _ := isPublic(netip.Addr{}); ok {
		t.Error("the zero address counts as public")
	}
	for text, want := range map[string]bool{"10.0.0.1": true, "127.0.0.1": true, "fd00::1": true, "8.8.8.8": true, "169.254.169.254": false, "::ffff:169.254.1.1": false, "0.0.0.0": false, "224.0.0.1": false, "::": false, "fe80::1": false} {
		if ok, _ := isOperable(netip.MustParseAddr(text)); ok != want {
			t.Errorf("operator may reach %s: %v, want %v", text, ok, want)
		}
	}
}

func TestPublicRefuses(t *testing.T) {
	resolver := names{
		"inner.example": {"10.0.0.7"}, "meta.example": {"169.254.169.254"}, "mapped.example": {"::ffff:127.0.0.1"},
		"nat64.example": {"64:ff9b::7f00:1"}, "local.example": {"127.0.0.1"}, "localhost": {"127.0.0.1", "::1"}, "void.example": {},
		"2130706433": {"127.0.0.1"}, "0x7f.1": {"127.0.0.1"},
	}
	c := Public(Options{Resolver: resolver, Ports: []int{443}})
	for address, want := range map[string]Reason{
		"https://169.254.169.254/latest/meta-data": ReasonHost,
		"https://[::ffff:169.254.169.254]/":        ReasonHost,
		"https://[::1]/":                           ReasonHost,
		"https://127.0.0.1/":                       ReasonHost,
		"https://8.8.8.8/":                         ReasonHost,
		"https://inner.example/":                   ReasonAddress,
		"https://meta.example/":                    ReasonAddress,
		"https://mapped.example/":                  ReasonAddress,
		"https://nat64.example/":                   ReasonAddress,
		"https://local.example/":                   ReasonAddress,
		"https://localhost/":                       ReasonAddress,
		"https://2130706433/":                      ReasonAddress,
		"https://0x7f.1/":                          ReasonAddress,
		"https://void.example/":                    ReasonAddress,
		"https://unknown.example/":                 ReasonNetwork,
		"http://example.com/":                      ReasonScheme,
		"http://127.0.0.1/":                        ReasonScheme,
		"ftp://example.com/":                       ReasonScheme,
		"file:///etc/passwd":                       ReasonURL,
		"https:///nohost":                          ReasonURL,
		"https:opaque":                             ReasonURL,
		"/relative":                                ReasonURL,
		"https://user:pw@inner.example/":           ReasonUserinfo,
		"https://inner.example:22/":                ReasonPort,
		"https://inner.example:0/":                 ReasonPort,
		"https://inner.example:99999/":             ReasonPort,
	} {
		t.Run(address, func(t *testing.T) {
			_, err := c.Fetch(t.Context(), address, "")
			wantReason(t, err, want)
			if strings.Contains(err.Error(), "pw") && want == ReasonUserinfo && strings.Contains(err.Error(), "user:pw") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

// The socket itself is checked, not only what the resolver said.
func TestControl(t *testing.T) {
	d := &dialer{allow: isPublic}
	if err := d.control("tcp4", "10.0.0.1:443", nil); !Is(err, ReasonAddress) {
		t.Errorf("control let 10.0.0.1 through: %v", err)
	}
	if err := d.control("tcp6", "[::ffff:10.0.0.1]:443", nil); !Is(err, ReasonAddress) {
		t.Errorf("control let a mapped address through: %v", err)
	}
	if err := d.control("tcp", "nonsense", nil); !Is(err, ReasonAddress) {
		t.Errorf("control let nonsense through: %v", err)
	}
	if err := d.control("tcp4", "8.8.8.8:443", nil); err != nil {
		t.Error(err)
	}
}

func TestMixedAnswerUsesAllowedOnly(t *testing.T) {
	d := &dialer{resolver: names{"m.example": {"10.0.0.1", "8.8.8.8", "fd00::1"}}, allow: isPublic}
	got, err := d.lookup(t.Context(), "m.example")
	if err != nil || len(got) != 1 || got[0] != netip.MustParseAddr("8.8.8.8") {
		t.Errorf("addresses %v, %v", got, err)
	}
}

func TestCredentials(t *testing.T) {
	at, o := site(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Header.Get("Authorization")) })
	ask := func(o Options, header, value string) error {
		c := Public(o)
		defer c.Close()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
		req.Header.Set(header, value)
		res, err := c.Do(req)
		if err == nil {
			res.Body.Close()
		}
		return err
	}
	wantReason(t, ask(o, "Authorization", "Bearer x"), ReasonCredentials)
	wantReason(t, ask(o, "Cookie", "a=b"), ReasonCredentials)
	o.SendAuthorization = true
	if err := ask(o, "Authorization", "Bearer x"); err != nil {
		t.Error(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, at, nil)
	req.Host = "other.example"
	_, err := Public(o).Do(req)
	wantReason(t, err, ReasonURL)
}

func TestNoCookiesNoProxy(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	var cookie string
	at, o := site(t, func(w http.ResponseWriter, r *http.Request) {
		cookie = r.Header.Get("Cookie")
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	})
	c := Public(o)
	defer c.Close()
	for range 2 {
		if _, err := c.Fetch(t.Context(), at, ""); err != nil {
			t.Fatal(err)
		}
	}
	if cookie != "" {
		t.Errorf("a cookie was kept and sent: %q", cookie)
	}
}

func TestRedirects(t *testing.T) {
	mux := http.NewServeMux()
	at, o := site(t, mux.ServeHTTP)
	referers := make(chan string, 10)
	mux.HandleFunc("/ok", func(w http.ResponseWriter, r *http.Request) {
		referers <- r.Header.Get("Referer")
		io.WriteString(w, "ok")
	})
	to := func(path, target string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target, http.StatusTemporaryRedirect)
		})
	}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.Error("the http server was reached") }))
	defer plain.Close()
	to("/one", at+"/ok?secret=1")
	to("/two", at+"/one")
	to("/private", strings.Replace(at, "example.com", "inner.example", 1))
	to("/literal", "https://169.254.169.254/latest")
	to("/down", plain.URL)
	to("/loop", at+"/loop")
	to("/userinfo", strings.Replace(at, "https://", "https://a:b@", 1))

	for _, tt := range []struct {
		path   string
		follow int
		want   Reason
	}{
		{"/one", 0, ReasonRedirect}, {"/one", 1, ""}, {"/two", 1, ReasonRedirect}, {"/two", 2, ""}, {"/loop", 100, ReasonRedirect},
		{"/private", 3, ReasonAddress}, {"/literal", 3, ReasonHost}, {"/down", 3, ReasonScheme}, {"/userinfo", 3, ReasonUserinfo},
	} {
		t.Run(fmt.Sprint(tt.path, tt.follow), func(t *testing.T) {
			o := o
			o.Redirects = tt.follow
			c := Public(o)
			defer c.Close()
			d, err := c.Fetch(t.Context(), at+tt.path, "")
			if tt.want == "" {
				if err != nil || string(d.Body) != "ok" {
					t.Fatalf("%+v, %v", d, err)
				}
				if r := <-referers; r != "" {
					t.Errorf("Referer %q was sent", r)
				}
				return
			}
			wantReason(t, err, tt.want)
			if strings.Contains(err.Error(), "latest") || strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds the path or query: %v", err)
			}
		})
	}

	t.Run("a POST is not redirected", func(t *testing.T) {
		o := o
		o.Redirects = 3
		c := Public(o)
		defer c.Close()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/one", strings.NewReader("x"))
		_, err := c.Do(req)
		wantReason(t, err, ReasonRedirect)
	})
	t.Run("credentials are not redirected", func(t *testing.T) {
		o := o
		o.Redirects, o.SendAuthorization = 3, true
		c := Public(o)
		defer c.Close()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/one", nil)
		req.Header.Set("Authorization", "Bearer x")
		_, err := c.Do(req)
		wantReason(t, err, ReasonRedirect)
	})
	t.Run("returned on request", func(t *testing.T) {
		o := o
		o.ReturnRedirects = true
		c := Public(o)
		defer c.Close()
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/one", nil)
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusTemporaryRedirect || res.Header.Get("Location") == "" {
			t.Errorf("status %d", res.StatusCode)
		}
	})
}

func TestBodyLimits(t *testing.T) {
	bomb := func() []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(make([]byte, 10<<20))
		z.Close()
		return b.Bytes()
	}()
	mux := http.NewServeMux()
	at, o := site(t, mux.ServeHTTP)
	o.MaxBody = 64 << 10
	mux.HandleFunc("/announced", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Length", "10737418240") })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) { // 10 GB, unannounced
		for range 10 << 10 {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb)
	})
	mux.HandleFunc("/exact", func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 64<<10)) })
	mux.HandleFunc("/one-more", func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 64<<10+1)) })
	mux.HandleFunc("/zipped", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, "plain")
		z.Close()
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		io.WriteString(w, "not gzip at all")
	})
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb[:15])
	})
	mux.HandleFunc("/brotli", func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Content-Encoding", "br") })
	c := Public(o)
	defer c.Close()
	for path, want := range map[string]Reason{
		"/announced": ReasonTooLarge, "/endless": ReasonTooLarge, "/bomb": ReasonTooLarge, "/one-more": ReasonTooLarge,
		"/broken": ReasonEncoding, "/cut": ReasonEncoding, "/brotli": ReasonEncoding, "/missing": ReasonStatus,
	} {
		t.Run(path, func(t *testing.T) {
			d, err := c.Fetch(t.Context(), at+path, "")
			wantReason(t, err, want)
			if d.Body != nil {
				t.Error("a refused body was returned")
			}
		})
	}
	for path, want := range map[string]int{"/exact": 64 << 10, "/zipped": 5} {
		if d, err := c.Fetch(t.Context(), at+path, ""); err != nil || len(d.Body) != want {
			t.Errorf("%s: %d bytes, %v", path, len(d.Body), err)
		}
	}
}

// Packages that may not import this one ask for the status by an interface.
func TestStatusCode(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusGone) }))
	defer s.Close()
	c := Public(Options{InsecureAllowLoopback: true})
	defer c.Close()
	_, err := c.Fetch(t.Context(), s.URL, "")
	var status interface{ StatusCode() int }
	if !errors.As(err, &status) || status.StatusCode() != http.StatusGone {
		t.Errorf("%v", err)
	}
	_, err = c.Fetch(t.Context(), "https:///", "")
	if !errors.As(err, &status) || status.StatusCode() != 0 {
		t.Errorf("%v", err)
	}
}

func TestHeaderLimit(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for i := range 100 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("a", 1000))
		}
	}))
	defer s.Close()
	c := Public(Options{InsecureAllowLoopback: true})
	defer c.Close()
	_, err := c.Fetch(t.Context(), s.URL, "")
	wantReason(t, err, ReasonTooLarge)
}

func TestTimeouts(t *testing.T) {
	stop := make(chan struct{})
	mux := http.NewServeMux()
	at, o := site(t, mux.ServeHTTP)
	t.Cleanup(func() { close(stop) })
	mux.HandleFunc("/silent", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/loris", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			io.WriteString(w, ".")
			w.(http.Flusher).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	})
	t.Run("slow body", func(t *testing.T) {
		o := o
		o.Timeout = 200 * time.Millisecond
		c := Public(o)
		defer c.Close()
		_, err := c.Fetch(t.Context(), at+"/loris", "")
		wantReason(t, err, ReasonTimeout)
	})
	t.Run("no headers", func(t *testing.T) {
		o := o
		o.HeaderTimeout = 100 * time.Millisecond
		c := Public(o)
		defer c.Close()
		_, err := c.Fetch(t.Context(), at+"/silent", "")
		wantReason(t, err, ReasonTimeout)
	})
	t.Run("caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, cancel)
		c := Public(o)
		defer c.Close()
		_, err := c.Fetch(ctx, at+"/silent", "")
		wantReason(t, err, ReasonCanceled)
	})
}

func TestOperator(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
	defer s.Close()
	_, err := Operator(Options{}).Fetch(t.Context(), s.URL, "")
	wantReason(t, err, ReasonScheme)

	c := Operator(Options{PlainLoopback: true, Resolver: names{"inner.example": {"10.0.0.7"}, "meta.example": {"169.254.169.254"}}})
	defer c.Close()
	if d, err := c.Fetch(t.Context(), s.URL, ""); err != nil || string(d.Body) != "ok" {
		t.Errorf("%+v, %v", d, err)
	}
	_, err = c.Fetch(t.Context(), "http://inner.example/", "")
	wantReason(t, err, ReasonAddress)
	_, err = c.Fetch(t.Context(), "https://meta.example/", "")
	wantReason(t, err, ReasonAddress)
	_, err = c.Fetch(t.Context(), "https://169.254.169.254/", "")
	wantReason(t, err, ReasonAddress)

	at, o := site(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "tls") })
	o.InsecureAllowLoopback = false
	if d, err := Operator(o).Fetch(t.Context(), at, ""); err != nil || string(d.Body) != "tls" {
		t.Errorf("%+v, %v", d, err)
	}
	o.Roots = nil
	_, err = Operator(o).Fetch(t.Context(), at, "")
	wantReason(t, err, ReasonNetwork)
}

// Plain http, where it is allowed, reaches the addresses that https reaches.
func TestAllowHTTP(t *testing.T) {
	o := Options{InsecureAllowHTTP: true, Resolver: names{"inner.example": {"10.0.0.7"}, "loop.example": {"127.0.0.1"}}}
	c := Public(o)
	defer c.Close()
	for address, want := range map[string]Reason{
		"http://inner.example/": ReasonAddress, "http://loop.example/": ReasonAddress, "http://192.0.2.1/": ReasonHost,
		"ftp://inner.example/": ReasonScheme, "http://user@inner.example/": ReasonUserinfo,
	} {
		_, err := c.Fetch(t.Context(), address, "")
		wantReason(t, err, want)
	}
	_, err := Operator(o).Fetch(t.Context(), "http://inner.example/", "")
	wantReason(t, err, ReasonScheme)

	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "signed") }))
	defer s.Close()
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	o.InsecureAllowLoopback = true // stands for a public address
	c = Public(o)
	defer c.Close()
	if d, err := c.Fetch(t.Context(), "http://loop.example:"+port, ""); err != nil || string(d.Body) != "signed" {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestErrorHidesURL(t *testing.T) {
	err := classify("example.com", &url.Error{Op: "Get", URL: "https://example.com/code?token=secret", Err: errors.New("broken")})
	if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "broken") {
		t.Errorf("error %q", err)
	}
}

// A document that still has its tag is not sent again, and is no error.
func TestFetchUnless(t *testing.T) {
	tag := `"1"`
	address, o := site(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		switch {
		case r.URL.Path == "/always":
			w.WriteHeader(http.StatusNotModified)
			return
		case r.Header.Get("If-None-Match") == tag:
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", tag)
		io.WriteString(w, "text")
	})
	c := Public(o)
	defer c.Close()
	body, got, age, err := c.FetchUnless(t.Context(), address, "", "")
	if err != nil || string(body) != "text" || got != tag || age != time.Minute {
		t.Fatalf("%q %q %s %v", body, got, age, err)
	}
	if body, got, age, err = c.FetchUnless(t.Context(), address, "", tag); err != nil || body != nil || got != tag || age != time.Minute {
		t.Errorf("unchanged: %q %q %s %v", body, got, age, err)
	}
	if body, _, _, err = c.FetchUnless(t.Context(), address, "", `"2"`); err != nil || string(body) != "text" {
		t.Errorf("another tag: %q %v", body, err)
	}
	// Nobody asked whether it is unchanged.
	_, _, _, err = c.FetchUnless(t.Context(), address+"/always", "", "")
	wantReason(t, err, ReasonStatus)
	_, err = c.Fetch(t.Context(), address+"/always", "")
	wantReason(t, err, ReasonStatus)
	tag = `"` + strings.Repeat("x", 300) + `"`
	if _, got, _, err = c.FetchUnless(t.Context(), address, "", ""); err != nil || got != "" {
		t.Errorf("a long tag is kept: %d bytes, %v", len(got), err)
	}
}
