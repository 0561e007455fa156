package unit_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
)

// Only what was asked for is disclosed.
func TestDisclosure(t *testing.T) {
	a := newAuthority(t, issuerURL)
	one := func(more string) string {
		return `{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]}` + more + `}]}`
	}
	for _, c := range []struct{ name, query, want string }{
		{"nothing", one(""), `{"subjects":[],"tags":[]}`},
		{"a claim", one(`,"claims":[{"path":["title"]}]`), `{"subjects":[],"tags":[],"title":"T"}`},
		{"a nested claim", one(`,"claims":[{"path":["person","family_name"]}]`), `{"person":{"family_name":"F"},"subjects":[],"tags":[]}`},
		{"an object with all in it", one(`,"claims":[{"path":["person"]}]`), `{"person":{"family_name":"F","given_name":"G"},"subjects":[],"tags":[]}`},
		{"all elements", one(`,"claims":[{"path":["tags",null]}]`), `{"subjects":[],"tags":["A","B"]}`},
		{"one element", one(`,"claims":[{"path":["tags",1]}]`), `{"subjects":[],"tags":["B"]}`},
		{"elements with a value", one(`,"claims":[{"path":["tags",null],"values":["B","C"]}]`), `{"subjects":[],"tags":["B"]}`},
		{"a member of one element", one(`,"claims":[{"path":["subjects",1,"name"]}]`), `{"subjects":[{"name":"M","points":4}],"tags":[]}`},
		{"a value that fits", one(`,"claims":[{"path":["level"],"values":[5,6]}]`), `{"level":6,"subjects":[],"tags":[]}`},
		{"the first set that can be", one(`,"claims":[{"id":"a","path":["person","birth"]},{"id":"b","path":["level"]},{"id":"c","path":["title"]}],"claim_sets":[["a"],["b"],["c"]]`), `{"level":6,"subjects":[],"tags":[]}`},
		{"the set with the value", one(`,"claims":[{"id":"a","path":["level"],"values":[7]},{"id":"b","path":["title"]}],"claim_sets":[["a"],["b"]]`), `{"subjects":[],"tags":[],"title":"T"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, _ := newVault(t, r.net)
			it := a.hold(t, v, 1)
			r.ask(c.query)
			var agreed unit.Consent
			w := r.wallet(func(got unit.Consent) (bool, error) { agreed = got; return true, nil })
			shared := must(w.Answer(t.Context(), v, r.read(w)))(t)
			got := r.verified(r.opened(), "q")
			if len(got) != 1 {
				t.Fatalf("%d presentations", len(got))
			}
			if text := told(t, got[0]); text != c.want {
				t.Errorf("disclosed %s, expected %s", text, c.want)
			}
			receipt := must(v.Receipt(t.Context(), shared.Receipt))(t)
			if len(receipt.Shared) != 1 || receipt.Shared[0].Item != it.Name || len(receipt.Shared[0].Disclosed) != len(agreed.Items[0].Paths) || receipt.Purpose != "Enrol" || receipt.Outcome != unit.OutcomeAccepted {
				t.Errorf("%+v", receipt)
			}
		})
	}
}

// told are the claims of the credential that a presentation shows.
func told(t *testing.T, v *sdjwt.Verified) string {
	t.Helper()
	all := must(v.Claims.Map())(t)
	for name := range all {
		if !slices.Contains([]string{"title", "level", "person", "tags", "subjects"}, name) {
			delete(all, name)
		}
	}
	return string(must(jose.Marshal(all))(t))
}

// What an optional set asks for stays, and of the options the preferred one
// that can be is taken; multiple gives all.
func TestCredentialSets(t *testing.T) {
	a := newAuthority(t, issuerURL)
	query := func(id, vct, more string) string {
		return `{"id":"` + id + `","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"claims":[{"path":["title"]}]` + more + `}`
	}
	for _, c := range []struct {
		name, query string
		want        map[string]int
	}{
		{"optional", `{"credentials":[` + query("a", vct, "") + `,` + query("b", otherVCT, "") + `],"credential_sets":[{"options":[["a"]]},{"options":[["b"]],"required":false}]}`, map[string]int{"a": 1}},
		{"preferred", `{"credentials":[` + query("a", vct, "") + `,` + query("b", otherVCT, "") + `],"credential_sets":[{"options":[["b"],["a"]]}]}`, map[string]int{"b": 1}},
		{"both", `{"credentials":[` + query("a", vct, "") + `,` + query("b", otherVCT, "") + `]}`, map[string]int{"a": 1, "b": 1}},
		{"one of two", `{"credentials":[` + query("a", vct, "") + `]}`, map[string]int{"a": 1}},
		{"multiple", `{"credentials":[` + query("a", vct, `,"multiple":true`) + `]}`, map[string]int{"a": 2}},
		{"one for two queries", `{"credentials":[` + query("a", otherVCT, "") + `,` + query("b", otherVCT, "") + `]}`, map[string]int{"a": 1, "b": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, p := newVault(t, r.net)
			a.hold(t, v, 1)
			a.hold(t, v, 1)
			other := a.hold(t, v, 2, func(c *sdjwt.Credential) { c.Type = otherVCT })
			r.ask(c.query)
			w := r.wallet(yes)
			shared := must(w.Answer(t.Context(), v, r.read(w)))(t)
			res := r.opened()
			got := map[string]int{}
			total := 0
			for id := range res.VPToken {
				got[id] = len(r.verified(res, id))
				total += got[id]
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%v, expected %v", got, c.want)
			}
			if e := p.events(); len(e) != total {
				t.Errorf("%d uses logged, %d credentials shared", len(e), total)
			}
			if receipt := must(v.Receipt(t.Context(), shared.Receipt))(t); len(receipt.Shared) != total {
				t.Errorf("%+v", receipt)
			}
			it, _, err := v.Item(t.Context(), other.Name)
			if err != nil || it.Copies[0].Shown > 1 || it.Copies[1].Shown != 0 {
				t.Errorf("a share counts a copy once: %v", err)
			}
		})
	}
}

// Each presentation takes the copy that was shown least, so that receivers
// cannot tell that they met the same person.
func TestCopies(t *testing.T) {
	a := newAuthority(t, issuerURL)
	r := newReceiver(t, a, newNetwork())
	v, p := newVault(t, r.net)
	it := a.hold(t, v, 4) // the last is kept for evidence
	seen := map[string]int{}
	for range 7 {
		w := r.wallet(yes)
		asked := r.read(w)
		must(w.Answer(t.Context(), v, asked))(t)
		shown := r.verified(r.opened(), "q")[0]
		seen[shown.Subject+" "+shown.ID+" "+shown.Holder.Thumbprint()]++
	}
	if len(seen) != 3 {
		t.Errorf("%d copies were shown", len(seen))
	}
	for _, n := range seen {
		if n < 2 || n > 3 {
			t.Errorf("a copy was shown %d times of 7", n)
		}
	}
	if e := p.events(); len(e) != 7 || e[0] != (unit.Event{Kind: "share", Organisation: receiverNumber, Purpose: "enrolment", LegalBasis: "Codex, art. 1 (TEST)", DataType: vct}) {
		t.Errorf("%+v", e)
	}

	// Another device presents while the citizen is asked here: another copy is
	// taken. The count was made before anything left.
	before, _, err := v.Item(t.Context(), it.Name)
	if err != nil {
		t.Fatal(err)
	}
	w := r.wallet(func(unit.Consent) (bool, error) {
		other := r.wallet(yes)
		_, err := other.Answer(t.Context(), v, r.read(other))
		return true, err
	})
	must(w.Answer(t.Context(), v, r.read(w)))(t)
	after, _, err := v.Item(t.Context(), it.Name)
	if err != nil {
		t.Fatal(err)
	}
	for i := range after.Copies {
		if after.Copies[i].Shown > 3 || after.Copies[i].Shown < before.Copies[i].Shown {
			t.Errorf("copy %d: shown %d times, before %d", i, after.Copies[i].Shown, before.Copies[i].Shown)
		}
	}

	// What was agreed to is removed meanwhile: nothing is sent.
	posted := len(r.posted)
	w = r.wallet(func(unit.Consent) (bool, error) { return true, v.Remove(t.Context(), it.Name) })
	if _, err := w.Answer(t.Context(), v, r.read(w)); err == nil || len(r.posted) != posted {
		t.Errorf("what was removed was shared: %v", err)
	}
}

// A credential that is bound to a key is shown with proof of it, also where the
// query does not ask for that (HAIP 1.0, Section 6.1.1.1).
func TestKeyBindingAlways(t *testing.T) {
	a := newAuthority(t, issuerURL)
	for _, more := range []string{"", `,"require_cryptographic_holder_binding":false`} {
		r := newReceiver(t, a, newNetwork())
		v, _ := newVault(t, r.net)
		a.hold(t, v, 1)
		r.ask(`{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]}` + more + `}]}`)
		w := r.wallet(yes)
		must(w.Answer(t.Context(), v, r.read(w)))(t)
		if got := r.verified(r.opened(), "q"); len(got) != 1 || got[0].KeyBinding == nil {
			t.Errorf("%q: shown without its key", more)
		}
	}
}
