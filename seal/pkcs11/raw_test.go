//go:build cgo

package pkcs11_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
)

var (
	p256    = []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}
	p384    = []byte{6, 5, 0x2b, 0x81, 4, 0, 0x22}
	p521    = []byte{6, 5, 0x2b, 0x81, 4, 0, 0x23}
	ed25519 = []byte{0x13, 12, 'e', 'd', 'w', 'a', 'r', 'd', 's', '2', '5', '5', '1', '9'}
)

// pair is a key pair to make, as somebody else's tool might.
type pair struct {
	label      string
	id         []byte
	curve      []byte // or
	bits       int    // RSA
	private    []*p11.Attribute
	dropPublic bool
}

// give makes key pairs on the token, with the library alone, and returns the
// points of the public keys by label. No Token may be open.
func give(t testing.TB, h *softhsmtest.HSM, pairs ...pair) map[string][]byte {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	c := p11.New(h.Module)
	must(c.Initialize())
	defer func() { must(c.Finalize()) }()
	slots, err := c.GetSlotList(true)
	must(err)
	s, err := c.OpenSession(slots[0], p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	must(err)
	must(c.Login(s, p11.CKU_USER, softhsmtest.PIN))
	points := map[string][]byte{}
	for _, p := range pairs {
		common := []*p11.Attribute{p11.NewAttribute(p11.CKA_TOKEN, true), p11.NewAttribute(p11.CKA_LABEL, p.label), p11.NewAttribute(p11.CKA_ID, p.id)}
		public := append(common[:3:3], p11.NewAttribute(p11.CKA_VERIFY, true))
		mechanism := uint(p11.CKM_EC_KEY_PAIR_GEN)
		switch {
		case p.bits > 0:
			mechanism = p11.CKM_RSA_PKCS_KEY_PAIR_GEN
			public = append(public, p11.NewAttribute(p11.CKA_MODULUS_BITS, p.bits), p11.NewAttribute(p11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}))
		case p.curve[0] == 0x13:
			mechanism = 0x1055 // CKM_EC_EDWARDS_KEY_PAIR_GEN
			fallthrough
		default:
			public = append(public, p11.NewAttribute(p11.CKA_EC_PARAMS, p.curve))
		}
		private := map[uint]*p11.Attribute{
			p11.CKA_PRIVATE:     p11.NewAttribute(p11.CKA_PRIVATE, true),
			p11.CKA_SENSITIVE:   p11.NewAttribute(p11.CKA_SENSITIVE, true),
			p11.CKA_EXTRACTABLE: p11.NewAttribute(p11.CKA_EXTRACTABLE, false),
			p11.CKA_SIGN:        p11.NewAttribute(p11.CKA_SIGN, true),
		}
		for _, a := range p.private {
			private[a.Type] = a
		}
		for _, a := range private {
			common = append(common, a)
		}
		pub, _, err := c.GenerateKeyPair(s, []*p11.Mechanism{p11.NewMechanism(mechanism, nil)}, public, common)
		must(err)
		if got, err := c.GetAttributeValue(s, pub, []*p11.Attribute{p11.NewAttribute(p11.CKA_EC_POINT, nil)}); err == nil {
			points[p.label] = got[0].Value
		}
		if p.dropPublic {
			must(c.DestroyObject(s, pub))
		}
	}
	must(c.CloseSession(s))
	return points
}

func attr(kind uint, value any) *p11.Attribute { return p11.NewAttribute(kind, value) }

// find is Key for one that must be there.
func find(t testing.TB, token *pkcs11.Token, sel pkcs11.Selector) *pkcs11.Key {
	t.Helper()
	k, err := token.Key(t.Context(), sel)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// hashed is a digest of the kind a key signs, with the options to sign it.
func hashed(k *pkcs11.Key, text string) ([]byte, crypto.SignerOpts) {
	switch pub := k.Public().(type) {
	case *rsa.PublicKey:
		d := sha256.Sum256([]byte(text))
		return d[:], &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthEqualsHash}
	case *ecdsa.PublicKey:
		if pub.Params().BitSize == 384 {
			d := sha512.Sum384([]byte(text))
			return d[:], crypto.SHA384
		}
	}
	d := sha256.Sum256([]byte(text))
	return d[:], crypto.SHA256
}

// signs makes a signature and verifies it.
func signs(t testing.TB, k *pkcs11.Key) {
	t.Helper()
	digest, opts := hashed(k, "text")
	sig, err := k.Sign(rand.Reader, digest, opts)
	if err != nil {
		t.Fatal(err)
	}
	verifies(t, k, digest, sig)
}

func verifies(t testing.TB, k *pkcs11.Key, digest, sig []byte) {
	t.Helper()
	switch pub := k.Public().(type) {
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(pub, digest, sig) {
			t.Error("the signature does not verify")
		}
	case *rsa.PublicKey:
		if err := rsa.VerifyPSS(pub, crypto.SHA256, digest, sig, &rsa.PSSOptions{SaltLength: 32}); err != nil {
			t.Error(err)
		}
	}
}
