package unit

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"strings"
)

// RecoveryCode is 256 random bits that open a vault when no passkey is at
// hand. The citizen keeps it; nobody else ever has it. It prints nothing.
type RecoveryCode struct{ b [32]byte }

// ErrRecoveryCode is returned for text that is no recovery code.
var ErrRecoveryCode = errors.New("not a recovery code")

var code32 = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// NewRecoveryCode draws a code.
func NewRecoveryCode(random io.Reader) (RecoveryCode, error) {
	var c RecoveryCode
	_, err := io.ReadFull(random, c.b[:])
	return c, err
}

// Reveal is the code as the citizen writes it down: 56 letters and digits in
// groups of four, without I, L, O and U; the last ones are a checksum.
func (c RecoveryCode) Reveal() string {
	sum := sha256.Sum256(c.b[:])
	text := code32.EncodeToString(append(append([]byte{}, c.b[:]...), sum[:3]...))
	var groups []string
	for len(text) > 4 {
		groups, text = append(groups, text[:4]), text[4:]
	}
	return strings.Join(append(groups, text), "-")
}

// String hides the code.
func (RecoveryCode) String() string { return "[recovery code]" }

// GoString hides the code.
func (RecoveryCode) GoString() string { return "[recovery code]" }

// ParseRecoveryCode reads a code as it was written down: case, spaces and
// hyphens do not matter, and O, I and L are read as 0, 1 and 1.
func ParseRecoveryCode(text string) (RecoveryCode, error) {
	var c RecoveryCode
	clean := strings.Map(func(r rune) rune {
		switch r {
		case '-', ' ', '\t', '\n', '\r':
			return -1
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		default:
			return r
		}
	}, strings.ToUpper(text))
	b, err := code32.DecodeString(clean)
	if err != nil || len(b) != 35 {
		return c, fmt.Errorf("%w: it has 56 letters and digits in groups of four", ErrRecoveryCode)
	}
	sum := sha256.Sum256(b[:32])
	if string(sum[:3]) != string(b[32:]) {
		return c, fmt.Errorf("%w: a letter or digit was mistyped", ErrRecoveryCode)
	}
	copy(c.b[:], b)
	return c, nil
}
