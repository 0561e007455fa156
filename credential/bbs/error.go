package bbs

import "errors"

// Errors that callers branch on; what is wrong stands in the error around them.
var (
	// ErrKey: the octets are no key, or not one that may be used.
	ErrKey = errors.New("not a BBS key")
	// ErrEncoding: the octets are no signature or no proof.
	ErrEncoding = errors.New("not the encoding of a BBS signature or proof")
	// ErrMessages: too many messages, or indexes that do not fit them.
	ErrMessages = errors.New("messages or disclosed indexes do not fit")
	// ErrSignature: the signature is not one of this key over this header and
	// these messages.
	ErrSignature = errors.New("the BBS signature does not verify")
	// ErrProof: the proof is not one for this key, header, presentation header
	// and these messages.
	ErrProof = errors.New("the BBS proof does not verify")
)
