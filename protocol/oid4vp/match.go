package oid4vp

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// Candidate is a credential as a query sees it: what a wallet holds, or what a
// verifier was shown.
type Candidate interface {
	// Format identifier.
	Format() string
	// Types: for dc+sd-jwt the vct (and, in a wallet, what it extends); for
	// mso_mdoc the doctype; for W3C formats the expanded types.
	Types() []string
	// HolderBound: the credential is, or was, presented with key binding.
	HolderBound() bool
	// AuthorityKeys are the key identifiers of the AuthorityKeyIdentifier
	// extensions in the certificate chain of the credential.
	AuthorityKeys() [][]byte
	// Select is the raw JSON of every value a path points at; none when the
	// path points at nothing or does not fit.
	Select(p credential.Path) [][]byte
}

// ErrNoMatch is returned when the query cannot be satisfied. A wallet must not
// let the verifier see the difference to a refusal (OpenID4VP 1.0, Section
// 15.4.1).
var ErrNoMatch = errors.New("the query cannot be satisfied")

// Fit is a candidate that satisfies a credential query, and the claims to
// disclose for it: no others (Section 6.4).
type Fit struct {
	Index int // in the list of candidates
	Paths []credential.Path
}

// Choice is a credential query that is to be answered.
type Choice struct {
	Query CredentialQuery
	// Fits is never empty. One is to be presented, or several when the query
	// says multiple.
	Fits []Fit
	// Optional: no required set needs it.
	Optional bool
}

// Match finds what satisfies the query among the candidates (Section 6.4). The
// choices are the queries of the first option of each set that can be
// satisfied; those that only an optional set asks for are marked. When a
// required part fails it is ErrNoMatch and nothing may be returned.
func (q Query) Match(candidates []Candidate) ([]Choice, error) {
	fits := map[string][]Fit{}
	for _, c := range q.Credentials {
		for i, x := range candidates {
			if paths, ok := c.fit(x); ok {
				fits[c.ID] = append(fits[c.ID], Fit{Index: i, Paths: paths})
			}
		}
	}
	required, optional := map[string]bool{}, map[string]bool{}
	if len(q.CredentialSets) == 0 {
		for _, c := range q.Credentials {
			required[c.ID] = true
		}
	}
	for _, set := range q.CredentialSets {
		option := slices.IndexFunc(set.Options, func(ids []string) bool {
			return !slices.ContainsFunc(ids, func(id string) bool { return len(fits[id]) == 0 })
		})
		switch {
		case option < 0 && set.Required():
			return nil, ErrNoMatch
		case option < 0:
		case set.Required():
			for _, id := range set.Options[option] {
				required[id] = true
			}
		default:
			for _, id := range set.Options[option] {
				optional[id] = true
			}
		}
	}
	var out []Choice
	for _, c := range q.Credentials {
		switch {
		case required[c.ID] && len(fits[c.ID]) == 0:
			return nil, ErrNoMatch
		case required[c.ID] || optional[c.ID]:
			out = append(out, Choice{Query: c, Fits: fits[c.ID], Optional: !required[c.ID]})
		}
	}
	if len(out) == 0 {
		return nil, ErrNoMatch
	}
	return out, nil
}

// fit reports whether a candidate satisfies the query and which paths to
// disclose: nothing without claims, all of them without claim_sets, else the
// first set that is satisfied (Section 6.4.1).
func (c CredentialQuery) fit(x Candidate) ([]credential.Path, bool) {
	if !c.admits(x) {
		return nil, false
	}
	sets := c.ClaimSets
	if sets == nil {
		sets = [][]string{nil}
	}
	for _, set := range sets {
		claims := c.claims(set)
		if slices.ContainsFunc(claims, func(q ClaimQuery) bool { return !q.fits(x) }) {
			continue
		}
		var paths []credential.Path
		for _, q := range claims {
			if !slices.ContainsFunc(paths, q.Path.Equal) {
				paths = append(paths, q.Path)
			}
		}
		return paths, true
	}
	return nil, false
}

// admits holds format, type, binding and authority against the query.
func (c CredentialQuery) admits(x Candidate) bool {
	return c.Format == x.Format() && c.typeFits(x) && (x.HolderBound() || !c.HolderBinding()) && c.authorityFits(x)
}

func (c CredentialQuery) typeFits(x Candidate) bool {
	types := x.Types()
	switch c.Format {
	case string(credential.FormatSDJWTVC):
		return slices.ContainsFunc(types, func(t string) bool { return slices.Contains(c.Meta.VCTValues, t) })
	case "mso_mdoc":
		return slices.Contains(types, c.Meta.DoctypeValue)
	case "jwt_vc_json", "ldp_vc":
		return slices.ContainsFunc(c.Meta.TypeValues, func(all []string) bool {
			return !slices.ContainsFunc(all, func(t string) bool { return !slices.Contains(types, t) })
		})
	default:
		return false
	}
}

// authorityFits looks at aki only: the other types would have the wallet fetch
// lists on a verifier's word (Section 15.10). A credential that no aki admits
// does not fit when other types are there: it cannot be told.
func (c CredentialQuery) authorityFits(x Candidate) bool {
	if len(c.TrustedAuthorities) == 0 {
		return true
	}
	for _, a := range c.TrustedAuthorities {
		if a.Type != AuthorityAKI {
			continue
		}
		for _, key := range x.AuthorityKeys() {
			if slices.Contains(a.Values, base64.RawURLEncoding.EncodeToString(key)) {
				return true
			}
		}
	}
	return false
}

// fits reports whether the claim is there and, if the query names values, has
// one of them. A mismatch means that the claim is absent (Section 6.3).
func (q ClaimQuery) fits(x Candidate) bool {
	values := x.Select(q.Path)
	if len(values) == 0 {
		return false
	}
	if q.Values == nil {
		return true
	}
	return slices.ContainsFunc(values, func(v []byte) bool {
		return slices.ContainsFunc(q.Values, func(want jsontext.Value) bool { return same(want, v) })
	})
}

// same compares type and value, without coercion: 1 is neither "1" nor true.
func same(want, got jsontext.Value) bool {
	if want.Kind() != got.Kind() {
		return false
	}
	switch want.Kind() {
	case 't', 'f':
		return true
	case '"':
		var a, b string
		return jose.Unmarshal(want, &a) == nil && jose.Unmarshal(got, &b) == nil && a == b
	case '0':
		a, errA := strconv.ParseInt(string(want), 10, 64)
		b, errB := strconv.ParseInt(string(got), 10, 64)
		return errA == nil && errB == nil && a == b
	default:
		return false
	}
}
