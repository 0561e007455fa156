package tsl_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/asn1"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

const lotlAddress = "https://lists.example/lotl.xml"

// union signs the list of lists and one national list.
type union struct {
	lotl, be pair
}

func newUnion(t testing.TB) union {
	return union{listSigner(t, ecKey(t, elliptic.P256()), "EU"), listSigner(t, ecKey(t, elliptic.P256()), "BE")}
}

func (u union) listOfLists(pointers ...tsltest.Pointer) tsltest.List {
	self := tsltest.Pointer{Location: lotlAddress, Type: tsltest.TypeListOfLists, Territory: "EU", Signers: certs(u.lotl)}
	return tsltest.List{Type: tsltest.TypeListOfLists, Territory: "EU", Issued: now.Add(-time.Hour), Pointers: append([]tsltest.Pointer{self}, pointers...)}
}

func (u union) pointer() tsltest.Pointer {
	return tsltest.Pointer{Location: "https://lists.example/be.xml", Type: tsltest.TypeNational, Territory: "BE", Signers: certs(u.be)}
}

// lists verifies a list of lists and a list of Belgium with these services.
func (u union) lists(t testing.TB, services ...tsltest.Service) *tsl.Lists {
	t.Helper()
	be := national("BE")
	be.Providers = []tsltest.Provider{{Name: "TEST provider", Services: services}}
	return u.verified(t, u.listOfLists(u.pointer()), be)
}

