package tsl_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/internal/tsltest"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// TestParse refuses what ETSI TS 119 612 refuses.
func TestParse(t *testing.T) {
	l := national("BE")
	l.Pointers = []tsltest.Pointer{newUnion(t).pointer()}
	l.Providers = []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{{
		Since: years(1), Certificates: certs(authority(t, "TEST CA")), History: []tsltest.Service{{Since: years(2)}},
		Extensions: []string{tsltest.For("ForeSeals"), tsltest.Qualified(true, anyone, "QCForESeal"), tsltest.Extension(true, `<ExpiredCertsRevocationInfo>2020-01-01T00:00:00Z</ExpiredCertsRevocationInfo>`)},
	}}}}
	good := l.XML()
	list, err := tsl.Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	state := list.Providers[0].Services[0].States[0]
	if len(list.Scheme.Pointers) != 1 || list.Scheme.Pointers[0].Media != tsl.MediaType || !list.Scheme.NextUpdate.Equal(l.Issued.AddDate(0, 3, 0)) {
		t.Errorf("scheme: %+v", list.Scheme)
	}
	if !state.Extensions.ExpiredCertsRevocationInfo.Equal(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) || len(state.Extensions.For) != 1 || len(state.Identity.SubjectKeyIDs) != 1 {
		t.Errorf("state: %+v", state)
	}
	if list.Signer != nil {
		t.Error("Parse names a signer")
	}

	without := func(name string) func(string) string {
		return func(s string) string { return strings.Replace(s, element(s, name), "", 1) }
	}
	twice := func(name string) func(string) string {
		return func(s string) string {
			return strings.Replace(s, element(s, name), element(s, name)+element(s, name), 1)
		}
	}
	for _, c := range []struct {
		name   string
		change func(string) string
		spec   string
	}{
		{"another tag", replace("19612/TSLTag", "19612/Other"), "5.2.1"},
		{"another namespace", replace("02231/v2#", "02231/v3#"), "5.2.1"},
		{"no scheme", without("SchemeInformation"), "5.3"},
		{"two schemes", twice("SchemeInformation"), "5.3"},
		{"version 4", replace(">6<", ">4<"), "5.3.1"},
		{"version 7", replace(">6<", ">7<"), "5.3.1"},
		{"sequence number 0", replace("Number>1<", "Number>0<"), "5.3.2"},
		{"sequence number twice", twice("TSLSequenceNumber"), "5.3.2"},
		{"no type", without("TSLType"), "5.3.3"},
		{"no operator", without("SchemeOperatorName"), "5.3.4"},
		{"no name", without("SchemeName"), "5.3.6"},
		{"no information", without("SchemeInformationURI"), "5.3.7"},
		{"no territory", without("SchemeTerritory"), "5.3.10"},
		{"a long territory", replace("Territory>BE<", "Territory>BEL<"), "5.3.10"},
		{"a pointer to nowhere", without("TSLLocation"), "5.3.13"},
		{"no issue time", without("ListIssueDateTime"), "5.3.14"},
		{"issue time without zone", replace("00Z</ListIssueDateTime>", "00</ListIssueDateTime>"), "5.3.14"},
		{"issue time with an offset", replace("00Z</ListIssueDateTime>", "00+01:00</ListIssueDateTime>"), "5.3.14"},
		{"no NextUpdate", without("NextUpdate"), "5.3.15"},
		{"NextUpdate before issue", replace("<dateTime>2027", "<dateTime>2020"), "5.3.15"},
		{"NextUpdate in more than six months", replace("<dateTime>2027", "<dateTime>2028"), "5.3.15"},
		{"a critical scheme extension", replace("</SchemeInformation>", `<SchemeExtensions><Extension Critical="true"><a></a></Extension></SchemeExtensions></SchemeInformation>`), "5.3.17"},
		{"two lists of providers", twice("TrustServiceProviderList"), "5.3.18"},
		{"a provider without name", without("TSPName"), "5.4"},
		{"a service without type", without("ServiceTypeIdentifier"), "5.4"},
		{"a service without name", without("ServiceName"), "5.4"},
		{"a service without identity", func(s string) string {
			in := element(s, "ServiceInformation")
			return strings.Replace(s, in, strings.Replace(in, element(in, "ServiceDigitalIdentity"), "", 1), 1)
		}, "5.4"},
		{"a service without status", without("ServiceStatus"), "5.4"},
		{"a service without time", without("StatusStartingTime"), "5.4"},
		{"two service informations", twice("ServiceInformation"), "5.4"},
		{"extensions twice", twice("ServiceInformationExtensions"), "5.4"},
		{"a former state without status", func(s string) string {
			h := element(s, "ServiceHistory")
			return strings.Replace(s, h, strings.Replace(h, element(h, "ServiceStatus"), "", 1), 1)
		}, "5.4"},
		{"additional information without URI", replace(`<URI xml:lang="en">http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForeSeals</URI>`, ""), "5.4"},
		{"no criteria", without("q:CriteriaList"), "5.4"},
		{"no qualifiers", replace(element(good, "q:Qualifiers"), ""), "5.4"},
		{"another assertion", replace(`assert="all"`, `assert="some"`), "5.4"},
		{"a key usage bit that is no boolean", replace(`"nonRepudiation">true`, `"nonRepudiation">maybe`), "5.4"},
		{"criteria nested too deep", replace("<q:KeyUsage>", strings.Repeat(`<q:CriteriaList assert="all">`, 10)+strings.Repeat(`</q:CriteriaList>`, 10)+"<q:KeyUsage>"), "5.4"},
		{"too many former states", func(s string) string {
			h := element(s, "ServiceHistoryInstance")
			return strings.Replace(s, h, strings.Repeat(h, 201), 1)
		}, "5.4"},
		{"too many pointers", func(s string) string {
			p := element(s, "OtherTSLPointer")
			return strings.Replace(s, p, strings.Repeat(p, 201), 1)
		}, "5.3.13"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := tsl.Parse([]byte(c.change(good)))
			var e *tsl.Error
			if !errors.As(err, &e) || l != nil {
				t.Fatalf("found %v, %v", l, err)
			}
			if e.Check != tsl.CheckContent || !strings.HasSuffix(e.Spec, "clause "+c.spec) {
				t.Errorf("refused by %v, expected clause %s", err, c.spec)
			}
		})
	}
}

