// Package identifier holds the numbers by which Belgium knows people and
// organisations: INSZ (rijksregister and bis numbers), KSZ, KBO and OVO. It
// checks their form and check digits; it never asks a register whether a
// number was given to anyone.
package identifier

import (
	"encoding"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"time"
)

// ErrINSZ is returned for text that is not an INSZ.
var ErrINSZ = errors.New("not an INSZ")

// ErrRedacted is what every marshaller of a citizen identifier answers.
var ErrRedacted = errors.New("a citizen identifier is never marshalled: call Reveal where it must leave")

// Kind says which range an INSZ is from.
type Kind string

const (
	// National is a number of the National Register.
	National Kind = "national"
	// Bis is a number of the Crossroads Bank for Social Security: month + 20
	// (sex unknown at allocation) or + 40.
	Bis Kind = "bis"
	// Test is a fictitious number of the MAGDA test environments: month + 60.
	// No person has it; production must refuse it.
	Test Kind = "test"
)

// INSZ identifies one person (identificatienummer van de sociale zekerheid,
// 11 digits YYMMDD SSS CC). Formatting, logging and marshalling it shows
// nothing; Reveal is the only way out. It is compared with Equal: == does not
// compile. The zero value identifies nobody.
type INSZ struct {
	// A function, because fmt prints an address for one even where it walks by
	// reflection into a struct that hides an INSZ in an unexported field; a
	// pointer to the digits shows them under the wrong verb.
	digits func() string
}

// ParseINSZ reads 11 digits, or the printed form YY.MM.DD-SSS.CC, and checks
// range, date and check number. Month and day may be 00 (unknown). The error
// never holds the text.
func ParseINSZ(s string) (INSZ, error) {
	d, ok := inszDigits(s)
	if !ok {
		return INSZ{}, fmt.Errorf("%w: expected 11 digits or the form YY.MM.DD-SSS.CC, found %d characters of another form", ErrINSZ, len(s))
	}
	base := number(d[:9])
	check := number(d[9:])
	var century int
	switch check {
	case 97 - base%97:
		century = 1900
	case 97 - (2_000_000_000+base)%97:
		century = 2000
	default:
		return INSZ{}, fmt.Errorf("%w: the check number (last 2 digits) does not fit", ErrINSZ)
	}
	kind, month := monthOf(number(d[2:4]))
	if kind == "" {
		return INSZ{}, fmt.Errorf("%w: the month (digits 3 and 4) is in no range: 00-12, bis 20-32 and 40-52, test 60-72", ErrINSZ)
	}
	if !dateExists(century+number(d[:2]), month, number(d[4:6])) {
		return INSZ{}, fmt.Errorf("%w: the date of birth (first 6 digits) does not exist", ErrINSZ)
	}
	if seq := number(d[6:9]); seq == 0 || seq == 999 {
		return INSZ{}, fmt.Errorf("%w: the sequence (digits 7 to 9) is outside 001-998", ErrINSZ)
	}
	text := string(d[:])
	return INSZ{digits: func() string { return text }}, nil
}

// Reveal gives the 11 digits. Every call is a place where a citizen
// identifier may leave: keep them few.
func (n INSZ) Reveal() string {
	if n.digits == nil {
		return ""
	}
	return n.digits()
}

// IsZero reports whether n identifies nobody.
func (n INSZ) IsZero() bool { return n.digits == nil }

// Equal reports whether both identify the same person; nobody equals nobody
// else, so a forgotten identifier never matches.
func (n INSZ) Equal(o INSZ) bool {
	return n.digits != nil && o.digits != nil && n.digits() == o.digits()
}

// Kind tells the range; it is empty for the zero value.
func (n INSZ) Kind() Kind {
	if n.digits == nil {
		return ""
	}
	k, _ := monthOf(number([]byte(n.digits()[2:4])))
	return k
}

const redacted = "[insz]"

var (
	_ fmt.Formatter          = INSZ{}
	_ slog.LogValuer         = INSZ{}
	_ encoding.TextMarshaler = INSZ{}
)

// String never shows the number.
func (INSZ) String() string { return redacted }

// GoString never shows the number.
func (INSZ) GoString() string { return redacted }

// Format never shows the number, whatever the verb.
func (INSZ) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue never shows the number.
func (INSZ) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses: a document that quietly lost its subject would be
// worse than an error.
func (INSZ) MarshalText() ([]byte, error) { return nil, ErrRedacted }

func inszDigits(s string) (d [11]byte, ok bool) {
	const printed = "00.00.00-000.00"
	switch len(s) {
	case 11:
		copy(d[:], s)
	case len(printed):
		n := 0
		for i := range len(printed) {
			if printed[i] != '0' {
				if s[i] != printed[i] {
					return d, false
				}
				continue
			}
			d[n] = s[i]
			n++
		}
	default:
		return d, false
	}
	for _, c := range d {
		if c < '0' || c > '9' {
			return d, false
		}
	}
	return d, true
}

// monthOf splits the month digits into range and month.
func monthOf(m int) (Kind, int) {
	switch {
	case m <= 12:
		return National, m
	case m >= 20 && m <= 32:
		return Bis, m - 20
	case m >= 40 && m <= 52:
		return Bis, m - 40
	case m >= 60 && m <= 72:
		return Test, m - 60
	default:
		return "", 0
	}
}

// dateExists accepts day 00 (unknown) with any month; with month 00 the day
// only counts numbers and may be anything up to 31.
func dateExists(year, month, day int) bool {
	if day > 31 {
		return false
	}
	if month == 0 || day == 0 {
		return true
	}
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Day() == day
}

// number reads digits that were checked before.
func number(digits []byte) int {
	n, _ := strconv.Atoi(string(digits))
	return n
}
