package bbs

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

func newKey(t testing.TB) *SecretKey {
	t.Helper()
	sk, err := GenerateKey(rand.Reader, SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return sk
}

func numbered(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = fmt.Appendf(nil, "message %d", i)
	}
	return out
}

// Sizes on both sides of what has a table, and none at all.
func TestRoundTrip(t *testing.T) {
	sk := newKey(t)
	pub, header, ph := sk.PublicKey(), []byte("header"), []byte("presentation")
	for _, n := range []int{0, 1, 50, tabled - baseH1, tabled + 7} {
		messages := numbered(n)
		sig, err := sk.Sign(header, messages)
		if err != nil {
			t.Fatal(n, err)
		}
		if err := Verify(pub, sig, header, messages); err != nil {
			t.Error(n, err)
		}
		var shown [][]byte
		var disclosed []int
		for i := 0; i < n; i += 3 {
			shown, disclosed = append(shown, messages[i]), append(disclosed, i)
		}
		proof, err := ProofGen(rand.Reader, pub, sig, header, ph, messages, disclosed)
		if err != nil {
			t.Fatal(n, err)
		}
		if err := ProofVerify(pub, proof, header, ph, shown, disclosed); err != nil {
			t.Error(n, err)
		}
		if err := ProofVerify(pub, proof, header, nil, shown, disclosed); !errors.Is(err, ErrProof) {
			t.Errorf("%d: another presentation header: %v", n, err)
		}
		again, err := ProofGen(rand.Reader, pub, sig, header, ph, messages, disclosed)
		if err != nil || bytes.Equal(again[:proofFloor], proof[:proofFloor]) {
			t.Errorf("%d: two proofs can be linked, or %v", n, err)
		}
	}
}

// points that no encoding may carry.
func foreignG1() map[string][]byte {
	identity := make([]byte, bls.SizeOfG1AffineCompressed)
	identity[0] = 0xc0
	var outside bls.G1Affine
	off := bls.GeneratePointNotInG1(fp.NewElement(7))
	outside.FromJacobian(&off)
	_, _, g, _ := bls.Generators()
	plain := g.RawBytes()
	wrong := outside.Bytes()
	return map[string][]byte{
		"identity":     identity,
		"subgroup":     wrong[:],
		"uncompressed": plain[:bls.SizeOfG1AffineCompressed],
		"no such x":    append([]byte{0x9f}, bytes.Repeat([]byte{0xff}, 47)...),
	}
}

// scalars that no encoding may carry: zero, and the group order.
func foreignScalars() map[string][]byte {
	return map[string][]byte{"zero": make([]byte, fr.Bytes), "order": fr.Modulus().Bytes()}
}

func TestSignatureEncodingRefused(t *testing.T) {
	sk := newKey(t)
	sig, err := sk.Sign(nil, numbered(2))
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{"short": sig[:79], "long": append(bytes.Clone(sig), 0), "empty": nil}
	for name, point := range foreignG1() {
		bad[name] = append(bytes.Clone(point), sig[48:]...)
	}
	for name, k := range foreignScalars() {
		bad[name] = append(bytes.Clone(sig[:48]), k...)
	}
	for name, b := range bad {
		if err := Verify(sk.PublicKey(), b, nil, numbered(2)); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
		if p, err := ProofGen(rand.Reader, sk.PublicKey(), b, nil, nil, numbered(2), nil); !errors.Is(err, ErrEncoding) || p != nil {
			t.Errorf("proof from %s: %v", name, err)
		}
	}
	if p, err := ProofGen(rand.Reader, sk.PublicKey(), sig, nil, nil, numbered(3), nil); !errors.Is(err, ErrSignature) || p != nil {
		t.Errorf("proof from the signature of other messages: %v", err)
	}
}

