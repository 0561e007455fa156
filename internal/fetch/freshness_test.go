package fetch

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whatever headers say: no negative time, none past a year, and never kept
// where no-store stands.
func FuzzFreshness(f *testing.F) {
	for _, c := range [][5]string{
		{"max-age=60", "", "", "", ""}, {"s-maxage=5, max-age=60", "3", "", "", "Accept"}, {"no-store", "", "", "", ""}, {"max-age=99999999999999999999", "", "", "", "*"},
		{"", "", "Wed, 25 Nov 2026 10:00:00 GMT", "Wed, 25 Nov 2026 09:00:00 GMT", ""}, {"max-age=-1", "-5", "0", "x", "Cookie"}, {`max-age="60"`, "", "", "", ""},
	} {
		f.Add(c[0], c[1], c[2], c[3], c[4])
	}
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, control, age, expires, date, vary string) {
		h := http.Header{}
		for name, value := range map[string]string{"Cache-Control": control, "Age": age, "Expires": expires, "Date": date, "Vary": vary} {
			if value != "" {
				h.Set(name, value)
			}
		}
		maxAge, noStore := freshness(h, now)
		if maxAge < 0 && !noStore || maxAge > maxFreshness {
			t.Errorf("%v: %v, no-store %v", h, maxAge, noStore)
		}
		for directive := range strings.SplitSeq(strings.ToLower(control), ",") {
			if strings.TrimSpace(directive) == "no-store" && !noStore {
				t.Errorf("%v may be kept", h)
			}
		}
	})
}
