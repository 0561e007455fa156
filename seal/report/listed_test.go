package report_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// union makes trusted lists that one key signs: a list of lists with number 41, and
// number 57 of Belgium with the services.
func union(t testing.TB, at time.Time, services ...tsltest.Service) *tsl.Lists {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST list signer", Country: []string{"EU"}},
		NotBefore: at.AddDate(-1, 0, 0), NotAfter: at.AddDate(2, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	verified := func(l tsltest.List) *tsl.List {
		l.Issued = at
		out, err := tsl.Verify(tsltest.Sign(t, l.XML(), tsltest.Signature{Certificate: signer, Key: key, At: at}), []*x509.Certificate{signer}, at)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	lotl := verified(tsltest.List{Type: tsltest.TypeListOfLists, Territory: "EU", Sequence: 41, Pointers: []tsltest.Pointer{
		{Location: "https://lists.example/be", Type: tsltest.TypeNational, Territory: "BE", Signers: []*x509.Certificate{signer}},
	}})
	out, err := tsl.NewLists(lotl, verified(tsltest.List{Type: tsltest.TypeNational, Territory: "BE", Sequence: 57, Providers: []tsltest.Provider{{Name: "TEST provider", Services: services}}}))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The report tells which list decided, which service of it with which status at
// the time that counts and which qualifiers, and that the anchors come from it.
func TestTrustedLists(t *testing.T) {
	certificate := func(name string) *x509.Certificate {
		certs, err := trust.ParsePEM(testvectors.File(t, "jades-golden", name))
		if err != nil {
			t.Fatal(err)
		}
		return certs[0]
	}
	ca, tsa := certificate("sealca.pem"), certificate("tsaca.pem")
	issued := goldenTime.Add(-time.Minute)
	long, stamped := goldenTime.AddDate(-3, 0, 0), time.Date(2026, 11, 23, 13, 16, 27, 0, time.UTC)
	withDevice := tsltest.Qualified(true, tsltest.Criteria("all", tsltest.KeyUsage("nonRepudiation", true)), "QCWithQSCD")
	granted := tsltest.Service{Since: long, Certificates: []*x509.Certificate{ca}, Extensions: []string{tsltest.For("ForeSeals"), withDevice}}
	taken := tsltest.Service{Since: stamped.Add(time.Minute), Status: tsltest.Withdrawn, Certificates: []*x509.Certificate{ca}, Extensions: granted.Extensions[:1], History: []tsltest.Service{granted}}
	stamps := tsltest.Service{Type: tsl.ServiceTimestamp, Since: long, Certificates: []*x509.Certificate{tsa}}
	v := func(services ...tsltest.Service) *seal.Validator {
		v := validator(t)
		lists := union(t, issued, append(services, stamps)...)
		store, err := trust.NewStore(nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.InstallListed(map[trust.Use][]trust.Listed{trust.UseSeal: lists.Anchors(tsl.ServiceCA, goldenTime), trust.UseTimeStamp: lists.Anchors(tsl.ServiceTimestamp, goldenTime)}); err != nil {
			t.Fatal(err)
		}
		v.Trust, v.Lists = store, lists
		return v
	}

	r := judge(t, v(granted), []byte(vector(t, "vc-blta.flat.json")))
	l := r.TrustedLists
	if !r.Accepted || r.Qualification != seal.QESeal || r.Level != seal.BaselineLTA || l == nil || l.Qualified != "yes" || l.Device != "yes" || l.Reason != "" || len(l.Services) != 1 {
		t.Fatalf("%s %s %+v\n%s", r.Indication, r.Qualification, l, r.Checks)
	}
	s := l.Services[0]
	if s.Territory != "BE" || s.Operator != "TEST provider" || s.Name == "" || s.Type != "CA/QC" || s.Status != "granted" || !s.Since.Equal(long) || s.StatusNow != "" ||
		!slices.Equal(s.Qualifiers, []string{"QCWithQSCD"}) || s.ListSequence != 57 || !s.ListIssued.Equal(issued) || !s.NextUpdate.After(goldenTime) || s.SHA256 != r.Chain[1].SHA256 {
		t.Errorf("service %+v", s)
	}
	if b := r.Basis; len(b.Anchors) != 0 || !b.TrustedListsFollowed || len(b.Lists) != 2 ||
		b.Lists[0].Kind != report.ListOfLists || b.Lists[0].Sequence != 41 || b.Lists[1].Kind != report.TrustedList || b.Lists[1].Territory != "BE" || b.Lists[1].Sequence != 57 || !b.Lists[1].NextUpdate.Equal(s.NextUpdate) {
		t.Errorf("held against %+v", b)
	}
	if a := r.Chain[1]; !a.Anchor || !a.Listed || r.Chain[0].Listed || !r.TimeStamps[0].Chain[1].Listed {
		t.Errorf("chain %+v", r.Chain)
	}
	text := plain(t, r)
	for _, want := range []string{"QESeal: a qualified electronic seal", "TEST provider, BE: CA/QC, granted since 2023-11-23, QCWithQSCD; list 57 of 2026-11-23", "list-of-lists, number 41", "trusted-list of BE, number 57"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text does not say %q\n%s", want, text)
		}
	}

	// Withdrawn since the time-stamp: what counts is the time that is proven.
	r = judge(t, v(taken), []byte(vector(t, "vc-blta.flat.json")))
	if s = r.TrustedLists.Services[0]; r.Qualification != seal.QESeal || s.Status != "granted" || s.StatusNow != "withdrawn" || !s.SinceNow.Equal(stamped.Add(time.Minute)) || len(s.Qualifiers) != 1 {
		t.Errorf("withdrawn later: %s %+v", r.Qualification, s)
	}
	if text := plain(t, r); !strings.Contains(text, "granted since 2023-11-23 (today: withdrawn since 2026-11-23)") {
		t.Errorf("the text does not tell both states\n%s", text)
	}
	// Not proven to be older: nothing anchors it, and the lists are not asked.
	r = judge(t, v(taken), []byte(vector(t, "vc.compact")))
	if r.SubIndication != seal.NoCertificateChainNoPOE || r.TrustedLists != nil || !r.Basis.TrustedListsFollowed || len(r.Basis.Lists) != 0 {
		t.Errorf("%s %+v", r.SubIndication, r.Basis)
	}
	// Anchored otherwise it holds, and the lists say why it is not qualified. Its
	// qualifiers are those of that time: none.
	other := v(taken)
	other.Trust = validator(t).Trust
	r = judge(t, other, []byte(vector(t, "vc.compact")))
	if l = r.TrustedLists; r.Qualification != seal.AdESeal || l == nil || l.Qualified != "no" || !strings.HasPrefix(l.Reason, "status: ") || l.Services[0].Status != "withdrawn" || l.Services[0].StatusNow != "" || len(l.Services[0].Qualifiers) != 0 {
		t.Errorf("%s %+v\n%s", r.Qualification, l, r.Checks)
	}
	// Lists that have run out are named as what they are.
	expired := validator(t)
	expired.Lists = union(t, goldenTime.AddDate(-1, 0, 0), granted)
	r = judge(t, expired, []byte(vector(t, "vc.compact")))
	if l = r.TrustedLists; r.Qualification != seal.NotApplicable || l.Qualified != "indeterminate" || len(l.Services) != 0 || len(r.Basis.Lists) != 1 || !r.Basis.Lists[0].NextUpdate.Before(goldenTime) {
		t.Errorf("%s %+v %+v", r.Qualification, l, r.Basis.Lists)
	}
}
