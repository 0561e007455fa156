package dataintegrity

import (
	"crypto"

	"github.com/zegel-id/zegel/credential/jcs"
	"github.com/zegel-id/zegel/internal/jose"
)

// jcsSuite is a suite that canonicalises document and proof configuration as JSON.
func jcsSuite(name, spec string, algs ...jose.Alg) *signatureSuite {
	return &signatureSuite{name: name, spec: spec, algs: algs, json: true, configuration: jcsConfiguration, document: jcsDocument}
}

func jcsConfiguration(to []byte, in Input, _ crypto.Hash) ([]byte, error) {
	options, err := parsed(in.Options, "proof options")
	if err != nil {
		return nil, err
	}
	return options.AppendCanonical(to), nil
}

// jcsDocument is the document with the @context that it was signed with: that of the
// proof, if the proof has one. That it begins the document's is checked here too,
// because what is signed depends on it (Data Integrity EdDSA Cryptosuites 1.0,
// Section 3.3.2, step 4).
func jcsDocument(to []byte, in Input, _ crypto.Hash) ([]byte, error) {
	options, err := parsed(in.Options, "proof options")
	if err != nil {
		return nil, err
	}
	document, ok := in.value()
	if !ok {
		if document, err = parsed(in.Document, "document"); err != nil {
			return nil, err
		}
	}
	var replaced [2]jcs.Member
	with := replaced[:0]
	if ok {
		with = append(with, jcs.Member{Name: "proof"}) // a zero Value leaves it out
	}
	signed := options.Member("@context")
	if signed.Kind() != jcs.None {
		if !begins(document.Member("@context"), signed) {
			return nil, contextPrefix()
		}
		with = append(with, jcs.Member{Name: "@context", Value: signed})
	}
	return document.AppendObject(to, with...), nil
}

func parsed(text []byte, what string) (jcs.Value, error) {
	v, err := jcs.Parse(text)
	if err != nil {
		return jcs.Value{}, &Error{Check: CheckStructure, Spec: "RFC 8785, Section 3.1", Detail: "the " + what + " cannot be canonicalised", Err: err}
	}
	return v, nil
}
