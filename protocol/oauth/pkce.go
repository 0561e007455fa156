package oauth

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
)

// ErrPKCE is returned for a code_verifier that does not fit its challenge.
var ErrPKCE = errors.New("code_verifier does not fit code_challenge (RFC 7636, Section 4.6)")

// NewVerifier draws a code_verifier (RFC 7636, Section 4.1).
func NewVerifier() string { return rand.Text() + rand.Text() }

// Challenge is the S256 code_challenge of a verifier (RFC 7636, Section 4.2).
func Challenge(verifier string) string { return hash(verifier) }

// ValidChallenge reports whether text can be an S256 challenge.
func ValidChallenge(text string) bool { return len(text) == 43 && alphabet(text) }

// VerifyPKCE checks a verifier against an S256 challenge; the plain method is
// not offered.
func VerifyPKCE(verifier, challenge string) error {
	if len(verifier) < 43 || len(verifier) > 128 || !alphabet(verifier) || !ValidChallenge(challenge) {
		return ErrPKCE
	}
	if subtle.ConstantTimeCompare([]byte(Challenge(verifier)), []byte(challenge)) != 1 {
		return ErrPKCE
	}
	return nil
}

func alphabet(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}