func (u union) verified(t testing.TB, lotl, be tsltest.List) *tsl.Lists {
	t.Helper()
	top, err := tsl.Verify(signedBy(t, lotl, u.lotl), certs(u.lotl), now)
	if err != nil {
		t.Fatal(err)
	}
	list, err := tsl.Verify(signedBy(t, be, u.be), certs(u.be), now)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tsl.NewLists(top, list)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var (
	years   = func(n int) time.Time { return now.AddDate(-n, 0, 0) }
	anyone  = tsltest.Criteria("all", tsltest.KeyUsage("nonRepudiation", true))
	noone   = tsltest.Criteria("all", tsltest.KeyUsage("nonRepudiation", false))
	unclear = tsltest.Criteria("all", tsltest.Unknown())
)

// TestSeal is the table of what lists and certificates say together. The
// certificate was issued a year ago, the signature is of now.
func TestSeal(t *testing.T) {
	u, ca := newUnion(t), authority(t, "TEST CA")
	with := func(extensions ...string) []tsltest.Service {
		return []tsltest.Service{{Since: years(3), Certificates: certs(ca), Extensions: extensions}}
	}
	seals := tsltest.For("ForeSeals")
	qualified := func(critical bool, criteria string, names ...string) string {
		return tsltest.Qualified(critical, criteria, names...)
	}
	good := sealStatements()
	noDevice, plain, third := good, good, good
	noDevice.SSCD = false
	plain.Compliance = false
	third.Legislation = []string{"CH"}
	esign, both, untyped := good, good, good
	esign.Types = []asn1.ObjectIdentifier{{0, 4, 0, 1862, 1, 6, 1}}
	both.Types = append(esign.Types[:1:1], qc.TypeSeal)
	untyped.Types = nil
	none, yes, no := tsl.Indeterminate, tsl.Positive, tsl.Negative

	for _, c := range []struct {
		name      string
		services  []tsltest.Service
		said      qc.Statements
		qualified tsl.Outcome
		device    tsl.Outcome
		step      string // the first that is not positive
	}{
		// Status and history.
		{"granted, for seals, qualified device", with(seals), good, yes, yes, ""},
		{"no qualified device", with(seals), noDevice, yes, no, ""},
		{"withdrawn now, granted at issuance", []tsltest.Service{{Status: tsltest.Withdrawn, Since: now.AddDate(0, -1, 0), Certificates: certs(ca), Extensions: []string{seals},
			History: []tsltest.Service{{Since: years(3), Extensions: []string{seals}}}}}, good, no, none, tsl.StepStatus},
		{"granted now, withdrawn at issuance", []tsltest.Service{{Since: now.AddDate(0, -6, 0), Certificates: certs(ca), Extensions: []string{seals},
			History: []tsltest.Service{{Status: tsltest.Withdrawn, Since: years(3), Extensions: []string{seals}}}}}, good, no, none, tsl.StepStatus},
		{"withdrawn between, granted at both", []tsltest.Service{{Since: now.AddDate(0, -1, 0), Certificates: certs(ca), Extensions: []string{seals},
			History: []tsltest.Service{{Status: tsltest.Withdrawn, Since: now.AddDate(0, -6, 0)}, {Since: years(3), Extensions: []string{seals}}}}}, good, yes, yes, ""},
		{"not listed at issuance", []tsltest.Service{{Since: now.AddDate(0, -6, 0), Certificates: certs(ca), Extensions: []string{seals}}}, good, no, none, tsl.StepStatus},
		{"granted in the future", []tsltest.Service{{Since: now.AddDate(0, 1, 0), Certificates: certs(ca), Extensions: []string{seals}}}, good, no, none, tsl.StepStatus},
		{"under supervision, as the Directive had it", []tsltest.Service{{Status: "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/undersupervision", Since: years(3), Certificates: certs(ca), Extensions: []string{seals}}}, good, no, none, tsl.StepStatus},
		{"a history in disorder", []tsltest.Service{{Since: years(3), Certificates: certs(ca), Extensions: []string{seals},
			History: []tsltest.Service{{Status: tsltest.Withdrawn, Since: years(2)}}}}, good, none, none, tsl.StepHistory},
		{"two states of the same time", []tsltest.Service{{Since: years(2), Certificates: certs(ca), Extensions: []string{seals},
			History: []tsltest.Service{{Status: tsltest.Withdrawn, Since: years(2)}}}}, good, yes, yes, ""},
		{"another service type", []tsltest.Service{{Type: "http://uri.etsi.org/TrstSvc/Svctype/CA/PKC", Since: years(3), Certificates: certs(ca), Extensions: []string{seals}}}, good, no, none, tsl.StepService},
		{"another service type at issuance", []tsltest.Service{{Since: now.AddDate(0, -1, 0), Certificates: certs(ca), Extensions: []string{seals},
			History: []tsltest.Service{{Type: "http://uri.etsi.org/TrstSvc/Svctype/CA/PKC", Since: years(3), Extensions: []string{seals}}}}}, good, no, none, tsl.StepService},
		{"of another authority", []tsltest.Service{{Since: years(3), Certificates: certs(authority(t, "TEST CA")), Extensions: []string{seals}}}, good, no, none, tsl.StepService},

		// Purpose.
		{"for signatures only", with(tsltest.For("ForeSignatures")), good, no, none, tsl.StepPurpose},
		{"for nothing said", with(), good, no, none, tsl.StepPurpose},
		{"for nothing said, QCForESeal", with(qualified(true, anyone, "QCForESeal")), untyped, yes, yes, ""},
		{"QCForESeal of others", with(qualified(true, noone, "QCForESeal")), good, no, none, tsl.StepPurpose},
		{"for signatures, QCForESeal", with(tsltest.For("ForeSignatures"), qualified(true, anyone, "QCForESeal")), good, none, none, tsl.StepPurpose},
		{"for both, QCForESeal", with(seals, tsltest.For("ForeSignatures"), qualified(true, anyone, "QCForESeal")), esign, yes, yes, ""},
		{"for both, QCForESig", with(seals, tsltest.For("ForeSignatures"), qualified(true, anyone, "QCForESig")), good, no, none, tsl.StepPurpose},
		{"QCForESeal and QCForESig", with(seals, qualified(true, anyone, "QCForESeal", "QCForESig")), good, none, none, tsl.StepPurpose},
		{"QCForWSA", with(seals, qualified(true, anyone, "QCForWSA")), good, no, none, tsl.StepPurpose},
		{"a certificate for signatures", with(seals), esign, no, none, tsl.StepPurpose},
		{"a certificate for nothing said", with(seals), untyped, no, none, tsl.StepPurpose},
		{"a certificate for both", with(seals), both, none, none, tsl.StepPurpose},

		// Qualified at all.
		{"the certificate does not say so", with(seals), plain, no, none, tsl.StepQualified},
		{"QCStatement says so", with(seals, qualified(true, anyone, "QCStatement")), plain, yes, yes, ""},
		{"QCStatement says so of others", with(seals, qualified(true, noone, "QCStatement")), plain, no, none, tsl.StepQualified},
		{"NotQualified overrules", with(seals, qualified(true, anyone, "NotQualified")), good, no, none, tsl.StepQualified},
		{"NotQualified and QCStatement", with(seals, qualified(true, anyone, "NotQualified", "QCStatement")), good, none, none, tsl.StepQualified},
		{"under the law of a third country", with(seals), third, no, none, tsl.StepQualified},
		{"under the law of a third country, QCStatement", with(seals, qualified(true, anyone, "QCStatement")), third, none, none, tsl.StepQualified},

		// Device.
		{"QCWithQSCD", with(seals, qualified(true, anyone, "QCWithQSCD")), noDevice, yes, yes, ""},
		{"QCNoQSCD", with(seals, qualified(true, anyone, "QCNoQSCD")), good, yes, no, ""},
		{"QCQSCDManagedOnBehalf", with(seals, qualified(true, anyone, "QCQSCDManagedOnBehalf")), noDevice, yes, yes, ""},
		{"QCQSCDStatusAsInCert", with(seals, qualified(true, anyone, "QCQSCDStatusAsInCert")), noDevice, yes, no, ""},
		{"QCWithQSCD and QCNoQSCD", with(seals, qualified(true, anyone, "QCWithQSCD", "QCNoQSCD")), good, yes, none, tsl.StepDevice},
		{"the device of the Directive", with(seals, qualified(true, anyone, "QCWithSSCD")), noDevice, yes, no, ""},

		// Not understood.
		{"a critical extension", with(seals, tsltest.Extension(true, `<u:New xmlns:u="urn:example:new"></u:New>`)), good, none, none, tsl.StepExtensions},
		{"an extension that is not critical", with(seals, tsltest.Extension(false, `<u:New xmlns:u="urn:example:new"></u:New>`)), good, yes, yes, ""},
		{"a critical extension without content", with(seals, `<Extension Critical="true"></Extension>`), good, none, none, tsl.StepExtensions},
		{"an extension that does not say", with(seals, `<Extension><u:New xmlns:u="urn:example:new"></u:New></Extension>`), good, none, none, tsl.StepExtensions},
		{"a critical purpose", with(seals, tsltest.Extension(true, `<AdditionalServiceInformation><URI xml:lang="en">urn:example:moon</URI></AdditionalServiceInformation>`)), good, none, none, tsl.StepExtensions},
		{"a critical qualifier", with(seals, qualified(true, anyone, "urn:example:moon")), good, none, none, tsl.StepExtensions},
		{"a qualifier that is not critical", with(seals, qualified(false, anyone, "urn:example:moon")), good, yes, yes, ""},
		{"a criterion, critical", with(seals, qualified(true, unclear, "NotQualified")), good, none, none, tsl.StepQualifiers},
		{"a criterion, not critical", with(seals, qualified(false, unclear, "QCWithQSCD")), good, none, none, tsl.StepQualifiers},
		{"a criterion that does not matter", with(seals, qualified(true, tsltest.Criteria("all", tsltest.Unknown(), noone), "NotQualified")), good, yes, yes, ""},

		// Several services.
		{"one for signatures, one for seals", append(with(tsltest.For("ForeSignatures")), with(seals)...), good, yes, yes, ""},
		{"one withdrawn, one granted", append(with(seals), tsltest.Service{Status: tsltest.Withdrawn, Since: years(3), Certificates: certs(ca), Extensions: []string{seals}}), good, yes, yes, ""},
		{"one says NotQualified", append(with(seals), with(seals, qualified(true, anyone, "NotQualified"))...), good, none, none, tsl.StepConflict},
		{"one is not understood", append(with(seals), with(seals, qualified(true, unclear, "NotQualified"))...), good, none, none, tsl.StepQualifiers},
		{"they differ on the device", append(with(seals), with(seals, qualified(true, anyone, "QCNoQSCD"))...), good, yes, none, tsl.StepConflict},
	} {
		t.Run(c.name, func(t *testing.T) {
			leaf := sealCertificate(t, ca, c.said, nil)
			d := u.lists(t, c.services...).Seal(certs(leaf), tsl.Times{Signature: now, Now: now})
			if d.Qualified != c.qualified || d.Device != c.device {
				t.Errorf("found %s, device %s, expected %s, %s", d.Qualified, d.Device, c.qualified, c.device)
			}
			if c.step != "" && !hasStep(d, c.step) {
				t.Errorf("no step %s without yes", c.step)
			}
			if d.Managed != (c.name == "QCQSCDManagedOnBehalf") {
				t.Errorf("managed: %t", d.Managed)
			}
			if (d.Reason() == "") != (c.qualified == yes) {
				t.Errorf("reason: %q", d.Reason())
			}
			if t.Failed() {
				explain(t, d)
			}
		})
	}
}

func hasStep(d tsl.Determination, name string) bool {
	for _, s := range d.Steps {
		if s.Name == name && s.Outcome != tsl.Positive {
			return true
		}
	}
	return false
}

func explain(t *testing.T, d tsl.Determination) {
	t.Helper()
	for _, s := range d.Steps {
		t.Logf("%d %-14s %-13s %s (%s) %s", s.Service, s.Name, s.Outcome, s.Found, s.Spec, s.At.Format(time.DateOnly))
	}
}

// TestSealChain: how a certificate leads to a service.
func TestSealChain(t *testing.T) {
	u, root := newUnion(t), authority(t, "TEST root")
	middle := mint(t, ecKey(t, elliptic.P256()), &root, func(c *x509.Certificate) {
		c.Subject, c.IsCA, c.KeyUsage = root.cert.Subject, true, x509.KeyUsageCertSign
		c.Subject.CommonName = "TEST middle"
	})
	renewed := mint(t, root.key, nil, func(c *x509.Certificate) {
		c.RawSubject, c.IsCA, c.KeyUsage = root.cert.RawSubject, true, x509.KeyUsageCertSign
	})
	renamed := mint(t, root.key, nil, func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.KeyUsage = "TEST other", true, x509.KeyUsageCertSign
	})
	leaf := sealCertificate(t, middle, sealStatements(), nil)
	stranger := sealCertificate(t, authority(t, "TEST middle"), sealStatements(), nil)
	self := mint(t, ecKey(t, elliptic.P256()), nil, func(c *x509.Certificate) { c.Subject.CommonName = "TEST self" })
	old := sealCertificate(t, root, sealStatements(), func(c *x509.Certificate) { c.NotBefore = time.Date(2016, 6, 30, 0, 0, 0, 0, time.UTC) })
	twisted := sealCertificate(t, root, sealStatements(), func(c *x509.Certificate) { c.ExtraExtensions[0].Value = []byte{0x30, 0x02, 0x30, 0x00} })
	above := mint(t, ecKey(t, elliptic.P256()), &root, func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.KeyUsage = "TEST", true, x509.KeyUsageCertSign
	})
	service := func(p pair) tsltest.Service {
		return tsltest.Service{Since: now.AddDate(-11, 0, 0), Certificates: certs(p), Extensions: []string{tsltest.For("ForeSeals")}}
	}
	for _, c := range []struct {
		name   string
		listed pair
		chain  []*x509.Certificate
		want   tsl.Outcome
		step   string
	}{
		{"the issuer, left out", middle, certs(leaf), tsl.Positive, ""},
		{"the issuer, in the chain", middle, certs(leaf, middle), tsl.Positive, ""},
		{"the root, left out", root, certs(leaf, middle), tsl.Positive, ""},
		{"the root, in the chain", root, certs(leaf, middle, root), tsl.Positive, ""},
		{"the root with another certificate of the same key", renewed, certs(leaf, middle, root), tsl.Positive, ""},
		{"the root, without the link between", root, certs(leaf), tsl.Negative, tsl.StepService},
		{"an authority of the same name", middle, certs(stranger), tsl.Negative, tsl.StepService},
		{"a chain that is not one", root, certs(stranger, middle), tsl.Indeterminate, tsl.StepChain},
		{"a chain with an authority of another name", root, certs(leaf, middle, renamed), tsl.Indeterminate, tsl.StepChain},
		{"no chain", root, nil, tsl.Indeterminate, tsl.StepChain},
		{"a listed certificate is not its own issuer", self, certs(self), tsl.Negative, tsl.StepService},
		{"the certificate itself listed", leaf, certs(leaf, middle), tsl.Negative, tsl.StepService},
		{"an authority's certificate", root, certs(above), tsl.Negative, tsl.StepCertificate},
		{"issued before the Regulation", root, certs(old), tsl.Negative, tsl.StepTimes},
		{"statements that cannot be read", root, certs(twisted), tsl.Indeterminate, tsl.StepCertificate},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := u.lists(t, service(c.listed)).Seal(c.chain, tsl.Times{Signature: now, Now: now})
			if d.Qualified != c.want || c.step != "" && !hasStep(d, c.step) {
				t.Errorf("found %s", d.Qualified)
				explain(t, d)
			}
			if c.want == tsl.Positive && (len(d.Services) != 1 || d.Services[0].Territory != "BE" || d.Services[0].Provider != "TEST provider") {
				t.Errorf("services: %+v", d.Services)
			}
		})
	}
}

