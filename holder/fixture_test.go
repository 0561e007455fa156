package holder_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/did/profiles"
	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/holder/pod"
	"github.com/zegel-id/zegel/holder/pod/podtest"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
)

const (
	base   = "https://vault.example.org"
	oidc   = "https://op.example.org/"
	podURL = "https://pods.example.org/"
	rrn    = "80610100139" // fictitious: month 61
)

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

var errCrash = errors.New("the process died")

// crash ends a process at a chosen step outside of it: before the step has its
// effect, or after, so that nobody hears of it. All later steps fail.
type crash struct {
	mu    sync.Mutex
	armed bool
	left  int
	after bool
	dead  bool
}

func (c *crash) arm(steps int, after bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.left, c.after, c.dead = true, steps, after, false
}

func (c *crash) disarm() (died bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	died = c.dead
	c.armed, c.dead = false, false
	return died
}

// step does what has an effect outside of the process.
func (c *crash) step(do func() error) error {
	c.mu.Lock()
	if c.dead {
		c.mu.Unlock()
		return errCrash
	}
	fatal := c.armed && c.left == 0
	if c.armed {
		c.left--
	}
	if fatal {
		c.dead = true
	}
	after := c.after
	c.mu.Unlock()
	if fatal && !after {
		return errCrash
	}
	err := do()
	if fatal {
		return errCrash
	}
	return err
}

func (c *crash) alive() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return errCrash
	}
	return nil
}

// crashStore is a store that dies with the process.
type crashStore struct {
	store.Store
	c *crash
}

func (s crashStore) Create(ctx context.Context, r store.Record) (out store.Record, err error) {
	err = s.c.step(func() error { out, err = s.Store.Create(ctx, r); return err })
	return out, err
}

func (s crashStore) Replace(ctx context.Context, old, next store.Record) (out store.Record, err error) {
	err = s.c.step(func() error { out, err = s.Store.Replace(ctx, old, next); return err })
	return out, err
}

func (s crashStore) Delete(ctx context.Context, r store.Record) error {
	return s.c.step(func() error { return s.Store.Delete(ctx, r) })
}

func (s crashStore) Get(ctx context.Context, k store.Kind, id string) (store.Record, error) {
	if err := s.c.alive(); err != nil {
		return store.Record{}, err
	}
	return s.Store.Get(ctx, k, id)
}

func (s crashStore) Find(ctx context.Context, k store.Kind, tag string, p store.Page) ([]store.Record, string, error) {
	if err := s.c.alive(); err != nil {
		return nil, "", err
	}
	return s.Store.Find(ctx, k, tag, p)
}

// crashLog is a use log that dies with the process, or whose disk is full.
type crashLog struct {
	*audit.Log
	c    *crash
	full bool
}

func (l *crashLog) Append(ctx context.Context, e audit.Event) error {
	if l.full {
		return errors.New("no space left on device")
	}
	return l.c.step(func() error { return l.Log.Append(ctx, e) })
}

func (l *crashLog) List(f audit.Filter) iter.Seq2[audit.Entry, error] { return l.Log.List(f) }

// memory is a host of pods that can fail.
type memory struct {
	c *crash

	mu    sync.Mutex
	pods  map[string]map[string][]byte
	down  bool
	order *[]string
	// meanwhile happens while a pod is made.
	meanwhile func()
}

func (m *memory) fault() error {
	if m.down {
		return pod.ErrUnavailable
	}
	return nil
}

func (m *memory) Create(context.Context, string) (pod.Location, error) {
	at := pod.Location{URL: podURL + pod.NewName() + "/", Access: pod.Access("the pod's password")}
	if m.meanwhile != nil {
		m.meanwhile()
	}
	err := m.c.step(func() error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if err := m.fault(); err != nil {
			return err
		}
		m.pods[at.URL] = map[string][]byte{}
		return nil
	})
	return at, err
}

func (m *memory) Open(_ context.Context, at pod.Location) (*pod.Pod, error) {
	if string(at.Access) != "the pod's password" {
		return nil, pod.ErrDenied
	}
	return pod.Guard(at.URL, &memoryPod{m, at.URL})
}

func (*memory) Close() error { return nil }

type memoryPod struct {
	m   *memory
	url string
}

