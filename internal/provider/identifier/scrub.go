package identifier

import "regexp"

// scrubbed finds UUIDs, and an INSZ in the spellings people use.
var scrubbed = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\d{2}[. /-]?\d{2}[. /-]?\d{2}[. /-]?\d{3}[. /-]?\d{2}`)

// Scrub replaces everything that could be an INSZ by "[insz]", for text of
// others (diagnoses, fault strings) before it enters an error or a log. A UUID
// stays, so that references can be told apart, unless it spells a number that
// is an INSZ by its check digits.
func Scrub(s string) string {
	return scrubbed.ReplaceAllStringFunc(s, func(m string) string {
		if len(m) == 36 && !spellsINSZ(m) {
			return m
		}
		return redacted
	})
}

func spellsINSZ(text string) bool {
	run := make([]byte, 0, len(text))
	for i := range len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			run = append(run, c)
			if len(run) >= 11 {
				if _, err := ParseINSZ(string(run[len(run)-11:])); err == nil {
					return true
				}
			}
		case c == '-':
		default:
			run = run[:0]
		}
	}
	return false
}

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
