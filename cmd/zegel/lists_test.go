package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal/trust/devca"
)

// A metadata certificate that runs out soon is replaced, at start and each day,
// and nothing else is.
func TestMetadataKeyIsRenewed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	made := time.Now()
	if err := initKeys(dir, devca.Options{Now: made, Issuer: "https://issuer.example.org"}); err != nil {
		t.Fatal(err)
	}
	if err := initTenant(dir, "school", devca.Options{Now: made.Add(300 * 24 * time.Hour), Issuer: "https://issuer.example.org/school", Organization: "Oefenschool (TEST)", Registration: "NTRBE-0999999823"}); err != nil {
		t.Fatal(err)
	}
	at := made
	now := func() time.Time { return at }
	const last = 730 * 24 * time.Hour // the first issuer's certificates
	at = made.Add(last - renewBefore - time.Hour)
	local, err := openLocalTrust(t.Context(), dir, newHistory(t), now)
	if err != nil {
		t.Fatal(err)
	}
	signers := func(l *localTrust) [2]*x509.Certificate {
		return [2]*x509.Certificate{l.metadata[""].Current().Certificate(), l.metadata["school"].Current().Certificate()}
	}
	first := signers(local)
	sealing := local.keys[""].Current()
	at = at.Add(2 * time.Hour)
	if err := local.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := signers(local)
	if second[0].Equal(first[0]) || !second[1].Equal(first[1]) || local.keys[""].Current() != sealing {
		t.Error("not the one that runs out was replaced")
	}
	again, err := openLocalTrust(t.Context(), dir, newHistory(t), now)
	if err != nil || !signers(again)[0].Equal(second[0]) {
		t.Fatalf("the renewed key was not kept: %v", err)
	}
}

// A day on which nothing can be kept leaves everything as it was, and the next one
// takes the new keys into use.
func TestRefreshThatCannotBeKept(t *testing.T) {
	dir, at := filepath.Join(t.TempDir(), "keys"), time.Now()
	if err := initKeys(dir, devca.Options{Now: at, Issuer: "https://issuer.example.org"}); err != nil {
		t.Fatal(err)
	}
	local, err := openLocalTrust(t.Context(), dir, newHistory(t), func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	was := *local.hierarchy
	used := func() [2]*x509.Certificate {
		return [2]*x509.Certificate{local.statuses[""].Current().Certificate(), local.metadata[""].Current().Certificate()}
	}
	at = was.Status.Certificate.NotAfter.Add(-renewBefore + time.Hour)
	if err := os.Rename(local.dir, local.dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := local.Refresh(t.Context()); err == nil {
		t.Error("what could not be kept is no fault")
	}
	h := local.hierarchy
	if h.List != was.List || h.AccessList != was.AccessList || !h.Status.Certificate.Equal(was.Status.Certificate) || !h.Metadata.Certificate.Equal(was.Metadata.Certificate) || !h.ListSigner.Certificate.Equal(was.ListSigner.Certificate) || !h.Registrar.Certificate.Equal(was.Registrar.Certificate) || !local.Registrar().Chain[0].Equal(was.Registrar.Certificate) {
		t.Error("something of it has happened")
	}
	if err := os.Rename(local.dir+".away", local.dir); err != nil {
		t.Fatal(err)
	}
	if err := local.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := used(); h.Status.Certificate.Equal(was.Status.Certificate) || !got[0].Equal(h.Status.Certificate) || !got[1].Equal(h.Metadata.Certificate) || !h.ListSigner.Certificate.Equal(was.NextListSigner.Certificate) || !local.Registrar().Chain[0].Equal(was.NextRegistrar.Certificate) {
		t.Error("the new keys are not in use")
	}
	kept, err := os.ReadFile(filepath.Join(local.dir, "provider-list.jwt"))
	if list, _ := local.List(); err != nil || string(kept) != string(list) {
		t.Errorf("served and kept are not the same: %v", err)
	}
}
