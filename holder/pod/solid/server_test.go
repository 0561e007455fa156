package solid

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/holder/pod/podtest"
	"github.com/zegel-id/zegel/holder/pod/solid/solidtest"
)

// TestCommunitySolidServer runs the contract and more on a real server.
func TestCommunitySolidServer(t *testing.T) {
	server := solidtest.Start(t)
	r := &rig{server: server, wire: &wire{}}
	h, err := New(Config{Server: server.URL, HTTP: &http.Client{Timeout: time.Minute, Transport: r.wire}, Publish: server.WebIDs.Publish})
	if err != nil {
		t.Fatal(err)
	}
	r.host = h
	t.Cleanup(func() { _ = h.Close() })

	t.Run("contract", func(t *testing.T) {
		podtest.Run(t, podtest.Subject{Host: h, WebID: func(testing.TB) string { return server.WebIDs.New() }})
	})
	t.Run("private from the start", func(t *testing.T) { r.privateFromTheStart(t) })
	t.Run("replayed proof", func(t *testing.T) { r.replayedProof(t) })
	t.Run("one token, fresh proofs", func(t *testing.T) { r.oneToken(t) })
	t.Run("WebID of others", func(t *testing.T) { r.webIDOfOthers(t) })
	t.Run("others are kept out", func(t *testing.T) { r.othersAreKeptOut(t) })
	t.Run("stored type", func(t *testing.T) { r.storedType(t) })
	t.Run("foreign resources go too", func(t *testing.T) { r.foreignResources(t) })
	t.Run("deletion survives interruption", func(t *testing.T) { r.interruptedDeletion(t) })
	t.Run("old tokens write nothing", func(t *testing.T) { r.oldTokens(t) })
	t.Run("withdrawn credentials", func(t *testing.T) { r.withdrawnCredentials(t) })
}

type rig struct {
	server *solidtest.Server
	host   *Host
	wire   *wire
}

// wire watches and disturbs what goes over the network.
type wire struct {
	mu     sync.Mutex
	around func(*http.Request, http.RoundTripper) (*http.Response, error)
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	around := w.around
	w.mu.Unlock()
	if around == nil {
		return http.DefaultTransport.RoundTrip(r)
	}
	return around(r, http.DefaultTransport)
}

func (w *wire) set(t *testing.T, around func(*http.Request, http.RoundTripper) (*http.Response, error)) {
	set := func(f func(*http.Request, http.RoundTripper) (*http.Response, error)) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.around = f
	}
	set(around)
	t.Cleanup(func() { set(nil) })
}

type vault struct {
	*pod.Pod
	at    pod.Location
	webID string
	key   podtest.Key
}

func (r *rig) vault(t *testing.T) vault {
	t.Helper()
	v := vault{webID: r.server.WebIDs.New(), key: podtest.NewKey(t)}
	var err error
	if v.at, err = r.host.Create(t.Context(), v.webID); err != nil {
		t.Fatal(err)
	}
	if v.Pod, err = r.host.Open(t.Context(), v.at); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v vault) put(t *testing.T, name string) pod.ETag {
	t.Helper()
	tag, err := v.Put(t.Context(), name, pod.MediaType, v.key.Seal(t, v.Resource(name), []byte("x")).Envelope(t), pod.IfAbsent())
	if err != nil {
		t.Fatal(err)
	}
	return tag
}

func (v vault) root() string { return strings.TrimSuffix(v.URL(), vaultContainer) }

