package mdoc

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"time"
)

// Digest is a digest algorithm, by its name in the mobile security object.
type Digest string

// The digest algorithms.
const (
	SHA256 Digest = "SHA-256"
	SHA384 Digest = "SHA-384"
	SHA512 Digest = "SHA-512"
)

// size in bytes, 0 for an unknown algorithm.
func (d Digest) size() int {
	switch d {
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

// put writes the digest of b to the start of dst.
func (d Digest) put(dst, b []byte) {
	switch d {
	case SHA256:
		sum := sha256.Sum256(b)
		copy(dst, sum[:])
	case SHA384:
		sum := sha512.Sum384(b)
		copy(dst, sum[:])
	case SHA512:
		sum := sha512.Sum512(b)
		copy(dst, sum[:])
	}
}

// Options are the constant parts of a document type and of who issues it.
type Options struct {
	Type   DocumentType
	Digest Digest // SHA256 when empty

	// Chain is the x5chain, the signer's certificate first, without the
	// authority that is trusted (ISO/IEC 18013-5, 9.1.2.4).
	Chain []*x509.Certificate
	// AnySigner leaves the profile of a document signer's certificate out
	// (CheckDocumentSigner): for issuers whose trust rests on something else,
	// such as a seal.
	AnySigner bool

	// Authorized are the elements that the device key may sign itself.
	Authorized KeyAuthorizations

	// MaxValidity limits ValidUntil, counted from Signed; no limit when zero.
	MaxValidity time.Duration
}

// KeyAuthorizations say which data elements the device key may sign: whole
// namespaces, or single elements of others (ISO/IEC 18013-5, 9.1.2.4).
type KeyAuthorizations struct {
	NameSpaces []string
	Elements   map[string][]string // element identifiers by namespace
}

// Credential is what one copy of a document says. Status and DeviceKey must
// differ in every copy, or the copies can be linked; random values and digest
// IDs are made fresh by Prepare.
type Credential struct {
	DeviceKey crypto.PublicKey // P-256, P-384 or Ed25519

	Signed         time.Time // whole seconds, as the next three
	ValidFrom      time.Time // Signed when zero
	ValidUntil     time.Time
	ExpectedUpdate time.Time // absent when zero

	Status *StatusList // absent when nil

	// Elements is a JSON object of namespaces, each an object of data elements:
	// raw JSON as []byte, which is fast, or any value that marshals to it. Items
	// stand in the document in this order.
	Elements any
}

// StatusList is a reference to a Token Status List (draft-ietf-oauth-status-list,
// Section 6.3): status_list in the status of the mobile security object.
type StatusList struct {
	Index uint64
	URI   string
}