// TestSealTimes moves the clock.
func TestSealTimes(t *testing.T) {
	u, ca := newUnion(t), authority(t, "TEST CA")
	leaf := sealCertificate(t, ca, sealStatements(), nil)
	seals := []string{tsltest.For("ForeSeals")}
	lists := u.lists(t, tsltest.Service{Status: tsltest.Withdrawn, Since: now.AddDate(0, -1, 0), Certificates: certs(ca), Extensions: seals,
		History: []tsltest.Service{{Since: years(3), Extensions: seals}}})
	long := u.listOfLists(u.pointer())
	long.NextUpdate = now.AddDate(0, 5, 0)
	be := national("BE")
	be.Providers = []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{{Since: years(3), Certificates: certs(ca), Extensions: seals}}}}
	short := u.verified(t, long, be) // Belgium's list ends after three months
	closed := be
	closed.Closed = true
	for _, c := range []struct {
		name           string
		lists          *tsl.Lists
		signature, now time.Time
		want           tsl.Outcome
		step           string
	}{
		{"stamped before the service was withdrawn", lists, now.AddDate(0, -2, 0), now, tsl.Positive, ""},
		{"stamped when it was withdrawn", lists, now.AddDate(0, -1, 0), now, tsl.Negative, tsl.StepStatus},
		{"stamped after", lists, now.AddDate(0, 0, -1), now, tsl.Negative, tsl.StepStatus},
		{"before the certificate was issued", lists, years(2), now, tsl.Indeterminate, tsl.StepTimes},
		{"in the future", lists, now.AddDate(0, 0, 1), now, tsl.Indeterminate, tsl.StepTimes},
		{"the list of lists has expired", lists, now.AddDate(0, -2, 0), now.AddDate(0, 4, 0), tsl.Indeterminate, tsl.StepListOfLists},
		{"the national list has expired", short, now, now.AddDate(0, 4, 0), tsl.Indeterminate, tsl.StepList},
		{"the national list is about to", short, now, now.Add(-time.Hour).AddDate(0, 3, 0).Add(-time.Second), tsl.Positive, ""},
		{"the national list expires now", short, now, now.Add(-time.Hour).AddDate(0, 3, 0), tsl.Indeterminate, tsl.StepList},
		{"the national list is closed", u.verified(t, long, closed), now, now, tsl.Indeterminate, tsl.StepList},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := c.lists.Seal(certs(leaf), tsl.Times{Signature: c.signature, Now: c.now})
			if d.Qualified != c.want || c.step != "" && !hasStep(d, c.step) {
				t.Errorf("found %s", d.Qualified)
				explain(t, d)
			}
		})
	}
}

