package dataintegrity

import (
	"crypto"
	"crypto/sha512"
	"fmt"
	"sync"

	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// signatureSuite is a cryptosuite whose proof is one signature over the hash of
// the proof configuration and the hash of the document, in that order (Data
// Integrity EdDSA Cryptosuites 1.0, Sections 3.2.4 and 3.3.4; ECDSA, the same).
type signatureSuite struct {
	name string
	spec string // section of the suite
	// algs of the keys that fit. The hash is chosen by the key.
	algs []jose.Alg
	// configuration and document append the canonical form that is hashed.
	configuration func(to []byte, in Input, h crypto.Hash) ([]byte, error)
	document      func(to []byte, in Input, h crypto.Hash) ([]byte, error)
	json          bool // signs JSON as it is written

	keys keys
}

func (s *signatureSuite) Name() string    { return s.name }
func (s *signatureSuite) asWritten() bool { return s.json }

func (s *signatureSuite) Key(m *did.VerificationMethod) (crypto.PublicKey, error) {
	key, err := s.keys.of(m)
	if err != nil {
		return nil, err
	}
	if _, err := s.alg(key); err != nil {
		return nil, err
	}
	return key, nil
}

// keys remembers the keys of Multikeys: finding out whether a point is on its curve
// costs a third of a verification.
type keys struct {
	mu    sync.Mutex
	known map[string]crypto.PublicKey
}

// maxKeys is how many are kept; then all are forgotten.
const maxKeys = 1024

func (k *keys) of(m *did.VerificationMethod) (crypto.PublicKey, error) {
	if m.Type != did.TypeMultikey {
		return m.Key()
	}
	k.mu.Lock()
	key := k.known[m.PublicKeyMultibase]
	k.mu.Unlock()
	if key != nil {
		return key, nil
	}
	key, err := m.Key()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil || len(k.known) >= maxKeys {
		k.known = map[string]crypto.PublicKey{}
	}
	k.known[m.PublicKeyMultibase] = key
	return key, nil
}

// alg is the algorithm of a key, if it is one of the suite's.
func (s *signatureSuite) alg(key crypto.PublicKey) (jose.Alg, error) {
	alg, err := jose.AlgFor(key)
	if err == nil {
		for _, fits := range s.algs {
			if alg == fits {
				return alg, nil
			}
		}
	}
	return "", &Error{Check: CheckMethod, Spec: s.spec, Detail: "the key does not fit " + s.name}
}

// size is the length of the signatures of an algorithm.
func size(a jose.Alg) int {
	if a == jose.ES384 {
		return 96
	}
	return 64
}

// hash that goes with an algorithm.
func hash(a jose.Alg) crypto.Hash {
	if a == jose.ES384 {
		return crypto.SHA384
	}
	return crypto.SHA256
}

// forms are canonical forms, which are only hashed.
var forms = sync.Pool{New: func() any { return new([]byte) }}

const maxForm = 1 << 18 // bytes of one whose memory is kept

// hashData is what is signed.
func (s *signatureSuite) hashData(in Input, h crypto.Hash) ([]byte, error) {
	buffer := forms.Get().(*[]byte)
	defer func() {
		if cap(*buffer) <= maxForm {
			forms.Put(buffer)
		}
	}()
	data := make([]byte, 0, 2*sha512.Size384)
	for _, form := range [...]func([]byte, Input, crypto.Hash) ([]byte, error){s.configuration, s.document} {
		canonical, err := form(*buffer, in, h)
		if err != nil {
			return nil, err
		}
		data = appendSum(data, h, canonical)
		clear(canonical)
		*buffer = canonical[:0]
	}
	return data, nil
}

func (s *signatureSuite) Verify(in Input, proofValue string, key crypto.PublicKey) error {
	alg, err := s.alg(key)
	if err != nil {
		return err
	}
	signature, err := MultibaseBase58(proofValue)
	if err != nil {
		return err
	}
	if len(signature) != size(alg) {
		return &Error{Check: CheckProofValue, Spec: s.spec, Detail: fmt.Sprintf("the signature has %d bytes, expected %d (r and s side by side, not DER)", len(signature), size(alg))}
	}
	data, err := s.hashData(in, hash(alg))
	if err != nil {
		return err
	}
	if err := jose.VerifySignature(key, alg, data, signature); err != nil {
		return &Error{Check: CheckSignature, Spec: s.spec, Detail: "not what this key signed", Err: err}
	}
	return nil
}

// signer is the Signer of a signatureSuite.
type signer struct {
	suite *signatureSuite
	key   crypto.Signer
	alg   jose.Alg
}

func (s *signatureSuite) signer(key crypto.Signer) (Signer, error) {
	alg, err := s.alg(key.Public())
	if err != nil {
		return nil, err
	}
	return &signer{suite: s, key: key, alg: alg}, nil
}

func (s *signer) Suite() string            { return s.suite.name }
func (s *signer) Public() crypto.PublicKey { return s.key.Public() }
func (s *signer) asWritten() bool          { return s.suite.json }

func (s *signer) Sign(in Input) (string, error) {
	data, err := s.suite.hashData(in, hash(s.alg))
	if err != nil {
		return "", err
	}
	signature, err := jose.Sign(s.key, s.alg, data)
	if err != nil {
		return "", &Error{Check: CheckSignature, Spec: s.suite.spec, Detail: "signing", Err: err}
	}
	return EncodeBase58(signature), nil
}
