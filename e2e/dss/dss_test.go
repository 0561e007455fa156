package dss

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/tsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const year = 365 * 24 * time.Hour

// world has a public body whose certificate runs out after a year, and three
// time-stamp authorities of two years each, a new one every year.
type world struct {
	t    *testing.T
	h    *devca.Hierarchy
	tsas []*devtsa.Authority
}

func newWorld(t *testing.T) *world {
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example", Validity: devca.Validity{Leaf: year}})
	w := &world{t: t, h: h}
	w.check(err)
	for i := range 3 {
		from := now.Add(time.Duration(i)*year - year/2)
		tsa, err := devtsa.New(devtsa.Options{NotBefore: from, NotAfter: from.Add(2 * year)})
		w.check(err)
		w.tsas = append(w.tsas, tsa)
	}
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) store() *trust.Store {
	anchors := trust.Anchors{trust.UseSeal: {w.h.SealCA.Certificate}}
	for _, tsa := range w.tsas {
		anchors[trust.UseTimeStamp] = append(anchors[trust.UseTimeStamp], tsa.Root)
	}
	s, err := trust.NewStore(anchors, 0)
	w.check(err)
	return s
}

// lists are what everybody publishes at a time.
func (w *world) lists(at time.Time) map[string][]byte {
	list := func(by *x509.Certificate, key crypto.Signer) []byte {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(at.Unix()), ThisUpdate: at, NextUpdate: at.Add(30 * 24 * time.Hour)}, by, key)
		w.check(err)
		return der
	}
	out := map[string][]byte{"seal": list(w.h.SealCA.Certificate, w.h.SealCA.Key)}
	for i, tsa := range w.tsas {
		out[fmt.Sprintf("tsa%d", i)] = list(tsa.Root, tsa.RootKey)
	}
	return out
}

func (w *world) crls(at time.Time) *trust.CRLs {
	lists, c := w.lists(at), trust.NewCRLs(nil, nil)
	w.check(c.Add(lists["seal"], w.h.SealCA.Certificate))
	for i, tsa := range w.tsas {
		w.check(c.Add(lists[fmt.Sprintf("tsa%d", i)], tsa.Root))
	}
	return c
}

func (w *world) archivist(tsa int, at time.Time) *seal.Archivist {
	authority, store := *w.tsas[tsa], w.store()
	authority.Now = func() time.Time { return at }
	return &seal.Archivist{
		Stamper: &tsp.Client{HTTP: &authority, Trust: store, Random: rand.Reader, Now: authority.Now, Authorities: []tsp.Authority{{URL: "https://tsa.example/"}}},
		Lists:   w.crls(at), Trust: store, Now: authority.Now,
	}
}

// sealed is a seal of a kind of token, lifted to a level, and stamped again in
// later years.
func (w *world) sealed(typ string, level seal.Level, years ...int) *evidence.File {
	s, err := w.h.Sealer("", func() time.Time { return now })
	w.check(err)
	compact, err := s.SignCompact(typ, now, []byte(`{"iss":"https://issuer.example","given_name":"Test"}`))
	w.check(err)
	var disclosures []string
	if typ == "dc+sd-jwt" {
		disclosures = []string{"WyJzYWx0IiwgImEiLCAxXQ"}
	}
	f, err := evidence.Lift(compact, disclosures...)
	w.check(err)
	w.check(w.archivist(0, now.Add(time.Minute)).Lift(context.Background(), f, level))
	for i, n := range years {
		w.check(w.archivist(i+1, now.Add(time.Duration(n)*year)).Renew(context.Background(), f))
	}
	return f
}

func (w *world) json(f *evidence.File, s evidence.Serialisation) string {
	b, err := f.Marshal(s)
	w.check(err)
	return string(b)
}

