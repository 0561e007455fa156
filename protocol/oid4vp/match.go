package oid4vp

import (
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

// Options are all the ways in which a query can be answered.
type Options struct {
	// Fits holds, by the id of the credential query, the candidates that
	// satisfy it.
	Fits map[string][]Fit
	// Sets that can be satisfied. A query without credential_sets is one
	// required set with one option.
	Sets []Set
}

// Set is a credential set with the options that can be satisfied, the one that
// the verifier prefers first.
type Set struct {
	Required bool
	Options  [][]string
}

// Options finds everything that satisfies the query among the candidates
// (Section 6.4.2), so that a citizen can choose between options and between
// credentials. When a required part fails it is ErrNoMatch and nothing may be
// returned.
func (q Query) Options(candidates []Candidate) (Options, error) {
	o := Options{Fits: map[string][]Fit{}}
	for _, c := range q.Credentials {
		for i, x := range candidates {
			if paths, ok := c.fit(x); ok {
				o.Fits[c.ID] = append(o.Fits[c.ID], Fit{Index: i, Paths: paths})
			}
		}
	}
	sets := q.CredentialSets
	if len(sets) == 0 {
		all := make([]string, len(q.Credentials))
		for i, c := range q.Credentials {
			all[i] = c.ID
		}
		sets = []CredentialSetQuery{{Options: [][]string{all}}}
	}
	for _, s := range sets {
		set := Set{Required: s.Required()}
		for _, option := range s.Options {
			if satisfied(option, func(id string) bool { return len(o.Fits[id]) > 0 }) {
				set.Options = append(set.Options, option)
			}
		}
		switch {
		case len(set.Options) > 0:
			o.Sets = append(o.Sets, set)
		case set.Required:
			return Options{}, ErrNoMatch
		}
	}
	if len(o.Sets) == 0 {
		return Options{}, ErrNoMatch
	}
	return o, nil
}

// satisfied reports whether all of an option is there. An option of nothing is
// none.
func satisfied(option []string, has func(id string) bool) bool {
	return len(option) > 0 && !slices.ContainsFunc(option, func(id string) bool { return !has(id) })
}

// Match is Options with the verifier's preference taken: the choices are the
// queries of the first option of each set that can be satisfied; those that
// only an optional set asks for are marked.
func (q Query) Match(candidates []Candidate) ([]Choice, error) {
	o, err := q.Options(candidates)
	if err != nil {
		return nil, err
	}
	required, optional := map[string]bool{}, map[string]bool{}
	for _, s := range o.Sets {
		for _, id := range s.Options[0] {
			if s.Required {
				required[id] = true
			} else {
				optional[id] = true
			}
		}
	}
	var out []Choice
	for _, c := range q.Credentials {
		if required[c.ID] || optional[c.ID] {
			out = append(out, Choice{Query: c, Fits: o.Fits[c.ID], Optional: !required[c.ID]})
		}
	}
	return out, nil
}

// fit reports whether a candidate satisfies the query and which paths to
// disclose: nothing without claims, all of them without claim_sets, else the
// first set that is satisfied (Section 6.4.1). Each claim is looked up at most
// once, however many sets name it.
func (c CredentialQuery) fit(x Candidate) ([]credential.Path, bool) {
	if !c.admits(x) {
		return nil, false
	}
	found, looked := make([][]credential.Path, len(c.Claims)), make([]bool, len(c.Claims))
	missing := func(i int) bool {
		if !looked[i] {
			found[i], looked[i] = c.Claims[i].matching(x), true
		}
		return len(found[i]) == 0
	}
	for _, set := range c.sets() {
		if slices.ContainsFunc(set, missing) {
			continue
		}
		var paths []credential.Path
		for _, i := range set {
			for _, p := range found[i] {
				if !slices.ContainsFunc(paths, p.Equal) {
					paths = append(paths, p)
				}
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

// May reports whether a credential of which only format and type are known
// might be meant. The type is a vct or a doctype; those of W3C formats say too
// little, so that each of them may be.
func (c CredentialQuery) May(format, kind string) bool {
	if c.Format != format || c.Meta == nil {
		return false
	}
	switch credential.Format(format) {
	case credential.FormatSDJWTVC:
		return slices.Contains(c.Meta.VCTValues, kind)
	case credential.FormatMdoc:
		return c.Meta.DoctypeValue == kind
	default:
		return true
	}
}

func (c CredentialQuery) typeFits(x Candidate) bool {
	if c.Meta == nil {
		return false
	}
	types := x.Types()
	switch credential.Format(c.Format) {
	case credential.FormatSDJWTVC:
		return slices.ContainsFunc(types, func(t string) bool { return slices.Contains(c.Meta.VCTValues, t) })
	case credential.FormatMdoc:
		return c.Meta.DoctypeValue != "" && slices.Contains(types, c.Meta.DoctypeValue)
	case credential.FormatJWT, credential.FormatJWTLD, credential.FormatLDP:
		// All of one alternative must be types of the credential (Appendix
		// B.1.1).
		return slices.ContainsFunc(c.Meta.TypeValues, func(all []string) bool {
			return len(all) > 0 && !slices.ContainsFunc(all, func(t string) bool { return !slices.Contains(types, t) })
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
			if slices.Contains(a.Values, jose.Encode(key)) {
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
	if q.Values == nil {
		return len(values) > 0
	}
	return slices.ContainsFunc(values, q.wants)
}

// wants reports whether a value is one of those that are named.
func (q ClaimQuery) wants(v []byte) bool {
	return slices.ContainsFunc(q.Values, func(want jsontext.Value) bool { return same(want, v) })
}

// matching are the paths to disclose for the claim; none when it is absent.
// Where null selects several elements and only some have a value that is
// named, only those are disclosed: the others count as absent (Section 6.4.1).
func (q ClaimQuery) matching(x Candidate) []credential.Path {
	values := x.Select(q.Path)
	if len(values) == 0 {
		return nil
	}
	if q.Values == nil || !slices.ContainsFunc(values, func(v []byte) bool { return !q.wants(v) }) {
		return []credential.Path{q.Path}
	}
	var out []credential.Path
	for _, p := range elements(x, q.Path) {
		if v := x.Select(p); len(v) == 1 && q.wants(v[0]) {
			out = append(out, p)
		}
	}
	return out
}

// elements spells a path out: null becomes the index of each element there is.
func elements(x Candidate, p credential.Path) []credential.Path {
	at := slices.Index(p, nil)
	if at < 0 {
		return []credential.Path{p}
	}
	var out []credential.Path
	for i := range x.Select(p[:at+1]) {
		one := slices.Clone(p)
		one[at] = i
		out = append(out, elements(x, one)...)
	}
	return out
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
