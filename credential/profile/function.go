package profile

import (
	"fmt"
	"strings"
	"time"
)

// function is something done to a value on its way into the document. It is
// partial: false means that the place has no word for this value and is left
// out. Whatever apply accepts, invert gives back.
type function struct {
	total  bool // accepts every value
	apply  func(string) (string, bool)
	invert func(string) (string, bool)
}

// functions that a reference can name; "in:TABLE" and "else:TEXT" come beside
// them.
var functions = map[string]function{
	// segment is a value that can stand in an IRI as it is (RFC 3986, Section
	// 2.3), so that no value can lead an identifier elsewhere.
	"segment": {apply: segment, invert: segment},
	// upper is a code in lower case, written in upper case.
	"upper": {apply: upper, invert: lower},
	// alpha3 is ISO 3166-1 alpha-2, written as alpha-3.
	"alpha3": {apply: alpha3, invert: alpha2},
	// dateTime is a full date as the beginning of that day in UTC
	// (XML Schema 1.1 Part 2, Section 3.3.7).
	"dateTime": {apply: dateTime, invert: fullDate},
	// partDate is a date whose month or day is not known; a full date has a better
	// place.
	"partDate": {apply: partDate, invert: partDate},
	// integer is a whole number, written in digits. It comes first.
	"integer": {total: true, apply: digits, invert: digits},
}

func segment(s string) (string, bool) {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z', c == '-', c == '.', c == '_', c == '~':
		default:
			return "", false
		}
	}
	return s, s != "" && s != "." && s != ".."
}

func upper(s string) (string, bool) { return strings.ToUpper(s), letters(s, 'a') }
func lower(s string) (string, bool) { return strings.ToLower(s), letters(s, 'A') }

func letters(s string, first byte) bool {
	for i := range len(s) {
		if s[i] < first || s[i] > first+25 {
			return false
		}
	}
	return s != ""
}

func dateTime(s string) (string, bool) {
	if !isDate(s, len(time.DateOnly)) {
		return "", false
	}
	return s + midnight, true
}

// isDate reports whether s is the first length characters of a date that the
// calendar has.
func isDate(s string, length int) bool {
	if len(s) != length {
		return false
	}
	const form = "0000-00-00"
	for i := range length {
		if digit := s[i] >= '0' && s[i] <= '9'; digit != (form[i] == '0') || !digit && s[i] != '-' {
			return false
		}
	}
	_, err := time.Parse(time.DateOnly[:length], s)
	return err == nil
}

const midnight = "T00:00:00Z"

func fullDate(s string) (string, bool) {
	day, ok := strings.CutSuffix(s, midnight)
	if !ok {
		return "", false
	}
	_, ok = dateTime(day)
	return day, ok
}

func partDate(s string) (string, bool) {
	return s, isDate(s, len("2006")) || isDate(s, len("2006-01"))
}

func digits(s string) (string, bool) {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return "", false
		}
	}
	return s, s != "" && len(s) < 16 && (s == "0" || s[0] != '0')
}

// in is a table of the declaration.
func in(name string, table map[string]string) (function, error) {
	back := make(map[string]string, len(table))
	for from, to := range table {
		if _, twice := back[to]; twice || to == "" {
			return function{}, fmt.Errorf("table %q cannot be read backwards: a value is empty or stands in it twice", name)
		}
		back[to] = from
	}
	return function{
		apply:  func(s string) (string, bool) { v, ok := table[s]; return v, ok },
		invert: func(s string) (string, bool) { v, ok := back[s]; return v, ok },
	}, nil
}
