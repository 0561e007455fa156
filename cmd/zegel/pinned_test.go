package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/keyring"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// The signer of the lists is replaced while the server runs. Who followed the lists
// before believes them after it, and a second time needs a start in between.
func TestListSignerIsRotated(t *testing.T) {
	s := newSite(t)
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	follower, err := trust.NewStore(s.app.local.Anchors(), 0)
	if err != nil {
		t.Fatal(err)
	}
	believed := func(want bool) {
		t.Helper()
		list, err := s.app.local.List()
		if err != nil {
			t.Fatal(err)
		}
		l, err := follower.VerifyList(string(list), s.now())
		if err == nil {
			err = follower.Install(l)
		}
		if (err == nil) != want {
			t.Errorf("believed %t: %v", err == nil, err)
		}
	}
	believed(true)
	rotatePinned(s, useLists)
	believed(true)
	s.sealedBy(s.ask(0, "membership"), s.app.local.hierarchy.Seal.Certificate)
	rotatePinned(s, useLists)
	believed(false) // it learned nothing since
}

// The registrar is replaced while the server runs. What it signs is signed with the
// new key from then on, and its certificate stays an anchor.
func TestRegistrarIsRotated(t *testing.T) {
	s := newSite(t)
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	signs := func(c *x509.Certificate) {
		t.Helper()
		if k := s.app.local.Registrar(); !k.Chain[0].Equal(c) || !c.PublicKey.(*ecdsa.PublicKey).Equal(k.Signer.Public()) {
			t.Errorf("%s signs, expected %s", serialText(k.Chain[0]), serialText(c))
		}
	}
	h := s.app.local.hierarchy
	first, next := h.Registrar.Certificate, h.NextRegistrar.Certificate
	signs(first)
	rotatePinned(s, useRegistrar)
	signs(next)
	h = s.app.local.hierarchy
	if !slices.ContainsFunc(s.app.local.Anchors()[trust.UseRegistrar], first.Equal) {
		t.Error("the former one is no anchor")
	}
	if left, err := filepath.Glob(filepath.Join(s.keys, hierarchyDir, "registrar*.key")); err != nil || len(left) != 2 {
		t.Errorf("private keys: %v %v", left, err)
	}
	after := h.NextRegistrar.Certificate
	rotatePinned(s, useRegistrar)
	signs(after)
}

// rotatePinned rotates a pinned key of a site, and asks in every way that is refused.
// Then it starts the server anew, so that it can be asked again.
func rotatePinned(s *site, use string) {
	s.Helper()
	key := func(state keyring.State) keyInfo {
		s.Helper()
		keys := s.inventory()
		i := slices.IndexFunc(keys, func(k keyInfo) bool { return k.Use == use && k.State == state })
		if i < 0 {
			s.Fatalf("no key in the state %s", state)
		}
		return keys[i]
	}
	ask := func(more string, want int, says string) {
		s.Helper()
		if status, text := s.admin("POST", "/keys/rotate?use="+use+more); status != want || !strings.Contains(text, says) {
			s.Error(status, text)
		}
	}
	lines := func() (out []string) {
		for _, line := range linesOf(s.T, s.app.history) {
			if strings.Contains(line, " "+string(pinnedBy(use).history)+" ") {
				out = append(out, strings.Fields(line)[0])
			}
		}
		return out
	}
	before, said := key(keyring.Ready), lines()
	ask("&tenant=school", http.StatusBadRequest, "one signer for all")
	ask("&to="+before.ID, http.StatusBadRequest, "a key for use seal")
	if got := key(keyring.Ready); got.ID != before.ID || len(lines()) != len(said) {
		s.Errorf("a refused rotation has happened: %+v", got)
	}
	ask("", http.StatusOK, "certificate")
	now, next := key(keyring.Active), key(keyring.Ready)
	if now.ID != before.ID || next.ID == before.ID {
		s.Errorf("%+v", now)
	}
	for _, k := range []keyInfo{now, next} {
		if missing(filepath.Join(s.keys, k.Where)) {
			s.Errorf("there is no %s", k.Where)
		}
	}
	// The one after it is written down before it is kept, the one before retired after.
	if got := lines()[len(said):]; !slices.Equal(got, []string{"added", "retired"}) {
		s.Errorf("%q", got)
	}
	ask("", http.StatusConflict, "start the server anew")
	if got := key(keyring.Ready); got.ID != next.ID {
		s.Errorf("a refused rotation has happened: %+v", got)
	}
	if status, text := s.admin("POST", "/keys/retire?key="+next.ID); status != http.StatusConflict || !strings.Contains(text, "replaced, not retired") {
		s.Error(status, text)
	}
	if status, text := s.admin("GET", "/audit/entries?kind=key.change"); status != http.StatusOK || !strings.Contains(text, use+" key") {
		s.Errorf("the use log does not have it: %d %s", status, text)
	}
	if err := s.app.Close(); err != nil {
		s.Fatal(err)
	}
	if err := s.tryOpen(); err != nil {
		s.Fatal(err)
	}
	if got := key(keyring.Active); got.ID != now.ID || key(keyring.Ready).ID != next.ID {
		s.Errorf("not kept: %+v", got)
	}
}

