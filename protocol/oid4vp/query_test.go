package oid4vp

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
		{`"credential_sets":[`, `"credential_sets":[` + strings.Repeat(`{"options":[["led"]]},`, MaxList), "credential_sets"},
		{`"values":[2020,2021]`, `"values":["` + strings.Repeat("x", MaxText) + `"]`, "claims[1].values"},
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

func query(t testing.TB, text string) Query {
	t.Helper()
	q, err := ParseQuery([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return q
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
