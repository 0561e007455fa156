// Package tsp asks time-stamp authorities for tokens (RFC 3161) and judges
// tokens: which message they stamp, who signed them, and whether that signer was
// a trusted authority at the time it stamped.
//
// Tokens are CMS signed data (RFC 5652). Only what a time-stamp token may hold is
// read, in DER alone; everything else is refused. Which certificates are trusted
// and revoked is decided in seal/trust and seal. What is stamped is the caller's.
package tsp

import (
	"crypto"
	_ "crypto/sha256" // the digests that are allowed
	_ "crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Errors of this package. Callers branch on them.
var (
	// ErrToken: it cannot be read as a time-stamp token.
	ErrToken = errors.New("not a well-formed time-stamp token")
	// ErrRequest: it cannot be read as a request, or asks what is not relayed.
	ErrRequest = errors.New("not a request for a time-stamp that can be relayed")
	// ErrImprint: the token stamps another message, or with another digest.
	ErrImprint = errors.New("the time-stamp is not of this message")
	// ErrSigner: the certificate that the signed attributes name is not there,
	// or is not the one that signed.
	ErrSigner = errors.New("the signer of the time-stamp is not identified")
	// ErrSignature: the signature of the token is broken.
	ErrSignature = errors.New("the signature of the time-stamp does not hold")
	// ErrAlgorithm: a digest or signature algorithm is not allowed.
	ErrAlgorithm = errors.New("an algorithm of the time-stamp is not allowed")
	// ErrPolicy: the authority stamped under another policy, or less precisely,
	// than was asked.
	ErrPolicy = errors.New("the time-stamp was not made as asked")
	// ErrReply: an authority did not grant what was asked of it.
	ErrReply = errors.New("the authority did not answer as asked")
)

// MaxToken is the largest token that is read, in bytes. With a chain of RSA
// certificates and an OCSP answer tokens reach some ten thousand.
const MaxToken = 128 << 10

// Object identifiers of RFC 5652, RFC 3161, RFC 5035 and RFC 6211.
var (
	oidSignedData         = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidTSTInfo            = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 4}
	oidContentType        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSigningCertificate = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 12}
	oidSigningCertV2      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 2, 47}
	oidAlgorithmProtect   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 52}
)

// digests are the allowed ones (ETSI TS 119 312; TS 119 422, clause 4).
var digests = []struct {
	id   asn1.ObjectIdentifier
	hash crypto.Hash
}{
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}, crypto.SHA256},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA384},
	{asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.SHA512},
}

func digestID(h crypto.Hash) (asn1.ObjectIdentifier, error) {
	for _, d := range digests {
		if d.hash == h {
			return d.id, nil
		}
	}
	return nil, fmt.Errorf("%w: expected SHA-256, SHA-384 or SHA-512", ErrAlgorithm)
}

// algorithm is an AlgorithmIdentifier. Parameters are the DER after the
// identifier, nil when there are none.
type algorithm struct {
	id         asn1.ObjectIdentifier
	parameters []byte
}

// plain reports whether the parameters are absent or NULL.
func (a algorithm) plain() bool {
	return len(a.parameters) == 0 || len(a.parameters) == 2 && a.parameters[0] == 5 && a.parameters[1] == 0
}

func (a algorithm) equal(b algorithm) bool {
	return a.id.Equal(b.id) && (a.plain() && b.plain() || string(a.parameters) == string(b.parameters))
}

// digest is the hash that the identifier names.
func (a algorithm) digest() (crypto.Hash, error) {
	for _, d := range digests {
		if d.id.Equal(a.id) && a.plain() {
			return d.hash, nil
		}
	}
	return 0, fmt.Errorf("%w: digest %s, expected SHA-256, SHA-384 or SHA-512", ErrAlgorithm, a.id)
}

func readAlgorithm(s *cryptobyte.String) (algorithm, bool) {
	return readAlgorithmAs(s, cbasn1.SEQUENCE)
}

func readAlgorithmAs(s *cryptobyte.String, tag cbasn1.Tag) (a algorithm, ok bool) {
	var body cryptobyte.String
	if !s.ReadASN1(&body, tag) || !body.ReadASN1ObjectIdentifier(&a.id) {
		return algorithm{}, false
	}
	if body.Empty() {
		return a, true
	}
	rest := body
	var any cryptobyte.String
	if !body.ReadAnyASN1Element(&any, new(cbasn1.Tag)) || !body.Empty() {
		return algorithm{}, false
	}
	a.parameters = rest
	return a, true
}
