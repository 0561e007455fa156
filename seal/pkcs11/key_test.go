//go:build cgo

package pkcs11_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"slices"
	"strings"
	"testing"

	p11 "github.com/miekg/pkcs11"

	"github.com/zegel-id/zegel/seal/pkcs11"
	"github.com/zegel-id/zegel/seal/pkcs11/softhsmtest"
)

func TestKey(t *testing.T) {
	h := softhsmtest.New(t)
	points := give(t, h,
		pair{label: "p256", id: []byte{1}, curve: p256},
		pair{label: "p384", id: []byte{2}, curve: p384},
		pair{label: "rsa", id: []byte{3}, bits: 2048},
		pair{label: "nameless", curve: p256},
		pair{label: "always", id: []byte{4}, curve: p256, private: []*p11.Attribute{attr(p11.CKA_ALWAYS_AUTHENTICATE, true)}},
		pair{label: "bare", id: []byte{5}, curve: p256, dropPublic: true},
		pair{label: "twin", id: []byte{6}, curve: p256},
		pair{label: "twin", id: []byte{7}, curve: p256},
		pair{label: "loose", id: []byte{8}, curve: p256, private: []*p11.Attribute{attr(p11.CKA_EXTRACTABLE, true)}},
		pair{label: "plain", id: []byte{9}, curve: p256, private: []*p11.Attribute{attr(p11.CKA_SENSITIVE, false)}},
		pair{label: "mute", id: []byte{10}, curve: p256, private: []*p11.Attribute{attr(p11.CKA_SIGN, false)}},
		pair{label: "ed25519", id: []byte{11}, curve: ed25519},
		pair{label: "p521", id: []byte{12}, curve: p521},
		pair{label: "short", id: []byte{13}, bits: 1024},
		pair{label: "same id", id: []byte{14}, curve: p256},
		pair{label: "same id too", id: []byte{14}, curve: p256},
	)
	token := h.Open(t)
	bare, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), points["bare"][2:])
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}

	for name, sel := range map[string]pkcs11.Selector{
		"P-256 by label":              {Label: "p256"},
		"P-384 by id":                 {ID: []byte{2}},
		"RSA by both":                 {Label: "rsa", ID: []byte{3}},
		"without an id":               {Label: "nameless"},
		"PIN at each signature":       {Label: "always"},
		"one of two by id":            {Label: "twin", ID: []byte{7}},
		"extractable, if allowed":     {Label: "loose", InsecureExtractable: true},
		"not sensitive, if allowed":   {Label: "plain", InsecureExtractable: true},
		"the public key that it has":  {Label: "p256", Public: find(t, token, pkcs11.Selector{Label: "p256"}).Public()},
		"a public key for one absent": {Label: "bare", Public: bare},
	} {
		t.Run(name, func(t *testing.T) { signs(t, find(t, token, sel)) })
	}

	for name, c := range map[string]struct {
		sel  pkcs11.Selector
		err  error
		says string
	}{
		"no name":                  {pkcs11.Selector{}, pkcs11.ErrKey, "must be given"},
		"absent":                   {pkcs11.Selector{Label: "p257"}, pkcs11.ErrKey, `none labelled "p257"`},
		"label of another id":      {pkcs11.Selector{Label: "p256", ID: []byte{2}}, pkcs11.ErrKey, "none labelled"},
		"two of one label":         {pkcs11.Selector{Label: "twin"}, pkcs11.ErrKey, "2 are labelled \"twin\"; say which by id (06, 07)"},
		"two of one id":            {pkcs11.Selector{ID: []byte{14}}, pkcs11.ErrKey, "2 are of id 0e"},
		"two public keys of an id": {pkcs11.Selector{Label: "same id"}, pkcs11.ErrKey, "2 public keys"},
		"extractable":              {pkcs11.Selector{Label: "loose"}, pkcs11.ErrKey, "can leave the token"},
		"not sensitive":            {pkcs11.Selector{Label: "plain"}, pkcs11.ErrKey, "can leave the token"},
		"may not sign":             {pkcs11.Selector{Label: "mute"}, pkcs11.ErrKey, "may not sign"},
		"no public key":            {pkcs11.Selector{Label: "bare"}, pkcs11.ErrKey, "0 public keys"},
		"another public key":       {pkcs11.Selector{Label: "p256", Public: other.Public()}, pkcs11.ErrKey, "another public key"},
		"Ed25519":                  {pkcs11.Selector{Label: "ed25519"}, pkcs11.ErrKey, "not supported"},
		"P-521":                    {pkcs11.Selector{Label: "p521"}, pkcs11.ErrKey, "not supported"},
		"RSA of 1024 bits":         {pkcs11.Selector{Label: "short"}, pkcs11.ErrMechanism, "2048"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := token.Key(t.Context(), c.sel)
			if k != nil || !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, %v; expected %v, %q", k, err, c.err, c.says)
			}
		})
	}

	t.Run("a public key that is not the private one's", func(t *testing.T) {
		k := find(t, token, pkcs11.Selector{Label: "bare", Public: other.Public()})
		digest, opts := hashed(k, "text")
		sig, err := k.Sign(nil, digest, opts)
		if sig != nil || !errors.Is(err, pkcs11.ErrUncertain) {
			t.Errorf("%x, %v", sig, err)
		}
	})
	t.Run("list", func(t *testing.T) {
		list, err := token.Keys(t.Context())
		if err != nil || len(list) != 16 {
			t.Fatal(len(list), err)
		}
		for label, want := range map[string]pkcs11.KeyInfo{
			"p256":    {ID: []byte{1}, Kind: "EC", Generated: true, NeverExtractable: true, Signs: true},
			"rsa":     {ID: []byte{3}, Kind: "RSA", Generated: true, NeverExtractable: true, Signs: true},
			"loose":   {ID: []byte{8}, Kind: "EC", Generated: true, Extractable: true, Signs: true},
			"mute":    {ID: []byte{10}, Kind: "EC", Generated: true, NeverExtractable: true},
			"ed25519": {ID: []byte{11}, Kind: "64", Generated: true, NeverExtractable: true, Signs: true},
		} {
			i := slices.IndexFunc(list, func(k pkcs11.KeyInfo) bool { return k.Label == label })
			if i < 0 {
				t.Fatalf("no %s", label)
			}
			want.Label = label
			if got := list[i]; !bytes.Equal(got.ID, want.ID) || got.Kind != want.Kind || got.Generated != want.Generated ||
				got.NeverExtractable != want.NeverExtractable || got.Extractable != want.Extractable || got.Signs != want.Signs {
				t.Errorf("%+v, expected %+v", got, want)
			}
		}
	})
}