// raw is the client behind a pod.
func (r *rig) raw(t *testing.T, v vault) *client {
	t.Helper()
	a, err := parseAccess(v.at.Access)
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.host.client(a.ClientID, a.ClientSecret)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func anonymous(t *testing.T, address string) int {
	t.Helper()
	res, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

func (r *rig) privateFromTheStart(t *testing.T) {
	v := r.vault(t)
	name := pod.NewName()
	v.put(t, name)
	for _, path := range []string{"", "vault/", "vault/" + name, "README", "profile/", "profile/card", ".acl", ".meta"} {
		if status := anonymous(t, v.root()+path); status != http.StatusUnauthorized {
			t.Errorf("/%s without a token: status %d, want 401", path, status)
		}
	}
	members, err := r.raw(t, v).members(t.Context(), v.root())
	if err != nil || len(members) != 1 || members[0] != v.URL() {
		t.Errorf("the root holds %q, error %v; want %q only", members, err, v.URL())
	}
	if token := r.server.WebIDs.Token(v.webID); token != "" {
		t.Errorf("the registration token %q is still in the WebID document", token)
	}
	// On disk too: no file of the template, and no content, names the owner.
	r.onDisk(t, v, func(path string, content []byte) {
		if strings.Contains(path, "README") || strings.Contains(path, "card") {
			t.Errorf("the server still has %s", path)
		}
	})
}

func (r *rig) onDisk(t *testing.T, v vault, look func(path string, content []byte)) {
	t.Helper()
	u, err := url.Parse(v.root())
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(r.server.Dir, u.Path), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		look(path, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// replayedProof sends each GET twice, as net/http does when it finds the
// kept-alive connection dead after the server read the request.
func (r *rig) replayedProof(t *testing.T) {
	v, name := r.vault(t), pod.NewName()
	tag := v.put(t, name)
	refused, replays := 0, 1
	r.wire.set(t, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Method != http.MethodGet || !strings.HasSuffix(req.URL.Path, name) || replays == 0 {
			return next.RoundTrip(req)
		}
		replays--
		res, err := next.RoundTrip(req.Clone(req.Context()))
		if err != nil {
			return nil, err
		}
		_ = res.Body.Close()
		res, err = next.RoundTrip(req)
		if err == nil && res.StatusCode == http.StatusUnauthorized {
			refused++
		}
		return res, err
	})
	o, err := v.Get(t.Context(), name)
	if err != nil || o.ETag != tag {
		t.Errorf("got version %q, error %v; want %q", o.ETag, err, tag)
	}
	if refused != 1 {
		t.Errorf("the server refused %d replayed proofs, want 1", refused)
	}
	// Twice in a row is no accident any more.
	replays = 2
	if _, err := v.Get(t.Context(), name); !errors.Is(err, pod.ErrDenied) {
		t.Errorf("got error %v, want %v", err, pod.ErrDenied)
	}
}

func (r *rig) oneToken(t *testing.T) {
	v := r.vault(t)
	tokens, proofs := 0, map[string]bool{}
	r.wire.set(t, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if strings.HasSuffix(req.URL.Path, "/token") {
			tokens++
		}
		if p := req.Header.Get("DPoP"); p == "" || proofs[p] {
			t.Errorf("%s: the proof is missing or was used before", req.Method)
		} else {
			proofs[p] = true
		}
		return next.RoundTrip(req)
	})
	for range 3 {
		v.put(t, pod.NewName())
	}
	p, err := r.host.Open(t.Context(), v.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if tokens != 0 { // Create has got one already
		t.Errorf("%d more tokens were asked for, want 0", tokens)
	}
	later := time.Now().Add(11 * time.Minute)
	r.host.now = func() time.Time { return later }
	defer func() { r.host.now = time.Now }()
	// The token is past its end by our clock, so another one is asked for (and
	// then the server refuses the proof, which is from its future).
	if _, err := p.List(t.Context()); err == nil || tokens == 0 {
		t.Errorf("error %v; %d tokens were asked for after the end of the first", err, tokens)
	}
}

// webIDOfOthers: without the token in the WebID document there is no pod.
func (r *rig) webIDOfOthers(t *testing.T) {
	h, err := New(Config{Server: r.server.URL, HTTP: http.DefaultClient, Publish: func(context.Context, string, string, string) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Create(t.Context(), r.server.WebIDs.New()); err == nil {
		t.Error("a pod was made for a WebID that is not ours")
	}
	h.publish = func(context.Context, string, string, string) error { return io.ErrUnexpectedEOF }
	if _, err := h.Create(t.Context(), r.server.WebIDs.New()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got error %v, want the one of Publish", err)
	}
	for _, bad := range []string{"", "x", "http://127.0.0.1/profiles/1", "https://a/b> <c", "https://u:p@a/b", "ftp://a/b"} {
		if _, err := h.Create(t.Context(), bad); err == nil {
			t.Errorf("a pod was made for the WebID %q", bad)
		}
	}
}

func (r *rig) othersAreKeptOut(t *testing.T) {
	v, other, name := r.vault(t), r.vault(t), pod.NewName()
	v.put(t, name)
	c := r.raw(t, other)
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		e := exchange{method: method, url: v.Resource(name)}
		if method == http.MethodPut {
			e.body, e.header = []byte("x"), http.Header{"Content-Type": {"text/plain"}}
		}
		a, err := c.do(t.Context(), e)
		if err != nil || a.status != http.StatusForbidden {
			t.Errorf("%s by another WebID: status %d, error %v; want 403", method, a.status, err)
		}
	}
}

// storedType: a server that changes the media type does not keep the write.
func (r *rig) storedType(t *testing.T) {
	v, name := r.vault(t), pod.NewName()
	r.wire.set(t, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Method == http.MethodPut {
			req = req.Clone(req.Context())
			req.Header.Set("Content-Type", "text/plain")
		}
		return next.RoundTrip(req)
	})
	_, err := v.Put(t.Context(), name, pod.MediaType, v.key.Seal(t, v.Resource(name), []byte("x")).Envelope(t), pod.IfAbsent())
	if !errors.Is(err, pod.ErrUnavailable) {
		t.Errorf("got error %v, want %v", err, pod.ErrUnavailable)
	}
	if _, err := v.Get(t.Context(), name); !errors.Is(err, pod.ErrNotFound) {
		t.Errorf("got error %v, want %v", err, pod.ErrNotFound)
	}
}

// foreignResources: what other applications put into the pod is not listed as
// ours, and goes with the pod.
func (r *rig) foreignResources(t *testing.T) {
	v := r.vault(t)
	c := r.raw(t, v)
	for _, path := range []string{"notes/2026/a b.txt", "notes/x.ttl", "vault/notes.txt", "vault/deep/er/y"} {
		u, err := url.Parse(v.root())
		if err != nil {
			t.Fatal(err)
		}
		a, err := c.do(t.Context(), exchange{method: http.MethodPut, url: u.JoinPath(path).String(), body: []byte("#"), header: http.Header{"Content-Type": {"text/turtle"}}})
		if err != nil || !a.ok() {
			t.Fatalf("%s: %d, %v", path, a.status, err)
		}
	}
	name := pod.NewName()
	v.put(t, name)
	if names, err := v.List(t.Context()); err != nil || len(names) != 1 || names[0] != name {
		t.Errorf("list is %q, error %v; want %q", names, err, name)
	}
	if err := v.DeleteAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.onDisk(t, v, func(path string, content []byte) {
		switch filepath.Base(path) {
		case ".acl":
			if bytes.Contains(content, []byte(v.webID)) {
				t.Errorf("%s still names the owner", path)
			}
		case ".meta":
		default:
			t.Errorf("%s is left: %q", path, content)
		}
	})
}

// interruptedDeletion cuts DeleteAll off after each of its requests in turn.
// However far it got, calling it again finishes.
func (r *rig) interruptedDeletion(t *testing.T) {
	cut := errors.New("cut off")
	for after := 1; ; after += 3 {
		v, name := r.vault(t), pod.NewName()
		v.put(t, name)
		left := after
		r.wire.set(t, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if left--; left < 0 {
				return nil, cut
			}
			return next.RoundTrip(req)
		})
		err := v.DeleteAll(t.Context())
		r.wire.set(t, nil)
		if err == nil {
			if after == 1 {
				t.Fatal("nothing was cut off")
			}
			return
		}
		if !errors.Is(err, cut) {
			t.Fatalf("after %d requests: %v", after, err)
		}
		again, err := r.host.Open(t.Context(), v.at)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.DeleteAll(t.Context()); err != nil {
			t.Fatalf("after %d requests, again: %v", after, err)
		}
		r.onDisk(t, v, func(path string, _ []byte) {
			if strings.Contains(path, name) {
				t.Errorf("after %d requests, again: %s is left", after, path)
			}
		})
	}
}

// oldTokens: a token that another process got before the deletion lives on for
// ten minutes. It must not bring the pod back.
func (r *rig) oldTokens(t *testing.T) {
	v := r.vault(t)
	elsewhere, err := New(Config{Server: r.server.URL, HTTP: http.DefaultClient, Publish: r.server.WebIDs.Publish})
	if err != nil {
		t.Fatal(err)
	}
	p, err := elsewhere.Open(t.Context(), v.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.List(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := v.DeleteAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	name := pod.NewName()
	if _, err := p.Put(t.Context(), name, pod.MediaType, v.key.Seal(t, v.Resource(name), []byte("x")).Envelope(t), pod.IfAbsent()); !errors.Is(err, pod.ErrDenied) {
		t.Errorf("got error %v, want %v", err, pod.ErrDenied)
	}
	r.onDisk(t, v, func(path string, _ []byte) {
		if strings.Contains(path, name) {
			t.Errorf("%s was written after the deletion", path)
		}
	})
}

func (r *rig) withdrawnCredentials(t *testing.T) {
	v := r.vault(t)
	a, err := parseAccess(v.at.Access)
	if err != nil {
		t.Fatal(err)
	}
	acc, err := r.host.signIn(t.Context(), a.Email, a.Password)
	if err != nil {
		t.Fatal(err)
	}
	if err := acc.withdraw(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.host.forget(a.ClientID)
	p, err := r.host.Open(t.Context(), v.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.List(t.Context()); !errors.Is(err, pod.ErrDenied) {
		t.Errorf("got error %v, want %v", err, pod.ErrDenied)
	}
}