// The certificate of a pinned key does not run out: the next one takes over before, at
// a start and each day.
func TestPinnedKeysAreRenewed(t *testing.T) {
	const last = 730 * 24 * time.Hour
	for _, k := range pinnedKeys {
		dir, made := filepath.Join(t.TempDir(), "keys"), time.Now()
		if err := initKeys(dir, devca.Options{Now: made, Issuer: "https://issuer.example.org"}); err != nil {
			t.Fatal(err)
		}
		at := made.Add(last - renewBefore - time.Hour)
		local, err := openLocalTrust(t.Context(), dir, newHistory(t), func() time.Time { return at })
		if err != nil {
			t.Fatal(err)
		}
		now := func() *x509.Certificate {
			p, _ := local.hierarchy.PinnedKeys(k.use)
			return p.Certificate
		}
		first := now()
		_, following := local.hierarchy.PinnedKeys(k.use)
		next := following.Certificate
		if err := local.Refresh(t.Context()); err != nil || !now().Equal(first) {
			t.Fatalf("%s: replaced too early: %v", k.who, err)
		}
		at = at.Add(2 * time.Hour)
		if err := local.Refresh(t.Context()); err != nil || !now().Equal(next) {
			t.Fatalf("%s: not replaced: %v", k.who, err)
		}
		if !local.Registrar().Chain[0].Equal(local.hierarchy.Registrar.Certificate) {
			t.Error("the registrar signs with another key than is kept")
		}
		// The one after it was made a moment ago: it waits until the last day, for nobody
		// could learn of it.
		now().NotAfter = at.Add(25 * time.Hour)
		for _, after := range []time.Duration{0, 2 * time.Hour} {
			at = at.Add(after)
			if err := local.renewPinned(t.Context()); err != nil || now().Equal(next) != (after == 0) {
				t.Errorf("%s: after %s: %v", k.who, after, err)
			}
			if after == 0 {
				local.store = nil // as at a start, which knows the one after it
			}
		}
		again, err := openLocalTrust(t.Context(), dir, newHistory(t), func() time.Time { return at })
		if err != nil {
			t.Fatal(err)
		}
		if kept, _ := again.hierarchy.PinnedKeys(k.use); !kept.Certificate.Equal(next) {
			t.Fatalf("%s: not kept", k.who)
		}
	}
}

