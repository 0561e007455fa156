package sdjwt

import (
	"crypto/sha256"
	"crypto/sha512"

	"github.com/zegel-id/zegel/internal/jose"
)

// Hash is a digest algorithm for disclosures, named as in the IANA "Named
// Information Hash Algorithm" registry (RFC 9901, Section 4.1.1).
type Hash string

// The hash algorithms known here. Anything else is refused (RFC 9901,
// Section 9.4: no algorithm without second-preimage resistance).
const (
	SHA256 Hash = "sha-256" // the default, and the only one this product issues with unless told otherwise
	SHA384 Hash = "sha-384"
	SHA512 Hash = "sha-512"
)

// size of the digest in bytes, 0 for an unknown algorithm.
func (h Hash) size() int {
	switch h {
	case SHA256:
		return sha256.Size
	case SHA384:
		return sha512.Size384
	case SHA512:
		return sha512.Size
	default:
		return 0
	}
}

// sum holds a digest in its first Hash.size bytes.
type sum [sha512.Size]byte

func (h Hash) put(out *sum, b []byte) {
	switch h {
	case SHA256:
		*(*[sha256.Size]byte)(out[:]) = sha256.Sum256(b)
	case SHA384:
		*(*[sha512.Size384]byte)(out[:]) = sha512.Sum384(b)
	case SHA512:
		*out = sha512.Sum512(b)
	}
}

// appendDigest writes the base64url text of the digest of b (RFC 9901,
// Section 4.2.3).
func (h Hash) appendDigest(dst, b []byte) []byte {
	var s sum
	h.put(&s, b)
	return jose.AppendEncode(dst, s[:h.size()])
}
