package verifier

import (
	"testing"

	"github.com/zegel-id/zegel/credential"
)

// An element before the one that an index asks for is not too much, as long as
// nothing is said of it but what it is.
func TestBefore(t *testing.T) {
	asked := credential.Path{"hasClaim", 2, "title"}
	for _, c := range []struct {
		p    credential.Path
		want bool
	}{
		{credential.Path{"hasClaim", 0}, true},
		{credential.Path{"hasClaim", 1}, true},
		{credential.Path{"hasClaim", 2}, false},
		{credential.Path{"hasClaim", 3}, false},
		{credential.Path{"hasClaim", 0, "title"}, false},
		{credential.Path{"hasClaim"}, false},
		{credential.Path{"other", 0}, false},
		{credential.Path{}, false},
		{credential.Path{"hasClaim", 0, "title", 0}, false},
	} {
		if got := before(c.p, asked); got != c.want {
			t.Errorf("%v: %v, want %v", c.p, got, c.want)
		}
	}
	if before(credential.Path{"hasClaim", 0}, credential.Path{"hasClaim", nil, "title"}) {
		t.Error("all elements are asked for, and none comes before")
	}
}

func TestBare(t *testing.T) {
	for value, want := range map[string]bool{
		`{"type":"LearningAchievement"}`: true, `{"@type":["A","B"]}`: true, `{}`: true,
		`{"type":"A","title":"x"}`: false, `{"id":"urn:x"}`: false, `"a"`: false, `["a"]`: false, `1`: false,
	} {
		if got := bare([][]byte{[]byte(value)}); got != want {
			t.Errorf("%s: %v, want %v", value, got, want)
		}
	}
	if bare(nil) {
		t.Error("a path that selects nothing")
	}
}