// TestSealWithoutList: that nothing was found is a no only where the list of
// the issuer's country could be asked.
func TestSealWithoutList(t *testing.T) {
	u := newUnion(t)
	pointer := func(territory string) tsltest.Pointer {
		p := u.pointer()
		p.Territory = territory
		return p
	}
	lotl := u.listOfLists(u.pointer(), pointer("EL"), pointer("DK"))
	lotl.NextUpdate = now.AddDate(0, 5, 0)
	lists := u.verified(t, lotl, national("BE"))
	for _, c := range []struct {
		country string
		now     time.Time
		want    tsl.Outcome
		step    string
	}{
		{"BE", now, tsl.Negative, tsl.StepService},
		{"BE", now.AddDate(0, 4, 0), tsl.Indeterminate, tsl.StepList},
		{"DK", now, tsl.Indeterminate, tsl.StepList},
		{"GR", now, tsl.Indeterminate, tsl.StepList},
		{"GB", now, tsl.Negative, tsl.StepService},
		{"US", now, tsl.Negative, tsl.StepService},
		{"", now, tsl.Negative, tsl.StepService},
	} {
		ca := mint(t, ecKey(t, elliptic.P256()), nil, func(x *x509.Certificate) {
			x.Subject.CommonName, x.IsCA, x.KeyUsage = "TEST CA", true, x509.KeyUsageCertSign
			if c.country != "" {
				x.Subject.Country = []string{c.country}
			}
		})
		chain := certs(sealCertificate(t, ca, sealStatements(), nil), ca)
		times := tsl.Times{Signature: now, Now: c.now}
		for name, d := range map[string]tsl.Determination{"seal": lists.Seal(chain, times), "service": lists.Service(tsl.ServiceTimestamp, chain, times)} {
			if d.Qualified != c.want || !hasStep(d, c.step) {
				t.Errorf("%s of %q: %s", name, c.country, d.Qualified)
				explain(t, d)
			}
		}
	}
}

