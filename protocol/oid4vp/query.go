package oid4vp

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/internal/wire"
)

const specDCQL = "OpenID4VP 1.0, Section 6"

// Query is a DCQL query (OpenID4VP 1.0, Section 6).
type Query struct {
	Credentials    []CredentialQuery    `json:"credentials"`
	CredentialSets []CredentialSetQuery `json:"credential_sets,omitempty"`
}

// CredentialQuery asks for one credential (Section 6.1).
type CredentialQuery struct {
	ID                 string             `json:"id"`
	Format             string             `json:"format"`
	Multiple           bool               `json:"multiple,omitzero"`
	Meta               *Meta              `json:"meta"`
	TrustedAuthorities []TrustedAuthority `json:"trusted_authorities,omitempty"`
	// RequireHolderBinding is true when it is not there.
	RequireHolderBinding *bool        `json:"require_cryptographic_holder_binding,omitzero"`
	Claims               []ClaimQuery `json:"claims,omitempty"`
	ClaimSets            [][]string   `json:"claim_sets,omitempty"`
}

// HolderBinding reports whether the presentation must be bound to its holder.
func (c CredentialQuery) HolderBinding() bool {
	return c.RequireHolderBinding == nil || *c.RequireHolderBinding
}

// Meta are the constraints of a format (Appendix B): which types.
type Meta struct {
	VCTValues    []string   `json:"vct_values,omitempty"`   // dc+sd-jwt
	DoctypeValue string     `json:"doctype_value,omitzero"` // mso_mdoc
	TypeValues   [][]string `json:"type_values,omitempty"`  // W3C formats
}

// Types that are asked for, one text each: the vct values, the doctype, or each
// alternative set of W3C types in order and separated by spaces, which no IRI
// holds.
func (c CredentialQuery) Types() []string {
	if c.Meta == nil {
		return nil
	}
	return c.Meta.types(credential.Format(c.Format))
}

func (m Meta) types(f credential.Format) []string {
	switch {
	case f == credential.FormatSDJWTVC:
		return m.VCTValues
	case f == credential.FormatMdoc && m.DoctypeValue != "":
		return []string{m.DoctypeValue}
	case f.W3C():
		var out []string
		for _, set := range m.TypeValues {
			out = append(out, strings.Join(slices.Compact(slices.Sorted(slices.Values(set))), " "))
		}
		return out
	default:
		return nil
	}
}

// Types of trusted authorities (Section 6.1.1).
const (
	AuthorityAKI        = "aki"
	AuthorityETSI       = "etsi_tl"
	AuthorityFederation = "openid_federation"
)

// TrustedAuthority constrains who may have issued a credential (Section
// 6.1.1). It is a hint for the wallet; it gives no trust.
type TrustedAuthority struct {
	Type   string   `json:"type"`
	Values []string `json:"values"`
}

// ClaimQuery asks for one claim (Section 6.3).
type ClaimQuery struct {
	ID     string           `json:"id,omitzero"`
	Path   credential.Path  `json:"path"`
	Values []jsontext.Value `json:"values,omitempty"`
	// IntentToRetain is for mso_mdoc (Appendix B.2.4).
	IntentToRetain *bool `json:"intent_to_retain,omitzero"`
}

// CredentialSetQuery says which combinations are enough (Section 6.2).
type CredentialSetQuery struct {
	Options [][]string `json:"options"`
	// IsRequired is true when it is not there.
	IsRequired *bool `json:"required,omitzero"`
}

// Required reports whether the set must be satisfied.
func (s CredentialSetQuery) Required() bool { return s.IsRequired == nil || *s.IsRequired }

// ParseQuery reads a query strictly, as the one who makes or signs it must;
// unknown members are ignored (Section 6).
func ParseQuery(b []byte) (Query, error) {
	var q Query
	if len(b) > MaxMessage {
		return Query{}, refuse(InvalidRequest, specDCQL, "dcql_query", "is longer than %d bytes", MaxMessage)
	}
	if err := jose.Unmarshal(b, &q); err != nil {
		return Query{}, refuseCause(InvalidRequest, specDCQL, "dcql_query", "cannot be read", err)
	}
	if err := q.Validate(); err != nil {
		return Query{}, err
	}
	return q, nil
}

// Validate holds the query against Section 6 and the limits of this package.
// A claim that is asked for twice is an error of the verifier.
func (q Query) Validate() error {
	if err := q.valid(); err != nil {
		return err
	}
	for i, c := range q.Credentials {
		for j, claim := range c.Claims {
			if slices.ContainsFunc(c.Claims[:j], func(other ClaimQuery) bool { return other.Path.Equal(claim.Path) }) {
				return refuse(InvalidRequest, specDCQL+".1", fmt.Sprintf("credentials[%d].claims[%d].path", i, j), "stands in another claim query too")
			}
		}
	}
	return nil
}