// TestUnreadKey: one key that cannot be read does not take the list away.
func TestUnreadKey(t *testing.T) {
	l := national("BE")
	l.Providers = []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{{Since: years(1), Certificates: certs(authority(t, "TEST CA"))}}}}
	doc := l.XML()
	list, err := tsl.Parse([]byte(strings.Replace(doc, element(doc, "X509Certificate"), "<X509Certificate>MAA=</X509Certificate>", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if id := list.Providers[0].Services[0].States[0].Identity; id.Unread != 1 || len(id.Certificates) != 0 {
		t.Errorf("found %+v", id)
	}
}

// TestRealContent looks at what stands in the real lists.
func TestRealContent(t *testing.T) {
	parse := func(file string) *tsl.List {
		t.Helper()
		l, err := tsl.Parse(testvectors.File(t, "tsl", file))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	lotl := parse("xml/eu-lotl.xml")
	if lotl.Scheme.Type != tsl.TypeListOfLists || len(lotl.Scheme.Pointers) < 30 {
		t.Errorf("list of lists: %+v", lotl.Scheme)
	}
	var found tsl.Pointer
	for _, p := range lotl.Scheme.Pointers {
		if p.Territory == "BE" && p.Media == tsl.MediaType {
			found = p
		}
		if len(p.Signers) == 0 {
			t.Errorf("no signer of %s", p.Territory)
		}
	}
	if found.Type != tsl.TypeNational || !strings.HasPrefix(found.Location, "https://") {
		t.Errorf("pointer to Belgium: %+v", found)
	}

	ie := parse("xml/ie-tl.xml")
	state := ie.Providers[0].Services[0].States[0]
	if len(state.Extensions.Qualifications) == 0 || state.Extensions.NotUnderstood != "" {
		t.Errorf("Ireland: %+v", state.Extensions)
	}
	sk := parse("xml/tsl-sk-minimal-dss-1911.xml")
	qualifiers := 0
	for _, p := range sk.Providers {
		for _, s := range p.Services {
			if !s.Ordered() {
				t.Error("Slovakia: a history in disorder")
			}
			for _, state := range s.States {
				qualifiers += len(state.Extensions.Qualifications)
				if state.Extensions.NotUnderstood != "" {
					t.Errorf("Slovakia: not understood: %s", state.Extensions.NotUnderstood)
				}
			}
		}
	}
	if qualifiers == 0 {
		t.Error("Slovakia: no qualifiers")
	}
}

// TestCriteria: three values, put together.
func TestCriteria(t *testing.T) {
	cert := mint(t, ecKey(t, elliptic.P256()), nil, func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: "TEST", Organization: []string{"TEST body"}}
		c.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}}
		for _, p := range []string{"0.4.0.194112.1.3", "1.2.3.4"} {
			id, err := x509.ParseOID(p)
			if err != nil {
				t.Fatal(err)
			}
			c.Policies = append(c.Policies, id)
		}
	})
	yes, no, open := tsltest.KeyUsage("nonRepudiation", true), tsltest.KeyUsage("nonRepudiation", false), tsltest.Unknown()
	for _, c := range []struct {
		name     string
		criteria string
		want     tsl.Fit
	}{
		{"all: yes", tsltest.Criteria("all", yes, yes), tsl.Fits},
		{"all: yes and no", tsltest.Criteria("all", yes, no), tsl.FitsNot},
		{"all: yes and unknown", tsltest.Criteria("all", yes, open), tsl.Undetermined},
		{"all: no and unknown", tsltest.Criteria("all", open, no), tsl.FitsNot},
		{"one: yes and no", tsltest.Criteria("atLeastOne", no, yes), tsl.Fits},
		{"one: no", tsltest.Criteria("atLeastOne", no, no), tsl.FitsNot},
		{"one: no and unknown", tsltest.Criteria("atLeastOne", no, open), tsl.Undetermined},
		{"one: yes and unknown", tsltest.Criteria("atLeastOne", open, yes), tsl.Fits},
		{"none: no", tsltest.Criteria("none", no, no), tsl.Fits},
		{"none: yes and no", tsltest.Criteria("none", no, yes), tsl.FitsNot},
		{"none: no and unknown", tsltest.Criteria("none", no, open), tsl.Undetermined},
		{"none: yes and unknown", tsltest.Criteria("none", open, yes), tsl.FitsNot},
		{"empty", tsltest.Criteria("all"), tsl.Undetermined},
		{"nested", tsltest.Criteria("all", yes, tsltest.Criteria("none", no)), tsl.Fits},
		{"nested unknown", tsltest.Criteria("all", yes, tsltest.Criteria("none", open)), tsl.Undetermined},
		{"a description", tsltest.Criteria("all", "<q:Description>text</q:Description>", yes), tsl.Fits},
		{"an element of another kind", tsltest.Criteria("all", yes, "<q:Moon></q:Moon>"), tsl.Undetermined},

		{"a bit set that is not", tsltest.Criteria("all", tsltest.KeyUsage("keyAgreement", true)), tsl.FitsNot},
		{"a bit clear that is", tsltest.Criteria("all", tsltest.KeyUsage("keyAgreement", false)), tsl.Fits},
		{"a bit of another name", tsltest.Criteria("all", tsltest.KeyUsage("moon", false)), tsl.Undetermined},
		{"no bits", tsltest.Criteria("all", "<q:KeyUsage></q:KeyUsage>"), tsl.Undetermined},

		{"a policy", tsltest.Criteria("all", tsltest.Policies("1.2.3.4")), tsl.Fits},
		{"both policies", tsltest.Criteria("all", tsltest.Policies("0.4.0.194112.1.3", "1.2.3.4")), tsl.Fits},
		{"one policy of two", tsltest.Criteria("all", tsltest.Policies("1.2.3.4", "1.2.3.5")), tsl.FitsNot},
		{"a policy with more", tsltest.Criteria("all", tsltest.Policies("1.2.3.4.1")), tsl.FitsNot},
		{"no policy", tsltest.Criteria("all", tsltest.Policies()), tsl.Undetermined},
		{"an empty policy", tsltest.Criteria("all", tsltest.Policies("")), tsl.Undetermined},

		{"a purpose", tsltest.Criteria("all", tsltest.ExtendedKeyUsage("1.3.6.1.5.5.7.3.4")), tsl.Fits},
		{"a purpose of one's own", tsltest.Criteria("all", tsltest.ExtendedKeyUsage("1.2.3")), tsl.Fits},
		{"another purpose", tsltest.Criteria("all", tsltest.ExtendedKeyUsage("1.3.6.1.5.5.7.3.1")), tsl.FitsNot},

		{"an attribute", tsltest.Criteria("all", tsltest.SubjectAttribute("2.5.4.10")), tsl.Fits},
		{"another attribute", tsltest.Criteria("all", tsltest.SubjectAttribute("2.5.4.42")), tsl.FitsNot},
		{"no attribute", tsltest.Criteria("none", tsltest.SubjectAttribute("2.5.4.42")), tsl.Fits},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := national("BE")
			l.Providers = []tsltest.Provider{{Name: "TEST provider", Services: []tsltest.Service{{Since: years(1), Extensions: []string{tsltest.Qualified(true, c.criteria, "QCForESeal")}}}}}
			list, err := tsl.Parse([]byte(l.XML()))
			if err != nil {
				t.Fatal(err)
			}
			q := list.Providers[0].Services[0].States[0].Extensions.Qualifications[0]
			if got := q.Criteria.Judge(cert.cert); got != c.want {
				t.Errorf("found %d, expected %d", got, c.want)
			}
		})
	}
}

