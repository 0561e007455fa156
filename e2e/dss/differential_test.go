package dss

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/evidence"
)

var (
	rounds = flag.Int("rounds", 100, "how many files TestDifferential makes")
	seed   = flag.Uint64("seed", 0, "what TestDifferential begins with; 0 takes the time")
)

type object = map[string]any

// part is evidence as JSON in the flattened form, which mutations change.
type part struct {
	name string
	doc  object
}

// stranger makes evidence that others may have put together from pieces.
type stranger struct {
	*rand.Rand
	parts []part
}

// pick is a copy of evidence.
func (s *stranger) pick() (string, object) {
	p := s.parts[s.IntN(len(s.parts))]
	b, err := json.Marshal(p.doc)
	if err != nil {
		panic(err)
	}
	var out object
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return p.name, out
}

func elements(doc object) []any {
	header, _ := doc["header"].(object)
	list, _ := header["etsiU"].([]any)
	return list
}

func setElements(doc object, list []any) {
	header, _ := doc["header"].(object)
	if header == nil {
		header = object{}
		doc["header"] = header
	}
	header["etsiU"] = list
}

// opened changes an element inside.
func opened(element any, change func(object)) any {
	text, _ := element.(string)
	b, err := base64.RawURLEncoding.DecodeString(text)
	var in object
	if err != nil || json.Unmarshal(b, &in) != nil {
		return element
	}
	change(in)
	if b, err = json.Marshal(in); err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// lists are the arrays in an element, however deep.
func lists(v any, found *[]object) {
	switch v := v.(type) {
	case object:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if l, ok := v[k].([]any); ok && len(l) > 0 {
				*found = append(*found, object{"in": v, "name": k})
			}
			lists(v[k], found)
		}
	case []any:
		for _, one := range v {
			lists(one, found)
		}
	}
}

// mutations are what a stranger does to a file, by name. Those that do nothing to it
// may leave it as it was.
var mutations = map[string]func(*stranger, object){
	"nothing": func(*stranger, object) {},
	"element dropped": func(s *stranger, doc object) {
		if l := elements(doc); len(l) > 0 {
			i := s.IntN(len(l))
			setElements(doc, slices.Delete(l, i, i+1))
		}
	},
	"element twice": func(s *stranger, doc object) {
		if l := elements(doc); len(l) > 0 {
			setElements(doc, slices.Insert(l, s.IntN(len(l)+1), l[s.IntN(len(l))]))
		}
	},
	"elements swapped": func(s *stranger, doc object) {
		if l := elements(doc); len(l) > 1 {
			i, j := s.IntN(len(l)), s.IntN(len(l))
			l[i], l[j] = l[j], l[i]
		}
	},
	"element of another": func(s *stranger, doc object) {
		_, other := s.pick()
		if from := elements(other); len(from) > 0 {
			l := elements(doc)
			setElements(doc, slices.Insert(l, s.IntN(len(l)+1), from[s.IntN(len(from))]))
		}
	},
	"all elements of another": func(s *stranger, doc object) {
		_, other := s.pick()
		setElements(doc, elements(other))
	},
	"member of another": func(s *stranger, doc object) {
		_, other := s.pick()
		name := []string{"protected", "payload", "signature"}[s.IntN(3)]
		doc[name] = other[name]
	},
	"a letter": func(s *stranger, doc object) {
		name := []string{"protected", "payload", "signature"}[s.IntN(3)]
		doc[name] = s.bend(doc[name].(string))
	},
	"a letter in an element": func(s *stranger, doc object) {
		if l := elements(doc); len(l) > 0 {
			if text, ok := l[s.IntN(len(l))].(string); ok {
				l[slices.Index(l, any(text))] = s.bend(text)
			}
		}
	},
	"a value dropped": func(s *stranger, doc object) {
		s.inside(doc, func(in object, name string, l []any) {
			i := s.IntN(len(l))
			in[name] = slices.Delete(slices.Clone(l), i, i+1)
		})
	},
	"a value twice": func(s *stranger, doc object) {
		s.inside(doc, func(in object, name string, l []any) { in[name] = append(slices.Clone(l), l[s.IntN(len(l))]) })
	},
	"a list dropped": func(s *stranger, doc object) {
		s.inside(doc, func(in object, name string, _ []any) { delete(in, name) })
	},
	"values of another": func(s *stranger, doc object) {
		_, other := s.pick()
		var from []any
		s.inside(other, func(_ object, _ string, l []any) { from = l })
		s.inside(doc, func(in object, name string, _ []any) {
			if from != nil {
				in[name] = from
			}
		})
	},
	"header written anew": func(s *stranger, doc object) {
		doc["protected"] = opened(doc["protected"], func(h object) {
			switch s.IntN(5) {
			case 0:
				delete(h, "x5t#S256")
			case 1:
				h["crit"] = []string{"unknown"}
			case 2:
				h["iat"] = now.Add(time.Hour).Unix()
			case 3:
				h["alg"] = "none"
			case 4:
				_, other := s.pick()
				opened(other["protected"], func(o object) { h["x5c"] = o["x5c"] })
			}
		})
	},
	"in the unprotected header": func(s *stranger, doc object) {
		setElements(doc, elements(doc))
		doc["header"].(object)[[]string{"alg", "x5c", "b64", "cSig", "kid"}[s.IntN(5)]] = []any{"ES256", []string{}, false, object{}, "x"}[s.IntN(5)]
	},
}

// bend changes a letter of base64 text, not at its end, where bits are left over.
func (s *stranger) bend(text string) string {
	if len(text) < 8 {
		return text
	}
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := s.IntN(len(text) - 4)
	return text[:i] + string(letters[s.IntN(len(letters))]) + text[i+1:]
}