func (p *memoryPod) with(do func(map[string][]byte) error) error {
	p.m.mu.Lock()
	defer p.m.mu.Unlock()
	if err := p.m.fault(); err != nil {
		return err
	}
	files := p.m.pods[p.url]
	if files == nil {
		return pod.ErrNotFound
	}
	return do(files)
}

func tagOf(b []byte) pod.ETag {
	sum := sha256.Sum256(b)
	return pod.ETag(`"` + jose.Encode(sum[:]) + `"`)
}

func (p *memoryPod) Put(_ context.Context, name string, data []byte, c pod.Condition) (pod.ETag, error) {
	err := p.m.c.step(func() error {
		return p.with(func(f map[string][]byte) error {
			old, ok := f[name]
			switch {
			case c.Absent() && ok:
				return pod.ErrExists
			case !c.Absent() && (!ok || tagOf(old) != c.Match()):
				return pod.ErrPrecondition
			}
			f[name] = bytes.Clone(data)
			return nil
		})
	})
	return tagOf(data), err
}

func (p *memoryPod) Get(_ context.Context, name string) (o pod.Object, err error) {
	err = p.with(func(f map[string][]byte) error {
		b, ok := f[name]
		if !ok {
			return pod.ErrNotFound
		}
		o = pod.Object{MediaType: pod.MediaType, Data: b, ETag: tagOf(b)}
		return nil
	})
	return o, err
}

func (p *memoryPod) List(context.Context) (names []string, err error) {
	err = p.with(func(f map[string][]byte) error {
		names = slices.Collect(maps.Keys(f))
		return nil
	})
	return names, err
}

func (p *memoryPod) Delete(_ context.Context, name string) error {
	return p.m.c.step(func() error {
		return p.with(func(f map[string][]byte) error {
			if _, ok := f[name]; !ok {
				return pod.ErrNotFound
			}
			delete(f, name)
			return nil
		})
	})
}

func (p *memoryPod) DeleteAll(context.Context) error {
	return p.m.c.step(func() error {
		p.m.mu.Lock()
		defer p.m.mu.Unlock()
		if err := p.m.fault(); err != nil {
			return err
		}
		delete(p.m.pods, p.url)
		*p.m.order = append(*p.m.order, "pod")
		return nil
	})
}

// issuer counts what it is told.
type issuer struct {
	c     *crash
	url   string
	order *[]string

	mu   sync.Mutex
	down bool
	told []string
}

func (i *issuer) URL() string { return i.url }

func (i *issuer) VaultDeleted(_ context.Context, pseudonym string) (int, error) {
	err := i.c.step(func() error {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.down {
			return errors.New("503")
		}
		i.told = append(i.told, pseudonym)
		*i.order = append(*i.order, i.url)
		return nil
	})
	return 8, err
}

// world is a platform with everything around it.
type world struct {
	*holder.Holder
	t       testing.TB
	clock   *clock
	crash   *crash
	store   store.Store
	pods    *memory
	issuers []*issuer
	log     *crashLog
	config  holder.Config
	lines   *bytes.Buffer
	dir     string
	order   []string
}

