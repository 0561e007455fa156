package tsp

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Request is a TimeStampReq (RFC 3161, Section 2.4.1).
type Request struct {
	// Hash and Imprint are the digest of what is to be stamped: SHA-256, SHA-384
	// or SHA-512.
	Hash    crypto.Hash
	Imprint []byte
	// Policy is the one to stamp under; nil leaves it to the authority.
	Policy asn1.ObjectIdentifier
	// Nonce ties the answer to the request.
	Nonce *big.Int
	// Certificates asks for the signer's certificate in the token. Without it
	// the token cannot be validated by who does not have it.
	Certificates bool
}

// NewRequest is a request with a nonce of 128 bits that asks for certificates.
func NewRequest(hash crypto.Hash, imprint []byte, random io.Reader) (Request, error) {
	nonce := make([]byte, 16)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return Request{}, fmt.Errorf("making a nonce: %w", err)
	}
	nonce[0] = nonce[0]&0x7f | 0x40 // positive, and of the same length always
	r := Request{Hash: hash, Imprint: bytes.Clone(imprint), Nonce: new(big.Int).SetBytes(nonce), Certificates: true}
	return r, r.check()
}

func (r Request) check() error {
	if _, err := digestID(r.Hash); err != nil {
		return err
	}
	if len(r.Imprint) != r.Hash.Size() {
		return fmt.Errorf("%w: the imprint has %d bytes, expected %d of %s", ErrImprint, len(r.Imprint), r.Hash.Size(), r.Hash)
	}
	return nil
}

// Marshal writes the request in DER.
func (r Request) Marshal() ([]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	id, err := digestID(r.Hash)
	if err != nil {
		return nil, err
	}
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Int64(1)
		b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(id)
				b.AddASN1NULL()
			})
			b.AddASN1OctetString(r.Imprint)
		})
		if r.Policy != nil {
			b.AddASN1ObjectIdentifier(r.Policy)
		}
		if r.Nonce != nil {
			b.AddASN1BigInt(r.Nonce)
		}
		if r.Certificates { // DER leaves a default out
			b.AddASN1Boolean(true)
		}
	})
	return b.Bytes()
}
