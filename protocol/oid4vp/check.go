package oid4vp

import (
	"slices"
	"sort"
	"strings"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

const specVPToken = "OpenID4VP 1.0, Section 8.6"

// Check holds a presentation against the query that it answers. A verifier
// trusts the wallet for nothing of it (OpenID4VP 1.0, Section 14.11): format,
// type, holder binding, authorities, claims and values are looked at again.
// That the presentation is genuine must be known before.
func (c CredentialQuery) Check(x Candidate) error {
	switch {
	case c.Format != x.Format():
		return refuse("", specVPToken, "format", "is %s, the query %s asks for %s", wire.Clip(x.Format()), c.ID, c.Format)
	case !c.typeFits(x):
		return refuse("", specVPToken, "type", "is none of those that the query %s asks for", c.ID)
	case c.HolderBinding() && !x.HolderBound():
		return refuse("", specVPToken, "holder binding", "is missing; the query %s asks for it", c.ID)
	}
	if !c.issuedUnder(x) {
		return refuse("", "OpenID4VP 1.0, Section 6.1.1", "trusted_authorities", "of the query %s hold none that issued the credential", c.ID)
	}
	var missing []string
	for _, set := range c.sets() {
		missing = missing[:0]
		for _, i := range set {
			if q := c.Claims[i]; !q.fits(x) {
				missing = append(missing, q.Path.String())
			}
		}
		if len(missing) == 0 {
			return nil
		}
	}
	return refuse("", specVPToken, "claims", "of the query %s are missing or have other values than asked for: %s", c.ID, strings.Join(missing, ", "))
}

// ListedCandidate is a candidate of which the verifier knows by its own trust
// on which lists of trusted entities the issuer stands.
type ListedCandidate interface {
	Candidate
	// TrustedLists are the identifiers of those lists, as etsi_tl names them.
	TrustedLists() []string
}

// issuedUnder holds a credential against trusted_authorities: one of them must
// have issued it. A list counts only as far as the verifier itself trusts it;
// none is fetched because a query names it. Of a federation, or a type that is
// not known, nothing can be told, so that it admits nothing (Section 6.1.1).
func (c CredentialQuery) issuedUnder(x Candidate) bool {
	if c.authorityFits(x) {
		return true
	}
	listed, ok := x.(ListedCandidate)
	return ok && slices.ContainsFunc(c.TrustedAuthorities, func(a TrustedAuthority) bool {
		return a.Type == AuthorityETSI && slices.ContainsFunc(listed.TrustedLists(), func(list string) bool { return slices.Contains(a.Values, list) })
	})
}

// CheckSets holds the ids of the queries that were answered well against the
// whole query (Section 6.4.2 and 8.6). When it fails, all presentations are
// rejected. Nothing at all satisfies no query, not even one whose sets are all
// optional.
func (q Query) CheckSets(answered []string) error {
	has := func(id string) bool { return slices.Contains(answered, id) }
	for _, id := range answered {
		if _, ok := q.Find(id); !ok {
			return refuse("", specVPToken, "vp_token", "answers %s, which was not asked", wire.Clip(id))
		}
	}
	if len(answered) == 0 {
		return refuse("", specVPToken, "vp_token", "has no valid presentation")
	}
	if len(q.CredentialSets) == 0 {
		for _, c := range q.Credentials {
			if !has(c.ID) {
				return refuse("", specVPToken, "vp_token", "has no valid presentation for the query %s", c.ID)
			}
		}
		return nil
	}
	one := false
	for _, s := range q.CredentialSets {
		ok := slices.ContainsFunc(s.Options, func(option []string) bool { return satisfied(option, has) })
		if s.Required() && !ok {
			return refuse("", "OpenID4VP 1.0, Section 6.4.2", "vp_token", "satisfies no option of a required credential set")
		}
		one = one || ok
	}
	if !one {
		return refuse("", "OpenID4VP 1.0, Section 6.4.2", "vp_token", "satisfies no credential set")
	}
	return nil
}

// Find is the credential query with an id.
func (q Query) Find(id string) (CredentialQuery, bool) {
	i := slices.IndexFunc(q.Credentials, func(c CredentialQuery) bool { return c.ID == id })
	if i < 0 {
		return CredentialQuery{}, false
	}
	return q.Credentials[i], true
}

// Asked lists the paths that a query may disclose at most, for showing and
// for checking against a registration.
func (c CredentialQuery) Asked() []credential.Path {
	out := make([]credential.Path, 0, len(c.Claims))
	for _, q := range c.Claims {
		out = append(out, q.Path)
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].String() < out[j].String() })
	return out
}
