package seal_test

import (
	"context"
	"crypto/x509"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/trust"
)

// goldenTime is the fixed clock of the vectors.
var goldenTime = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

func goldenCertificate(t testing.TB, file string) *x509.Certificate {
	certs, err := trust.ParsePEM(testvectors.File(t, "jades-golden", file))
	if err != nil {
		t.Fatal(err)
	}
	return certs[0]
}

func goldenValidator(t testing.TB) *seal.Validator {
	ca := goldenCertificate(t, "sealca.pem")
	store, err := trust.NewStore(trust.Anchors{trust.UseSeal: {ca}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	crls := trust.NewCRLs(nil, nil)
	if err := crls.Add(testvectors.File(t, "jades-golden", "sealca.crl"), ca); err != nil {
		t.Fatal(err)
	}
	return &seal.Validator{Trust: store, Revocation: crls, SkipProviderList: true}
}

func TestGolden(t *testing.T) {
	v := goldenValidator(t)
	for _, tc := range []struct {
		file  string
		ind   seal.Indication
		sub   seal.SubIndication
		qual  seal.Qualification
		level seal.Level
	}{
		{"sdjwt", seal.TotalPassed, "", seal.AdESeal, seal.BaselineB},
		{"vc", seal.TotalPassed, "", seal.AdESeal, seal.BaselineB},
		{"p-extra", seal.TotalPassed, "", seal.AdESeal, seal.BaselineB},
		{"p-critiat", seal.TotalPassed, "", seal.AdESeal, seal.BaselineB},
		{"n-tampered", seal.TotalFailed, seal.HashFailure, seal.NotApplicable, seal.NotBaseline},
		{"n-critunk", seal.TotalFailed, seal.FormatFailure, seal.NotApplicable, seal.NotBaseline},
		{"n-both", seal.Indeterminate, seal.SigConstraintsFailure, seal.NotApplicable, seal.NotBaseline},
		{"n-noiat", seal.Indeterminate, seal.SigConstraintsFailure, seal.NotApplicable, seal.NotBaseline},
		{"n-nox5c", seal.Indeterminate, seal.NoSigningCertificateFound, seal.NotApplicable, seal.NotBaseline},
		{"n-nox5t", seal.TotalPassed, "", seal.NotApplicable, seal.NotBaseline},
		{"n-sigT", seal.TotalPassed, "", seal.NotApplicable, seal.NotBaseline},
	} {
		t.Run(tc.file, func(t *testing.T) {
			tok, err := jose.Parse(strings.TrimSpace(string(testvectors.File(t, "jades-golden", tc.file+".compact"))))
			if err != nil {
				t.Fatal(err)
			}
			got, err := v.Validate(context.Background(), tok, goldenTime)
			if err != nil {
				t.Fatal(err)
			}
			if got.Indication != tc.ind || got.SubIndication != tc.sub || got.Qualification != tc.qual || got.Level != tc.level {
				t.Errorf("found %s %s %s %s\n%s", got.Indication, got.SubIndication, got.Qualification, got.Level, got.Checks)
			}
			good := tc.qual == seal.AdESeal
			if (got.Err() == nil) != good {
				t.Errorf("Err is %v", got.Err())
			}
			if good && (got.Source == nil || got.Source.Country != "BE" || !strings.Contains(got.Source.Name, "LED") || got.Organization.String() != "NTRBE-0316380841") {
				t.Errorf("source %+v, organization %v", got.Source, got.Organization)
			}
		})
	}
}

// A sample of DSS that has it all, with its own root as anchor: time-stamps hold
// by the OCSP answers and lists in it. What does not is that the answer about the
// seal comes from a responder that another authority made.
func TestStrangersEvidence(t *testing.T) {
	f, err := evidence.Parse(testvectors.File(t, "jades", filepath.Join("samples", "jades-lta.json")))
	if err != nil {
		t.Fatal(err)
	}
	var roots []*x509.Certificate
	for _, c := range f.Values().Certificates {
		if c.IsCA {
			roots = append(roots, c)
		}
	}
	store, err := trust.NewStore(trust.Anchors{trust.UseSeal: roots, trust.UseTimeStamp: roots}, 0)
	if err != nil {
		t.Fatal(err)
	}
	v := &seal.Validator{Trust: store, SkipProviderList: true, Algs: []jose.Alg{jose.RS256}}
	got := judge(t, v, f, time.Date(2021, 1, 25, 12, 0, 0, 0, time.UTC))
	if got.SubIndication != seal.TryLater || !hasFailures(got, seal.CheckRevocation) || len(got.TimeStamps) != 2 || !got.TimeStamps[0].Accepted || !got.TimeStamps[1].Accepted ||
		!got.BestSignatureTime.Equal(time.Date(2021, 1, 25, 10, 20, 4, 0, time.UTC)) {
		t.Errorf("found %s %s at %s\n%s", got.Indication, got.SubIndication, got.BestSignatureTime, got.Checks)
	}
	if !strings.Contains(got.Revocation.Detail, "RFC 6960") {
		t.Errorf("why: %s", got.Revocation.Detail)
	}
}
