package main

import (
	"crypto/x509"
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
