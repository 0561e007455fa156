package unit_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

func ask(id, vct, more string) string {
	return `{"id":"` + id + `","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"claims":[{"path":["title"]}]` + more + `}`
}

// OpenID4VP 1.0, Section 6.4.2: between options, and between credentials, the
// citizen chooses; what is optional stays unless it is chosen.
func TestChoose(t *testing.T) {
	a := newAuthority(t, issuerURL)
	either := `{"credentials":[` + ask("a", vct, "") + `,` + ask("b", otherVCT, "") + `],"credential_sets":[{"options":[["a"],["b"],["a","b"]]}]}`
	optional := `{"credentials":[` + ask("a", vct, "") + `,` + ask("b", otherVCT, "") + `],"credential_sets":[{"options":[["a"]]},{"options":[["b"]],"required":false}]}`
	several := `{"credentials":[` + ask("a", vct, `,"multiple":true`) + `]}`
	one := `{"credentials":[` + ask("a", vct, "") + `]}`
	errGone := errors.New("the citizen went")
	for _, c := range []struct {
		name, query string
		choose      func(c unit.Choice, first, second string) (unit.Chosen, error)
		want        string // answered queries, each with its number
		shows       string // the item that answers a
		fails       string
	}{
		{name: "the second option", query: either, choose: func(unit.Choice, string, string) (unit.Chosen, error) {
			return unit.Chosen{Options: map[int]int{0: 1}}, nil
		}, want: "b1"},
		{name: "the option of both", query: either, choose: func(unit.Choice, string, string) (unit.Chosen, error) {
			return unit.Chosen{Options: map[int]int{0: 2}}, nil
		}, want: "a1 b1"},
		{name: "nothing chosen is what the receiver prefers", query: either, choose: func(unit.Choice, string, string) (unit.Chosen, error) { return unit.Chosen{}, nil }, want: "a1"},
		{name: "an option that is none", query: either, choose: func(unit.Choice, string, string) (unit.Chosen, error) {
			return unit.Chosen{Options: map[int]int{0: 3}}, nil
		}, fails: "option 3 of set 0"},
		{name: "a required set left out", query: either, choose: func(unit.Choice, string, string) (unit.Chosen, error) {
			return unit.Chosen{Options: map[int]int{0: unit.NoOption}}, nil
		}, fails: "option -1 of set 0"},
		{name: "the optional set stays", query: optional, choose: func(unit.Choice, string, string) (unit.Chosen, error) { return unit.Chosen{}, nil }, want: "a1"},
		{name: "the optional set is chosen", query: optional, choose: func(unit.Choice, string, string) (unit.Chosen, error) {
			return unit.Chosen{Options: map[int]int{1: 0}}, nil
		}, want: "a1 b1"},
		{name: "the optional set is left out by name", query: optional, choose: func(unit.Choice, string, string) (unit.Chosen, error) {
			return unit.Chosen{Options: map[int]int{1: unit.NoOption}}, nil
		}, want: "a1"},
		{name: "the second credential", query: one, choose: func(_ unit.Choice, _, second string) (unit.Chosen, error) {
			return unit.Chosen{Items: map[string][]string{"a": {second}}}, nil
		}, want: "a1", shows: "second"},
		{name: "one of several", query: several, choose: func(_ unit.Choice, _, second string) (unit.Chosen, error) {
			return unit.Chosen{Items: map[string][]string{"a": {second}}}, nil
		}, want: "a1", shows: "second"},
		{name: "several", query: several, choose: func(_ unit.Choice, first, second string) (unit.Chosen, error) {
			return unit.Chosen{Items: map[string][]string{"a": {second, first}}}, nil
		}, want: "a2"},
		{name: "two where one is taken", query: one, choose: func(_ unit.Choice, first, second string) (unit.Chosen, error) {
			return unit.Chosen{Items: map[string][]string{"a": {first, second}}}, nil
		}, fails: "takes one"},
		{name: "one twice", query: several, choose: func(_ unit.Choice, first, _ string) (unit.Chosen, error) {
			return unit.Chosen{Items: map[string][]string{"a": {first, first}}}, nil
		}, fails: "chosen twice"},
		{name: "one that does not fit", query: one, choose: func(unit.Choice, string, string) (unit.Chosen, error) {
			return unit.Chosen{Items: map[string][]string{"a": {"other"}}}, nil
		}, fails: "does not fit"},
		{name: "the citizen went", query: one, choose: func(unit.Choice, string, string) (unit.Chosen, error) { return unit.Chosen{}, errGone }, fails: "went"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, _ := newVault(t, r.net)
			first, second := a.hold(t, v, 1), a.hold(t, v, 1)
			a.hold(t, v, 1, func(c *sdjwt.Credential) { c.Type = otherVCT })
			r.ask(c.query)
			var agreed unit.Consent
			w := r.wallet(func(c unit.Consent) (bool, error) { agreed = c; return true, nil })
			w.Choose = func(_ context.Context, choice unit.Choice) (unit.Chosen, error) {
				if len(choice.Items["a"]) != 2 || choice.Items["a"][0].Name == "" || len(choice.Sets) == 0 || slices.Contains(choice.Multiple, "a") != strings.Contains(c.query, "multiple") {
					t.Errorf("to choose from: %+v", choice)
				}
				return c.choose(choice, first.Name, second.Name)
			}
			_, err := w.Answer(t.Context(), v, r.read(w))
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) || len(r.posted) != 0 || agreed.Receiver != "" {
					t.Errorf("%v, expected %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			res := r.opened()
			var got []string
			for _, id := range []string{"a", "b"} {
				if n := len(r.verified(res, id)); n > 0 {
					got = append(got, id+string(rune('0'+n)))
				}
			}
			if strings.Join(got, " ") != c.want || len(res.VPToken) != len(got) {
				t.Errorf("answered %v, expected %s", got, c.want)
			}
			if c.shows == "second" && agreed.Items[0].Name != second.Name {
				t.Errorf("shown %+v", agreed.Items)
			}
		})
	}
	// With nothing to choose nobody is asked to.
	r := newReceiver(t, a, newNetwork())
	v, _ := newVault(t, r.net)
	a.hold(t, v, 1)
	w := r.wallet(yes)
	w.Choose = func(context.Context, unit.Choice) (unit.Chosen, error) {
		t.Error("there was nothing to choose")
		return unit.Chosen{}, nil
	}
	must(w.Answer(t.Context(), v, r.read(w)))(t)
}

