package rest

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClients(t *testing.T) {
	key, digest := NewKey()
	old, oldDigest := NewKey()
	other, otherDigest := NewKey()
	if KeyDigest(key) != digest || key == other || len(key) != 46 {
		t.Fatalf("key %d bytes", len(key))
	}
	cert := &x509.Certificate{Raw: []byte("not really DER")}
	sum := sha256.Sum256(cert.Raw)
	clients, err := NewClients(
		Client{ID: "OVO002949", Keys: []string{digest, oldDigest}, Permissions: []string{"offers.create"}},
		Client{ID: "OVO000001", Keys: []string{otherDigest}, Permissions: []string{"other"}},
		Client{ID: "OVO000002", Certificates: []string{hex.EncodeToString(sum[:])}, Permissions: []string{"offers.create"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	log, lines := recordedLog()
	e := New(Options{Log: log, Clients: clients})
	e.Mount(Route{Method: "POST", Path: "/offers", Permission: "offers.create", Handler: func(r *Request) (Answer, error) {
		return Text(200, "text/plain", []byte(r.Client.ID)), nil
	}})
	for _, tt := range []struct {
		name, authorization string
		cert                *x509.Certificate
		status              int
		body                string
	}{
		{"key", "Bearer " + key, nil, 200, "OVO002949"},
		{"key being replaced", "bearer " + old, nil, 200, "OVO002949"},
		{"certificate", "", cert, 200, "OVO000002"},
		{"no permission", "Bearer " + other, nil, 403, "offers.create"},
		{"nothing", "", nil, 401, ""},
		{"unknown key", "Bearer zk_x", nil, 401, ""},
		{"the digest is not the key", "Bearer " + digest, nil, 401, ""},
		{"another scheme", "Basic " + key, nil, 401, ""},
		{"unknown key beside a known certificate", "Bearer zk_x", cert, 401, ""},
		{"unknown certificate", "", &x509.Certificate{Raw: []byte("x")}, 401, ""},
		{"malformed", "Bearer", nil, 400, ""},
	} {
		r := httptest.NewRequest("POST", "/offers", nil)
		if tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
		}
		if tt.cert != nil {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{tt.cert}}
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.body) {
			t.Errorf("%s: %d %s", tt.name, w.Code, w.Body)
		}
		challenge := w.Header().Get("WWW-Authenticate")
		if tt.status == 401 && !strings.HasPrefix(challenge, `Bearer realm="zegel"`) || tt.status == 401 && (tt.authorization != "") != strings.Contains(challenge, "invalid_token") {
			t.Errorf("%s: challenge %q", tt.name, challenge)
		}
	}
	if s := lines.String(); strings.Contains(s, key) || strings.Contains(s, "zk_") || !strings.Contains(s, `"client":"OVO002949"`) {
		t.Errorf("log %s", s)
	}
}

func TestNewClientsTellsAllFaults(t *testing.T) {
	_, d := NewKey()
	_, err := NewClients(Client{ID: ""}, Client{ID: "a", Keys: []string{"zz"}}, Client{ID: "b", Keys: []string{d}}, Client{ID: "b", Keys: []string{d}}, Client{ID: "c", Certificates: []string{"ab"}})
	for _, want := range []string{`client id ""`, `"a": key 1`, `client id "b"`, `share a key`, `"c": certificate 1`, "neither key nor"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestLimiter(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	l := NewLimiter(1, 2, 3, func() time.Time { return now })
	allow := func(key string) bool { ok, _ := l.Allow(key); return ok }
	var got []bool
	for _, key := range []string{"a", "a", "a", "b"} {
		got = append(got, allow(key))
	}
	if !slices.Equal(got, []bool{true, true, false, true}) {
		t.Error("a burst of two, each caller for himself")
	}
	if _, retry := l.Allow("a"); retry != time.Second {
		t.Errorf("retry after %v", retry)
	}
	now = now.Add(time.Second)
	if first, second := allow("a"), allow("a"); !first || second {
		t.Error("one more after a second, although refused ones came between")
	}
	for i := range 100 {
		allow(fmt.Sprint(i))
	}
	if len(l.buckets) != 3 || l.order.Len() != 3 {
		t.Errorf("%d callers are remembered", len(l.buckets))
	}
	var none *Limiter
	if ok, _ := none.Allow("x"); !ok {
		t.Error("no limiter refuses")
	}
	if ok, _ := NewLimiter(1, 0, 1, nil).Allow("x"); ok {
		t.Error("a burst of nothing lets through")
	}
}

func TestRateLimit(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	clock := func() time.Time { return now }
	key, digest := NewKey()
	clients, _ := NewClients(Client{ID: "c", Keys: []string{digest}, Permissions: []string{"p"}})
	log, _ := recordedLog()
	e := New(Options{Log: log, Clients: clients, Limiter: NewLimiter(0.1, 2, 10, clock), Now: clock})
	ok := func(*Request) (Answer, error) { return NoContent(), nil }
	e.Mount(Route{Method: "GET", Path: "/open", Handler: ok}, Route{Method: "GET", Path: "/oauth", OAuth: true, Handler: ok}, Route{Method: "GET", Path: "/p", Permission: "p", Handler: ok})
	from := func(path, addr, key string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.RemoteAddr = addr
		r.Header.Set("X-Forwarded-For", "203.0.113.9") // not believed
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w
	}
	for i, want := range []int{204, 204, 429} {
		w := from("/open", fmt.Sprintf("[2001:db8::%d]:1", i+1), "") // one /64
		if w.Code != want || want == 429 && w.Header().Get("Retry-After") != "10" {
			t.Errorf("request %d: %d %v", i, w.Code, w.Header())
		}
	}
	if w := from("/oauth", "[2001:db8::9]:1", ""); w.Code != 429 || !strings.Contains(w.Body.String(), "temporarily_unavailable") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for i, want := range []int{401, 401, 429} {
		if w := from("/p", "192.0.2.1:1", "zk_guess"); w.Code != want {
			t.Errorf("guess %d: %d", i, w.Code)
		}
	}
	for i, want := range []int{204, 204, 429} {
		if w := from("/p", fmt.Sprintf("192.0.2.%d:1", i+1), key); w.Code != want {
			t.Errorf("client %d: %d", i, w.Code)
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	log, _ := recordedLog()
	e := New(Options{Log: log, TrustedProxies: []string{"10.0.0.0/8"}})
	e.Mount(Route{Method: "GET", Path: "/", Handler: func(r *Request) (Answer, error) { return Text(200, "text/plain", []byte(r.Remote())), nil }})
	for peer, want := range map[string]string{"10.1.1.1:1": "198.51.100.7", "192.0.2.1:1": "192.0.2.1"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		r.Header = http.Header{"X-Forwarded-For": {"1.1.1.1, 198.51.100.7"}}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Body.String() != want {
			t.Errorf("peer %s: %s, want %s", peer, w.Body, want)
		}
	}
}
