package dataintegrity

import (
	"crypto"

	"github.com/zegel-id/zegel/credential/jcs"
)

// jcsForm canonicalises document and proof configuration as JSON. Where the proof
// has an @context it is the one that the document was signed with (Data Integrity
// EdDSA Cryptosuites 1.0, Section 3.3.2, step 4); that it begins the document's is
// checked here too, because what is signed depends on it.
func jcsForm(in Input, _ crypto.Hash) (configuration, document []byte, err error) {
	options, err := jcs.Parse(in.Options)
	if err != nil {
		return nil, nil, &Error{Check: CheckStructure, Spec: specDI + ", Section 2.1", Detail: "the proof options are not strict JSON", Err: err}
	}
	doc, err := jcs.Parse(in.Document)
	if err != nil {
		return nil, nil, &Error{Check: CheckStructure, Spec: specDI + ", Section 4.4", Detail: "the document is not strict JSON", Err: err}
	}
	configuration = options.AppendCanonical(nil)
	signed := options.Member("@context")
	if signed.Kind() == jcs.None {
		return configuration, doc.AppendCanonical(nil), nil
	}
	if !begins(doc.Member("@context"), signed) {
		return nil, nil, contextPrefix()
	}
	return configuration, doc.AppendObject(nil, jcs.Member{Name: "@context", Value: signed}), nil
}
