package dataintegrity

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha512"

	"github.com/zegel-id/zegel/credential/jcs"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/rdf"
	"github.com/zegel-id/zegel/did"
)

// Suite verifies the proofs of one cryptosuite (Data Integrity 1.0, Section 3).
// It is safe for concurrent use.
type Suite interface {
	// Name is the cryptosuite identifier, such as "eddsa-rdfc-2022".
	Name() string
	// Key is the public key of a verification method. It refuses one that does not
	// fit the suite: the key decides the algorithm, not the proof.
	Key(*did.VerificationMethod) (crypto.PublicKey, error)
	// Verify checks a proofValue over a document and the options of its proof with
	// a key that Key gave. It does not keep or change the Input. The error is an *Error.
	Verify(in Input, proofValue string, key crypto.PublicKey) error
}

// Signer makes the proof values of one key in one cryptosuite. It is safe for
// concurrent use.
type Signer interface {
	// Suite is the cryptosuite identifier.
	Suite() string
	// Public is the key that proofs of this signer verify with.
	Public() crypto.PublicKey
	// Sign makes a proofValue. It does not keep or change the Input.
	Sign(Input) (proofValue string, err error)
}

// asWritten is a Suite or Signer that may sign JSON as it is written. Others sign what
// JSON-LD says, which can be written in several ways.
type asWritten interface{ asWritten() bool }

func signsAsWritten(suiteOrSigner any) bool {
	s, ok := suiteOrSigner.(asWritten)
	return ok && s.asWritten()
}

// Input is what a cryptosuite works on. All three are JSON texts, read strictly
// before.
type Input struct {
	// Document is the document without its proof; for a proof with previousProof,
	// with those proofs as its proof (Data Integrity 1.0, Sections 4.3 and 4.5).
	Document []byte
	// Options is the proof without its proofValue, as it was written.
	Options []byte
	// Context is the @context of the document, nil if it has none.
	Context []byte

	read asRead
}

// asRead is what a document was read as, with its proof, before that was taken out of
// its text.
type asRead struct {
	unsecured []byte
	secured   jcs.Value
}

// value is what Document was read as, which saves reading it again; it still has its
// proof. It is false for a Document that was put together, here or by a Suite around
// another.
func (in Input) value() (secured jcs.Value, ok bool) {
	d := in.read.unsecured
	return in.read.secured, len(d) > 0 && len(d) == len(in.Document) && &d[0] == &in.Document[0]
}

// Configuration is the proof configuration of a suite that canonicalises as RDF:
// the proof options with the @context of the document (Data Integrity EdDSA
// Cryptosuites 1.0, Section 3.2.5).
func (in Input) Configuration() ([]byte, error) {
	options, err := jcs.Parse(in.Options)
	if err != nil || options.Kind() != jcs.Object {
		return nil, &Error{Check: CheckStructure, Spec: specDI + ", Section 2.1", Detail: "the proof options are not an object", Err: err}
	}
	if own := options.Member("@context"); own.Kind() != jcs.None {
		// Nothing signs it: it is replaced. One that differs would mean something else
		// to who reads the proof as it stands.
		if all, err := jcs.Parse(in.Context); err != nil || !equal(own, all) {
			return nil, &Error{Check: CheckContext, Spec: "Data Integrity EdDSA Cryptosuites 1.0, Section 3.2.5", Detail: "the proof has an @context that is not that of the document"}
		}
	}
	b := make([]byte, 0, len(in.Options)+len(in.Context)+16)
	b = append(b, '{')
	if in.Context != nil {
		b = append(append(b, `"@context":`...), in.Context...)
	}
	for name, m := range options.Members() {
		if name == "@context" {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(jcs.AppendString(b, name), ':')
		b = append(b, m.Raw()...)
	}
	return append(b, '}'), nil
}

// CanonicalConfiguration is the canonical form, in N-Quads, of the proof
// configuration.
func (in Input) CanonicalConfiguration(p *jsonld.Processor, h crypto.Hash) ([]byte, error) {
	return in.appendConfiguration(nil, p, h)
}

func (in Input) appendConfiguration(to []byte, p *jsonld.Processor, h crypto.Hash) ([]byte, error) {
	configuration, err := in.Configuration()
	if err != nil {
		return nil, err
	}
	o, err := hashWithin(h)
	if err != nil {
		return nil, err
	}
	canonical, err := p.AppendCanonical(to, configuration, jsonld.Options{}, o)
	return canonical, lossy(err, "proof")
}

// ConfigurationHash is the hash of CanonicalConfiguration: proofHash in the words
// of the suites. The hash is SHA-256 or SHA-384.
func (in Input) ConfigurationHash(p *jsonld.Processor, h crypto.Hash) ([]byte, error) {
	canonical, err := in.CanonicalConfiguration(p, h)
	if err != nil {
		return nil, err
	}
	return appendSum(nil, h, canonical), nil
}

// appendSum appends SHA-256 or SHA-384, the hashes of the suites.
func appendSum(to []byte, h crypto.Hash, b []byte) []byte {
	if h == crypto.SHA384 {
		s := sha512.Sum384(b)
		return append(to, s[:]...)
	}
	s := sha256.Sum256(b)
	return append(to, s[:]...)
}

// appendCanonicalRDF appends the canonical form of a document, of which nothing may be
// lost (Data Integrity 1.0, Section 2.4.3).
func (in Input) appendCanonicalRDF(to []byte, p *jsonld.Processor, h crypto.Hash) ([]byte, error) {
	o, err := hashWithin(h)
	if err != nil {
		return nil, err
	}
	var canonical []byte
	if secured, ok := in.value(); ok {
		canonical, err = p.AppendCanonicalValue(to, secured, "proof", jsonld.Options{}, o)
	} else {
		canonical, err = p.AppendCanonical(to, in.Document, jsonld.Options{}, o)
	}
	return canonical, lossy(err, "document")
}

// hashWithin is the hash within RDFC-1.0 that goes with that of a suite.
func hashWithin(h crypto.Hash) (rdf.Options, error) {
	switch h {
	case crypto.SHA256:
		return rdf.Options{Hash: rdf.SHA256}, nil
	case crypto.SHA384:
		return rdf.Options{Hash: rdf.SHA384}, nil
	default:
		return rdf.Options{}, &Error{Check: CheckPolicy, Spec: "RDF Dataset Canonicalization, Section 4.9", Detail: "the hash is not SHA-256 or SHA-384"}
	}
}

// lossy is the error of canonicalising, nil if there is none.
func lossy(err error, what string) error {
	if err == nil {
		return nil
	}
	return &Error{Check: CheckSignature, Spec: specDI + ", Section 2.4.3", Detail: "the " + what + " cannot be canonicalised without loss", Err: err}
}
