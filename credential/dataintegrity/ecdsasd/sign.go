package ecdsasd

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"slices"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/internal/derivable"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// Name of the cryptosuite.
const Name = "ecdsa-sd-2023"

const spec = "Data Integrity ECDSA Cryptosuites 1.0"

// CheckPointers is the check that fails where JSON pointers do not fit a document.
const CheckPointers = derivable.CheckPointers

// Essential are JSON pointers to what a credential should not leave to its holder: who
// issued it, what it is, how long it holds and where its status stands.
func Essential() []string {
	return []string{"/type", "/issuer", "/validFrom", "/validUntil", "/credentialStatus", "/credentialSchema", "/termsOfUse", "/evidence"}
}

// Options of a Signer.
type Options struct {
	// Key of the issuer, P-256.
	Key crypto.Signer
	// Mandatory are JSON pointers (RFC 6901) to what every derived document discloses. One
	// that leads to nothing in a document is an error.
	Mandatory []string
	// MandatoryIfPresent are pointers of the same meaning, but for documents that have
	// no such member.
	MandatoryIfPresent []string
	// Rand is where the HMAC key comes from; crypto/rand if nil. The key pair of a proof is
	// made by crypto/ecdsa from its own source.
	Rand io.Reader
}

// NewSigner makes base proofs. It is for dataintegrity.Options.Signer.
func NewSigner(p *jsonld.Processor, o Options) (di.Signer, error) {
	if o.Key == nil {
		return nil, &di.Error{Check: di.CheckPolicy, Spec: spec + ", Section 3.6.5", Detail: "there is no Key"}
	}
	if _, err := issuerKey(o.Key.Public()); err != nil {
		return nil, err
	}
	if len(o.Mandatory)+len(o.MandatoryIfPresent) > selective.MaxPointers {
		return nil, &di.Error{Check: di.CheckPolicy, Spec: spec + ", Section 3.6.2", Detail: "more mandatory JSON pointers than are read"}
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
func (s *signer) Public() crypto.PublicKey { return s.o.Key.Public() }

// Sign is Create Base Proof (Section 3.6.1).
func (s *signer) Sign(in di.Input) (string, error) {
	hmacKey := make([]byte, selective.HMACKeySize)
	if _, err := io.ReadFull(s.o.Rand, hmacKey); err != nil {
		return "", &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.6.2", Detail: "no randomness for the HMAC key", Err: err}
	}
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.6.5", Detail: "no key pair for the proof", Err: err}
	}
	v, err := s.base(in, hmacKey, pair)
	if err != nil {
		return "", err
	}
	return di.EncodeBase64(v.encode()), nil
}

// base makes a base proof of its secrets.
func (s *signer) base(in di.Input, hmacKey []byte, pair *ecdsa.PrivateKey) (*baseValue, error) {
	proofHash, err := s.configurations.Hash(in, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	// Base Proof Transformation (Section 3.6.2).
	d, err := selective.Read(s.p, in.Document, selective.HMAC(hmacKey))
	if err != nil {
		return nil, derivable.NotReadable(err)
	}
	pointers := derivable.Mandatory(d, s.o.Mandatory, s.o.MandatoryIfPresent)
	mandatory, err := d.Select(pointers)
	if err != nil {
		return nil, kind.BadPointers(err)
	}
	fixed, rest := derivable.Split(d.Statements, mandatory.Indexes)
	// Base Proof Hashing and Serialization (Sections 3.6.3 and 3.6.5).
	v := &baseValue{hmacKey: hmacKey, mandatoryPointers: pointers}
	if v.publicKey, err = encodeKey(&pair.PublicKey); err != nil {
		return nil, err
	}
	if v.signatures, err = signAll(pair, rest); err != nil {
		return nil, &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.6.5", Detail: "signing a statement", Err: err}
	}
	if v.baseSignature, err = jose.Sign(s.o.Key, jose.ES256, signData(proofHash, v.publicKey, fixed)); err != nil {
		return nil, &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.6.5", Detail: "signing", Err: err}
	}
	return v, nil
}

// signData is serializeSignData (Section 3.5.1) with hashMandatoryNQuads (Section 3.4.17).
func signData(proofHash, publicKey []byte, fixed [][]byte) []byte {
	return slices.Concat(proofHash, publicKey, derivable.HashMandatory(fixed))
}

// encodeKey writes the key of a proof: the codec p256-pub and the compressed point (Section
// 3.6.5).
func encodeKey(k *ecdsa.PublicKey) ([]byte, error) {
	point, err := k.Bytes()
	if err != nil {
		return nil, &di.Error{Check: di.CheckSignature, Spec: spec + ", Section 3.6.5", Detail: "the key pair of the proof", Err: err}
	}
	return append([]byte{0x80, 0x24, 2 + point[64]&1}, point[1:33]...), nil
}

// decodeKey reads what encodeKey writes.
func decodeKey(b []byte) (*ecdsa.PublicKey, error) {
	key, err := did.DecodeMultikey(di.EncodeBase58(b))
	if err == nil {
		if k, ok := key.(*ecdsa.PublicKey); ok && k.Curve == elliptic.P256() {
			return k, nil
		}
	}
	return nil, kind.Malformed("the public key in the proof is not one of P-256")
}

// issuerKey is a key that fits the suite.
func issuerKey(key crypto.PublicKey) (*ecdsa.PublicKey, error) {
	if k, ok := key.(*ecdsa.PublicKey); ok && k.Curve == elliptic.P256() {
		return k, nil
	}
	return nil, &di.Error{Check: di.CheckMethod, Spec: spec + ", Section 3.6.2", Detail: "the key is not one of P-256, the only kind that " + Name + " has"}
}
