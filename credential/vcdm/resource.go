package vcdm

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/mr-tron/base58"

	"github.com/zegel-id/zegel/internal/jose"
)

// RelatedResource is a resource whose content the credential fixes (Section
// 5.3). At least one of the digests is there.
type RelatedResource struct {
	ID        string
	MediaType string
	SRI       string // digestSRI
	Multibase string // digestMultibase
}

func related(v jsontext.Value) ([]RelatedResource, error) {
	const name, sec = "relatedResource", "5.3"
	list, err := objects(v, name, sec, true, false)
	if err != nil || list == nil {
		return nil, err
	}
	out := make([]RelatedResource, len(list))
	seen := make(map[string]bool, len(list))
	for i, o := range list {
		var m struct {
			MediaType string `json:"mediaType"`
			SRI       string `json:"digestSRI"`
			Multibase string `json:"digestMultibase"`
		}
		if err := jose.Unmarshal(o.Raw, &m); err != nil {
			return nil, malformed(at(name, i), sec, "must have strings as mediaType, digestSRI and digestMultibase")
		}
		if seen[o.ID] {
			return nil, malformed(name, sec, "names a resource twice")
		}
		seen[o.ID] = true
		r := RelatedResource{ID: o.ID, MediaType: m.MediaType, SRI: m.SRI, Multibase: m.Multibase}
		if r.SRI == "" && r.Multibase == "" {
			return nil, malformed(at(name, i), sec, "must have digestSRI or digestMultibase")
		}
		if _, ok := r.matches(nil); !ok {
			return nil, malformed(at(name, i), sec, "has a digest that is not of SHA-256, SHA-384 or SHA-512")
		}
		out[i] = r
	}
	return out, nil
}

// Check holds content against the digests of the resource. All that are there
// must match.
func (r RelatedResource) Check(content []byte) error {
	if match, ok := r.matches(content); !match || !ok {
		return &Error{Problem: MalformedValueError, Member: "relatedResource", Spec: section("5.3"), Detail: "does not match", Err: ErrDigest}
	}
	return nil
}

// matches compares; ok is false for digests that are not readable.
func (r RelatedResource) matches(content []byte) (match, ok bool) {
	if r.SRI == "" && r.Multibase == "" {
		return false, false
	}
	match = true
	if r.SRI != "" {
		m, ok := matchSRI(r.SRI, content)
		if !ok {
			return false, false
		}
		match = m
	}
	if r.Multibase != "" {
		m, ok := matchMultibase(r.Multibase, content)
		if !ok {
			return false, false
		}
		match = match && m
	}
	return match, true
}

// matchSRI reads the one or more hashes of Subresource Integrity, Section 3.5;
// the strongest algorithm decides.
func matchSRI(sri string, content []byte) (match, ok bool) {
	best := 0
	for _, one := range strings.Fields(sri) {
		one, _, _ = strings.Cut(one, "?")
		alg, digest, _ := strings.Cut(one, "-")
		want, err := base64.StdEncoding.Strict().DecodeString(digest)
		size := map[string]int{"sha256": 32, "sha384": 48, "sha512": 64}[alg]
		if err != nil || size == 0 || len(want) != size {
			return false, false
		}
		if size > best {
			best, match = size, false
		}
		if size == best && equal(content, want) {
			match = true
		}
	}
	return match, best > 0
}

// multihashes are the prefixes of a multihash (Controlled Identifiers 1.0,
// Section 2.5) by the length of the digest.
var multihashes = map[string]int{"1220": 32, "2030": 48, "1340": 64}

func matchMultibase(s string, content []byte) (match, ok bool) {
	var b []byte
	var err error
	switch {
	case len(s) > 128:
		return false, false
	case strings.HasPrefix(s, "u"):
		b, err = jose.Decode(s[1:])
	case strings.HasPrefix(s, "z"):
		b, err = base58.Decode(s[1:])
	default:
		return false, false
	}
	if err != nil || len(b) < 3 || multihashes[hex.EncodeToString(b[:2])] != len(b)-2 {
		return false, false
	}
	return equal(content, b[2:]), true
}

func equal(content, want []byte) bool {
	var got []byte
	switch len(want) {
	case 32:
		sum := sha256.Sum256(content)
		got = sum[:]
	case 48:
		sum := sha512.Sum384(content)
		got = sum[:]
	case 64:
		sum := sha512.Sum512(content)
		got = sum[:]
	}
	return subtle.ConstantTimeCompare(got, want) == 1
}
