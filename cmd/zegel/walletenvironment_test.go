package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// someEnvironment is one of a hierarchy, with a time-stamp authority.
func someEnvironment(t *testing.T) environment {
	t.Helper()
	h, err := devca.New(devca.Options{Now: time.Now(), Issuer: "https://issuer.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	tsa, err := devtsa.New(devtsa.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	registrar, err := jose.PublicJWK(h.Registrar.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	next, err := jose.PublicJWK(h.NextRegistrar.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	pem := func(use trust.Use) string { return string(trust.EncodePEM(h.Anchors()[use]...)) }
	return environment{
		Holder: "https://vault.example.org", Issuer: "https://issuer.example.org", Verifier: "https://verifier.example.org",
		HandlesFor: []string{"https://issuer.example.org"}, Suppliers: map[string]string{"led": "led_diploma"},
		SealAnchors: pem(trust.UseSeal), ListAnchors: pem(trust.UseListSigner),
		AccessList:   &walletEntities{Location: "https://issuer.example.org/access", Certificates: pem(trust.UseListSigner)},
		ProviderList: "https://issuer.example.org/list", Receivers: "https://verifier.example.org/receivers.jwt", Registrar: registrar, NextRegistrar: &next,
		CRLs:         []crl{{URL: "https://issuer.example.org/seal.crl", Issuer: string(trust.EncodePEM(h.SealCA.Certificate))}},
		StampAnchors: string(trust.EncodePEM(tsa.Root)),
		TrustedLists: &walletLists{Location: "https://lists.example.org", Certificates: pem(trust.UseListSigner)},
		Revocation:   &walletRevocation{Prefer: "crl"},
	}
}

// Nothing in an environment changes without a word: each of its members shows, the
// citizen is asked, and what was agreed to is what is taken over.
func TestWalletTrustUpdate(t *testing.T) {
	old, other := someEnvironment(t), someEnvironment(t)
	renewed := func(next environment, answer, accept string) (*wallet, string, error) {
		w := &wallet{home: t.TempDir(), now: time.Now, state: walletState{Environment: old, RecoveryCode: "kept"}}
		if err := w.save(); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err := w.renew(strings.NewReader(answer), &out, next, accept)
		again := &wallet{home: w.home}
		if err := again.load(); err != nil {
			t.Fatal(err)
		}
		return again, out.String(), err
	}
	var refused exitStatus
	changes := map[string]func(*environment){
		"Issuer":      func(e *environment) { e.Issuer = "https://x.example" },
		"Verifier":    func(e *environment) { e.Verifier = "https://x.example" },
		"HandlesFor":  func(e *environment) { e.HandlesFor = nil },
		"Suppliers":   func(e *environment) { e.Suppliers = map[string]string{"led": "other"} },
		"SealAnchors": func(e *environment) { e.SealAnchors = other.SealAnchors },
		"ListAnchors": func(e *environment) { e.ListAnchors = other.ListAnchors },
		"AccessList": func(e *environment) {
			e.AccessList = &walletEntities{Location: old.AccessList.Location, Certificates: other.ListAnchors}
		},
		"AccessAnchors": func(e *environment) { e.AccessList, e.AccessAnchors = nil, other.SealAnchors },
		"ProviderList":  func(e *environment) { e.ProviderList = "https://x.example" },
		"CRLs":          func(e *environment) { e.CRLs = other.CRLs },
		"Registrar":     func(e *environment) { e.Registrar = other.Registrar },
		"NextRegistrar": func(e *environment) { e.NextRegistrar = other.NextRegistrar },
		"Receivers":     func(e *environment) { e.Receivers = "https://x.example" },
		"StampAnchors":  func(e *environment) { e.StampAnchors = other.StampAnchors },
		"ListedStamps":  func(e *environment) { e.ListedStamps = true },
		"Revocation": func(e *environment) {
			e.Revocation = &walletRevocation{Prefer: "crl", Algorithms: trust.DefaultSuite().Document()}
		},
		"TrustedLists": func(e *environment) {
			e.TrustedLists = &walletLists{Location: old.TrustedLists.Location, Certificates: other.ListAnchors}
		},
		"Holder":      nil, // below, as Development
		"Development": nil,
	}
	if n := reflect.TypeFor[environment]().NumField(); n != len(changes) {
		t.Errorf("%d members of an environment, %d in this test", n, len(changes))
	}
	digest := regexp.MustCompile(`Digest of this change: ([0-9a-f]{64})`)
	for name, change := range changes {
		if change == nil {
			continue
		}
		next := old
		change(&next)
		same := func(w *wallet, e environment) bool {
			a, errA := json.Marshal(w.state.Environment)
			b, errB := json.Marshal(e)
			return errors.Join(errA, errB) == nil && bytes.Equal(a, b) && w.state.RecoveryCode == "kept"
		}
		w, said, err := renewed(next, "no\n", "")
		if !errors.As(err, &refused) || !same(w, old) || !strings.Contains(said, "Nothing was changed") || !regexp.MustCompile(`(?m)^[-+] `).MatchString(said) {
			t.Errorf("%s, not agreed to: %v\n%s", name, err, said)
		}
		if w, said, err := renewed(next, "", ""); err == nil || !same(w, old) {
			t.Errorf("%s, without an answer: %v\n%s", name, err, said)
		}
		if w, said, err := renewed(next, "yes\n", strings.Repeat("0", 64)); err == nil || !same(w, old) {
			t.Errorf("%s, with the digest of another change: %v\n%s", name, err, said)
		}
		if w, said, err := renewed(next, "yes\n", ""); err != nil || !same(w, next) {
			t.Errorf("%s, agreed to: %v\n%s", name, err, said)
		}
		if w, said, err := renewed(next, "", digest.FindStringSubmatch(said)[1]); err != nil || !same(w, next) {
			t.Errorf("%s, by its digest: %v\n%s", name, err, said)
		}
	}
	for name, change := range map[string]func(*environment){
		"another platform":      func(e *environment) { e.Holder = "https://x.example" },
		"back to plain http":    func(e *environment) { e.Development = true },
		"no certificate":        func(e *environment) { e.SealAnchors = "x" },
		"no such authority":     func(e *environment) { e.AccessList = nil },
		"two ways to name them": func(e *environment) { e.AccessAnchors = e.SealAnchors },
		"no key":                func(e *environment) { e.Registrar = jose.JWK{} },
		"no next key":           func(e *environment) { e.NextRegistrar = &jose.JWK{} },
		"the same key twice":    func(e *environment) { e.NextRegistrar = &e.Registrar },
		"a broken table":        func(e *environment) { e.Revocation = &walletRevocation{Algorithms: []byte(`{}`)} },
	} {
		next := old
		change(&next)
		if w, said, err := renewed(next, "yes\n", ""); err == nil || errors.As(err, &refused) || w.state.Environment.Holder != old.Holder || w.state.Environment.Development {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
	}
	if _, said, err := renewed(old, "", ""); err != nil || !strings.Contains(said, "Nothing changes.") {
		t.Errorf("the same: %v\n%s", err, said)
	}

	// What is not named any more stays for the evidence that was made under it.
	next := old
	next.SealAnchors, next.StampAnchors, next.ListAnchors = other.SealAnchors, "", other.ListAnchors
	if err := next.keep(old); err != nil {
		t.Fatal(err)
	}
	if next.StampAnchors != old.StampAnchors || next.SealAnchors != other.SealAnchors+old.SealAnchors || next.ListAnchors != other.ListAnchors {
		t.Errorf("%+v", next)
	}
}

// An environment says who the registrar is, and who will be. One of before says only
// the first; what is wrong is named by its member, and nothing is asked by it.
func TestRegistrarsInEnvironment(t *testing.T) {
	good := someEnvironment(t)
	again := good.Registrar
	again.Kid = "another name"
	for name, c := range map[string]struct {
		change func(*environment)
		want   string
		keys   int
	}{
		"both":           {func(*environment) {}, "", 2},
		"of before":      {func(e *environment) { e.NextRegistrar = nil }, "", 1},
		"only the next":  {func(e *environment) { e.Registrar = jose.JWK{} }, "registrar: ", 0},
		"a broken one":   {func(e *environment) { e.NextRegistrar = &jose.JWK{Kty: "EC", Crv: "P-256", X: "AA", Y: "AA"} }, "next_registrar: ", 0},
		"an empty one":   {func(e *environment) { e.NextRegistrar = &jose.JWK{} }, "next_registrar: ", 0},
		"the same twice": {func(e *environment) { e.NextRegistrar = &again }, "next_registrar: it is the key of registrar", 0},
	} {
		e := good
		c.change(&e)
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "environment.json")
		if err := writeOver(file, b); err != nil {
			t.Fatal(err)
		}
		w := &wallet{now: time.Now}
		err = w.environmentFrom(t.Context(), file, "")
		if c.want == "" {
			keys, fault := w.state.Environment.registrars()
			if err != nil || fault != nil || len(keys) != c.keys {
				t.Errorf("%s: %d keys, %v, %v", name, len(keys), err, fault)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "environment that was given: "+c.want) {
			t.Errorf("%s: %v", name, err)
		}
		w.state.Environment = e // as if it had been kept
		if p, err := w.presentation(trusted{}, openTrust{rule: "register"}, nil, nil); err == nil || !strings.Contains(err.Error(), "environment of this wallet: "+c.want) || p.Registrars != nil {
			t.Errorf("%s: it is used: %v", name, err)
		}
	}
}

// The command shows, asks, and takes over.
func TestWalletTrustCommand(t *testing.T) {
	w := &wallet{home: t.TempDir(), state: walletState{Environment: someEnvironment(t)}}
	if err := w.save(); err != nil {
		t.Fatal(err)
	}
	next := w.state.Environment
	next.StampAnchors = someEnvironment(t).StampAnchors
	file := filepath.Join(t.TempDir(), "environment.json")
	b, err := json.Marshal(next)
	if err == nil {
		err = writeOver(file, b)
	}
	if err != nil {
		t.Fatal(err)
	}
	run := func(in string, args ...string) (string, error) {
		c := walletCommand()
		c.SilenceErrors, c.SilenceUsage = true, true
		var out bytes.Buffer
		c.SetOut(&out)
		c.SetIn(strings.NewReader(in))
		c.SetArgs(append([]string{"--home", w.home, "trust"}, args...))
		err := c.ExecuteContext(t.Context())
		return out.String(), err
	}
	shown, err := run("", "show")
	if err != nil || !strings.Contains(shown, "authority of time-stamps CN=") || strings.Count(shown, "authority of time-stamps") != 1 {
		t.Errorf("%v\n%s", err, shown)
	}
	if said, err := run("yes\n", "update", "--environment", file); err != nil || !strings.Contains(said, "+ authority of time-stamps") || strings.Contains(said, "- authority of time-stamps") {
		t.Errorf("%v\n%s", err, said)
	}
	if shown, err = run("", "show"); err != nil || strings.Count(shown, "authority of time-stamps") != 2 {
		t.Errorf("%v\n%s", err, shown)
	}
	if said, err := run("yes\n", "update", "--environment", file, "--forget"); err != nil || !strings.Contains(said, "- authority of time-stamps") {
		t.Errorf("%v\n%s", err, said)
	}
}
