package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func TestExportJSON(t *testing.T) {
	var b bytes.Buffer
	if err := ExportJSON(&b, List(small(t), Filter{Kinds: []Kind{Share}})); err != nil {
		t.Fatal(err)
	}
	n := 0
	for s := bufio.NewScanner(&b); s.Scan(); n++ {
		var e struct {
			Seq   int    `json:"seq"`
			Class string `json:"class"`
			Kind  string `json:"kind"`
		}
		if err := json.Unmarshal(s.Bytes(), &e); err != nil || e.Seq != n+1 || e.Class != "use" || e.Kind != "share" {
			t.Errorf("line %q: %v", s.Text(), err)
		}
	}
	if n != 6 {
		t.Errorf("%d lines", n)
	}
	if err := ExportJSON(&b, List("/nonexistent", Filter{})); err == nil {
		t.Error("no error for a log that is not there")
	}
}

// The grammar of RFC 5424, Section 6, for what we write.
var message = regexp.MustCompile(`^<(\d{1,3})>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [!-~]{1,255} [!-~]{1,48} - [!-~]{1,32} \[[!-<>-\\^-~]+@\d+( [A-Za-z]+="([^"\\\]]|\\["\\\]])*")+\]$`)

func TestExportSyslog(t *testing.T) {
	e := Entry{Seq: 1, Class: "use", Event: share(t, "r")}
	e.Time = start
	e.Purpose = `a "quoted] \ text`
	for outcome, pri := range map[Outcome]string{OK: "<110>", Refused: "<109>", Failed: "<108>"} {
		e.Outcome = outcome
		m := Syslog{Hostname: "vault 1.example", Enterprise: 99}.message(e)
		if !message.MatchString(m) || !strings.HasPrefix(m, pri) {
			t.Errorf("not RFC 5424: %s", m)
		}
		for _, part := range []string{`purpose="a \"quoted\] \\ text"`, " vault1.example zegel - share [zegel@99 ", "2026-11-25T10:00:00.000Z"} {
			if !strings.Contains(m, part) {
				t.Errorf("%s is not in %s", part, m)
			}
		}
	}
	var b bytes.Buffer
	if err := ExportSyslog(&b, List(small(t), Filter{}), Syslog{}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if !message.MatchString(strings.TrimSuffix(line, "\n")) {
			t.Errorf("not RFC 5424: %s", line)
		}
	}
}
