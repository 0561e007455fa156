package identifier

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrKBO is returned for text that is not a KBO enterprise number.
	ErrKBO = errors.New("not a KBO enterprise number")
	// ErrOVO is returned for text that is not an OVO code.
	ErrOVO = errors.New("not an OVO code")
)

// KBO is an enterprise number of the Crossroads Bank for Enterprises, ten
// digits. It is public and prints itself.
type KBO string

// ParseKBO reads 0123456789, 0123.456.789 or either with BE before it (the
// VAT spelling), and checks range and check number. Establishment units
// (first digit 2 to 8) are not enterprises and are refused.
func ParseKBO(s string) (KBO, error) {
	t := strings.TrimLeft(strings.TrimPrefix(s, "BE"), " ")
	if len(t) == 12 && t[4] == '.' && t[8] == '.' {
		t = t[:4] + t[5:8] + t[9:]
	}
	if len(t) != 10 || !allDigits(t) {
		return "", fmt.Errorf("%w: expected 10 digits or 0123.456.789, found %q", ErrKBO, s)
	}
	if t[0] >= '2' && t[0] <= '8' {
		return "", fmt.Errorf("%w: %q is in the range of establishment units; give the enterprise's own number", ErrKBO, s)
	}
	if t[0] != '0' && t[0] != '1' {
		return "", fmt.Errorf("%w: %q does not start with 0 or 1", ErrKBO, s)
	}
	if number([]byte(t[8:])) != 97-number([]byte(t[:8]))%97 {
		return "", fmt.Errorf("%w: the check number (last 2 digits) of %q does not fit", ErrKBO, s)
	}
	return KBO(t), nil
}

// OVO is the code of a Flemish government organisation: OVO and six digits,
// without a check digit.
type OVO string

// ParseOVO reads an OVO code.
func ParseOVO(s string) (OVO, error) {
	if len(s) != 9 || !strings.HasPrefix(s, "OVO") || !allDigits(s[3:]) {
		return "", fmt.Errorf("%w: expected OVO and 6 digits, found %q", ErrOVO, s)
	}
	return OVO(s), nil
}

// URI is the organisation's identifier in the Flemish linked data.
func (o OVO) URI() string { return "https://data.vlaanderen.be/id/organisatie/" + string(o) }

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
