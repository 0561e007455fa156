package api_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/devidp"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/signin"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/issuer/api"
	"github.com/zegel-id/zegel/protocol/vault"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/store"
	"github.com/zegel-id/zegel/store/embedded"
)

// The citizen of the tests does not exist. Everything that must never stand in
// a file or a log line holds the word canary, or is the national number.
const (
	insz   = "80610100139"
	canary = "Kanarie"
)

// Platform is the vault platform whose handles the issuer accepts.
const platform = "http://localhost:9"

// clock goes with the real time, some way ahead of it.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// lines keeps what was logged.
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

// source is a supplier with the records of one citizen.
type source struct {
	mu     sync.Mutex
	answer issuer.Collection
	err    error
	asked  int
}

func (s *source) Collect(_ context.Context, supplier string, subject identifier.INSZ, _ string) (issuer.Collection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if supplier != "led" {
		return issuer.Collection{}, provider.ErrNotRegistered
	}
	if s.err != nil {
		return issuer.Collection{DataType: "led-diploma", Organisation: "OVO002067"}, s.err
	}
	if subject.Reveal() != insz {
		return issuer.Collection{DataType: "led-diploma", Organisation: "OVO002067", NoData: true}, nil
	}
	return s.answer, nil
}

func (s *source) set(c issuer.Collection, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.err = c, err
}

func diplomas() issuer.Collection {
	return issuer.Collection{
		DataType: "led-diploma", Organisation: "OVO002067",
		Datasets: []issuer.Dataset{
			{Record: "BEWIJS-KANARIE-1", Claims: []byte(`{"title":"Kanarie bachelor verpleegkunde","award_date":"2011-06-30","level":{"eqf":"6"},"awarding_institution":{"name":"Kanarieschool","country":"BE"},"record":{"reference":"BEWIJS-KANARIE-1","version":"7"}}`)},
			{Record: "BEWIJS-KANARIE-2", Claims: []byte(`{"title":"Kanarie master","award_date":"2013","programme":{"name":"Kanariekunde"}}`)},
		},
		Refused: []issuer.Refusal{{Record: "BEWIJS-KANARIE-3", Reason: "annulled"}},
	}
}

// world is an issuer over real HTTP on loopback, with everything it needs.
type world struct {
	testing.TB
	dir, base string
	clock     *clock
	logs      *lines
	source    *source
	hierarchy *devca.Hierarchy
	profile   sdjwt.Profile
	noSignIn  bool
	path      string // of the issuer below its host
	tune      func(*issuer.Config)

	platformKey *ecdsa.PrivateKey
	platformErr error
	keys        map[string]string // client to API key
	list        []rest.Client
	idp         string
	secret      []byte
	auditKey    ed25519.PrivateKey

	handler atomic.Pointer[http.Handler]
	// What up makes and down ends.
	store    store.Store
	wrap     func(store.Store) store.Store // around the store, for faults
	log      issuer.UseLog                 // instead of the use log
	uses     *audit.Log
	statuses *status.Register
	// bitstring has lists published as status list credentials too.
	bitstring *status.BitstringOptions
	seals     *seal.Keys
	issuer    *issuer.Issuer
}

func start(t testing.TB, options ...func(*world)) *world {
	t.Helper()
	w := &world{
		TB: t, dir: t.TempDir(), clock: &clock{}, logs: &lines{}, source: &source{answer: diplomas()},
		keys: map[string]string{}, secret: []byte(strings.Repeat("s", 32)), platformKey: newKey(t),
	}
	for _, o := range options {
		o(w)
	}
	_, w.auditKey, _ = ed25519.GenerateKey(rand.Reader)
	w.client("OVO000001", api.PermissionOffer, api.PermissionCollect, api.PermissionClaims+":led_diploma")
	w.client("OVO000002", api.PermissionOffer, api.PermissionCollect)
	w.client("OVO002067", api.PermissionOffer, api.PermissionAll)
	w.client("vaults", api.PermissionVaults)

	w.base = w.serve(http.StripPrefix(w.path, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*w.handler.Load()).ServeHTTP(rw, r) }))) + w.path
	var err error
	if w.hierarchy, err = devca.New(devca.Options{Now: time.Now(), Issuer: w.base}); err != nil {
		t.Fatal(err)
	}
	w.idp = w.identityProvider()
	w.up()
	t.Cleanup(w.down)
	return w
}

