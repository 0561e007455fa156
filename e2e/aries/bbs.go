package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"

	"github.com/hyperledger/aries-framework-go/pkg/crypto/primitive/bbs12381g2pub"
)

// bbsInput is what the operations on BBS+ signatures are given: the scheme before the
// CFRG draft, with another encoding.
type bbsInput struct {
	Seed      []byte
	Messages  [][]byte
	Disclosed []int
	Nonce     []byte

	scheme          *bbs12381g2pub.BBSG2Pub
	public, private []byte
	signature       []byte
}

func readBBS(given json.RawMessage) (in bbsInput, err error) {
	if err := json.Unmarshal(given, &in); err != nil {
		return in, err
	}
	public, private, err := bbs12381g2pub.GenerateKeyPair(sha256.New, in.Seed)
	if err != nil {
		return in, err
	}
	if in.public, err = public.Marshal(); err != nil {
		return in, err
	}
	if in.private, err = private.Marshal(); err != nil {
		return in, err
	}
	in.scheme = bbs12381g2pub.New()
	in.signature, err = in.scheme.Sign(in.Messages, in.private)
	return in, err
}

func bbsSign(given json.RawMessage) (func() (string, error), error) {
	in, err := readBBS(given)
	return func() (string, error) { return text(in.scheme.Sign(in.Messages, in.private)) }, err
}

// derive and verify hand out copies, because points are read in place, which changes them.
func (in bbsInput) derive() ([]byte, error) {
	return in.scheme.DeriveProof(in.Messages, slices.Clone(in.signature), in.Nonce, slices.Clone(in.public), slices.Clone(in.Disclosed))
}

func bbsDerive(given json.RawMessage) (func() (string, error), error) {
	in, err := readBBS(given)
	return func() (string, error) { return text(in.derive()) }, err
}

func bbsVerify(given json.RawMessage) (func() (string, error), error) {
	in, err := readBBS(given)
	if err != nil {
		return nil, err
	}
	proof, err := in.derive()
	if err != nil {
		return nil, err
	}
	var shown [][]byte
	for _, i := range in.Disclosed {
		shown = append(shown, in.Messages[i])
	}
	return func() (string, error) {
		return "verified", in.scheme.VerifyProof(shown, slices.Clone(proof), in.Nonce, slices.Clone(in.public))
	}, nil
}

func text(b []byte, err error) (string, error) { return base64.StdEncoding.EncodeToString(b), err }
