package trust

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// nonceSize is the length that RFC 9654, Section 2.1, asks of clients.
const nonceSize = 32

// oidNonce is id-pkix-ocsp-nonce (RFC 6960, Section 4.4.1).
var oidNonce = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}

// certID names a certificate to a responder (RFC 6960, Section 4.1.1).
type certID struct {
	Hash   pkix.AlgorithmIdentifier
	Name   []byte // digest of the issuer's name
	Key    []byte // and of its key
	Serial *big.Int
}

// ocspTBSRequest is a TBSRequest with what is used of it.
type ocspTBSRequest struct {
	Requests   []struct{ ID certID }
	Extensions []pkix.Extension `asn1:"optional,explicit,tag:2,omitempty"`
}

// ocspRequest writes the question about one certificate, unsigned (RFC 6960,
// Section 4.1.1). Names and keys are given by SHA-1, which every responder knows
// and which proves nothing here (RFC 5019, Section 2.1.1). A nonce is asked to be
// repeated when there is one.
func ocspRequest(cert, issuer *x509.Certificate, nonce []byte) ([]byte, error) {
	name, key, err := issuerDigests(issuer, crypto.SHA1)
	if err != nil {
		return nil, err
	}
	var r struct{ TBS ocspTBSRequest }
	id := certID{pkix.AlgorithmIdentifier{Algorithm: oidSHA1, Parameters: asn1.NullRawValue}, name, key, cert.SerialNumber}
	r.TBS.Requests = []struct{ ID certID }{{id}}
	if nonce != nil {
		value, err := asn1.Marshal(nonce)
		if err != nil {
			return nil, fmt.Errorf("%w: writing the nonce", ErrOCSP)
		}
		r.TBS.Extensions = []pkix.Extension{{Id: oidNonce, Value: value}}
	}
	der, err := asn1.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("%w: the certificate cannot be asked about", ErrOCSP)
	}
	return der, nil
}

var oidSHA1 = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}

// issuerDigests are those that name an issuer: of its name, and of its key without
// the algorithm.
func issuerDigests(issuer *x509.Certificate, hash crypto.Hash) (name, key []byte, err error) {
	var spki struct {
		Alg pkix.AlgorithmIdentifier
		Key asn1.BitString
	}
	if rest, err := asn1.Unmarshal(issuer.RawSubjectPublicKeyInfo, &spki); err != nil || len(rest) > 0 {
		return nil, nil, fmt.Errorf("%w: the issuer's key cannot be read", ErrOCSP)
	}
	sum := func(b []byte) []byte {
		h := hash.New()
		h.Write(b)
		return h.Sum(nil)
	}
	return sum(issuer.RawSubject), sum(spki.Key.RightAlign()), nil
}

func newNonce(random io.Reader) ([]byte, error) {
	if random == nil {
		return nil, nil
	}
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, errors.New("trust: no randomness for a nonce")
	}
	return nonce, nil
}

// repeats holds the nonce of an answer against that of the request. Who sent one
// takes no answer without it: it may be an old one (RFC 9654, Section 3.2.2).
func (d ocspData) repeats(nonce []byte) error {
	if nonce == nil {
		return nil
	}
	for _, e := range d.Extensions {
		if !e.Id.Equal(oidNonce) {
			continue
		}
		var got []byte
		if rest, err := asn1.Unmarshal(e.Value, &got); err != nil || len(rest) > 0 || !bytes.Equal(got, nonce) {
			return fmt.Errorf("%w: the nonce is another than that of the request (RFC 9654, Section 2.1)", ErrOCSP)
		}
		return nil
	}
	return fmt.Errorf("%w: the nonce of the request is not repeated; ask this responder without one (RFC 9654, Section 2.1)", ErrOCSP)
}