// payFor is a payment that one of these queries may authorise.
func payFor(t testing.TB, algs []any, ids ...any) string {
	t.Helper()
	d := m{"type": oid4vp.TransactionPayment, "credential_ids": ids, "payee": "Shop", "amount": "12.50", "currency": "EUR"}
	if algs != nil {
		d["transaction_data_hashes_alg"] = algs
	}
	return jose.Encode(must(jose.Marshal(d))(t))
}

// OpenID4VP 1.0, Sections 5.1 and 8.4: exactly one presentation authorises a
// transaction, also where several credentials could, and only one that the
// citizen chose. When none is left nothing is shared, in the words of any other
// refusal.
func TestTransactionIsAuthorisedOnce(t *testing.T) {
	a := newAuthority(t, issuerURL)
	both := `{"credentials":[` + ask("a", vct, "") + `,` + ask("b", otherVCT, "") + `]}`
	either := `{"credentials":[` + ask("a", vct, "") + `,` + ask("b", otherVCT, "") + `],"credential_sets":[{"options":[["a"],["b"]]}]}`
	optional := `{"credentials":[` + ask("a", vct, "") + `,` + ask("b", otherVCT, "") + `],"credential_sets":[{"options":[["a"]]},{"options":[["b"]],"required":false}]}`
	sha512 := []any{"sha-512"}
	for _, c := range []struct {
		name, query string
		data        []any
		choose      unit.Chosen
		want        string // hashes by query, in each of its presentations; empty: refused
	}{
		{name: "of either, the first named", query: both, data: []any{payFor(t, nil, "b", "a")}, want: "a:0 b:1"},
		{name: "one each", query: both, data: []any{payFor(t, nil, "a"), payFor(t, nil, "b")}, want: "a:1 b:1"},
		{name: "two in one", query: both, data: []any{payFor(t, nil, "a"), payFor(t, []any{"sha-512", "sha-256"}, "a")}, want: "a:2 b:0"},
		{name: "hashes that do not go together go apart", query: both, data: []any{payFor(t, nil, "a", "b"), payFor(t, sha512, "a", "b")}, want: "a:1 b:1"},
		{name: "hashes that do not go together", query: both, data: []any{payFor(t, nil, "a"), payFor(t, sha512, "a")}},
		{name: "multiple", query: `{"credentials":[` + ask("a", vct, `,"multiple":true`) + `]}`, data: []any{payFor(t, nil, "a")}, want: "a:1,0 b:"},
		{name: "of what was chosen", query: either, data: []any{payFor(t, nil, "a", "b")}, choose: unit.Chosen{Options: map[int]int{0: 1}}, want: "a: b:1"},
		{name: "of what was not chosen", query: either, data: []any{payFor(t, nil, "b")}},
		{name: "of what is optional and was left out", query: optional, data: []any{payFor(t, nil, "b")}},
		{name: "of what is optional and was chosen", query: optional, data: []any{payFor(t, nil, "b")}, choose: unit.Chosen{Options: map[int]int{1: 0}}, want: "a:0 b:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newReceiver(t, a, newNetwork())
			v, _ := newVault(t, r.net)
			a.hold(t, v, 1)
			a.hold(t, v, 1)
			a.hold(t, v, 1, func(c *sdjwt.Credential) { c.Type = otherVCT })
			r.ask(c.query)
			r.payload = func(p m) { p["transaction_data"] = c.data }
			var seen unit.Consent
			w := r.wallet(func(c unit.Consent) (bool, error) { seen = c; return true, nil })
			w.Choose = func(context.Context, unit.Choice) (unit.Chosen, error) { return c.choose, nil }
			_, err := w.Answer(t.Context(), v, r.read(w))
			if len(seen.Transactions) != len(c.data) {
				t.Errorf("shown %+v", seen.Transactions)
			}
			if c.want == "" {
				if !errors.Is(err, unit.ErrRefused) || string(r.plain()) != `{"state":"state-state-state-state-1","error":"access_denied"}` || len(seen.Items) != 0 {
					t.Errorf("%v, %s", err, r.plain())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			res := r.opened()
			var got []string
			for _, id := range []string{"a", "b"} {
				var n []string
				for _, shown := range r.verified(res, id) {
					var hashes []string
					if b := shown.KeyBinding.Claims().Member("transaction_data_hashes"); b != nil && jose.Unmarshal(b, &hashes) != nil {
						t.Fatal(string(b))
					}
					n = append(n, string(rune('0'+len(hashes))))
				}
				got = append(got, id+":"+strings.Join(n, ","))
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("hashes in %v, expected %s", got, c.want)
			}
		})
	}
}

// The citizen is asked to choose between options, and about what is optional,
// also where one credential each would do.
func TestChooseIsAsked(t *testing.T) {
	a := newAuthority(t, issuerURL)
	queries := `{"credentials":[` + ask("a", vct, "") + `,` + ask("b", otherVCT, "") + `]`
	for query, want := range map[string]int{
		queries + `,"credential_sets":[{"options":[["a"],["b"]]}]}`:                                1,
		queries + `,"credential_sets":[{"options":[["a"]]},{"options":[["b"]],"required":false}]}`: 1,
		queries + `,"credential_sets":[{"options":[["a"]]},{"options":[["b"]]}]}`:                  0,
		queries + `}`: 0,
	} {
		r := newReceiver(t, a, newNetwork())
		v, _ := newVault(t, r.net)
		a.hold(t, v, 1)
		a.hold(t, v, 1, func(c *sdjwt.Credential) { c.Type = otherVCT })
		r.ask(query)
		asked := 0
		w := r.wallet(yes)
		w.Choose = func(context.Context, unit.Choice) (unit.Chosen, error) { asked++; return unit.Chosen{}, nil }
		must(w.Answer(t.Context(), v, r.read(w)))(t)
		if asked != want {
			t.Errorf("asked %d times: %s", asked, query)
		}
	}
}
