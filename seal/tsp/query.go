package tsp

import (
	"crypto"
	"encoding/asn1"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// MaxRequest is the largest request that is read, in bytes.
const MaxRequest = 512

// ParseRequest reads a TimeStampReq in DER (RFC 3161, Section 2.4.1): version 1,
// one of the digests of Request, a positive nonce of at most 256 bits, no extensions. Whatever
// else a request may hold is refused, so that what is relayed is a digest and
// nothing more.
func ParseRequest(der []byte) (Request, error) {
	if len(der) > MaxRequest {
		return Request{}, fmt.Errorf("%w: it is longer than %d bytes", ErrRequest, MaxRequest)
	}
	in := cryptobyte.String(der)
	var seq cryptobyte.String
	var version int
	if !in.ReadASN1(&seq, cbasn1.SEQUENCE) || !in.Empty() || !seq.ReadASN1Integer(&version) || version != 1 {
		return Request{}, fmt.Errorf("%w: expected a TimeStampReq of version 1 in DER", ErrRequest)
	}
	var r Request
	if err := r.readImprint(&seq); err != nil {
		return Request{}, err
	}
	if seq.PeekASN1Tag(cbasn1.OBJECT_IDENTIFIER) && !seq.ReadASN1ObjectIdentifier(&r.Policy) {
		return Request{}, fmt.Errorf("%w: its policy cannot be read", ErrRequest)
	}
	if seq.PeekASN1Tag(cbasn1.INTEGER) {
		r.Nonce = new(big.Int)
		if !seq.ReadASN1Integer(r.Nonce) || r.Nonce.Sign() <= 0 || r.Nonce.BitLen() > 256 {
			return Request{}, fmt.Errorf("%w: its nonce is not a positive number of at most 256 bits", ErrRequest)
		}
	}
	if seq.PeekASN1Tag(cbasn1.BOOLEAN) && (!seq.ReadASN1Boolean(&r.Certificates) || !r.Certificates) {
		return Request{}, fmt.Errorf("%w: its certReq is not in DER", ErrRequest) // DER leaves FALSE out
	}
	if !seq.Empty() {
		return Request{}, fmt.Errorf("%w: it has extensions, or something follows", ErrRequest)
	}
	return r, nil
}

// readImprint reads a MessageImprint. The parameters of the digest may be NULL or
// left out (RFC 5754, Section 2).
func (r *Request) readImprint(in *cryptobyte.String) error {
	var imprint, algorithm, parameters, digest cryptobyte.String
	var id asn1.ObjectIdentifier
	if !in.ReadASN1(&imprint, cbasn1.SEQUENCE) || !imprint.ReadASN1(&algorithm, cbasn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&id) ||
		!imprint.ReadASN1(&digest, cbasn1.OCTET_STRING) || !imprint.Empty() {
		return fmt.Errorf("%w: its messageImprint cannot be read", ErrRequest)
	}
	if !algorithm.Empty() && (!algorithm.ReadASN1(&parameters, cbasn1.NULL) || !parameters.Empty() || !algorithm.Empty()) {
		return fmt.Errorf("%w: its digest has parameters", ErrRequest)
	}
	for _, hash := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if known, err := digestID(hash); err == nil && known.Equal(id) {
			r.Hash = hash
		}
	}
	if r.Hash == 0 {
		return fmt.Errorf("%w: %s is not a digest that is stamped; expected SHA-256, SHA-384 or SHA-512", ErrRequest, id)
	}
	r.Imprint = digest
	if err := r.check(); err != nil {
		return fmt.Errorf("%w: %w", ErrRequest, err)
	}
	return nil
}
