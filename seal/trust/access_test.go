package trust_test

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

func identity(certs ...*x509.Certificate) trust.Identity {
	var id trust.Identity
	for _, c := range certs {
		id.Certificates = append(id.Certificates, trust.ListedCertificate{Value: base64.StdEncoding.EncodeToString(c.Raw)})
	}
	return id
}

// accessDocument is a list of one provider of access certificates with one
// authority.
func accessDocument(cas ...*x509.Certificate) *trust.Document {
	text := func(s string) []trust.Text { return []trust.Text{{Lang: "en", Value: s}} }
	uri := func(s string) []trust.URI { return []trust.URI{{Lang: "en", Value: s}} }
	return &trust.Document{LoTE: trust.LoTE{
		Scheme: trust.Scheme{
			Version: 1, Sequence: 1, Type: trust.AccessListType, OperatorName: text("List operator (TEST)"), StatusApproach: trust.AccessStatusApproach,
			Rules: uri(trust.AccessSchemeRules), Territory: trust.AccessTerritory,
			Issued: trust.Instant{Time: now}, NextUpdate: trust.Instant{Time: now.AddDate(0, 3, 0)},
		},
		Entities: []trust.TrustedEntity{{
			Information: trust.EntityInformation{
				Name: text("Access provider (TEST)"), InformationURI: append(uri("https://example.org/access"), uri(trust.AccessRole+"BE")...),
				Address: trust.EntityAddress{Postal: []trust.PostalAddress{{Lang: "en", Street: "Teststraat 1", Country: "BE"}}, Electronic: uri("https://example.org/access")},
			},
			Services: []trust.EntityService{{Information: trust.ServiceInformation{Name: text("Access certificates"), Type: trust.AccessIssuance, Identity: identity(cas...)}}},
		}},
	}}
}

