package oid4vp

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential"
)

// held is a credential for tests.
type held struct {
	format  string
	types   []string
	unbound bool
	keys    [][]byte
	claims  string
}

func (h held) Format() string          { return h.format }
func (h held) Types() []string         { return h.types }
func (h held) HolderBound() bool       { return !h.unbound }
func (h held) AuthorityKeys() [][]byte { return h.keys }
func (h held) Select(p credential.Path) [][]byte {
	var root any
	d := json.NewDecoder(strings.NewReader(h.claims))
	d.UseNumber()
	if err := d.Decode(&root); err != nil {
		panic(err)
	}
	values, err := p.Select(root)
	if err != nil {
		return nil
	}
	var out [][]byte
	for _, v := range values {
		b, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		out = append(out, b)
	}
	return out
}

func sd(vct, claims string) held {
	return held{format: "dc+sd-jwt", types: []string{vct}, claims: claims}
}

func TestFit(t *testing.T) {
	const claims = `{"name":"Jan","year":2020,"code":"2020","ok":true,"text":"true","zero":0,"none":null,"list":[{"x":"a"},{"x":"b"}],"address":{"street":"S","nr":1},"big":9007199254740993,"deep":[{"y":[1,2]},{"y":[]},{"y":[2]},{"z":2}]}`
	one := func(claims string) string {
		return `{"credentials":[{"id":"c","format":"dc+sd-jwt","meta":{"vct_values":["t","u"]}` + claims + `}]}`
	}
	c := sd("t", claims)
	unbound, signed := c, c
	unbound.unbound = true
	signed.keys = [][]byte{{1, 2, 3}}
	other := sd("x", claims)
	mdoc := held{format: "mso_mdoc", types: []string{"t"}, claims: claims}
	ldp := held{format: "ldp_vc", types: []string{"https://w3.org/VC", "https://example/Degree"}, claims: claims}
	types := func(sets string) string {
		return `{"credentials":[{"id":"c","format":"ldp_vc","meta":{"type_values":` + sets + `}}]}`
	}
	for _, tt := range []struct {
		name, query string
		c           held
		want        []string // paths; nil: no fit
	}{
		{"no claims: nothing disclosed", one(``), c, []string{}},
		{"all claims", one(`,"claims":[{"path":["name"]},{"path":["address","street"]}]`), c, []string{`["name"]`, `["address","street"]`}},
		{"one of all is missing", one(`,"claims":[{"path":["name"]},{"path":["email"]}]`), c, nil},
		{"first set", one(`,"claims":[{"id":"a","path":["name"]},{"id":"b","path":["year"]}],"claim_sets":[["b"],["a"]]`), c, []string{`["year"]`}},
		{"second set", one(`,"claims":[{"id":"a","path":["name"]},{"id":"b","path":["email"]}],"claim_sets":[["a","b"],["a"]]`), c, []string{`["name"]`}},
		{"no set", one(`,"claims":[{"id":"a","path":["phone"]},{"id":"b","path":["email"]}],"claim_sets":[["a"],["b"]]`), c, nil},
		{"value", one(`,"claims":[{"path":["year"],"values":[2019,2020]}]`), c, []string{`["year"]`}},
		{"number is no string", one(`,"claims":[{"path":["year"],"values":["2020"]}]`), c, nil},
		{"string is no number", one(`,"claims":[{"path":["code"],"values":[2020]}]`), c, nil},
		{"boolean", one(`,"claims":[{"path":["ok"],"values":[true]}]`), c, []string{`["ok"]`}},
		{"other boolean", one(`,"claims":[{"path":["ok"],"values":[false]}]`), c, nil},
		{"true is no string", one(`,"claims":[{"path":["ok"],"values":["true"]}]`), c, nil},
		{"string is no boolean", one(`,"claims":[{"path":["text"],"values":[true]}]`), c, nil},
		{"zero is not false", one(`,"claims":[{"path":["zero"],"values":[false]}]`), c, nil},
		{"null is no value", one(`,"claims":[{"path":["none"],"values":["null"]}]`), c, nil},
		{"object is no value", one(`,"claims":[{"path":["address"],"values":["S"]}]`), c, nil},
		{"case counts", one(`,"claims":[{"path":["name"],"values":["jan"]}]`), c, nil},
		{"value among elements: the others count as absent", one(`,"claims":[{"path":["list",null,"x"],"values":["b","c"]}]`), c, []string{`["list",1,"x"]`}},
		{"value of every element", one(`,"claims":[{"path":["list",null,"x"],"values":["a","b"]}]`), c, []string{`["list",null,"x"]`}},
		{"value of no element", one(`,"claims":[{"path":["list",null,"x"],"values":["c"]}]`), c, nil},
		{"every element, no value named", one(`,"claims":[{"path":["list",null,"x"]}]`), c, []string{`["list",null,"x"]`}},
		{"element by index", one(`,"claims":[{"path":["list",1,"x"],"values":["b"]}]`), c, []string{`["list",1,"x"]`}},
		{"no such element", one(`,"claims":[{"path":["list",2]}]`), c, nil},
		{"value among elements of elements", one(`,"claims":[{"path":["deep",null,"y",null],"values":[2]}]`), c, []string{`["deep",0,"y",1]`, `["deep",2,"y",0]`}},
		{"null on an object", one(`,"claims":[{"path":["address",null]}]`), c, nil},
		{"index on an object", one(`,"claims":[{"path":["address",0]}]`), c, nil},
		{"a null that is there", one(`,"claims":[{"path":["none"]}]`), c, []string{`["none"]`}},
		{"large whole numbers are compared exactly", one(`,"claims":[{"path":["big"],"values":[9007199254740992]}]`), c, nil},
		{"unknown members are ignored everywhere", one(`,"new":{"a":[1]},"claims":[{"path":["name"],"new":null}]`), c, []string{`["name"]`}},
		{"wrong value counts as absent in a set", one(`,"claims":[{"id":"a","path":["name"],"values":["Piet"]},{"id":"b","path":["year"]}],"claim_sets":[["a"],["b"]]`), c, []string{`["year"]`}},
		{"name on an array", one(`,"claims":[{"path":["list","x"]}]`), c, nil},
		{"other type", one(``), other, nil},
		{"other format", one(``), mdoc, nil},
		{"without holder binding", one(``), unbound, nil},
		{"holder binding not required", one(`,"require_cryptographic_holder_binding":false`), unbound, []string{}},
		{"authority", one(`,"trusted_authorities":[{"type":"etsi_tl","values":["https://l"]},{"type":"aki","values":["AQID"]}]`), signed, []string{}},
		{"other authority", one(`,"trusted_authorities":[{"type":"aki","values":["AQIE"]}]`), signed, nil},
		{"no key identifier", one(`,"trusted_authorities":[{"type":"aki","values":["AQID"]}]`), c, nil},
		{"authority that cannot be told", one(`,"trusted_authorities":[{"type":"etsi_tl","values":["AQID"]}]`), signed, nil},
		{"authority not known", one(`,"trusted_authorities":[{"type":"new","values":["AQID"]}]`), signed, nil},
		{"W3C types, one alternative", types(`[["https://other"],["https://example/Degree"]]`), ldp, []string{}},
		{"W3C types, all of one", types(`[["https://w3.org/VC","https://example/Degree"]]`), ldp, []string{}},
		{"W3C types, not all of one", types(`[["https://w3.org/VC","https://other"]]`), ldp, nil},
		{"unknown format", `{"credentials":[{"id":"c","format":"new","meta":{}}]}`, held{format: "new", claims: claims}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := query(t, tt.query)
			choices, err := q.Match([]Candidate{tt.c})
			if tt.want == nil {
				if !errors.Is(err, ErrNoMatch) || choices != nil {
					t.Fatalf("%v, %v", choices, err)
				}
			} else {
				if err != nil {
					t.Fatal(err)
				}
				got := []string{}
				for _, p := range choices[0].Fits[0].Paths {
					got = append(got, p.String())
				}
				if !slices.Equal(got, tt.want) {
					t.Fatalf("disclosed %v, want %v", got, tt.want)
				}
			}
			// The verifier comes to the same answer, except for authorities
			// that only its own trust can tell.
			errCheck := q.Credentials[0].Check(tt.c)
			if tell := tt.name != "authority that cannot be told" && tt.name != "authority not known"; tell && (errCheck == nil) != (tt.want != nil) {
				t.Errorf("the verifier says %v", errCheck)
			}
			if errCheck != nil && strings.Contains(errCheck.Error(), "Jan") {
				t.Errorf("the error tells a claim value: %v", errCheck)
			}
		})
	}
}

