package bbs

import (
	"crypto/rand"
	"fmt"
	"math/big"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// signature is (A, e).
type signature struct {
	a bls.G1Affine
	e fr.Element
}

// parseSignature is octets_to_signature.
func parseSignature(octets []byte) (*signature, error) {
	if len(octets) != SignatureSize {
		return nil, fmt.Errorf("%w: a signature has %d octets, not %d", ErrEncoding, SignatureSize, len(octets))
	}
	a, err := parsePoint(octets[:bls.SizeOfG1AffineCompressed])
	if err != nil {
		return nil, err
	}
	e, err := parseScalar(octets[bls.SizeOfG1AffineCompressed:])
	if err != nil {
		return nil, err
	}
	return &signature{a, e}, nil
}

// parsePoint reads a compressed point of G1 that is not the identity.
func parsePoint(octets []byte) (p bls.G1Affine, err error) {
	if !compressed(octets) {
		return p, fmt.Errorf("%w: a point is not compressed", ErrEncoding)
	}
	if _, err := p.SetBytes(octets); err != nil { // checks curve and subgroup
		return p, fmt.Errorf("%w: a point is not of G1: %v", ErrEncoding, err)
	}
	if p.IsInfinity() {
		return p, fmt.Errorf("%w: a point is the identity", ErrEncoding)
	}
	return p, nil
}

// parseScalar reads a number from 1 to r-1.
func parseScalar(octets []byte) (fr.Element, error) {
	k, err := fr.BigEndian.Element((*[fr.Bytes]byte)(octets))
	if err != nil || k.IsZero() {
		return fr.Element{}, fmt.Errorf("%w: a scalar is zero or not below the group order", ErrEncoding)
	}
	return k, nil
}

// Sign signs header and messages (draft, Sections "Signature Generation" and
// "CoreSign"). It is deterministic: what is random in it blinds the secret and
// leaves the result as it is.
func (sk *SecretKey) Sign(header []byte, messages [][]byte) ([]byte, error) {
	pub := sk.pub
	g, t, err := pub.suite.generators(len(messages))
	if err != nil {
		return nil, err
	}
	scalars := pub.suite.messagesToScalars(t, messages)
	domain := g.domain(pub, t, header)

	input := make([]byte, 0, fr.Bytes*(len(scalars)+2))
	input = appendScalar(input, sk.scalar())
	for i := range scalars {
		input = appendScalar(input, &scalars[i])
	}
	e := pub.suite.hashToScalar(appendScalar(input, &domain), t.h2s)
	clear(input)

	var key fr.Element
	if key.Add(sk.scalar(), &e); key.IsZero() || e.IsZero() {
		return nil, fmt.Errorf("%w: no signature exists for these messages", ErrMessages) // once in 2^254
	}
	// A multiplication of points takes a time that depends on its scalars. So each
	// scalar of the commitment is multiplied by a random number, and what comes out is
	// divided by the key times that number: the scalars of both steps are new each
	// time, and those of either alone say nothing about the key.
	blind := randomScalar()
	b := g.times(&blind, &domain, scalars)
	key.Mul(&key, &blind)
	a := divide(&b, &key)
	octets := a.Bytes()
	return appendScalar(octets[:], &e), nil
}

// divide is b * 1/key.
func divide(b *bls.G1Jac, key *fr.Element) bls.G1Affine {
	var k fr.Element
	var n big.Int
	var p bls.G1Jac
	p.ScalarMultiplication(b, k.Inverse(key).BigInt(&n))
	var out bls.G1Affine
	return *out.FromJacobian(&p)
}

func randomScalar() fr.Element {
	var b [expandLen]byte
	rand.Read(b[:]) // never fails
	return reduce(&b)
}

// Verify checks a signature (draft, Section "CoreVerify"): nil, or an error of
// ErrEncoding, ErrMessages or ErrSignature.
func Verify(pub *PublicKey, signature, header []byte, messages [][]byte) error {
	sig, err := parseSignature(signature)
	if err != nil {
		return err
	}
	g, t, err := pub.suite.generators(len(messages))
	if err != nil {
		return err
	}
	domain := g.domain(pub, t, header)
	b := g.commitment(&domain, pub.suite.messagesToScalars(t, messages))
	return sig.verify(pub, &b)
}

// verify checks h(A, W) = h(B - A*e, BP2).
func (sig *signature) verify(pub *PublicKey, b *bls.G1Jac) error {
	rest := multiply(&sig.a, &sig.e)
	rest.Neg(&rest)
	rest.AddAssign(b)
	var right bls.G1Affine
	if right.FromJacobian(&rest); !pub.paired(&sig.a, &right) {
		return ErrSignature
	}
	return nil
}

func multiply(p *bls.G1Affine, k *fr.Element) bls.G1Jac {
	var n big.Int
	var point bls.G1Jac
	point.FromAffine(p)
	return *point.ScalarMultiplication(&point, k.BigInt(&n))
}
