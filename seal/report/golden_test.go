package report_test

import (
	"bytes"
	"encoding/pem"
	"flag"
	"os"
	"path/filepath"
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

// The reports on every golden file, word for word: what is in testdata/golden was
// read by people. Run with -update after a change, and read the difference.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testvectors.Dir(t, "jades-golden"), "*"))
	if err != nil {
		t.Fatal(err)
	}
	v, seen := validator(t), 0
	for _, file := range files {
		name := filepath.Base(file)
		if !strings.HasSuffix(name, ".compact") && !strings.HasSuffix(name, ".json") {
			continue
		}
		seen++
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := judge(t, v, b)
			text := jsontext.Value(check(t, r))
			if err := text.Indent(jsontext.WithIndent(" ")); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".report.json", append(text, '\n'))
			if name == "vc-blta.flat.json" || name == "n-tampered.compact" {
				var out bytes.Buffer
				if err := r.WriteText(&out); err != nil {
					t.Fatal(err)
				}
				golden(t, name+".report.txt", out.Bytes())
			}
		})
	}
	if seen != 19 {
		t.Errorf("%d files, expected 19", seen)
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
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("not what %s says (%v):\n%s", path, err, got)
	}
}
