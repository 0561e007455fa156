package jose_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// What a member is refused for is told by name and type, and never by value.
func TestMemberError(t *testing.T) {
	type common struct {
		Title string `json:"title"`
	}
	type shape struct {
		common
		Subject struct {
			INSZ string `json:"insz"`
		} `json:"subject"`
		Claims  []map[string]int `json:"claims"`
		Again   *int             `json:"again,omitempty"`
		Yes     bool             `json:"yes"`
		Raw     []byte           `json:"raw"`
		Until   time.Time        `json:"until"`
		Plain   float64
		Hidden  string `json:"-"`
		private string
	}
	_ = shape{}.private
	all := []string{"Plain", "again", "claims", "raw", "subject", "title", "until", "yes"}
	long := strings.Repeat("é", 200)
	for text, want := range map[string]jose.MemberError{
		`{"titel":"canary"}`:                     {Path: "titel", Unknown: true, Members: all},
		`{"Title":"canary"}`:                     {Path: "Title", Unknown: true, Members: all},
		`{"Hidden":"canary"}`:                    {Path: "Hidden", Unknown: true, Members: all},
		`{"subject":{"canary~/":"canary"}}`:      {Path: "subject.canary~/", Unknown: true, Members: []string{"insz"}},
		`{"subject":{"insz":80061001}}`:          {Path: "subject.insz", Expected: "a string"},
		`{"subject":["canary"]}`:                 {Path: "subject", Expected: "an object"},
		`{"claims":[{"a":1},{"a":"canary"}]}`:    {Path: "claims[1].a", Expected: "a whole number"},
		`{"claims":{}}`:                          {Path: "claims", Expected: "an array"},
		`{"again":1.5}`:                          {Path: "again", Expected: "a whole number"},
		`{"yes":"canary"}`:                       {Path: "yes", Expected: "true or false"},
		`{"Plain":"canary"}`:                     {Path: "Plain", Expected: "a number"},
		`{"raw":7}`:                              {Path: "raw", Expected: "a string in base64"},
		`{"until":"canary"}`:                     {Path: "until"},
		`"canary"`:                               {Expected: "an object"},
		`{"` + long + `":1}`:                     {Path: strings.Repeat("é", 60) + "…", Unknown: true, Members: all},
		`{"claims":[{"` + long + `":"canary"}]}`: {Path: "claims[0]." + strings.Repeat("é", 55) + "…", Expected: "a whole number"},
	} {
		var v shape
		err := jose.UnmarshalClosed([]byte(text), &v)
		var got *jose.MemberError
		if !errors.As(err, &got) || !errors.Is(err, jose.ErrJSON) || got.Path != want.Path || got.Unknown != want.Unknown || got.Expected != want.Expected || !slices.Equal(got.Members, want.Members) {
			t.Errorf("%s: got %+v, %v", text, got, err)
			continue
		}
		if !strings.Contains(want.Path, "canary") && strings.Contains(err.Error(), "canary") {
			t.Errorf("the error holds a value: %v", err)
		}
		if jose.Unmarshal([]byte(text), &v) == nil != want.Unknown {
			t.Errorf("%s: only unknown members may be let pass", text)
		}
	}
}
