package main

import (
	"bytes"
	"fmt"

	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// metrics are those of the lists, one sample for each territory, EU for the list of
// lists. A list that was never had has neither age nor end.
func (l *trustedLists) metrics(b *bytes.Buffer) {
	all, now, inUse := l.source.Status(), l.now(), 0
	family := func(name, kind, help string, value func(tsl.Status) (float64, bool)) {
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
		for _, s := range all {
			if v, ok := value(s); ok {
				fmt.Fprintf(b, "%s{territory=%q} %g\n", name, s.Territory, v)
			}
		}
	}
	had := func(s tsl.Status) bool { return s.Sequence > 0 }
	family("zegel_trusted_list_age_seconds", "gauge", "How long ago the list in use was issued.", func(s tsl.Status) (float64, bool) {
		return now.Sub(s.Issued).Seconds(), had(s)
	})
	family("zegel_trusted_list_next_update_seconds", "gauge", "How long the list in use may still be used; negative when it ran out.", func(s tsl.Status) (float64, bool) {
		return s.NextUpdate.Sub(now).Seconds(), had(s)
	})
	family("zegel_trusted_list_fetch_failures_total", "counter", "Fetches that brought no acceptable list, since the start.", func(s tsl.Status) (float64, bool) {
		return float64(s.Failures), true
	})
	for _, s := range all {
		if had(s) && now.Before(s.NextUpdate) {
			inUse++
		}
	}
	const name = "zegel_trusted_lists_in_use"
	fmt.Fprintf(b, "# HELP %s Lists that decide now, the list of lists among them.\n# TYPE %s gauge\n%s %d\n", name, name, name, inUse)
}
