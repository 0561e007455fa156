package rdf

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// checkIRI takes absolute IRIs as N-Quads can write them (RDF 1.1 N-Quads,
// Section 4, IRIREF; RFC 3987, Section 2.2): a scheme, and no character that
// would end or hide it.
func checkIRI(iri string) error {
	colon := strings.IndexByte(iri, ':')
	if colon <= 0 || !isScheme(iri[:colon]) {
		return fmt.Errorf("%w: %q is not an absolute IRI (RFC 3987, Section 2.2)", ErrTerm, shorten(iri))
	}
	fragment := false
	for i := colon; i < len(iri); i++ {
		c := iri[i]
		if c == '#' {
			if fragment {
				return fmt.Errorf("%w: the IRI %q has two fragments (RFC 3987, Section 2.2)", ErrTerm, shorten(iri))
			}
			fragment = true
		}
		if c < utf8.RuneSelf && forbidden[c] {
			return fmt.Errorf("%w: the IRI %q holds %q, which must be percent-encoded (RFC 3987, Section 2.2)", ErrTerm, shorten(iri), c)
		}
		if c == '%' && (i+2 >= len(iri) || !isHex(iri[i+1]) || !isHex(iri[i+2])) {
			return fmt.Errorf("%w: the IRI %q holds a %% that encodes nothing (RFC 3986, Section 2.1)", ErrTerm, shorten(iri))
		}
	}
	if !utf8.ValidString(iri) {
		return fmt.Errorf("%w: an IRI that is not UTF-8", ErrTerm)
	}
	return nil
}

// forbidden in IRIREF.
var forbidden = func() (f [utf8.RuneSelf]bool) {
	for c := range 0x21 {
		f[c] = true
	}
	for _, c := range "<>\"{}|^`\\\x7f" {
		f[c] = true
	}
	return f
}()

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isLetter(c) && (i == 0 || !isDigit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isHex(c byte) bool    { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// isLanguage is the form of RDF 1.1 N-Quads, Section 4, LANGTAG without the @.
func isLanguage(s string) bool {
	for i, part := range strings.Split(s, "-") {
		if part == "" {
			return false
		}
		for j := range len(part) {
			if !isLetter(part[j]) && (i == 0 || !isDigit(part[j])) {
				return false
			}
		}
	}
	return true
}

// plainRun goes on from i as long as eight bytes are none that is escaped, looking at all of
// them at once; it may stop early.
func plainRun(s string, i int) int {
	const each, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(s); i += 8 {
		b := s[i : i+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		quote, slash, del := w^each*'"', w^each*'\\', w^each*0x7f
		if (w|(w-each*' ')|(quote-each)|(slash-each)|(del-each))&high != 0 {
			break
		}
	}
	return i
}

// escape writes a literal's value in canonical form (RDFC-1.0, Appendix A):
// the short escapes where there is one, \u for other controls, all else as it
// is.
func escape(b *strings.Builder, s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: a literal that is not UTF-8", ErrTerm)
	}
	escapeValid(b, s)
	return nil
}

func escapeValid(b *strings.Builder, s string) {
	from := 0
	for i := 0; i < len(s); i++ {
		i = plainRun(s, i)
		if i == len(s) {
			break
		}
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		b.WriteString(s[from:i])
		from = i + 1
		switch c {
		case '\b':
			b.WriteString(`\b`)
		case '\t':
			b.WriteString(`\t`)
		case '\n':
			b.WriteString(`\n`)
		case '\f':
			b.WriteString(`\f`)
		case '\r':
			b.WriteString(`\r`)
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			fmt.Fprintf(b, `\u%04X`, c)
		}
	}
	b.WriteString(s[from:])
}

// shorten keeps what was sent from filling a log.
func shorten(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
