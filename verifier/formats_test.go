package verifier_test

import (
	"slices"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

// present makes a presentation of any format.
type present func(*testing.T, *world.World, world.Asked) jsontext.Value

// refusal is a presentation that must fail by one check and no other. query is
// asked instead of the usual one if it is not empty.
type refusal struct {
	name, check, query string
	present            present
}

// refuseAll presents each in a world of its own.
func refuseAll(t *testing.T, query string, all []refusal) {
	t.Helper()
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			w := world.New(t)
			q := c.query
			if q == "" {
				q = query
			}
			s := start(t, w, order(q, verifier.SameDevice))
			a := w.Fetch(s)
			_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.FormOf(c.present(t, w, a)))
			refused(t, err, verifier.ErrNotVerified)
			r := result(t, w, s, "")
			unverified(t, r)
			if len(r.Presentations) != 1 || !slices.Equal(r.Presentations[0].Checks.Failures(), []string{c.check}) {
				t.Errorf("failed is not %s:\n%s", c.check, r.Presentations[0].Checks)
			}
		})
	}
}
