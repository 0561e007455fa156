package evidence_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/jades"
	"github.com/zegel-id/zegel/seal/tsp"
)

func golden(t testing.TB, name string) *evidence.File {
	f, err := evidence.Parse(testvectors.File(t, "jades-golden", name))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func kinds(f *evidence.File) string {
	var out []string
	for _, e := range f.Elements() {
		out = append(out, string(e.Kind))
	}
	return strings.Join(out, " ")
}

// imprints says for each time-stamp whether it is of what it must be.
func imprints(t testing.TB, f *evidence.File) (out []string) {
	for i, e := range f.Elements() {
		if e.Token == nil {
			continue
		}
		token, err := tsp.Parse(e.Token)
		if err != nil {
			t.Fatal(err)
		}
		kind := map[evidence.Kind]string{evidence.SignatureTimeStamp: "SIGNATURE_TIMESTAMP", evidence.ArchiveTimeStamp: "ARCHIVE_TIMESTAMP"}[e.Kind]
		switch err := f.CheckImprint(i, token); {
		case err == nil:
			out = append(out, kind+":true")
		case errors.Is(err, tsp.ErrImprint):
			out = append(out, kind+":false")
		default:
			t.Fatal(err)
		}
	}
	return out
}

// The golden files are read, their time-stamps are of what they must be, and
// they are written as the same JSON, from the compact token too.
func TestGolden(t *testing.T) {
	const lt, lta = "sigTst xVals rVals", "sigTst xVals rVals arcTst"
	for name, want := range map[string]struct{ elements, compact string }{
		"vc-bt.flat.json": {"sigTst", "vc"}, "vc-bt.general.json": {"sigTst", "vc"},
		"vc-blt.flat.json": {lt, "vc"}, "vc-blt.general.json": {lt, "vc"},
		"vc-blta.flat.json": {lta, "vc"}, "vc-blta.general.json": {lta, "vc"},
		"p-sdjwt.flat.json": {lt, ""}, "p-edc.general.json": {"sigTst", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := golden(t, name)
			if kinds(f) != want.elements || slices.ContainsFunc(imprints(t, f), func(s string) bool { return strings.HasSuffix(s, "false") }) {
				t.Errorf("elements %s, time-stamps %v", kinds(f), imprints(t, f))
			}
			form := evidence.Flattened
			if strings.Contains(name, "general") {
				form = evidence.General
			}
			b, err := f.Marshal(form)
			if err != nil || !sameJSON(t, b, testvectors.File(t, "jades-golden", name)) {
				t.Errorf("written otherwise, %v", err)
			}
			if want.compact == "" {
				return
			}
			compact := strings.TrimSpace(string(testvectors.File(t, "jades-golden", want.compact+".compact")))
			if got, err := f.Compact(); err != nil || got != compact {
				t.Errorf("another compact token, %v", err)
			}
			lifted, err := evidence.Lift(compact)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range f.Elements() {
				if e.Token != nil {
					err = lifted.AddTimeStamp(e.Kind, e.Token)
				} else {
					err = lifted.AddValues(e.Values)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if again, err := lifted.Marshal(form); err != nil || !sameJSON(t, again, b) {
				t.Errorf("lifted and augmented it is another, %v", err)
			}
		})
	}
	if f := golden(t, "p-sdjwt.flat.json"); len(f.Disclosures()) == 0 {
		t.Error("disclosures are lost")
	}
	if f := golden(t, "p-edc.general.json"); !f.Header().Unencoded || !json.Valid(f.Payload()) {
		t.Error("an unencoded payload is not read as it is")
	} else if _, err := f.Compact(); err == nil {
		t.Error("an unencoded payload has a compact form")
	}
}

func sameJSON(t testing.TB, a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		t.Fatal("not JSON")
	}
	ab, _ := json.Marshal(x)
	bb, _ := json.Marshal(y)
	return bytes.Equal(ab, bb)
}

// ETSI's schemas accept the elements and headers that are written.
func TestSchema(t *testing.T) {
	schemas := filepath.Join(testvectors.Dir(t, "jades"), "schema")
	compile := func(address string) *jsonschema.Schema {
		s, err := jsonschema.NewCompiler().Compile(filepath.Join(schemas, address))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	unprotected := compile("19182-unprotected-jsonSchema.json")
	f := made(t, true)
	for _, e := range f.Elements() {
		raw, err := jose.Decode(e.Text)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		schema := compile("19182-jsonSchema.json#/definitions/" + string(e.Kind))
		if err := schema.Validate(doc.(map[string]any)[string(e.Kind)]); err != nil {
			t.Errorf("%s: %v", e.Kind, err)
		}
		if schema.Validate(map[string]any{"val": "AA=="}) == nil {
			t.Errorf("the schema of %s accepts anything", e.Kind)
		}
	}
	b, err := f.Marshal(evidence.Flattened)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if err := unprotected.Validate(doc.(map[string]any)["header"]); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	for _, dir := range []string{testvectors.Dir(f, "jades-golden"), filepath.Join(testvectors.Dir(f, "jades"), "samples")} {
		files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := evidence.Parse(b)
		if err != nil {
			if got != nil {
				t.Error("a failed parse answered something")
			}
			if !errors.Is(err, evidence.ErrFile) && !errors.Is(err, jades.ErrHeader) {
				t.Errorf("unexpected %v", err)
			}
			return
		}
		again, err := got.Marshal(evidence.General)
		if err != nil {
			t.Fatal(err)
		}
		back, err := evidence.Parse(again)
		if err != nil || kinds(back) != kinds(got) || !bytes.Equal(back.Payload(), got.Payload()) {
			t.Errorf("written and read again it is another: %v", err)
		}
	})
}
