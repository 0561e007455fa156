package seal_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// union signs trusted lists.
type union struct{ lotl, be devca.Pair }

func newUnion(t testing.TB) union {
	signer := func(territory string) devca.Pair {
		c := leaf()
		c.Subject = pkix.Name{Country: []string{territory}, CommonName: "TEST list signer " + territory}
		c.ExtraExtensions, c.KeyUsage = nil, x509.KeyUsageDigitalSignature
		c.NotBefore, c.NotAfter = now.Add(-year), now.Add(9*year)
		return mint(t, c, nil)
	}
	return union{signer("EU"), signer("BE")}
}

// lists has a list of the territories; the services are those of Belgium. They
// are made at a time and good for months of it.
func (u union) lists(t testing.TB, at time.Time, territory string, services ...tsltest.Service) *tsl.Lists {
	t.Helper()
	verified := func(l tsltest.List, by devca.Pair) *tsl.List {
		l.Issued = at
		out, err := tsl.Verify(tsltest.Sign(t, l.XML(), tsltest.Signature{Certificate: by.Certificate, Key: by.Key, At: at}), []*x509.Certificate{by.Certificate}, at)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	pointer := func(territory string) tsltest.Pointer {
		return tsltest.Pointer{Location: "https://lists.example/" + territory, Type: tsltest.TypeNational, Territory: territory, Signers: []*x509.Certificate{u.be.Certificate}}
	}
	lotl := verified(tsltest.List{Type: tsltest.TypeListOfLists, Territory: "EU", Pointers: []tsltest.Pointer{pointer("BE"), pointer("DK")}}, u.lotl)
	national := verified(tsltest.List{Type: tsltest.TypeNational, Territory: territory, Providers: []tsltest.Provider{{Name: "TEST provider", Services: services}}}, u.be)
	out, err := tsl.NewLists(lotl, national)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// forSeals is a service that issues qualified certificates for seals.
func forSeals(c *x509.Certificate, since time.Time, history ...tsltest.Service) tsltest.Service {
	for i := range history {
		history[i].Extensions = []string{tsltest.For("ForeSeals")}
	}
	return tsltest.Service{Since: since, Certificates: []*x509.Certificate{c}, Extensions: []string{tsltest.For("ForeSeals")}, History: history}
}

func takenAway(s tsltest.Service) tsltest.Service {
	s.Status = tsltest.Withdrawn
	return s
}

// TestListedSeal is the table of what a seal of the development hierarchy, whose
// key says of itself that it is in a device, is worth under which lists.
func TestListedSeal(t *testing.T) {
	h, u := newHierarchy(t), newUnion(t)
	ca := h.SealCA.Certificate
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	long, later := now.Add(-9*year), now.Add(time.Hour)
	empty, err := tsl.NewSource(t.Context(), tsl.Config{Location: "https://lists.example/lotl", Signers: []*x509.Certificate{u.lotl.Certificate}, Fetcher: nothing{}})
	if err != nil {
		t.Fatal(err)
	}
	noDevice := forSeals(ca, long)
	noDevice.Extensions = append(noDevice.Extensions, tsltest.Qualified(true, tsltest.Criteria("all", tsltest.KeyUsage("nonRepudiation", true)), "QCNoQSCD"))
	unsure := forSeals(ca, long)
	unsure.Extensions = append(unsure.Extensions, tsltest.Qualified(true, tsltest.Criteria("all", tsltest.Unknown()), "QCWithQSCD"))
	signatures := forSeals(ca, long)
	signatures.Extensions = []string{tsltest.For("ForeSignatures")}
	for _, c := range []struct {
		name  string
		lists seal.TrustedLists
		want  seal.Qualification
		step  string // that says why not
	}{
		{"listed", u.lists(t, now, "BE", forSeals(ca, long)), seal.QESeal, ""},
		{"listed without a device", u.lists(t, now, "BE", noDevice), seal.AdESealQC, tsl.StepDevice},
		{"for signatures", u.lists(t, now, "BE", signatures), seal.AdESeal, tsl.StepPurpose},
		{"a qualifier that is not understood", u.lists(t, now, "BE", unsure), seal.NotApplicable, tsl.StepQualifiers},
		{"not listed", u.lists(t, now, "BE"), seal.AdESeal, tsl.StepService},
		{"not yet granted", u.lists(t, now, "BE", forSeals(ca, later.Add(time.Second))), seal.AdESeal, tsl.StepStatus},
		{"granted after issuance", u.lists(t, now, "BE", forSeals(ca, now.Add(time.Minute))), seal.AdESeal, tsl.StepStatus},
		{"withdrawn", u.lists(t, now, "BE", takenAway(forSeals(ca, later, forSeals(ca, long)))), seal.AdESeal, tsl.StepStatus},
		{"withdrawn a moment later", u.lists(t, now, "BE", takenAway(forSeals(ca, later.Add(time.Second), forSeals(ca, long)))), seal.QESeal, ""},
		{"granted again", u.lists(t, now, "BE", forSeals(ca, now.Add(2*time.Minute), takenAway(forSeals(ca, now.Add(time.Minute))), forSeals(ca, long))), seal.QESeal, ""},
		{"the list has expired", u.lists(t, now.AddDate(0, -4, 0), "BE", forSeals(ca, long)), seal.NotApplicable, tsl.StepListOfLists},
		{"the list of the country is not here", u.lists(t, now, "DK"), seal.NotApplicable, tsl.StepList},
		{"no list yet", empty, seal.NotApplicable, tsl.StepListOfLists},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newValidator(t, h, now)
			v.Lists = c.lists
			got := validate(t, v, compact, later)
			if got.Err() != nil || got.Qualification != c.want || got.Listed == nil {
				t.Errorf("found %s %s, expected %s\n%s", got.Indication, got.Qualification, c.want, got.Checks)
			}
			skipped := slices.ContainsFunc(got.Checks, func(k credential.Check) bool {
				return k.Name == seal.CheckListed+c.step && k.Outcome == credential.Skipped
			})
			if skipped != (c.step != "") {
				t.Errorf("step %q does not say why\n%s", c.step, got.Checks)
			}
			worth := slices.ContainsFunc(got.Checks, func(k credential.Check) bool {
				return k.Name == seal.CheckQualified && k.Outcome == credential.Passed && strings.HasPrefix(k.Detail, string(c.want))
			})
			if worth != (c.want != seal.NotApplicable) {
				t.Errorf("the check of the qualification says something else\n%s", got.Checks)
			}
		})
	}
}