// inside changes a list in an element.
func (s *stranger) inside(doc object, change func(in object, name string, l []any)) {
	l := elements(doc)
	if len(l) == 0 {
		return
	}
	i := s.IntN(len(l))
	l[i] = opened(l[i], func(in object) {
		var found []object
		if lists(in, &found); len(found) > 0 {
			one := found[s.IntN(len(found))]
			in, name := one["in"].(object), one["name"].(string)
			change(in, name, in[name].([]any))
		}
	})
}

// levels in the order of what they prove.
var levels = []seal.Level{seal.NotBaseline, seal.BaselineB, seal.BaselineT, seal.BaselineLT, seal.BaselineLTA}

// Whatever strangers put together from pieces of evidence, we accept nothing that EU
// DSS does not, for no higher level and no earlier time.
func TestDifferential(t *testing.T) {
	judge := Install(t)
	w := newWorld(t)
	begin := *seed
	if begin == 0 {
		begin = uint64(time.Now().UnixNano())
	}
	t.Logf("-seed %d", begin)
	s := &stranger{Rand: rand.New(rand.NewPCG(begin, 1))}
	for name, f := range map[string]*evidence.File{
		"B": w.sealed("vc+jwt", seal.BaselineB), "T": w.sealed("vc+jwt", seal.BaselineT), "LT": w.sealed("vc+jwt", seal.BaselineLT),
		"LTA": w.sealed("dc+sd-jwt", seal.BaselineLTA), "LTA too": w.sealed("vc+jwt", seal.BaselineLTA), "again": w.sealed("vc+jwt", seal.BaselineLTA, 1),
		"twice": w.sealed("dc+sd-jwt", seal.BaselineLTA, 1, 2), "answered": w.answered(), "T too": w.sealed("dc+sd-jwt", seal.BaselineT),
	} {
		var doc object
		w.check(json.Unmarshal([]byte(w.json(f, evidence.Flattened)), &doc))
		s.parts = append(s.parts, part{name, doc})
	}
	slices.SortFunc(s.parts, func(a, b part) int { return strings.Compare(a.name, b.name) })
	names := slices.Sorted(maps.Keys(mutations))
	times := []time.Time{now.Add(time.Hour), now.Add(time.Hour), now.Add(year + year/4), now.Add(2 * year), now.Add(3 * year)}
	dir := t.TempDir()
	for i, at := range times {
		if i > 0 {
			w.publish(filepath.Join(dir, fmt.Sprint(at.Unix())), at)
		}
	}
	type made struct {
		what string
		text []byte
		at   time.Time
	}
	var all []made
	var questions []Question
	for i := range *rounds {
		name, doc := s.pick()
		what := name
		for range 1 + s.IntN(2) {
			mutation := names[s.IntN(len(names))]
			mutations[mutation](s, doc)
			what += ", " + mutation
		}
		at := times[s.IntN(len(times))]
		text, err := json.Marshal(doc)
		w.check(err)
		file := filepath.Join(dir, fmt.Sprintf("%04d.json", i))
		w.check(os.WriteFile(file, text, 0o600))
		all = append(all, made{what + ", at " + at.Format(time.DateOnly), text, at})
		questions = append(questions, Question{filepath.Join(dir, fmt.Sprint(at.Unix())), file, at})
	}
	counts := map[string]int{}
	for i, theirs := range judge(t, questions) {
		one := all[i]
		ours := seal.Validation{Level: seal.NotBaseline, Indication: seal.TotalFailed, SubIndication: seal.FormatFailure}
		if f, err := evidence.Parse(one.text); err == nil {
			v := &seal.Validator{Trust: w.store(), Revocation: w.crls(one.at), SkipProviderList: true}
			ours, err = v.ValidateEvidence(context.Background(), f, one.at)
			w.check(err)
		}
		// The indication alone: a time-stamp that does not hold is a failed check of
		// ours, and an indication of DSS only where the seal needs it.
		accepted := ours.Indication == seal.TotalPassed
		passed := theirs.Indication == "TOTAL_PASSED"
		counts[fmt.Sprintf("ours %t, theirs %t", accepted, passed)]++
		level := slices.Index(levels, seal.Level(theirs.Format))
		switch {
		case theirs.Indication == Unreadable && ours.Err() != nil:
			// DSS reads no file with a value that it cannot read; here it proves nothing.
		case accepted && !passed:
			t.Errorf("%s: accepted as %s, and DSS says %s\n%s", one.what, ours.Level, theirs, keep(t, one.text))
		// With a time-stamp that does not hold, which Err refuses, our level is that of
		// the rest, and DSS counts what is there.
		case ours.Err() == nil && slices.Index(levels, ours.Level) > level:
			t.Errorf("%s: level %s, and DSS says %s\n%s\n%s", one.what, ours.Level, theirs, keep(t, one.text), ours.Checks)
		case accepted && ours.BestSignatureTime.Before(theirs.BestSignatureTime):
			t.Errorf("%s: best signature time %s, and DSS says %s\n%s", one.what, ours.BestSignatureTime, theirs.BestSignatureTime, keep(t, one.text))
		case testing.Verbose() && !accepted && passed:
			t.Logf("stricter: %s: %s %s, and DSS says %s: %v", one.what, ours.Indication, ours.SubIndication, theirs, ours.Err())
		}
	}
	t.Log(counts)
	if counts["ours true, theirs true"] == 0 || counts["ours false, theirs false"] == 0 {
		t.Errorf("nothing was accepted, or nothing refused: %v", counts)
	}
}

// keep writes a file that is to be looked at to where it stays.
func keep(t *testing.T, text []byte) string {
	t.Helper()
	f, err := os.CreateTemp("", "zegel-differential-*.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}
