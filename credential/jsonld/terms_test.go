package jsonld

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestTerms holds the table against a map, through additions, replacements,
// removals and copies.
func TestTerms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var x terms
	want := map[string]*term{}
	for i := range 5000 {
		name := fmt.Sprintf("t%d", r.IntN(200))
		if r.IntN(3) == 0 {
			x.remove(name)
			delete(want, name)
		} else {
			own := &term{name: name}
			x.put(own)
			want[name] = own
		}
		if i%100 == 0 {
			old := x
			if x = x.clone(); !x.equal(&old) || !old.equal(&x) {
				t.Fatal("a copy that differs")
			}
			x.put(&term{name: "more"})
			if x.equal(&old) || old.get("more") != nil {
				t.Fatal("a copy that is none")
			}
			x.remove("more")
		}
		if got := x.get(name); got != want[name] || x.taken != len(want) {
			t.Fatalf("%s: got %v want %v; %d of %d", name, got, want[name], x.taken, len(want))
		}
	}
	for name, own := range want {
		if x.get(name) != own {
			t.Errorf("%s was lost", name)
		}
	}
}
