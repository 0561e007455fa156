package did

import (
	"strconv"
	"strings"
)

// The media types of a WebID document.
const (
	Turtle = "text/turtle"
	JSONLD = "application/ld+json"
)

// maxAccept is the longest Accept header that is read.
const maxAccept = 4 << 10

// Negotiate chooses the media type of a WebID document (RFC 9110, Section
// 12.5.1). It is Turtle whenever text/turtle is listed with a weight above 0,
// even if JSON-LD weighs more: a Solid server that asks for both would have to
// fetch a remote context to read our JSON-LD. Else the heavier one, Turtle if
// equal or if nothing is asked. ok is false if neither is acceptable: answer
// 406. Elements that are malformed are passed over.
func Negotiate(accept string) (mediaType string, ok bool) {
	if strings.TrimSpace(accept) == "" {
		return Turtle, true
	}
	if len(accept) > maxAccept {
		return "", false
	}
	turtle, jsonld := weight{}, weight{}
	for _, element := range split(accept, ',') {
		name, q, valid := mediaRange(element)
		if !valid {
			continue
		}
		turtle.see(name, Turtle, "text/*", q)
		jsonld.see(name, JSONLD, "application/*", q)
	}
	switch {
	case turtle.fit == 3 && turtle.q > 0, turtle.q > 0 && turtle.q >= jsonld.q:
		return Turtle, true
	case jsonld.q > 0:
		return JSONLD, true
	default:
		return "", false
	}
}

// weight of one media type: the q of the most specific range that fits it.
type weight struct {
	fit int // 0 none, 1 */*, 2 type/*, 3 exact
	q   int // thousandths
}

func (w *weight) see(name, exact, family string, q int) {
	fit := 0
	switch name {
	case exact:
		fit = 3
	case family:
		fit = 2
	case "*/*":
		fit = 1
	default:
		return
	}
	if fit > w.fit || fit == w.fit && q > w.q {
		w.fit, w.q = fit, q
	}
}

// mediaRange reads type, subtype and weight; other parameters do not matter
// here.
func mediaRange(element string) (name string, q int, valid bool) {
	parts := split(element, ';')
	name = strings.ToLower(strings.TrimSpace(parts[0]))
	q = 1000
	for _, p := range parts[1:] {
		key, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(key), "q") {
			if q, valid = parseWeight(strings.TrimSpace(value)); !valid {
				return "", 0, false
			}
		}
	}
	return name, q, name != ""
}

// parseWeight reads a qvalue in thousandths (RFC 9110, Section 12.4.2).
func parseWeight(s string) (int, bool) {
	whole, fraction, dot := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 || dot && strings.Trim(fraction, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(whole + fraction + strings.Repeat("0", 3-len(fraction)))
	return n, err == nil && n <= 1000
}

// split cuts s at sep, but not inside quoted strings (RFC 9110, Section
// 5.6.4).
func split(s string, sep byte) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}
