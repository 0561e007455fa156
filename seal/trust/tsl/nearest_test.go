package tsl_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// What was withdrawn from an authority no authority above it gives back, however much
// of the chain a seal shows.
func TestNearestAuthorityDecides(t *testing.T) {
	u, root := newUnion(t), authority(t, "TEST root")
	middle := mint(t, ecKey(t, elliptic.P256()), &root, func(c *x509.Certificate) {
		c.Subject, c.IsCA, c.KeyUsage = root.cert.Subject, true, x509.KeyUsageCertSign
		c.Subject.CommonName = "TEST middle"
	})
	leaf := sealCertificate(t, middle, sealStatements(), nil)
	seals := []string{tsltest.For("ForeSeals")}
	service := func(p pair, status string, since time.Time, before ...tsltest.Service) tsltest.Service {
		return tsltest.Service{Since: since, Status: status, Certificates: certs(p), Extensions: seals, History: before}
	}
	long, lately := now.AddDate(-11, 0, 0), now.AddDate(0, 0, -30)
	granted := tsltest.Service{Since: long, Certificates: certs(middle), Extensions: seals}
	ended := service(middle, tsltest.Withdrawn, lately, granted)
	for name, c := range map[string]struct {
		services []tsltest.Service
		at       time.Time
		want     tsl.Outcome
	}{
		"the nearest withdrawn":                        {[]tsltest.Service{service(root, "", long), ended}, now, tsl.Negative},
		"the nearest withdrawn, named first":           {[]tsltest.Service{ended, service(root, "", long)}, now, tsl.Negative},
		"before it was":                                {[]tsltest.Service{service(root, "", long), ended}, lately.Add(-time.Hour), tsl.Positive},
		"the root withdrawn":                           {[]tsltest.Service{service(root, tsltest.Withdrawn, lately, service(root, "", long)), granted}, now, tsl.Positive},
		"the nearest not listed yet":                   {[]tsltest.Service{service(root, "", long), service(middle, "", now.Add(time.Hour))}, now, tsl.Positive},
		"two services of the nearest, one still there": {[]tsltest.Service{ended, granted}, now, tsl.Positive},
		"the root alone":                               {[]tsltest.Service{service(root, "", long)}, now, tsl.Positive},
	} {
		lists := u.lists(t, c.services...)
		for n, chain := range [][]*x509.Certificate{certs(leaf, middle), certs(leaf, middle, root)} {
			d := lists.Seal(chain, tsl.Times{Signature: c.at, Now: now})
			if d.Qualified != c.want || c.want == tsl.Negative && !hasStep(d, tsl.StepService) {
				t.Errorf("%s, %d certificates: found %s", name, n+2, d.Qualified)
				explain(t, d)
			}
		}
		// The issuer alone knows of the root by nothing.
		if d := lists.Seal(certs(leaf), tsl.Times{Signature: c.at, Now: now}); c.want == tsl.Negative && d.Qualified != tsl.Negative {
			t.Errorf("%s, the leaf alone: found %s", name, d.Qualified)
		}
	}
	stamps := func(p pair, status string) tsltest.Service {
		return tsltest.Service{Type: tsl.ServiceTimestamp, Since: long, Status: status, Certificates: certs(p)}
	}
	lists := u.lists(t, stamps(root, ""), stamps(middle, tsltest.Withdrawn))
	if d := lists.Service(tsl.ServiceTimestamp, certs(leaf, middle, root), tsl.Times{Signature: now, Now: now}); d.Qualified != tsl.Negative {
		t.Errorf("a time-stamp service: found %s", d.Qualified)
		explain(t, d)
	}
}
