package oid4vp

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	mrand "math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
)

// tree is a random JSON value, with the names a to d.
func tree(r *mrand.Rand, depth int) any {
	switch n := r.IntN(10); {
	case depth > 0 && n < 4:
		object := map[string]any{}
		for range r.IntN(4) {
			object[string(rune('a'+r.IntN(4)))] = tree(r, depth-1)
		}
		return object
	case depth > 0 && n < 7:
		array := make([]any, r.IntN(4))
		for i := range array {
			array[i] = tree(r, depth-1)
		}
		return array
	case n == 7:
		return r.IntN(3)
	case n == 8:
		return r.IntN(2) == 0
	default:
		return string(rune('x' + r.IntN(3)))
	}
}

func randomPath(r *mrand.Rand) credential.Path {
	p := credential.Path{string(rune('a' + r.IntN(4)))}
	for range r.IntN(4) {
		switch r.IntN(3) {
		case 0:
			p = append(p, nil)
		case 1:
			p = append(p, r.IntN(3))
		default:
			p = append(p, string(rune('a'+r.IntN(4))))
		}
	}
	return p
}

// randomQuery is a valid query about types t0 to t2.
func randomQuery(t testing.TB, r *mrand.Rand) Query {
	t.Helper()
	values := []jsontext.Value{[]byte(`"x"`), []byte(`"y"`), []byte(`0`), []byte(`1`), []byte(`true`)}
	var q Query
	for i := range 1 + r.IntN(3) {
		c := CredentialQuery{ID: fmt.Sprintf("q%d", i), Format: "dc+sd-jwt", Multiple: r.IntN(2) == 0, Meta: &Meta{VCTValues: []string{fmt.Sprintf("t%d", r.IntN(3))}}}
		for j := range r.IntN(5) {
			claim := ClaimQuery{ID: fmt.Sprintf("c%d", j), Path: randomPath(r)}
			if slices.ContainsFunc(c.Claims, func(other ClaimQuery) bool { return other.Path.Equal(claim.Path) }) {
				continue
			}
			if r.IntN(2) == 0 {
				claim.Values = values[:1+r.IntN(len(values))]
			}
			c.Claims = append(c.Claims, claim)
		}
		if len(c.Claims) > 0 && r.IntN(2) == 0 {
			for range 1 + r.IntN(3) {
				var set []string
				for range 1 + r.IntN(2) {
					set = append(set, c.Claims[r.IntN(len(c.Claims))].ID)
				}
				c.ClaimSets = append(c.ClaimSets, set)
			}
		}
		q.Credentials = append(q.Credentials, c)
	}
	if r.IntN(2) == 0 {
		for range 1 + r.IntN(2) {
			var s CredentialSetQuery
			for range 1 + r.IntN(2) {
				s.Options = append(s.Options, []string{q.Credentials[r.IntN(len(q.Credentials))].ID})
			}
			if r.IntN(2) == 0 {
				no := false
				s.IsRequired = &no
			}
			q.CredentialSets = append(q.CredentialSets, s)
		}
	}
	if err := q.Validate(); err != nil {
		t.Fatal(err)
	}
	return q
}

// checkDisclosure holds the answer of Match against the rules of Section 6.4
// that protect the citizen, and against the verifier's own checks.
func checkDisclosure(t testing.TB, q Query, candidates []Candidate, choices []Choice) {
	t.Helper()
	var answered []string
	for _, choice := range choices {
		asked, ok := q.Find(choice.Query.ID)
		if !ok || len(choice.Fits) == 0 {
			t.Fatalf("%s was not asked, or has no fit", choice.Query.ID)
		}
		answered = append(answered, asked.ID)
		for _, fit := range choice.Fits {
			x := candidates[fit.Index]
			if !slices.ContainsFunc(x.Types(), func(k string) bool { return slices.Contains(asked.Meta.VCTValues, k) }) {
				t.Fatal("a credential of another type fits")
			}
			for _, p := range fit.Paths {
				i := slices.IndexFunc(asked.Claims, func(c ClaimQuery) bool { return c.Path.Covers(p) })
				if i < 0 {
					t.Fatalf("%s would be disclosed, asked is %v", p, asked.Asked())
				}
				found := x.Select(p)
				if len(found) == 0 {
					t.Fatalf("%s points at nothing", p)
				}
				// Every value disclosed is one that some claim query with
				// that path wants.
				for _, v := range found {
					if !slices.ContainsFunc(asked.Claims, func(c ClaimQuery) bool { return c.Path.Covers(p) && (c.Values == nil || c.wants(v)) }) {
						t.Fatalf("%s would disclose a value that nobody wants", p)
					}
				}
			}
			if asked.Claims == nil && len(fit.Paths) > 0 {
				t.Fatal("something would be disclosed where nothing was asked")
			}
			// What is disclosed is exactly what one claim set asks for.
			if !slices.ContainsFunc(asked.sets(), func(set []int) bool { return exactly(asked, set, fit.Paths) }) {
				t.Fatalf("%v is no claim set of %v %v", fit.Paths, asked.Claims, asked.ClaimSets)
			}
			if err := asked.Check(x); err != nil {
				t.Fatalf("the verifier refuses what the wallet matched: %v", err)
			}
		}
	}
	if len(choices) > 0 {
		if err := q.CheckSets(answered); err != nil {
			t.Fatalf("the verifier refuses the set that the wallet matched: %v", err)
		}
	}
}