// TestNewLists: a set holds what the list of lists points to and nothing else.
func TestNewLists(t *testing.T) {
	u, other := newUnion(t), newUnion(t)
	verify := func(l tsltest.List, p pair) *tsl.List {
		t.Helper()
		out, err := tsl.Verify(signedBy(t, l, p), certs(p), now)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	parse := func(l tsltest.List) *tsl.List {
		t.Helper()
		out, err := tsl.Parse([]byte(l.XML()))
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	lotl := verify(u.listOfLists(u.pointer()), u.lotl)
	typed := national("BE")
	typed.Type = tsltest.TypeListOfLists
	ofUnion := u.pointer()
	ofUnion.Territory = "EU"
	paper := u.pointer()
	paper.Media = "application/pdf"
	for _, c := range []struct {
		name     string
		lotl     *tsl.List
		national []*tsl.List
		ok       bool
	}{
		{"one", lotl, []*tsl.List{verify(national("BE"), u.be)}, true},
		{"none", lotl, nil, true},
		{"no list of lists", nil, nil, false},
		{"a national list in its place", verify(national("BE"), u.be), nil, false},
		{"a list of lists that was only parsed", parse(u.listOfLists()), nil, false},
		{"a national list that was only parsed", lotl, []*tsl.List{parse(national("BE"))}, false},
		{"a national list of another signer", lotl, []*tsl.List{verify(national("BE"), other.be)}, false},
		{"a territory without pointer", lotl, []*tsl.List{verify(national("DK"), u.be)}, false},
		{"a list of another type", lotl, []*tsl.List{verify(typed, u.be)}, false},
		{"a national list of the Union", verify(u.listOfLists(ofUnion), u.lotl), []*tsl.List{verify(national("EU"), u.be)}, false},
		{"two of one territory", lotl, []*tsl.List{verify(national("BE"), u.be), verify(national("BE"), u.be)}, false},
		{"a pointer to a document of another type", verify(u.listOfLists(paper), u.lotl), []*tsl.List{verify(national("BE"), u.be)}, false},
		{"two pointers to one territory", verify(u.listOfLists(u.pointer(), u.pointer()), u.lotl), []*tsl.List{verify(national("BE"), u.be)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := tsl.NewLists(c.lotl, c.national...)
			if (err == nil) != c.ok || (l != nil) != c.ok {
				t.Errorf("found %v", err)
			}
		})
	}
}
