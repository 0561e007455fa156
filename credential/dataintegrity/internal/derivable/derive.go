package derivable

import (
	"slices"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
)

// Derive is Add Derived Proof: disclose makes, of what the base proof secures and its
// proofValue, the document to reveal, without a proof, and the derived proofValue. Other
// proofs are left out, for they are proofs of the whole. The error is a
// *dataintegrity.Error.
func (s *Suite) Derive(document []byte, disclose func(in di.Input, proofValue string) (reveal []byte, value string, err error)) ([]byte, error) {
	var out []byte
	err := s.Read(document, func(in di.Input, proofValue string) error {
		reveal, value, err := disclose(in, proofValue)
		if err != nil {
			return err
		}
		derived := slices.Concat(in.Options[:len(in.Options)-1], []byte(`,"proofValue":"`+value+`"}`))
		out, err = di.Attach(reveal, derived)
		return err
	})
	return out, err
}

// Read finds what a base proof secures, and its proofValue.
func (s *Suite) Read(document []byte, read func(in di.Input, proofValue string) error) error {
	secured, err := di.Parse(document)
	if err != nil {
		return err
	}
	proof, err := s.baseProof(secured)
	if err != nil {
		return err
	}
	in, err := secured.Input(proof)
	if err != nil {
		return err
	}
	return read(in, proof.Value)
}

// baseProof is the proof of a document that can be derived from.
func (s *Suite) baseProof(secured *di.Secured) (*di.Proof, error) {
	var found *di.Proof
	for _, proof := range secured.Proofs() {
		if proof.Cryptosuite != s.Name {
			continue
		}
		if found != nil {
			return nil, s.fault(di.CheckStructure, s.Deriving, "the document has several proofs of "+s.Name+"; leave the one to derive from", nil)
		}
		found = proof
	}
	switch {
	case found == nil:
		return nil, s.fault(di.CheckStructure, s.Deriving, "the document has no proof of "+s.Name, nil)
	case len(found.Previous) > 0:
		return nil, s.fault(di.CheckChain, s.Deriving, "the proof follows others, which are proofs of the whole document: nothing can be derived from it", nil)
	}
	return found, nil
}