// valid is what a wallet asks of a query: repeated claims are let through,
// because it should only ignore them (Section 6.1).
func (q Query) valid() error {
	if n := len(q.Credentials); n == 0 || n > MaxList {
		return refuse(InvalidRequest, specDCQL, "credentials", "must have 1 to %d elements, found %d", MaxList, n)
	}
	ids := map[string]bool{}
	for i, c := range q.Credentials {
		at := "credentials[" + strconv.Itoa(i) + "]"
		if err := c.validate(at); err != nil {
			return err
		}
		if ids[c.ID] {
			return refuse(InvalidRequest, specDCQL+".1", at+".id", "stands in another credential query too")
		}
		ids[c.ID] = true
	}
	if len(q.CredentialSets) > MaxList {
		return refuse(InvalidRequest, specDCQL+".2", "credential_sets", "has more than %d elements", MaxList)
	}
	if q.CredentialSets != nil && len(q.CredentialSets) == 0 {
		return refuse(InvalidRequest, specDCQL, "credential_sets", "must not be empty; leave it out")
	}
	for i, s := range q.CredentialSets {
		at := "credential_sets[" + strconv.Itoa(i) + "].options"
		if n := len(s.Options); n == 0 || n > MaxList {
			return refuse(InvalidRequest, specDCQL+".2", at, "must have 1 to %d elements, found %d", MaxList, n)
		}
		for j, option := range s.Options {
			if len(option) == 0 || len(option) > MaxList {
				return refuse(InvalidRequest, specDCQL+".2", at, "[%d] must name 1 to %d credential queries", j, MaxList)
			}
			for _, id := range option {
				if !ids[id] {
					return refuse(InvalidRequest, specDCQL+".2", at, "[%d] names %s, which is no credential query", j, wire.Clip(id))
				}
			}
		}
	}
	return nil
}

func (c CredentialQuery) validate(at string) error {
	if !validID(c.ID) {
		return refuse(InvalidRequest, specDCQL+".1", at+".id", "must be 1 to 256 letters, digits, underscores or hyphens")
	}
	if c.Meta == nil {
		return refuse(InvalidRequest, specDCQL+".1", at+".meta", "is missing")
	}
	if err := c.validateFormat(at); err != nil {
		return err
	}
	if len(c.TrustedAuthorities) > MaxList || c.TrustedAuthorities != nil && len(c.TrustedAuthorities) == 0 {
		return refuse(InvalidRequest, specDCQL+".1.1", at+".trusted_authorities", "must have 1 to %d elements", MaxList)
	}
	for i, a := range c.TrustedAuthorities {
		if a.Type == "" || len(a.Values) == 0 || len(a.Values) > MaxList || slices.Contains(a.Values, "") {
			return refuse(InvalidRequest, specDCQL+".1.1", fmt.Sprintf("%s.trusted_authorities[%d]", at, i), "must have a type and 1 to %d values", MaxList)
		}
	}
	return c.validateClaims(at)
}

func (c CredentialQuery) validateFormat(at string) error {
	switch credential.Format(c.Format) {
	case credential.FormatSDJWTVC:
		if n := len(c.Meta.VCTValues); n == 0 || n > MaxList {
			return refuse(InvalidRequest, "OpenID4VP 1.0, Appendix B.3.5", at+".meta.vct_values", "must have 1 to %d elements, found %d", MaxList, n)
		}
		for _, v := range c.Meta.VCTValues {
			if v == "" || len(v) > MaxText {
				return refuse(InvalidRequest, "OpenID4VP 1.0, Appendix B.3.5", at+".meta.vct_values", "holds an empty or overlong type")
			}
		}
	case credential.FormatMdoc:
		if c.Meta.DoctypeValue == "" || len(c.Meta.DoctypeValue) > MaxText {
			return refuse(InvalidRequest, "OpenID4VP 1.0, Appendix B.2.3", at+".meta.doctype_value", "is missing or too long")
		}
	case credential.FormatJWT, credential.FormatJWTLD, credential.FormatLDP:
		const spec = "OpenID4VP 1.0, Appendix B.1.1"
		if n := len(c.Meta.TypeValues); n == 0 || n > MaxList {
			return refuse(InvalidRequest, spec, at+".meta.type_values", "must have 1 to %d elements, found %d", MaxList, n)
		}
		for _, set := range c.Meta.TypeValues {
			// An empty alternative would be contained in every credential.
			if len(set) == 0 || len(set) > MaxList || slices.ContainsFunc(set, func(t string) bool { return t == "" || len(t) > MaxText }) {
				return refuse(InvalidRequest, spec, at+".meta.type_values", "must hold non-empty arrays of 1 to %d types of at most %d bytes", MaxList, MaxText)
			}
		}
	case "":
		return refuse(InvalidRequest, specDCQL+".1", at+".format", "is missing")
	default:
		// A format that is not known is valid and fits nothing.
	}
	return nil
}

