package ecdsasd

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/selective"
	"github.com/zegel-id/zegel/internal/cbor"
)

// parts of proof values, as CBOR.
func cborBytes(n int) []byte { return cbor.AppendBytes(nil, make([]byte, n)) }

func array(items ...[]byte) []byte {
	return append(cbor.AppendArray(nil, len(items)), bytes.Join(items, nil)...)
}

func labelMap(pairs ...[]byte) []byte {
	return append(cbor.AppendMap(nil, len(pairs)/2), bytes.Join(pairs, nil)...)
}

func uints(numbers ...int) []byte {
	b := cbor.AppendArray(nil, len(numbers))
	for _, n := range numbers {
		b = cbor.AppendUint(b, uint64(n))
	}
	return b
}

func uint1(n int) []byte { return cbor.AppendUint(nil, uint64(n)) }

// with is a proof value of elements, one or more of them replaced.
func with(header []byte, elements [][]byte, replace map[int][]byte) string {
	elements = slices.Clone(elements)
	for i, b := range replace {
		elements[i] = b
	}
	return di.EncodeBase64(append(slices.Clone(header), array(elements...)...))
}

// TestMalformedProofValues: each way in which the CBOR of a proof value can be wrong (DI ECDSA
// 1.0, Sections 3.5.3 and 3.5.8).
func TestMalformedProofValues(t *testing.T) {
	signatures := array(cborBytes(64), cborBytes(64))
	base := [][]byte{cborBytes(64), cborBytes(35), cborBytes(32), signatures, array(cbor.AppendText(nil, "/issuer"))}
	derived := [][]byte{cborBytes(64), cborBytes(35), signatures, labelMap(uint1(0), cborBytes(32), uint1(1), cborBytes(32)), uints(0, 2, 300, 4000)}
	if _, err := parseBase(with(headerBase, base, nil)); err != nil {
		t.Fatal(err)
	}
	value, err := parseDerived(with(headerDerived, derived, nil))
	if err != nil {
		t.Fatal(err)
	}
	// Any order of the label map is read; there is one that is written.
	unsorted := labelMap(uint1(1), cborBytes(32), uint1(0), cborBytes(32))
	if other, err := parseDerived(with(headerDerived, derived, map[int][]byte{3: unsorted})); err != nil || encoded(other) != encoded(value) {
		t.Errorf("a label map in another order: %v", err)
	}

	tagged := append([]byte{0xd8, 0x40}, cborBytes(64)...)
	endless := slices.Concat([]byte{0x5f}, cborBytes(32), cborBytes(32), []byte{0xff})
	long := append([]byte{0x59, 0, 64}, make([]byte, 64)...)
	for name, b := range map[string][]byte{"signature of 63": cborBytes(63), "signature of 65": cborBytes(65), "a tag": tagged,
		"indefinite length": endless, "not the shortest length": long, "null": {0xf6}, "text": cbor.AppendText(nil, strings.Repeat("x", 64)), "an array": array(cborBytes(64))} {
		for kind, text := range map[string]string{
			"base":                with(headerBase, base, map[int][]byte{0: b}),
			"derived":             with(headerDerived, derived, map[int][]byte{0: b}),
			"base, signatures":    with(headerBase, base, map[int][]byte{3: array(cborBytes(64), b)}),
			"derived, signatures": with(headerDerived, derived, map[int][]byte{2: array(b, cborBytes(64))}),
		} {
			malformed(t, kind+": "+name, text)
		}
	}
	for name, text := range map[string]string{
		"key of 36":                 with(headerDerived, derived, map[int][]byte{1: cborBytes(36)}),
		"key of 33":                 with(headerDerived, derived, map[int][]byte{1: cborBytes(33)}),
		"base, key of 36":           with(headerBase, base, map[int][]byte{1: cborBytes(36)}),
		"HMAC key of 31":            with(headerBase, base, map[int][]byte{2: cborBytes(31)}),
		"HMAC key of 64":            with(headerBase, base, map[int][]byte{2: cborBytes(64)}),
		"pointers are bytes":        with(headerBase, base, map[int][]byte{4: array(cborBytes(3))}),
		"a pointer is not UTF-8":    with(headerBase, base, map[int][]byte{4: array([]byte{0x62, 0xc3, 0x28})}),
		"pointers are a map":        with(headerBase, base, map[int][]byte{4: labelMap()}),
		"too many pointers":         with(headerBase, base, map[int][]byte{4: array(slices.Repeat([][]byte{{0x60}}, selective.MaxPointers+1)...)}),
		"too many signatures":       with(headerBase, base, map[int][]byte{3: array(slices.Repeat([][]byte{cborBytes(64)}, selective.MaxStatements+1)...)}),
		"label of 31":               with(headerDerived, derived, map[int][]byte{3: labelMap(uint1(0), cborBytes(31))}),
		"label of 33":               with(headerDerived, derived, map[int][]byte{3: labelMap(uint1(0), cborBytes(33))}),
		"label twice":               with(headerDerived, derived, map[int][]byte{3: labelMap(uint1(0), cborBytes(32), uint1(0), cborBytes(32))}),
		"labels with a gap":         with(headerDerived, derived, map[int][]byte{3: labelMap(uint1(0), cborBytes(32), uint1(2), cborBytes(32))}),
		"labels from 1":             with(headerDerived, derived, map[int][]byte{3: labelMap(uint1(1), cborBytes(32))}),
		"label of a negative":       with(headerDerived, derived, map[int][]byte{3: labelMap([]byte{0x20}, cborBytes(32))}),
		"label of a text":           with(headerDerived, derived, map[int][]byte{3: labelMap(cbor.AppendText(nil, "0"), cborBytes(32))}),
		"labels are an array":       with(headerDerived, derived, map[int][]byte{3: array()}),
		"index twice":               with(headerDerived, derived, map[int][]byte{4: uints(0, 1, 1)}),
		"indexes descend":           with(headerDerived, derived, map[int][]byte{4: uints(1, 0)}),
		"index negative":            with(headerDerived, derived, map[int][]byte{4: {0x81, 0x20}}),
		"index a float":             with(headerDerived, derived, map[int][]byte{4: {0x81, 0xf9, 0, 0}}),
		"index of eight bytes":      with(headerDerived, derived, map[int][]byte{4: {0x81, 0x1b, 0, 0, 0, 0, 0, 0, 0, 1}}),
		"index beyond statements":   with(headerDerived, derived, map[int][]byte{4: uints(selective.MaxStatements)}),
		"index beyond an int32":     with(headerDerived, derived, map[int][]byte{4: {0x81, 0x1a, 0xff, 0xff, 0xff, 0xff}}),
		"index not the shortest":    with(headerDerived, derived, map[int][]byte{4: {0x81, 0x18, 1}}),
		"index not shortest of 2":   with(headerDerived, derived, map[int][]byte{4: {0x81, 0x19, 0, 255}}),
		"index not shortest of 4":   with(headerDerived, derived, map[int][]byte{4: {0x81, 0x1a, 0, 0, 255, 255}}),
		"a length of gigabytes":     with(headerDerived, derived, map[int][]byte{4: {0x9a, 0x7f, 0xff, 0xff, 0xff}}),
		"labels by the gigabyte":    with(headerDerived, derived, map[int][]byte{3: {0xba, 0x7f, 0xff, 0xff, 0xff}}),
		"four elements":             with(headerDerived, derived[:4], nil),
		"six elements":              with(headerDerived, append(slices.Clone(derived), uints()), nil),
		"something behind":          with(headerDerived, derived, map[int][]byte{4: append(uints(0), 0)}),
		"base, four elements":       with(headerBase, base[:4], nil),
		"base, something behind":    with(headerBase, base, map[int][]byte{4: append(array(), 0xf6)}),
		"elements are a map":        di.EncodeBase64(append(slices.Clone(headerDerived), 0xa0)),
		"nothing but a header":      di.EncodeBase64(headerDerived),
		"nothing but a base header": di.EncodeBase64(headerBase),
		"half a header":             di.EncodeBase64(headerDerived[:2]),
		"the header of bbs-2023":    with([]byte{0xd9, 0x5d, 0x03}, derived, nil),
		"no header":                 di.EncodeBase64(array(derived...)),
		"base58":                    di.EncodeBase58(append(slices.Clone(headerDerived), array(derived...)...)),
		"padded":                    with(headerDerived, derived, nil) + "=",
		"no prefix":                 with(headerDerived, derived, nil)[1:],
		"empty":                     "",
		"far too long":              "u" + strings.Repeat("A", maxProofValue),
	} {
		malformed(t, name, text)
	}
	six := append(slices.Clone(headerDerived), cbor.AppendArray(nil, 6)...)
	malformed(t, "six elements by their head", di.EncodeBase64(append(six, bytes.Join(derived, nil)...)))
	malformed(t, "longer than is read", with(headerBase, base, map[int][]byte{4: array(cbor.AppendText(nil, strings.Repeat("/", maxProofValue*3/4)))}))
	// A text that ends early anywhere is none.
	for _, whole := range []string{with(headerDerived, derived, nil), with(headerBase, base, nil)} {
		b, err := di.MultibaseBase64(whole)
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(b) {
			malformed(t, "cut off", di.EncodeBase64(b[:n]))
		}
	}
}