// A key signs in one way, whatever it is asked.
func TestMechanism(t *testing.T) {
	h := softhsmtest.New(t)
	give(t, h, pair{label: "p256", curve: p256}, pair{label: "p384", curve: p384}, pair{label: "rsa", bits: 2048})
	token := h.Open(t)
	d256, d384 := sha256.Sum256(nil), sha512.Sum384(nil)
	for name, c := range map[string]struct {
		label  string
		digest []byte
		opts   crypto.SignerOpts
	}{
		"no options":            {"p256", d256[:], nil},
		"P-256 with SHA-384":    {"p256", d384[:], crypto.SHA384},
		"P-384 with SHA-256":    {"p384", d256[:], crypto.SHA256},
		"a text":                {"p256", []byte("text"), crypto.SHA256},
		"no digest":             {"p256", d256[:], crypto.Hash(0)},
		"EC with PSS":           {"p256", d256[:], &rsa.PSSOptions{Hash: crypto.SHA256}},
		"RSA with PKCS #1 v1.5": {"rsa", d256[:], crypto.SHA256},
		"RSA with SHA-384":      {"rsa", d384[:], &rsa.PSSOptions{Hash: crypto.SHA384, SaltLength: rsa.PSSSaltLengthEqualsHash}},
		"RSA with another salt": {"rsa", d256[:], &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 20}},
		"RSA with a full salt":  {"rsa", d256[:], &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: rsa.PSSSaltLengthAuto}},
	} {
		t.Run(name, func(t *testing.T) {
			sig, err := find(t, token, pkcs11.Selector{Label: c.label}).Sign(rand.Reader, c.digest, c.opts)
			if sig != nil || !errors.Is(err, pkcs11.ErrMechanism) {
				t.Errorf("%x, %v", sig, err)
			}
		})
	}
}

func TestGenerateKey(t *testing.T) {
	h := softhsmtest.New(t)
	f := h.Break(t)
	token := h.Open(t, func(c *pkcs11.Config) { c.Sessions = 2 })
	for label, curve := range map[string]elliptic.Curve{"new": elliptic.P256(), "new 384": elliptic.P384()} {
		k, err := token.GenerateKey(t.Context(), label, curve)
		if err != nil {
			t.Fatal(err)
		}
		signs(t, k)
		if got := k.Public().(*ecdsa.PublicKey); got.Curve != curve || len(k.ID()) != 16 {
			t.Errorf("%v, id %x", got.Curve.Params().Name, k.ID())
		}
		signs(t, find(t, token, pkcs11.Selector{ID: k.ID()}))
	}
	list, err := token.Keys(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatal(len(list), err)
	}
	for _, k := range list {
		if !k.Generated || !k.NeverExtractable || k.Extractable || !k.Signs {
			t.Errorf("%+v", k)
		}
	}
	for name, c := range map[string]struct {
		label string
		curve elliptic.Curve
		err   error
	}{
		"taken":    {"new", elliptic.P256(), pkcs11.ErrKey},
		"no label": {"", elliptic.P256(), pkcs11.ErrKey},
		"P-521":    {"521", elliptic.P521(), pkcs11.ErrMechanism},
	} {
		if k, err := token.GenerateKey(t.Context(), c.label, c.curve); k != nil || !errors.Is(err, c.err) {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
	if list, err := token.Keys(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("%d keys after refusals, %v", len(list), err)
	}
	f.Fail("C_OpenSession", p11.CKR_SESSION_COUNT, 1)
	if _, err := token.GenerateKey(t.Context(), "one too many", elliptic.P256()); !errors.Is(err, pkcs11.ErrBusy) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := token.GenerateKey(ctx, "late", elliptic.P256()); err == nil {
		t.Error("made although nobody waits")
	}
}
