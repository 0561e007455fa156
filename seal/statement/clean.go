package statement

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/bidi"
)

// maxShown is how many characters of one name are shown.
const maxShown = 160

// maxMarks is how many marks may stand on one letter: more are there to smear over
// the lines around.
const maxMarks = 2

// instead stands for what is not shown, so that nobody takes the rest for all.
const instead = '\uFFFD'

// Clean makes a text out of a certificate or a list fit to be shown to people. It
// takes out what moves a cursor, turns the direction of writing, is not seen or
// starts markup, brings spaces down to single ones, and shortens. The result
// cannot leave a line, a pair of quotation marks or an HTML element, whoever puts
// it there.
func Clean(s string) string {
	var b strings.Builder
	var shown, marks int
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = b.Len() > 0
			continue
		case unicode.Is(unicode.M, r):
			if marks++; marks > maxMarks || b.Len() == 0 {
				continue
			}
		default:
			marks = 0
		}
		if shown++; shown > maxShown {
			b.WriteRune('…')
			break
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(visible(r))
	}
	return b.String()
}

// visible is what is shown for a character. Angle brackets and straight quotation
// marks become typographic ones, which no markup begins or ends with.
func visible(r rune) rune {
	switch r {
	case '<':
		return '‹'
	case '>':
		return '›'
	case '"', '“', '„', '«', '»':
		return '”' // those that statements are written with would end a quotation early
	case '\'', '`':
		return '’'
	case utf8.RuneError:
		return instead
	}
	if !unicode.IsGraphic(r) { // controls, formats, private use and what is not assigned
		return instead
	}
	return r
}

// isolated keeps a text that is written from right to left from turning the
// sentence around it (UAX #9, Section 2.4.2).
func isolated(s string) string {
	for _, r := range s {
		p, _ := bidi.LookupRune(r)
		switch p.Class() {
		case bidi.R, bidi.AL, bidi.AN:
			return "\u2068" + s + "\u2069"
		}
	}
	return s
}