// exactly reports whether each path is asked for by the set and each claim of
// the set has a path.
func exactly(c CredentialQuery, set []int, paths []credential.Path) bool {
	for _, p := range paths {
		if !slices.ContainsFunc(set, func(i int) bool { return c.Claims[i].Path.Covers(p) }) {
			return false
		}
	}
	for _, i := range set {
		if !slices.ContainsFunc(paths, c.Claims[i].Path.Covers) {
			return false
		}
	}
	return true
}

func matched(t testing.TB, seed uint64) bool {
	t.Helper()
	r := mrand.New(mrand.NewPCG(seed, 1))
	var candidates []Candidate
	for i := range 1 + r.IntN(4) {
		object := map[string]any{}
		for _, name := range []string{"a", "b", "c", "d"} {
			object[name] = tree(r, 3)
		}
		b, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		candidates = append(candidates, sd(fmt.Sprintf("t%d", i%3), string(b)))
	}
	q := randomQuery(t, r)
	choices, err := q.Match(candidates)
	if (err == nil) != (len(choices) > 0) {
		t.Fatalf("%v, %v", choices, err)
	}
	checkDisclosure(t, q, candidates, choices)
	return err == nil && slices.ContainsFunc(choices, func(c Choice) bool { return len(c.Fits[0].Paths) > 0 })
}

// Match never discloses what was not asked (Section 6.4).
func TestNeverMoreThanAsked(t *testing.T) {
	const tries = 4000
	disclosed := 0
	for seed := range uint64(tries) {
		if matched(t, seed) {
			disclosed++
		}
	}
	if disclosed < tries/20 {
		t.Errorf("only %d of %d tries disclosed anything: the property was hardly tested", disclosed, tries)
	}
}

// The query is the attacker's here, the credentials are fixed.
func FuzzMatch(f *testing.F) {
	for _, b := range queries(f) {
		f.Add(b)
	}
	f.Add([]byte(goodQuery))
	f.Add([]byte(`{"credentials":[{"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["t"]},"claims":[{"path":["a",null,"b",null],"values":[1]}]}]}`))
	candidates := []Candidate{
		sd("https://credentials.example.com/identity_credential", `{"given_name":"a","family_name":"Doe","address":{"street_address":"c"},"postal_code":"90210","nationalities":["BE","NL"]}`),
		sd("t", `{"a":[{"b":[1,2]},{"b":[1]},{"b":"x"}]}`),
		held{format: "mso_mdoc", types: []string{"org.iso.7367.1.mVRC"}, claims: `{"org.iso.18013.5.1":{"given_name":"a"},"org.iso.7367.1":{"vehicle_holder":"b"}}`},
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := ParseQuery(b)
		if err != nil {
			return
		}
		for _, c := range q.Credentials {
			if c.Format != "dc+sd-jwt" {
				return // checkDisclosure reads vct_values
			}
		}
		choices, err := q.Match(candidates)
		if (err == nil) != (len(choices) > 0) {
			t.Fatalf("%v, %v", choices, err)
		}
		checkDisclosure(t, q, candidates, choices)
	})
}

