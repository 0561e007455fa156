package oid4vp

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// Supported is what one side can do with a format (Appendix B).
type Supported struct {
	// Issuer are the algorithms of issuers' signatures, Holder those of holders'.
	// The W3C formats have one list for both.
	Issuer, Holder []jose.Alg
	// Suites are Data Integrity cryptosuites of credentials and presentations, of
	// ldp_vc.
	Suites []string
}

// the members of vp_formats_supported, format by format (Appendices B.1.3.1.4,
// B.1.3.2.4, B.2.2 and B.3.4).
type (
	sdFormat struct {
		Issuer []jose.Alg `json:"sd-jwt_alg_values,omitempty"`
		Holder []jose.Alg `json:"kb-jwt_alg_values,omitempty"`
	}
	mdocFormat struct {
		Issuer []int64 `json:"issuerauth_alg_values,omitempty"`
		Holder []int64 `json:"deviceauth_alg_values,omitempty"`
	}
	jwtFormat struct {
		Algs []jose.Alg `json:"alg_values,omitempty"`
	}
	ldpFormat struct {
		Types  []string `json:"proof_type_values,omitempty"`
		Suites []string `json:"cryptosuite_values,omitempty"`
	}
)

// coseAlgs are the numbers of an algorithm: its own (RFC 9053) and that which
// names the curve too (RFC 9864). HAIP 1.0, Section 7 takes them for the same.
var coseAlgs = map[jose.Alg][]int64{jose.ES256: {-7, -9}, jose.ES384: {-35, -51}, jose.EdDSA: {-8, -19}}

func numbers(algs []jose.Alg) []int64 {
	var out []int64
	for _, a := range algs {
		out = append(out, coseAlgs[a]...)
	}
	return out
}

// Entry is the value of vp_formats_supported for a format; nil for one that is
// not known.
func (s Supported) Entry(format credential.Format) jsontext.Value {
	var v any
	switch format {
	case credential.FormatSDJWTVC:
		v = sdFormat{s.Issuer, s.Holder}
	case credential.FormatMdoc:
		v = mdocFormat{numbers(s.Issuer), numbers(s.Holder)}
	case credential.FormatJWT, credential.FormatJWTLD:
		v = jwtFormat{s.Issuer}
	case credential.FormatLDP:
		v = ldpFormat{[]string{typeIntegrity}, s.Suites}
	default:
		return nil
	}
	b, err := jose.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

const typeIntegrity = "DataIntegrityProof"

// holderSuite is the cryptosuite of presentations of ldp_vc by P-256 keys.
const holderSuite = "ecdsa-rdfc-2019"

// Accepts reports whether a verifier takes a credential of a format that is
// secured with one algorithm, or cryptosuite, and bound to its holder with the
// other. holder is empty for one without a key. A list that is not there allows
// all.
func (m *ClientMetadata) Accepts(format, issuer string, holder jose.Alg) bool {
	if m == nil || m.VPFormatsSupported == nil {
		return true
	}
	entry, ok := m.VPFormatsSupported[format]
	if !ok {
		return false
	}
	alg := jose.Alg(issuer)
	switch credential.Format(format) {
	case credential.FormatSDJWTVC:
		var f sdFormat
		return read(entry, &f) && allows(f.Issuer, alg) && (holder == "" || allows(f.Holder, holder))
	case credential.FormatMdoc:
		var f mdocFormat
		return read(entry, &f) && allows(f.Issuer, coseAlgs[alg]...) && (holder == "" || allows(f.Holder, coseAlgs[holder]...))
	case credential.FormatJWT, credential.FormatJWTLD:
		var f jwtFormat
		return read(entry, &f) && allows(f.Algs, alg) && (holder == "" || allows(f.Algs, holder))
	case credential.FormatLDP:
		var f ldpFormat
		return read(entry, &f) && allows(f.Types, typeIntegrity) && allows(f.Suites, issuer) && (holder == "" || allows(f.Suites, holderSuite))
	default:
		return false
	}
}

func read(entry jsontext.Value, v any) bool { return jose.Unmarshal(entry, v) == nil }

// allows reports whether a list that is there has one of the values.
func allows[T comparable](list []T, values ...T) bool {
	return list == nil || slices.ContainsFunc(values, func(v T) bool { return slices.Contains(list, v) })
}
