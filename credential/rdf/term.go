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
	ascii, fragment := true, false
	for i := colon + 1; i < len(iri); i++ {
		for i+8 <= len(iri) && ordinary(iri[i:i+8]) {
			i += 8
		}
		if i == len(iri) {
			break
		}
		switch c := iri[i]; inIRI[c] {
		case itself:
		case beyond:
			ascii = false
		case hash:
			if fragment {
				return fmt.Errorf("%w: the IRI %q has two fragments (RFC 3987, Section 2.2)", ErrTerm, shorten(iri))
			}
			fragment = true
		case percent:
			if i+2 >= len(iri) || !isHex(iri[i+1]) || !isHex(iri[i+2]) {
				return fmt.Errorf("%w: the IRI %q holds a %% that encodes nothing (RFC 3986, Section 2.1)", ErrTerm, shorten(iri))
			}
		default:
			return fmt.Errorf("%w: the IRI %q holds %q, which must be percent-encoded (RFC 3987, Section 2.2)", ErrTerm, shorten(iri), c)
		}
	}
	if !ascii && !utf8.ValidString(iri) {
		return fmt.Errorf("%w: an IRI that is not UTF-8", ErrTerm)
	}
	return nil
}

// What a byte is in an IRI.
const (
	itself = iota
	beyond // ASCII
	hash
	percent
	forbidden // in IRIREF
)

// ordinary says whether eight bytes stand for themselves, which is most often so.
func ordinary(s string) bool {
	_ = s[7]
	return inIRI[s[0]]|inIRI[s[1]]|inIRI[s[2]]|inIRI[s[3]]|inIRI[s[4]]|inIRI[s[5]]|inIRI[s[6]]|inIRI[s[7]] == itself
}

var inIRI = func() (f [256]uint8) {
	for c := range 0x21 {
		f[c] = forbidden
	}
	for _, c := range "<>\"{}|^`\\\x7f" {
		f[c] = forbidden
	}
	for c := utf8.RuneSelf; c < len(f); c++ {
		f[c] = beyond
	}
	f['#'], f['%'] = hash, percent
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
	subtag, length := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case isLetter(c) || subtag > 0 && isDigit(c):
			length++
		case c == '-' && length > 0:
			subtag, length = subtag+1, 0
		default:
			return false
		}
	}
	return length > 0
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

// appendQuoted appends a literal's value in canonical form (RDFC-1.0, Appendix
// A): the short escapes where there is one, \u for other controls, all else as
// it is. The value is UTF-8.
func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
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
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '\b':
			b = append(b, `\b`...)
		case '\t':
			b = append(b, `\t`...)
		case '\n':
			b = append(b, `\n`...)
		case '\f':
			b = append(b, `\f`...)
		case '\r':
			b = append(b, `\r`...)
		case '"', '\\':
			b = append(b, '\\', c)
		default:
			b = fmt.Appendf(b, `\u%04X`, c)
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}

// shorten keeps what was sent from filling a log.
func shorten(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}
