package rdf

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrSyntax: not N-Quads.
var ErrSyntax = errors.New("rdf: not N-Quads")

// ParseNQuads reads RDF 1.1 N-Quads. Its size is the caller's to bound; the
// work is linear in it.
func ParseNQuads(text string) (*Dataset, error) {
	d := &Dataset{}
	for number, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		p := parser{d: d, in: line}
		if err := p.line(); err != nil {
			return nil, fmt.Errorf("%w: statement %d: %w", ErrSyntax, number+1, err)
		}
	}
	return d, nil
}

// parser reads one line.
type parser struct {
	d  *Dataset
	in string
	at int
}

func (p *parser) line() error {
	p.space()
	if p.end() {
		return nil
	}
	var q Quad
	var err error
	if q.S, err = p.term(); err != nil {
		return err
	}
	if q.P, err = p.term(); err != nil {
		return err
	}
	if q.O, err = p.term(); err != nil {
		return err
	}
	if !p.is('.') {
		if q.G, err = p.term(); err != nil {
			return err
		}
	}
	if !p.is('.') {
		return fmt.Errorf("column %d: expected the full stop that ends a statement", p.at+1)
	}
	p.at++
	if p.space(); !p.end() {
		return fmt.Errorf("column %d: something stands behind the full stop", p.at+1)
	}
	return p.d.Add(q)
}

func (p *parser) is(c byte) bool { return p.at < len(p.in) && p.in[p.at] == c }

// end: nothing more, or a comment.
func (p *parser) end() bool { return p.at == len(p.in) || p.in[p.at] == '#' }

func (p *parser) space() {
	for p.is(' ') || p.is('\t') {
		p.at++
	}
}

// term reads a term and the space behind it.
func (p *parser) term() (n Node, err error) {
	switch {
	case p.is('<'):
		var iri string
		if iri, err = p.iri(); err == nil {
			n, err = p.d.IRI(iri)
		}
	case p.is('_'):
		n, err = p.blank()
	case p.is('"'):
		n, err = p.literal()
	default:
		err = fmt.Errorf("column %d: expected an IRI, a blank node or a literal", p.at+1)
	}
	p.space()
	return n, err
}

func (p *parser) iri() (string, error) {
	start := p.at + 1
	for i := start; i < len(p.in); i++ {
		if p.in[i] == '>' {
			p.at = i + 1
			return unescape(p.in[start:i], false)
		}
	}
	return "", fmt.Errorf("column %d: the IRI does not end", p.at+1)
}

// blank reads BLANK_NODE_LABEL.
func (p *parser) blank() (Node, error) {
	start := p.at
	if !strings.HasPrefix(p.in[start:], "_:") {
		return 0, fmt.Errorf("column %d: expected a blank node label", start+1)
	}
	i := start + 2
	for i < len(p.in) {
		r, size := utf8.DecodeRuneInString(p.in[i:])
		if !labelRune(r, i == start+2) {
			break
		}
		i += size
	}
	for i > start+2 && p.in[i-1] == '.' { // a label does not end with a full stop
		i--
	}
	if i == start+2 {
		return 0, fmt.Errorf("column %d: a blank node without a label", start+1)
	}
	p.at = i
	return p.d.Blank(p.in[start:i]), nil
}

// labelRune is PN_CHARS and what a label may begin with (RDF 1.1 N-Quads,
// Section 4).
func labelRune(r rune, first bool) bool {
	switch {
	case r < utf8.RuneSelf:
		c := byte(r)
		return isLetter(c) || isDigit(c) || c == '_' || c == ':' || !first && (c == '-' || c == '.')
	case r == utf8.RuneError:
		return false
	case r == 0xB7, r >= 0x300 && r <= 0x36F, r == 0x203F, r == 0x2040:
		return !first
	}
	for _, span := range labelSpans {
		if r >= span[0] && r <= span[1] {
			return true
		}
	}
	return false
}

// labelSpans is PN_CHARS_BASE outside ASCII.
var labelSpans = [][2]rune{
	{0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x2FF}, {0x370, 0x37D}, {0x37F, 0x1FFF}, {0x200C, 0x200D}, {0x2070, 0x218F},
	{0x2C00, 0x2FEF}, {0x3001, 0xD7FF}, {0xF900, 0xFDCF}, {0xFDF0, 0xFFFD}, {0x10000, 0xEFFFF},
}

func (p *parser) literal() (Node, error) {
	start := p.at + 1
	i := start
	for ; i < len(p.in) && p.in[i] != '"'; i++ {
		if p.in[i] == '\\' {
			i++
		}
	}
	if i >= len(p.in) {
		return 0, fmt.Errorf("column %d: the literal does not end", start)
	}
	p.at = i + 1
	value, err := unescape(p.in[start:i], true)
	if err != nil {
		return 0, err
	}
	switch {
	case p.is('@'):
		from := p.at + 1
		for p.at++; p.at < len(p.in) && (isLetter(p.in[p.at]) || isDigit(p.in[p.at]) || p.in[p.at] == '-'); {
			p.at++
		}
		if p.at == from {
			return 0, fmt.Errorf("column %d: a language tag is missing", from)
		}
		return p.d.Literal(value, "", p.in[from:p.at])
	case strings.HasPrefix(p.in[p.at:], "^^<"):
		p.at += 2
		datatype, err := p.iri()
		if err != nil {
			return 0, err
		}
		if datatype == "" {
			return 0, fmt.Errorf("column %d: an empty datatype", p.at)
		}
		return p.d.Literal(value, datatype, "")
	}
	return p.d.Literal(value, "", "")
}

// unescape resolves UCHAR and, in literals, ECHAR.
func unescape(s string, literal bool) (string, error) {
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s, nil
	}
	var b strings.Builder
	for ; i >= 0; i = strings.IndexByte(s, '\\') {
		b.WriteString(s[:i])
		if s = s[i+1:]; s == "" {
			return "", errors.New("a \\ that escapes nothing")
		}
		kind := s[0]
		s = s[1:]
		if at := strings.IndexByte(`tbnrf"'\`, kind); literal && at >= 0 {
			b.WriteByte("\t\b\n\r\f\"'\\"[at])
			continue
		}
		digits := map[byte]int{'u': 4, 'U': 8}[kind]
		if digits == 0 || len(s) < digits {
			return "", fmt.Errorf("the escape \\%c is not known here or is cut off", kind)
		}
		r := rune(0)
		for _, c := range []byte(s[:digits]) {
			if !isHex(c) {
				return "", fmt.Errorf("the escape \\%c has a digit that is not hexadecimal", kind)
			}
			v := rune(c - '0')
			if c > '9' {
				v = rune(c|0x20) - 'a' + 10
			}
			if r = r<<4 | v; r > utf8.MaxRune {
				return "", fmt.Errorf("the escape \\%c is beyond Unicode", kind)
			}
		}
		if !utf8.ValidRune(r) {
			return "", fmt.Errorf("the escape \\%c is a surrogate", kind)
		}
		b.WriteRune(r)
		s = s[digits:]
	}
	b.WriteString(s)
	return b.String(), nil
}