// serve listens on loopback and returns the base URL.
func (w *world) serve(h http.Handler) string {
	w.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() { _ = s.Serve(l); close(done) }()
	w.Cleanup(func() { s.Close(); <-done })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return "http://localhost:" + port
}

func (w *world) identityProvider() string {
	var h atomic.Pointer[devidp.Provider]
	base := w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { h.Load().ServeHTTP(rw, r) }))
	p, err := devidp.New(devidp.Config{
		Issuer: base, Now: w.clock.now,
		Citizens: []devidp.Citizen{
			{ID: "lotte", GivenName: "Lotte Canarina", FamilyName: canary, RRN: insz},
			{ID: "nobody", GivenName: "Niemand", FamilyName: canary, RRN: "85073003328"},
		},
		Clients: []devidp.Client{{ID: "zegel", Secret: "s", RedirectURI: w.base + "/signed-in"}},
	})
	if err != nil {
		w.Fatal(err)
	}
	h.Store(p)
	return base
}

func (w *world) client(id string, permissions ...string) {
	key, digest := rest.NewKey()
	w.keys[id] = key
	w.list = append(w.list, rest.Client{ID: id, Keys: []string{digest}, Permissions: permissions})
}

// up starts the issuer on what the folder holds.
func (w *world) up() {
	w.Helper()
	check := func(err error) {
		w.Helper()
		if err != nil {
			w.Fatal(err)
		}
	}
	raw, err := embedded.Open(filepath.Join(w.dir, "store"), embedded.Options{Now: w.clock.now, SweepEvery: time.Hour})
	check(err)
	w.store = raw
	if w.wrap != nil {
		w.store = w.wrap(raw)
	}
	w.uses, err = audit.Open(filepath.Join(w.dir, "audit"), audit.Options{Signer: w.auditKey, Now: w.clock.now})
	check(err)
	w.seals, err = w.hierarchy.Keys(w.clock.now)
	check(err)
	signer, err := w.hierarchy.StatusSealer(w.clock.now)
	check(err)
	cwt, err := status.NewCWTSigner(w.hierarchy.Status.Key, []*x509.Certificate{w.hierarchy.Status.Certificate})
	check(err)
	w.statuses, err = status.NewRegister(w.store, status.Options{Base: w.base, Signer: signer, CWT: cwt, Bitstring: w.bitstring, Now: w.clock.now})
	check(err)
	names, err := audit.NewPseudonyms([]byte(strings.Repeat("n", 32)))
	check(err)
	c := issuer.Config{
		URL: w.base, Store: w.store, Source: w.source, Types: []issuer.Type{issuer.LEDDiploma()}, Display: []issuer.Display{{Name: "Uitreiker (TEST)", Locale: "nl"}},
		Keys: w.seals, Statuses: w.statuses, Log: w.uses, Names: names, Key: []byte(strings.Repeat("k", 32)), Profile: w.profile, BatchSize: 8,
		Now: w.clock.now, InsecureLoopback: true, Collectable: []issuer.Supply{{Supplier: "led", Configuration: "led_diploma"}},
		Vaults: []issuer.VaultPlatform{{URL: platform, Keys: func(context.Context) ([]jose.JWK, error) {
			k, err := jose.PublicJWK(w.platformKey.Public())
			if w.platformErr != nil {
				return nil, w.platformErr
			}
			return []jose.JWK{k}, err
		}}},
	}
	if w.log != nil {
		c.Log = w.log
	}
	metadata, err := w.hierarchy.MetadataSealer(w.clock.now)
	check(err)
	c.MetadataKeys, err = seal.NewKeys(metadata)
	check(err)
	c.Authority.Name, c.Authority.Country = w.hierarchy.Organization(), "BE"
	if w.tune != nil {
		w.tune(&c)
	}
	w.issuer, err = issuer.New(c)
	check(err)
	clients, err := rest.NewClients(w.list...)
	check(err)
	o := api.Options{
		Clients: clients, Lists: w.statuses, Certificates: w.seals,
		Suppliers:    func() ([]byte, error) { return []byte(`{"suppliers":[]}`), nil },
		ProviderList: func() ([]byte, error) { return []byte(w.hierarchy.List), nil },
		Store:        w.store, Secret: w.secret, Log: slog.New(slog.NewJSONHandler(w.logs, nil)), Now: w.clock.now,
	}
	if w.bitstring != nil {
		o.ListCredentials = w.statuses
	}
	if !w.noSignIn {
		o.SignIn, err = signin.New(signin.Config{
			Issuer: w.idp, ClientID: "zegel", ClientSecret: "s", RedirectURL: w.base + "/signed-in", HTTP: http.DefaultClient, Now: w.clock.now,
		}, []byte(strings.Repeat("i", 32)))
		check(err)
	}
	h, err := api.New(w.issuer, o)
	check(err)
	w.handler.Store(&h)
}