// What does not hold is not looked up, and lists do not mend what a seal lacks.
func TestListedSealThatFails(t *testing.T) {
	h, u := newHierarchy(t), newUnion(t)
	ca := mint(t, authority("CA"), nil)
	person := leaf()
	person.Subject.ExtraNames = nil
	lists := u.lists(t, now, "BE", forSeals(ca.Certificate, now.Add(-9*year)), forSeals(h.SealCA.Certificate, now.Add(-9*year)))
	good, natural := mint(t, leaf(), &ca), mint(t, person, &ca)
	unlevelled := header(good.Certificate)
	delete(unlevelled, "iat")
	for name, compact := range map[string]string{
		"broken":                        sign(t, natural.Key, header(good.Certificate), `{}`),
		"not a baseline seal":           sign(t, good.Key, unlevelled, `{}`),
		"of a person without a number":  sign(t, natural.Key, header(natural.Certificate), `{}`),
		"of an authority nobody trusts": sign(t, h.Seal.Key, header(h.Seal.Certificate), `{}`),
	} {
		v := &seal.Validator{Trust: storeOf(t, ca.Certificate), InsecureAcceptUnknownRevocation: true, SkipProviderList: true, Lists: lists}
		if got := validate(t, v, compact, now); got.Qualification != seal.NotApplicable || got.Listed != nil {
			t.Errorf("%s: found %s\n%s", name, got.Qualification, got.Checks)
		}
	}
}

// A seal whose authority only the list makes an anchor. What a time-stamp of a
// listed unit proves to be older than the withdrawal of the service stays a
// qualified seal; what nothing proves leads nowhere.
func TestListedSealOverTime(t *testing.T) {
	a, u := newArchive(t), newUnion(t)
	end := now.Add(24 * time.Hour)
	service := takenAway(forSeals(a.ca.Certificate, end, forSeals(a.ca.Certificate, now.Add(-9*year))))
	service.History[0].Extensions = append(service.History[0].Extensions, tsltest.Qualified(true, tsltest.Criteria("all", tsltest.KeyUsage("nonRepudiation", true)), "QCWithQSCD"))
	unit := tsltest.Service{Type: tsl.ServiceTimestamp, Since: now.Add(-9 * year), Certificates: []*x509.Certificate{a.tsas[0].Chain[0]}}
	for _, c := range []struct {
		name  string
		level seal.Level
		at    time.Time
		sub   seal.SubIndication
		want  seal.Qualification
	}{
		{"before", seal.BaselineB, end.Add(-time.Minute), "", seal.QESeal},
		{"after", seal.BaselineB, end, seal.NoCertificateChainNoPOE, seal.NotApplicable},
		{"before, stamped", seal.BaselineT, end.Add(-time.Minute), "", seal.QESeal},
		{"after, stamped", seal.BaselineT, end.Add(24 * time.Hour), "", seal.QESeal},
		{"after, archived", seal.BaselineLTA, end.Add(24 * time.Hour), "", seal.QESeal},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := a.validator(c.at.Add(-time.Hour))
			lists := u.lists(t, c.at.Add(-time.Hour), "BE", service, unit)
			store, err := trust.NewStore(nil, 0)
			a.check(err)
			_, err = store.InstallListed(map[trust.Use][]trust.Listed{trust.UseSeal: lists.Anchors(tsl.ServiceCA, c.at), trust.UseTimeStamp: lists.Anchors(tsl.ServiceTimestamp, c.at)})
			a.check(err)
			v.Trust, v.Lists = store, lists
			got := judge(t, v, a.made(c.level), c.at)
			if got.SubIndication != c.sub || got.Qualification != c.want || c.sub == "" && (got.Err() != nil || got.Level != c.level) {
				t.Errorf("found %s %s %s %s, expected %s %s\n%s", got.Indication, got.SubIndication, got.Qualification, got.Level, c.sub, c.want, got.Checks)
			}
		})
	}
}

// nothing has no documents.
type nothing struct{}

func (nothing) Fetch(context.Context, string, string) ([]byte, time.Duration, error) {
	return nil, 0, errors.New("down")
}
