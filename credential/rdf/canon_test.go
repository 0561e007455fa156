package rdf_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// The test suite of RDFC-1.0, all of it.
func TestSuite(t *testing.T) {
	var manifest struct {
		Entries []struct{ ID, Type, Name, Action, Result, HashAlgorithm string }
	}
	if err := json.Unmarshal(testvectors.File(t, "rdf-canon", "manifest.jsonld"), &manifest); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range manifest.Entries {
		counts[e.Type]++
		t.Run(strings.TrimPrefix(e.ID, "#"), func(t *testing.T) {
			d, err := rdf.ParseNQuads(string(testvectors.File(t, "rdf-canon", e.Action)))
			if err != nil {
				t.Fatal(err)
			}
			o := rdf.Options{}
			if e.HashAlgorithm == "SHA384" {
				o.Hash = rdf.SHA384
			}
			c, err := d.Canonicalize(o)
			if e.Type == "rdfc:RDFC10NegativeEvalTest" {
				if !errors.Is(err, rdf.ErrWork) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := testvectors.File(t, "rdf-canon", e.Result)
			if e.Type == "rdfc:RDFC10EvalTest" {
				if string(want) != string(c.NQuads) {
					t.Errorf("%s\ngot\n%s\nexpected\n%s", e.Name, c.NQuads, want)
				}
				return
			}
			var m map[string]string
			if err := json.Unmarshal(want, &m); err != nil {
				t.Fatal(err)
			}
			if got := c.Issued(); !maps.Equal(m, got) {
				t.Errorf("%s: got %v, expected %v", e.Name, got, m)
			}
		})
	}
	if counts["rdfc:RDFC10EvalTest"] != 64 || counts["rdfc:RDFC10MapTest"] != 21 || counts["rdfc:RDFC10NegativeEvalTest"] != 1 {
		t.Errorf("another suite: %v", counts)
	}
}
