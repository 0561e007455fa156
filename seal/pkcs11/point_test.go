//go:build cgo

package pkcs11

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/asn1"
	"testing"
)

// points are CKA_EC_PARAMS and CKA_EC_POINT as tokens give them.
func points(t testing.TB, curve elliptic.Curve) (params, bare, wrapped []byte, pub *ecdsa.PublicKey) {
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if bare, err = key.PublicKey.Bytes(); err != nil {
		t.Fatal(err)
	}
	if wrapped, err = asn1.Marshal(bare); err != nil {
		t.Fatal(err)
	}
	if params, err = curveParams(curve); err != nil {
		t.Fatal(err)
	}
	return params, bare, wrapped, &key.PublicKey
}

func TestPoint(t *testing.T) {
	params, bare, wrapped, want := points(t, elliptic.P256())
	other, _, _, _ := points(t, elliptic.P384())
	for name, point := range map[string][]byte{"bare": bare, "in an OCTET STRING": wrapped} {
		if got, err := parseEC(params, point); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	off := append([]byte(nil), bare...)
	off[len(off)-1] ^= 1
	compressed := append([]byte{2 + bare[64]&1}, bare[1:33]...)
	for name, c := range map[string]struct{ params, point []byte }{
		"off the curve":    {params, off},
		"another curve":    {other, bare},
		"compressed":       {params, compressed},
		"the neutral one":  {params, []byte{0}},
		"empty":            {params, nil},
		"more behind":      {params, append(append([]byte(nil), wrapped...), 0)},
		"no curve":         {nil, bare},
		"explicit curve":   {[]byte{0x30, 0}, bare},
		"curve and more":   {append(append([]byte(nil), params...), 0), bare},
		"unknown curve":    {[]byte{6, 5, 0x2b, 0x81, 4, 0, 0x0a}, bare},
		"half of the bare": {params, bare[:33]},
	} {
		if got, err := parseEC(c.params, c.point); got != nil || err == nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// A point that is not refused is on the curve, and a refused one is nothing.
func FuzzPoint(f *testing.F) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		params, bare, wrapped, _ := points(f, curve)
		f.Add(params, bare)
		f.Add(params, wrapped)
	}
	f.Fuzz(func(t *testing.T, params, point []byte) {
		pub, err := parseEC(params, point)
		if (pub == nil) != (err != nil) {
			t.Fatalf("%v, %v", pub, err)
		}
		if pub == nil {
			return
		}
		if _, err := pub.Bytes(); err != nil {
			t.Fatal(err)
		}
		if _, err := schemeOf(pub); err != nil {
			t.Fatal(err)
		}
	})
}
