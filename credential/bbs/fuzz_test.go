package bbs

import (
	"bytes"
	"fmt"
	"testing"
)

// What is read is written back octet for octet, so nothing has two forms.

func FuzzParsePublicKey(f *testing.F) {
	f.Add([]byte(read[signatureFixture](f, "bls12-381-sha-256/signature/signature001.json").SignerKeyPair.PublicKey))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParsePublicKey(SHA256, b)
		if (err == nil) == (k == nil) {
			t.Fatal("a failed parse returns a key, or none and no error")
		}
		if p := k; p != nil {
			if again := p.w.Bytes(); !bytes.Equal(again[:], b) {
				t.Errorf("%x is written %x", b, again)
			}
		}
	})
}

func FuzzParseSecretKey(f *testing.F) {
	f.Add([]byte(read[signatureFixture](f, "bls12-381-sha-256/signature/signature001.json").SignerKeyPair.SecretKey))
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := ParseSecretKey(SHA256, b)
		if (err == nil) == (k == nil) {
			t.Fatal("a failed parse returns a key, or none and no error")
		}
		if k != nil && !bytes.Equal(k.Bytes(), b) {
			t.Error("written otherwise")
		}
	})
}

func FuzzParseSignature(f *testing.F) {
	for i := 1; i <= 10; i++ {
		f.Add([]byte(read[signatureFixture](f, fmt.Sprintf("bls12-381-sha-256/signature/signature%03d.json", i)).Signature))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseSignature(b)
		if (err == nil) == (s == nil) {
			t.Fatal("a failed parse returns a signature, or none and no error")
		}
		if s != nil {
			if a := s.a.Bytes(); !bytes.Equal(appendScalar(a[:], &s.e), b) {
				t.Error("written otherwise")
			}
		}
	})
}

func FuzzParseProof(f *testing.F) {
	for i := 1; i <= 15; i++ {
		f.Add([]byte(read[proofFixture](f, fmt.Sprintf("bls12-381-sha-256/proof/proof%03d.json", i)).Proof))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parseProof(b)
		if (err == nil) == (p == nil) {
			t.Fatal("a failed parse returns a proof, or none and no error")
		}
		if p != nil && !bytes.Equal(p.bytes(), b) {
			t.Error("written otherwise")
		}
	})
}
