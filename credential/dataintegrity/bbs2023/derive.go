package bbs2023

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
)

// PresentationHeader is our profile for the presentation header of a proof that
// is made for a verifier: SHA-256 over a tag, and domain and challenge, each
// after its length in eight octets. The specification leaves it to protocols.
func PresentationHeader(domain, challenge string) []byte {
	b := []byte("zegel-bbs-2023-presentation-v1")
	for _, s := range []string{domain, challenge} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	h := sha256.Sum256(b)
	return h[:]
}

// Derive is Add Derived Proof (DI BBS 1.0, Section 3.3.6): of a document with a
// base proof, the part that the issuer fixed and the JSON pointers select, with
// a proof of it that is bound to presentationHeader. random is for the proof;
// who can guess it learns what was not disclosed.
//
// The issuer's signature is verified on the way, with the key in the base proof;
// that the key is the issuer's, Base tells. The error is a *dataintegrity.Error.
func Derive(random io.Reader, p *jsonld.Processor, document []byte, selectivePointers []string, presentationHeader []byte) ([]byte, error) {
	s, err := di.Parse(document)
	if err != nil {
		return nil, err
	}
	proof, err := baseProof(s)
	if err != nil {
		return nil, err
	}
	in, err := s.Input(proof)
	if err != nil {
		return nil, err
	}
	reveal, v, err := derive(random, p, in, proof.Value, selectivePointers, presentationHeader)
	if err != nil {
		return nil, err
	}
	value := di.EncodeBase64(v.encode())
	derived := slices.Concat(in.Options[:len(in.Options)-1], []byte(`,"proofValue":"`+value+`"}`))
	return di.Attach(reveal, derived)
}

// baseProof is the proof of a document that can be derived from.
func baseProof(s *di.Secured) (*di.Proof, error) {
	var found *di.Proof
	for _, proof := range s.Proofs() {
		if proof.Cryptosuite != Name {
			continue
		}
		if found != nil {
			return nil, &di.Error{Check: di.CheckStructure, Spec: spec + ", Section 3.3.6", Detail: "the document has several proofs of " + Name + "; leave the one to derive from"}
		}
		found = proof
	}
	switch {
	case found == nil:
		return nil, &di.Error{Check: di.CheckStructure, Spec: spec + ", Section 3.3.6", Detail: "the document has no proof of " + Name}
	case len(found.Previous) > 0:
		return nil, &di.Error{Check: di.CheckChain, Spec: spec + ", Section 3.3.6", Detail: "the proof follows others, which are proofs of the whole document: nothing can be derived from it"}
	}
	return found, nil
}

// derive is createDisclosureData (Section 3.3.4).
func derive(random io.Reader, p *jsonld.Processor, in di.Input, proofValue string, selectivePointers []string, presentationHeader []byte) (reveal []byte, v *derivedValue, err error) {
	base, err := parseBase(proofValue)
	if err != nil {
		return nil, nil, err
	}
	if len(presentationHeader) > maxHeader {
		return nil, nil, &di.Error{Check: di.CheckPolicy, Spec: spec + ", Section 3.3.4", Detail: fmt.Sprintf("the presentation header is longer than %d octets", maxHeader)}
	}
	d, err := selective.Read(p, in.Document, selective.ShuffledHMAC(base.hmacKey))
	if err != nil {
		return nil, nil, notReadable(err)
	}
	mandatory, err := d.Select(base.mandatoryPointers)
	if err != nil {
		return nil, nil, badPointers(err)
	}
	combined, err := d.Select(slices.Concat(base.mandatoryPointers, selectivePointers))
	if err != nil {
		return nil, nil, badPointers(err)
	}
	if combined.JSON == nil {
		return nil, nil, badPointers(errors.New("there are none, and the issuer fixed nothing: nothing would be disclosed"))
	}
	fixed, rest := split(d.Statements, mandatory.Indexes)
	header, err := bbsHeader(p, in, fixed)
	if err != nil {
		return nil, nil, err
	}
	v = &derivedValue{
		mandatoryIndexes: selective.Relative(mandatory.Indexes, combined.Indexes),
		selectiveIndexes: among(mandatory.Indexes, combined.Indexes), presentationHeader: presentationHeader,
	}
	pub, err := issuerKey(did.BBSPublicKey(base.publicKey))
	if err != nil {
		return nil, nil, err
	}
	v.proof, err = bbs.ProofGen(random, pub, base.signature, header, presentationHeader, rest, v.selectiveIndexes)
	if err != nil {
		return nil, nil, &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.3.4", Detail: "proving the signature of the base proof", Err: err}
	}
	labels, err := combined.Labels()
	if err != nil {
		return nil, nil, notReadable(err)
	}
	for _, label := range labels {
		n, err := strconv.Atoi(strings.TrimPrefix(label, "b"))
		if err != nil {
			return nil, nil, notReadable(err)
		}
		v.labels = append(v.labels, n)
	}
	return combined.JSON, v, nil
}

// among gives, for each index that is combined and not mandatory, its place
// among all that are not mandatory.
func among(mandatory, combined []int) []int {
	var places []int
	for _, i := range combined {
		if before, fixed := slices.BinarySearch(mandatory, i); !fixed {
			places = append(places, i-before)
		}
	}
	return places
}