// TestService: time-stamps and attestations.
func TestService(t *testing.T) {
	u, ca := newUnion(t), authority(t, "TEST CA")
	unit := mint(t, ecKey(t, elliptic.P256()), &ca, func(c *x509.Certificate) { c.Subject.CommonName = "TEST TSU" })
	stamps := func(p pair, change func(*tsltest.Service)) tsltest.Service {
		s := tsltest.Service{Type: tsl.ServiceTimestamp, Since: years(3), Certificates: certs(p)}
		if change != nil {
			change(&s)
		}
		return s
	}
	for _, c := range []struct {
		name    string
		kind    string
		service tsltest.Service
		at      time.Time
		want    tsl.Outcome
	}{
		{"the unit listed", tsl.ServiceTimestamp, stamps(unit, nil), now, tsl.Positive},
		{"its authority listed", tsl.ServiceTimestamp, stamps(ca, nil), now, tsl.Positive},
		{"another type", tsl.ServiceAttestation, stamps(unit, nil), now, tsl.Negative},
		{"attestations", tsl.ServiceAttestation, stamps(unit, func(s *tsltest.Service) { s.Type = tsl.ServiceAttestation }), now, tsl.Positive},
		{"withdrawn", tsl.ServiceTimestamp, stamps(unit, func(s *tsltest.Service) { s.Status = tsltest.Withdrawn }), now, tsl.Negative},
		{"withdrawn later", tsl.ServiceTimestamp, stamps(unit, func(s *tsltest.Service) {
			s.Status, s.Since = tsltest.Withdrawn, now.AddDate(0, -1, 0)
			s.History = []tsltest.Service{{Type: tsl.ServiceTimestamp, Since: years(3)}}
		}), now.AddDate(0, -2, 0), tsl.Positive},
		{"of that type later", tsl.ServiceTimestamp, stamps(unit, func(s *tsltest.Service) {
			s.Since = now.AddDate(0, -1, 0)
			s.History = []tsltest.Service{{Type: "http://uri.etsi.org/TrstSvc/Svctype/TSA", Since: years(3)}}
		}), now.AddDate(0, -2, 0), tsl.Negative},
		{"critical and not understood", tsl.ServiceTimestamp, stamps(unit, func(s *tsltest.Service) {
			s.Extensions = []string{tsltest.Extension(true, `<u:New xmlns:u="urn:example:new"></u:New>`)}
		}), now, tsl.Indeterminate},
		{"another unit listed", tsl.ServiceTimestamp, stamps(mint(t, ecKey(t, elliptic.P256()), &ca, func(c *x509.Certificate) { c.Subject.CommonName = "TEST TSU" }), nil), now, tsl.Negative},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := u.lists(t, c.service).Service(c.kind, certs(unit, ca), tsl.Times{Signature: c.at, Now: now})
			if d.Qualified != c.want {
				t.Errorf("found %s", d.Qualified)
				explain(t, d)
			}
		})
	}
}

