package sdjwt_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/testvectors"
)

func TestTypeMetadataVectors(t *testing.T) {
	for _, name := range []string{"5.1-type-metadata", "a2-type-metadata", "5.6.5.2-extends-1", "5.6.5.2-extends-2"} {
		raw := testvectors.File(t, "sd-jwt-vc", "type-metadata/"+name+".json")
		m, err := sdjwt.ParseTypeMetadata(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := m.JSON()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !reflect.DeepEqual(generic(t, again), generic(t, raw)) {
			t.Errorf("%s: written again it is %s", name, again)
		}
	}
}

// SD-JWT VC, Section 5.6.5.2.
func TestTypeMetadataExtendsVector(t *testing.T) {
	files := map[string][]byte{
		"https://example.com/base-type-metadata":   testvectors.File(t, "sd-jwt-vc", "type-metadata/5.6.5.2-extends-1.json"),
		"https://example.com/custom-type-metadata": testvectors.File(t, "sd-jwt-vc", "type-metadata/5.6.5.2-extends-2.json"),
	}
	m, err := sdjwt.ResolveType("https://example.com/custom-type-metadata", "", fetchFrom(files))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(m.Claims)
	if err != nil {
		t.Fatal(err)
	}
	want := generic(t, testvectors.File(t, "sd-jwt-vc", "type-metadata/5.6.5.2-extends-3.json")).(map[string]any)["claims"]
	if !reflect.DeepEqual(generic(t, got), want) {
		t.Errorf("got %s, want %v", got, want)
	}
}

func fetchFrom(files map[string][]byte) func(string) ([]byte, error) {
	return func(vct string) ([]byte, error) {
		b, ok := files[vct]
		if !ok {
			return nil, errors.New("not found")
		}
		return b, nil
	}
}

// SD-JWT VC, Section 5.6.1.1: what paths select.
func TestClaimPathVector(t *testing.T) {
	p := parties()
	claims := generic(t, testvectors.File(t, "sd-jwt-vc", "type-metadata/5.6.1.1-claims-for-path.json")).(map[string]any)
	delete(claims, "vct")
	s, err := sdjwt.Parse(p.issue(t, claims))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		`["name"]`:                     []any{"Arthur Dent"},
		`["address"]`:                  []any{claims["address"]},
		`["address","street_address"]`: []any{"42 Market Street"},
		`["degrees",null,"type"]`:      []any{"Bachelor of Science", "Master of Science"},
		`["nationalities",1]`:          []any{"Betelgeusian"},
		`["nationalities",2]`:          []any{},
		`["name","x"]`:                 []any{},
	} {
		parsed, err := sdjwt.ParsePath([]byte(path))
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := s.Claims().Lookup(parsed); !reflect.DeepEqual(any(append([]any{}, got...)), want) {
			t.Errorf("%s selects %v, want %v", path, got, want)
		}
	}
}

