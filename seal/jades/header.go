// Package jades is the format of a seal: the protected header of a JWS as ETSI
// TS 119 182-1 V1.2.1 (JAdES) wants it, read strictly and written once per kind
// of token.
//
// It knows form only. Whether the certificate is trusted is decided in
// seal/trust, what the seal is worth in seal. What stands beside the protected
// header (B-T to B-LTA) is in seal/evidence.
package jades

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// ErrHeader is returned for a protected header that cannot be processed at
// all. It is FORMAT_FAILURE in ETSI EN 319 102-1.
var ErrHeader = errors.New("not a well-formed JAdES header")

// Header is the protected header of a compact JAdES signature.
type Header struct {
	Alg jose.Alg
	Typ string

	// IssuedAt is iat, the claimed signing time; zero when absent.
	IssuedAt time.Time
	// SigT is the claimed signing time of signatures made before 2025-07-15;
	// zero when absent.
	SigT time.Time
	// Expires is exp; zero when absent.
	Expires time.Time

	// The references to the signing certificate. A signature has exactly one.
	X5TS256 string
	X5TO    *Digest
	SigX5TS []Digest

	X5U  string
	X5C  []string
	Crit []string

	// SHA1 tells that x5t is there, which the specification forbids.
	SHA1 bool
	// Unencoded tells that b64 is false: the payload was signed as it is.
	Unencoded bool
	// Detached tells that sigD is there: what was signed is elsewhere.
	Detached bool
	// ContentTimeStamps are the tokens of adoTst in DER; nil without it. They were
	// neither read nor judged.
	ContentTimeStamps [][]byte
	// Others names the JAdES members that are there and are not evaluated:
	// srCms, sigPl, srAts, sigPId.
	Others []string
}

// Digest is a digest of a certificate with its algorithm (clause 5.2.2.2).
type Digest struct {
	Alg   string `json:"digAlg"`
	Value string `json:"digVal"`
}

// wire has one member per header parameter that has a meaning here.
type wire struct {
	Iat     *jose.NumericDate `json:"iat"`
	SigT    *string           `json:"sigT"`
	Exp     jsontext.Value    `json:"exp"`
	X5T     jsontext.Value    `json:"x5t"`
	X5TO    *Digest           `json:"x5t#o"`
	SigX5TS []Digest          `json:"sigX5ts"`
	SrCms   jsontext.Value    `json:"srCms"`
	SigPl   jsontext.Value    `json:"sigPl"`
	SrAts   jsontext.Value    `json:"srAts"`
	AdoTst  jsontext.Value    `json:"adoTst"`
	SigPID  jsontext.Value    `json:"sigPId"`
	SigD    jsontext.Value    `json:"sigD"`
	B64     jsontext.Value    `json:"b64"`
	Zip     jsontext.Value    `json:"zip"`
	Crit    jsontext.Value    `json:"crit"`
}

// ParseHeader reads the protected header of a token (TS 119 182-1, clause 5).
// It refuses what RFC 7515 lets a recipient not accept: a crit that is empty,
// repeats a name, names an absent or unknown parameter or one of RFC 7515 or
// RFC 7518; b64, because a compact seal of ours is encoded; and members of the
// wrong JSON type.
func ParseHeader(t *jose.Token) (Header, error) { return parseHeader(t, false) }

// ParseJSONHeader is ParseHeader for a signature in JSON serialisation, where
// b64 may be false if it is critical: what was signed is in the JSON as text (RFC
// 7797, Section 5).
func ParseJSONHeader(t *jose.Token) (Header, error) { return parseHeader(t, true) }