func TestDSS(t *testing.T) {
	judge := Install(t)
	w := newWorld(t)
	soon := now.Add(time.Hour)
	flat, general := evidence.Flattened, evidence.General
	b := w.sealed("dc+sd-jwt", seal.BaselineB)
	compact, err := b.Compact()
	w.check(err)
	lta := w.json(w.sealed("vc+jwt", seal.BaselineLTA), flat)
	europassLTA := w.json(w.exported(seal.BaselineLTA), general)
	payload := strings.Split(compact, ".")[1]
	changed := strings.Replace(w.json(w.sealed("dc+sd-jwt", seal.BaselineLTA), flat), payload[:20], "eyJpc3MiOiJodHRwcjov", 1)
	stripped := w.sealed("vc+jwt", seal.BaselineB)
	const passed, failed, open = "TOTAL_PASSED null", "TOTAL_FAILED HASH_FAILURE", "INDETERMINATE OUT_OF_BOUNDS_NOT_REVOKED"

	cases := []struct {
		name, text string
		at         time.Time
		dss        string // indication, sub-indication, format
		ours       seal.SubIndication
		level      seal.Level
	}{
		{"compact-sd-jwt", compact, soon, passed + " JAdES-BASELINE-B", "", seal.BaselineB},
		{"b-flat", w.json(stripped, flat), soon, passed + " JAdES-BASELINE-B", "", seal.BaselineB},
		{"t-flat", w.json(w.sealed("vc+jwt", seal.BaselineT), flat), soon, passed + " JAdES-BASELINE-T", "", seal.BaselineT},
		{"lt-general", w.json(w.sealed("vc+jwt", seal.BaselineLT), general), soon, passed + " JAdES-BASELINE-LT", "", seal.BaselineLT},
		{"lta-flat", lta, soon, passed + " JAdES-BASELINE-LTA", "", seal.BaselineLTA},
		{"lta-general-sd-jwt", w.json(w.sealed("dc+sd-jwt", seal.BaselineLTA), general), soon, passed + " JAdES-BASELINE-LTA", "", seal.BaselineLTA},
		{"lta-certificate-expired", lta, now.Add(year + year/4), passed + " JAdES-BASELINE-LTA", "", seal.BaselineLTA},
		{"lta-authority-expired", lta, now.Add(2 * year), open + " JAdES-BASELINE-LTA", seal.OutOfBoundsNoPOE, seal.BaselineB},
		{"again-flat", w.json(w.sealed("vc+jwt", seal.BaselineLTA, 1), flat), now.Add(2 * year), passed + " JAdES-BASELINE-LTA", "", seal.BaselineLTA},
		{"twice-general-sd-jwt", w.json(w.sealed("dc+sd-jwt", seal.BaselineLTA, 1, 2), general), now.Add(3 * year), passed + " JAdES-BASELINE-LTA", "", seal.BaselineLTA},
		{"europass-b", w.json(w.exported(seal.BaselineB), general), soon, passed + " JAdES-BASELINE-B", "", seal.BaselineB},
		{"europass-lta", europassLTA, soon, passed + " JAdES-BASELINE-LTA", "", seal.BaselineLTA},
		{"europass-lta-certificate-expired", europassLTA, now.Add(year + year/4), passed + " JAdES-BASELINE-LTA", "", seal.BaselineLTA},
		{"europass-changed", strings.Replace(europassLTA, "Bachelor", "Meester!", 1), soon, failed + " JAdES-BASELINE-LTA", seal.HashFailure, seal.NotBaseline},
		{"lta-by-ocsp", w.json(w.answered(), flat), soon, passed + " JAdES-BASELINE-LTA", "", seal.BaselineLTA},
		{"payload-changed", changed, soon, failed + " JAdES-BASELINE-LTA", seal.HashFailure, seal.NotBaseline},
	}
	dir := t.TempDir()
	var questions []Question
	for i, tc := range cases {
		file := filepath.Join(dir, fmt.Sprintf("%02d-%s.json", i, tc.name))
		w.check(os.WriteFile(file, []byte(tc.text), 0o600))
		w.publish(filepath.Join(dir, fmt.Sprint(i)), tc.at)
		questions = append(questions, Question{filepath.Join(dir, fmt.Sprint(i)), file, tc.at})
	}
	answers := judge(t, questions)
	for i, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			if got := answers[i].String(); got != tc.dss {
				t.Errorf("DSS says %s, expected %s", got, tc.dss)
			}
			v := &seal.Validator{Trust: w.store(), Revocation: w.crls(tc.at), SkipProviderList: true}
			var got seal.Validation
			var err error
			if strings.HasPrefix(tc.text, "{") {
				f, parseErr := evidence.Parse([]byte(tc.text))
				w.check(parseErr)
				got, err = v.ValidateEvidence(context.Background(), f, tc.at)
			} else {
				got, _, err = v.ValidateCompact(context.Background(), tc.text, "dc+sd-jwt", tc.at)
			}
			w.check(err)
			if got.SubIndication != tc.ours || got.Level != tc.level {
				t.Errorf("we say %s %s %s\n%s", got.Indication, got.SubIndication, got.Level, got.Checks)
			}
			if tc.ours == "" && !answers[i].BestSignatureTime.Equal(got.BestSignatureTime) {
				t.Errorf("best signature time: DSS %s, ours %s", answers[i].BestSignatureTime, got.BestSignatureTime)
			}
		})
	}
}

// publish writes anchors, and the lists of a time, for the judge.
func (w *world) publish(dir string, at time.Time) {
	w.check(os.Mkdir(dir, 0o700))
	w.check(os.WriteFile(filepath.Join(dir, "seal.pem"), trust.EncodePEM(w.h.SealCA.Certificate), 0o600))
	for i, tsa := range w.tsas {
		w.check(os.WriteFile(filepath.Join(dir, fmt.Sprintf("tsa%d.pem", i)), trust.EncodePEM(tsa.Root), 0o600))
	}
	for name, der := range w.lists(at) {
		w.check(os.WriteFile(filepath.Join(dir, name+".crl"), der, 0o600))
	}
}