func TestProofEncodingRefused(t *testing.T) {
	sk := newKey(t)
	messages := numbered(3)
	sig, err := sk.Sign(nil, messages)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := ProofGen(rand.Reader, sk.PublicKey(), sig, nil, nil, messages, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{"short": proof[:proofFloor-1], "odd": proof[:len(proof)-1], "empty": nil}
	replace := func(at int, b []byte) []byte {
		out := bytes.Clone(proof)
		copy(out[at:], b)
		return out
	}
	for name, point := range foreignG1() {
		for i := range 3 {
			bad[fmt.Sprintf("%s as point %d", name, i)] = replace(48*i, point)
		}
	}
	for name, k := range foreignScalars() {
		for i := range 6 {
			bad[fmt.Sprintf("%s as scalar %d", name, i)] = replace(144+32*i, k)
		}
	}
	for name, b := range bad {
		if err := ProofVerify(sk.PublicKey(), b, nil, nil, messages[1:2], []int{1}); !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Every part of a proof counts.
	for at := 48; at < len(proof); at += 32 {
		b := bytes.Clone(proof)
		b[len(b)-at+31] ^= 1
		if ProofVerify(sk.PublicKey(), b, nil, nil, messages[1:2], []int{1}) == nil {
			t.Errorf("a proof changed at %d from its end passes", at)
		}
	}
}

// A proof made without a signature: its challenge is right, the pairing is not.
func TestProofWithoutSignature(t *testing.T) {
	sk := newKey(t)
	messages, shown := numbered(3), []int{0}
	g, tg, err := SHA256.generators(3)
	if err != nil {
		t.Fatal(err)
	}
	scalars := SHA256.messagesToScalars(tg, messages)
	domain := g.domain(sk.PublicKey(), tg, nil)
	b := g.commitment(&domain, scalars)
	_, _, a, _ := bls.Generators()
	forged := &signature{a, randomScalar()}
	r, err := randomScalars(rand.Reader, 7)
	if err != nil {
		t.Fatal(err)
	}
	p, t1, t2 := initProof(g, forged, &b, r, []int{1, 2})
	p.c = challenge(SHA256, tg, p, &t1, &t2, &domain, scalars[:1], shown, nil)
	p.finalize(forged, r, scalars[1:])
	if err := ProofVerify(sk.PublicKey(), p.bytes(), nil, nil, messages[:1], shown); !errors.Is(err, ErrProof) {
		t.Errorf("a forged proof: %v", err)
	}
}

func TestIndexesRefused(t *testing.T) {
	sk := newKey(t)
	messages := numbered(3)
	sig, err := sk.Sign(nil, messages)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := ProofGen(rand.Reader, sk.PublicKey(), sig, nil, nil, messages, []int{0, 2})
	if err != nil {
		t.Fatal(err)
	}
	for _, indexes := range [][]int{{2, 0}, {0, 0}, {-1, 0}, {0, 3}, {0}, {0, 1, 2}} {
		if err := ProofVerify(sk.PublicKey(), proof, nil, nil, [][]byte{messages[0], messages[2]}, indexes); !errors.Is(err, ErrMessages) {
			t.Errorf("verify %v: %v", indexes, err)
		}
	}
	for _, indexes := range [][]int{{2, 0}, {0, 0}, {-1}, {3}} {
		if _, err := ProofGen(rand.Reader, sk.PublicKey(), sig, nil, nil, messages, indexes); !errors.Is(err, ErrMessages) {
			t.Errorf("generate %v: %v", indexes, err)
		}
	}
}

func TestMessagesBounded(t *testing.T) {
	sk := newKey(t)
	if _, err := sk.Sign(nil, make([][]byte, MaxMessages+1)); !errors.Is(err, ErrMessages) {
		t.Error(err)
	}
	if err := ProofVerify(sk.PublicKey(), make([]byte, proofFloor+fr.Bytes*(MaxMessages+1)), nil, nil, nil, nil); !errors.Is(err, ErrMessages) {
		t.Error(err)
	}
}

func TestKeysRefused(t *testing.T) {
	identity := make([]byte, PublicKeySize)
	identity[0] = 0xc0
	good := newKey(t).PublicKey().Bytes()
	plain := bytes.Clone(good)
	plain[0] &= 0x1f
	outside := func() []byte {
		for i := byte(1); ; i++ { // the first x on the curve is all but surely outside the subgroup
			b := make([]byte, PublicKeySize)
			b[0], b[PublicKeySize-1] = 0x80, i
			if _, err := ParsePublicKey(SHA256, b); err != nil && bytes.Contains([]byte(err.Error()), []byte("subgroup")) {
				return b
			}
		}
	}()
	for name, b := range map[string][]byte{"identity": identity, "short": good[:95], "long": append(bytes.Clone(good), 0), "uncompressed": plain, "subgroup": outside, "empty": nil} {
		if k, err := ParsePublicKey(SHA256, b); !errors.Is(err, ErrKey) || k != nil {
			t.Errorf("public, %s: %v", name, err)
		}
	}
	for name, b := range foreignScalars() {
		if k, err := ParseSecretKey(SHA256, b); !errors.Is(err, ErrKey) || k != nil {
			t.Errorf("secret, %s: %v", name, err)
		}
	}
	if _, err := ParsePublicKey(0, good); !errors.Is(err, ErrKey) {
		t.Error("no suite:", err)
	}
	if _, err := KeyGen(SHA256, make([]byte, 31), nil, nil); !errors.Is(err, ErrKey) {
		t.Error("short material:", err)
	}
	if _, err := KeyGen(SHA256, make([]byte, 32), make([]byte, 65536), nil); !errors.Is(err, ErrKey) {
		t.Error("long info:", err)
	}
}

// A signature counts in the suite of its key alone.
func TestSuitesApart(t *testing.T) {
	sk := newKey(t)
	sig, err := sk.Sign(nil, numbered(1))
	if err != nil {
		t.Fatal(err)
	}
	other, err := ParsePublicKey(SHAKE256, sk.PublicKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(other, sig, nil, numbered(1)); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
}

func TestSecretKeyPrintsNothing(t *testing.T) {
	sk := newKey(t)
	secret := sk.scalar().String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		if s := fmt.Sprintf(verb, sk); s != "[BBS secret key]" || bytes.Contains([]byte(s), []byte(secret)) {
			t.Errorf("%s prints %q", verb, s)
		}
	}
	if b, err := json.Marshal(sk); err == nil {
		t.Errorf("JSON: %s", b)
	}
}

// The table against the library, with scalars that carry and the points that
// have no chord.
func TestFixedBase(t *testing.T) {
	_, _, base, _ := bls.Generators()
	tab := newTable(&base)
	var minusOne, top fr.Element
	minusOne.SetOne().Neg(&minusOne)
	top.SetBigInt(new(big.Int).Lsh(big.NewInt(1), 254))
	for _, k := range []fr.Element{{}, fr.One(), minusOne, top, fr.NewElement(half), fr.NewElement(half + 1), fr.NewElement(2 * half), randomScalar()} {
		var acc accumulator
		var want bls.G1Affine
		if _, err := want.MultiExp([]bls.G1Affine{base}, []fr.Element{k}, ecc.MultiExpConfig{}); err != nil {
			t.Fatal(err)
		}
		tab.add(&acc, &k)
		sum := acc.sum()
		var got bls.G1Affine
		if got.FromJacobian(&sum); !got.Equal(&want) {
			t.Errorf("%s times the base is wrong", k.String())
		}
	}
	for name, signs := range map[string][]bool{"doubled": {false, false}, "cancelled": {false, true}} {
		var acc accumulator
		for range lanes * 2 {
			acc.add(&base, signs[0])
			acc.add(&base, signs[1])
		}
		want := bls.G1Jac{}
		if name == "doubled" {
			k := fr.NewElement(4 * lanes)
			want = multiply(&base, &k)
		}
		if got := acc.sum(); !got.Equal(&want) && !(got.Z.IsZero() && want.Z.IsZero()) {
			t.Errorf("%s points add up wrong", name)
		}
	}
}

// A key that is printed as a value, or inside another value, prints nothing
// either: fmt does not ask methods of fields that are not exported.
func TestSecretKeyInside(t *testing.T) {
	sk, err := GenerateKey(rand.Reader, SHA256)
	if err != nil {
		t.Fatal(err)
	}
	limbs := []uint64(sk.scalar()[:])
	for name, v := range map[string]any{
		"a value": *sk, "a struct with it": struct{ K SecretKey }{*sk}, "a struct that hides it": struct{ k *SecretKey }{sk}, "a hidden value": struct{ k SecretKey }{*sk},
		"a slice": []SecretKey{*sk}, "a signer": Signer(sk),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			got := fmt.Sprintf(verb, v)
			for _, limb := range limbs {
				if strings.Contains(got, fmt.Sprint(limb)) || strings.Contains(got, fmt.Sprintf("%x", limb)) {
					t.Errorf("%s with %s: %s", name, verb, got)
				}
			}
		}
		if b, err := json.Marshal(v); err == nil && strings.Contains(string(b), fmt.Sprint(limbs[0])) {
			t.Errorf("%s is written: %s", name, b)
		}
	}
}