// TestAnchors: only what is or was granted, with the times, from a list that is
// fresh.
func TestAnchors(t *testing.T) {
	u := newUnion(t)
	a, b, c := authority(t, "TEST A"), authority(t, "TEST B"), authority(t, "TEST C")
	l := u.lists(t,
		tsltest.Service{Since: years(3), Certificates: certs(a)},
		tsltest.Service{Since: years(3), Status: tsltest.Withdrawn, Certificates: certs(b)},
		tsltest.Service{Since: years(3), Type: tsl.ServiceTimestamp, Certificates: certs(c)},
		tsltest.Service{Since: years(3), Certificates: certs(c), History: []tsltest.Service{{Since: years(2)}}},
		tsltest.Service{Since: years(3), Certificates: certs(b), Extensions: []string{tsltest.Extension(true, `<u:New xmlns:u="urn:example:new"></u:New>`)}},
	)
	if got := l.Anchors(tsl.ServiceCA, now); len(got) != 1 || !got[0].Certificate.Equal(a.cert) || !slices.Equal(got[0].Granted, []trust.Period{{From: years(3)}}) {
		t.Errorf("found %d anchors: %v", len(got), got)
	}
	// Each state ends where the next begins; of two that begin together the first
	// counts.
	l2 := u.lists(t, tsltest.Service{Since: years(1), Certificates: certs(a), History: []tsltest.Service{{Status: tsltest.Withdrawn, Since: years(2)}, {Since: years(2)}, {Since: years(4)}}})
	want := []trust.Period{{From: years(1)}, {From: years(4), Until: years(2)}}
	if got := l2.Anchors(tsl.ServiceCA, now); len(got) != 1 || !slices.Equal(got[0].Granted, want) {
		t.Errorf("found %v, expected %v", got, want)
	}
	be, lotl := national("BE"), u.listOfLists(u.pointer())
	be.Providers = []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{{Since: years(3), Certificates: certs(a)}}}}
	later := now.AddDate(0, 4, 0)
	for name, long := range map[string]*tsltest.List{"national list": &lotl, "list of lists": &be} {
		before := long.NextUpdate
		long.NextUpdate = now.AddDate(0, 5, 0)
		if got := u.verified(t, lotl, be).Anchors(tsl.ServiceCA, later); len(got) != 0 {
			t.Errorf("under an expired %s something is anchored", name)
		}
		long.NextUpdate = before
	}
	if !strings.Contains(strings.Join(l.Territories(), " "), "BE") || l.National("BE") == nil || l.National("DK") != nil {
		t.Error("territories are wrong")
	}
}

