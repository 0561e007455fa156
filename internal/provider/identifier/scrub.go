package identifier

import "regexp"

// elevenDigits finds an INSZ in the spellings people use.
var elevenDigits = regexp.MustCompile(`\d{2}[. /-]?\d{2}[. /-]?\d{2}[. /-]?\d{3}[. /-]?\d{2}`)

// Scrub replaces everything that could be an INSZ by "[insz]", for text of
// others (diagnoses, fault strings) before it enters an error or a log.
func Scrub(s string) string { return elevenDigits.ReplaceAllString(s, redacted) }

// MentionedIn reports whether text spells n, with or without separators.
func (n INSZ) MentionedIn(text string) bool {
	if n.digits == nil {
		return false
	}
	digits := n.digits()
	run := make([]byte, 0, 11)
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			if len(run) == 11 {
				run = append(run[:0], run[1:]...)
			}
			run = append(run, c)
			if len(run) == 11 && string(run) == digits {
				return true
			}
		case c == '.' || c == '-' || c == ' ' || c == '/':
		default:
			run = run[:0]
		}
	}
	return false
}
