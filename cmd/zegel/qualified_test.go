package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/verifier"
)

// withLists is a running demonstration that follows the lists of a publisher.
func withLists(t *testing.T, change ...func(*Config)) (*story, *publisher, *devca.Hierarchy) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "demo")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(clearDemo(dir))
	listeners, urls, err := demoListeners(0)
	must(err)
	d := &demoEnvironment{urls: urls}
	c, err := d.configure(demoOptions{data: dir}, time.Now)
	must(err)
	h, err := loadHierarchy(c.Keys)
	must(err)
	now := time.Now().UTC().Truncate(time.Second)
	p := newPublisher(t, now)
	p.lists(t, 1, h.SealCA.Certificate, now.Add(-time.Minute))
	c.Verifier.Trust.Lists = &TrustedListsConfig{Location: p.URL + "/lotl.xml", Certificates: filepath.Join(dir, "journal.pem")}
	must(os.WriteFile(c.Verifier.Trust.Lists.Certificates, trust.EncodePEM(p.cert), 0o600))
	for i := range c.Verifier.Accept {
		c.Verifier.Accept[i].Qualification = "" // what the type asks
	}
	for _, f := range change {
		f(c)
	}
	must(c.Check())
	ctx, stop := context.WithCancel(t.Context())
	d.app, err = open(ctx, c, slog.New(slog.DiscardHandler), time.Now)
	must(err)
	must(errors.Join(d.app.roles(ctx), d.standIns(dir, time.Now)))
	for i := range d.app.servers {
		d.app.servers[i].listener = listeners[d.app.servers[i].name]
	}
	must(d.app.lists.source.Refresh(ctx))
	served := make(chan error, 1)
	go func() { served <- d.app.serve(ctx) }()
	t.Cleanup(func() {
		stop()
		<-served
		d.app.Close()
	})
	return &story{out: io.Discard, env: d, now: time.Now}, p, h
}

// withdraw takes the authority off the list of Belgium.
func (p *publisher) withdraw(t *testing.T, h *devca.Hierarchy, at time.Time) {
	former := tsltest.Service{Since: at.AddDate(-3, 0, 0), Certificates: []*x509.Certificate{h.SealCA.Certificate}, Extensions: []string{tsltest.For("ForeSeals")}}
	now := former
	now.Since, now.Status, now.History = at.Add(-time.Second), tsltest.Withdrawn, []tsltest.Service{former}
	p.publish(t, "/be.xml", tsltest.List{Type: tsltest.TypeNational, Territory: "BE", Sequence: 2, Providers: []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{now}}}}, at)
}

