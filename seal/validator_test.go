package seal_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

// The demo's verdict: it holds, an advanced seal, of a listed provider.
func TestDevelopmentSeal(t *testing.T) {
	h := newHierarchy(t)
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{"iss":"`+issuer+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	v := newValidator(t, h, now)
	for _, run := range []string{"first", "cached"} {
		got := validate(t, v, compact, now)
		if got.Err() != nil || got.Indication != seal.TotalPassed || got.Qualification != seal.AdESeal || got.Level != seal.BaselineB {
			t.Fatalf("%s: %s %s %s\n%s", run, got.Indication, got.Qualification, got.Level, got.Checks)
		}
		if got.Provider == nil || got.Provider.Registration.String() != "NTRBE-0999999922" || got.Provider.Law != "OJ:BETEST-LED" ||
			got.Provider.Status != trust.StatusNotified {
			t.Errorf("provider %+v", got.Provider)
		}
		if got.Source == nil || !strings.HasPrefix(got.Source.Name, "LED") || !got.ClaimedTime.Equal(now) || got.Revocation.State != trust.Good {
			t.Errorf("source %+v, time %s, revocation %+v", got.Source, got.ClaimedTime, got.Revocation)
		}
		if len(got.Checks) != 13 {
			t.Errorf("%d checks:\n%s", len(got.Checks), got.Checks)
		}
		if err := seal.CertifiesIssuer(got.Certificate, issuer); err != nil {
			t.Error(err)
		}
	}
}

func TestSealVerdicts(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	between := mint(t, authority("Between"), &ca)
	good := mint(t, leaf(), &ca)
	bent := func(f func(*x509.Certificate)) devca.Pair {
		c := leaf()
		f(c)
		return mint(t, c, &ca)
	}
	statements := func(s qc.Statements) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			ext, err := s.Extension(nil)
			if err != nil {
				t.Fatal(err)
			}
			c.ExtraExtensions = []pkix.Extension{ext}
		}
	}
	sealed := func(p devca.Pair, bend func(map[string]any), chain ...*x509.Certificate) string {
		if chain == nil {
			chain = []*x509.Certificate{p.Certificate}
		}
		h := header(chain...)
		if bend != nil {
			bend(h)
		}
		return sign(t, p.Key, h, `{"a":1}`)
	}
	set := func(name string, value any) func(map[string]any) {
		return func(h map[string]any) { h[name] = value }
	}
	critical := func(name string) func(map[string]any) {
		return func(h map[string]any) { h[name], h["crit"] = map[string]any{}, []string{name} }
	}
	broken := sealed(good, nil)
	broken = broken[:strings.LastIndex(broken, ".")] + sealed(good, set("iat", now.Unix()-1))[strings.LastIndex(sealed(good, set("iat", now.Unix()-1)), "."):]
	other := mint(t, leaf(), &ca)
	foreign := mint(t, leaf(), nil)
	expired := bent(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) })
	early := bent(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) })
	noUsage := bent(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement })
	tls := bent(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	noSeal := bent(statements(qc.Statements{Types: []asn1.ObjectIdentifier{{0, 4, 0, 1862, 1, 6, 1}}}))
	noStatements := bent(func(c *x509.Certificate) { c.ExtraExtensions = nil })
	badStatements := bent(func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: qc.ExtensionID, Value: []byte{5, 0}}}
	})
	noOrg := bent(func(c *x509.Certificate) { c.Subject.ExtraNames = nil })
	outside := bent(statements(qc.Statements{Compliance: true, SSCD: true, Types: []asn1.ObjectIdentifier{qc.TypeSeal}, Legislation: []string{"BE"}}))
	deep := mint(t, leaf(), &between)

	v := &seal.Validator{Trust: storeOf(t, ca.Certificate), InsecureAcceptUnknownRevocation: true, SkipProviderList: true}
	for name, tc := range map[string]struct {
		compact string
		ind     seal.Indication
		sub     seal.SubIndication
		failed  string // the check that fails, if any
		qual    seal.Qualification
	}{
		"good":                       {sealed(good, nil), seal.TotalPassed, "", "", seal.AdESeal},
		"with intermediate":          {sealed(deep, nil, deep.Certificate, between.Certificate), seal.TotalPassed, "", "", seal.AdESeal},
		"no statements":              {sealed(noStatements, nil), seal.TotalPassed, "", "", seal.AdESeal},
		"law outside the Union":      {sealed(outside, nil), seal.TotalPassed, "", "", seal.AdESeal},
		"not for seals":              {sealed(noSeal, nil), seal.TotalPassed, "", "", seal.NotApplicable},
		"no legal person":            {sealed(noOrg, nil), seal.TotalPassed, "", "", seal.NotApplicable},
		"unreadable statements":      {sealed(badStatements, nil), seal.TotalPassed, "", seal.CheckStatements, seal.NotApplicable},
		"not a JWS":                  {"a.b", seal.TotalFailed, seal.FormatFailure, seal.CheckFormat, seal.NotApplicable},
		"another typ":                {sealed(good, set("typ", "kb+jwt")), seal.TotalFailed, seal.FormatFailure, seal.CheckFormat, seal.NotApplicable},
		"unknown crit":               {sealed(good, critical("foo")), seal.TotalFailed, seal.FormatFailure, seal.CheckFormat, seal.NotApplicable},
		"detached":                   {sealed(good, critical("sigD")), seal.Indeterminate, seal.SignedDataNotFound, seal.CheckFormat, seal.NotApplicable},
		"no x5c":                     {sealed(good, func(h map[string]any) { delete(h, "x5c") }), seal.Indeterminate, seal.NoSigningCertificateFound, seal.CheckCertificate, seal.NotApplicable},
		"x5c that is none":           {sealed(good, set("x5c", []string{"AAAA"})), seal.Indeterminate, seal.NoSigningCertificateFound, seal.CheckCertificate, seal.NotApplicable},
		"x5t#S256 of another":        {sealed(good, set("x5t#S256", jose.X5TS256(other.Certificate))), seal.Indeterminate, seal.NoSigningCertificateFound, seal.CheckCertificate, seal.NotApplicable},
		"no x5t#S256":                {sealed(good, func(h map[string]any) { delete(h, "x5t#S256") }), seal.TotalPassed, "", seal.CheckBaseline, seal.NotApplicable},
		"signed with another key":    {sealed(other, nil, good.Certificate), seal.TotalFailed, seal.HashFailure, seal.CheckSignature, seal.NotApplicable},
		"signature of another seal":  {broken, seal.TotalFailed, seal.HashFailure, seal.CheckSignature, seal.NotApplicable},
		"self-signed":                {sealed(foreign, nil), seal.Indeterminate, seal.ChainConstraintsFailure, seal.CheckChain, seal.NotApplicable},
		"anchor in x5c":              {sealed(good, nil, good.Certificate, ca.Certificate), seal.Indeterminate, seal.ChainConstraintsFailure, seal.CheckChain, seal.NotApplicable},
		"intermediate missing":       {sealed(deep, nil), seal.Indeterminate, seal.NoCertificateChainFound, seal.CheckChain, seal.NotApplicable},
		"expired":                    {sealed(expired, set("iat", now.Unix()-60)), seal.Indeterminate, seal.OutOfBoundsNoPOE, seal.CheckValidity, seal.NotApplicable},
		"not valid yet":              {sealed(early, nil), seal.Indeterminate, seal.OutOfBoundsNoPOE, seal.CheckValidity, seal.NotApplicable},
		"no usable keyUsage":         {sealed(noUsage, nil), seal.Indeterminate, seal.ChainConstraintsFailure, seal.CheckKeyUsage, seal.NotApplicable},
		"certificate for TLS":        {sealed(tls, nil), seal.Indeterminate, seal.ChainConstraintsFailure, seal.CheckKeyUsage, seal.NotApplicable},
		"iat in the future":          {sealed(good, set("iat", now.Unix()+600)), seal.Indeterminate, seal.SigConstraintsFailure, seal.CheckAttributes, seal.NotApplicable},
		"iat before the certificate": {sealed(good, set("iat", now.Unix()-7200)), seal.Indeterminate, seal.SigConstraintsFailure, seal.CheckAttributes, seal.NotApplicable},
		"no iat":                     {sealed(good, func(h map[string]any) { delete(h, "iat") }), seal.Indeterminate, seal.SigConstraintsFailure, seal.CheckAttributes, seal.NotApplicable},
		"critical policy":            {sealed(good, critical("sigPId")), seal.Indeterminate, seal.SignaturePolicyNotAvailable, seal.CheckAttributes, seal.NotApplicable},
		"empty time-stamp":           {sealed(good, critical("adoTst")), seal.TotalFailed, seal.FormatFailure, seal.CheckFormat, seal.NotApplicable},
		"critical attributes":        {sealed(good, critical("srAts")), seal.Indeterminate, seal.SigConstraintsFailure, seal.CheckAttributes, seal.NotApplicable},
	} {
		got := validate(t, v, tc.compact, now)
		if got.Indication != tc.ind || got.SubIndication != tc.sub || got.Qualification != tc.qual {
			t.Errorf("%s: found %s %s %s\n%s", name, got.Indication, got.SubIndication, got.Qualification, got.Checks)
		}
		failures := got.Checks.Failures()
		if tc.failed == "" && len(failures) > 0 || tc.failed != "" && !slices.Contains(failures, tc.failed) {
			t.Errorf("%s: failed %v, expected %q", name, failures, tc.failed)
		}
		if (got.Err() == nil) != (tc.failed == "") {
			t.Errorf("%s: Err is %v", name, got.Err())
		}
	}

	// Algorithms off the list, with a key that fits them.
	v2 := *v
	v2.Algs = []jose.Alg{jose.ES384}
	if got := validate(t, &v2, sealed(good, nil), now); got.SubIndication != seal.CryptoConstraintsFailure || got.Err() == nil {
		t.Errorf("algorithm off the list: %s\n%s", got.SubIndication, got.Checks)
	}
	if _, err := (&seal.Validator{}).Validate(context.Background(), &jose.Token{}, now); err == nil {
		t.Error("validated without a trust store")
	}
	if _, err := v.Validate(context.Background(), &jose.Token{}, time.Time{}); err == nil {
		t.Error("validated without a time")
	}
	if (seal.Validation{}).Err() == nil {
		t.Error("the zero Validation holds")
	}
}