func newWorld(t testing.TB, change ...func(*holder.Config)) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{t: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)}, crash: &crash{}, lines: &bytes.Buffer{}, dir: t.TempDir()}
	s, err := embedded.Open(w.dir+"/store", embedded.Options{Now: w.clock.Now, SweepEvery: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l, err := audit.Open(w.dir+"/log", audit.Options{Signer: signer, Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	})
	names, err := audit.NewPseudonyms(bytes.Repeat([]byte("n"), 32))
	if err != nil {
		t.Fatal(err)
	}
	handleKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w.store = s
	w.log = &crashLog{Log: l, c: w.crash}
	w.pods = &memory{c: w.crash, pods: map[string]map[string][]byte{}, order: &w.order}
	cs := crashStore{s, w.crash}
	w.config = holder.Config{
		URL: base, Store: cs, Profiles: &profiles.Profiles{Store: cs}, Pods: w.pods, Log: w.log, Names: names,
		Key: bytes.Repeat([]byte("k"), 32), HandleKey: handleKey, OIDCIssuer: oidc, Now: w.clock.Now,
		Logger: slog.New(slog.NewTextHandler(w.lines, nil)),
	}
	for _, u := range []string{"https://one.example.org", "https://two.example.org"} {
		i := &issuer{c: w.crash, url: u, order: &w.order}
		w.issuers = append(w.issuers, i)
		w.config.Issuers = append(w.config.Issuers, i)
	}
	for _, c := range change {
		c(&w.config)
	}
	w.restart()
	return w
}

// restart is a new process on what the old one left.
func (w *world) restart() {
	w.t.Helper()
	h, err := holder.New(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Holder = h
}

// unit is a citizen with keys, as far as the platform sees it.
type unit struct {
	w     *world
	r     holder.Request
	did   *ecdsa.PrivateKey
	vault *ecdh.PrivateKey
	n     int // of the DID key
}

func (w *world) citizen(number string) *unit {
	w.t.Helper()
	insz, err := identifier.ParseINSZ(number)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := w.Citizen(insz)
	if err != nil {
		w.t.Fatal(err)
	}
	u := &unit{w: w, r: holder.Request{Citizen: c, Evidence: jose.Encode(bytes.Repeat([]byte{7}, 32)), ID: "3f2b1a34-0000-4000-8000-000000000000"}, n: 1}
	u.newKeys()
	return u
}

func (u *unit) newKeys() {
	var err error
	if u.did, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		u.w.t.Fatal(err)
	}
	if u.vault, err = ecdh.P256().GenerateKey(rand.Reader); err != nil {
		u.w.t.Fatal(err)
	}
}

func jwk(t testing.TB, pub any) jose.JWK {
	t.Helper()
	if k, ok := pub.(*ecdh.PublicKey); ok {
		b := k.Bytes()
		return jose.JWK{Kty: "EC", Crv: "P-256", X: jose.Encode(b[1:33]), Y: jose.Encode(b[33:])}
	}
	k, err := jose.PublicJWK(pub)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (u *unit) keys() holder.Keys {
	return holder.Keys{DID: jwk(u.w.t, u.did.Public()), Encryption: jwk(u.w.t, u.vault.PublicKey())}
}

func (u *unit) proof(webID string) string {
	u.w.t.Helper()
	p, err := did.NewLinkProof(u.did, u.n, webID, u.vault.PublicKey(), u.w.clock.Now(), did.MaxLinkProof)
	if err != nil {
		u.w.t.Fatal(err)
	}
	return p
}

// activate makes an active vault.
func (u *unit) activate() holder.Info {
	u.w.t.Helper()
	ctx := u.w.t.Context()
	i, err := u.w.Activate(ctx, u.r, u.keys())
	if err != nil {
		u.w.t.Fatal(err)
	}
	if err := u.w.PutLinkProof(ctx, u.r, u.proof(i.WebID)); err != nil {
		u.w.t.Fatal(err)
	}
	return u.info(holder.Active)
}

// info is the vault, in this state.
func (u *unit) info(want holder.State) holder.Info {
	u.w.t.Helper()
	i, err := u.w.Vault(u.w.t.Context(), u.r)
	if err != nil || i.State != want {
		u.w.t.Fatalf("state %q, %v; expected %q", i.State, err, want)
	}
	return i
}

func envelope(t testing.TB, resource string) []byte {
	t.Helper()
	return podtest.NewKey(t).Seal(t, resource, []byte("canary-plaintext "+rrn)).Envelope(t)
}

// put stores an item and returns its name.
func (u *unit) put(i holder.Info) string {
	u.w.t.Helper()
	name := pod.NewName()
	if _, err := u.w.PutItem(u.w.t.Context(), u.r, name, pod.MediaType, envelope(u.w.t, i.Storage+name), pod.IfAbsent()); err != nil {
		u.w.t.Fatal(err)
	}
	return name
}

func uuidOf(webID string) string { return webID[strings.LastIndexByte(webID, '/')+1:] }

// entries of the use log, as "kind outcome detail".
func (w *world) entries() (out []string) {
	w.t.Helper()
	for e, err := range w.log.List(audit.Filter{Classes: []string{"use"}}) {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, strings.TrimSpace(string(e.Kind)+" "+string(e.Outcome)+" "+e.Detail))
	}
	return out
}

const goodKeystore = `{"version":1,"slots":[{"id":"AAAAAAAAAAAAAAAAAAAAAA","kind":"recovery-code","salt":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","wrapped":"_____________________________________________________w"}],"iv":"AAAAAAAAAAAAAAAA","keys":"_____________________________________________________w"}`
