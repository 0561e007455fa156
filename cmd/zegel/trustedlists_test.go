package main

import (
	"crypto/x509"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

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
	p.lists(1, h.SealCA.Certificate, now.Add(-time.Minute))
	dir := t.TempDir()
	config := TrustedListsConfig{Location: p.URL + "/lotl.xml", Certificates: filepath.Join(dir, "journal.pem")}
	if err := os.WriteFile(config.Certificates, trust.EncodePEM(p.union.cert), 0o600); err != nil {
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
	if st := first.status(); len(st) != 3 || st[1].Territory != "BE" || st[1].Services != 1 || st[1].CAs != 1 || st[1].Error != "" {
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