// TestSealRemembers: what a set of lists remembers of a chain changes no answer,
// whatever was asked before.
func TestSealRemembers(t *testing.T) {
	u, ca := newUnion(t), authority(t, "TEST CA")
	extensions := []string{tsltest.For("ForeSeals")}
	service := tsltest.Service{Status: tsltest.Withdrawn, Since: now.AddDate(0, -1, 0), Certificates: certs(ca), Extensions: extensions, History: []tsltest.Service{
		{Since: now.AddDate(0, -2, 0), Extensions: extensions}, {Status: tsltest.Withdrawn, Since: now.AddDate(0, -3, 0), Extensions: extensions}, {Since: years(4), Extensions: extensions},
	}}
	be := national("BE")
	be.Providers = []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{service}}}
	lotl := u.listOfLists(u.pointer())
	lists := u.verified(t, lotl, be)
	leaf := sealCertificate(t, ca, sealStatements(), func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, -6, 0) })
	stranger := authority(t, "TEST CA")
	times := []time.Time{now, now.AddDate(0, -1, -1), now.AddDate(0, -2, -1), now.AddDate(0, -4, 0), now.AddDate(0, -1, 0), now.AddDate(0, -1, 0).Add(-time.Second), leaf.cert.NotBefore, now.AddDate(-2, 0, 0), now.Add(time.Hour)}
	found := map[tsl.Outcome]bool{}
	for range 2 {
		for _, asked := range []time.Time{now, now.AddDate(1, 0, 0)} { // the lists have expired then
			for _, at := range times {
				for _, chain := range [][]*x509.Certificate{certs(leaf), certs(leaf, ca), certs(leaf, stranger)} {
					when := tsl.Times{Signature: at, Now: asked}
					if got, want := lists.Service(tsl.ServiceTimestamp, chain, when), u.verified(t, lotl, be).Service(tsl.ServiceTimestamp, chain, when); !reflect.DeepEqual(got, want) {
						t.Fatalf("a service asked %s at %s\nfound    %+v\nexpected %+v", asked, at, got, want)
					}
					got, want := lists.Seal(chain, when), u.verified(t, lotl, be).Seal(chain, when)
					if !reflect.DeepEqual(got, want) {
						t.Fatalf("asked %s at %s\nfound    %+v\nexpected %+v", at, asked, got, want)
					}
					found[got.Qualified] = true
				}
			}
		}
	}
	if len(found) != 3 {
		t.Errorf("outcomes %v", found)
	}
}

