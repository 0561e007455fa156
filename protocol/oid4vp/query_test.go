package oid4vp

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/testvectors"
)

// queries are the official DCQL examples, by file name.
func queries(t testing.TB) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	root := testvectors.Dir(t, "openid4vp/1.0/examples")
	for _, pattern := range []string{"query_lang/*.json", "request/dcql_*.json"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			out[filepath.Base(f)] = b
		}
	}
	if len(out) < 9 {
		t.Fatalf("only %d example queries", len(out))
	}
	return out
}

// wantField asserts the field, and the code, of a refusal.
func wantField(t testing.TB, err error, field string, code ErrorCode) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("got %v, want a refusal of %q", err, field)
		return
	}
	if !strings.Contains(e.Field, field) || e.Code != code {
		t.Errorf("got code %q field %q (%v), want %q %q", e.Code, e.Field, e, code, field)
	}
	if e.Spec == "" {
		t.Errorf("no clause in %v", e)
	}
	if strings.ContainsAny(e.Description(), "\"\\\n") {
		t.Errorf("description %q is not fit for the wire", e.Description())
	}
}

func TestQueryExamples(t *testing.T) {
	for name, b := range queries(t) {
		q, err := ParseQuery(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := jose.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if json.Unmarshal(b, &want) != nil || json.Unmarshal(text, &got) != nil {
			t.Fatal(name)
		}
		a, _ := json.Marshal(want)
		c, _ := json.Marshal(got)
		if string(a) != string(c) {
			t.Errorf("%s is written as %s", name, c)
		}
	}
}

const goodQuery = `{"credentials":[
 {"id":"led","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/led"]},
  "claims":[{"id":"a","path":["degree","title"]},{"id":"b","path":["degree","year"],"values":[2020,2021]},{"id":"c","path":["honours"],"values":[true]}],
  "claim_sets":[["a","b"],["a"]],
  "trusted_authorities":[{"type":"aki","values":["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}]},
 {"id":"pid","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/pid"]},"multiple":true,"require_cryptographic_holder_binding":false}],
 "credential_sets":[{"options":[["led","pid"],["led"]]},{"options":[["pid"]],"required":false}],"other":1}`

func TestParseQueryRefuses(t *testing.T) {
	if _, err := ParseQuery([]byte(goodQuery)); err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat("[", 70) + strings.Repeat("]", 70)
	many := strings.Repeat(`"x",`, MaxList) + `"x"`
	for _, tt := range []struct{ old, new, field string }{
		{`"credentials":[`, `"credentials":[],"x":[`, "credentials"},
		{`"credentials":[`, `"x":[`, "credentials"},
		{`"other":1`, `"other":1,"other":2`, "dcql_query"},
		{`"other":1`, `"other":` + deep, "dcql_query"},
		{`"other":1}`, `"other":1} x`, "dcql_query"},
		{`"other":1`, `"other":"` + strings.Repeat("x", MaxMessage) + `"`, "dcql_query"},
		{`"id":"led"`, `"id":""`, "credentials[0].id"},
		{`"id":"led"`, `"x":"led"`, "credentials[0].id"},
		{`"id":"led"`, `"id":"led.1"`, "credentials[0].id"},
		{`"id":"led"`, `"id":"` + strings.Repeat("x", 300) + `"`, "credentials[0].id"},
		{`"id":"pid"`, `"id":"led"`, "credentials[1].id"},
		{`"format":"dc+sd-jwt",`, ``, "credentials[0].format"},
		{`"meta":{"vct_values":["https://issuer.example/led"]},`, ``, "credentials[0].meta"},
		{`"meta":{"vct_values":["https://issuer.example/led"]}`, `"meta":null`, "credentials[0].meta"},
		{`"meta":{"vct_values":["https://issuer.example/led"]}`, `"meta":{}`, "vct_values"},
		{`"vct_values":["https://issuer.example/led"]`, `"vct_values":[]`, "vct_values"},
		{`"vct_values":["https://issuer.example/led"]`, `"vct_values":[""]`, "vct_values"},
		{`"vct_values":["https://issuer.example/led"]`, `"vct_values":[` + many + `]`, "vct_values"},
		{`"format":"dc+sd-jwt"`, `"format":"mso_mdoc"`, "doctype_value"},
		{`"format":"dc+sd-jwt"`, `"format":"ldp_vc"`, "type_values"},
		{`"format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/led"]}`, `"format":"jwt_vc_json","meta":{"type_values":[[]]}`, "type_values"},
		{`"format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/led"]}`, `"format":"jwt_vc_json-ld","meta":{"type_values":[["a"],[""]]}`, "type_values"},
		{`"claims":[`, `"claims":[],"x":[`, "claims"},
		{`"claims":[`, `"x":[`, "claim_sets"},
		{`"claim_sets":[["a","b"],["a"]]`, `"claim_sets":[]`, "claim_sets"},
		{`"claim_sets":[["a","b"],["a"]]`, `"claim_sets":[[]]`, "claim_sets"},
		{`"claim_sets":[["a","b"],["a"]]`, `"claim_sets":[["z"]]`, "claim_sets"},
		{`{"id":"a","path"`, `{"path"`, "claims[0].id"},
		{`{"id":"b","path"`, `{"id":"a","path"`, "claims[1].id"},
		{`{"id":"b","path"`, `{"id":"b b","path"`, "claims[1].id"},
		{`"path":["degree","title"]`, `"path":[]`, "dcql_query"},
		{`"path":["degree","title"]`, `"path":"degree"`, "dcql_query"},
		{`"path":["degree","title"]`, `"path":[true]`, "dcql_query"},
		{`"path":["degree","title"]`, `"path":["a",-1]`, "claims[0].path"},
		{`"path":["degree","title"]`, `"path":[null]`, "claims[0].path"},
		{`"path":["degree","title"]`, `"path":["degree","year"]`, "claims[1].path"},
		{`"values":[2020,2021]`, `"values":[]`, "claims[1].values"},
		{`"values":[2020,2021]`, `"values":[1.5]`, "claims[1].values"},
		{`"values":[2020,2021]`, `"values":[null]`, "claims[1].values"},
		{`"values":[2020,2021]`, `"values":[{}]`, "claims[1].values"},
		{`"values":[2020,2021]`, `"values":[99999999999999999999]`, "claims[1].values"},
		{`"type":"aki"`, `"type":""`, "trusted_authorities[0]"},
		{`"values":["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]`, `"values":[]`, "trusted_authorities[0]"},
		{`"values":["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]`, `"values":[""]`, "trusted_authorities[0]"},
		{`"trusted_authorities":[`, `"trusted_authorities":[],"x":[`, "trusted_authorities"},
		{`"multiple":true`, `"multiple":"true"`, "dcql_query"},
		{`"require_cryptographic_holder_binding":false`, `"require_cryptographic_holder_binding":0`, "dcql_query"},
		{`"credential_sets":[`, `"credential_sets":[],"x":[`, "credential_sets"},
		{`"options":[["led","pid"],["led"]]`, `"options":[]`, "options"},
		{`"options":[["led","pid"],["led"]]`, `"options":[[]]`, "options"},
		{`"options":[["led","pid"],["led"]]`, `"options":[["other"]]`, "options"},
		{`{"options":[["pid"]],`, `{`, "options"},
	} {
		text := strings.Replace(goodQuery, tt.old, tt.new, 1)
		if text == goodQuery {
			t.Fatalf("%s changes nothing", tt.old)
		}
		q, err := ParseQuery([]byte(text))
		if err == nil {
			t.Errorf("%.80s: accepted", tt.new)
			continue
		}
		wantField(t, err, tt.field, InvalidRequest)
		if q.Credentials != nil {
			t.Errorf("%.80s: a failed parse returned a query", tt.new)
		}
	}
	mdoc := `{"credentials":[{"id":"m","format":"mso_mdoc","meta":{"doctype_value":"d"},"claims":[{"path":["ns","el"]}]}]}`
	if _, err := ParseQuery([]byte(mdoc)); err != nil {
		t.Error(err)
	}
	for _, path := range []string{`["ns"]`, `["ns","el","x"]`, `["ns",0]`, `["ns",null]`} {
		_, err := ParseQuery([]byte(strings.Replace(mdoc, `["ns","el"]`, path, 1)))
		wantField(t, err, "claims[0].path", InvalidRequest)
	}
}

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
	if err := jose.Unmarshal([]byte(h.claims), &root); err != nil {
		panic(err)
	}
	values, err := p.Select(root)
	if err != nil {
		return nil
	}
	var out [][]byte
	for _, v := range values {
		b, err := jose.Marshal(v)
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

func query(t testing.TB, text string) Query {
	t.Helper()
	q, err := ParseQuery([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestFit(t *testing.T) {
	const claims = `{"name":"Jan","year":2020,"code":"2020","ok":true,"text":"true","zero":0,"none":null,"list":[{"x":"a"},{"x":"b"}],"address":{"street":"S","nr":1}}`
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
		{"value among elements", one(`,"claims":[{"path":["list",null,"x"],"values":["b"]}]`), c, []string{`["list",null,"x"]`}},
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

func FuzzParseQuery(f *testing.F) {
	for _, b := range queries(f) {
		f.Add(b)
	}
	f.Add([]byte(goodQuery))
	candidates := []Candidate{
		sd("https://credentials.example.com/identity_credential", `{"given_name":"a","family_name":"b","address":{"street_address":"c"}}`),
		held{format: "mso_mdoc", types: []string{"org.iso.7367.1.mVRC"}, claims: `{"org.iso.18013.5.1":{"given_name":"a"}}`},
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := ParseQuery(b)
		if err != nil {
			if q.Credentials != nil || q.CredentialSets != nil {
				t.Fatal("a failed parse returned a query")
			}
			return
		}
		text, err := jose.Marshal(q)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseQuery(text); err != nil {
			t.Fatalf("a query does not survive a round trip: %v\n%s", err, text)
		}
		choices, err := q.Match(candidates)
		if (err == nil) != (len(choices) > 0) {
			t.Fatalf("%v, %v", choices, err)
		}
		var ids []string
		for _, c := range choices {
			for _, fit := range c.Fits {
				if err := c.Query.Check(candidates[fit.Index]); err != nil {
					t.Fatalf("the verifier refuses what the wallet matched: %v", err)
				}
			}
			ids = append(ids, c.Query.ID)
		}
		if err == nil {
			if err := q.CheckSets(ids); err != nil {
				t.Fatalf("the verifier refuses the set that the wallet matched: %v", err)
			}
		}
	})
}
