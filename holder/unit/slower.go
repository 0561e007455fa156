package unit

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxWaits is how often one request waits when the platform asks for it, and
	// maxWait how long at a time: longer is for the citizen to decide.
	maxWaits = 5
	maxWait  = 5 * time.Second
)

// slower reports whether a request was refused because there were too many, and
// how long to wait before the next (RFC 6585, Section 4; RFC 9110, Section 10.2.3).
func slower(err error, h http.Header) (time.Duration, bool) {
	r := (*Refusal)(nil)
	if !errors.As(err, &r) || r.Status != http.StatusTooManyRequests {
		return 0, false
	}
	seconds, errNumber := strconv.ParseUint(h.Get("Retry-After"), 10, 16)
	d := time.Duration(seconds) * time.Second
	return d, errNumber == nil && d > 0 && d <= maxWait
}
