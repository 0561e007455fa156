package credential

import "testing"

func TestReportFailsClosed(t *testing.T) {
	passed := Report{{Name: CheckStructure, Outcome: Passed}}
	for name, c := range map[string]struct {
		report   Report
		required []string
		want     bool
	}{
		"empty":                 {nil, nil, false},
		"passed":                {passed, []string{CheckStructure}, true},
		"required check absent": {passed, []string{CheckStatus}, false},
		"required was skipped":  {Report{{Name: CheckStatus, Outcome: Skipped}}, []string{CheckStatus}, false},
		"undecided":             {Report{{Name: CheckStatus}}, nil, false},
		"failed beside passed":  {append(Report{{Name: CheckStatus, Outcome: Failed}}, passed...), []string{CheckStructure}, false},
		"unknown outcome":       {Report{{Name: CheckStatus, Outcome: "maybe"}}, nil, false},
	} {
		if got := c.report.OK(c.required...); got != c.want {
			t.Errorf("%s: OK = %v, want %v", name, got, c.want)
		}
	}
}
