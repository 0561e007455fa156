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

func jcsConfiguration(in Input, _ crypto.Hash) ([]byte, error) {
	options, err := parsed(in.Options, "proof options")
	return options.AppendCanonical(nil), err
}

// jcsDocument is the document with the @context that it was signed with: that of the
// proof, if the proof has one. That it begins the document's is checked here too,
// because what is signed depends on it (Data Integrity EdDSA Cryptosuites 1.0,
// Section 3.3.2, step 4).
func jcsDocument(in Input, _ crypto.Hash) ([]byte, error) {
	options, err := parsed(in.Options, "proof options")
	if err != nil {
		return nil, err
	}
	document, err := parsed(in.Document, "document")
	if err != nil {
		return nil, err
	}
	signed := options.Member("@context")
	if signed.Kind() == jcs.None {
		return document.AppendCanonical(nil), nil
	}
	if !begins(document.Member("@context"), signed) {
		return nil, contextPrefix()
	}
	return document.AppendObject(nil, jcs.Member{Name: "@context", Value: signed}), nil
}

func parsed(text []byte, what string) (jcs.Value, error) {
	v, err := jcs.Parse(text)
	if err != nil {
		return jcs.Value{}, &Error{Check: CheckStructure, Spec: "RFC 8785, Section 3.1", Detail: "the " + what + " cannot be canonicalised", Err: err}
	}
	return v, nil
}
