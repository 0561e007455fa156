package derivable

import (
	"slices"
	"testing"
)

// TestSplit and its counterpart for places: what is mandatory, what is chosen of the rest, and
// where that stands in the rest.
func TestSplit(t *testing.T) {
	statements := [][]byte{[]byte("a"), []byte("b"), []byte("c"), []byte("d"), []byte("e")}
	for _, c := range []struct {
		mandatory, combined []int
		fixed, rest         string
		chosen              []int
	}{
		{nil, nil, "", "abcde", nil},
		{nil, []int{0, 4}, "", "abcde", []int{0, 4}},
		{[]int{0, 2}, []int{0, 1, 2, 4}, "ac", "bde", []int{0, 2}},
		{[]int{4}, []int{3, 4}, "e", "abcd", []int{3}},
		{[]int{0, 1, 2, 3, 4}, []int{0, 1, 2, 3, 4}, "abcde", "", nil},
	} {
		fixed, rest := Split(statements, c.mandatory)
		if got := string(slices.Concat(fixed...)); got != c.fixed {
			t.Errorf("%v: fixed %q, expected %q", c.mandatory, got, c.fixed)
		}
		if got := string(slices.Concat(rest...)); got != c.rest {
			t.Errorf("%v: rest %q, expected %q", c.mandatory, got, c.rest)
		}
		if got := Chosen(c.mandatory, c.combined); !slices.Equal(got, c.chosen) {
			t.Errorf("%v of %v: chosen %v, expected %v", c.combined, c.mandatory, got, c.chosen)
		}
	}
	s := &Suite{Name: "x"}
	if _, _, err := s.SplitDisclosed(statements, []int{0, 5}); err == nil {
		t.Error("an index beyond the statements is taken")
	}
}
