package policy

import (
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

const needing = `"qualification":"QESeal","level":"JAdES-BASELINE-B","authentic_sources":[{"name":"LED","country":"BE"}],"notified_when_sealed":true`

// What a document asks of seals is read, is part of its digest, and every fault of
// it names the member.
func TestNeedOfDocument(t *testing.T) {
	full := strings.Replace(good, `"qualification":"QESeal"`, needing, 1)
	p, err := Parse("p.json", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	want := Type{Qualification: seal.QESeal, Level: seal.BaselineB, Sources: []Source{{Name: "LED", Country: "BE"}}, NotifiedWhenSealed: true}
	got := p.Types[0]
	got.Name, got.Issuers, got.Registrations, got.MaxAge = "", nil, nil, 0
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if again, err := Parse("p.json", p.Document()); err != nil || again.Ref() != p.Ref() {
		t.Errorf("its own document: %v", err)
	}
	for _, c := range [][2]string{{`"level":"JAdES-BASELINE-B",`, ``}, {`"country":"BE"`, `"country":"NL"`}, {`"notified_when_sealed":true`, `"notified_when_sealed":false`}} {
		if other, err := Parse("p.json", []byte(strings.Replace(full, c[0], c[1], 1))); err != nil || other.Ref() == p.Ref() {
			t.Errorf("%s: %v, or the same digest", c[0], err)
		}
	}
	for _, c := range []struct{ from, to, want string }{
		{`JAdES-BASELINE-B"`, `B-B"`, "credentials[0].level: found \"B-B\", expected one of"},
		{`JAdES-BASELINE-B"`, `NOT-BASELINE"`, "credentials[0].level"},
		{`{"name":"LED","country":"BE"}`, `{}`, "credentials[0].authentic_sources[0]: is empty"},
		{`{"name":"LED","country":"BE"}`, `{"name":"","country":""}`, "credentials[0].authentic_sources[0]: is empty"},
		{`"country":"BE"`, `"country":"Belgium"`, "credentials[0].authentic_sources[0].country"},
		{`"name":"LED"`, `"name":"` + strings.Repeat("a", 2049) + `"`, "credentials[0].authentic_sources[0]: has a text"},
		{`"name":"LED"`, `"source":"LED"`, "members are"},
		{`[{"name":"LED","country":"BE"}]`, `[` + strings.Repeat(`{"country":"BE"},`, 256) + `{"country":"BE"}]`, "authentic_sources: has 257"},
		{`"notified_when_sealed":true`, `"notified_when_sealed":"yes"`, "JSON"},
	} {
		p, err := Parse("p.json", []byte(strings.Replace(full, c.from, c.to, 1)))
		if err == nil || p != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.to, err, c.want)
		}
	}
}

func TestParseNeed(t *testing.T) {
	n, err := ParseNeed("type", []byte("{"+needing+"}"))
	if err != nil || n.Qualification != seal.QESeal || n.Level != seal.BaselineB || len(n.Sources) != 1 || !n.NotifiedWhenSealed {
		t.Errorf("%+v %v", n, err)
	}
	if n, err := ParseNeed("type", []byte("{}")); err != nil || !reflect.DeepEqual(n, Type{}) {
		t.Errorf("%+v %v", n, err)
	}
	for text, want := range map[string]string{
		`{"qualification":"GoldSeal"}`:     `type: qualification: found "GoldSeal"`,
		`{"qualification":"N/A"}`:          "type: qualification",
		`{"issuers":["x"]}`:                "members are qualification",
		`{"level":"B-B"} {}`:               "JSON",
		`[]`:                               "members are",
		``:                                 "members are",
		strings.Repeat(" ", MaxDocument+1): "at most",
	} {
		if n, err := ParseNeed("type", []byte(text)); err == nil || !reflect.DeepEqual(n, Type{}) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %+v %v", text, n, err)
		}
	}
}