func TestSealRevocation(t *testing.T) {
	h, err := devca.New(devca.Options{Now: now, Issuer: issuer})
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	v := newValidator(t, h, now)

	unknown := *v
	unknown.Revocation = nil
	if got := validate(t, &unknown, compact, now); got.SubIndication != seal.TryLater || got.Err() == nil {
		t.Errorf("no source: %s\n%s", got.SubIndication, got.Checks)
	}
	unknown.InsecureAcceptUnknownRevocation = true
	if got := validate(t, &unknown, compact, now); got.Err() != nil || !strings.Contains(got.Checks.String(), "skipped "+seal.CheckRevocation) {
		t.Errorf("unknown accepted by policy: %v\n%s", got.Err(), got.Checks)
	}
	// The list runs out.
	late := now.Add(31 * 24 * time.Hour)
	if got := validate(t, v, compact, late); got.SubIndication != seal.TryLater {
		t.Errorf("stale list: %s\n%s", got.SubIndication, got.Checks)
	}
	// Revoked: refused even where unknown is accepted.
	if err := h.Revoke(h.Seal.Certificate, 1, now); err != nil {
		t.Fatal(err)
	}
	v = newValidator(t, h, now)
	v.InsecureAcceptUnknownRevocation = true
	if got := validate(t, v, compact, now); got.SubIndication != seal.RevokedNoPOE || got.Qualification != seal.NotApplicable || got.Err() == nil {
		t.Errorf("revoked: %s\n%s", got.SubIndication, got.Checks)
	}
	if got := validate(t, v, compact, late); got.SubIndication != seal.RevokedNoPOE {
		t.Errorf("revoked and the list ran out: %s\n%s", got.SubIndication, got.Checks)
	}
}

