package timestamp

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// A seal of ours is lifted to B-LTA with sigstore's authority, which signs with a
// key whose revocation list is published, and stamped again.
func TestEvidence(t *testing.T) {
	now := time.Now()
	a, err := devtsa.New(devtsa.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(a.Key)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"key.pem":   pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"chain.pem": trust.EncodePEM(a.Chain[0], a.Root),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := start(t, "--timestamp-signer", "file", "--file-signer-key-path", filepath.Join(dir, "key.pem"), "--certificate-chain-path", filepath.Join(dir, "chain.pem"))

	anchors := h.Anchors()
	anchors[trust.UseTimeStamp] = []*x509.Certificate{a.Root}
	store, err := trust.NewStore(anchors, 0)
	if err != nil {
		t.Fatal(err)
	}
	crls, err := h.CRLs(nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := crls.Add(list(t, a.Root, a.RootKey, now), a.Root); err != nil {
		t.Fatal(err)
	}
	archivist := &seal.Archivist{
		Stamper: &tsp.Client{HTTP: http.DefaultClient, Trust: store, Random: rand.Reader, Now: time.Now, Authorities: []tsp.Authority{{URL: address + "/api/v1/timestamp"}}},
		Lists:   crls, Trust: store, Now: time.Now,
	}
	s, err := h.Sealer("", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.SignCompact("vc+jwt", now, []byte(`{"a":1}`))
	if err != nil {
		t.Fatal(err)
	}
	f, err := evidence.Lift(compact)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if err := archivist.Lift(ctx, f, seal.BaselineLTA); err != nil {
		t.Fatal(err)
	}
	if err := archivist.Renew(ctx, f); err != nil {
		t.Fatal(err)
	}
	b, err := f.Marshal(evidence.Flattened)
	if err != nil {
		t.Fatal(err)
	}
	v := &seal.Validator{Trust: store, Revocation: crls, SkipProviderList: true}
	got, _, err := v.ValidateJSON(ctx, b, "vc+jwt", time.Now())
	if err != nil || got.Err() != nil || got.Level != seal.BaselineLTA || len(got.TimeStamps) != 3 {
		t.Errorf("found %s with %d time-stamps, %v\n%s", got.Level, len(got.TimeStamps), err, got.Checks)
	}
}

func list(t *testing.T, by *x509.Certificate, key crypto.Signer, at time.Time) []byte {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: at, NextUpdate: at.Add(time.Hour)}, by, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