// malformed: neither parser takes it, and neither returns anything.
func malformed(t *testing.T, name, text string) {
	t.Helper()
	base, err := parseBase(text)
	refused(t, name, err, di.CheckProofValue)
	derived, err := parseDerived(text)
	refused(t, name, err, di.CheckProofValue)
	if base != nil || derived != nil {
		t.Errorf("%s: a value beside the error", name)
	}
}

// TestKeyInProof: the key inside a proof is a compressed point of P-256 with its codec.
func TestKeyInProof(t *testing.T) {
	good := must(encodeKey(&newKey(t).PublicKey))
	if _, err := decodeKey(good); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"P-384 codec":  append([]byte{0x81, 0x24}, good[2:]...),
		"uncompressed": append([]byte{0x80, 0x24, 4}, good[3:]...),
		"no point":     append([]byte{0x80, 0x24, 2}, bytes.Repeat([]byte{0xff}, 32)...),
		"Ed25519":      append([]byte{0xed, 0x01}, good[3:]...),
	} {
		_, err := decodeKey(b)
		refused(t, name, err, di.CheckProofValue)
	}
}

// FuzzProofValue: what is read is written again the same way, but for the order of the label
// map; what is not gives nothing.
func FuzzProofValue(f *testing.F) {
	for _, v := range vectors(f) {
		for _, file := range []string{"addSignedSDBase.json", "derivedRevealDocument.json"} {
			_, _, text := v.Signed(f, file)
			b, err := di.MultibaseBase64(text)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
			f.Add(b[:len(b)-1])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text := di.EncodeBase64(b)
		if base, err := parseBase(text); err == nil {
			if !bytes.Equal(base.encode(), b) {
				t.Errorf("written as %x", base.encode())
			}
		} else if base != nil {
			t.Error("a value beside the error")
		}
		derived, err := parseDerived(text)
		if err != nil {
			if derived != nil {
				t.Error("a value beside the error")
			}
			return
		}
		written := encoded(derived)
		if len(written) != len(text) {
			t.Errorf("written as %s", written)
		}
		if again, err := parseDerived(written); err != nil || encoded(again) != written {
			t.Errorf("not read again: %v", err)
		}
	})
}
