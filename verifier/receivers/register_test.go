package receivers

import (
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

const good = `receivers:
  - id: university
    status: admitted
    legal_name: Voorbeelduniversiteit (TEST)
    registration: NTRBE-0999999823
    country: BE
    privacy_statement: https://www.university.example/privacy
    hosts: [www.university.example]
    intended_uses:
      - id: enrolment
        purpose: {nl: Inschrijven, fr: Inscrire, de: Einschreiben, en: Enrol}
        legal_basis: Codex Hoger Onderwijs, art. II.178 (TEST)
        credentials:
          - format: dc+sd-jwt
            vct_values: [https://issuer.example/types/led-diploma]
            claims:
              - [title]
              - [subjects, null, name]
              - [tags, 0]
`

func TestParse(t *testing.T) {
	r, err := Parse("r.yaml", []byte(good), Options{})
	if err != nil {
		t.Fatal(err)
	}
	x, ok := r.Find("university")
	u, has := x.Use("enrolment")
	if !ok || !has || len(u.Asked) != 1 || !u.Asked[0].Claims[1].Equal(credential.Path{"subjects", nil, "name"}) || !u.Asked[0].Claims[2].Equal(credential.Path{"tags", 0}) {
		t.Errorf("%+v", x)
	}
	if _, ok := r.Find("nobody"); ok {
		t.Error("found nobody")
	}
	if _, ok := x.Use("nothing"); ok {
		t.Error("found no use")
	}
	b, err := jose.Marshal(r.Publish("https://registrar.example", nil, time.Unix(1_800_000_000, 0), time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"exp":1800003600`, `"legal_basis":"Codex Hoger Onderwijs, art. II.178 (TEST)"`, `"status":"admitted"`, `["subjects",null,"name"]`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("published register lacks %s: %s", want, b)
		}
	}
}

// A fault names the line and the field, and all are told at once.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"unknown member", "    country: BE", "    country: BE\n    vip: true", `r.yaml:7: "vip"`},
		{"duplicate member", "    country: BE", "    country: BE\n    country: NL", "r.yaml:7"},
		{"status", "status: admitted", "status: maybe", "r.yaml:3: receivers[0].status"},
		{"no status", "    status: admitted\n", "", "receivers[0].status"},
		{"id", "id: university", "id: The University", "r.yaml:2: receivers[0].id"},
		{"number", "NTRBE-0999999823", "NTRBE-0999999824", "r.yaml:5: receivers[0].registration"},
		{"Belgian without KBO", "NTRBE-0999999823", "VATBE-0999999823", "r.yaml:5: receivers[0].registration"},
		{"no number", "NTRBE-0999999823", "0999999823", "r.yaml:5: receivers[0].registration"},
		{"country", "country: BE", "country: Belgium", "r.yaml:6: receivers[0].country"},
		{"privacy statement", "https://www.university.example/privacy", "http://www.university.example/privacy", "r.yaml:7: receivers[0].privacy_statement"},
		{"no privacy statement", "    privacy_statement: https://www.university.example/privacy\n", "", "receivers[0].privacy_statement"},
		{"host with path", "[www.university.example]", "[www.university.example/a]", "r.yaml:8: receivers[0].hosts[0]"},
		{"loopback", "[www.university.example]", "[localhost]", "receivers[0].hosts[0]"},
		{"missing language", "de: Einschreiben, ", "", "r.yaml:11: receivers[0].intended_uses[0].purpose: de"},
		{"other language", "de: Einschreiben", "de: Einschreiben, es: x", "purpose.es"},
		{"no legal basis", "        legal_basis: Codex Hoger Onderwijs, art. II.178 (TEST)\n", "", "intended_uses[0].legal_basis"},
		{"long legal basis", "Codex Hoger", strings.Repeat("x", 300), "r.yaml:12: receivers[0].intended_uses[0].legal_basis"},
		{"format", "dc+sd-jwt", "vc+sd-jwt", "r.yaml:14: receivers[0].intended_uses[0].credentials[0].format"},
		{"types of another format", "dc+sd-jwt", "mso_mdoc", "doctype_value is the member of mso_mdoc"},
		{"types of two formats", "            claims:", "            type_values: [[a]]\n            claims:", "vct_values is the member of dc+sd-jwt"},
		{"no type", "[https://issuer.example/types/led-diploma]", "[]", "vct_values"},
		{"type twice", "[https://issuer.example/types/led-diploma]", "[a:b, a:b]", "vct_values[1]"},
		{"claim", "- [title]", "- [0]", "r.yaml:17: receivers[0].intended_uses[0].credentials[0].claims[0]"},
		{"claim part", "- [title]", "- [title, 1.5]", "claims[0]"},
		{"negative index", "[tags, 0]", "[tags, -1]", "claims[2]"},
		{"claim twice", "- [tags, 0]", "- [title]", "claims[2]"},
		{"outside the EEA", "registration: NTRBE-0999999823\n    country: BE", "registration: NTRUS-12345\n    country: US", "safeguards: required"},
		{"safeguards inside", "    country: BE", "    country: BE\n    safeguards: {kind: adequacy_decision, reference: 'https://a.example/', measures: {nl: a, fr: a, de: a, en: a}}", "receivers[0].safeguards"},
		{"no use", good[strings.Index(good, "    intended_uses"):], "    intended_uses: []\n", "intended_uses"},
	} {
		text := strings.Replace(good, c.from, c.to, 1)
		if text == good {
			t.Fatalf("%s changes nothing", c.name)
		}
		_, err := Parse("r.yaml", []byte(text), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
	twice := good + strings.TrimPrefix(good, "receivers:\n")
	if _, err := Parse("r.yaml", []byte(twice), Options{}); err == nil || !strings.Contains(err.Error(), "receivers[1].id") || !strings.Contains(err.Error(), "receivers[1].registration") {
		t.Errorf("a receiver twice: %v", err)
	}
}

// Outside the European Economic Area safeguards make the difference.
func TestSafeguards(t *testing.T) {
	abroad := strings.Replace(good, "registration: NTRBE-0999999823\n    country: BE", "registration: NTRUS-12345\n    country: US\n    safeguards:\n      kind: standard_contractual_clauses\n      reference: https://www.university.example/scc\n      measures: {nl: a, fr: b, de: c, en: d}", 1)
	r, err := Parse("r.yaml", []byte(abroad), Options{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := jose.Marshal(r.Publish("i", nil, time.Unix(0, 0), time.Hour))
	if err != nil || !strings.Contains(string(b), `"safeguards":{"kind":"standard_contractual_clauses"`) {
		t.Errorf("%s %v", b, err)
	}
	if _, err := Parse("r.yaml", []byte(strings.Replace(abroad, "standard_contractual_clauses", "trust_us", 1)), Options{}); err == nil || !strings.Contains(err.Error(), "safeguards.kind") {
		t.Errorf("kind: %v", err)
	}
}

func TestInsecureLoopback(t *testing.T) {
	text := strings.NewReplacer("[www.university.example]", "[localhost]", "https://www.university.example/privacy", "http://localhost:8083/privacy").Replace(good)
	if _, err := Parse("r.yaml", []byte(text), Options{InsecureLoopback: true}); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("receivers: []\n"))
	f.Add([]byte("receivers:\n  - id: a\n    intended_uses:\n      - credentials:\n          - claims: [[a, null, 18446744073709551615]]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse("r.yaml", b, Options{})
		if (r == nil) == (err == nil) {
			t.Fatal("neither or both")
		}
		if r == nil {
			return
		}
		for _, x := range r.All() {
			if len(x.Uses) == 0 || x.PrivacyStatement == "" || x.Status != Admitted && x.Status != Suspended {
				t.Errorf("admitted without what admission needs: %+v", x)
			}
		}
	})
}
