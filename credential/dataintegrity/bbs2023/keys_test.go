package bbs2023

import (
	"crypto/rand"
	"slices"
	"sync"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/did"
)

// TestKeysRemembered: a key is read once, one that is refused never kept, and there is an
// end to how many are.
func TestKeysRemembered(t *testing.T) {
	var k keys
	octets := newKey(t).PublicKey().Bytes()
	first, err := k.of(octets)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := k.of(slices.Clone(octets)); err != nil || again != first {
		t.Errorf("read again: %v", err)
	}
	bad := slices.Clone(octets)
	bad[0] &^= 0x80
	for range 2 {
		if key, err := k.of(bad); err == nil || key != nil {
			t.Error("a point that is not compressed is a key")
		}
	}
	if len(k.known) != 1 {
		t.Errorf("%d keys kept, expected 1", len(k.known))
	}
	for i := range maxKeys {
		k.known[string(rune(i))] = first
	}
	if _, err := k.of(newKey(t).PublicKey().Bytes()); err != nil || len(k.known) != 1 {
		t.Errorf("%d keys kept after %d: %v", len(k.known), maxKeys, err)
	}
}

// TestKeysConcurrent: for the race detector.
func TestKeysConcurrent(t *testing.T) {
	var k keys
	octets := newKey(t).PublicKey().Bytes()
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := k.of(octets); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// TestAnotherIssuer: a derived proof that another key made, in a document that names the
// issuer everywhere, is refused; and it is the key alone that is wrong with it.
func TestAnotherIssuer(t *testing.T) {
	victim, another := newKey(t), newKey(t)
	_, issuer := issue(t, victim)
	ph := PresentationHeader("v.example", "1")
	verifier := Derived(published, Expect{PresentationHeader: ph})

	shown, err := Derive(rand.Reader, published, issueAs(t, another, issuer), []string{"/credentialSubject/givenName"}, ph)
	if err != nil {
		t.Fatal(err)
	}
	s, err := di.Parse(shown)
	if err != nil {
		t.Fatal(err)
	}
	proof := s.Proofs()[0]
	in, err := s.Input(proof)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(in, proof.Value, did.BBSPublicKey(another.PublicKey().Bytes())); err != nil {
		t.Fatalf("with the key that made it: %v", err)
	}
	refused(t, "through the frame", verify(shown, issuer, verifier), di.CheckSignature)
	refused(t, "with the key of the issuer", verifier.Verify(in, proof.Value, did.BBSPublicKey(victim.PublicKey().Bytes())), di.CheckSignature)
}
