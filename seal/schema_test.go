package seal_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// ETSI's own schemas accept the header of our seals and our list of providers.
func TestETSISchemas(t *testing.T) {
	h := newHierarchy(t)
	s, err := h.Sealer("", clock)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.SignCompact("dc+sd-jwt", now, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := jose.Parse(compact)
	if err != nil {
		t.Fatal(err)
	}
	list, err := jose.Parse(h.List)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		schema string
		doc    []byte
		want   bool
	}{
		{filepath.Join(testvectors.Dir(t, "jades"), "schema", "19182-protected-jsonSchema.json"), sealed.RawHeader, true},
		{filepath.Join(testvectors.Dir(t, "jades"), "schema", "19182-protected-jsonSchema.json"), list.RawHeader, true},
		{filepath.Join(testvectors.Dir(t, "jades"), "schema", "19182-protected-jsonSchema.json"), []byte(`{"alg":"ES256","x5c":["AA=="]}`), false},
		{filepath.Join(testvectors.Dir(t, "tsl"), "lote", "schema", "1960201_json_schema.json"), list.Payload, true},
		{filepath.Join(testvectors.Dir(t, "tsl"), "lote", "schema", "1960201_json_schema.json"), []byte(`{"LoTE":{}}`), false},
	} {
		c := jsonschema.NewCompiler()
		schema, err := c.Compile(tc.schema)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(tc.doc))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); (err == nil) != tc.want {
			t.Errorf("%s: %v", filepath.Base(tc.schema), err)
		}
	}
}
