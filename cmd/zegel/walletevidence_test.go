package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
	"github.com/zegel-id/zegel/seal/tsp"
)

// On the roles as they are served: credentials that come have evidence of B-LTA in
// the vault, formats without such a seal have none, the pod holds ciphertext, and
// what is exported holds before the verifier's endpoint and the command, which
// trusts a file.
func TestEvidenceInTheVault(t *testing.T) {
	s, p, h := withLists(t)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	home := t.TempDir()
	w := &wallet{home: filepath.Join(home, "wallet"), now: time.Now, tell: func(string) {}}
	w.state.SignInAs = "lotte"
	var err error
	w.state.Environment, err = s.env.app.environment()
	must(err)
	relay, err := s.env.app.stamps()
	must(err)
	if c, ok := relay.(*tsp.Client); !ok || c.Lasting < unit.DefaultMargin {
		t.Errorf("an authority that ends before wallets stamp again is good enough: %+v", relay)
	}
	_, err = w.create(ctx)
	must(err)
	v, err := w.vault(ctx)
	must(err)
	var out bytes.Buffer
	for _, configuration := range []string{"led_diploma", "led_diploma_mdoc", "led_diploma_elm"} {
		must(w.fetch(ctx, &out, v, "led", configuration, issueFlags{clientID: defaultClientID, copies: 3, language: "en"}))
	}
	entries, err := v.Entries(ctx)
	must(err)
	made, archivable := 0, 0
	var credential unit.Entry
	for _, e := range entries {
		switch {
		case e.Kind == unit.KindEvidence:
			made++
			if e.Level != string(seal.BaselineLTA) {
				t.Errorf("%+v", e)
			}
		case e.Kind == unit.KindCredential && unit.Archivable(e.Format):
			archivable++
			credential = e
		}
	}
	if made == 0 || made != archivable || strings.Count(out.String(), "evidence made") != made {
		t.Fatalf("%d of %d\n%s", made, archivable, out.String())
	}
	must(filepath.WalkDir(filepath.Join(s.env.app.c.Data, "pods"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(`etsiU"`)) || bytes.Contains(b, []byte("disclosures")) {
			t.Errorf("%s can be read", path)
		}
		return err
	}))

	b, _, err := v.Evidence(ctx, credential.Name)
	must(err)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.env.urls["verifier"]+"/verifier/v1/seals/validate", bytes.NewReader(b))
	must(err)
	req.Header.Set("Content-Type", "application/jose+json")
	req.Header.Set("Authorization", "Bearer "+s.env.employerKey)
	res, err := http.DefaultClient.Do(req)
	must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(err)
	for _, want := range []string{`"accepted":true`, `"level":"JAdES-BASELINE-LTA"`, `"qualification":"QESeal"`, `"indication":"TOTAL_PASSED"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}

	// Anyone judges the file.
	file, anchors := filepath.Join(home, "evidence.json"), filepath.Join(home, "anchors.pem")
	must(os.WriteFile(file, b, 0o600))
	must(os.WriteFile(anchors, append(trust.EncodePEM(s.env.app.local.hierarchy.SealCA.Certificate), trust.EncodePEM(s.env.stamps.Root)...), 0o600))
	crl := filepath.Join(home, "tsa.crl")
	list, err := w.get(ctx, s.env.urls["time-stamp authority"]+demoCRL)
	must(err)
	must(os.WriteFile(crl, list, 0o600))
	o := sealVerify{trust: []string{anchors}, crls: []string{crl}}
	judged, err := o.judge(ctx, file, nil, time.Now())
	must(err)
	if !judged.Accepted || judged.Level != seal.BaselineLTA {
		t.Errorf("%+v", judged)
	}

	// The operator sees a month, and nobody to remind before it.
	due, err := s.env.app.vaults.Due(ctx, time.Now().AddDate(2, 0, 0))
	must(err)
	if len(due) != 1 || due[0].WebID != v.Info.WebID || due[0].OpenBefore != time.Now().UTC().AddDate(0, 0, -1).AddDate(1, 0, 0).Format("2006-01") {
		t.Errorf("%+v", due)
	}
	if none, err := s.env.app.vaults.Due(ctx, time.Now()); err != nil || len(none) != 0 {
		t.Errorf("%+v, %v", none, err)
	}
	texts, err := due[0].Texts()
	must(err)
	for _, language := range []string{"nl", "fr", "de", "en"} {
		if len(texts[language]) < 50 || strings.Contains(texts[language], "%") {
			t.Errorf("%s: %s", language, texts[language])
		}
	}
	// The service is withdrawn: what was stamped before was a qualified seal then, and
	// the sentence says when. A format without evidence has no more than its seal now.
	p.withdraw(t, h, time.Now().UTC().Truncate(time.Second).Add(2*time.Second))
	later := *w
	later.now = func() time.Time { return time.Now().Add(26 * time.Hour) }
	must(os.RemoveAll(filepath.Join(w.home, "trusted-lists")))
	j, err := later.judge(ctx, v, "")
	must(err)
	for _, c := range j.Credentials {
		e := entries[slices.IndexFunc(entries, func(e unit.Entry) bool { return e.Name == c.Name })]
		want, by := seal.AdESeal, "when it was judged"
		if unit.Archivable(e.Format) {
			want, by = seal.QESeal, "time-stamp"
		}
		if !c.Holds || c.Statement.Qualification != want || !strings.Contains(c.Texts["en"], by) && want == seal.QESeal {
			t.Errorf("%s: %+v", e.Format, c)
		}
	}
	must(v.Remove(ctx, credential.Name))
	if _, _, err := v.Evidence(ctx, credential.Name); !errors.Is(err, unit.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// A platform whose time-stamp authorities are services of the trusted lists names no
// anchors: platform and wallet take them from the lists, and stamp nothing by an
// authority that these do not have.
func TestEvidenceByListedAuthorities(t *testing.T) {
	s, p, h := withLists(t, func(c *Config) { c.Holder.TimeStamps.Anchors = "" })
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
	if e := w.state.Environment; e.StampAnchors != "" || !e.ListedStamps || !e.stamped() {
		t.Fatalf("%+v", e)
	}
	_, err = w.create(ctx)
	must(err)
	v, err := w.vault(ctx)
	must(err)
	must(w.fetch(ctx, io.Discard, v, "led", "led_diploma", issueFlags{clientID: defaultClientID, copies: 2, language: "en"}))
	all, err := w.tendEvidence(ctx, v)
	must(err)
	if len(all) == 0 || slices.ContainsFunc(all, func(x unit.Tended) bool { return x.Err == nil || x.Evidence != "" }) {
		t.Fatalf("an authority that no list has stamped: %+v", all)
	}

	now := time.Now().UTC().Truncate(time.Second)
	since := now.AddDate(-3, 0, 0)
	p.publish(t, "/be.xml", tsltest.List{Type: tsltest.TypeNational, Territory: "BE", Sequence: 2, Providers: []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{
		{Since: since, Certificates: []*x509.Certificate{h.SealCA.Certificate}, Extensions: []string{tsltest.For("ForeSeals")}},
		{Type: tsl.ServiceTimestamp, Since: since, Certificates: []*x509.Certificate{s.env.stamps.Root}},
	}}}}, now)
	must(s.env.app.lists.source.Refresh(ctx))
	must(os.RemoveAll(filepath.Join(w.home, "trusted-lists"))) // as after a day
	all, err = w.tendEvidence(ctx, v)
	must(err)
	for _, x := range all {
		if x.Err != nil || x.Level != seal.BaselineLTA {
			t.Errorf("%+v", x)
		}
	}
	// A wallet that knows no lists has nobody who stamps.
	w.state.Environment.TrustedLists = nil
	if w.state.Environment.stamped() {
		t.Error("stamped by lists that nobody knows")
	}
}

func TestTimeStampsConfig(t *testing.T) {
	ok := TimeStampAuthority{URL: "https://tsa.example/", Policy: "0.4.0.2023.1.1"}
	for want, c := range map[string]*TimeStampsConfig{
		"":                              {Authorities: []TimeStampAuthority{ok}, Anchors: "a.pem"},
		"holder.timestamps.authorities": {Anchors: "a.pem"},
		"holder.timestamps.anchors":     {Authorities: []TimeStampAuthority{ok}},
		"per_day":                       {Authorities: []TimeStampAuthority{ok}, Anchors: "a.pem", PerDay: new(int)},
		"authorities[0].url":            {Authorities: []TimeStampAuthority{{URL: "http://tsa.example/"}}, Anchors: "a.pem"},
		"authorities[1].policy":         {Authorities: []TimeStampAuthority{ok, {URL: ok.URL, Policy: "9.9"}}, Anchors: "a.pem"},
	} {
		err := errors.Join(c.check(ProfileProduction, false)...)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	if err := errors.Join((&TimeStampsConfig{Authorities: []TimeStampAuthority{ok}}).check(ProfileProduction, true)...); err != nil {
		t.Errorf("without anchors, with trusted lists: %v", err)
	}
}
