package bbs2023

import (
	"crypto"
	"crypto/rand"
	"io"
	"slices"

	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/derivable"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
)

// Name of the cryptosuite.
const Name = "bbs-2023"

const spec = "Data Integrity BBS Cryptosuites 1.0"

// CheckPointers is the check that fails where JSON pointers do not fit a document.
const CheckPointers = derivable.CheckPointers

// Options of a Signer.
type Options struct {
	// Key of the issuer, of the suite bbs.SHA256.
	Key bbs.Signer
	// Mandatory are JSON pointers (RFC 6901) to what every derived document
	// discloses. One that leads to nothing in a document is an error.
	Mandatory []string
	// MandatoryIfPresent are pointers of the same meaning, but for documents that
	// have no such member.
	MandatoryIfPresent []string
	// Rand is where the HMAC key comes from; crypto/rand if nil.
	Rand io.Reader
}

// NewSigner makes base proofs. It is for dataintegrity.Options.Signer.
func NewSigner(p *jsonld.Processor, o Options) (di.Signer, error) {
	if o.Key == nil || o.Key.PublicKey().Suite() != bbs.SHA256 {
		return nil, &di.Error{Check: di.CheckPolicy, Spec: spec + ", Section 3.3.1", Detail: "Key is not one of BLS12-381-SHA-256"}
	}
	if len(o.Mandatory)+len(o.MandatoryIfPresent) > selective.MaxPointers {
		return nil, &di.Error{Check: di.CheckPolicy, Spec: spec + ", Section 3.3.2", Detail: "more mandatory JSON pointers than are read"}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &signer{p, di.NewConfigurations(p), o}, nil
}

type signer struct {
	p              *jsonld.Processor
	configurations *di.Configurations
	o              Options
}

func (s *signer) Suite() string            { return Name }
func (s *signer) Public() crypto.PublicKey { return did.BBSPublicKey(s.o.Key.PublicKey().Bytes()) }

// Sign is Create Base Proof (Section 3.3.1).
func (s *signer) Sign(in di.Input) (string, error) {
	hmacKey := make([]byte, selective.HMACKeySize)
	if _, err := io.ReadFull(s.o.Rand, hmacKey); err != nil {
		return "", &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.3.2", Detail: "no randomness for the HMAC key", Err: err}
	}
	v, err := s.base(in, hmacKey)
	if err != nil {
		return "", err
	}
	return di.EncodeBase64(v.encode()), nil
}

// base makes a base proof with an HMAC key.
func (s *signer) base(in di.Input, hmacKey []byte) (*baseValue, error) {
	d, err := selective.Read(s.p, in.Document, selective.ShuffledHMAC(hmacKey))
	if err != nil {
		return nil, derivable.NotReadable(err)
	}
	pointers := derivable.Mandatory(d, s.o.Mandatory, s.o.MandatoryIfPresent)
	mandatory, err := d.Select(pointers)
	if err != nil {
		return nil, kind.BadPointers(err)
	}
	fixed, rest := derivable.Split(d.Statements, mandatory.Indexes)
	header, err := bbsHeader(s.configurations, in, fixed)
	if err != nil {
		return nil, err
	}
	signature, err := s.o.Key.Sign(header, rest)
	if err != nil {
		return nil, &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.3.5", Detail: "signing", Err: err}
	}
	return &baseValue{signature, header, s.o.Key.PublicKey().Bytes(), hmacKey, pointers}, nil
}

// bbsHeader is proofHash and mandatoryHash (Sections 3.3.3 and 3.3.5).
func bbsHeader(configurations *di.Configurations, in di.Input, fixed [][]byte) ([]byte, error) {
	proofHash, err := configurations.Hash(in, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return slices.Concat(proofHash, derivable.HashMandatory(fixed)), nil
}