// revocations answers by common name.
type revocations map[string]trust.State

func (r revocations) Revocation(_ context.Context, c, _ *x509.Certificate, _ time.Time) (trust.RevocationStatus, error) {
	return trust.RevocationStatus{State: r[c.Subject.CommonName]}, nil
}

func TestSealChainRevocation(t *testing.T) {
	ca := mint(t, authority("CA"), nil)
	between := mint(t, authority("Between"), &ca)
	deep := mint(t, leaf(), &between)
	compact := sign(t, deep.Key, header(deep.Certificate, between.Certificate), `{}`)
	for name, tc := range map[string]struct {
		source revocations
		sub    seal.SubIndication
	}{
		"all good":             {revocations{"Voorbeeld": trust.Good, "Between": trust.Good}, ""},
		"leaf on hold":         {revocations{"Voorbeeld": trust.OnHold, "Between": trust.Good}, seal.TryLater},
		"leaf revoked":         {revocations{"Voorbeeld": trust.Revoked, "Between": trust.Good}, seal.RevokedNoPOE},
		"intermediate revoked": {revocations{"Voorbeeld": trust.Good, "Between": trust.Revoked}, seal.RevokedCANoPOE},
		"intermediate unknown": {revocations{"Voorbeeld": trust.Good}, seal.TryLater},
		"leaf unknown":         {revocations{"Between": trust.Good}, seal.TryLater},
		"unknown and revoked":  {revocations{"Between": trust.Revoked}, seal.RevokedCANoPOE},
	} {
		v := &seal.Validator{Trust: storeOf(t, ca.Certificate), Revocation: tc.source, SkipProviderList: true}
		if got := validate(t, v, compact, now); got.SubIndication != tc.sub || (got.Err() == nil) != (tc.sub == "") {
			t.Errorf("%s: found %s\n%s", name, got.SubIndication, got.Checks)
		}
	}
}

