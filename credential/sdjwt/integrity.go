package sdjwt

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// ErrIntegrity is returned when a document is not the one that its reference
// promised.
var ErrIntegrity = errors.New("the document does not match its integrity metadata")

// Integrity is the integrity metadata of a document: SHA-256 over its bytes as
// served (SD-JWT VC, Section 6; W3C Subresource Integrity, Section 3).
func Integrity(document []byte) string {
	sum := sha256.Sum256(document)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// CheckIntegrity compares a document with integrity metadata. Of several
// hash expressions those of the strongest algorithm count, and one must match;
// without any known algorithm the document is refused.
func CheckIntegrity(document []byte, metadata string) error {
	hashes, err := parseIntegrity(metadata)
	if err != nil {
		return err
	}
	for _, h := range hashes {
		var sum []byte
		switch h.bits {
		case 256:
			s := sha256.Sum256(document)
			sum = s[:]
		case 384:
			s := sha512.Sum384(document)
			sum = s[:]
		case 512:
			s := sha512.Sum512(document)
			sum = s[:]
		}
		if bytes.Equal(sum, h.sum) {
			return nil
		}
	}
	return fmt.Errorf("%w (SD-JWT VC, Section 6)", ErrIntegrity)
}

type integrityHash struct {
	bits int
	sum  []byte
}

// parseIntegrity reads "alg-base64[?options]" expressions and keeps those of
// the strongest algorithm.
func parseIntegrity(metadata string) ([]integrityHash, error) {
	var best []integrityHash
	for _, expression := range strings.Fields(metadata) {
		alg, value, ok := strings.Cut(expression, "-")
		value, _, _ = strings.Cut(value, "?")
		bits := map[string]int{"sha256": 256, "sha384": 384, "sha512": 512}[alg]
		if !ok || bits == 0 {
			continue
		}
		sum, err := base64.StdEncoding.DecodeString(value)
		if err != nil || len(sum) != bits/8 {
			return nil, fmt.Errorf("%w: %s is not followed by the base64 of %d bits (W3C Subresource Integrity, Section 3)", ErrIntegrity, alg, bits)
		}
		if len(best) > 0 && best[0].bits > bits {
			continue
		}
		if len(best) > 0 && best[0].bits < bits {
			best = nil
		}
		best = append(best, integrityHash{bits, sum})
	}
	if len(best) == 0 {
		return nil, fmt.Errorf("%w: no sha256, sha384 or sha512 expression (W3C Subresource Integrity, Section 3)", ErrIntegrity)
	}
	return best, nil
}