// TestStanding: an answer says which list of lists was asked, and what each service
// was at the time of the signature, with the qualifiers that apply.
func TestStanding(t *testing.T) {
	u, ca := newUnion(t), authority(t, "TEST CA")
	end := now.AddDate(0, -1, 0)
	extensions := []string{tsltest.For("ForeSeals"), tsltest.Qualified(true, anyone, "QCWithQSCD"), tsltest.Qualified(true, noone, "QCNoQSCD")}
	lists := u.lists(t, tsltest.Service{Status: tsltest.Withdrawn, Since: end, Certificates: certs(ca), Extensions: extensions, History: []tsltest.Service{{Since: end.AddDate(0, -2, 0), Extensions: extensions}}})
	leaf := sealCertificate(t, ca, sealStatements(), func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, -6, 0) })
	for _, c := range []struct {
		at   time.Time
		want tsl.Standing
	}{
		{now, tsl.Standing{Status: "withdrawn", Since: end, Qualifiers: []string{"QCWithQSCD"}}},
		{end.Add(-time.Second), tsl.Standing{Status: "granted", Since: end.AddDate(0, -2, 0), Qualifiers: []string{"QCWithQSCD"}}},
		{end.AddDate(0, -3, 0), tsl.Standing{}},
	} {
		d := lists.Seal(certs(leaf), tsl.Times{Signature: c.at, Now: now})
		if len(d.Then) != 1 || !reflect.DeepEqual(d.Then[0], c.want) || d.ListOfLists.Sequence != 1 || !d.ListOfLists.Issued.Equal(now.Add(-time.Hour)) || d.Services[0].Status != tsl.StatusWithdrawn {
			t.Errorf("at %s: %+v of %+v", c.at, d.Then, d.ListOfLists)
		}
	}
}

// TestSealConcurrent: many ask the same.
func TestSealConcurrent(t *testing.T) {
	u, ca := newUnion(t), authority(t, "TEST CA")
	be := national("BE")
	be.Providers = []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{{Since: years(2), Certificates: certs(ca), Extensions: []string{tsltest.For("ForeSeals")}}}}}
	lists := u.verified(t, u.listOfLists(u.pointer()), be)
	leaf := sealCertificate(t, ca, sealStatements(), nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				if d := lists.Seal(certs(leaf), tsl.Times{Signature: now.Add(-time.Duration(i*j) * time.Second), Now: now}); d.Qualified != tsl.Positive || len(d.Services) != 1 {
					t.Error(d.Reason())
				}
			}
		})
	}
	wg.Wait()
}
