package verifier

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
)

// What the policy demands is demanded of credentials whose seal and holder are
// beyond doubt, too (SD-JWT VC, Sections 7.7 and 7.8).
func TestJudge(t *testing.T) {
	const vct, iss, number = "https://issuer.example/types/x", "https://issuer.example", "NTRBE-0999999922"
	registration, err := qc.ParseOrganization(number)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Acceptance, *format.Verified, *seal.Validation)
		holds  bool
	}{
		"as it should be": {func(*Acceptance, *format.Verified, *seal.Validation) {}, true},
		"another type":    {func(_ *Acceptance, c *format.Verified, _ *seal.Validation) { c.Type += "/y" }, false},
		"no type":         {func(_ *Acceptance, c *format.Verified, _ *seal.Validation) { c.Type = "" }, false},
		"another issuer":  {func(_ *Acceptance, c *format.Verified, _ *seal.Validation) { c.Issuer += "/" }, false},
		"no provider":     {func(_ *Acceptance, _ *format.Verified, s *seal.Validation) { s.Provider = nil }, false},
		"another provider": {func(_ *Acceptance, _ *format.Verified, s *seal.Validation) {
			s.Provider = &trust.Provider{Registration: qc.Organization{Scheme: "NTR", Country: "BE", Number: "0999999823"}}
		}, false},
		"seal of too little worth": {func(a *Acceptance, _ *format.Verified, _ *seal.Validation) { a.Qualification = seal.AdESealQC }, false},
		"seal of no worth":         {func(_ *Acceptance, _ *format.Verified, s *seal.Validation) { s.Qualification = seal.NotApplicable }, false},
		"seal of unknown worth":    {func(_ *Acceptance, _ *format.Verified, s *seal.Validation) { s.Qualification = "GoldSeal" }, false},
		"no exp":                   {func(_ *Acceptance, c *format.Verified, _ *seal.Validation) { c.Expires = time.Time{} }, false},
		"no exp, and accepted": {func(a *Acceptance, c *format.Verified, _ *seal.Validation) {
			c.Expires, a.WithoutExpiry = time.Time{}, true
		}, true},
	} {
		a := Acceptance{Name: vct, Issuers: []string{iss}, Registrations: []string{number}}
		v := &format.Verified{Type: vct, Issuer: iss, Expires: time.Unix(1, 0)}
		s := seal.Validation{Qualification: seal.AdESeal, Provider: &trust.Provider{Registration: registration}}
		c.change(&a, v, &s)
		p, err := platform([]Acceptance{a})
		if err != nil {
			t.Fatal(err)
		}
		entry, _ := p.Type(v.Type)
		if against := judge(p, v.Type, v, s) + (&Verifier{}).need(entry, s); (against == "") != c.holds {
			t.Errorf("%s: %q", name, against)
		}
	}
}