// A seal that holds, of somebody who is not a listed provider, fails that
// check and no other.
func TestSealOfUnlisted(t *testing.T) {
	h := newHierarchy(t)
	s, err := seal.NewSealer(h.Status.Key, []*x509.Certificate{h.Status.Certificate}, seal.Options{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	v := newValidator(t, h, now)
	got := validate(t, v, compact, now)
	if got.Indication != seal.TotalPassed || got.Err() == nil || !slices.Equal(got.Checks.Failures(), []string{seal.CheckProviderList}) {
		t.Errorf("the status signer sealed a credential: %s\n%s", got.Indication, got.Checks)
	}
	// Without a list nobody is listed.
	store, err := trust.NewStore(h.Anchors(), 0)
	if err != nil {
		t.Fatal(err)
	}
	ok, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	if compact, err = ok.SignCompact("dc+sd-jwt", now, []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	v = &seal.Validator{Trust: store, InsecureAcceptUnknownRevocation: true}
	if got := validate(t, v, compact, now); !slices.Equal(got.Checks.Failures(), []string{seal.CheckProviderList}) {
		t.Errorf("no list:\n%s", got.Checks)
	}
}

// The checks always come in one order, and each once.
func TestChecksInOrder(t *testing.T) {
	order := []string{seal.CheckFormat, seal.CheckCertificate, seal.CheckAlgorithm, seal.CheckSignature, seal.CheckChain, seal.CheckValidity,
		seal.CheckKeyUsage, seal.CheckRevocation, seal.CheckAttributes, seal.CheckBaseline, seal.CheckStatements, seal.CheckQualified, seal.CheckProviderList}
	h := newHierarchy(t)
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	got := validate(t, newValidator(t, h, now), compact, now)
	var names []string
	for _, c := range got.Checks {
		names = append(names, c.Name)
		if c.Spec == "" {
			t.Errorf("%s names no specification", c.Name)
		}
	}
	if !slices.Equal(names, order) {
		t.Errorf("found %v", names)
	}
}
