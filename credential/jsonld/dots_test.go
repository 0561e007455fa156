package jsonld

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRemoveDots holds the one pass over a path against segments in a list.
func TestRemoveDots(t *testing.T) {
	slow := func(path string) string {
		if !strings.Contains(path, ".") {
			return path
		}
		rooted := strings.HasPrefix(path, "/")
		segments := strings.Split(path, "/")
		var kept []string
		for i, s := range segments {
			if s == "." || s == ".." {
				if s == ".." && len(kept) > 0 && !(rooted && len(kept) == 1) {
					kept = kept[:len(kept)-1]
				}
				if i == len(segments)-1 {
					kept = append(kept, "")
				}
				continue
			}
			kept = append(kept, s)
		}
		out := strings.Join(kept, "/")
		if rooted && !strings.HasPrefix(out, "/") {
			out = "/" + out
		}
		return out
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 100000 {
		var b strings.Builder
		for range r.IntN(9) {
			b.WriteString([]string{".", "..", "a", "/", "/", "/", "b."}[r.IntN(7)])
		}
		if got, want := removeDots(b.String()), slow(b.String()); got != want {
			t.Fatalf("%q: got %q want %q", b.String(), got, want)
		}
	}
}
