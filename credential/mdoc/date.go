package mdoc

import "time"

const dateTimeForm = "2006-01-02T15:04:05Z"

// parseDateTime reads a tdate as ISO/IEC 18013-5 has it: UTC as "Z", whole
// seconds.
func parseDateTime[T string | []byte](s T) (time.Time, bool) {
	if len(s) != len(dateTimeForm) {
		return time.Time{}, false
	}
	at, err := time.Parse(dateTimeForm, string(s))
	return at, err == nil
}

func fullDate(s []byte) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	n := [3]int{}
	for i, part := range [3][]byte{s[:4], s[5:7], s[8:]} {
		for _, c := range part {
			if c < '0' || c > '9' {
				return false
			}
			n[i] = n[i]*10 + int(c-'0')
		}
	}
	at := time.Date(n[0], time.Month(n[1]), n[2], 0, 0, 0, 0, time.UTC)
	return at.Day() == n[2] && int(at.Month()) == n[1]
}