// A credential whose status cannot be looked up is not relied on (Token Status
// List, Section 8.3), and without a listed provider nobody may sign its status.
func TestNotStandingFailsClosed(t *testing.T) {
	v := &Verifier{c: Config{Now: func() time.Time { return time.Unix(0, 0) }}}
	p, err := platform([]Acceptance{{Name: "a:b", Issuers: []string{"i"}, Registrations: []string{"NTRBE-0999999922"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, claim := range map[string]string{"no status": "", "no list": `{}`, "another mechanism": `{"identifier_list":{"id":"x"}}`, "no index": `{"status_list":{"uri":"https://a.example/1"}}`, "negative": `{"status_list":{"idx":-1,"uri":"https://a.example/1"}}`} {
		c := &checked{credential: &format.Verified{}, validation: &seal.Validation{}}
		if claim != "" {
			c.credential.Status = []byte(claim)
		}
		if err := v.stands(t.Context(), c, p, time.Unix(0, 0)); err == nil && len(c.report.Failures()) != 1 {
			t.Errorf("%s: the credential stands", name)
		}
	}
	if key, err := v.statusTrust(seal.Validation{})(t.Context(), nil); err == nil || key != nil {
		t.Error("somebody may sign the status of a credential without a provider")
	}
}

// asked answers for certificates and notes which ones.
type asked struct {
	state trust.State
	err   error
	about []*x509.Certificate
}

func (a *asked) Revocation(_ context.Context, c, _ *x509.Certificate, _ time.Time) (trust.RevocationStatus, error) {
	a.about = append(a.about, c)
	return trust.RevocationStatus{State: a.state}, a.err
}

// A status signer whose certificate is revoked, or not known not to be, is not
// believed; a certificate that is its own anchor is not asked about.
func TestStatusSignerRevoked(t *testing.T) {
	leaf, ca := &x509.Certificate{Raw: []byte("leaf")}, &x509.Certificate{Raw: []byte("ca")}
	path := &trust.Path{Certificates: []*x509.Certificate{leaf, ca}}
	v := func(r trust.RevocationSource, lax bool) *Verifier {
		return &Verifier{c: Config{Now: time.Now, Seals: &seal.Validator{Revocation: r, InsecureAcceptUnknownRevocation: lax}}}
	}
	for name, c := range map[string]struct {
		source *asked
		lax    bool
		holds  bool
	}{
		"good":                        {&asked{state: trust.Good}, false, true},
		"revoked":                     {&asked{state: trust.Revoked}, false, false},
		"revoked, and lax":            {&asked{state: trust.Revoked}, true, false},
		"unknown":                     {&asked{state: trust.Unknown}, false, false},
		"unknown, and lax":            {&asked{state: trust.Unknown}, true, true},
		"cannot be asked":             {&asked{state: trust.Good, err: errors.New("down")}, false, false},
		"cannot be asked, and lax":    {&asked{state: trust.Good, err: errors.New("down")}, true, false},
		"nobody can be asked":         {nil, false, false},
		"nobody can be asked, lax":    {nil, true, true},
		"an answer that says nothing": {&asked{}, false, false},
	} {
		var source trust.RevocationSource
		if c.source != nil {
			source = c.source
		}
		if err := v(source, c.lax).notRevoked(t.Context(), path); (err == nil) != c.holds {
			t.Errorf("%s: %v", name, err)
		}
		if c.source != nil && (len(c.source.about) != 1 || c.source.about[0] != leaf) {
			t.Errorf("%s: asked about %d certificates", name, len(c.source.about))
		}
	}
	if err := v(&asked{state: trust.Revoked}, false).notRevoked(t.Context(), &trust.Path{Certificates: []*x509.Certificate{leaf}}); err != nil {
		t.Errorf("an anchor: %v", err)
	}
}

// A W3C credential has several types in an order that its issuer chose: it is
// judged by those that were asked for, whichever stands last.
func TestKinds(t *testing.T) {
	const asked, other = "https://issuer.example/asked", "https://issuer.example/other"
	q := oid4vp.CredentialQuery{Format: "jwt_vc_json", Meta: &oid4vp.Meta{TypeValues: [][]string{{"https://nobody.example"}, {typeCredential, asked}}}}
	c := &format.Verified{Format: credential.FormatJWT, Type: other, Types: []string{typeCredential, asked, other}, Issuer: "https://issuer.example"}
	if got := kinds(q, c); !slices.Equal(got, []string{asked}) {
		t.Errorf("judged as %v", got)
	}
	q.Meta.TypeValues = [][]string{{asked}, {other}}
	if got := kinds(q, c); !slices.Equal(got, []string{asked, other}) {
		t.Errorf("both alternatives fit, judged as %v", got)
	}
	q.Meta.TypeValues = [][]string{{typeCredential}}
	if got := kinds(q, c); !slices.Equal(got, []string{other}) {
		t.Errorf("asked for any, judged as %v", got)
	}
	// The platform accepts the last type alone: the credential is no answer to a
	// query for the other.
	p, err := platform([]Acceptance{{Name: other, Issuers: []string{c.Issuer}, Registrations: []string{"NTRBE-0999999922"}}})
	if err != nil {
		t.Fatal(err)
	}
	q.Meta.TypeValues = [][]string{{asked}}
	x := &checked{credential: c, validation: &seal.Validation{Qualification: seal.AdESeal}}
	if x.accepted(p, q, time.Unix(0, 0)) {
		t.Error("accepted for a type that nobody accepts")
	}
	sd := &format.Verified{Format: credential.FormatSDJWTVC, Type: "a:b", Types: []string{"a:b"}}
	if got := kinds(oid4vp.CredentialQuery{Format: "dc+sd-jwt", Meta: &oid4vp.Meta{VCTValues: []string{"c:d"}}}, sd); !slices.Equal(got, []string{"a:b"}) {
		t.Errorf("judged as %v", got)
	}
}