// down ends the issuer as a restart does: nothing in memory stays.
func (w *world) down() {
	if err := w.uses.Close(); err != nil {
		w.Error(err)
	}
	if err := w.store.Close(); err != nil {
		w.Error(err)
	}
}

func (w *world) restart() {
	w.Helper()
	w.down()
	w.up()
}

// handle is a fresh vault handle.
func (w *world) handle(pseudonym string) string {
	w.Helper()
	h, err := vault.Sign(w.platformKey, platform, w.base, pseudonym, w.clock.now())
	if err != nil {
		w.Fatal(err)
	}
	return h
}

// validator trusts the hierarchy as a wallet or receiver would.
func (w *world) validator() *seal.Validator {
	w.Helper()
	s, err := w.hierarchy.Store(w.clock.now())
	if err != nil {
		w.Fatal(err)
	}
	crls, err := w.hierarchy.CRLs(nil, w.clock.now)
	if err != nil {
		w.Fatal(err)
	}
	return &seal.Validator{Trust: s, Revocation: crls}
}

// nowhere looks for the citizen in every file and log line.
func (w *world) nowhere(step string, also ...string) {
	w.Helper()
	words := append([]string{canary, strings.ToUpper(canary), strings.ToLower(canary), insz, "80.61.01-001.39", "2011-06-30", "Lotte Can", "Canarina"}, also...)
	look := func(where string, b []byte) {
		for _, word := range words {
			if bytes.Contains(b, []byte(word)) {
				w.Errorf("%s: %q stands in %s", step, word, where)
			}
		}
	}
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		var b []byte
		if err == nil && !d.IsDir() {
			b, err = os.ReadFile(path)
		}
		// The store takes files away while this walks.
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			look(filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path), b)
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
	look("the log", []byte(w.logs.String()))
	// The files of the store are compressed; its records are not.
	for _, kind := range kinds {
		recs, _, err := w.store.Find(w.Context(), kind, "", store.Page{Limit: store.MaxLimit})
		if err != nil {
			w.Fatal(err)
		}
		for _, r := range recs {
			look(string(kind), []byte(r.ID+" "+strings.Join(r.Tags, " ")+" "+string(r.Data)))
		}
	}
}

// kinds are all records the issuer keeps.
var kinds = []store.Kind{
	"issuer-offer", "issuer-offer-uri", "issuer-pushed", "issuer-credential", "issuer-deferred", "issuer-nonce", "issuer-vault-handle", "issuer-vault-gone",
	"authz-offer", "authz-try", "authz-code", "authz-grant", "authz-once", "status-list", "status-index", "status-change", "idempotency",
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func diplomasAllRefused() issuer.Collection {
	c := diplomas()
	c.Datasets = nil
	return c
}
