package bbs

import (
	"crypto/sha256"
	"crypto/sha3"
	"crypto/subtle"
	"encoding/binary"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// Suite is a ciphersuite over BLS12-381 (draft, Section "BLS12-381
// Ciphersuites"). The zero value is none. A key belongs to one suite, so that
// what is signed with it cannot be read by the rules of another.
type Suite uint8

const (
	// SHA256 is BLS12-381-SHA-256, the suite of bbs-2023.
	SHA256 Suite = iota + 1
	// SHAKE256 is BLS12-381-SHAKE-256.
	SHAKE256
)

// ID is the ciphersuite_id.
func (s Suite) ID() string {
	switch s {
	case SHA256:
		return "BBS_BLS12381G1_XMD:SHA-256_SSWU_RO_"
	case SHAKE256:
		return "BBS_BLS12381G1_XOF:SHAKE-256_SSWU_RO_"
	default:
		return ""
	}
}

func (s Suite) String() string { return s.ID() }

func (s Suite) known() bool { return s == SHA256 || s == SHAKE256 }

// expandLen is the number of octets that are reduced to one scalar.
const expandLen = 48

// tags are the domain separation tags of the interface H2G_HM2S_ in a suite.
type tags struct {
	api, h2s, mapMessage                         []byte
	generatorSeed, generatorDST, generatorExpand []byte
	p1Seed                                       []byte
}

func (s Suite) tags() *tags {
	api := s.ID() + "H2G_HM2S_"
	return &tags{
		api:             []byte(api),
		h2s:             []byte(api + "H2S_"),
		mapMessage:      []byte(api + "MAP_MSG_TO_SCALAR_AS_HASH_"),
		generatorSeed:   []byte(api + "MESSAGE_GENERATOR_SEED"),
		generatorDST:    []byte(api + "SIG_GENERATOR_DST_"),
		generatorExpand: []byte(api + "SIG_GENERATOR_SEED_"),
		p1Seed:          []byte(api + "BP_MESSAGE_GENERATOR_SEED"), // the rest is shared
	}
}

// expand is expand_message (RFC 9380, Sections 5.3.1 and 5.3.2). dst has at
// most 255 octets and out at most 255 blocks of 32: both are ours.
func (s Suite) expand(out, msg, dst []byte) {
	if s == SHAKE256 {
		expandXOF(out, msg, dst)
		return
	}
	expandXMD(out, msg, dst)
}

func expandXOF(out, msg, dst []byte) {
	h := sha3.NewSHAKE256()
	h.Write(msg)
	h.Write([]byte{byte(len(out) >> 8), byte(len(out))})
	h.Write(dst)
	h.Write([]byte{byte(len(dst))})
	h.Read(out)
}

func expandXMD(out, msg, dst []byte) {
	var zeros [sha256.BlockSize]byte
	h := sha256.New()
	h.Write(zeros[:])
	h.Write(msg)
	h.Write([]byte{byte(len(out) >> 8), byte(len(out)), 0})
	h.Write(dst)
	h.Write([]byte{byte(len(dst))})
	var b0 [sha256.Size]byte
	h.Sum(b0[:0])
	// b_(i-1) and b_0 combined, i, dst and its length: short enough to be hashed at once.
	var room [sha256.Size + 1 + 255 + 1]byte
	b := append(room[:sha256.Size+1], dst...)
	b = append(b, byte(len(dst)))
	for i := byte(1); len(out) > 0; i++ {
		subtle.XORBytes(b, b[:sha256.Size], b0[:]) // b is zero before the first block
		b[sha256.Size] = i
		next := sha256.Sum256(b)
		out = out[copy(out, next[:]):]
		copy(b, next[:])
	}
}

// hashToScalar is hash_to_scalar.
func (s Suite) hashToScalar(msg, dst []byte) fr.Element {
	var uniform [expandLen]byte
	s.expand(uniform[:], msg, dst)
	return reduce(&uniform)
}

// reduce is OS2IP(b) mod r. It works on two halves, which are smaller than r,
// because a division would take a time that depends on the value.
func reduce(b *[expandLen]byte) fr.Element {
	high, low := canonical(b[:24]), canonical(b[24:])
	high.Mul(&high, &shift192)
	return *high.Add(&high, &low)
}

// shift192 is 2^192 mod r.
var shift192 = func() fr.Element {
	var b [fr.Bytes]byte
	b[7] = 1
	e, _ := fr.BigEndian.Element(&b)
	return e
}()

// canonical reads at most 24 octets.
func canonical(octets []byte) fr.Element {
	var b [fr.Bytes]byte
	copy(b[fr.Bytes-len(octets):], octets)
	e, _ := fr.BigEndian.Element(&b) // below 2^192, hence below r
	return e
}

func (s Suite) messagesToScalars(t *tags, messages [][]byte) []fr.Element {
	out := make([]fr.Element, len(messages))
	for i, m := range messages {
		out[i] = s.hashToScalar(m, t.mapMessage)
	}
	return out
}

// appendScalar writes I2OSP(e, 32).
func appendScalar(b []byte, e *fr.Element) []byte {
	octets := e.Bytes()
	return append(b, octets[:]...)
}

func appendLength(b []byte, n int) []byte { return binary.BigEndian.AppendUint64(b, uint64(n)) }
