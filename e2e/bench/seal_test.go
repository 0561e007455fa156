package bench

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// sealLevels is what evidence of each level costs: to make it, against the seal on a
// compact token, and to judge it, against judging that token. Time-stamp authority
// and revocation lists are in the process, so that the time of the authority is in
// it and that of the network is not.
func sealLevels(t *testing.T) []row {
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Now().Truncate(time.Second)
	now := func() time.Time { return at }
	h, err := devca.New(devca.Options{Now: at, Issuer: issuerURL})
	ok(err)
	sealer, err := h.Sealer("", now)
	ok(err)
	tsa, err := devtsa.New(devtsa.Options{Now: now})
	ok(err)
	store, err := trust.NewStore(trust.Anchors{trust.UseSeal: {h.SealCA.Certificate}, trust.UseTimeStamp: {tsa.Root}}, 0)
	ok(err)
	lists := trust.NewCRLs(nil, now)
	publish := func(by *x509.Certificate, key crypto.Signer) {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: at, NextUpdate: at.AddDate(0, 0, 7)}, by, key)
		ok(err)
		ok(lists.Add(der, by))
	}
	publish(h.SealCA.Certificate, h.SealCA.Key)
	publish(tsa.Root, tsa.RootKey)
	archivist := &seal.Archivist{Trust: store, Lists: lists, Now: now,
		Stamper: &tsp.Client{HTTP: tsa, Trust: store, Random: rand.Reader, Now: now, Authorities: []tsp.Authority{{URL: "https://tsa.example/"}}}}
	validator := &seal.Validator{Trust: store, Revocation: lists, SkipProviderList: true}

	payload, ctx := []byte(twenty), context.Background()
	compact := func() (string, error) { return sealer.SignCompact("vc+jwt", at, payload) }
	bare, err := compact()
	ok(err)
	lifted := func(level seal.Level) (*evidence.File, error) {
		text, err := compact()
		if err != nil {
			return nil, err
		}
		f, err := evidence.Lift(text)
		if err != nil {
			return nil, err
		}
		return f, archivist.Lift(ctx, f, level)
	}
	making := local(func() error { _, err := compact(); return err })
	judging := local(func() error {
		got, _, err := validator.ValidateCompact(ctx, bare, "vc+jwt", at)
		if err == nil {
			err = got.Err()
		}
		return err
	})
	var made, judged []row
	for _, level := range []struct {
		level seal.Level
		goal  float64 // of judging
	}{{seal.BaselineT, 3}, {seal.BaselineLT, 3.5}, {seal.BaselineLTA, 5}} {
		f, err := lifted(level.level)
		ok(err)
		text, err := f.Marshal(evidence.Flattened)
		ok(err)
		made = append(made, row{name: "making " + string(level.level), reference: "a compact seal, B-B", cost: true,
			ours: local(func() error { _, err := lifted(level.level); return err }), theirs: making})
		judged = append(judged, row{name: "judging " + string(level.level), reference: "judging a compact seal, B-B", cost: true, goal: level.goal,
			ours: local(func() error {
				got, _, err := validator.ValidateJSON(ctx, text, "vc+jwt", at)
				if err == nil {
					err = got.Err()
				}
				return err
			}), theirs: judging})
	}
	return append(made, judged...)
}
