package cose

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"sync/atomic"

	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/jose"
)

// TagSign1 is the CBOR tag of a COSE_Sign1 (RFC 9052, Section 4.2).
const TagSign1 = 18

// MaxMessage is the longest message that Parse reads, in bytes. A status list
// of a million entries fits.
const MaxMessage = 2 << 20

// Sign1 is a parsed COSE_Sign1. Nothing in it is trusted until Verify.
type Sign1 struct {
	Header
	// Tagged tells whether tag 18 stood before it.
	Tagged bool
	// Payload is nil when it is detached; Detached tells it from an empty one.
	Payload   []byte
	Detached  bool
	Signature []byte

	protected []byte // as received
	proven    atomic.Pointer[proof]
}

// Parse reads a COSE_Sign1, with or without tag 18, and nothing behind it. It
// checks form only. The message shares the memory of b.
func Parse(b []byte) (*Sign1, error) {
	if err := cbor.Check(b, cbor.Limits{Size: MaxMessage, Depth: 12, Items: 4096}); err != nil {
		return nil, malformed("%w", err)
	}
	r := cbor.NewReader(b)
	m, err := Read(r)
	if err != nil {
		return nil, err
	}
	if err := r.End(); err != nil {
		return nil, malformed("%w", err)
	}
	return m, nil
}

// Read is Parse for a message inside a document that passed cbor.Check.
func Read(r *cbor.Reader) (*Sign1, error) {
	m := &Sign1{}
	if r.Next() == cbor.Tag {
		r.Expect(TagSign1)
		m.Tagged = true
	}
	if n := r.Array(); r.Err() == nil && n != 4 {
		return nil, malformed("it has %d members instead of 4 (RFC 9052, Section 4.2)", n)
	}
	m.protected = r.Bytes()
	var seen [6]bool
	if len(m.protected) > 0 { // an empty map is sent as an empty string
		if err := cbor.Check(m.protected, cbor.Limits{Size: 64 << 10, Depth: 8, Items: 256}); err != nil {
			return nil, malformed("protected header: %w", err)
		}
		p := cbor.NewReader(m.protected)
		if err := m.read(p, true, &seen); err != nil {
			return nil, err
		}
		if err := p.End(); err != nil {
			return nil, malformed("protected header: %w", err)
		}
	}
	if err := m.read(r, false, &seen); err != nil {
		return nil, err
	}
	if r.NextNull() {
		r.Null()
		m.Detached = true
	} else {
		m.Payload = r.Bytes()
	}
	m.Signature = r.Bytes()
	if err := r.Err(); err != nil {
		return nil, malformed("%w", err)
	}
	if m.Alg == 0 {
		return nil, malformed("the protected header names no alg (RFC 9052, Section 3.1)")
	}
	return m, nil
}

// Verify checks the signature of a message that carries its payload, with the
// algorithm of the protected header, which must have passed Use.Check and must
// fit the key. external is the externally supplied data (RFC 9052, Section
// 4.3), nil for none.
func (m *Sign1) Verify(pub crypto.PublicKey, external []byte) error {
	if m.Detached {
		return malformed("its payload is detached; the place it is used in must supply it")
	}
	return m.verify(pub, external, m.Payload)
}

// VerifyDetached is Verify with the payload supplied from outside. A message
// that carries a payload of its own is refused.
func (m *Sign1) VerifyDetached(pub crypto.PublicKey, external, payload []byte) error {
	if !m.Detached {
		return malformed("it carries a payload where a detached one is expected")
	}
	return m.verify(pub, external, payload)
}

func (m *Sign1) verify(pub crypto.PublicKey, external, payload []byte) error {
	a, ok := m.Alg.JOSE()
	if !ok {
		return ErrAlg
	}
	protected := m.protected
	if len(protected) == 1 && protected[0] == 0xa0 {
		protected = nil // Section 4.4: an empty map is signed as an empty string
	}
	input := appendStructure(make([]byte, 0, len(protected)+len(external)+len(payload)+32), protected, external, payload)
	// What a message has proven it need not prove again: who decides on trust and
	// the format around it may each insist on their own check. A failure is not
	// remembered.
	sum := sha256.Sum256(input)
	if p := m.proven.Load(); p != nil && p.alg == a && p.input == sum && bytes.Equal(p.signature, m.Signature) && equal(p.pub, pub) {
		return nil
	}
	if err := jose.VerifySignature(pub, a, input, m.Signature); err != nil {
		return err
	}
	m.proven.Store(&proof{pub, a, sum, bytes.Clone(m.Signature)})
	return nil
}

// proof is a verification that succeeded.
type proof struct {
	pub       crypto.PublicKey
	alg       jose.Alg
	input     [sha256.Size]byte
	signature []byte
}

func equal(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}

// appendStructure appends the Sig_structure (RFC 9052, Section 4.4).
func appendStructure(dst, protected, external, payload []byte) []byte {
	dst = append(dst, structure...)
	dst = cbor.AppendBytes(dst, protected)
	dst = cbor.AppendBytes(dst, external)
	return cbor.AppendBytes(dst, payload)
}

var structure = cbor.AppendText(cbor.AppendArray(nil, 4), "Signature1")

// Certificates parses X5Chain, leaf first. They are not validated.
func (h *Header) Certificates() ([]*x509.Certificate, error) {
	if len(h.X5Chain) == 0 {
		return nil, malformed("it has no x5chain (RFC 9360, Section 2)")
	}
	chain := make([]*x509.Certificate, len(h.X5Chain))
	for i, der := range h.X5Chain {
		var err error
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, malformed("x5chain[%d] is no certificate", i)
		}
	}
	return chain, nil
}
