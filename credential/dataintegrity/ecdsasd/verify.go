package ecdsasd

import (
	"crypto"
	"crypto/ecdsa"
	"fmt"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/derivable"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/internal/jose"
)

// CheckDisclosed is the check that fails where a holder left out what the verifier requires.
const CheckDisclosed = derivable.CheckDisclosed

// Derived verifies derived proofs, for the Suites of a verifier's policy; base proofs are
// refused. The document must have what the required JSON pointers lead to (see Essential): a
// holder may leave out whatever the issuer did not fix, and a credential without an end of
// validity looks like one that holds for ever.
func Derived(p *jsonld.Processor, required ...string) *DerivedSuite {
	s := &DerivedSuite{p: p, configurations: di.NewConfigurations(p), required: required}
	s.Suite = verifier(func(in di.Input, proofValue string, issuer *ecdsa.PublicKey) error {
		_, _, err := s.read(in, proofValue, issuer)
		return err
	})
	return s
}

// DerivedSuite is a dataintegrity.Suite for derived proofs.
type DerivedSuite struct {
	di.Suite
	p              *jsonld.Processor
	configurations *di.Configurations
	required       []string
}

// Chosen is Verify, and JSON pointers to what the holder chose to disclose: what the
// document says beyond that which the issuer fixed.
func (s *DerivedSuite) Chosen(in di.Input, proofValue string, key crypto.PublicKey) ([]string, error) {
	issuer, err := issuerKey(key)
	if err != nil {
		return nil, err
	}
	d, fixed, err := s.read(in, proofValue, issuer)
	if err != nil {
		return nil, err
	}
	return d.Beyond(fixed), nil
}

// Base verifies base proofs, whole: for holders who receive a document, and issuers who look
// at what they made. It is not for verifiers.
func Base(p *jsonld.Processor) di.Suite {
	configurations := di.NewConfigurations(p)
	return verifier(func(in di.Input, proofValue string, issuer *ecdsa.PublicKey) error {
		return base(p, configurations, in, proofValue, issuer)
	})
}

func verifier(proof func(in di.Input, proofValue string, issuer *ecdsa.PublicKey) error) di.Suite {
	return derivable.Verifier[*ecdsa.PublicKey]{Suite: Name, IssuerKey: issuerKey, Proof: proof}
}

// read is Verify Derived Proof (Section 3.6.7): the document, and which of its
// statements the issuer fixed.
func (s *DerivedSuite) read(in di.Input, proofValue string, issuer *ecdsa.PublicKey) (*selective.Document, []int, error) {
	v, err := parseDerived(proofValue)
	if err != nil {
		return nil, nil, err
	}
	// createVerifyData (Section 3.5.9).
	d, err := selective.Read(s.p, in.Document, selective.Given(v.given()))
	if err != nil {
		return nil, nil, derivable.NotReadable(err)
	}
	fixed, rest, err := kind.SplitDisclosed(d.Statements, v.mandatoryIndexes)
	if err != nil {
		return nil, nil, err
	}
	if err := signed(s.configurations, in, v.baseSignature, v.publicKey, v.signatures, fixed, rest, issuer); err != nil {
		return nil, nil, err
	}
	return d, v.mandatoryIndexes, kind.Require(d, s.required)
}

// base checks a base proof as verifiers of all that can be derived from it would.
func base(p *jsonld.Processor, configurations *di.Configurations, in di.Input, proofValue string, issuer *ecdsa.PublicKey) error {
	v, err := parseBase(proofValue)
	if err != nil {
		return err
	}
	d, err := selective.Read(p, in.Document, selective.HMAC(v.hmacKey))
	if err != nil {
		return derivable.NotReadable(err)
	}
	mandatory, err := d.Select(v.mandatoryPointers)
	if err != nil {
		return kind.BadPointers(err)
	}
	fixed, rest := derivable.Split(d.Statements, mandatory.Indexes)
	return signed(configurations, in, v.baseSignature, v.publicKey, v.signatures, fixed, rest, issuer)
}

// signed checks all signatures. The base signature comes first, and only then is the key in
// the proof good for anything.
//
// Deviation: the base signature verifies with the issuer's key, where the text of Section 3.6.7
// has the key in the proof, with which everybody could sign. Section 3.6.5, the official vectors
// and other implementations do the same.
func signed(configurations *di.Configurations, in di.Input, baseSignature, publicKey []byte, signatures, fixed, rest [][]byte, issuer *ecdsa.PublicKey) error {
	bad := func(detail string, err error) error {
		return &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.6.7", Detail: detail, Err: err}
	}
	if len(signatures) != len(rest) {
		return bad(fmt.Sprintf("%d signatures for %d statements that are not mandatory", len(signatures), len(rest)), nil)
	}
	proofHash, err := configurations.Hash(in, crypto.SHA256)
	if err != nil {
		return err
	}
	if err := jose.VerifySignature(issuer, jose.ES256, signData(proofHash, publicKey, fixed), baseSignature); err != nil {
		return bad("the base signature is not the issuer's over these proof options and mandatory statements", err)
	}
	key, err := decodeKey(publicKey)
	if err != nil {
		return err
	}
	if err := verifyAll(key, rest, signatures); err != nil {
		return bad("a statement is not one that was signed", err)
	}
	return nil
}
