package trust

import "slices"

// Identifiers of the list of public bodies that issue attestations (ETSI TS
// 119 602, Annex H).
const (
	PubEAAListType       = "http://uri.etsi.org/19602/LoTEType/EUPubEAAProvidersList"
	PubEAAStatusApproach = "http://uri.etsi.org/19602/PubEAAProvidersList/StatusDetn/EU"
	PubEAASchemeRules    = "http://uri.etsi.org/19602/PubEAAProvidersList/schemerules/EU"
	PubEAATerritory      = "EU"
	PubEAAHistory        = 65535
	PubEAARole           = "http://uri.etsi.org/19602/ListOfTrustedEntities/PubEAAProvider/"

	StatusNotified  = "http://uri.etsi.org/19602/PubEAAProvidersList/SvcStatus/notified"
	StatusWithdrawn = "http://uri.etsi.org/19602/PubEAAProvidersList/SvcStatus/withdrawn"
)

// Identifiers of the list of those who issue access certificates to receivers
// (ETSI TS 119 602, Annex F).
const (
	AccessListType       = "http://uri.etsi.org/19602/LoTEType/EUWRPACProvidersList"
	AccessStatusApproach = "http://uri.etsi.org/19602/WRPACProvidersList/StatusDetn/EU"
	AccessSchemeRules    = "http://uri.etsi.org/19602/WRPACProvidersList/schemerules/EU"
	AccessTerritory      = "EU"
	AccessRole           = "http://uri.etsi.org/19602/ListOfTrustedEntities/WRPACProvider/"
)

// Service is the type of a listed service.
type Service string

const (
	// Issuance seals attestations.
	Issuance Service = "http://uri.etsi.org/19602/SvcType/PubEAA/Issuance"
	// Revocation signs the status lists of attestations.
	Revocation Service = "http://uri.etsi.org/19602/SvcType/PubEAA/Revocation"
	// AccessIssuance issues access certificates.
	AccessIssuance Service = "http://uri.etsi.org/19602/SvcType/WRPAC/Issuance"
	// AccessRevocation tells of the revocation of access certificates.
	AccessRevocation Service = "http://uri.etsi.org/19602/SvcType/WRPAC/Revocation"
)

// Profile is what a kind of list must be beyond ETSI TS 119 602, clause 6: one
// of its Annexes D to H, as data. Of two lists that a Store has installed, each
// is of another Type.
type Profile struct {
	Name  string // of those it lists, for errors
	Annex string // such as "Annex H"

	Type           string // LoTEType
	StatusApproach string // StatusDeterminationApproach
	Rules          string // one of SchemeTypeCommunityRules
	Territory      string // SchemeTerritory; empty is that of any country
	Months         int    // longest time to NextUpdate

	// Services are the types that an entity may have, and what each anchors.
	Services []ProfileService
	// Notified and Withdrawn are the two states of a service. Where they are
	// empty a service has neither state nor history: it is listed or it is not.
	Notified, Withdrawn string
	// History is HistoricalInformationPeriod; 0 is that there must be none.
	History int
	// Pointers says whether PointersToOtherLoTE may be there. They are not followed.
	Pointers bool

	// Registered wants a registration number and a law in TETradeName.
	Registered bool
	// Role, with a country after it, is the address in TEInformationURI that says
	// which Member State answers for the entity; RoleNeeded refuses those without.
	Role       string
	RoleNeeded bool
}

// ProfileService is a type of service in a profile.
type ProfileService struct {
	Type Service
	// Anchors is the use for which certificates of the service are trusted; 0 is
	// none.
	Anchors Use
	// Authority wants certificates of certification authorities.
	Authority bool
}

// PubEAAProviders are public bodies that issue attestations (ETSI TS 119 602,
// Annex H).
var PubEAAProviders = Profile{
	Name: "PuB-EAA providers", Annex: "Annex H",
	Type: PubEAAListType, StatusApproach: PubEAAStatusApproach, Rules: PubEAASchemeRules, Territory: PubEAATerritory, Months: 6,
	Services: []ProfileService{{Type: Issuance, Anchors: UseSeal}, {Type: Revocation, Anchors: UseStatus}},
	Notified: StatusNotified, Withdrawn: StatusWithdrawn, History: PubEAAHistory,
	Registered: true, Role: PubEAARole,
}

// AccessProviders issue access certificates to receivers (ETSI TS 119 602,
// Annex F). A national list of the same form is held against a copy with another
// Territory.
var AccessProviders = Profile{
	Name: "providers of access certificates", Annex: "Annex F",
	Type: AccessListType, StatusApproach: AccessStatusApproach, Rules: AccessSchemeRules, Territory: AccessTerritory, Months: 6,
	Services: []ProfileService{{Type: AccessIssuance, Anchors: UseAccessCertificate, Authority: true}, {Type: AccessRevocation}},
	Pointers: true, Role: AccessRole, RoleNeeded: true,
}

// profiles are those that are known.
var profiles = []Profile{PubEAAProviders, AccessProviders}

// ProfileOf is the profile of a LoTEType.
func ProfileOf(lotetype string) (Profile, bool) {
	for _, p := range profiles {
		if p.Type == lotetype {
			return p, true
		}
	}
	return Profile{}, false
}

// states reports whether services have a state.
func (p Profile) states() bool { return p.Notified != "" }

func (p Profile) types() []Service {
	var out []Service
	for _, s := range p.Services {
		out = append(out, s.Type)
	}
	return out
}

// For reports whether certificates of lists of the profile are trusted for a use.
func (p Profile) For(use Use) bool {
	return use != 0 && slices.ContainsFunc(p.Services, func(s ProfileService) bool { return s.Anchors == use })
}

func (p Profile) service(t Service) (ProfileService, bool) {
	for _, s := range p.Services {
		if s.Type == t {
			return s, true
		}
	}
	return ProfileService{}, false
}
