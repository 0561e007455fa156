package seal_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// archive is the world of the clock tests: an authority that outlives everybody,
// a seal certificate of one year, and time-stamp authorities one after another.
type archive struct {
	t    testing.TB
	ca   devca.Pair
	seal devca.Pair
	tsas []*devtsa.Authority
}

const year = 365 * 24 * time.Hour

func newArchive(t testing.TB) *archive {
	ca := authority("CA")
	ca.NotBefore, ca.NotAfter = now.Add(-10*year), now.Add(40*year)
	a := &archive{t: t, ca: mint(t, ca, nil)}
	c := leaf()
	c.NotBefore, c.NotAfter = now.Add(-year/2), now.Add(year/2)
	a.seal = mint(t, c, &a.ca)
	for i := range 3 { // each for two years, a new one every year
		tsa, err := devtsa.New(devtsa.Options{Now: clock, NotBefore: now.Add(time.Duration(i)*year - year/2), NotAfter: now.Add(time.Duration(i)*year + 3*year/2)})
		if err != nil {
			t.Fatal(err)
		}
		a.tsas = append(a.tsas, tsa)
	}
	return a
}

func (a *archive) lift(iat time.Time) *evidence.File {
	h := header(a.seal.Certificate)
	h["iat"] = iat.Unix()
	f, err := evidence.Lift(sign(a.t, a.seal.Key, h, `{"a":1}`))
	a.check(err)
	return f
}

func (a *archive) check(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *archive) stamp(f *evidence.File, kind evidence.Kind, tsa *devtsa.Authority, at time.Time) {
	a.t.Helper()
	imprint, err := f.Imprint(kind, crypto.SHA256)
	a.check(err)
	token, err := tsa.Token(devtsa.Stamp{Hash: crypto.SHA256, Imprint: imprint, Time: at, Accuracy: time.Second})
	a.check(err)
	a.check(f.AddTimeStamp(kind, token))
}

// crl is a list for a week; the entries were revoked at their time.
func crl(t testing.TB, by *x509.Certificate, key crypto.Signer, at time.Time, entries ...x509.RevocationListEntry) []byte {
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(at.Unix()), ThisUpdate: at, NextUpdate: at.Add(7 * 24 * time.Hour), RevokedCertificateEntries: entries,
	}, by, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func gone(c *x509.Certificate, since time.Time) x509.RevocationListEntry {
	return x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: since, ReasonCode: 1}
}

// values are the lists of everybody at a time.
func (a *archive) values(at time.Time) evidence.Values {
	v := evidence.Values{Certificates: []*x509.Certificate{a.ca.Certificate}, CRLs: [][]byte{crl(a.t, a.ca.Certificate, a.ca.Key, at)}}
	for _, tsa := range a.tsas {
		v.Certificates = append(v.Certificates, tsa.Root)
		v.CRLs = append(v.CRLs, crl(a.t, tsa.Root, tsa.RootKey, at))
	}
	return v
}

// made is evidence of a level, made within an hour of the seal.
func (a *archive) made(level seal.Level) *evidence.File {
	f := a.lift(now)
	if level.Includes(seal.BaselineT) {
		a.stamp(f, evidence.SignatureTimeStamp, a.tsas[0], now)
	}
	if level.Includes(seal.BaselineLT) {
		a.check(f.AddValues(a.values(now.Add(time.Minute))))
	}
	if level.Includes(seal.BaselineLTA) {
		a.stamp(f, evidence.ArchiveTimeStamp, a.tsas[0], now.Add(time.Hour))
	}
	return f
}

// again stamps evidence once more with an authority.
func (a *archive) again(f *evidence.File, tsa *devtsa.Authority, at time.Time) *evidence.File {
	a.check(f.AddValues(a.values(at.Add(-time.Hour))))
	a.stamp(f, evidence.ArchiveTimeStamp, tsa, at)
	return f
}

// validator trusts everybody, and what is published at a time says that nobody
// but the ones given was revoked.
func (a *archive) validator(at time.Time, entries ...x509.RevocationListEntry) *seal.Validator {
	anchors := trust.Anchors{trust.UseSeal: {a.ca.Certificate}}
	crls := trust.NewCRLs(nil, nil)
	a.check(crls.Add(crl(a.t, a.ca.Certificate, a.ca.Key, at, entries...), a.ca.Certificate))
	for _, tsa := range a.tsas {
		anchors[trust.UseTimeStamp] = append(anchors[trust.UseTimeStamp], tsa.Root)
		a.check(crls.Add(crl(a.t, tsa.Root, tsa.RootKey, at, entries...), tsa.Root))
	}
	store, err := trust.NewStore(anchors, 0)
	a.check(err)
	return &seal.Validator{Trust: store, Revocation: crls, SkipProviderList: true}
}

func judge(t testing.TB, v *seal.Validator, f *evidence.File, at time.Time) seal.Validation {
	got, err := v.ValidateEvidence(context.Background(), f, at)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// with is evidence with other elements of etsiU, and other tokens in them, as a
// forger would write it.
func with(t testing.TB, f *evidence.File, elements ...string) []byte {
	b, err := f.Marshal(evidence.Flattened)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	doc["header"] = map[string]any{"etsiU": elements}
	if len(elements) == 0 {
		delete(doc, "header")
	}
	b, err = json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func texts(f *evidence.File) (out []string) {
	for _, e := range f.Elements() {
		out = append(out, e.Text)
	}
	return out
}

func hasFailures(v seal.Validation, want string) bool {
	return strings.Join(v.Checks.Failures(), " ") == want
}
