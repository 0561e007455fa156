package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/provider/declared"
	"github.com/zegel-id/zegel/internal/provider/identifier"
)

const citizen, other = "85073003328", "99043002320"

func insz(t testing.TB, s string) identifier.INSZ {
	t.Helper()
	n, err := identifier.ParseINSZ(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// doc builds a document of "a/b=text" lines; a repeated path makes a list.
func doc(lines ...string) *provider.Node {
	root := &provider.Node{Name: "record"}
	for _, line := range lines {
		path, text, _ := strings.Cut(line, "=")
		at := root
		steps := strings.Split(path, "/")
		for i, step := range steps {
			var next *provider.Node
			if n := len(at.Children); i < len(steps)-1 && n > 0 && at.Children[n-1].Name == step {
				next = at.Children[n-1]
			} else {
				next = at.Add(step, "")
			}
			at = next
		}
		at.Text = text
	}
	return root
}

const head = `data_type: t
record: {reference: Ref, version: Ver, subject: Person/INSZ}
absent: [NBS, Niet beschikbaar]
tables:
  levels: {"4": four, "5": five}
refuse:
  - {reason: annulled, from: Status, is: ["10"]}
  - {reason: unknown_status, from: Status, is_not: ["1"]}
  - {reason: self_declared, from: Auth, prefix: Eigen}
claims:
`

func parse(t testing.TB, claims string) *Mapping {
	t.Helper()
	m, err := Parse("m.yaml", []byte(head+claims))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTransformations(t *testing.T) {
	for _, c := range []struct{ name, claim, lines, want string }{
		{"text", "from: A", "A=  x\n\t y ", `{"c":"x y"}`},
		{"pseudo-value", "from: A", "A=NBS", `{}`},
		{"pseudo-value over lines", "from: A", "A=Niet\n   beschikbaar", `{}`},
		{"own pseudo-value", `{claim: c, from: A, absent: ["0"]}`, "A=0", `{}`},
		{"first that is no pseudo-value", "from: A", "A=NBS|A=x", `{"c":"x"}`},
		{"nested", "{claim: c.d.e, from: A}", "A=x", `{"c":{"d":{"e":"x"}}}`},
		{"integer", "as: integer, from: A", "A=42", `{"c":42}`},
		{"no integer", "as: integer, from: A", "A=4,2", "malformed"},
		{"integer too large", "as: integer, from: A", "A=9007199254740993", "malformed"},
		{"boolean", "as: boolean, from: A", "A=false", `{"c":false}`},
		{"no boolean", "as: boolean, from: A", "A=nee", "malformed"},
		{"lookup", "as: lookup, table: levels, from: A", "A=4", `{"c":"four"}`},
		{"lookup refuses", "as: lookup, table: levels, from: A", "A=9", "malformed"},
		{"lookup omits", "as: lookup, table: levels, from: A, otherwise: omit", "A=9", `{}`},
		{"lookup keeps", "as: lookup, table: levels, from: A, otherwise: keep", "A=9", `{"c":"9"}`},
		{"country", "as: country, from: A", "A=BEL", `{"c":"BE"}`},
		{"country of the past", "as: country, from: A", "A=YUG", `{"c":"YU"}`},
		{"country unknown", "as: country, from: A", "A=QQQ", `{"c":"QQQ"}`},
		{"constant", "as: constant, value: k", "A=x", `{"c":"k"}`},
		{"first of", "as: first_of, of: [{from: A}, {from: B}]", "A=Niet beschikbaar|B=x", `{"c":"x"}`},
		{"first of, by condition", "as: first_of, of: [{from: A}, {from: 'I/D[N=n 2]/V'}]", "I/D/N=n 1|I/D/V=1|I/E=|I/D/N=n 2|I/D/V=2", `{"c":"2"}`},
		{"list", "as: list, from: A", "A=x|A=NBS|A=y", `{"c":["x","y"]}`},
		{"list split", "as: list, split: ;, from: A", "A=x; y;;NBS", `{"c":["x","y"]}`},
		{"empty list", "as: list, from: A", "A=NBS", `{}`},
		{"list of objects", "as: list, from: I/D, items: [{claim: n, from: N, required: true}, {claim: v, from: V}]", "I/D/N=1|I/D/V=x|I/E=|I/D/V=y|I/F=|I/D/N=2", `{"c":[{"n":"1","v":"x"},{"n":"2"}]}`},
		{"date", "as: date, year: Y, month: M, day: D", "Y=2014|M=06|D=30", `{"c":"2014-06-30"}`},
		{"date without day", "as: date, year: Y, month: M, day: D", "Y=2014|M=06", `{"c":"2014-06"}`},
		{"date without month", "as: date, year: Y, month: M, day: D", "Y=2014", `{"c":"2014"}`},
		{"day without month", "as: date, year: Y, month: M, day: D", "Y=2014|D=30", `{"c":"2014"}`},
		{"unknown year", "as: date, year: Y, month: M, day: D, unknown_years: ['1800']", "Y=1800|M=01|D=01", `{}`},
		{"date that does not exist", "as: date, year: Y, month: M, day: D", "Y=2014|M=02|D=30", "malformed"},
		{"month 13", "as: date, year: Y, month: M, day: D", "Y=2014|M=13", "malformed"},
		{"date in one field", "as: date, from: A, unknown_years: ['1800']", "A=2014-06", `{"c":"2014-06"}`},
		{"unknown date in one field", "as: date, from: A, unknown_years: ['1800']", "A=1800-01-01", `{}`},
		{"month 00", "as: date, from: A", "A=2014-00-00", `{"c":"2014"}`},
		{"year 0000", "as: date, from: A", "A=0000-00-00", `{}`},
		{"day 00", "as: date, from: A", "A=2014-06-00", `{"c":"2014-06"}`},
		{"other form", "as: date, from: A", "A=30/06/2014", "malformed"},
		{"required", "{claim: c, from: A, required: true}", "A=NBS", "missing_claim"},
		{"identifier in text", "from: A", "A=diploma van 85.07.30-033.28", "identifier_in_claims"},
		{"identifier in a list", "as: list, from: I, items: [{claim: n, from: N}]", "I/N=" + citizen, "identifier_in_claims"},
	} {
		t.Run(c.name, func(t *testing.T) {
			claim := c.claim
			if !strings.HasPrefix(claim, "{") {
				claim = "{claim: c, " + claim + "}"
			}
			m := parse(t, "  - "+claim+"\n")
			got, err := m.Claims(provider.Record{Ref: "r", Subject: insz(t, citizen), Fields: doc(strings.Split(c.lines, "|")...)})
			if !strings.HasPrefix(c.want, "{") {
				var r provider.Refusal
				if !errors.As(err, &r) || string(r.Reason) != c.want || r.Ref != "r" || got != nil {
					t.Fatalf("%v, want %s", err, c.want)
				}
				for _, line := range strings.Split(c.lines, "|") {
					if _, v, _ := strings.Cut(line, "="); len(v) > 3 && strings.Contains(r.Error(), v) {
						t.Fatal("the refusal repeats a value")
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(got)
			if err != nil || string(b) != c.want && !(c.want == "{}" && len(got) == 0) {
				t.Fatalf("%s, want %s (%v)", b, c.want, err)
			}
			plain, _ := json.Marshal(got.Map())
			if string(plain) != c.want {
				t.Fatalf("as a map %s", plain)
			}
		})
	}
}

func TestSort(t *testing.T) {
	m := parse(t, "  - {claim: c, from: A}\n")
	record := func(ref, person, status, auth string) *provider.Node {
		return doc("Ref="+ref, "Ver=v1", "Person/INSZ="+person, "Status="+status, "Auth="+auth, "A=secret")
	}
	sorted := m.Sort("s", insz(t, citizen), []*provider.Node{
		record("1", citizen, "1", "x"),
		record("2", other, "1", "x"),
		record("3", citizen, "10", "x"),
		record("4", citizen, "1", "Eigen\n verklaring"),
		record("5", citizen, "7", "x"),
		record("6", citizen, "", "x"),
		record("", citizen, "1", "x"),
		record("8", "nobody", "1", "x"),
		record("1", citizen, "1", "x"),
		record("10", "85.07.30-033.28", "1", "x"),
	})
	records, refused := sorted.Records, sorted.Refused
	if len(records) != 2 || records[0].Ref != "1" || records[1].Ref != "10" || records[0].Version != "v1" || records[0].Type != "t" || records[0].Supplier != "s" {
		t.Fatal(records)
	}
	var got []string
	for _, r := range refused {
		got = append(got, r.Ref+":"+string(r.Reason))
		if strings.Contains(r.Error(), other) || strings.Contains(r.Error(), citizen) || strings.Contains(r.Error(), "secret") {
			t.Error("the refusal says too much")
		}
	}
	want := "[2:wrong_subject 3:annulled 4:self_declared 5:unknown_status 6:unknown_status :malformed 8:malformed 1:duplicate]"
	if fmt.Sprint(got) != want {
		t.Fatalf("%v, want %s", got, want)
	}
}

// A record that the source will only have later is neither given nor refused,
// and only its subject's (OpenID4VCI 1.0, Section 9).
func TestLater(t *testing.T) {
	m, err := Parse("m.yaml", []byte(strings.Replace(head, "refuse:\n", "later:\n  - {from: Status, is: [asked, made], again: 30s}\n  - {from: Status, prefix: soon}\nrefuse:\n", 1)+"  - {claim: c, from: A}\n"))
	if err != nil {
		t.Fatal(err)
	}
	record := func(ref, person, status string) *provider.Node {
		return doc("Ref="+ref, "Person/INSZ="+person, "Status="+status, "A=x")
	}
	got := m.Sort("s", insz(t, citizen), []*provider.Node{
		record("1", citizen, "1"), record("2", citizen, "asked"), record("3", citizen, "sooner"), record("4", other, "asked"), record("2", citizen, "made"), record("", citizen, "asked"),
	})
	if len(got.Records) != 1 || len(got.Pending) != 2 || got.Pending[0].Ref != "2" || got.Pending[0].Again != 30*time.Second || got.Pending[1].Again != defaultAgain || !got.Pending[0].Subject.Equal(insz(t, citizen)) {
		t.Errorf("%+v", got)
	}
	var reasons []string
	for _, r := range got.Refused {
		reasons = append(reasons, string(r.Reason))
	}
	if strings.Join(reasons, " ") != "wrong_subject duplicate malformed" {
		t.Errorf("refused: %v", reasons)
	}
}

func TestLint(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"no claims", strings.TrimSuffix(head, "claims:\n"), "claims: at least one"},
		{"unknown transformation", head + "  - {claim: c, as: eval, from: A}\n", "m.yaml:11: claims[0].as"},
		{"unknown member", head + "  - {claim: c, form: A}\n", "m.yaml:11: \"form\""},
		{"no source", head + "  - {claim: c}\n", "claims[0].from: is required"},
		{"bad path", head + "  - {claim: c, from: A//B}\n", "m.yaml:11: claims[0].from: path"},
		{"bad name", head + "  - {claim: C-d, from: A}\n", "m.yaml:11: claims[0].claim"},
		{"reserved", head + "  - {claim: sub, from: A}\n", "belongs to the credential"},
		{"reserved category", head + "  - {claim: category.x, from: A}\n", "belongs to the credential"},
		{"twice", head + "  - {claim: c, from: A}\n  - {claim: c, from: B}\n", "m.yaml:12: claims[1].claim"},
		{"value and object", head + "  - {claim: c, from: A}\n  - {claim: c.d, from: B}\n", "cannot both"},
		{"the identifier as a claim", head + "  - {claim: c, from: Person/INSZ}\n", "citizen's identifier"},
		{"its parent as a claim", head + "  - {claim: c, as: list, from: Person}\n", "citizen's identifier"},
		{"table missing", head + "  - {claim: c, as: lookup, from: A, table: x}\n", "claims[0].table"},
		{"otherwise", head + "  - {claim: c, as: lookup, from: A, table: levels, otherwise: x}\n", "claims[0].otherwise"},
		{"member without meaning", head + "  - {claim: c, from: A, table: levels}\n", "claims[0].table: has no meaning"},
		{"constant without value", head + "  - {claim: c, as: constant}\n", "claims[0].value"},
		{"one alternative", head + "  - {claim: c, as: first_of, of: [{from: A}]}\n", "claims[0].of"},
		{"alternative with claim", head + "  - {claim: c, as: first_of, of: [{claim: d, from: A}, {from: B}]}\n", "claims[0].of[0]"},
		{"day without month", head + "  - {claim: c, as: date, year: Y, day: D}\n", "claims[0].day"},
		{"two dates", head + "  - {claim: c, as: date, from: A, year: Y}\n", "claims[0].from"},
		{"split objects", head + "  - {claim: c, as: list, from: A, split: ;, items: [{claim: d, from: B}]}\n", "claims[0].split"},
		{"unknown reason", strings.Replace(head, "annulled", "old", 1) + "  - {claim: c, from: A}\n", "m.yaml:7: refuse[0].reason"},
		{"two conditions", strings.Replace(head, "is: [\"10\"]", "is: [\"10\"], prefix: x", 1) + "  - {claim: c, from: A}\n", "m.yaml:7: refuse[0]"},
		{"again", strings.Replace(head, "refuse:\n", "later: [{from: A, is: [x], again: 1s}]\nrefuse:\n", 1) + "  - {claim: c, from: A}\n", "later[0].again"},
		{"later without a condition", strings.Replace(head, "refuse:\n", "later: [{from: A}]\nrefuse:\n", 1) + "  - {claim: c, from: A}\n", "later[0]: exactly one"},
		{"no subject", strings.Replace(head, ", subject: Person/INSZ", "", 1) + "  - {claim: c, from: A}\n", "m.yaml:2: record.subject: is required"},
		{"all at once", head + "  - {claim: iss, from: A}\n  - {claim: c, as: eval}\n", "claims[1].as"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Parse("m.yaml", []byte(c.text))
			if m != nil || !errors.Is(err, declared.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestSourcesThatNameNobody(t *testing.T) {
	text := strings.NewReplacer("Ref, ", "$position, ", "Person/INSZ", "$question").Replace(head) + "  - {claim: c, from: A}\n"
	m, err := Parse("m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	sorted := m.Sort("s", insz(t, citizen), []*provider.Node{doc("Status=10"), doc("Status=1", "A=x")})
	records, refused := sorted.Records, sorted.Refused
	if len(records) != 1 || records[0].Ref != "2" || !records[0].Subject.Equal(insz(t, citizen)) || len(refused) != 1 {
		t.Fatal(records, refused)
	}
	if _, err := m.Concerns(insz(t, citizen), doc("A=x")); err == nil || m.NamesSubject() {
		t.Fatal("somebody's record, and nobody says whose")
	}
}

func TestLEDDiplomaDeclares(t *testing.T) {
	m := LEDDiploma()
	if m.DataType() != "led-diploma" || !m.NamesSubject() {
		t.Fatal(m.DataType())
	}
	names := map[string]bool{}
	for _, d := range m.Declared() {
		names[strings.Join(d.Path, ".")] = d.Required
	}
	for _, must := range []string{"title", "award_date", "award_type", "level.eqf", "level.vks", "field_of_study.code", "awarding_institution.country", "record.version"} {
		if _, ok := names[must]; !ok {
			t.Errorf("no claim %s", must)
		}
	}
	if !names["title"] || names["award_date"] {
		t.Error("title is required, award_date is not")
	}
}

func TestClaimsShowNothing(t *testing.T) {
	c := Claims{{"a", "secret"}, {"b", Claims{{"d", []any{"secret"}}}}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&out, verb, c)
		fmt.Fprintf(&out, verb, Mapped{Claims: c})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "c", c, "m", Mapped{Claims: c})
	if strings.Contains(out.String(), "secret") {
		t.Fatal(out.String())
	}
}

func FuzzParse(f *testing.F) {
	f.Add(ledDiploma)
	f.Add([]byte(head + "  - {claim: c, as: list, from: A, items: [{claim: d, from: B}]}\n"))
	f.Add([]byte(strings.Replace(head, "refuse:\n", "later: [{from: A, is: [x], again: 10s}]\nrefuse:\n", 1) + "  - {claim: c, from: A}\n"))
	rec := doc("Ref=1", "A=x", "Y=2014")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse("m.yaml", b)
		if (m == nil) == (err == nil) {
			t.Fatal("neither or both")
		}
		if m != nil {
			records := m.Sort("s", insz(t, citizen), []*provider.Node{rec}).Records
			m.Apply(records)
			m.Declared()
		}
	})
}
