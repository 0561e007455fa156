package api

import (
	"mime"
	"strconv"
	"strings"
)

// maxRanges of an Accept field are looked at.
const maxRanges = 16

// prefers reports whether a request names a media type in Accept and wants
// another not more; of two that weigh the same the first named counts. A range
// with an asterisk names nothing (RFC 9110, Section 12.5.1).
func prefers(accept []string, kind, other string) bool {
	mine, theirs, first := 0.0, 0.0, ""
	ranges := strings.Split(strings.Join(accept, ","), ",")
	for _, text := range ranges[:min(len(ranges), maxRanges)] {
		name, params, err := mime.ParseMediaType(text)
		if err != nil || name != kind && name != other {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		if first == "" {
			first = name
		}
		if name == kind {
			mine = max(mine, q)
		} else {
			theirs = max(theirs, q)
		}
	}
	return mine > theirs || mine > 0 && mine == theirs && first == kind
}