func parseHeader(t *jose.Token, inJSON bool) (Header, error) {
	w, ok := plain(t.RawHeader)
	if !ok {
		if err := jose.Unmarshal(t.RawHeader, &w); err != nil {
			return Header{}, fmt.Errorf("%w: %w", ErrHeader, err)
		}
	}
	unencoded := inJSON && string(w.B64) == "false"
	if w.B64 != nil && !unencoded || w.Zip != nil {
		return Header{}, fmt.Errorf("%w: b64 and zip are not used in a compact seal (RFC 7797, Section 6)", ErrHeader)
	}
	if w.X5TO != nil && (w.X5TO.Alg == "" || w.X5TO.Value == "") {
		return Header{}, fmt.Errorf("%w: x5t#o must hold digAlg and digVal (ETSI TS 119 182-1, clause 5.2.2.2)", ErrHeader)
	}
	if w.SigX5TS != nil && len(w.SigX5TS) < 2 {
		return Header{}, fmt.Errorf("%w: sigX5ts must hold two digests or more (ETSI TS 119 182-1, clause 5.2.2.3)", ErrHeader)
	}
	h := Header{
		Alg: t.Header.Alg, Typ: t.Header.Typ,
		X5TS256: t.Header.X5TS256, X5TO: w.X5TO, SigX5TS: w.SigX5TS,
		X5U: t.Header.X5U, X5C: t.Header.X5C, Crit: t.Header.Crit,
		SHA1: w.X5T != nil, Detached: w.SigD != nil, Unencoded: unencoded,
	}
	if err := h.times(w); err != nil {
		return Header{}, err
	}
	if w.AdoTst != nil {
		var err error
		if h.ContentTimeStamps, err = ReadContainer(w.AdoTst, maxContentStamps); err != nil {
			return Header{}, fmt.Errorf("%w: adoTst: %w (ETSI TS 119 182-1, clause 5.2.6)", ErrHeader, err)
		}
	}
	if ok { // it has none of what follows
		return h, nil
	}
	present := map[string]bool{
		"sigT": w.SigT != nil, "iat": w.Iat != nil, "exp": w.Exp != nil,
		"x5t#o": w.X5TO != nil, "sigX5ts": w.SigX5TS != nil, "sigD": w.SigD != nil,
		"srCms": w.SrCms != nil, "sigPl": w.SigPl != nil, "srAts": w.SrAts != nil,
		"adoTst": w.AdoTst != nil, "sigPId": w.SigPID != nil,
	}
	for _, name := range []string{"srCms", "sigPl", "srAts", "sigPId"} {
		if present[name] {
			h.Others = append(h.Others, name)
		}
	}
	if inJSON {
		present["b64"] = unencoded
	}
	if w.Crit != nil {
		if err := checkCrit(h.Crit, present); err != nil {
			return Header{}, err
		}
	}
	if unencoded && !slices.Contains(h.Crit, "b64") {
		return Header{}, fmt.Errorf("%w: b64 is false and not critical (RFC 7797, Section 6)", ErrHeader)
	}
	return h, nil
}

// plain reads a header that has iat and what every JWS may have, as most seals do
// and those of ours; false when it has more, or another spelling.
func plain(header []byte) (w wire, ok bool) {
	ok = jose.Plain(header, func(name, value []byte) bool {
		switch string(name) {
		case "alg", "typ", "cty", "kid", "x5t#S256", "x5u", "x5c":
			return true
		case "iat":
			w.Iat = new(jose.NumericDate)
			return w.Iat.UnmarshalJSON(value) == nil
		default:
			return false
		}
	})
	if !ok {
		return wire{}, false
	}
	return w, true
}

func (h *Header) times(w wire) error {
	if w.Iat != nil {
		h.IssuedAt = w.Iat.Time()
	}
	if w.SigT != nil {
		const layout = "2006-01-02T15:04:05Z"
		at, err := time.Parse(layout, *w.SigT)
		if err != nil || at.Format(layout) != *w.SigT { // Parse lets fractions pass
			return fmt.Errorf("%w: sigT must be UTC without fractions (ETSI TS 119 182-1, clause 5.2.1)", ErrHeader)
		}
		h.SigT = at
	}
	if w.Exp != nil {
		var exp jose.NumericDate
		err := exp.UnmarshalJSON(w.Exp)
		switch {
		case err == nil:
			h.Expires = exp.Time()
		case slices.Contains(h.Crit, "exp"):
			return fmt.Errorf("%w: exp is critical and no NumericDate (RFC 7519, Section 4.1.4)", ErrHeader)
		}
	}
	return nil
}

// checkCrit holds crit against the names a JAdES signature may list there
// (TS 119 182-1, clause 5.1.9; RFC 7515, Section 4.1.11). present has every
// name that is understood.
func checkCrit(crit []string, present map[string]bool) error {
	if len(crit) == 0 {
		return fmt.Errorf("%w: crit must be a non-empty array (RFC 7515, Section 4.1.11)", ErrHeader)
	}
	for i, name := range crit {
		there, known := present[name]
		switch {
		case !known:
			return fmt.Errorf("%w: crit[%d] is a name not understood here, or one that crit must not list (RFC 7515, Section 4.1.11)", ErrHeader, i)
		case !there:
			return fmt.Errorf("%w: crit lists %q, which the header does not have (RFC 7515, Section 4.1.11)", ErrHeader, name)
		case slices.Contains(crit[:i], name):
			return fmt.Errorf("%w: crit lists %q twice (RFC 7515, Section 4.1.11)", ErrHeader, name)
		}
	}
	return nil
}
