package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// publisher publishes a list of lists and a list of Belgium, over plain http.
type publisher struct {
	*httptest.Server
	key  *ecdsa.PrivateKey
	cert *x509.Certificate // signs both

	mu   sync.Mutex
	docs map[string][]byte
	down bool
	hang map[string]chan struct{} // these wait until it is closed
}

func newPublisher(t *testing.T, now time.Time) *publisher {
	p := &publisher{docs: map[string][]byte{}, hang: map[string]chan struct{}{}}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST list signer", Country: []string{"EU"}},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, p.key.Public(), p.key)
	if err != nil {
		t.Fatal(err)
	}
	if p.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		doc, wait := p.docs[r.URL.Path], p.hang[r.URL.Path]
		if p.down {
			doc = nil
		}
		p.mu.Unlock()
		if wait != nil {
			select {
			case <-wait:
			case <-r.Context().Done():
			}
		}
		if doc == nil {
			http.NotFound(w, r)
			return
		}
		w.Write(doc)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *publisher) publish(t *testing.T, path string, l tsltest.List, at time.Time) {
	l.Issued = at
	doc := tsltest.Sign(t, l.XML(), tsltest.Signature{Certificate: p.cert, Key: p.key, At: at})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.docs[path] = doc
}

// lists publishes both, with an authority as granted service for seals.
func (p *publisher) lists(t *testing.T, sequence int, ca *x509.Certificate, at time.Time) {
	signers := []*x509.Certificate{p.cert}
	p.publish(t, "/lotl.xml", tsltest.List{Type: tsltest.TypeListOfLists, Territory: "EU", Sequence: sequence, Pointers: []tsltest.Pointer{
		{Location: p.URL + "/lotl.xml", Type: tsltest.TypeListOfLists, Territory: "EU", Signers: signers},
		{Location: p.URL + "/be.xml", Type: tsltest.TypeNational, Territory: "BE", Signers: signers},
	}}, at)
	p.publish(t, "/be.xml", tsltest.List{Type: tsltest.TypeNational, Territory: "BE", Sequence: sequence, Providers: []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{
		{Since: at.AddDate(-3, 0, 0), Certificates: []*x509.Certificate{ca}, Extensions: []string{tsltest.For("ForeSeals")}},
	}}}}, at)
}

// The lists are fetched and kept; a start without network uses them until their
// next update, a failing fetch takes nothing away, and then nothing is told.
func TestTrustedLists(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	clock := func() time.Time { return now }
	h, err := devca.New(devca.Options{Now: now.Add(-time.Hour), Issuer: "https://issuer.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	p := newPublisher(t, now)
	p.lists(t, 1, h.SealCA.Certificate, now.Add(-time.Minute))
	dir := t.TempDir()
	config := TrustedListsConfig{Location: p.URL + "/lotl.xml", Certificates: filepath.Join(dir, "journal.pem")}
	if err := os.WriteFile(config.Certificates, trust.EncodePEM(p.cert), 0o600); err != nil {
		t.Fatal(err)
	}
	if faults := config.check(ProfileDevelopment); faults != nil {
		t.Fatal(faults)
	}
	open := func() *trustedLists {
		t.Helper()
		store, err := trust.NewStore(nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		a := &app{c: &Config{Profile: ProfileDevelopment, Data: dir}, log: slog.New(slog.DiscardHandler), now: clock}
		l, err := a.openTrustedLists(t.Context(), &config, store)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close() })
		return l
	}
	sealer, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := sealer.SignCompact("dc+sd-jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	judge := func(l *trustedLists, want seal.Qualification, passed bool) {
		t.Helper()
		v := &seal.Validator{Trust: l.store, Lists: l.source, InsecureAcceptUnknownRevocation: true, SkipProviderList: true}
		got, _, err := v.ValidateCompact(t.Context(), compact, "dc+sd-jwt", now)
		if err != nil || got.Qualification != want || (got.Err() == nil) != passed {
			t.Errorf("found %s %s, expected %s: %v\n%s", got.Indication, got.Qualification, want, err, got.Checks)
		}
	}

	first := open()
	judge(first, seal.NotApplicable, false)
	if first.Health(t.Context()) == nil {
		t.Error("healthy without a list")
	}
	if err := first.source.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	judge(first, seal.QESeal, true)
	if st := first.status(); len(st) != 2 || st[1].Territory != "BE" || st[1].Services != 1 || st[1].CAs != 1 || st[1].Error != "" {
		t.Errorf("status %+v", st)
	}
	if e := first.explain([]*x509.Certificate{h.Seal.Certificate}, tsl.Times{Signature: now, Now: now}); e.Qualified != tsl.Positive || e.Device != tsl.Positive || len(e.Services) != 1 || len(e.Steps) == 0 {
		t.Errorf("explained %+v", e)
	}

	p.Close() // the network is gone
	if err := first.source.Refresh(t.Context()); err == nil {
		t.Error("a fetch without network passed")
	}
	judge(first, seal.QESeal, true)
	if st := first.status(); st[0].Error == "" || st[0].Sequence != 1 {
		t.Errorf("the failure is not told: %+v", st)
	}
	second := open()
	judge(second, seal.QESeal, true)
	if err := second.Health(t.Context()); err != nil {
		t.Error(err)
	}

	now = now.AddDate(0, 4, 0)
	judge(second, seal.NotApplicable, true) // at once, while the anchors are still there
	if err := second.expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	judge(second, seal.NotApplicable, false)
	judge(open(), seal.NotApplicable, false)
	if second.Health(t.Context()) == nil {
		t.Error("healthy with a list that has expired")
	}
}

func TestTrustedListsConfig(t *testing.T) {
	for name, c := range map[string]struct {
		config TrustedListsConfig
		want   string
	}{
		"plain http":      {TrustedListsConfig{Location: "http://lists.example/lotl.xml", Certificates: "a"}, "location"},
		"no location":     {TrustedListsConfig{Certificates: "a"}, "location"},
		"no signers":      {TrustedListsConfig{Location: "https://lists.example/lotl.xml"}, "certificates"},
		"a territory":     {TrustedListsConfig{Location: "https://lists.example/lotl.xml", Certificates: "a", Territories: []string{"BE", "be"}}, "territories[1]"},
		"refresh":         {TrustedListsConfig{Location: "https://lists.example/lotl.xml", Certificates: "a", Refresh: "1s"}, "refresh"},
		"the Union":       {TrustedListsConfig{Location: "https://lists.example/lotl.xml", Certificates: "a", Territories: []string{"EU"}}, "territories[0]"},
		"Greece":          {TrustedListsConfig{Location: "https://lists.example/lotl.xml", Certificates: "a", Territories: []string{"GR"}}, "territories[0]"},
		"a country twice": {TrustedListsConfig{Location: "https://lists.example/lotl.xml", Certificates: "a", Territories: []string{"BE", "NL", "BE"}}, "territories[2]"},
		"loopback, real":  {TrustedListsConfig{Location: "http://localhost/lotl.xml", Certificates: "a"}, "location"},
	} {
		faults := c.config.check(ProfileProduction)
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), "- verifier.trust.lists."+c.want+":") {
			t.Errorf("%s: %v", name, faults)
		}
	}
}
