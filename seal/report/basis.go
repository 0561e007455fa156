package report

import (
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
)

// Basis is what the seal was held against: whoever trusts others gets another
// verdict.
type Basis struct {
	// Anchors are those configured, for seals and time-stamps; what lists add is
	// told by the list.
	Anchors []Anchor `json:"anchors"`
	// AnchorsLeftOut is how many more there are.
	AnchorsLeftOut int `json:"anchors_left_out,omitzero"`
	// Lists are those that were asked: of providers, and, where the trusted lists
	// were, the list of lists and those of the services that answered.
	Lists      []List   `json:"lists"`
	Algorithms []string `json:"algorithms"`
	// ProviderListAsked: the creator must be on the list of PuB-EAA providers.
	ProviderListAsked bool `json:"provider_list_asked"`
	// TrustedListsFollowed: trusted lists decide whether a seal is qualified.
	TrustedListsFollowed bool `json:"trusted_lists_followed"`
	// UnknownRevocationAccepted: a certificate of which nothing is known passes.
	UnknownRevocationAccepted bool `json:"unknown_revocation_accepted"`
	// RevocationFreshness, in seconds, is how old kept revocation values may be;
	// zero believes them until their next update.
	RevocationFreshness int64 `json:"revocation_freshness,omitzero"`
}

// Anchor is a certificate that was trusted beforehand for a use.
type Anchor struct {
	Use     string `json:"use"` // seal or time-stamp
	Subject string `json:"subject,omitzero"`
	SHA256  string `json:"sha256"`
}

// List is an issue of a list that was trusted.
type List struct {
	Kind       string    `json:"kind"`
	Territory  string    `json:"territory,omitzero"` // of a trusted list
	Operator   string    `json:"operator,omitzero"`
	Sequence   int64     `json:"sequence"`
	Issued     time.Time `json:"issued"`
	NextUpdate time.Time `json:"next_update,omitzero"` // absent of a closed list
}

// Kinds of lists.
const (
	ProviderList = "pub-eaa-providers" // of PuB-EAA providers (ETSI TS 119 602, Annex H)
	ListOfLists  = "list-of-lists"     // of the Commission (ETSI TS 119 612)
	TrustedList  = "trusted-list"      // of a Member State (ETSI TS 119 612)
)

// maxAnchors are the most anchors that a report names.
const maxAnchors = 50

func basis(v *seal.Validator, found seal.Validation) Basis {
	out := Basis{
		ProviderListAsked: !v.SkipProviderList, TrustedListsFollowed: v.Lists != nil, UnknownRevocationAccepted: v.InsecureAcceptUnknownRevocation,
		RevocationFreshness: int64(v.RevocationFreshness / time.Second),
	}
	algs := v.Algs
	if algs == nil {
		algs = seal.DefaultAlgs
	}
	for _, a := range algs {
		out.Algorithms = append(out.Algorithms, string(a))
	}
	slices.Sort(out.Algorithms)
	for _, use := range []trust.Use{trust.UseSeal, trust.UseTimeStamp} {
		for _, c := range v.Trust.Configured(use) {
			if len(out.Anchors) == maxAnchors {
				out.AnchorsLeftOut++
				continue
			}
			named := certificate(c)
			out.Anchors = append(out.Anchors, Anchor{use.String(), named.Subject, named.SHA256})
		}
	}
	if l := v.Trust.List(); l != nil {
		out.Lists = append(out.Lists, List{Kind: ProviderList, Operator: l.Operator, Sequence: l.Sequence, Issued: seconds(l.Issued), NextUpdate: seconds(l.NextUpdate)})
	}
	if d := found.Listed; d != nil && d.ListOfLists.Sequence > 0 {
		top := d.ListOfLists
		out.Lists = append(out.Lists, List{Kind: ListOfLists, Sequence: top.Sequence, Issued: seconds(top.Issued), NextUpdate: seconds(top.NextUpdate)})
		for _, s := range d.Services {
			l := List{Kind: TrustedList, Territory: s.Territory, Sequence: s.Sequence, Issued: seconds(s.Issued), NextUpdate: seconds(s.NextUpdate)}
			if !slices.Contains(out.Lists, l) {
				out.Lists = append(out.Lists, l)
			}
		}
	}
	return out
}