// The whole job under trusted lists: a diploma is asked for with a qualified seal,
// because its type says so, and is found to have one, by the verifier and by the
// wallet, each by its own lists. Then the service is withdrawn: the verifier refuses
// by name, and the wallet says what it was and is, once it has the new list.
func TestQualifiedDiploma(t *testing.T) {
	s, p, h := withLists(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &wallet{home: filepath.Join(t.TempDir(), "wallet"), now: time.Now, tell: func(string) {}}
	w.state.SignInAs = "lotte"
	var err error
	w.state.Environment, err = s.env.app.environment()
	must(err)
	w.state.Environment.StampAnchors = "" // of evidence: TestEvidenceInTheVault
	if w.state.Environment.TrustedLists == nil || w.state.Environment.TrustedLists.Location != p.URL+"/lotl.xml" {
		t.Fatalf("%+v", w.state.Environment.TrustedLists)
	}
	_, err = w.create(ctx)
	must(err)
	v, err := w.vault(ctx)
	must(err)
	must(w.fetch(ctx, io.Discard, v, "led", "led_diploma", issueFlags{clientID: defaultClientID, copies: 4, language: "en"}))

	tx, err := s.ask(ctx)
	must(err)
	r, err := s.share(ctx, w, tx)
	must(err)
	if !r.Verified || r.Qualification != string(seal.QESeal) {
		t.Fatalf("%+v", r)
	}
	const by = "Sealed by Zegel Oefenregister (TEST) (NTRBE-0999999922, Belgium), responsible for the authentic source “LED, Leer- en Ervaringsbewijzendatabank (TEST)” under “OJ:BETEST-LED” (Belgium). This is a qualified electronic seal: it was qualified on "
	said := r.Presentations[0].Seal.Statement.Texts
	if !strings.HasPrefix(said["en"], by) || !strings.Contains(said["en"], ", when it was judged, according to the trusted list of Belgium") || !strings.Contains(said["nl"], "Dit is een gekwalificeerd elektronisch zegel: het was gekwalificeerd op ") {
		t.Errorf("%v", said)
	}

	judge := func() judgement {
		t.Helper()
		j, err := w.judge(ctx, v, "")
		must(err)
		if len(j.Credentials) == 0 || !j.Lists || j.JudgedBy != "wallet" {
			t.Fatalf("%+v", j)
		}
		return j
	}
	all := func(j judgement, q seal.Qualification) bool {
		return !slices.ContainsFunc(j.Credentials, func(c held) bool { return !c.Holds || c.Statement.Qualification != q })
	}
	j := judge()
	if !all(j, seal.QESeal) || !strings.HasPrefix(j.Credentials[0].Texts["en"], by) || j.ListsFault != "" {
		t.Errorf("%+v", j)
	}
	var text bytes.Buffer
	j.print(&text, "en")
	if !strings.Contains(text.String(), "Qualified seal: "+by) || !strings.Contains(text.String(), "It fetched and verified the trusted lists itself.") {
		t.Error(text.String())
	}

	p.withdraw(t, h, time.Now().UTC().Truncate(time.Second))
	must(s.env.app.lists.source.Refresh(ctx))
	tx, err = s.ask(ctx)
	must(err)
	if r, err = s.share(ctx, w, tx); err != nil || r.Verified || len(r.Presentations) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	refused := r.Presentations[0].Checks
	if got := refused.Failures(); !slices.Equal(got, []string{verifier.CheckQualification}) || r.Presentations[0].Claims != nil {
		t.Errorf("failed %v", got)
	}
	for _, c := range refused {
		if c.Name == verifier.CheckQualification && !strings.HasPrefix(c.Detail, "found AdESeal, expected at least QESeal; the trusted lists say: status: withdrawn since ") {
			t.Errorf("%s", c.Detail)
		}
	}

	// The wallet's lists are of today, so it does not ask again; tomorrow it does.
	if j = judge(); !all(j, seal.QESeal) {
		t.Error("the wallet fetched the lists again")
	}
	stamp := filepath.Join(w.home, "trusted-lists", "fetched")
	must(os.Chtimes(stamp, time.Now().Add(-25*time.Hour), time.Now().Add(-25*time.Hour)))
	if j = judge(); !all(j, seal.AdESeal) || !strings.Contains(j.Credentials[0].Texts["en"], "not a qualified one. It was not qualified according to the trusted lists on ") {
		t.Errorf("%+v", j.Credentials)
	}
	// Without the publisher it judges by what it has, and says so.
	must(os.Chtimes(stamp, time.Now().Add(-25*time.Hour), time.Now().Add(-25*time.Hour)))
	p.Close()
	if j = judge(); !all(j, seal.AdESeal) || j.ListsFault == "" || !strings.Contains(j.Texts["en"], "New trusted lists could not be fetched") {
		t.Errorf("%+v", j)
	}
	// Lists of another signer are none: nothing is said to be qualified by them.
	w.state.Environment.TrustedLists.Certificates = string(trust.EncodePEM(h.SealCA.Certificate))
	if j = judge(); !all(j, seal.NotApplicable) || !strings.Contains(j.Credentials[0].Texts["en"], "The trusted lists do not tell") {
		t.Errorf("%+v", j.Credentials)
	}
}

// A start that could only refuse says so at once; the development profile is told.
func TestUnattainableStart(t *testing.T) {
	for profile, refused := range map[string]bool{ProfileProduction: true, ProfileDevelopment: false} {
		dir := filepath.Join(t.TempDir(), "demo")
		if err := clearDemo(dir); err != nil {
			t.Fatal(err)
		}
		listeners, urls, err := demoListeners(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range listeners {
			defer l.Close()
		}
		d := &demoEnvironment{urls: urls}
		c, err := d.configure(demoOptions{data: dir}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		c.Verifier.Accept[0].Qualification = seal.QESeal
		var log bytes.Buffer
		a, err := open(t.Context(), c, slog.New(slog.NewTextHandler(&log, nil)), time.Now)
		if err != nil {
			t.Fatal(err)
		}
		register, access, err := a.readReceivers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		accept, err := a.accepted()
		if err != nil {
			t.Fatal(err)
		}
		statuses, err := status.NewChecker(fetch.Aged{Fetcher: a.public}, status.CheckerOptions{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		v, err := verifier.New(verifier.Config{URL: c.Verifier.URL, Store: a.store, Register: register, Access: access, InsecureLoopback: true,
			Registrar: verifier.Registrar{Key: a.local.Registrar},
			Seals:     &seal.Validator{Trust: a.local.store, Revocation: a.local.crls}, Statuses: statuses, Log: a.uses, Now: time.Now, Accept: accept})
		if err != nil {
			t.Fatal(err)
		}
		c.Profile = profile
		err = a.attainable(v)
		if (err != nil) != refused || refused && (!strings.Contains(err.Error(), "verifier.trust.lists") || !strings.Contains(err.Error(), "credentials[0].qualification: QESeal")) {
			t.Errorf("%s: %v", profile, err)
		}
		if !refused && !strings.Contains(log.String(), "level=WARN") {
			t.Errorf("%s: nobody is told\n%s", profile, log.String())
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}
