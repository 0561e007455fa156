package main

import (
	"strings"
	"testing"
	"time"
)

// The metrics of lists: as they are, when the network is down, and when they ran out.
func TestTrustedListMetrics(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	p := newUnionScene(t, now)
	i := newInstallation(t, p, now)
	p.all(1, i.hierarchy.SealCA.Certificate, now.Add(-time.Minute))
	i.start()
	i.eventually("the lists are there", func() bool { return len(i.app.lists.status()) == 3 && i.app.lists.Health(t.Context()) == nil })
	metrics := func(want ...string) {
		t.Helper()
		_, _, text := i.asked("GET", "/metrics", "", "")
		for _, line := range want {
			if !strings.Contains(text, line+"\n") {
				t.Errorf("%s is not in\n%s", line, text)
			}
		}
		if strings.Contains(text, "127.0.0.1") || strings.Contains(text, "TEST") {
			t.Errorf("the metrics name more than territories:\n%s", text)
		}
	}
	metrics(`zegel_trusted_list_age_seconds{territory="EU"} 60`, `zegel_trusted_list_age_seconds{territory="BE"} 60`,
		`zegel_trusted_list_fetch_failures_total{territory="BE"} 0`, "zegel_trusted_lists_in_use 3")
	p.offline(true)
	if err := i.app.lists.source.Refresh(t.Context()); err == nil {
		t.Fatal("a fetch without network passed")
	}
	metrics(`zegel_trusted_list_fetch_failures_total{territory="EU"} 1`, "zegel_trusted_lists_in_use 3")
	end := now.Add(-time.Minute).AddDate(0, 3, 0)
	i.wait(end.Sub(now) + time.Hour)
	metrics(`zegel_trusted_list_next_update_seconds{territory="NL"} -3600`, "zegel_trusted_lists_in_use 0")
}
