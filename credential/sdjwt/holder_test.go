package sdjwt_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential/sdjwt"
)

func otherKeys(t testing.TB) []crypto.Signer {
	p384, err1 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, ed, err2 := ed25519.GenerateKey(rand.Reader)
	rs, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return []crypto.Signer{p384, ed, rs}
}

const degree = `{"person":{"name":"Jan","birth":{"date":"1999","place":"Gent"}},"courses":[{"title":"a","credits":3},{"title":"b","credits":6}],"tags":["x","y","z"],"open":true}`

var degreePaths = []sdjwt.Path{
	{"person"}, {"person", "name"}, {"person", "birth", "date"},
	{"courses", nil}, {"courses", nil, "credits"}, {"tags", nil}, {"tags"},
}

func TestDisclose(t *testing.T) {
	p := parties()
	text := p.issue(t, []byte(degree), degreePaths...)
	for name, c := range map[string]struct {
		paths []sdjwt.Path
		want  string
		count int
	}{
		"nothing":                 {nil, `{"courses":[],"open":true}`, 0},
		"visible":                 {[]sdjwt.Path{{"open"}}, `{"courses":[],"open":true}`, 0},
		"whole object":            {[]sdjwt.Path{{"person"}}, `{"courses":[],"open":true,"person":{"name":"Jan","birth":{"date":"1999","place":"Gent"}}}`, 3},
		"nested with its parents": {[]sdjwt.Path{{"person", "birth", "date"}}, `{"courses":[],"open":true,"person":{"birth":{"date":"1999","place":"Gent"}}}`, 2},
		"visible inside":          {[]sdjwt.Path{{"person", "birth", "place"}}, `{"courses":[],"open":true,"person":{"birth":{"place":"Gent"}}}`, 1},
		"one element":             {[]sdjwt.Path{{"courses", 1, "title"}}, `{"courses":[{"title":"b"}],"open":true}`, 1},
		"one member of all":       {[]sdjwt.Path{{"courses", nil, "credits"}}, `{"courses":[{"title":"a","credits":3},{"title":"b","credits":6}],"open":true}`, 4},
		"elements in a parent":    {[]sdjwt.Path{{"tags", 2}, {"tags", 0}}, `{"courses":[],"open":true,"tags":["x","z"]}`, 3},
	} {
		s, err := sdjwt.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		sel, err := s.Disclose(c.paths)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if sel.Len() != c.count {
			t.Errorf("%s: %d disclosures, want %d", name, sel.Len(), c.count)
		}
		out, err := s.Present(sel, p.binding())
		if err != nil {
			t.Fatal(err)
		}
		v, err := sdjwt.Verify(out, p.policy())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, _ := v.Claims.Map()
		for _, meta := range []string{"iss", "vct", "vct#integrity", "category", "sub", "jti", "iat", "nbf", "exp", "cnf", "status"} {
			delete(got, meta)
		}
		if want := generic(t, []byte(c.want)); !reflect.DeepEqual(any(got), want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		if len(v.Disclosed) != c.count {
			t.Errorf("%s: disclosed %v", name, v.Disclosed)
		}
	}
	s, _ := sdjwt.Parse(text)
	if n := len(s.Disclosable()); n != 11 {
		t.Errorf("%d disclosable paths, want 11: %v", n, s.Disclosable())
	}
}

func TestHolderRefuses(t *testing.T) {
	p := parties()
	text := p.issue(t, []byte(degree), degreePaths...)
	s, err := sdjwt.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []sdjwt.Path{{"nothing"}, {"person", "nothing"}, {"open", "x"}, {"tags", 3}, {"tags", "x"}, {"person", nil}} {
		if _, err := s.Disclose([]sdjwt.Path{path}); !errors.Is(err, sdjwt.ErrNoSuchClaim) {
			t.Errorf("path %s: %v", path, err)
		}
	}
	if _, err := s.Disclose([]sdjwt.Path{{}}); err == nil {
		t.Error("an empty path is accepted")
	}
	sel, _ := s.Disclose(nil)
	other, _ := sdjwt.Parse(text)
	if _, err := other.Present(sel, nil); err == nil {
		t.Error("a selection of another credential is accepted")
	}
	if _, err := s.Present(sdjwt.Selection{}, nil); err == nil {
		t.Error("a zero selection is accepted")
	}
	for name, change := range map[string]func(*sdjwt.KeyBinding){
		"another key":   func(kb *sdjwt.KeyBinding) { kb.Signer = newKey(t) },
		"no signer":     func(kb *sdjwt.KeyBinding) { kb.Signer = nil },
		"no nonce":      func(kb *sdjwt.KeyBinding) { kb.Nonce = "" },
		"no audience":   func(kb *sdjwt.KeyBinding) { kb.Audience = "" },
		"no time":       func(kb *sdjwt.KeyBinding) { kb.IssuedAt = time.Time{} },
		"nonce UTF-8":   func(kb *sdjwt.KeyBinding) { kb.Nonce = "\xff" },
		"extra nonce":   func(kb *sdjwt.KeyBinding) { kb.Extra = []byte(`{"nonce":"x"}`) },
		"extra sd_hash": func(kb *sdjwt.KeyBinding) { kb.Extra = []byte(`{"sd_hash":"x"}`) },
		"extra string":  func(kb *sdjwt.KeyBinding) { kb.Extra = []byte(`"x"`) },
	} {
		kb := p.binding()
		change(kb)
		if _, err := s.Present(sel, kb); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	kb := p.binding()
	kb.Extra = map[string]any{"transaction_data_hashes": []string{"abc"}}
	out, err := s.Present(sel, kb)
	if err != nil {
		t.Fatal(err)
	}
	v, err := sdjwt.Verify(out, p.policy())
	if err != nil {
		t.Fatal(err)
	}
	if got := string(v.KeyBinding.Claims().Member("transaction_data_hashes")); got != `["abc"]` {
		t.Errorf("extra member is %s", got)
	}
	// What an issuer hands out carries no key binding (Section 7.2).
	presented, err := sdjwt.Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	if !presented.KeyBound() {
		t.Error("key binding is not seen")
	}
	if _, err := presented.Disclose(nil); err == nil {
		t.Error("a presentation can be presented again")
	}
	if _, err := presented.Present(sel, nil); err == nil {
		t.Error("a presentation can be presented again")
	}
}

// Random claims and frames: what a verifier sees of a random selection is the
// projection of the claims on it.
func TestProjectionProperty(t *testing.T) {
	p := parties()
	rounds := 300
	if testing.Short() {
		rounds = 50
	}
	for seed := range rounds {
		r := mathrand.New(mathrand.NewPCG(uint64(seed), 7))
		g := generator{r: r}
		claims := g.object(3)
		raw, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		var frame, all []sdjwt.Path
		everyPath(claims, nil, func(path sdjwt.Path) {
			all = append(all, path)
			if r.IntN(2) == 0 {
				frame = append(frame, path)
			}
		})
		f, err := sdjwt.NewFrame(frame...)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		c := p.credential(t, raw)
		template, err := sdjwt.NewTemplate(sdjwt.Options{Issuer: c.Issuer, Type: c.Type, TypeIntegrity: c.TypeIntegrity, Category: c.Category, Frame: f, Decoys: r.IntN(3), HideAbsent: r.IntN(2) == 0})
		if err != nil {
			t.Fatal(err)
		}
		d, err := template.Prepare(c, nil)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		text, err := d.Seal(p.issuer)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sdjwt.Parse(text)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if n := len(s.Disclosable()); n != len(frame) {
			t.Fatalf("seed %d: %d disclosable, want %d", seed, n, len(frame))
		}
		var chosen []sdjwt.Path
		for _, path := range all {
			if r.IntN(4) == 0 {
				chosen = append(chosen, path)
			}
		}
		sel, err := s.Disclose(chosen)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		out, err := s.Present(sel, p.binding())
		if err != nil {
			t.Fatal(err)
		}
		v, err := sdjwt.Verify(out, p.policy())
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		got, err := v.Claims.Map()
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := project(claims, nil, frame, chosen).(map[string]any)
		for name := range got {
			if !strings.HasPrefix(name, "k") {
				delete(got, name)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: claims %s\nframe %v\nchosen %v\n got %v\nwant %v", seed, raw, frame, chosen, got, want)
		}
	}
}

// project keeps a value when it is visible, or chosen itself, or stands above
// or below something chosen.
func project(v any, at sdjwt.Path, frame, chosen []sdjwt.Path) any {
	keep := func(path sdjwt.Path) bool {
		for _, f := range frame {
			if f.Equal(path) {
				for _, c := range chosen {
					n := min(len(c), len(path))
					if c[:n].Equal(path[:n]) {
						return true
					}
				}
				return false
			}
		}
		return true
	}
	below := func(part any) sdjwt.Path { return append(append(sdjwt.Path{}, at...), part) }
	switch x := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range x {
			if keep(below(name)) {
				out[name] = project(member, below(name), frame, chosen)
			}
		}
		return out
	case []any:
		out := []any{}
		for i, element := range x {
			if keep(below(i)) {
				out = append(out, project(element, below(i), frame, chosen))
			}
		}
		return out
	default:
		return v
	}
}

func everyPath(v any, at sdjwt.Path, f func(sdjwt.Path)) {
	below := func(part any) sdjwt.Path { return append(append(sdjwt.Path{}, at...), part) }
	switch x := v.(type) {
	case map[string]any:
		for name, member := range x {
			f(below(name))
			everyPath(member, below(name), f)
		}
	case []any:
		for i, element := range x {
			f(below(i))
			everyPath(element, below(i), f)
		}
	}
}

type generator struct{ r *mathrand.Rand }

func (g generator) value(depth int) any {
	if depth == 0 {
		return []any{true, false, nil, 1.5, -3.0, "", "text", "é\u2028\"\\\n", "😀"}[g.r.IntN(9)]
	}
	switch g.r.IntN(4) {
	case 0:
		return g.object(depth - 1)
	case 1:
		out := []any{}
		for range g.r.IntN(4) {
			out = append(out, g.value(depth-1))
		}
		return out
	default:
		return g.value(0)
	}
}

func (g generator) object(depth int) map[string]any {
	out := map[string]any{}
	for range g.r.IntN(6) + 1 {
		out[fmt.Sprintf("k%s%d", []string{"", "\"", "ü", "\t"}[g.r.IntN(4)], g.r.IntN(50))] = g.value(depth)
	}
	return out
}

func TestPathJSON(t *testing.T) {
	for text, ok := range map[string]bool{
		`["a"]`: true, `["a",null,3]`: true, `[]`: false, `[-1]`: false, `[1.5]`: false, `[true]`: false,
		`[["a"]]`: false, `"a"`: false, `[1e300]`: false, `["a"`: false,
	} {
		p, err := sdjwt.ParsePath([]byte(text))
		if (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
		if ok && p.String() != text {
			t.Errorf("%s is written as %s", text, p)
		}
	}
	if (sdjwt.Path{[]int{1}}).Equal(sdjwt.Path{[]int{1}}) {
		t.Error("a part of no known type is equal to something")
	}
}
