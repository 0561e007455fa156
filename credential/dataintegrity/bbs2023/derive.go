package bbs2023

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/derivable"
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
	return kind.Derive(document, func(in di.Input, proofValue string) ([]byte, string, error) {
		reveal, v, err := derive(random, p, in, proofValue, selectivePointers, presentationHeader)
		if err != nil {
			return nil, "", err
		}
		return reveal, di.EncodeBase64(v.encode()), nil
	})
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
		return nil, nil, derivable.NotReadable(err)
	}
	mandatory, combined, err := kind.Groups(d, base.mandatoryPointers, selectivePointers)
	if err != nil {
		return nil, nil, err
	}
	fixed, rest := derivable.Split(d.Statements, mandatory.Indexes)
	header, err := bbsHeader(di.NewConfigurations(p), in, fixed)
	if err != nil {
		return nil, nil, err
	}
	v = &derivedValue{
		mandatoryIndexes: selective.Relative(mandatory.Indexes, combined.Indexes),
		selectiveIndexes: derivable.Chosen(mandatory.Indexes, combined.Indexes), presentationHeader: presentationHeader,
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
		return nil, nil, derivable.NotReadable(err)
	}
	for _, label := range labels {
		n, err := strconv.Atoi(strings.TrimPrefix(label, "b"))
		if err != nil {
			return nil, nil, derivable.NotReadable(err)
		}
		v.labels = append(v.labels, n)
	}
	return combined.JSON, v, nil
}
