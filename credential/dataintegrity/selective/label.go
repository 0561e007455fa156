package selective

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
)

// HMACKeySize is the length of the HMAC key in bytes, that of the digest (RFC 2104,
// Section 3).
const HMACKeySize = 32

// LabelMap labels the blank nodes of a document that has n of them: the label at i, without
// "_:", takes the place of the canonical identifier "c14n<i>" (what the specifications
// call a label map factory function).
type LabelMap func(n int) (labels []string, err error)

// Canonical labels the blank nodes as RDFC-1.0 does.
func Canonical(n int) ([]string, error) {
	labels := make([]string, n)
	for i := range labels {
		labels[i] = "c14n" + strconv.Itoa(i)
	}
	return labels, nil
}

// HMAC is createHmacIdLabelMapFunction (DI ECDSA 1.0, Section 3.4.4) with HMAC-SHA-256:
// labels that say nothing about the blank nodes that are not disclosed.
func HMAC(key []byte) LabelMap {
	return func(n int) ([]string, error) {
		digests, err := digests(key, n)
		if err != nil {
			return nil, err
		}
		labels := make([]string, n)
		for i := range digests {
			labels[i] = EncodeLabel(digests[i])
		}
		return labels, nil
	}
}

// ShuffledHMAC is createShuffledIdLabelMapFunction (DI BBS 1.0, Section 3.2.1): "b0", "b1"
// and on, in the order of the labels that HMAC gives.
func ShuffledHMAC(key []byte) LabelMap {
	return func(n int) ([]string, error) {
		labels, err := HMAC(key)(n)
		if err != nil {
			return nil, err
		}
		sorted := slices.Clone(labels)
		slices.Sort(sorted)
		for i, l := range labels {
			at, _ := slices.BinarySearch(sorted, l)
			labels[i] = "b" + strconv.Itoa(at)
		}
		return labels, nil
	}
}

// Given is createLabelMapFunction (DI ECDSA 1.0, Section 3.4.3), for the label map of a
// derived proof: the label at i is for "c14n<i>". It fails unless each blank node has
// one label of its own.
func Given(labels []string) LabelMap {
	return func(n int) ([]string, error) {
		if len(labels) != n {
			return nil, &Error{Detail: fmt.Sprintf("the label map has %d labels, the document %d blank nodes: each needs one, and nothing else has one", len(labels), n)}
		}
		seen := make(map[string]bool, n)
		for _, l := range labels {
			if !isLabel(l) {
				return nil, &Error{Detail: "a label of the label map is not one of base64url characters"}
			}
			if seen[l] {
				return nil, &Error{Detail: "the label map gives two blank nodes the same label, which would make them one"}
			}
			seen[l] = true
		}
		return labels, nil
	}
}

// EncodeLabel is the label of a digest: multibase base64url without padding.
func EncodeLabel(digest []byte) string {
	return "u" + base64.RawURLEncoding.EncodeToString(digest)
}

func digests(key []byte, n int) ([][]byte, error) {
	if len(key) != HMACKeySize {
		return nil, &Error{Detail: fmt.Sprintf("the HMAC key has %d bytes, expected %d (DI ECDSA 1.0, Section 3.6.2)", len(key), HMACKeySize)}
	}
	mac := hmac.New(sha256.New, key)
	all := make([]byte, 0, n*sha256.Size)
	name := []byte("c14n")
	for i := range n {
		mac.Reset()
		mac.Write(strconv.AppendInt(name[:4], int64(i), 10))
		all = mac.Sum(all)
	}
	return slices.Collect(slices.Chunk(all, sha256.Size)), nil
}

func isLabel(s string) bool {
	return s != "" && len(s) <= 64 && bytes.IndexFunc([]byte(s), func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	}) < 0 && s[0] != '-' && s[0] != '_'
}