// A query that was never validated matches nothing by what it lacks.
func TestUnvalidatedQueryFailsClosed(t *testing.T) {
	x := []Candidate{sd("", `{"a":1}`), sd("t", `{"a":1}`)}
	meta := &Meta{VCTValues: []string{"t"}}
	claims := []ClaimQuery{{ID: "a", Path: credential.Path{"a"}}}
	for name, q := range map[string]Query{
		"empty":              {},
		"no meta":            {Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt"}}},
		"no types":           {Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt", Meta: &Meta{}}}},
		"no format":          {Credentials: []CredentialQuery{{ID: "c", Meta: meta}}},
		"unknown claim id":   {Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt", Meta: meta, Claims: claims, ClaimSets: [][]string{{"z"}}}}},
		"no claim sets":      {Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt", Meta: meta, Claims: claims, ClaimSets: [][]string{}}}},
		"empty claim set":    {Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt", Meta: meta, Claims: claims, ClaimSets: [][]string{{}}}}},
		"no values":          {Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt", Meta: meta, Claims: []ClaimQuery{{Path: credential.Path{"a"}, Values: []jsontext.Value{}}}}}},
		"no path":            {Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt", Meta: meta, Claims: []ClaimQuery{{}}}}},
		"unknown id in sets": {Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt", Meta: meta}}, CredentialSets: []CredentialSetQuery{{Options: [][]string{{"z"}}}}},
		"no option":          {Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt", Meta: meta}}, CredentialSets: []CredentialSetQuery{{}}},
		"empty option":       {Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt", Meta: meta}}, CredentialSets: []CredentialSetQuery{{Options: [][]string{{}}}}},
	} {
		if choices, err := q.Match(x); !errors.Is(err, ErrNoMatch) || len(choices) > 0 {
			t.Errorf("%s: %v, %v", name, choices, err)
		}
		if err := q.CheckSets(nil); err == nil {
			t.Errorf("%s: nothing at all was enough", name)
		}
		if len(q.Credentials) > 0 && len(q.CredentialSets) == 0 {
			if err := q.Credentials[0].Check(x[1]); err == nil {
				t.Errorf("%s: the verifier accepts", name)
			}
		}
	}
}

// One credential answers several queries, and several answer one; the choice
// among them is the citizen's.
func TestMultiple(t *testing.T) {
	q := query(t, `{"credentials":[
	 {"id":"a","format":"dc+sd-jwt","meta":{"vct_values":["t","u"]},"multiple":true,"claims":[{"path":["x"]}]},
	 {"id":"b","format":"dc+sd-jwt","meta":{"vct_values":["t"]},"claims":[{"path":["y"]}]}]}`)
	choices, err := q.Match([]Candidate{sd("t", `{"x":1,"y":2}`), sd("u", `{"x":1,"y":2}`), sd("v", `{"x":1}`), sd("u", `{"y":1}`), sd("t", `{"x":3}`)})
	if err != nil || len(choices) != 2 {
		t.Fatalf("%v, %v", choices, err)
	}
	var got []string
	for _, c := range choices {
		for _, f := range c.Fits {
			got = append(got, fmt.Sprint(c.Query.ID, f.Index, f.Paths[0]))
		}
	}
	if want := []string{`a0 ["x"]`, `a1 ["x"]`, `a4 ["x"]`, `b0 ["y"]`}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if choices[0].Optional || choices[1].Optional || !choices[0].Query.Multiple {
		t.Errorf("%+v", choices)
	}
}

// A claim is looked up once, however many sets name it: a query cannot make a
// wallet work without end (Section 15 of the 1.1 draft asks for limits).
func TestClaimsAreLookedUpOnce(t *testing.T) {
	c := CredentialQuery{ID: "c", Format: "dc+sd-jwt", Meta: &Meta{VCTValues: []string{"t"}}}
	var set []string
	for i := range MaxList {
		id := fmt.Sprintf("c%d", i)
		c.Claims = append(c.Claims, ClaimQuery{ID: id, Path: credential.Path{id}})
		set = append(set, id)
	}
	for range MaxList {
		c.ClaimSets = append(c.ClaimSets, set)
	}
	q := Query{Credentials: []CredentialQuery{c}}
	if err := q.Validate(); err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, id := range set[:MaxList-1] { // the last one is missing
		all[id] = 1
	}
	b, _ := json.Marshal(all)
	x := &counting{held: sd("t", string(b))}
	if _, err := q.Match([]Candidate{x}); !errors.Is(err, ErrNoMatch) {
		t.Fatal(err)
	}
	if x.selects > MaxList {
		t.Errorf("%d lookups for %d claims", x.selects, MaxList)
	}
}

type counting struct {
	held
	selects int
}

func (c *counting) Select(p credential.Path) [][]byte {
	c.selects++
	return c.held.Select(p)
}

// parsed is a candidate whose claims were decoded once, as those of a wallet
// are.
type parsed struct {
	held
	root any
}

func (p parsed) Select(path credential.Path) [][]byte {
	values, err := path.Select(p.root)
	if err != nil {
		return nil
	}
	out := make([][]byte, len(values))
	for i, v := range values {
		out[i], _ = json.Marshal(v)
	}
	return out
}

// BenchmarkMatch matches a query for 20 claims, 5 of them with values, against
// ten credentials of which one fits. The ratio is to one bare P-256 signature,
// which the presentation costs anyway.
func BenchmarkMatch(b *testing.B) {
	c := CredentialQuery{ID: "c", Format: "dc+sd-jwt", Meta: &Meta{VCTValues: []string{"https://issuer.example/led"}}}
	claims := map[string]any{}
	for i := range 20 {
		name := fmt.Sprintf("claim_%d", i)
		claims[name] = fmt.Sprintf("value %d", i)
		q := ClaimQuery{Path: credential.Path{name}}
		if i%4 == 0 {
			q.Values = []jsontext.Value{[]byte(`"other"`), []byte(fmt.Sprintf(`"value %d"`, i))}
		}
		c.Claims = append(c.Claims, q)
	}
	q := Query{Credentials: []CredentialQuery{c}}
	if err := q.Validate(); err != nil {
		b.Fatal(err)
	}
	var candidates []Candidate
	for i := range 10 {
		own := maps.Clone(claims)
		if i < 9 {
			delete(own, "claim_19")
		}
		candidates = append(candidates, parsed{sd("https://issuer.example/led", ""), own})
	}
	key, digest := newKey(b), sha256.Sum256([]byte("x"))
	start := time.Now()
	const signatures = 200
	for range signatures {
		if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
			b.Fatal(err)
		}
	}
	signature := time.Since(start) / signatures
	b.ReportAllocs()
	for b.Loop() {
		choices, err := q.Match(candidates)
		if err != nil || len(choices[0].Fits) != 1 || len(choices[0].Fits[0].Paths) != 20 {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(signature), "signatures")
}
