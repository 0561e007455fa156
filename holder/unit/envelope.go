package unit

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/zegel-id/zegel/internal/jose"
)

// MediaTypeEnvelope is the media type of what is kept in a pod.
const MediaTypeEnvelope = "application/jose+json"

// ErrEnvelope is returned when an envelope cannot be opened: another key,
// another resource, or changed bytes.
var ErrEnvelope = errors.New("envelope cannot be opened with this vault key for this resource")

const (
	algEnvelope = "ECDH-ES+A256KW"
	encEnvelope = "A256GCM"
)

// envelope is a JWE in the flattened JSON serialisation (RFC 7516, Section
// 7.2.2), wrapped as the encrypted data vaults of the Solid world wrap it.
type envelope struct {
	JWE flattened `json:"jwe"`
}

type flattened struct {
	Protected    string `json:"protected"`
	EncryptedKey string `json:"encrypted_key"`
	AAD          string `json:"aad"`
	IV           string `json:"iv"`
	Ciphertext   string `json:"ciphertext"`
	Tag          string `json:"tag"`
}

type envelopeHeader struct {
	Alg string   `json:"alg"`
	Enc string   `json:"enc"`
	EPK jose.JWK `json:"epk"`
}

// SealEnvelope encrypts plaintext to the vault's public key for one resource:
// ECDH-ES+A256KW and A256GCM (RFC 7518, Sections 4.6 and 5.3), the resource URL
// as additional authenticated data, so that an envelope that was moved to
// another place does not open. Who fetches for the citizen needs only the
// public key.
func SealEnvelope(random io.Reader, to *ecdh.PublicKey, resource string, plaintext []byte) ([]byte, error) {
	if to.Curve() != ecdh.P256() {
		return nil, errors.New("vault key must be on P-256")
	}
	eph, err := ecdh.P256().GenerateKey(random)
	if err != nil {
		return nil, err
	}
	shared, err := eph.ECDH(to)
	if err != nil {
		return nil, err
	}
	fresh := make([]byte, 32+12) // content key, IV
	if _, err := io.ReadFull(random, fresh); err != nil {
		return nil, err
	}
	cek, iv := fresh[:32], fresh[32:]
	wrapped, err := wrapKey(concatKDF(shared), cek)
	if err != nil {
		return nil, err
	}
	head, err := jose.Marshal(envelopeHeader{Alg: algEnvelope, Enc: encEnvelope, EPK: ecdhJWK(eph.PublicKey())})
	if err != nil {
		return nil, err
	}
	f := flattened{
		Protected:    jose.Encode(head),
		EncryptedKey: jose.Encode(wrapped),
		AAD:          jose.Encode([]byte(resource)),
		IV:           jose.Encode(iv),
	}
	a, err := aead(cek)
	if err != nil {
		return nil, err
	}
	sealed := a.Seal(nil, iv, plaintext, []byte(f.Protected+"."+f.AAD))
	cut := len(sealed) - a.Overhead()
	f.Ciphertext, f.Tag = jose.Encode(sealed[:cut]), jose.Encode(sealed[cut:])
	return jose.Marshal(envelope{JWE: f})
}

// OpenEnvelope decrypts what SealEnvelope made for the same key and resource.
func OpenEnvelope(key *ecdh.PrivateKey, resource string, data []byte) ([]byte, error) {
	var e envelope
	if err := jose.UnmarshalClosed(data, &e); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	if e.JWE.AAD != jose.Encode([]byte(resource)) {
		return nil, fmt.Errorf("%w: it was made for another resource", ErrEnvelope)
	}
	head, err := jose.Decode(e.JWE.Protected)
	if err != nil {
		return nil, ErrEnvelope
	}
	var h envelopeHeader
	if err := jose.UnmarshalClosed(head, &h); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrEnvelope, err)
	}
	if h.Alg != algEnvelope || h.Enc != encEnvelope {
		return nil, fmt.Errorf("%w: algorithms must be %s and %s", ErrEnvelope, algEnvelope, encEnvelope)
	}
	eph, err := jwkECDH(h.EPK)
	if err != nil {
		return nil, ErrEnvelope
	}
	var parts [4][]byte
	for i, text := range []string{e.JWE.EncryptedKey, e.JWE.IV, e.JWE.Ciphertext, e.JWE.Tag} {
		if parts[i], err = jose.Decode(text); err != nil {
			return nil, ErrEnvelope
		}
	}
	shared, err := key.ECDH(eph)
	if err != nil {
		return nil, ErrEnvelope
	}
	cek, err := unwrapKey(concatKDF(shared), parts[0])
	if err != nil || len(cek) != 32 || len(parts[1]) != 12 || len(parts[3]) != 16 {
		return nil, ErrEnvelope
	}
	a, err := aead(cek)
	if err != nil {
		return nil, err
	}
	out, err := a.Open(nil, parts[1], append(parts[2], parts[3]...), []byte(e.JWE.Protected+"."+e.JWE.AAD))
	if err != nil {
		return nil, ErrEnvelope
	}
	return out, nil
}

// concatKDF derives the 256-bit key-wrapping key (RFC 7518, Section 4.6.2;
// PartyUInfo and PartyVInfo are empty).
func concatKDF(shared []byte) []byte {
	h := sha256.New()
	var n [4]byte
	write := func(v uint32) {
		binary.BigEndian.PutUint32(n[:], v)
		h.Write(n[:])
	}
	write(1)
	h.Write(shared)
	write(uint32(len(algEnvelope)))
	h.Write([]byte(algEnvelope))
	write(0)
	write(0)
	write(256)
	return h.Sum(nil)
}

func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func ecdhJWK(pub *ecdh.PublicKey) jose.JWK {
	b := pub.Bytes()
	return jose.JWK{Kty: "EC", Crv: "P-256", X: jose.Encode(b[1:33]), Y: jose.Encode(b[33:])}
}

func jwkECDH(k jose.JWK) (*ecdh.PublicKey, error) {
	x, errX := jose.Decode(k.X)
	y, errY := jose.Decode(k.Y)
	if k.Kty != "EC" || k.Crv != "P-256" || errX != nil || errY != nil || len(x) != 32 || len(y) != 32 || k.D != "" {
		return nil, errors.New("not a public P-256 key")
	}
	return ecdh.P256().NewPublicKey(append(append([]byte{4}, x...), y...))
}
