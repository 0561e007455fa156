package jsonld

import (
	"bytes"
	"strings"
)

// scheme is the length of the scheme of an IRI, 0 if it has none.
func scheme(s string) int {
	for i := range len(s) {
		c := s[i]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		case i > 0 && c == ':':
			return i
		default:
			return 0
		}
	}
	return 0
}

func absolute(s string) bool { return scheme(s) > 0 }

func isBlank(s string) bool { return strings.HasPrefix(s, "_:") }

// parts of an IRI reference (RFC 3986, Section 3 and Appendix B).
type parts struct {
	scheme, authority, path, query, fragment string
	hasAuthority, hasQuery, hasFragment      bool
}

func split(s string) (p parts) {
	if s, p.fragment, p.hasFragment = strings.Cut(s, "#"); true {
		s, p.query, p.hasQuery = strings.Cut(s, "?")
	}
	if n := scheme(s); n > 0 {
		p.scheme, s = s[:n], s[n+1:]
	}
	if rest, ok := strings.CutPrefix(s, "//"); ok {
		p.hasAuthority = true
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			p.authority, p.path = rest[:i], rest[i:]
		} else {
			p.authority = rest
		}
	} else {
		p.path = s
	}
	return p
}

// resolve is RFC 3986, Section 5.2.2, as API, Section 5.2.2, step 8 asks: without
// further normalisation.
func resolve(base, ref string) string {
	if base == "" {
		return ref
	}
	r, b := split(ref), split(base)
	switch {
	case r.scheme != "":
		r.path = removeDots(r.path)
	case r.hasAuthority:
		r.path = removeDots(r.path)
		r.scheme = b.scheme
	default:
		switch {
		case r.path == "":
			r.path = b.path
			if !r.hasQuery {
				r.query, r.hasQuery = b.query, b.hasQuery
			}
		case r.path[0] == '/':
			r.path = removeDots(r.path)
		case b.hasAuthority && b.path == "":
			r.path = removeDots("/" + r.path)
		default:
			r.path = removeDots(b.path[:strings.LastIndexByte(b.path, '/')+1] + r.path)
		}
		r.scheme, r.authority, r.hasAuthority = b.scheme, b.authority, b.hasAuthority
	}
	var out strings.Builder
	if r.scheme != "" {
		out.WriteString(r.scheme + ":")
	}
	if r.hasAuthority {
		out.WriteString("//" + r.authority)
	}
	out.WriteString(r.path)
	if r.hasQuery {
		out.WriteString("?" + r.query)
	}
	if r.hasFragment {
		out.WriteString("#" + r.fragment)
	}
	return out.String()
}

// removeDots is RFC 3986, Section 5.2.4.
func removeDots(path string) string {
	if !strings.Contains(path, ".") {
		return path
	}
	rooted := strings.HasPrefix(path, "/")
	out := make([]byte, 0, len(path)+1)
	kept := 0 // segments in out
	keep := func(segment string) {
		if kept > 0 {
			out = append(out, '/')
		}
		out = append(out, segment...)
		kept++
	}
	for more := true; more; {
		var segment string
		segment, path, more = strings.Cut(path, "/")
		switch segment {
		case ".", "..":
			if segment == ".." && kept > 0 && !(rooted && kept == 1) {
				out = out[:max(0, bytes.LastIndexByte(out, '/'))]
				kept--
			}
			if !more {
				keep("")
			}
		default:
			keep(segment)
		}
	}
	if rooted && (len(out) == 0 || out[0] != '/') {
		return "/" + string(out)
	}
	return string(out)
}
