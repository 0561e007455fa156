package policy

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

const good = `{"id":"diplomas","version":"2026-11-25","receivers":["university"],"formats":["dc+sd-jwt"],"algorithms":["ES256","ES384"],
 "credentials":[{"type":"https://issuer.example/types/x","issuers":["https://issuer.example"],"registrations":["NTRBE-0999999922"],"qualification":"QESeal","max_age":"8760h","without_expiry":false}],
 "status_max_age":"15m","findings":{"status_too_old":"report"}}`

func TestParse(t *testing.T) {
	p, err := Parse("p.json", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	entry, ok := p.Type("https://issuer.example/types/x")
	if !ok || entry.MaxAge != 8760*time.Hour || entry.Qualification != seal.QESeal || p.StatusMaxAge != 15*time.Minute {
		t.Errorf("%+v", p)
	}
	if _, ok := p.Type("https://issuer.example/types/X"); ok {
		t.Error("another type is accepted")
	}
	for f, want := range map[Finding]Effect{StatusTooOld: Reports, StatusMissing: Fails, HolderBindingMissing: Fails, DisclosedTooMuch: Reports} {
		if got := p.Effect(f); got != want {
			t.Errorf("%s: %s, want %s", f, got, want)
		}
	}
	if !p.For("university") || p.For("employer") {
		t.Error("the wrong receivers may name it")
	}
	// Without a policy nothing is accepted.
	var none *Policy
	if _, ok := none.Type("x"); ok || none.Effect(DisclosedTooMuch) != Fails || none.Ref() != (Ref{}) {
		t.Error("no policy lets something through")
	}
}

// Equal policies have equal digests however they are written, and every change
// of what they say changes it.
func TestDigest(t *testing.T) {
	p, err := Parse("p.json", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("p.json", []byte(strings.Replace(good, `"findings":{`, `"findings": { "status_missing" : "fail",`, 1)))
	if err != nil || again.Ref() != p.Ref() {
		t.Errorf("a default written out: %+v %v", again, err)
	}
	reread, err := Parse("p.json", p.Document())
	if err != nil || reread.Ref() != p.Ref() || Digest(p.Document()) != p.Ref().Digest {
		t.Errorf("its own document: %v", err)
	}
	for _, c := range [][2]string{{"2026-11-25", "2"}, {`"report"`, `"fail"`}, {"15m", "16m"}, {"QESeal", "AdESeal"}, {`["university"]`, `[]`}, {`"ES256","ES384"`, `"ES256"`}} {
		other, err := Parse("p.json", []byte(strings.Replace(good, c[0], c[1], 1)))
		if err != nil || other.Ref().Digest == p.Ref().Digest {
			t.Errorf("%s: %v, or the same digest", c[0], err)
		}
	}
}

// A fault names the member and what belongs there; all are told at once.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"no JSON", "{", "[", "members are"},
		{"trailing data", good, good + "{}", "JSON"},
		{"member twice", `"version":"2026-11-25"`, `"version":"1","version":"2"`, "JSON"},
		{"unknown member", `"version"`, `"extends":"platform","version"`, "members are"},
		{"id", `"diplomas"`, `"Diplomas!"`, "p.json: id: expected"},
		{"no version", `"2026-11-25"`, `""`, "p.json: version: expected"},
		{"receiver", `"university"`, `"The University"`, "receivers[0]"},
		{"no format", `["dc+sd-jwt"]`, `[]`, "formats: name"},
		{"no algorithm", `["ES256","ES384"]`, `[]`, "algorithms: name"},
		{"no type", `"https://issuer.example/types/x"`, `""`, "credentials[0].type"},
		{"no issuer", `"issuers":["https://issuer.example"]`, `"issuers":[]`, "credentials[0].issuers: name"},
		{"empty issuer", `"issuers":["https://issuer.example"]`, `"issuers":[""]`, "credentials[0].issuers"},
		{"no registration", `["NTRBE-0999999922"]`, `[]`, "credentials[0].registrations: name"},
		{"registration", `NTRBE-0999999922`, `0999999922`, "credentials[0].registrations[0]: expected the form"},
		{"qualification", `QESeal`, `GoldSeal`, "credentials[0].qualification"},
		{"worthless", `QESeal`, `N/A`, "credentials[0].qualification"},
		{"max_age", `8760h`, `a year`, "credentials[0].max_age: expected a duration"},
		{"negative age", `15m`, `-15m`, "status_max_age: expected a duration"},
		{"finding", `status_too_old`, `revoked`, "findings.revoked: expected one of"},
		{"effect", `"report"`, `"ignore"`, `expected fail or report`},
		{"no credentials", good[strings.Index(good, `"credentials"`) : strings.Index(good, `"status_max_age"`)-3], `"credentials":[]`, "credentials: is empty"},
	} {
		text := strings.Replace(good, c.from, c.to, 1)
		if text == good {
			t.Fatalf("%s changes nothing", c.name)
		}
		p, err := Parse("p.json", []byte(text))
		if err == nil || p != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	_, err := Parse("p.json", []byte(strings.NewReplacer("QESeal", "x", "15m", "x").Replace(good)))
	if err == nil || !strings.Contains(err.Error(), "qualification") || !strings.Contains(err.Error(), "status_max_age") {
		t.Errorf("not all at once: %v", err)
	}
	if _, err := Parse("p.json", bytes.Repeat([]byte(" "), MaxDocument+1)); err == nil {
		t.Error("an endless document was read")
	}
}

// A policy goes below the floor only in the ways that the operator allowed.
func TestFloor(t *testing.T) {
	strict := func(t Type) *Policy {
		p, err := New(Policy{ID: Platform, Version: "1", Formats: []credential.Format{"dc+sd-jwt"}, Algorithms: []jose.Alg{jose.ES256, jose.ES384}, Types: []Type{t}})
		if err != nil {
			panic(err)
		}
		return p
	}
	floor := Floor{
		Platform: strict(Type{Name: "https://issuer.example/types/x", Issuers: []string{"https://issuer.example"}, Registrations: []string{"NTRBE-0999999922"}, Qualification: seal.AdESealQC, MaxAge: 8760 * time.Hour}),
		Formats:  []credential.Format{"dc+sd-jwt"}, Algorithms: []jose.Alg{jose.ES256, jose.ES384},
	}
	p, err := Parse("p.json", []byte(good))
	if err != nil || floor.Check(p) != nil {
		t.Fatalf("%v %v", err, floor.Check(p))
	}
	for _, c := range []struct {
		from, to string
		with     Relaxation // empty: nothing helps
		field    string
	}{
		{`types/x`, `types/y`, RelaxIssuers, "credentials[0].type"},
		{`["https://issuer.example"]`, `["https://issuer.example","https://b.example"]`, RelaxIssuers, "credentials[0].issuers"},
		{`["NTRBE-0999999922"]`, `["NTRBE-0999999823"]`, RelaxIssuers, "credentials[0].registrations"},
		{`QESeal`, `AdESeal`, RelaxQualification, "credentials[0].qualification"},
		{`"without_expiry":false`, `"without_expiry":true`, RelaxExpiry, "credentials[0].without_expiry"},
		{`status_too_old`, `status_missing`, RelaxStatusMissing, "findings.status_missing"},
		{`status_too_old`, `status_unavailable`, RelaxStatusUnavailable, "findings.status_unavailable"},
		{`status_too_old`, `holder_binding_missing`, RelaxHolderBinding, "findings.holder_binding_missing"},
		{`8760h`, `8761h`, "", "credentials[0].max_age"},
		{`"max_age":"8760h",`, ``, "", "credentials[0].max_age"},
		{`"dc+sd-jwt"`, `"mso_mdoc"`, "", "formats[0]"},
		{`"ES256",`, `"HS256",`, "", "algorithms[0]"},
	} {
		p, err := Parse("p.json", []byte(strings.Replace(good, c.from, c.to, 1)))
		if err != nil {
			t.Fatal(err)
		}
		for _, allowed := range append(Relaxations(), "") {
			f := floor
			f.Allowed = []Relaxation{allowed}
			err := f.Check(p)
			if ok := allowed == c.with && c.with != ""; (err == nil) != ok {
				t.Errorf("%s with %q allowed: %v", c.field, allowed, err)
			}
			if err != nil && !strings.Contains(err.Error(), c.field) {
				t.Errorf("%s is not named: %v", c.field, err)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"id":"a","version":"1","formats":["x"],"algorithms":["none"],"credentials":[{"type":"a","issuers":["b"],"registrations":["NTRBE-0999999922"]}]}`))
	f.Add([]byte(`{"findings":{"revoked":"report"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse("p.json", b)
		if (p == nil) == (err == nil) {
			t.Fatal("neither or both")
		}
		if p == nil {
			return
		}
		for _, entry := range p.Types {
			if len(entry.Issuers) == 0 || len(entry.Registrations) == 0 || entry.Qualification != "" && Worth(entry.Qualification) == 0 || slices.Contains(entry.Issuers, "") {
				t.Errorf("accepts without naming whom: %+v", entry)
			}
		}
		again, err := Parse("p.json", p.Document())
		if err != nil || again.Ref() != p.Ref() {
			t.Errorf("its own document reads otherwise: %v", err)
		}
	})
}
