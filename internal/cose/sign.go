package cose

import (
	"crypto"
	"fmt"
	"unicode/utf8"

	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/jose"
)

// AlgFor is the algorithm a key signs with: ES256, ES384 or EdDSA.
func AlgFor(pub crypto.PublicKey) (Alg, error) {
	a, err := jose.AlgFor(pub)
	if err == nil {
		switch a {
		case jose.ES256:
			return ES256, nil
		case jose.ES384:
			return ES384, nil
		case jose.EdDSA:
			return EdDSA, nil
		}
	}
	return 0, fmt.Errorf("%w: no algorithm for a %T of this kind; use P-256, P-384 or Ed25519", ErrKey, pub)
}

// Options of a Signer.
type Options struct {
	// Tagged puts tag 18 before each message, as a CWT wants (RFC 8392,
	// Section 6); an mdoc goes without.
	Tagged bool
	// External is the externally supplied data that is signed with each
	// message (RFC 9052, Section 4.3).
	External []byte
}

// Signer makes messages with the same header parameters. What is constant is
// encoded once. It holds no key and is safe for concurrent use.
type Signer struct {
	alg    jose.Alg
	start  []byte // array head, protected and unprotected header
	prefix []byte // Sig_structure up to the payload
}

// NewSigner compiles header parameters. Alg says which kind of key will sign,
// see AlgFor.
func NewSigner(h Header, o Options) (*Signer, error) {
	alg, ok := h.Alg.JOSE()
	if !ok {
		return nil, fmt.Errorf("%w: %s cannot sign here", ErrAlg, h.Alg)
	}
	s := &Signer{alg: alg}
	if len(h.X5Chain) > MaxChain {
		return nil, malformed("x5chain holds %d certificates, at most %d", len(h.X5Chain), MaxChain)
	}
	if !utf8.ValidString(h.Typ) || !utf8.ValidString(h.ContentType) {
		return nil, malformed("typ or content type is not valid UTF-8")
	}
	protected := h.appendMap(nil, true)
	if o.Tagged {
		s.start = cbor.AppendTag(nil, TagSign1)
	}
	s.start = cbor.AppendArray(s.start, 4)
	s.start = cbor.AppendBytes(s.start, protected)
	s.start = h.appendMap(s.start, false)
	s.prefix = append(s.prefix, structure...)
	s.prefix = cbor.AppendBytes(s.prefix, protected)
	s.prefix = cbor.AppendBytes(s.prefix, o.External)
	return s, nil
}

// Append signs payload and appends the message to dst.
func (s *Signer) Append(dst []byte, key crypto.Signer, payload []byte) ([]byte, error) {
	return s.append(dst, key, payload, false)
}

// AppendDetached is Append for a message that does not carry its payload.
func (s *Signer) AppendDetached(dst []byte, key crypto.Signer, payload []byte) ([]byte, error) {
	return s.append(dst, key, payload, true)
}

// append signs first, so that a failure leaves dst as it was. The signed text
// is built behind the message in the same memory.
func (s *Signer) append(dst []byte, key crypto.Signer, payload []byte, detached bool) ([]byte, error) {
	from := len(dst)
	input := cbor.AppendBytes(append(dst, s.prefix...), payload)
	sig, err := jose.Sign(key, s.alg, input[from:]) // refuses a key of another algorithm
	if err != nil {
		return nil, err
	}
	dst = append(input[:from], s.start...)
	if detached {
		dst = cbor.AppendNull(dst)
	} else {
		dst = cbor.AppendBytes(dst, payload)
	}
	return cbor.AppendBytes(dst, sig), nil
}

// Size is an upper bound for the length of a message with n bytes of payload.
func (s *Signer) Size(n int) int { return len(s.start) + len(s.prefix) + n + 128 }
