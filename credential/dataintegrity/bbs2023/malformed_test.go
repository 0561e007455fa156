package bbs2023

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/internal/cbor"
)

func cborBytes(n int) []byte { return cbor.AppendBytes(nil, make([]byte, n)) }

func array(items ...[]byte) []byte {
	return append(cbor.AppendArray(nil, len(items)), bytes.Join(items, nil)...)
}

func uints(numbers ...int) []byte {
	b := cbor.AppendArray(nil, len(numbers))
	for _, n := range numbers {
		b = cbor.AppendUint(b, uint64(n))
	}
	return b
}

func labelMap(numbers ...int) []byte {
	b := cbor.AppendMap(nil, len(numbers)/2)
	for _, n := range numbers {
		b = cbor.AppendUint(b, uint64(n))
	}
	return b
}

// with is a proof value of elements, one of them replaced.
func with(header []byte, elements [][]byte, at int, b []byte) string {
	elements = slices.Clone(elements)
	if b != nil {
		elements[at] = b
	}
	return di.EncodeBase64(append(slices.Clone(header), array(elements...)...))
}

// TestMalformedProofValues: each way in which a proof value can be wrong (DI BBS
// 1.0, Sections 3.2.3 and 3.2.7).
func TestMalformedProofValues(t *testing.T) {
	base := [][]byte{cborBytes(80), cborBytes(64), cborBytes(96), cborBytes(32), array(cbor.AppendText(nil, "/issuer"))}
	derived := [][]byte{cborBytes(272), labelMap(0, 1, 1, 0), uints(0, 2), uints(1), cborBytes(4)}
	if _, err := parseBase(with(headerBase, base, 0, nil)); err != nil {
		t.Fatal(err)
	}
	if _, err := parseDerived(with(headerDerived, derived, 0, nil)); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"not multibase": "zabc", "empty": "", "only a header": di.EncodeBase64(headerDerived),
		"long":             "u" + strings.Repeat("A", maxProofValue),
		"four elements":    di.EncodeBase64(append(slices.Clone(headerDerived), array(derived[:4]...)...)),
		"trailing":         di.EncodeBase64(append(append(slices.Clone(headerDerived), array(derived...)...), 0)),
		"signature of 79":  with(headerBase, base, 0, cborBytes(79)),
		"header of 32":     with(headerBase, base, 1, cborBytes(32)),
		"key of 48":        with(headerBase, base, 2, cborBytes(48)),
		"HMAC key of 31":   with(headerBase, base, 3, cborBytes(31)),
		"pointer in bytes": with(headerBase, base, 4, array(cborBytes(3))),
		"proof of 271":     with(headerDerived, derived, 0, cborBytes(271)),
		"proof too long":   with(headerDerived, derived, 0, cborBytes(maxBBSProof+32)),
		"a tag":            with(headerDerived, derived, 0, append([]byte{0xd8, 0x40}, cborBytes(272)...)),
		"label twice":      with(headerDerived, derived, 1, labelMap(0, 1, 0, 0)),
		"label beyond":     with(headerDerived, derived, 1, labelMap(0, 1, 2, 0)),
		"descending":       with(headerDerived, derived, 2, uints(2, 0)),
		"index twice":      with(headerDerived, derived, 3, uints(1, 1)),
		"index too large":  with(headerDerived, derived, 3, uints(1<<20)),
		"long form":        with(headerDerived, derived, 3, []byte{0x81, 0x18, 1}),
		"header of a text": with(headerDerived, derived, 4, cbor.AppendText(nil, "abcd")),
		"long header":      with(headerDerived, derived, 4, cborBytes(maxHeader+1)),
	}
	for name, text := range tests {
		if v, err := parseBase(text); err == nil || v != nil {
			t.Errorf("%s: read as a base proof", name)
		} else {
			refused(t, name, err, di.CheckProofValue)
		}
		if v, err := parseDerived(text); err == nil || v != nil {
			t.Errorf("%s: read as a derived proof", name)
		} else {
			refused(t, name, err, di.CheckProofValue)
		}
	}
}

// TestFeaturesRefused: optional features are refused by name.
func TestFeaturesRefused(t *testing.T) {
	for last, name := range features {
		text := di.EncodeBase64([]byte{0xd9, 0x5d, last, 0x80})
		_, err := parseDerived(text)
		if refused(t, name, err, di.CheckProofValue); err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
}

func FuzzProofValue(f *testing.F) {
	for _, v := range vectors(f) {
		for _, file := range []string{"addSignedSDBase.json", "derivedRevealDocument.json"} {
			_, _, value := v.Signed(f, file)
			f.Add(value)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := parseBase(text)
		if (err == nil) == (b == nil) {
			t.Fatal("a failed parse returns a value, or none and no error")
		}
		if b != nil && di.EncodeBase64(b.encode()) != text {
			t.Error("a base proof is written otherwise")
		}
		d, err := parseDerived(text)
		if (err == nil) == (d == nil) {
			t.Fatal("a failed parse returns a value, or none and no error")
		}
		if d != nil && len(di.EncodeBase64(d.encode())) != len(text) {
			t.Error("a derived proof is written otherwise")
		}
	})
}