// What a policy leaves open is what the platform asks; what it says itself stays.
func TestOver(t *testing.T) {
	base := Type{Qualification: seal.QESeal, Level: seal.BaselineB, Sources: []Source{{Country: "BE"}}, NotifiedWhenSealed: true}
	if got := (Type{}).Over(base); !reflect.DeepEqual(got, base) {
		t.Errorf("%+v", got)
	}
	own := Type{Qualification: seal.AdESeal, Level: seal.BaselineT, Sources: []Source{{Country: "NL"}}}
	if got := own.Over(base); got.Qualification != seal.AdESeal || got.Level != seal.BaselineT || got.Sources[0].Country != "NL" || !got.NotifiedWhenSealed {
		t.Errorf("%+v", got)
	}
	open := strings.Replace(good, `"qualification":"QESeal",`, "", 1)
	p, err := Parse("p.json", []byte(open))
	if err != nil || p.Types[0].Qualification != "" {
		t.Fatalf("%+v %v", p, err)
	}
	whole, err := p.Over(nil)
	if err != nil || whole.Types[0].Qualification != seal.AdESeal || p.Types[0].Qualification != "" || whole.Effect(StatusTooOld) != Reports || whole.StatusMaxAge != p.StatusMaxAge || whole.Types[0].MaxAge != p.Types[0].MaxAge {
		t.Errorf("%+v %v", whole, err)
	}
	if reread, err := Parse("p.json", whole.Document()); err != nil || reread.Ref() != whole.Ref() {
		t.Errorf("its own document: %v", err)
	}
}

// The floor holds for level and source as for the qualification.
func TestFloorOfNeed(t *testing.T) {
	platform := func(n Type) *Policy {
		n.Name, n.Issuers, n.Registrations = "https://issuer.example/types/x", []string{"https://issuer.example"}, []string{"NTRBE-0999999922"}
		p, err := New(Policy{ID: Platform, Version: "1", Formats: []credential.Format{"dc+sd-jwt"}, Algorithms: []jose.Alg{jose.ES256, jose.ES384}, Types: []Type{n}})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, c := range map[string]struct {
		base    Type
		own     string
		with    Relaxation
		field   string // empty: nothing is wrong
		nothing bool   // helps
	}{
		"as the platform":         {Type{Level: seal.BaselineB, Sources: []Source{{Country: "BE"}}}, `,"level":"JAdES-BASELINE-B","authentic_sources":[{"country":"BE"}]`, "", "", false},
		"narrower source":         {Type{Sources: []Source{{Country: "NL"}, {Country: "BE"}}}, `,"authentic_sources":[{"country":"BE","name":"LED"}]`, "", "", false},
		"no level":                {Type{Level: seal.BaselineB}, ``, RelaxQualification, "credentials[0].level", false},
		"wider source":            {Type{Sources: []Source{{Country: "BE", Name: "LED"}}}, `,"authentic_sources":[{"country":"BE"}]`, RelaxIssuers, "credentials[0].authentic_sources", false},
		"one more source":         {Type{Sources: []Source{{Country: "BE"}}}, `,"authentic_sources":[{"country":"BE"},{"country":"NL"}]`, RelaxIssuers, "credentials[0].authentic_sources", false},
		"no source":               {Type{Sources: []Source{{Country: "BE"}}}, ``, RelaxIssuers, "credentials[0].authentic_sources", false},
		"a level of nothing here": {Type{}, `,"level":"JAdES-BASELINE-LT"`, "", "credentials[0].level", true},
	} {
		p, err := Parse("p.json", []byte(strings.Replace(good, `"qualification":"QESeal"`, `"qualification":"QESeal"`+c.own, 1)))
		if err != nil {
			t.Fatal(err)
		}
		f := Floor{Platform: platform(c.base), Formats: p.Formats, Algorithms: p.Algorithms, Levels: []seal.Level{seal.BaselineB}}
		err = f.Check(p)
		if (err == nil) != (c.field == "") || err != nil && !strings.Contains(err.Error(), c.field+": ") {
			t.Errorf("%s: %v", name, err)
		}
		if f.Allowed = Relaxations(); (f.Check(p) == nil) == c.nothing {
			t.Errorf("%s, all allowed: %v", name, f.Check(p))
		}
		if c.with != "" {
			if f.Allowed = []Relaxation{c.with}; f.Check(p) != nil {
				t.Errorf("%s, %s allowed: %v", name, c.with, f.Check(p))
			}
		}
	}
}
