package verifier_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/internal/world"
)

const list = "https://lists.example/pub-eaa"

// asking is a query for one credential with further members.
func asking(members string) string {
	return `{"credentials":[{"id":"diploma","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/types/led-diploma"]}` + members + `}]}`
}

// Whatever a wallet says or sends, its answer is held against the query again
// (OpenID4VP 1.0, Sections 6, 7 and 14.11).
func TestQueryAgain(t *testing.T) {
	w := world.New(t, func(c *verifier.Config) { c.Lists = []string{list} })
	h := w.Issue()
	aki := jose.Encode(w.Hierarchy.Seal.Certificate.AuthorityKeyId)
	title, level, family := credential.Path{"title"}, credential.Path{"level"}, credential.Path{"person", "family_name"}
	first, second, subjects := credential.Path{"tags", 0}, credential.Path{"tags", 1}, credential.Path{"subjects", nil, "name"}
	for _, c := range []struct {
		name, members string
		disclosed     []credential.Path
		want          bool
		claims        string
	}{
		{"no claims", ``, nil, true, ""},
		{"no claims, one disclosed", ``, []credential.Path{title}, true, ""},
		{"all claims", `,"claims":[{"path":["title"]},{"path":["level"]}]`, []credential.Path{title, level}, true, `{"level":6,"title":"CANARY-TITLE"}`},
		{"one of all claims", `,"claims":[{"path":["title"]},{"path":["level"]}]`, []credential.Path{title}, false, ""},
		{"nested", `,"claims":[{"path":["person","family_name"]}]`, []credential.Path{family}, true, `{"person":{"family_name":"CANARY-FAMILY"}}`},
		{"every element", `,"claims":[{"path":["tags",null]}]`, []credential.Path{first, second}, true, `{"tags":["CANARY-TAG-1","CANARY-TAG-2"]}`},
		{"no element of every", `,"claims":[{"path":["tags",null]}]`, nil, false, ""},
		{"element by index", `,"claims":[{"path":["tags",0]}]`, []credential.Path{first}, true, `{"tags":["CANARY-TAG-1"]}`},
		{"element beyond the end", `,"claims":[{"path":["tags",7]}]`, []credential.Path{first, second}, false, ""},
		{"member of every element", `,"claims":[{"path":["subjects",null,"name"]}]`, []credential.Path{subjects}, true, `{"subjects":[{"name":"CANARY-SUBJECT"}]}`},
		{"value", `,"claims":[{"path":["level"],"values":[5,6]}]`, []credential.Path{level}, true, `{"level":6}`},
		{"value of another kind", `,"claims":[{"path":["level"],"values":["6",true]}]`, []credential.Path{level}, false, ""},
		{"value of an element", `,"claims":[{"path":["tags",null],"values":["CANARY-TAG-2"]}]`, []credential.Path{second}, true, `{"tags":["CANARY-TAG-2"]}`},
		{"value of no element", `,"claims":[{"path":["tags",null],"values":["CANARY-TAG-3"]}]`, []credential.Path{first, second}, false, ""},
		{"first set", `,"claims":[{"id":"a","path":["title"]},{"id":"b","path":["level"]}],"claim_sets":[["a"],["b"]]`, []credential.Path{title}, true, `{"title":"CANARY-TITLE"}`},
		{"second set", `,"claims":[{"id":"a","path":["title"]},{"id":"b","path":["level"]}],"claim_sets":[["a"],["b"]]`, []credential.Path{level}, true, `{"level":6}`},
		{"half of each set", `,"claims":[{"id":"a","path":["title"]},{"id":"b","path":["level"]},{"id":"c","path":["person","family_name"]}],"claim_sets":[["a","b"],["a","c"]]`, []credential.Path{title}, false, ""},
		{"authority of the certificate", `,"trusted_authorities":[{"type":"aki","values":["AQID","` + aki + `"]}]`, nil, true, ""},
		{"another authority", `,"trusted_authorities":[{"type":"aki","values":["AQID"]}]`, nil, false, ""},
		{"configured list", `,"trusted_authorities":[{"type":"etsi_tl","values":["` + list + `"]}]`, nil, true, ""},
		{"one of two authorities", `,"trusted_authorities":[{"type":"aki","values":["AQID"]},{"type":"etsi_tl","values":["` + list + `"]}]`, nil, true, ""},
		{"members to come", `,"unheard":{"of":1},"claims":[{"path":["title"],"unheard":1}]`, []credential.Path{title}, true, `{"title":"CANARY-TITLE"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, w, order(asking(c.members), verifier.CrossDevice))
			a := w.Fetch(s)
			_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(h, c.disclosed)))
			if (err == nil) != c.want || err != nil && !errors.Is(err, verifier.ErrNotVerified) {
				t.Fatal(err)
			}
			r := result(t, w, s, "")
			if !c.want {
				unverified(t, r)
				if !slices.Equal(r.Presentations[0].Checks.Failures(), []string{credential.CheckQuery}) {
					t.Errorf("%s", r.Presentations[0].Checks)
				}
				return
			}
			if !r.Verified || string(r.Presentations[0].Claims) != c.claims && !(c.claims == "" && !strings.Contains(string(r.Presentations[0].Claims), "CANARY")) {
				t.Errorf("claims %s, want %s", r.Presentations[0].Claims, c.claims)
			}
		})
	}
}

// A query that could only be answered on the wallet's word is not asked
// (Sections 6.1.1 and 14.11).
func TestAuthoritiesRefused(t *testing.T) {
	w := world.New(t, func(c *verifier.Config) { c.Lists = []string{list} })
	for name, member := range map[string]string{
		"list that is not configured": `{"type":"etsi_tl","values":["` + list + `","https://other.example/list"]}`,
		"federation":                  `{"type":"openid_federation","values":["https://federation.example"]}`,
		"unknown type":                `{"type":"word","values":["x"]}`,
		"after a good one":            `{"type":"aki","values":["AQID"]},{"type":"word","values":["x"]}`,
		"no values":                   `{"type":"aki","values":[]}`,
	} {
		_, err := w.Verifier.Start(t.Context(), world.University, order(asking(`,"trusted_authorities":[`+member+`]`), verifier.CrossDevice))
		if !errors.Is(err, verifier.ErrRequest) || !strings.Contains(err.Error(), "trusted_authorities[") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A provider that is no longer on the list is on no list, whatever the query
// says.
func TestAuthorityWithdrawn(t *testing.T) {
	w := world.New(t, func(c *verifier.Config) { c.Lists = []string{list} })
	s := start(t, w, order(asking(`,"trusted_authorities":[{"type":"etsi_tl","values":["`+list+`"]}]`), verifier.CrossDevice))
	a := w.Fetch(s)
	h := w.Issue()
	w.Withdraw()
	_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Form(a.Present(h, nil)))
	refused(t, err, verifier.ErrNotVerified)
	unverified(t, result(t, w, s, ""))
}

// Options of a required set: any one is enough, part of one is not (Sections
// 6.2 and 6.4.2).
func TestSetOptions(t *testing.T) {
	w := world.New(t)
	one := func(id, claim string) string {
		return `{"id":"` + id + `","format":"dc+sd-jwt","meta":{"vct_values":["https://issuer.example/types/led-diploma"]},"claims":[{"path":["` + claim + `"]}]}`
	}
	q := `{"credentials":[` + one("a", "title") + `,` + one("b", "level") + `,` + one("c", "title") + `],"credential_sets":[{"options":[["a","b"],["c"]]}]}`
	for answer, want := range map[string]bool{`["a","b"]`: true, `["c"]`: true, `["a"]`: false, `["b"]`: false} {
		s := start(t, w, order(q, verifier.CrossDevice))
		a := w.Fetch(s)
		token := oid4vp.VPToken{}
		var ids []string
		if err := json.Unmarshal([]byte(answer), &ids); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			path := credential.Path{"title"}
			if id == "b" {
				path = credential.Path{"level"}
			}
			token[id] = oid4vp.Presentations(a.Present(w.Issue(), []credential.Path{path}))
		}
		_, err := w.Verifier.Respond(t.Context(), a.Secret(), a.Encrypt(oid4vp.Response{VPToken: token, State: a.State}))
		if (err == nil) != want || result(t, w, s, "").Verified != want {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
