package seal_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/devocsp"
	"github.com/zegel-id/zegel/seal/tsp/devtsa"
)

// answering is an archive whose authorities publish no lists: their certificates
// name responders.
type answering struct {
	*archive
	responders map[string]*devocsp.Responder // by host
	at         time.Time
}

func newAnswering(t testing.TB) *answering {
	x := &answering{archive: newArchive(t), responders: map[string]*devocsp.Responder{}, at: now}
	c := leaf()
	c.NotBefore, c.NotAfter, c.OCSPServer = now.Add(-year/2), now.Add(year/2), []string{"http://seal.example"}
	x.seal = mint(t, c, &x.ca)
	tsa, err := devtsa.New(devtsa.Options{Now: clock, NotBefore: now.Add(-year / 2), NotAfter: now.Add(year), Bend: func(c *x509.Certificate) { c.OCSPServer = []string{"http://tsa.example"} }})
	x.check(err)
	x.tsas[0] = tsa
	x.responders["seal.example"] = x.responder(x.ca)
	x.responders["tsa.example"] = x.responder(devca.Pair{Certificate: tsa.Root, Key: tsa.RootKey})
	return x
}

func (x *answering) responder(ca devca.Pair) *devocsp.Responder {
	by := mint(x.t, devocsp.Template("Responder", now.Add(-time.Hour), now.Add(time.Hour)), &ca)
	return &devocsp.Responder{Issuer: ca.Certificate, Certificate: by.Certificate, Key: by.Key, Now: func() time.Time { return x.at }}
}

func (x *answering) Do(r *http.Request) (*http.Response, error) {
	return x.responders[r.URL.Host].Do(r)
}

func (x *answering) published() *trust.Responders {
	return trust.NewResponders(x, rand.Reader, func() time.Time { return x.at })
}

// Evidence of answers, where there are no lists, holds when everybody has gone;
// and the authority that was revoked is refused by them.
func TestArchivistOCSP(t *testing.T) {
	x := newAnswering(t)
	by := x.archivist(0, now)
	by.Lists = trust.Preferred{trust.NewCRLs(nil, nil), x.published()}
	f := x.lift(now)
	if err := by.Lift(context.Background(), f, seal.BaselineLTA); err != nil {
		t.Fatal(err)
	}
	if v := f.Values(); len(v.OCSPs) != 2 || len(v.CRLs) != 0 || len(v.Certificates) != 2 {
		t.Errorf("%d answers, %d lists, %d certificates", len(v.OCSPs), len(v.CRLs), len(v.Certificates))
	}
	b, err := f.Marshal(evidence.General)
	x.check(err)
	v := x.validator(now.Add(3 * year / 4)) // lists of the authority that stamped
	got, _, err := v.ValidateJSON(context.Background(), b, "dc+sd-jwt", now.Add(3*year/4))
	if err != nil || got.Err() != nil || got.Level != seal.BaselineLTA || !strings.Contains(got.Revocation.Detail, "OCSP") {
		t.Errorf("found %s %v\n%s", got.Level, err, got.Checks)
	}

	revoked := func(serial *big.Int) devocsp.Status { return devocsp.Status{Revoked: now.Add(-time.Minute), Reason: 1} }
	x.responders["tsa.example"].Says = revoked
	by.Lists = x.published()
	if err := by.Lift(context.Background(), x.lift(now), seal.BaselineLT); err == nil || !strings.Contains(err.Error(), "is revoked") {
		t.Errorf("a revoked authority: %v", err)
	}
	v.Revocation = x.published()
	if got := judge(t, v, f, now); got.Err() == nil || !hasFailures(got, seal.CheckArchiveStamp+" "+seal.CheckTimeStamp) {
		t.Errorf("revoked before it stamped: %s", got.Checks)
	}
	x.responders["seal.example"].Says = revoked
	v.Revocation = x.published()
	if got := judge(t, v, x.lift(now), now); got.SubIndication != seal.RevokedNoPOE || got.Revocation.Reason != 1 {
		t.Errorf("a revoked seal: %s\n%s", got.SubIndication, got.Checks)
	}
}
