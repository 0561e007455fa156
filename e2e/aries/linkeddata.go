package main

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/jsonld"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/signer"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/suite"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/suite/ed25519signature2020"
	"github.com/hyperledger/aries-framework-go/pkg/doc/signature/verifier"
	"github.com/piprate/json-gold/ld"
)

// ldInput is what the operations on Ed25519Signature2020 are given: its steps are those of
// eddsa-rdfc-2022, which these packages do not have.
type ldInput struct {
	Document, Method string
	Seed             []byte
	Created          time.Time
	Contexts         contexts
}

// contexts are in memory, parsed once.
type contexts map[string]any

// LoadDocument implements ld.DocumentLoader.
func (c contexts) LoadDocument(url string) (*ld.RemoteDocument, error) {
	doc, ok := c[url]
	if !ok {
		return nil, fmt.Errorf("no context %s", url)
	}
	return &ld.RemoteDocument{DocumentURL: url, Document: doc}, nil
}

type key struct{ ed25519.PrivateKey }

func (k key) Sign(message []byte) ([]byte, error) { return ed25519.Sign(k.PrivateKey, message), nil }
func (key) Alg() string                           { return "" }

// Resolve finds the public key of every method.
func (k key) Resolve(string) (*verifier.PublicKey, error) {
	return &verifier.PublicKey{Type: "Ed25519Signature2020", Value: k.Public().(ed25519.PublicKey)}, nil
}

func ldSign(given json.RawMessage) (func() (string, error), error) {
	var in ldInput
	if err := json.Unmarshal(given, &in); err != nil {
		return nil, err
	}
	s := signer.New(ed25519signature2020.New(suite.WithSigner(key{ed25519.NewKeyFromSeed(in.Seed)})))
	return func() (string, error) {
		signed, err := s.Sign(&signer.Context{
			SignatureType: ed25519signature2020.SignatureType, VerificationMethod: in.Method, Created: &in.Created,
		}, []byte(in.Document), jsonld.WithDocumentLoader(in.Contexts))
		return string(signed), err
	}, nil
}

func ldVerify(given json.RawMessage) (func() (string, error), error) {
	sign, err := ldSign(given)
	if err != nil {
		return nil, err
	}
	signed, err := sign()
	if err != nil {
		return nil, err
	}
	var in ldInput
	if err := json.Unmarshal(given, &in); err != nil {
		return nil, err
	}
	v, err := verifier.New(key{ed25519.NewKeyFromSeed(in.Seed)}, ed25519signature2020.New(suite.WithVerifier(ed25519signature2020.NewPublicKeyVerifier())))
	return func() (string, error) {
		return "verified", v.Verify([]byte(signed), jsonld.WithDocumentLoader(in.Contexts))
	}, err
}