// A key directory of before there was a next registrar gets one at the next start.
func TestNextRegistrarOfOldDirectory(t *testing.T) {
	s := newSite(t)
	manifest := filepath.Join(s.keys, hierarchyDir, "hierarchy.json")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	h, err := loadHierarchy(s.keys)
	if err != nil {
		t.Fatal(err)
	}
	_, next := h.PinnedFiles(trust.UseRegistrar)
	old := strings.Replace(string(text), `,"next_registrar":"`+strings.TrimSuffix(next, ".key")+`"`, "", 1)
	if old == string(text) {
		t.Fatal(old)
	}
	if err := os.WriteFile(manifest, []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.tryOpen(); err != nil {
		t.Fatal(err)
	}
	if !missing(filepath.Join(s.keys, hierarchyDir, next)) {
		t.Error("a key that is not named any more is still there")
	}
	if s.app.local.hierarchy.NextRegistrar.Key == nil {
		t.Fatal("there is no next one")
	}
	rotatePinned(s, useRegistrar)
}

// A wallet works through a rotation of the registrar, whenever it falls, and is shown
// what to take over then. After two it does not believe who asks until it has.
func TestWalletAndRegistrar(t *testing.T) {
	s, _, _ := withLists(t)
	ctx, app := t.Context(), s.env.app
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	w := &wallet{home: filepath.Join(t.TempDir(), "wallet"), now: time.Now, tell: func(string) {}}
	w.state.SignInAs = "lotte"
	environment := func() environment {
		t.Helper()
		e, err := app.environment()
		must(err)
		e.StampAnchors = ""
		return e
	}
	w.state.Environment = environment()
	_, err := w.create(ctx)
	must(err)
	v, err := w.vault(ctx)
	must(err)
	must(w.fetch(ctx, io.Discard, v, "led", "led_diploma", issueFlags{clientID: defaultClientID, copies: 4, language: "en"}))
	rotate := func() {
		t.Helper()
		r := httptest.NewRecorder()
		if app.adminHandler().ServeHTTP(r, httptest.NewRequest("POST", "/keys/rotate?use=registrar", nil)); r.Code != http.StatusOK {
			t.Error(r.Code, r.Body.String())
		}
	}
	registered := func() string { // by whom the register is signed
		t.Helper()
		text, err := w.get(ctx, w.state.Environment.Receivers)
		must(err)
		token, err := jose.Parse(string(text))
		must(err)
		chain, err := token.Header.Certificates()
		must(err)
		must(token.Verify(chain[0].PublicKey))
		return serialText(chain[0])
	}
	share := func(during func()) (result, error) {
		t.Helper()
		tx, err := s.ask(ctx)
		must(err)
		var r result
		if _, err := w.share(ctx, asking{link: tx.Link}, "en", presentFlags{}, func(context.Context, unit.Consent) (bool, error) { during(); return true, nil }); err != nil {
			return r, err
		}
		return r, s.api(ctx, "GET", s.env.urls["verifier"]+"/verifier/v1/transactions/"+tx.ID+"/result", s.env.employerKey, nil, &r)
	}
	verifies := func(when string, during func()) {
		t.Helper()
		if r, err := share(during); err != nil || !r.Verified {
			t.Errorf("%s: %+v, %v", when, r, err)
		}
	}
	nothing := func() {}

	before := registered()
	verifies("before", nothing)
	verifies("between the question and the answer", rotate)
	if now := registered(); now == before || now != serialText(app.local.hierarchy.Registrar.Certificate) {
		t.Error("the register is signed with the key of before")
	}
	verifies("after", nothing)
	var out bytes.Buffer
	refused := exitStatus(0)
	err = w.renew(strings.NewReader("no\n"), &out, environment(), "")
	for _, want := range []string{"- registrar's key", "- next registrar's key", "+ registrar's key", "+ next registrar's key"} {
		if !errors.As(err, &refused) || strings.Count(out.String(), "\n"+want) != 1 && !strings.HasPrefix(out.String(), want) {
			t.Errorf("%v, no %q in %s", err, want, out.String())
		}
	}

	app.local.mu.Lock()
	app.local.store, err = app.local.hierarchy.Store(time.Now()) // as after a start
	app.local.mu.Unlock()
	must(err)
	rotate()
	if r, err := share(nothing); !errors.Is(err, unit.ErrReceiver) || !strings.Contains(err.Error(), "registration certificate does not hold") {
		t.Errorf("after two: %+v, %v", r, err)
	}
	must(w.renew(strings.NewReader("yes\n"), &out, environment(), ""))
	verifies("with the new keys", nothing)
	// An environment of before there was a next one works until the rotation.
	w.state.Environment.NextRegistrar = nil
	verifies("without a next one", nothing)
}