// A wallet ignores a claim that is asked for twice and discloses it once.
func TestRepeatedClaim(t *testing.T) {
	q := Query{Credentials: []CredentialQuery{{ID: "c", Format: "dc+sd-jwt", Meta: &Meta{VCTValues: []string{"t"}}, Claims: []ClaimQuery{{Path: credential.Path{"a"}}, {Path: credential.Path{"a"}}}}}}
	if err := q.valid(); err != nil {
		t.Fatal(err)
	}
	wantField(t, q.Validate(), "credentials[0].claims[1].path", InvalidRequest)
	choices, err := q.Match([]Candidate{sd("t", `{"a":1}`)})
	if err != nil || len(choices[0].Fits[0].Paths) != 1 {
		t.Errorf("%v, %v", choices, err)
	}
}

func TestCredentialSets(t *testing.T) {
	q := query(t, string(queries(t)["credentials_alternatives.json"]))
	const all = `{"given_name":"a","family_name":"b","address":{"street_address":"c"},"postal_code":"d","locality":"e","region":"f","rewards_number":"g"}`
	wallet := map[string]held{
		"pid":     sd("https://credentials.example.com/identity_credential", all),
		"other":   sd("https://othercredentials.example/pid", all),
		"reduced": sd("https://credentials.example.com/reduced_identity_credential", all),
		"living":  sd("https://cred.example/residence_credential", all),
		"rewards": sd("https://company.example/company_rewards", all),
	}
	for _, tt := range []struct {
		have     string
		want     string // ids of the choices; optional ones in brackets
		sets     int
		answered string
	}{
		{"pid", "pid", 1, "pid"},
		{"other pid", "pid", 1, "other_pid"},
		{"reduced living", "pid_reduced_cred_1 pid_reduced_cred_2", 1, "pid_reduced_cred_1 pid_reduced_cred_2"},
		{"pid rewards", "pid [nice_to_have]", 2, "pid nice_to_have"},
		{"reduced rewards", "", 0, "pid_reduced_cred_1 nice_to_have"},
		{"rewards", "", 0, "nice_to_have"},
		{"", "", 0, ""},
	} {
		var candidates []Candidate
		for _, name := range strings.Fields(tt.have) {
			candidates = append(candidates, wallet[name])
		}
		choices, err := q.Match(candidates)
		var got []string
		for _, c := range choices {
			id := c.Query.ID
			if c.Optional {
				id = "[" + id + "]"
			}
			got = append(got, id)
			if len(c.Fits) == 0 {
				t.Errorf("%s: no fit for %s", tt.have, id)
			}
		}
		if strings.Join(got, " ") != tt.want || (tt.want == "") != errors.Is(err, ErrNoMatch) {
			t.Errorf("%s: %v, %v", tt.have, got, err)
		}
		o, err := q.Options(candidates)
		if len(o.Sets) != tt.sets || (err != nil) != (tt.want == "") {
			t.Errorf("%s: %+v, %v", tt.have, o, err)
		}
		if err := q.CheckSets(strings.Fields(tt.answered)); (err == nil) != (tt.want != "") {
			t.Errorf("answered %q: %v", tt.answered, err)
		}
	}
	// Both pid and other_pid are there: the citizen has a choice.
	o, err := q.Options([]Candidate{wallet["pid"], wallet["other"]})
	if err != nil || len(o.Sets[0].Options) != 2 || o.Sets[0].Options[0][0] != "pid" {
		t.Errorf("%+v, %v", o, err)
	}
	if err := q.CheckSets([]string{"pid", "unasked"}); err == nil {
		t.Error("an id that was not asked was accepted")
	}
	no := false
	optional := Query{Credentials: q.Credentials[:1], CredentialSets: []CredentialSetQuery{{Options: [][]string{{"pid"}}, IsRequired: &no}}}
	if err := optional.CheckSets(nil); err == nil {
		t.Error("nothing at all satisfied a query whose sets are all optional")
	}
	if _, err := optional.Match(nil); !errors.Is(err, ErrNoMatch) {
		t.Errorf("an empty wallet answers an optional query: %v", err)
	}
	plain := Query{Credentials: q.Credentials[:2]}
	if err := plain.CheckSets([]string{"pid"}); err == nil {
		t.Error("without credential_sets one of two was enough")
	}
	if err := plain.CheckSets([]string{"pid", "other_pid"}); err != nil {
		t.Error(err)
	}
}