func (c CredentialQuery) validateClaims(at string) error {
	if len(c.Claims) > MaxList || c.Claims != nil && len(c.Claims) == 0 {
		return refuse(InvalidRequest, specDCQL+".1", at+".claims", "must have 1 to %d elements", MaxList)
	}
	ids := map[string]bool{}
	for i, claim := range c.Claims {
		here := fmt.Sprintf("%s.claims[%d]", at, i)
		if err := claim.validate(here, c.Format); err != nil {
			return err
		}
		if claim.ID != "" && ids[claim.ID] {
			return refuse(InvalidRequest, specDCQL+".3", here+".id", "stands in another claim query too")
		}
		if claim.ID == "" && c.ClaimSets != nil {
			return refuse(InvalidRequest, specDCQL+".3", here+".id", "is missing; claim_sets needs it")
		}
		ids[claim.ID] = true
	}
	if c.ClaimSets == nil {
		return nil
	}
	if c.Claims == nil {
		return refuse(InvalidRequest, specDCQL+".4.1", at+".claim_sets", "must not be there without claims")
	}
	if n := len(c.ClaimSets); n == 0 || n > MaxList {
		return refuse(InvalidRequest, specDCQL+".1", at+".claim_sets", "must have 1 to %d elements, found %d", MaxList, n)
	}
	for i, set := range c.ClaimSets {
		if len(set) == 0 || len(set) > MaxList {
			return refuse(InvalidRequest, specDCQL+".1", at+".claim_sets", "[%d] must name 1 to %d claims", i, MaxList)
		}
		for _, id := range set {
			if !ids[id] {
				return refuse(InvalidRequest, specDCQL+".1", at+".claim_sets", "[%d] names %s, which is no claim query", i, wire.Clip(id))
			}
		}
	}
	return nil
}

func (c ClaimQuery) validate(at, format string) error {
	if c.ID != "" && !validID(c.ID) {
		return refuse(InvalidRequest, specDCQL+".3", at+".id", "must be letters, digits, underscores or hyphens")
	}
	check := c.Path.Validate
	if credential.Format(format) == credential.FormatMdoc {
		check = c.Path.ValidateMdoc
	}
	if err := check(); err != nil {
		return refuseCause(InvalidRequest, "OpenID4VP 1.0, Section 7", at+".path", "is no claims path pointer", err)
	}
	if credential.Format(format) == credential.FormatMdoc && len(c.Path) != 2 {
		return refuse(InvalidRequest, "OpenID4VP 1.0, Section 7.2", at+".path", "must have exactly two components for an mdoc")
	}
	if c.Values != nil && (len(c.Values) == 0 || len(c.Values) > MaxList) {
		return refuse(InvalidRequest, specDCQL+".3", at+".values", "must have 1 to %d elements", MaxList)
	}
	for i, v := range c.Values {
		if len(v) > MaxText {
			return refuse(InvalidRequest, specDCQL+".3", at+".values", "[%d] is longer than %d bytes", i, MaxText)
		}
		switch v.Kind() {
		case '"', 't', 'f':
		case '0':
			if _, err := strconv.ParseInt(string(v), 10, 64); err != nil {
				return refuse(InvalidRequest, specDCQL+".3", at+".values", "[%d] is no whole number", i)
			}
		default:
			return refuse(InvalidRequest, specDCQL+".3", at+".values", "[%d] must be a string, whole number or boolean", i)
		}
	}
	return nil
}

// sets are the claim sets as indexes of claims: all of them when there are no
// claim_sets. A set that names nothing, or what is no claim query, is left out:
// it cannot be satisfied.
func (c CredentialQuery) sets() [][]int {
	if c.ClaimSets == nil {
		all := make([]int, len(c.Claims))
		for i := range all {
			all[i] = i
		}
		return [][]int{all}
	}
	out := make([][]int, 0, len(c.ClaimSets))
	for _, ids := range c.ClaimSets {
		set := make([]int, len(ids))
		for i, id := range ids {
			set[i] = slices.IndexFunc(c.Claims, func(q ClaimQuery) bool { return q.ID == id })
		}
		slices.Sort(set)
		if len(set) > 0 && set[0] >= 0 {
			out = append(out, set)
		}
	}
	return out
}

func validID(s string) bool {
	if s == "" || len(s) > 256 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// StateRequired reports whether some credential may come without proof of
// holder binding: then only the state ties the response to the request
// (Section 5.3).
func (q Query) StateRequired() bool {
	return slices.ContainsFunc(q.Credentials, func(c CredentialQuery) bool { return !c.HolderBinding() })
}
