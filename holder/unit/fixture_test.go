package unit_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
)

// Names of the tests' world. Nothing of it is on a network.
const (
	issuerURL   = "https://issuer.example"
	vct         = issuerURL + "/types/led-diploma"
	otherVCT    = issuerURL + "/types/other"
	platformURL = "https://vault.example"
)

var at = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

func now() time.Time { return at }

type m = map[string]any

// network leads each host to its handler, and keeps what was sent.
type network struct {
	mu    sync.Mutex
	hosts map[string]http.Handler
	sent  []string
	// before may fail a request that did not arrive, after one whose answer
	// got lost. Both may be nil.
	before, after func(*http.Request) error
}

func newNetwork() *network { return &network{hosts: map[string]http.Handler{}} }

var errLine = errors.New("the line is down")

// Do implements unit.Doer. Like net/http, its errors repeat the address.
func (n *network) Do(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	n.mu.Lock()
	h, before, after := n.hosts[r.URL.Host], n.before, n.after
	n.mu.Unlock()
	if before != nil {
		if err := before(r); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s\n", r.Method, r.URL)
	_ = r.Header.Write(&text)
	n.sent = append(n.sent, text.String()+"\n"+string(body))
	n.mu.Unlock()
	if h == nil {
		return nil, fmt.Errorf("no such host %s", r.URL.Host)
	}
	in := r.Clone(r.Context())
	in.Body, in.RequestURI = io.NopCloser(bytes.NewReader(body)), r.URL.RequestURI()
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, in)
	if after != nil {
		if err := after(r); err != nil {
			return nil, err
		}
	}
	res := rec.Result()
	res.Request = r
	return res, nil
}

// to is what was sent to a host.
func (n *network) to(host string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.sent), func(s string) bool { return !strings.Contains(s, "://"+host+"/") })
}

// pod is the part of a vault platform that keeps items and the use log.
type pod struct {
	mu    sync.Mutex
	items map[string][]byte
	tags  map[string]string
	n     int
	log   []unit.Event
	// fail answers a request with a status instead, when it is not 0.
	fail func(*http.Request) int
}

func (p *pod) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		if status := p.fail(r); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	if r.URL.Path == "/vault/v1/events" {
		var e unit.Event
		b, _ := io.ReadAll(r.Body)
		if jose.UnmarshalClosed(b, &e) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		p.log = append(p.log, e)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/vault/v1/items/")
	have, there := p.items[name]
	switch {
	case !ok || !strings.HasPrefix(r.Header.Get("Authorization"), "DPoP ") || r.Header.Get("DPoP") == "":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method != http.MethodPut && !there:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet:
		w.Header().Set("ETag", p.tags[name])
		_, _ = w.Write(have)
	case r.Method == http.MethodDelete:
		delete(p.items, name)
		delete(p.tags, name)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && (r.Header.Get("If-None-Match") == "*" && there || r.Header.Get("If-Match") != "" && r.Header.Get("If-Match") != p.tags[name]):
		w.WriteHeader(http.StatusPreconditionFailed)
	case r.Method == http.MethodPut:
		b, _ := io.ReadAll(r.Body)
		p.n++
		p.items[name], p.tags[name] = b, strconv.Quote(strconv.Itoa(p.n))
		w.WriteHeader(http.StatusCreated)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (p *pod) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for name := range p.items {
		out = append(out, name)
	}
	return out
}

func (p *pod) events() []unit.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

// must stops the test at an error.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
}

// newVault is an open vault whose pod is p, reached over the network.
func newVault(t testing.TB, n *network) (*unit.Vault, *pod) {
	t.Helper()
	p := &pod{items: map[string][]byte{}, tags: map[string]string{}}
	n.hosts["vault.example"] = p
	return &unit.Vault{
		Info: unit.VaultInfo{Storage: platformURL + "/pods/1/"}, Keys: must(unit.NewKeys(rand.Reader))(t), Random: rand.Reader,
		Platform: &unit.Platform{Base: platformURL, HTTP: n, Now: now, Key: newKey(t), AccessToken: "session"},
	}, p
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	b, _ := jose.Marshal(v)
	_, _ = w.Write(b)
}

// quoted is a credential that is a string, as responses carry it.
func quoted(text string) jsontext.Value {
	b, err := jose.Marshal(text)
	if err != nil {
		panic(err)
	}
	return b
}
