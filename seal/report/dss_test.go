package report_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
)

// dssSample is a sample document of EU DSS: what DSS 6.4 says of it (indication,
// sub-indication and level; of several signatures each), and words of the check
// that fails here and says why.
type dssSample struct{ file, dss, says string }

// malformed is the verdict on what is not read at all.
const malformed = "TOTAL_FAILED FORMAT_FAILURE NOT-BASELINE N/A"

// dssSamples are all documents that DSS 6.4 judged, by what is said of them here
// (indication, sub-indication, level, qualification), and why that is something else
// where it is. Nobody is trusted, as when DSS judged, so that nothing is qualified:
// what is compared is everything before that. An empty reason is agreement.
var dssSamples = []struct {
	ours, why string
	samples   []dssSample
}{
	{"INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B N/A", "", []dssSample{
		{"dss2620_jades-with-expiration-time-header.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", ""},
		{"dss2620_jades-without-non-critical-header-in-crit.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", ""},
		{"jades-level-b-full-type.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", ""},
		{"jades-with-line-break.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", ""},
		{"jades-with-multiple-sign-cert-refs.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", ""},
	}},
	{"INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B N/A", "counter signatures are not evaluated; the verdict on the seal is the same", []dssSample{
		{"jades-with-counter-signature.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B + INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", ""},
	}},
	{"INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND NOT-BASELINE N/A", "", []dssSample{
		{"jades-b-iat-and-sigt.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "expected one signing time"},
		{"jades-b-no-signing-time.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "expected one signing time"},
	}},
	{"TOTAL_FAILED HASH_FAILURE NOT-BASELINE N/A", noLevel, []dssSample{
		{"altered-jws.json", "TOTAL_FAILED HASH_FAILURE JAdES-BASELINE-B", ""},
	}},
	{"INDETERMINATE SIGNED_DATA_NOT_FOUND NOT-BASELINE N/A", noLevel, []dssSample{
		{"jades-detached-by-uri-encoded-pars.json", "INDETERMINATE SIGNED_DATA_NOT_FOUND JAdES-BASELINE-B", "sigD"},
		{"simple-detached-wrong-algo.json", "INDETERMINATE SIGNED_DATA_NOT_FOUND JAdES-BASELINE-B", "sigD"},
		{"simple-detached.json", "INDETERMINATE SIGNED_DATA_NOT_FOUND JAdES-BASELINE-B", "sigD"},
	}},
	{"INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B N/A", "what is critical and not evaluated here, a policy or attributes of the signer, must not be accepted: the check of signed attributes fails too", []dssSample{
		{"jades-with-asn1policy-digPSp.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "not evaluated here: sigPId"},
		{"jades-with-asn1policy.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "not evaluated here: sigPId"},
		{"jades-with-certified.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "not evaluated here: srAts"},
		{"jades-with-spUserNotice.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "not evaluated here: sigPId"},
		{"jades-with-spdspec.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "not evaluated here: sigPId"},
	}},
	{"INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B N/A", "no time-stamp authority is trusted, so that no time-stamp counts; DSS tells the level from what is there", []dssSample{
		{"jades-lta-with-etsiU-whitespaces.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-LTA", "not issued by an authority trusted"},
		{"jades-lta.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-LTA", "not issued by an authority trusted"},
		{"jades-t-duplicated-sigtst.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "not issued by an authority trusted"},
		{"jades-with-sigAndRefsTst-with-dot.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "not issued by an authority trusted"},
		{"jades-with-sigAndRefsTst-without-dot.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "not issued by an authority trusted"},
	}},
	{"INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B N/A", "a time-stamp of something else counts for no level; DSS finds the imprint broken and tells the level all the same", []dssSample{
		{"jades-lta-broken-arcTst.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-LTA", "etsiU[3] stamps something else"},
		{"jades-lta-copied-arctst.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-LTA", "etsiU[3] stamps something else"},
		{"jades-t-copied-sigtst.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "etsiU[0] stamps something else"},
	}},
	{"INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B N/A", "no time-stamp authority is trusted, so that a critical content time-stamp, whose imprint is right, does not hold: its check fails too", []dssSample{
		{"jades-b-copied-cnttst.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "\"good-tsa\" was not issued by an authority trusted"},
	}},
	{malformed, "crit must be an array of names that are understood, there, and no others (RFC 7515, Section 4.1.11); DSS drops the level and goes on", []dssSample{
		{"dss2620_jades-with-crit-with-duplicated-header.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "crit lists \"sigT\" twice"},
		{"dss2620_jades-with-critical-headers-in-crit.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "crit[0] is a name not understood here"},
		{"dss2620_jades-with-empty-crit.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "crit must be a non-empty array"},
		{"dss2620_jades-with-extra-crit-entry.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "crit lists \"sigPl\", which the header does not have"},
		{"dss2620_jades-with-notBefore-header-in-crit.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "crit[0] is a name not understood here"},
	}},
	{malformed, "etsiU is not protected, so it cannot be critical (RFC 7515, Section 4.1.11)", []dssSample{
		{"dss2620_jades-b-level-with-etsiu-in-crit.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "crit[1]"},
		{"dss2620_jades-t-level-with-etsiu-in-crit.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "crit[1]"},
	}},
	{malformed, "crit and x5c must be arrays of strings (RFC 7515, Sections 4.1.6 and 4.1.11)", []dssSample{
		{"dss2620_jades-with-crit-string-type.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "member crit has"},
		{"dss2620_jades-with-crit-with-wrong-entry-type.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "crit[0]"},
		{"jades-wrong-x5c-header.json", "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND JAdES-BASELINE-B", "member x5c has"},
	}},
	{malformed, "what is critical must be understood, and this exp is no time (RFC 7519, Section 4.1.4)", []dssSample{
		{"dss2620_jades-with-expiration-time-header-in-crit.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "exp is critical"},
	}},
	{malformed, "b64 is not used in compact seals (RFC 7797, Section 6), so that sigD is not reached", []dssSample{
		{"dss2620_jades-with-b64-not-in-crit.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "b64"},
		{"jades-detached-by-uri-hash-encoded-pars.json", "INDETERMINATE SIGNED_DATA_NOT_FOUND JAdES-BASELINE-B", "b64"},
	}},
	{malformed, "DSS finds no signature either, or ends with an exception; here every document gets a verdict", []dssSample{
		{"jades-with-double-sigt.json", "EXCEPTION", "appears twice"},
		{"jws-serialization-no-signatures.json", "NO_SIGNATURE", "found 0"},
		{"malformed-jades-serialization.json", "EXCEPTION", "not strict JSON"},
	}},
	{malformed, "members that nobody defines, or of another type, may hide what was not signed: evidence is a closed form", []dssSample{
		{"flattened-extra-element.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "member evil"},
		{"serialization-extra-element.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "signatures[0].evil"},
		{"serialization-wrong-payload-type.json", "INDETERMINATE SIGNED_DATA_NOT_FOUND JAdES-BASELINE-B", "member payload"},
		{"specs-jades-lta-invalid.json", "INDETERMINATE SIGNED_DATA_NOT_FOUND JAdES-BASELINE-T", "evilPayload"},
		{"specs-jades-with-sigPSt-invalid.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JSON-NOT-ETSI", "/signature"},
	}},
	{malformed, "evidence is of one seal; which of several was meant cannot be told", []dssSample{
		{"jades-double-sig-different-etsiU.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-LT + INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-LTA", "found 2"},
		{"jades-two-sigs-copied-tst.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T + INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "found 2"},
	}},
	{malformed, "one container holds one token (TS 119 182-1, clause 6.3); which of two counts cannot be told, and DSS drops the level", []dssSample{
		{"double-lta-in-container.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "2 time-stamp tokens"},
	}},
	{malformed, "elements of etsiU in clear have no agreed canonical form; DSS finds their imprints broken", []dssSample{
		{"jades-t-clear-etsiu.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "etsiU[0] is not base64url"},
		{"jades-with-mixed-etsiU-type.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "etsiU[0] is not base64url"},
		{"specs-jades-lta.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "etsiU[0] is not base64url"},
		{"specs-jades-with-sigPSt.json", "TOTAL_FAILED HASH_FAILURE JSON-NOT-ETSI", "etsiU[0] is not base64url"},
	}},
	{malformed, "etsiU must be an array (TS 119 182-1, clause 5.3.1); DSS passes over it", []dssSample{
		{"jades-wrong-etsiu-type.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "header.etsiU"},
	}},
	{malformed, "without its payload the document is no evidence; DSS says that the data are not there", []dssSample{
		{"jades-flattened-BpB-detached-objectByURIHash.json", "INDETERMINATE SIGNED_DATA_NOT_FOUND JAdES-BASELINE-B", "payload is missing"},
	}},
	{"INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND NOT-BASELINE N/A", "the signing certificate must be in the protected header; it is not looked for in what was added later", []dssSample{
		{"jades-b-with-xvals.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "x5c is missing"},
	}},
	{"INDETERMINATE CHAIN_CONSTRAINTS_FAILURE JAdES-BASELINE-B N/A", "a certificate that nobody issued is refused (HAIP 1.0, Section 6.1.1); counter signatures are not evaluated", []dssSample{
		{"jades-with-attached-counter-signature-replace-attack.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B + TOTAL_FAILED HASH_FAILURE JAdES-BASELINE-B", "self-signed"},
		{"jades-with-broken-attached-counter-signature.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B + TOTAL_FAILED HASH_FAILURE JAdES-BASELINE-B", "self-signed"},
		{"jades-with-broken-detached-counter-signature.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B + TOTAL_FAILED HASH_FAILURE JAdES-BASELINE-B", "self-signed"},
	}},
	{"INDETERMINATE CHAIN_CONSTRAINTS_FAILURE JAdES-BASELINE-B N/A", "an anchor must not stand in x5c (HAIP 1.0, Section 6.1.1)", []dssSample{
		{"edc-json_sealed_advanced.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-LTA", "out of x5c"},
	}},
	{"INDETERMINATE CHAIN_CONSTRAINTS_FAILURE JAdES-BASELINE-B N/A", "a certificate for TLS makes no seal (RFC 5280, Section 4.2.1.12)", []dssSample{
		{"jades-flattened-BpT-broken-sigTst.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "for TLS"},
		{"edc-signed-jades-baseline-lta.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "for TLS"},
		{"elm3-Sample-CertOfPart-signed.jsonld", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "for TLS"},
		{"elm3-Sample-MC-Annex1-signed.jsonld", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-T", "for TLS"},
	}},
	{"INDETERMINATE CRYPTO_CONSTRAINTS_FAILURE NOT-BASELINE N/A", "RS512, and what is no algorithm of JOSE, is not allowed, and nothing is computed with it; DSS computes and tells", []dssSample{
		{"dss2620_jades-with-notBefore-header.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "alg is not one of"},
		{"jades-level-b-sig-policy-invalid-digest-algo.json", "INDETERMINATE NO_CERTIFICATE_CHAIN_FOUND JAdES-BASELINE-B", "alg is not one of"},
		{"jades-unsupported-signature-algorithm.json", "TOTAL_FAILED HASH_FAILURE JAdES-BASELINE-B", "alg is not one of"},
	}},
}

// TestDSS holds every document that DSS judged against the table, and the table
// against what DSS said. RS256, which old seals have, is allowed here only.
func TestDSS(t *testing.T) {
	store, err := trust.NewStore(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	v := &seal.Validator{Trust: store, SkipProviderList: true, Algs: []jose.Alg{jose.ES256, jose.RS256}}
	at := time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
	said := dssVerdicts(t)
	seen := map[string]bool{}
	for _, group := range dssSamples {
		for _, s := range group.samples {
			seen[s.file] = true
			t.Run(s.file, func(t *testing.T) {
				if said[s.file].verdict != s.dss {
					t.Errorf("DSS says %q", said[s.file].verdict)
				}
				if agrees := same(s.dss, group.ours); !agrees && group.why == "" || agrees && group.why != "" && s.says == "" {
					t.Errorf("agrees: %t, with the reason %q", agrees, group.why)
				}
				document := dssDocument(t, s.file)
				r, err := report.Judge(t.Context(), v, document, at)
				if err != nil {
					t.Fatal(err)
				}
				check(t, r)
				if verdict(r) != group.ours || r.Accepted {
					t.Errorf("found %s, expected %s\n%s", verdict(r), group.ours, r.Checks)
				}
				if !slices.ContainsFunc(r.Checks, func(c credential.Check) bool {
					return c.Outcome == credential.Failed && strings.Contains(c.Detail, s.says)
				}) {
					t.Errorf("no failed check says %q\n%s", s.says, r.Checks)
				}
				// The imprints of time-stamps are as DSS found them, wherever they are read.
				if found, read := imprints(t, document); read && !slices.Equal(found, said[s.file].imprints) {
					t.Errorf("imprints %v, DSS says %v", found, said[s.file].imprints)
				}
			})
		}
	}
	if len(seen) != 68 || len(said) != 68 {
		t.Errorf("the table has %d documents, DSS judged %d, expected 68", len(seen), len(said))
	}
}

type dssVerdict struct {
	verdict  string
	imprints []string // of time-stamps of the first signature
}

// dssVerdicts reads what DSS said, by document.
func dssVerdicts(t testing.TB) map[string]dssVerdict {
	out := map[string]dssVerdict{}
	for i, line := range slices.Collect(strings.Lines(string(testvectors.File(t, "jades", "dss-6.4-verdicts.tsv")))) {
		row := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if i == 0 {
			continue
		}
		v, again := out[row[0]]
		switch {
		case row[1] == "EXCEPTION":
			v.verdict = row[1]
		case len(row) < 11:
			v.verdict = row[2] // NO_SIGNATURE
		case again: // a counter signature, or another signature
			v.verdict += " + " + row[4] + " " + row[5] + " " + row[3]
		default:
			v.verdict = row[4] + " " + row[5] + " " + row[3]
			for _, stamp := range strings.Split(row[9], ",") {
				if strings.HasPrefix(stamp, "CONTENT_") || strings.HasPrefix(stamp, "SIGNATURE_") || strings.HasPrefix(stamp, "ARCHIVE_") {
					v.imprints = append(v.imprints, stamp)
				}
			}
		}
		out[row[0]] = v
	}
	return out
}

// dssDocument is a document of the verdicts.
func dssDocument(t testing.TB, name string) []byte {
	switch {
	case strings.HasPrefix(name, "edc-"):
		return testvectors.File(t, "jades", filepath.Join("edc", name))
	case strings.HasPrefix(name, "elm3-"):
		return testvectors.File(t, "elm", filepath.Join("samples", name))
	default:
		return testvectors.File(t, "jades", filepath.Join("samples", name))
	}
}

// imprints says of each time-stamp of a document that can be read whether it is of
// what it must be, in the words of DSS.
func imprints(t testing.TB, document []byte) (out []string, read bool) {
	say := func(kind string, der []byte, check func(*tsp.Token) error) {
		token, err := tsp.Parse(der)
		if err != nil {
			t.Fatal(err)
		}
		switch err := check(token); {
		case err == nil:
			out = append(out, kind+":true")
		case errors.Is(err, tsp.ErrImprint):
			out = append(out, kind+":false")
		default:
			t.Fatal(err)
		}
	}
	f, err := evidence.Parse(document)
	if err != nil {
		f, err = evidence.Lift(strings.TrimSpace(string(document)))
	}
	if err != nil {
		return nil, false
	}
	for _, der := range f.Header().ContentTimeStamps {
		say("CONTENT_TIMESTAMP", der, f.CheckContent)
	}
	for i, e := range f.Elements() {
		if e.Token != nil {
			kind := map[evidence.Kind]string{evidence.SignatureTimeStamp: "SIGNATURE_TIMESTAMP", evidence.ArchiveTimeStamp: "ARCHIVE_TIMESTAMP"}[e.Kind]
			say(kind, e.Token, func(token *tsp.Token) error { return f.CheckImprint(i, token) })
		}
	}
	return out, true
}