// The example of SD-JWT VC, Appendix A.2: issue what the metadata asks for and
// validate credential and presentations against it.
func TestTypeMetadataIssueAndCheck(t *testing.T) {
	p := parties()
	m, err := sdjwt.ParseTypeMetadata(testvectors.File(t, "sd-jwt-vc", "type-metadata/a2-type-metadata.json"))
	if err != nil {
		t.Fatal(err)
	}
	claims := generic(t, testvectors.File(t, "sd-jwt-vc", "type-metadata/a2-credential-claims.json")).(map[string]any)
	delete(claims, "vct")
	delete(claims, "vct#integrity")
	frame, err := m.Frame()
	if err != nil {
		t.Fatal(err)
	}
	issue := func(claims any, frame sdjwt.Frame) string {
		c := p.credential(t, claims)
		c.Type = m.VCT
		d, err := sdjwt.Prepare(c, frame, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := d.Seal(p.issuer)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	text := issue(claims, frame)
	s, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CheckHeld(s); err != nil {
		t.Error(err)
	}
	if n := len(s.Disclosable()); n != 9 { // name, address, street_address, 3 degrees, 3 dates
		t.Errorf("%d disclosable: %v", n, s.Disclosable())
	}
	policy := p.policy()
	policy.VCT = []string{m.VCT}
	for _, paths := range [][]sdjwt.Path{nil, {{"degrees", 2, "field_of_study"}}, {{"name"}}, {{"address", "city"}}, {{"degrees", nil, "date_awarded"}}} {
		v, err := sdjwt.Verify(present(t, text, p.binding(), paths...), policy)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.CheckPresented(v); err != nil {
			t.Errorf("%v: %v", paths, err)
		}
	}
	if label, ok := m.Label(sdjwt.Path{"degrees"}, "fr", "de"); !ok || label != "Abschlüsse" {
		t.Errorf("label %q", label)
	}
	if d, ok := m.DisplayIn("de"); !ok || d.Locale != "de-DE" {
		t.Errorf("display %v", d.Locale)
	}
	if d, ok := m.DisplayIn("en-GB", "de"); !ok || d.Locale != "en-US" {
		t.Errorf("display %v", d.Locale)
	}

	without, _ := json.Marshal(map[string]any{"degrees": []any{}})
	visible, err := sdjwt.NewFrame(sdjwt.Path{"address"}, sdjwt.Path{"address", "street_address"}, sdjwt.Path{"degrees", nil}, sdjwt.Path{"degrees", nil, "date_awarded"})
	if err != nil {
		t.Fatal(err)
	}
	hiddenList, err := sdjwt.NewFrame(sdjwt.Path{"name"}, sdjwt.Path{"degrees"})
	if err != nil {
		t.Fatal(err)
	}
	onlyDegrees := map[string]any{"name": "x", "degrees": []any{}}
	for name, text := range map[string]string{
		"mandatory missing":     issue(without, frame),
		"always but visible":    issue(claims, visible),
		"never but disclosable": issue(onlyDegrees, hiddenList),
		"array is an object":    issue([]byte(`{"name":"x","degrees":{"a":1}}`), mustFrame(t, sdjwt.Path{"name"})),
		"another type":          p.issue(t, claims, sdjwt.Path{"name"}),
	} {
		s, err := sdjwt.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		wantCheck(t, name, m.CheckHeld(s), credential.CheckType)
	}
}

func mustFrame(t *testing.T, paths ...sdjwt.Path) sdjwt.Frame {
	f, err := sdjwt.NewFrame(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A mandatory claim that is never disclosable is missing where it is not seen;
// one that may be disclosable is not.
func TestMandatoryInPresentation(t *testing.T) {
	p := parties()
	yes := true
	m := sdjwt.TypeMetadata{VCT: typeURL, Claims: []sdjwt.ClaimMetadata{{Path: sdjwt.Path{"a"}, Mandatory: &yes, SD: sdjwt.SDAlways}, {Path: sdjwt.Path{"o", "b"}, Mandatory: &yes, SD: sdjwt.SDNever}}}
	for claims, ok := range map[string]bool{
		`{"a":1,"o":{"b":1}}`: true,
		`{"a":1,"o":{"c":1}}`: false,
		`{"a":1}`:             true, // o may be among the undisclosed
	} {
		v, err := sdjwt.Verify(present(t, p.issue(t, []byte(claims), sdjwt.Path{"a"}), p.binding()), p.policy())
		if err != nil {
			t.Fatal(err)
		}
		if err := m.CheckPresented(v); (err == nil) != ok {
			t.Errorf("%s: %v", claims, err)
		}
	}
}

func TestTypeMetadataRefused(t *testing.T) {
	for name, document := range map[string]string{
		"not JSON":              `{`,
		"duplicate member":      `{"vct":"a","vct":"a"}`,
		"no vct":                `{"name":"x"}`,
		"vct a number":          `{"vct":1}`,
		"integrity alone":       `{"vct":"a","extends#integrity":"sha256-x"}`,
		"display no locale":     `{"vct":"a","display":[{"name":"x"}]}`,
		"display no name":       `{"vct":"a","display":[{"locale":"nl"}]}`,
		"display locale twice":  `{"vct":"a","display":[{"locale":"nl","name":"x"},{"locale":"NL","name":"y"}]}`,
		"display http logo":     `{"vct":"a","display":[{"locale":"nl","name":"x","rendering":{"simple":{"logo":{"uri":"http://a.example/x.png"}}}}]}`,
		"svg over javascript":   `{"vct":"a","display":[{"locale":"nl","name":"x","rendering":{"svg_templates":[{"uri":"javascript:1"}]}}]}`,
		"claim without path":    `{"vct":"a","claims":[{"sd":"always"}]}`,
		"claim with empty path": `{"vct":"a","claims":[{"path":[]}]}`,
		"claim negative index":  `{"vct":"a","claims":[{"path":["a",-1]}]}`,
		"claim path twice":      `{"vct":"a","claims":[{"path":["a"]},{"path":["a"]}]}`,
		"claim sd unknown":      `{"vct":"a","claims":[{"path":["a"],"sd":"maybe"}]}`,
		"claim mandatory text":  `{"vct":"a","claims":[{"path":["a"],"mandatory":"true"}]}`,
		"claim no label":        `{"vct":"a","claims":[{"path":["a"],"display":[{"locale":"nl"}]}]}`,
		"svg_id with a dash":    `{"vct":"a","claims":[{"path":["a"],"svg_id":"a-b"}]}`,
		"svg_id with digit":     `{"vct":"a","claims":[{"path":["a"],"svg_id":"1a"}]}`,
		"svg_id twice":          `{"vct":"a","claims":[{"path":["a"],"svg_id":"a"},{"path":["b"],"svg_id":"a"}]}`,
	} {
		if _, err := sdjwt.ParseTypeMetadata([]byte(document)); !errors.Is(err, sdjwt.ErrTypeMetadata) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, err := sdjwt.ParseTypeMetadata([]byte(`{"vct":"a","claims":[{"path":["exp"],"sd":"always"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Frame(); err == nil {
		t.Error("exp can be made disclosable by type metadata")
	}
}

func TestResolveTypeRefused(t *testing.T) {
	files := map[string][]byte{
		"self":    []byte(`{"vct":"self","extends":"self"}`),
		"a":       []byte(`{"vct":"a","extends":"b"}`),
		"b":       []byte(`{"vct":"b","extends":"c"}`),
		"c":       []byte(`{"vct":"c","extends":"a"}`),
		"liar":    []byte(`{"vct":"other"}`),
		"orphan":  []byte(`{"vct":"orphan","extends":"nowhere"}`),
		"base":    []byte(`{"vct":"base","display":[{"locale":"nl","name":"base"}],"claims":[{"path":["x"],"sd":"always","mandatory":true},{"path":["y"]}]}`),
		"loose":   []byte(`{"vct":"loose","extends":"base","claims":[{"path":["x"],"sd":"never"}]}`),
		"allowed": []byte(`{"vct":"allowed","extends":"base","claims":[{"path":["x"],"sd":"allowed"}]}`),
		"option":  []byte(`{"vct":"option","extends":"base","claims":[{"path":["x"],"mandatory":false}]}`),
		"wrong":   []byte(`{"vct":"wrong","extends":"base","extends#integrity":"` + sdjwt.Integrity([]byte("x")) + `"}`),
		"strict":  []byte(`{"vct":"strict","extends":"base","claims":[{"path":["y"],"sd":"never","mandatory":true}]}`),
	}
	for i := range sdjwt.MaxExtends + 1 {
		files[fmt.Sprintf("long%d", i)] = fmt.Appendf(nil, `{"vct":"long%d","extends":"long%d"}`, i, i+1)
	}
	for _, vct := range []string{"self", "a", "liar", "orphan", "loose", "allowed", "option", "wrong", "long0", "nowhere"} {
		if _, err := sdjwt.ResolveType(vct, "", fetchFrom(files)); !errors.Is(err, sdjwt.ErrTypeMetadata) {
			t.Errorf("%s: %v", vct, err)
		}
	}
	m, err := sdjwt.ResolveType("strict", sdjwt.Integrity(files["strict"]), fetchFrom(files))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Claims) != 2 || m.Claims[0].SD != sdjwt.SDAlways || m.Claims[1].SD != sdjwt.SDNever || !m.Claims[1].Required() || m.Display[0].Name != "base" {
		t.Errorf("combined %+v", m)
	}
	if _, err := sdjwt.ResolveType("strict", sdjwt.Integrity([]byte("other")), fetchFrom(files)); !errors.Is(err, sdjwt.ErrIntegrity) {
		t.Errorf("integrity: %v", err)
	}
}

func TestIntegrity(t *testing.T) {
	doc := []byte("alert('Hello, world.');")
	sha384 := "sha384-H8BRh8j48O9oYatfu5AZzq6A9RINhZO5H16dQZngK7T62em8MUt1FLm52t+eX6xO" // the example of W3C SRI
	for metadata, ok := range map[string]bool{
		sdjwt.Integrity(doc): true,
		sha384:               true,
		sha384 + "?opt":      true,
		sdjwt.Integrity([]byte("x")) + " " + sha384: true,  // only the strongest counts
		sdjwt.Integrity(doc) + " " + flip(sha384):   false, // only the strongest counts
		flip(sha384) + " " + sha384:                 true,
		"":                                          false,
		"md5-abc":                                   false,
		"sha256-":                                   false,
		"sha256-abc=":                               false,
		strings.Replace(sha384, "+", "-", 1):        false,
		strings.Replace(sdjwt.Integrity(doc), "256", "512", 1):  false,
		strings.Replace(sdjwt.Integrity(doc), "sha", "SHA-", 1): false,
	} {
		if err := sdjwt.CheckIntegrity(doc, metadata); (err == nil) != ok {
			t.Errorf("%q: %v", metadata, err)
		}
	}
}

func flip(s string) string { return strings.Replace(s, "H8BR", "H8BS", 1) }
