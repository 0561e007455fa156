package inquiry_test

import (
	"encoding/json"
	"testing"

	"github.com/zegel-id/zegel/seal/trust/inquiry"
)

// Outcomes are words in reports, and nothing else is one of them.
func TestOutcome(t *testing.T) {
	for o, want := range map[inquiry.Outcome]string{inquiry.Indeterminate: `"indeterminate"`, inquiry.Negative: `"no"`, inquiry.Positive: `"yes"`, 9: `"indeterminate"`} {
		b, err := json.Marshal(o)
		if err != nil || string(b) != want {
			t.Errorf("%d: %s %v", o, b, err)
		}
		var back inquiry.Outcome
		if err := json.Unmarshal(b, &back); err != nil || o < 9 && back != o {
			t.Errorf("%s: %v %v", b, back, err)
		}
	}
	back := inquiry.Negative
	for _, text := range []string{`"maybe"`, `""`, `"YES"`, `"a word that is longer than twenty octets"`} {
		if err := json.Unmarshal([]byte(text), &back); err == nil || back != inquiry.Negative || len(err.Error()) > 100 {
			t.Errorf("%s: %v %v", text, back, err)
		}
	}
}

// The reason is the first step that says no or does not know; how the provider is
// named decides nothing.
func TestReason(t *testing.T) {
	d := inquiry.Determination{Steps: []inquiry.Step{
		{Name: inquiry.StepListOfLists, Outcome: inquiry.Positive, Found: "number 1"},
		{Name: inquiry.StepProvider, Found: "another name"},
		{Name: inquiry.StepStatus, Outcome: inquiry.Negative, Found: "withdrawn"},
		{Name: inquiry.StepVerdict, Outcome: inquiry.Negative, Found: "no"},
	}}
	if got := d.Reason(); got != "status: withdrawn" {
		t.Errorf("found %q", got)
	}
	d.Qualified = inquiry.Positive
	if got := d.Reason(); got != "" {
		t.Errorf("found %q", got)
	}
	if got := (inquiry.Determination{}).Reason(); got != "" {
		t.Errorf("found %q", got)
	}
}
