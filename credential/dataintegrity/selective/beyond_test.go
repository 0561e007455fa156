package selective_test

import (
	"slices"
	"strings"
	"testing"
)

// TestBeyond: what a document says beside what was selected of it is found to the last
// value that can be chosen, and what was selected is not.
func TestBeyond(t *testing.T) {
	all := []string{"/name", "/age/0", "/age/1", "/data", "/list/0", "/list/1/name", "/list/2/0", "/a~0c/name", "/m/https:~1~1e.example~12/name", "/knows/0/name", "/knows/1/name", "/knows/2/knows/age", "/g/name", "/g/age"}
	d := read(t, sample)
	for _, c := range []struct {
		fixed  []string
		beyond func(pointer string) bool
	}{
		{nil, func(string) bool { return true }},
		{[]string{"/name"}, func(p string) bool { return p != "/name" }},
		{[]string{"/age/1", "/knows/1/name"}, func(p string) bool { return p != "/age/1" && p != "/knows/1/name" }},
		{[]string{"/g", "/m", "/a~0c"}, func(p string) bool {
			return !strings.HasPrefix(p, "/g/") && !strings.HasPrefix(p, "/m/") && !strings.HasPrefix(p, "/a~0c")
		}},
		{[]string{""}, func(string) bool { return false }},
	} {
		var places []int
		if c.fixed != nil {
			s, err := d.Select(c.fixed)
			if err != nil {
				t.Fatal(err)
			}
			places = s.Indexes
		}
		got := d.Beyond(places)
		for _, p := range all {
			// A part of a list or of JSON stands for the whole of it.
			there := slices.ContainsFunc(got, func(found string) bool {
				return found == p || strings.HasPrefix(p, found+"/") || strings.HasPrefix(found, p+"/")
			})
			if there != c.beyond(p) {
				t.Errorf("fixed %q: %s is among what is beyond: %t\n%q", c.fixed, p, there, got)
			}
		}
	}
}
