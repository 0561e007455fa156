package seal_test

import (
	"context"
	"crypto/x509"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
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

// dssDeviations are the compact samples of DSS on which we answer otherwise
// than DSS 6.4, each with its reason. Everything else must agree in
// indication, sub-indication and whether the level is a baseline one. Behind
// the missing chain lies one more difference: a critical sigPId, adoTst or
// srAts is not evaluated here and fails the signed attributes.
var dssDeviations = map[string]struct {
	sub    seal.SubIndication
	reason string
}{
	"dss2620_jades-with-b64-not-in-crit.json":                {seal.FormatFailure, "b64 is not used in a compact seal of ours (RFC 7797, Section 6)"},
	"dss2620_jades-with-crit-string-type.json":               {unreadable, "crit must be an array (RFC 7515, Section 4.1.11)"},
	"dss2620_jades-with-crit-with-wrong-entry-type.json":     {unreadable, "crit must hold strings"},
	"dss2620_jades-with-crit-with-duplicated-header.json":    {seal.FormatFailure, "crit repeats a name"},
	"dss2620_jades-with-critical-headers-in-crit.json":       {seal.FormatFailure, "crit lists names of RFC 7515"},
	"dss2620_jades-with-empty-crit.json":                     {seal.FormatFailure, "crit is empty"},
	"dss2620_jades-with-extra-crit-entry.json":               {seal.FormatFailure, "crit lists an absent name"},
	"dss2620_jades-with-expiration-time-header-in-crit.json": {seal.FormatFailure, "critical exp is no NumericDate"},
	"dss2620_jades-with-notBefore-header-in-crit.json":       {seal.FormatFailure, "crit lists nbf, which JAdES does not define"},
	"dss2620_jades-with-notBefore-header.json":               {seal.CryptoConstraintsFailure, "RS512 is not among the product's algorithms"},
	"jades-level-b-sig-policy-invalid-digest-algo.json":      {seal.CryptoConstraintsFailure, "RS512 is not among the product's algorithms"},
	"jades-unsupported-signature-algorithm.json":             {seal.CryptoConstraintsFailure, "the algorithm is refused before anything is computed; DSS says HASH_FAILURE"},
	"jades-detached-by-uri-hash-encoded-pars.json":           {seal.FormatFailure, "b64 is not used in a compact seal of ours, so sigD is not reached"},
	"jades-wrong-x5c-header.json":                            {unreadable, "x5c must be an array (RFC 7515, Section 4.1.6)"},
}

const unreadable seal.SubIndication = "not a JWS header"

// TestDSS compares with the verdicts of EU DSS 6.4 on its own compact samples,
// without anchors, as the verdicts were made. RS256 is allowed here only.
func TestDSS(t *testing.T) {
	dir := testvectors.Dir(t, "jades")
	f, err := os.Open(filepath.Join(dir, "dss-6.4-verdicts.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	store, err := trust.NewStore(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	v := &seal.Validator{Trust: store, SkipProviderList: true, Algs: []jose.Alg{jose.ES256, jose.RS256}}
	seen := 0
	for _, row := range rows {
		if len(row) < 6 || row[1] != "JWSCompactDocumentValidator" {
			continue
		}
		seen++
		t.Run(row[0], func(t *testing.T) {
			format, ind, sub := row[3], seal.Indication(row[4]), seal.SubIndication(row[5])
			deviation, deviates := dssDeviations[row[0]]
			b, err := os.ReadFile(filepath.Join(dir, "samples", row[0]))
			if err != nil {
				t.Fatal(err)
			}
			tok, err := jose.Parse(strings.TrimSpace(string(b)))
			if err != nil {
				if deviation.sub != unreadable {
					t.Fatal(err)
				}
				return
			}
			got, err := v.Validate(context.Background(), tok, time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC))
			if err != nil {
				t.Fatal(err)
			}
			if deviates {
				if got.SubIndication != deviation.sub || got.Err() == nil {
					t.Errorf("deviation (%s): found %s %s\n%s", deviation.reason, got.Indication, got.SubIndication, got.Checks)
				}
				return
			}
			if got.Indication != ind || got.SubIndication != sub {
				t.Errorf("found %s %s, DSS says %s %s\n%s", got.Indication, got.SubIndication, ind, sub, got.Checks)
			}
			if got.Certificate == nil {
				return
			}
			// A header that is no baseline one in DSS fails one of two checks here.
			failed := got.Checks.Failures()
			other := slices.Contains(failed, seal.CheckBaseline) || slices.Contains(failed, seal.CheckAttributes)
			switch baseline := strings.HasPrefix(format, "JAdES-BASELINE"); {
			case baseline && slices.Contains(failed, seal.CheckBaseline):
				t.Errorf("DSS says %s\n%s", format, got.Checks)
			case !baseline && !other:
				t.Errorf("DSS says %s\n%s", format, got.Checks)
			}
		})
	}
	if seen < 25 {
		t.Errorf("only %d compact samples", seen)
	}
}

// dssEvidenceDeviations are the JSON samples that are read and answered otherwise.
var dssEvidenceDeviations = map[string]struct {
	sub    seal.SubIndication
	reason string
}{
	"jades-b-with-xvals.json":                                   {seal.NoSigningCertificateFound, "x5c is missing; the signing certificate must be in the protected header"},
	"jades-flattened-BpT-broken-sigTst.json":                    {seal.ChainConstraintsFailure, "the certificate is for TLS"},
	"jades-with-attached-counter-signature-replace-attack.json": {seal.ChainConstraintsFailure, "the certificate is self-signed"},
	"jades-with-broken-attached-counter-signature.json":         {seal.ChainConstraintsFailure, "the certificate is self-signed"},
	"jades-with-broken-detached-counter-signature.json":         {seal.ChainConstraintsFailure, "the certificate is self-signed"},
	"edc-json_sealed_advanced.json":                             {seal.ChainConstraintsFailure, "the anchor stands in x5c (HAIP 1.0, Section 6.1.1)"},
	"edc-signed-jades-baseline-lta.json":                        {seal.ChainConstraintsFailure, "the certificate is for TLS"},
	"elm3-Sample-CertOfPart-signed.jsonld":                      {seal.ChainConstraintsFailure, "the certificate is for TLS"},
	"elm3-Sample-MC-Annex1-signed.jsonld":                       {seal.ChainConstraintsFailure, "the certificate is for TLS"},
}

// TestDSSEvidence compares with the verdicts of EU DSS 6.4 on its JSON samples,
// without anchors. What seal/evidence does not read is FORMAT_FAILURE here, for
// reasons that its own test names one by one; the imprints of time-stamps are
// compared there too.
func TestDSSEvidence(t *testing.T) {
	f, err := os.Open(filepath.Join(testvectors.Dir(t, "jades"), "dss-6.4-verdicts.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	store, err := trust.NewStore(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	v := &seal.Validator{Trust: store, SkipProviderList: true, Algs: []jose.Alg{jose.ES256, jose.RS256}}
	seen := 0
	for _, row := range rows {
		// Further signatures are counter signatures, which are not evaluated.
		if len(row) < 6 || row[1] != "JWSSerializationDocumentValidator" || row[2] != "0" {
			continue
		}
		dir := filepath.Join(testvectors.Dir(t, "jades"), "samples")
		if strings.HasPrefix(row[0], "edc-") {
			dir = filepath.Join(testvectors.Dir(t, "jades"), "edc")
		} else if strings.HasPrefix(row[0], "elm3-") {
			dir = filepath.Join(testvectors.Dir(t, "elm"), "samples")
		}
		t.Run(row[0], func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, row[0]))
			if err != nil {
				t.Fatal(err)
			}
			file, err := evidence.Parse(b)
			if err != nil {
				return
			}
			seen++
			got, err := v.ValidateEvidence(context.Background(), file, time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC))
			if err != nil {
				t.Fatal(err)
			}
			want, reason := seal.SubIndication(row[5]), "DSS"
			if d, deviates := dssEvidenceDeviations[row[0]]; deviates {
				want, reason = d.sub, d.reason
			}
			if string(got.Indication) != row[4] || got.SubIndication != want {
				t.Errorf("found %s %s, expected %s %s (%s)\n%s", got.Indication, got.SubIndication, row[4], want, reason, got.Checks)
			}
		})
	}
	if seen != 19 {
		t.Errorf("%d samples were read, expected 19", seen)
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
