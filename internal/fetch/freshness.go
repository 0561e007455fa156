package fetch

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxFreshness bounds what a header may say, so that sums of times stay sane.
const maxFreshness = 365 * 24 * time.Hour

// freshness reads how long an answer may be used (RFC 9111, Section 4.2.1:
// s-maxage, max-age, then Expires, less the age it already has) and whether it
// must not be kept by a cache that serves many (no-store, no-cache, private,
// or a Vary on more than what the cache's key holds).
func freshness(h http.Header, now time.Time) (maxAge time.Duration, noStore bool) {
	shared, plain := time.Duration(-1), time.Duration(-1)
	for _, line := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(name) {
			case "no-store", "no-cache", "private":
				noStore = true
			case "max-age":
				plain = seconds(value)
			case "s-maxage":
				shared = seconds(value)
			}
		}
	}
	for _, line := range h.Values("Vary") {
		for field := range strings.SplitSeq(line, ",") {
			switch strings.ToLower(strings.TrimSpace(field)) {
			case "", "accept", "accept-encoding", "origin":
			default:
				noStore = true
			}
		}
	}
	switch {
	case shared >= 0:
		maxAge = shared
	case plain >= 0:
		maxAge = plain
	case h.Get("Expires") != "":
		at, err := http.ParseTime(h.Get("Expires"))
		if err != nil {
			return 0, true // an invalid date is in the past (RFC 9111, Section 5.3)
		}
		from := now
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			from = date
		}
		maxAge = at.Sub(from)
	default:
		return 0, noStore
	}
	if age := h.Get("Age"); age != "" {
		maxAge -= seconds(age)
	}
	if maxAge <= 0 {
		return 0, true // it said itself that it is stale
	}
	return min(maxAge, maxFreshness), noStore
}

// seconds reads delta-seconds (RFC 9111, Section 1.2.2); what cannot be read
// is 0, which is the cautious value.
func seconds(s string) time.Duration {
	n, err := strconv.ParseUint(strings.Trim(s, `"`), 10, 31)
	if err != nil {
		if len(s) > 9 && strings.Trim(s, "0123456789") == "" {
			return maxFreshness
		}
		return 0
	}
	return min(time.Duration(n)*time.Second, maxFreshness)
}
