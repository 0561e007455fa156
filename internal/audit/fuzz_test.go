package audit

import "testing"

func FuzzParseKeep(f *testing.F) {
	for _, s := range []string{"P10Y", "P1Y6M", "P30D", "P0Y", "P", "", "P1W", "-P1Y", "P1000Y", "P10Y\n", "p10y", "P1M1Y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKeep(text)
		if err != nil {
			if k != (Keep{}) {
				t.Fatal("a failed parse returned a duration")
			}
			return
		}
		if !k.after(start).After(start) {
			t.Errorf("%q keeps nothing", text)
		}
		if again, err := ParseKeep(k.String()); err != nil || again != k {
			t.Errorf("%q is written as %q: %v", text, k, err)
		}
	})
}

func FuzzParsePseudonym(f *testing.F) {
	p, err := NewPseudonyms(make([]byte, minKey))
	if err != nil {
		f.Fatal(err)
	}
	good := string(p.Of("citizen", "x", nil))
	for _, s := range []string{good, good + "\n", good[:45], "p2" + good[2:], "85073003328", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParsePseudonym(text)
		if (err == nil) != (string(got) == text && len(text) == 46) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	})
}