func listSigner(t testing.TB, at time.Time) *seal.Sealer {
	t.Helper()
	h := newHierarchy(t)
	s, err := seal.NewSealer(h.ListSigner.Key, certs(pair{cert: h.ListSigner.Certificate}), seal.Options{Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// forced signs whatever it is.
func forced(t testing.TB, d *trust.Document, at time.Time) string {
	t.Helper()
	b, err := jose.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := listSigner(t, at).SignCompact("JOSE", at, b)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// listStore trusts the list signer of the hierarchy, and nobody else.
func listStore(t testing.TB) *trust.Store {
	t.Helper()
	return storeOf(t, trust.UseListSigner, newHierarchy(t).ListSigner.Certificate)
}

func verifyAndInstall(t testing.TB, s *trust.Store, compact string, p trust.Profile, at time.Time) *trust.List {
	t.Helper()
	l, err := s.Verify(compact, p, at)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Install(l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAccessRules(t *testing.T) {
	ca := mint(t, long(authority("Access CA")), nil)
	receiver := mint(t, long(leaf("Receiver")), &ca)
	if err := accessDocument(ca.cert).Check(trust.AccessProviders, now); err != nil {
		t.Fatal(err)
	}
	entity := func(d *trust.Document) *trust.TrustedEntity { return &d.LoTE.Entities[0] }
	service := func(d *trust.Document) *trust.EntityService { return &entity(d).Services[0] }
	months := func(n int) *int { return &n }
	for name, tc := range map[string]struct {
		bend func(*trust.Document)
		says string
	}{
		"type":                  {func(d *trust.Document) { d.LoTE.Scheme.Type = trust.PubEAAListType }, "LoTEType"},
		"status approach":       {func(d *trust.Document) { d.LoTE.Scheme.StatusApproach = trust.PubEAAStatusApproach }, "StatusDeterminationApproach"},
		"rules":                 {func(d *trust.Document) { d.LoTE.Scheme.Rules[0].Value = trust.PubEAASchemeRules }, "SchemeTypeCommunityRules"},
		"territory":             {func(d *trust.Document) { d.LoTE.Scheme.Territory = "BE" }, "SchemeTerritory"},
		"history":               {func(d *trust.Document) { d.LoTE.Scheme.History = months(65535) }, "HistoricalInformationPeriod"},
		"update after 6 months": {func(d *trust.Document) { d.LoTE.Scheme.NextUpdate.Time = now.AddDate(0, 6, 0).Add(time.Second) }, "NextUpdate"},
		"no responsible state": {func(d *trust.Document) {
			entity(d).Information.InformationURI = entity(d).Information.InformationURI[:1]
		}, "TEInformationURI"},
		"state in small letters": {func(d *trust.Document) { entity(d).Information.InformationURI[1].Value = trust.AccessRole + "be" }, "TEInformationURI"},
		"two responsible states": {func(d *trust.Document) {
			entity(d).Information.InformationURI = append(entity(d).Information.InformationURI, trust.URI{Lang: "en", Value: trust.AccessRole + "NL"})
		}, "TEInformationURI"},
		"another service": {func(d *trust.Document) { service(d).Information.Type = trust.Issuance }, "ServiceTypeIdentifier"},
		"no service type": {func(d *trust.Document) { service(d).Information.Type = "" }, "ServiceTypeIdentifier"},
		"a status":        {func(d *trust.Document) { service(d).Information.Status = trust.StatusNotified }, "ServiceStatus"},
		"a starting time": {func(d *trust.Document) { service(d).Information.StatusSince = &trust.Instant{Time: now} }, "StatusStartingTime"},
		"former states": {func(d *trust.Document) {
			service(d).History = []trust.ServiceHistory{{Name: service(d).Information.Name}}
		}, "ServiceHistory"},
		"an end entity":  {func(d *trust.Document) { service(d).Information.Identity = identity(receiver.cert) }, "certification authority"},
		"no certificate": {func(d *trust.Document) { service(d).Information.Identity = trust.Identity{} }, "X509Certificates"},
		"key identifier only": {func(d *trust.Document) {
			service(d).Information.Identity = trust.Identity{KeyIdentifiers: []string{"AAAA"}}
		}, "X509Certificates"},
	} {
		d := accessDocument(ca.cert)
		tc.bend(d)
		if err := d.Check(trust.AccessProviders, now); !errors.Is(err, trust.ErrList) || !strings.Contains(err.Error(), tc.says) || !strings.Contains(err.Error(), "ETSI TS 119 602, ") {
			t.Errorf("%s: found %v, expected %q", name, err, tc.says)
		}
		if _, err := d.SignAs(trust.AccessProviders, listSigner(t, now), now); err == nil {
			t.Errorf("%s: was signed", name)
		}
		if l, err := listStore(t).Verify(forced(t, d, now), trust.AccessProviders, now); err == nil || l != nil {
			t.Errorf("%s: was accepted", name)
		}
	}
	// A revocation service may be signed by an end entity, pointers are allowed, and
	// a national list is held against a copy of the profile.
	d := accessDocument(ca.cert)
	d.LoTE.Scheme.Pointers = append(d.LoTE.Scheme.Pointers, []byte(`{}`))
	revocation := *service(d)
	revocation.Information.Type, revocation.Information.Identity = trust.AccessRevocation, identity(receiver.cert)
	entity(d).Services = append(entity(d).Services, revocation)
	d.LoTE.Scheme.Territory = "BE"
	national := trust.AccessProviders
	national.Territory = ""
	if err := d.Check(national, now); err != nil {
		t.Error(err)
	}
	d.LoTE.Scheme.Territory = "Belgium"
	if err := d.Check(national, now); err == nil {
		t.Error("any word is a territory")
	}
}

// Every fault is told, of a long list the first ones and how many more.
func TestAllFaults(t *testing.T) {
	d := accessDocument()
	for range 99 {
		d.LoTE.Entities = append(d.LoTE.Entities, d.LoTE.Entities[0])
	}
	err := fmt.Sprint(d.Check(trust.AccessProviders, now))
	for _, says := range []string{"TrustedEntitiesList[0]: service 0: X509Certificates is missing", "TrustedEntitiesList[49]", "50 more faults"} {
		if !strings.Contains(err, says) {
			t.Errorf("%q is not told", says)
		}
	}
	if strings.Contains(err, "TrustedEntitiesList[50]") {
		t.Error("more than the first are told")
	}
}

// A list of one kind anchors nothing of another, whatever stands in both stores.
func TestAccessAnchors(t *testing.T) {
	h := newHierarchy(t)
	sealPath, access := certs(pair{cert: h.Seal.Certificate}), certs(pair{cert: h.Metadata.Certificate})
	uses := func(s *trust.Store, chain []*x509.Certificate) (good []trust.Use) {
		for use := trust.UseSeal; use <= trust.UseTimeStamp; use++ {
			if _, err := s.Certificates(chain, use, now); err == nil {
				good = append(good, use)
			}
		}
		return good
	}
	expect := func(name string, found []trust.Use, want ...trust.Use) {
		t.Helper()
		if fmt.Sprint(found) != fmt.Sprint(want) {
			t.Errorf("%s: trusted for %v, expected %v", name, found, want)
		}
	}
	compact, err := accessDocument(h.AccessCA.Certificate).Sign(listSigner(t, now), now)
	if err != nil {
		t.Fatal(err)
	}

	s := listStore(t)
	expect("no list", uses(s, access))
	verifyAndInstall(t, s, compact, trust.AccessProviders, now)
	expect("access list: access", uses(s, access), trust.UseAccessCertificate)
	expect("access list: seal", uses(s, sealPath))
	if s.List() != nil || s.ListOf(trust.AccessProviders) == nil {
		t.Error("the list of access providers is that of PuB-EAA providers")
	}
	verifyAndInstall(t, s, h.List, trust.PubEAAProviders, now)
	expect("both lists: access", uses(s, access), trust.UseAccessCertificate)
	expect("both lists: seal", uses(s, sealPath), trust.UseSeal)

	s = listStore(t)
	verifyAndInstall(t, s, h.List, trust.PubEAAProviders, now)
	expect("PuB-EAA list: access", uses(s, access))

	// The same certificate in the other list anchors the other use alone.
	d := document(t)
	d.LoTE.Entities[0].Services[0].Information.Identity = identity(h.AccessCA.Certificate)
	s = listStore(t)
	verifyAndInstall(t, s, forced(t, d, now), trust.PubEAAProviders, now)
	if found := uses(s, access); len(found) != 1 || found[0] != trust.UseSeal {
		t.Errorf("an access authority in the list of PuB-EAA providers: %v", found)
	}
	s = listStore(t)
	verifyAndInstall(t, s, forced(t, accessDocument(h.SealCA.Certificate), now), trust.AccessProviders, now)
	if _, err := s.Certificates(sealPath, trust.UseSeal, now); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("the list of access providers anchors seals: %v", err)
	}

	// A service of revocation anchors nothing.
	d = accessDocument(h.AccessCA.Certificate)
	d.LoTE.Entities[0].Services[0].Information.Type = trust.AccessRevocation
	s = listStore(t)
	verifyAndInstall(t, s, forced(t, d, now), trust.AccessProviders, now)
	expect("revocation only", uses(s, access))

	// One profile's list is not another's.
	if _, err := listStore(t).Verify(compact, trust.PubEAAProviders, now); !errors.Is(err, trust.ErrList) {
		t.Errorf("an access list passed as a PuB-EAA list: %v", err)
	}
	if _, err := listStore(t).Verify(h.List, trust.AccessProviders, now); !errors.Is(err, trust.ErrList) {
		t.Errorf("a PuB-EAA list passed as an access list: %v", err)
	}
}

// From NextUpdate on a list anchors nothing, also what was verified before, and
// the anchor may not stand in the chain.
func TestAccessListEnds(t *testing.T) {
	ca := mint(t, long(authority("Access CA")), nil)
	receiver := mint(t, long(leaf("Receiver")), &ca)
	s := listStore(t)
	l := verifyAndInstall(t, s, forced(t, accessDocument(ca.cert), now), trust.AccessProviders, now)
	for _, c := range []struct {
		at   time.Time
		want error
	}{
		{now, nil}, {now.AddDate(-1, 0, 0), nil}, {l.NextUpdate.Add(-time.Second), nil},
		{l.NextUpdate, trust.ErrListExpired}, {l.NextUpdate.AddDate(0, 1, 0), trust.ErrListExpired}, {now, nil},
	} {
		if _, err := s.Certificates(certs(receiver), trust.UseAccessCertificate, c.at); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, expected %v", c.at, err, c.want)
		}
	}
	if _, err := s.Certificates(certs(receiver, ca), trust.UseAccessCertificate, now); !errors.Is(err, trust.ErrAnchorIncluded) {
		t.Errorf("the anchor stands in the chain: %v", err)
	}
	// What is configured is trusted without the list, and after it.
	s, err := trust.NewStore(trust.Anchors{trust.UseListSigner: certs(pair{cert: newHierarchy(t).ListSigner.Certificate}), trust.UseAccessCertificate: certs(ca)}, 0)
	if err != nil {
		t.Fatal(err)
	}
	verifyAndInstall(t, s, forced(t, accessDocument(ca.cert), now), trust.AccessProviders, now)
	if _, err := s.Certificates(certs(receiver), trust.UseAccessCertificate, l.NextUpdate); err != nil {
		t.Errorf("configured: %v", err)
	}
	// A provider that is taken out of the list is trusted no more.
	d := accessDocument(mint(t, long(authority("Other CA")), nil).cert)
	d.LoTE.Scheme.Sequence = 2
	s = listStore(t)
	verifyAndInstall(t, s, forced(t, accessDocument(ca.cert), now), trust.AccessProviders, now)
	verifyAndInstall(t, s, forced(t, d, now), trust.AccessProviders, now)
	if _, err := s.Certificates(certs(receiver), trust.UseAccessCertificate, now); !errors.Is(err, trust.ErrNoPath) {
		t.Errorf("no longer listed: %v", err)
	}
}

// Numbers do not go backwards, for each kind of list apart.
func TestAccessRollback(t *testing.T) {
	ca := mint(t, long(authority("Access CA")), nil)
	numbered := func(n int64, ca *x509.Certificate) *trust.List {
		d := accessDocument(ca)
		d.LoTE.Scheme.Sequence = n
		l, err := listStore(t).Verify(forced(t, d, now), trust.AccessProviders, now)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	s := listStore(t)
	for _, c := range []struct {
		l    *trust.List
		want error
	}{
		{numbered(7, ca.cert), nil},
		{numbered(6, ca.cert), trust.ErrRollback},
		{numbered(7, mint(t, authority("Other CA"), nil).cert), trust.ErrRollback},
		{numbered(7, ca.cert), nil}, // signed anew
		{numbered(8, ca.cert), nil},
	} {
		if err := s.Install(c.l); !errors.Is(err, c.want) {
			t.Errorf("number %d: %v, expected %v", c.l.Sequence, err, c.want)
		}
	}
	verifyAndInstall(t, s, newHierarchy(t).List, trust.PubEAAProviders, now) // number 1
}
