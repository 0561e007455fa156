package verifier_test

import (
	"slices"
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// table is one in which P-256 ends on a day.
func table(t *testing.T, until string) *trust.Suite {
	t.Helper()
	s, err := trust.ParseSuite([]byte(`{"version":"table until ` + until + `","digests":[{"name":"SHA-256"},{"name":"SHA-384"}],"keys":[{"name":"ECDSA","bits":256,"until":"` + until + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Evidence is judged again by the table of algorithms that the verifier had, or by
// the reader's own, and never by another without a word.
func TestReverifyAlgorithms(t *testing.T) {
	ended, lasting := table(t, "2020-01-01"), table(t, "2099-01-01")
	judged := func(s *trust.Suite) (*world.World, string) {
		w := world.New(t, func(c *verifier.Config) { c.Seals.Suite, c.Seals.Revocation.(*trust.CRLs).Suite = s, s })
		return w, evidenced(t, w, presenting(w))
	}
	refused, whenEnded := judged(ended)
	taken, whenLasting := judged(lasting)
	usual, byDefault := judged(nil)
	without := func(d map[string]any) { delete(d["settings"].(map[string]any), "algorithms") }
	set := func(value any) func(map[string]any) {
		return func(d map[string]any) { d["settings"].(map[string]any)["algorithms"] = value }
	}
	const believed, own, broken = credential.Skipped, credential.Passed, credential.Failed
	for name, c := range map[string]struct {
		w        *world.World
		text     string
		given    *trust.Suite
		holds    bool
		verified bool
		table    credential.Outcome
	}{
		"refused by the table of then":             {refused, whenEnded, nil, true, false, believed},
		"refused by the same table":                {refused, whenEnded, ended, true, false, own},
		"refused then, by the default":             {refused, whenEnded, trust.DefaultSuite(), false, false, own},
		"taken by the table of then":               {taken, whenLasting, nil, true, true, believed},
		"taken then, by one that ended":            {taken, whenLasting, ended, false, false, own},
		"by the default":                           {usual, byDefault, nil, true, true, own},
		"evidence of before":                       {usual, resign(t, usual, byDefault, without), nil, true, true, own},
		"another table put there":                  {usual, resign(t, usual, byDefault, set(map[string]any{"version": "x", "digests": []any{map[string]any{"name": "SHA-256"}}, "keys": []any{map[string]any{"name": "ECDSA", "bits": 521}}})), nil, false, false, believed},
		"no table put there":                       {usual, resign(t, usual, byDefault, set(map[string]any{"version": "x"})), nil, false, false, broken},
		"no table put there, though one was given": {usual, resign(t, usual, byDefault, set("x")), lasting, false, false, broken},
	} {
		r := verifier.Reverify(t.Context(), c.text, c.w.Hierarchy.Anchors(), verifier.WithSuite(c.given))
		holds, anchored := r.OK()
		if holds != c.holds || anchored != (c.holds && c.table == own) || r.Result != nil && r.Result.Verified != c.verified {
			t.Errorf("%s: holds %t, anchored %t\n%v", name, holds, anchored, r.Checks)
		}
		if !slices.ContainsFunc(r.Checks, func(k credential.Check) bool { return k.Name == verifier.CheckAlgorithms && k.Outcome == c.table }) {
			t.Errorf("%s: expected %s\n%v", name, c.table, r.Checks)
		}
	}
}
