package report_test

import (
	"bytes"
	"encoding/pem"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/report"
	"github.com/zegel-id/zegel/seal/trust"
)

var update = flag.Bool("update", false, "write the golden reports anew")

// goldenTime is the fixed clock of the vectors.
var goldenTime = time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)

// validator trusts the authorities of the golden vectors and knows their lists.
func validator(t testing.TB) *seal.Validator {
	anchors := trust.Anchors{}
	var lists [][]byte
	for use, name := range map[trust.Use]string{trust.UseSeal: "sealca", trust.UseTimeStamp: "tsaca"} {
		certs, err := trust.ParsePEM(testvectors.File(t, "jades-golden", name+".pem"))
		if err != nil {
			t.Fatal(err)
		}
		anchors[use] = certs
		list := testvectors.File(t, "jades-golden", name+".crl")
		if block, _ := pem.Decode(list); block != nil {
			list = block.Bytes
		}
		lists = append(lists, list)
	}
	store, err := trust.NewStore(anchors, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &seal.Validator{Trust: store, Revocation: trust.NewArchive(lists, nil), SkipProviderList: true}
}

func judge(t testing.TB, v *seal.Validator, file []byte) report.Report {
	t.Helper()
	r, err := report.Judge(t.Context(), v, file, goldenTime)
	if err != nil {
		t.Fatal(err)
	}
	check(t, r)
	return r
}

// check holds a report against the published schema.
func check(t testing.TB, r report.Report) []byte {
	t.Helper()
	b, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := schema(t).Validate(document(t, b)); err != nil {
		t.Errorf("%v\n%s", err, b)
	}
	return b
}

func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(report.Type, document(t, report.Schema)); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(report.Type)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func document(t testing.TB, b []byte) any {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// goldens are the golden files with what EU DSS 6.4 says of each (indication,
// sub-indication, level) and what is said here (and the qualification, which is
// never more than AdESeal without a trusted list), and why where that differs. Where
// text is set the whole report is in testdata/golden.
var goldens = []struct {
	file, dss, ours, why string
	text                 bool
}{
	{"vc.compact", "TOTAL_PASSED JAdES-BASELINE-B", "TOTAL_PASSED JAdES-BASELINE-B AdESeal", "", true},
	{"sdjwt.compact", "TOTAL_PASSED JAdES-BASELINE-B", "TOTAL_PASSED JAdES-BASELINE-B AdESeal", "", false},
	{"p-extra.compact", "TOTAL_PASSED JAdES-BASELINE-B", "TOTAL_PASSED JAdES-BASELINE-B AdESeal", "", false},
	{"p-critiat.compact", "TOTAL_PASSED JAdES-BASELINE-B", "TOTAL_PASSED JAdES-BASELINE-B AdESeal", "", false},
	{"n-tampered.compact", "TOTAL_FAILED HASH_FAILURE JAdES-BASELINE-B", "TOTAL_FAILED HASH_FAILURE NOT-BASELINE N/A", noLevel, true},
	{"n-critunk.compact", "TOTAL_PASSED JSON-NOT-ETSI", "TOTAL_FAILED FORMAT_FAILURE NOT-BASELINE N/A", "an unknown name in crit must be refused (RFC 7515, Section 4.1.11)", true},
	{"n-both.compact", "INDETERMINATE SIG_CONSTRAINTS_FAILURE JSON-NOT-ETSI", "INDETERMINATE SIG_CONSTRAINTS_FAILURE NOT-BASELINE N/A", "", true},
	{"n-noiat.compact", "INDETERMINATE SIG_CONSTRAINTS_FAILURE JSON-NOT-ETSI", "INDETERMINATE SIG_CONSTRAINTS_FAILURE NOT-BASELINE N/A", "", false},
	{"n-nox5c.compact", "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND JAdES-BASELINE-B", "INDETERMINATE NO_SIGNING_CERTIFICATE_FOUND NOT-BASELINE N/A", noLevel, true},
	{"n-nox5t.compact", "TOTAL_PASSED JSON-NOT-ETSI", "TOTAL_PASSED NOT-BASELINE N/A", "", true},
	{"n-sigT.compact", "TOTAL_PASSED JSON-NOT-ETSI", "TOTAL_PASSED NOT-BASELINE N/A", "", false},
	{"vc-bt.flat.json", "TOTAL_PASSED JAdES-BASELINE-T", "TOTAL_PASSED JAdES-BASELINE-T AdESeal", "", false},
	{"vc-bt.general.json", "TOTAL_PASSED JAdES-BASELINE-T", "TOTAL_PASSED JAdES-BASELINE-T AdESeal", "", false},
	{"p-edc.general.json", "TOTAL_PASSED JAdES-BASELINE-T", "TOTAL_PASSED JAdES-BASELINE-T AdESeal", "", true},
	{"vc-blt.flat.json", "TOTAL_PASSED JAdES-BASELINE-LT", "TOTAL_PASSED JAdES-BASELINE-LT AdESeal", "", false},
	{"vc-blt.general.json", "TOTAL_PASSED JAdES-BASELINE-LT", "TOTAL_PASSED JAdES-BASELINE-LT AdESeal", "", false},
	{"vc-blta.flat.json", "TOTAL_PASSED JAdES-BASELINE-LTA", "TOTAL_PASSED JAdES-BASELINE-LTA AdESeal", "", true},
	{"vc-blta.general.json", "TOTAL_PASSED JAdES-BASELINE-LTA", "TOTAL_PASSED JAdES-BASELINE-LTA AdESeal", "", false},
	{"p-sdjwt.flat.json", "TOTAL_PASSED JAdES-BASELINE-LT", "TOTAL_FAILED HASH_FAILURE JAdES-BASELINE-LT N/A", "what it discloses is not under the seal, and DSS reads no disclosures (RFC 9901, Section 7.1)", true},
}

const noLevel = "DSS tells the level of what the header promises, here it is told of what was judged that far"

// The verdict on every golden file beside that of DSS, and the reports of one of
// each kind word for word. testdata/golden is what the code wrote last (-update): who
// changes the words reads the difference and holds it against the files.
func TestGolden(t *testing.T) {
	v := validator(t)
	dss := map[string]string{}
	for line := range strings.Lines(string(testvectors.File(t, "jades-golden", "DSS-6.4-verdicts.txt"))) {
		row := strings.Fields(line)
		dss[row[0]] = strings.Join(slices.DeleteFunc(row[1:4], func(s string) bool { return s == "null" }), " ")
	}
	for _, g := range goldens {
		t.Run(g.file, func(t *testing.T) {
			if dss[g.file] != g.dss {
				t.Errorf("DSS says %s", dss[g.file])
			}
			if differs := !same(g.dss, g.ours); differs != (g.why != "") {
				t.Errorf("differs %t, reason %q", differs, g.why)
			}
			r := judge(t, v, testvectors.File(t, "jades-golden", g.file))
			if got := verdict(r); got != g.ours {
				t.Errorf("found %s, expected %s\n%s", got, g.ours, r.Checks)
			}
			if !g.text {
				return
			}
			var out bytes.Buffer
			if err := r.WriteText(&out); err != nil {
				t.Fatal(err)
			}
			golden(t, g.file+".txt", out.Bytes())
		})
	}
	if len(goldens) != len(dss) {
		t.Errorf("%d files, DSS judged %d", len(goldens), len(dss))
	}
}

// verdict is what the tables have of a report.
func verdict(r report.Report) string {
	return strings.Join(strings.Fields(string(r.Indication)+" "+string(r.SubIndication)+" "+string(r.Level)+" "+string(r.Qualification)), " ")
}

// same reports whether DSS says what is said here, as far as both say it: DSS calls
// JSON-NOT-ETSI what is NOT-BASELINE here.
func same(dss, ours string) bool {
	return strings.HasPrefix(ours, strings.Replace(dss, "JSON-NOT-ETSI", string(seal.NotBaseline), 1)+" ")
}

// The JSON of a whole report, of a document that cannot be read, and that the two
// forms of one signature get one report.
func TestGoldenJSON(t *testing.T) {
	v := validator(t)
	for _, name := range []string{"vc-blta.flat.json", "n-critunk.compact"} {
		text := jsontext.Value(check(t, judge(t, v, testvectors.File(t, "jades-golden", name))))
		if err := text.Indent(jsontext.WithIndent(" ")); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".report.json", append(text, '\n'))
	}
	for _, name := range []string{"vc-bt", "vc-blt", "vc-blta"} {
		flat, general := judge(t, v, testvectors.File(t, "jades-golden", name+".flat.json")), judge(t, v, testvectors.File(t, "jades-golden", name+".general.json"))
		if flat.Document.Form != report.Flattened || general.Document.Form != report.General {
			t.Errorf("%s: forms %s and %s", name, flat.Document.Form, general.Document.Form)
		}
		flat.Document, general.Document = report.Document{}, report.Document{}
		if !reflect.DeepEqual(flat, general) {
			t.Errorf("%s: the forms get different reports\n%+v\n%+v", name, flat, general)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	have, expected := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i, line := range have {
		if i >= len(expected) || line != expected[i] {
			t.Errorf("%s:%d: not %q", path, i+1, line)
			return
		}
	}
	if len(have) != len(expected) {
		t.Errorf("%s has %d lines, not %d", path, len(expected), len(have))
	}
}
