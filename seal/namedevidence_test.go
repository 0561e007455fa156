package seal_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// A list of providers that names the seal certificate itself says that it counts
// today. Evidence needs the authority that issued it, whose word can be kept: where
// that is not trusted nothing above B-T is made, and nothing above B-T is found.
func TestEvidenceOfNamedCertificate(t *testing.T) {
	h := newHierarchy(t)
	tsa, err := devtsa.New(devtsa.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	world := func(authority bool) (*trust.Store, *trust.CRLs) {
		t.Helper()
		anchors := trust.Anchors{trust.UseListSigner: h.Anchors()[trust.UseListSigner], trust.UseTimeStamp: {tsa.Root}}
		if authority {
			anchors[trust.UseSeal] = []*x509.Certificate{h.SealCA.Certificate}
		}
		store, err := trust.NewStore(anchors, 0)
		if err != nil {
			t.Fatal(err)
		}
		list, err := store.VerifyList(h.List, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Install(list); err != nil {
			t.Fatal(err)
		}
		crls, err := h.CRLs(nil, clock)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, tsa.Root, tsa.RootKey)
		if err != nil {
			t.Fatal(err)
		}
		if err := crls.Add(der, tsa.Root); err != nil {
			t.Fatal(err)
		}
		return store, crls
	}
	lift := func(store *trust.Store, crls *trust.CRLs) (*evidence.File, error) {
		t.Helper()
		s, err := h.Sealer("", clock)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		f, err := evidence.Lift(compact)
		if err != nil {
			t.Fatal(err)
		}
		a := &seal.Archivist{Trust: store, Lists: crls, Now: clock, Stamper: &tsp.Client{HTTP: tsa, Trust: store, Random: rand.Reader, Now: clock, Authorities: []tsp.Authority{{URL: "https://tsa.example/"}}}}
		return f, a.Lift(context.Background(), f, seal.BaselineLTA)
	}
	named, namedLists := world(false)
	known, knownLists := world(true)

	f, err := lift(named, namedLists)
	if !errors.Is(err, seal.ErrArchive) || !strings.Contains(err.Error(), "the authority that issued it") {
		t.Errorf("%v", err)
	}
	got := judge(t, &seal.Validator{Trust: named, Revocation: namedLists}, f, now)
	if got.Err() != nil || got.Level != seal.BaselineT {
		t.Errorf("the list alone: found %s %s\n%s", got.Indication, got.Level, got.Checks)
	}
	// Whoever trusts the authority later lifts the same evidence.
	a := &seal.Archivist{Trust: known, Lists: knownLists, Now: clock, Stamper: &tsp.Client{HTTP: tsa, Trust: known, Random: rand.Reader, Now: clock, Authorities: []tsp.Authority{{URL: "https://tsa.example/"}}}}
	if err := a.Lift(context.Background(), f, seal.BaselineLTA); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		v    *seal.Validator
		want seal.Level
	}{
		"with the authority": {&seal.Validator{Trust: known, Revocation: knownLists}, seal.BaselineLTA},
		// What was kept is of an authority that is nobody here.
		"by the list alone": {&seal.Validator{Trust: named, Revocation: namedLists}, seal.BaselineT},
	} {
		if got := judge(t, c.v, f, now); got.Err() != nil || got.Level != c.want {
			t.Errorf("%s: found %s %s, expected %s\n%s", name, got.Indication, got.Level, c.want, got.Checks)
		}
	}
	// A list that ran out anchors nothing, however old the time-stamp is: what was
	// withdrawn since stands in the list after it.
	next := named.List().NextUpdate
	for name, c := range map[string]struct {
		store *trust.Store
		at    time.Time
		sub   seal.SubIndication
	}{
		"the last second of the list": {named, next.Add(-time.Second), ""},
		"a list that ran out":         {named, next, seal.TryLater},
		"an anchor beside it":         {known, next, ""},
	} {
		v := &seal.Validator{Trust: c.store, SkipProviderList: true, InsecureAcceptUnknownRevocation: true}
		if got := judge(t, v, f, c.at); got.SubIndication != c.sub || (got.Err() == nil) != (c.sub == "") || c.sub != "" && !hasFailures(got, seal.CheckChain) {
			t.Errorf("%s: found %s %s\n%s", name, got.Indication, got.SubIndication, got.Checks)
		}
	}
}
