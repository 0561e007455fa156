package europass_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/europass"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

const document = `{"@context":["https://www.w3.org/2018/credentials/v1","` + europass.Profile + `"],"type":["VerifiableCredential","EuropeanDigitalCredential"],` +
	`"issuer":{"eIDASIdentifier":{"notation":"0999999922"}},"title":"een \"quote\", een ë en een \\"}`

func sealer(t testing.TB) (*devca.Hierarchy, *seal.Sealer) {
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	return h, s
}

func sealed(t testing.TB, s *seal.Sealer, doc string) *evidence.File {
	d, err := europass.Prepare([]byte(doc), now)
	if err != nil {
		t.Fatal(err)
	}
	f, err := d.Seal(s)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The document is sealed as it is and lifted to B-LTA, which holds.
func TestSeal(t *testing.T) {
	h, s := sealer(t)
	tsa, err := devtsa.New(devtsa.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	store, err := trust.NewStore(trust.Anchors{trust.UseSeal: {h.SealCA.Certificate}, trust.UseTimeStamp: {tsa.Root}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	crls := trust.NewCRLs(nil, nil)
	for ca, key := range map[*x509.Certificate]crypto.Signer{h.SealCA.Certificate: h.SealCA.Key, tsa.Root: tsa.RootKey} {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}, ca, key)
		if err == nil {
			err = crls.Add(der, ca)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f := sealed(t, s, document)
	by := &seal.Archivist{Trust: store, Lists: crls, Now: clock,
		Stamper: &tsp.Client{HTTP: tsa, Trust: store, Random: rand.Reader, Now: clock, Authorities: []tsp.Authority{{URL: "https://tsa.example/"}}}}
	if err := by.Lift(context.Background(), f, seal.BaselineLTA); err != nil {
		t.Fatal(err)
	}
	text, err := f.Marshal(evidence.General)
	if err != nil {
		t.Fatal(err)
	}
	v := &seal.Validator{Trust: store, Revocation: crls, SkipProviderList: true}
	got, back, err := v.ValidateJSON(context.Background(), text, europass.Typ, now)
	if err != nil || got.Err() != nil || got.Level != seal.BaselineLTA || !got.ClaimedTime.Equal(now) {
		t.Fatalf("found %s %v\n%s", got.Level, err, got.Checks)
	}
	if !back.General() || string(back.Payload()) != document {
		t.Errorf("the document is now %s", back.Payload())
	}
	// The text of the document stands in the file, readable.
	var wire struct{ Payload string }
	if err := json.Unmarshal(text, &wire); err != nil || wire.Payload != document {
		t.Errorf("payload %q, %v", wire.Payload, err)
	}
	if _, err := back.Compact(); err == nil {
		t.Error("it has a compact form")
	}
	changed := bytes.Replace(text, []byte("quote"), []byte("Quote"), 1)
	if got, _, err := v.ValidateJSON(context.Background(), changed, europass.Typ, now); err != nil || got.SubIndication != seal.HashFailure {
		t.Errorf("changed: %s", got.SubIndication)
	}
}

// The protected header has the members of a seal of Europass, with iat for sigT and
// without a content time-stamp, and says the same of its certificate.
func TestHeader(t *testing.T) {
	read := func(b []byte) map[string]any {
		var w struct{ Signatures []struct{ Protected string } }
		if err := json.Unmarshal(b, &w); err != nil || len(w.Signatures) != 1 {
			t.Fatal(err)
		}
		raw, err := jose.Decode(w.Signatures[0].Protected)
		if err != nil {
			t.Fatal(err)
		}
		var h map[string]any
		if err := json.Unmarshal(raw, &h); err != nil {
			t.Fatal(err)
		}
		return h
	}
	_, s := sealer(t)
	text, err := sealed(t, s, document).Marshal(evidence.General)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := read(text), read(testvectors.File(t, "jades", "edc/edc-signed-jades-baseline-lta.json"))
	golden := read(testvectors.File(t, "jades-golden", "p-edc.general.json"))
	delete(theirs, "sigT")
	delete(theirs, "adoTst")
	theirs["iat"] = 0
	for name := range theirs {
		if _, there := ours[name]; !there {
			t.Errorf("%s is not there", name)
		}
	}
	for name := range ours {
		if _, there := theirs[name]; !there {
			t.Errorf("%s is there, too", name)
		}
	}
	for _, name := range []string{"typ", "cty", "b64", "crit", "alg"} {
		a, _ := json.Marshal(ours[name])
		b, _ := json.Marshal(golden[name])
		if !bytes.Equal(a, b) {
			t.Errorf("%s is %s, in the golden file %s", name, a, b)
		}
	}
	// kid is written as theirs is: base64 with padding of an IssuerSerial.
	c := s.Certificate()
	der, err := base64.StdEncoding.Strict().DecodeString(ours["kid"].(string))
	if err != nil || !bytes.Contains(der, c.RawIssuer) || !bytes.HasSuffix(der, c.SerialNumber.Bytes()) {
		t.Errorf("kid %x, %v", der, err)
	}
	leaf, err := x509.ParseCertificate(mustBase64(t, theirs["x5c"].([]any)[0].(string)))
	if err != nil {
		t.Fatal(err)
	}
	if kid, err := europass.IssuerSerial(leaf); err != nil || kid != theirs["kid"] {
		t.Errorf("of the same certificate %s, in theirs %s (%v)", kid, theirs["kid"], err)
	}
}

func mustBase64(t testing.TB, s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The sample of the model is one that can be sealed.
func TestPrepareSample(t *testing.T) {
	if _, err := europass.Prepare(testvectors.File(t, "elm", "samples/led-diploma.elm.json"), now); err != nil {
		t.Error(err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		at   time.Time
		says string
	}{
		"no JSON":          {`{`, now, "document"},
		"a member twice":   {strings.Replace(document, `{"@`, `{"title":1,"@`, 1), now, "twice"},
		"no profile":       {strings.Replace(document, europass.Profile, "https://example.com", 1), now, "@context"},
		"another type":     {strings.Replace(document, "European", "Flemish", 1), now, "EuropeanDigitalCredential"},
		"no owner":         {strings.Replace(document, "0999999922", "", 1), now, "eIDASIdentifier"},
		"too long":         {document + strings.Repeat(" ", europass.MaxDocument), now, "longer"},
		"no time":          {document, time.Time{}, "whole seconds"},
		"part of a second": {document, now.Add(1), "whole seconds"},
	} {
		if d, err := europass.Prepare([]byte(tc.in), tc.at); d != nil || !errors.Is(err, europass.ErrDocument) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// liar signs something else.
type liar struct {
	*seal.Sealer
	key crypto.Signer
}

func (l liar) Signer(time.Time) (crypto.Signer, error) { return l, nil }
func (l liar) Public() crypto.PublicKey                { return l.key.Public() }
func (l liar) Sign(r io.Reader, _ []byte, o crypto.SignerOpts) ([]byte, error) {
	return l.key.Sign(r, make([]byte, 32), o)
}

func TestSealRefuses(t *testing.T) {
	h, s := sealer(t)
	prepared := func(doc string, at time.Time) *europass.Draft {
		d, err := europass.Prepare([]byte(doc), at)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := prepared(document, now)
	if _, err := d.Seal(s); err != nil {
		t.Fatal(err)
	}
	if f, err := d.Seal(s); f != nil || !errors.Is(err, europass.ErrSealed) {
		t.Errorf("sealed twice: %v", err)
	}
	if f, err := prepared(strings.Replace(document, "0999999922", "0316380841", 1), now).Seal(s); f != nil || !errors.Is(err, europass.ErrOwner) {
		t.Errorf("another's document: %v", err)
	}
	if f, err := prepared(strings.Replace(document, "0999999922", "NTRBE-0999999922", 1), now).Seal(s); f == nil || err != nil {
		t.Errorf("the whole identifier: %v", err)
	}
	if f, err := prepared(document, now.AddDate(50, 0, 0)).Seal(s); f != nil || !errors.Is(err, seal.ErrSealer) {
		t.Errorf("out of date: %v", err)
	}
	if f, err := prepared(document, now).Seal(liar{s, h.Seal.Key}); f != nil || !errors.Is(err, jose.ErrSignature) {
		t.Errorf("a key that signs something else: %v", err)
	}
}
