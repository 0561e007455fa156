package trust

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// ErrList is returned for a list that is not what ETSI TS 119 602 says.
var ErrList = errors.New("not an acceptable list of trusted entities")

// Document is a list of trusted entities in the JSON binding of ETSI TS 119
// 602 V1.1.1, clause 6, with the names of that binding.
type Document struct {
	LoTE LoTE `json:"LoTE"`
}

// LoTE is the list.
type LoTE struct {
	Scheme   Scheme          `json:"ListAndSchemeInformation"`
	Entities []TrustedEntity `json:"TrustedEntitiesList,omitempty"`
}

// Scheme says what the list is and who keeps it (clause 6.3).
type Scheme struct {
	Version            int              `json:"LoTEVersionIdentifier"`
	Sequence           int64            `json:"LoTESequenceNumber"`
	Type               string           `json:"LoTEType,omitempty"`
	OperatorName       []Text           `json:"SchemeOperatorName"`
	OperatorAddress    *OperatorAddress `json:"SchemeOperatorAddress,omitempty"`
	Name               []Text           `json:"SchemeName,omitempty"`
	InformationURI     []URI            `json:"SchemeInformationURI,omitempty"`
	StatusApproach     string           `json:"StatusDeterminationApproach,omitempty"`
	Rules              []URI            `json:"SchemeTypeCommunityRules,omitempty"`
	Territory          string           `json:"SchemeTerritory,omitempty"`
	Policy             []jsontext.Value `json:"PolicyOrLegalNotice,omitempty"`
	History            *int             `json:"HistoricalInformationPeriod,omitempty"`
	Pointers           []jsontext.Value `json:"PointersToOtherLoTE,omitempty"`
	Issued             Instant          `json:"ListIssueDateTime"`
	NextUpdate         Instant          `json:"NextUpdate"`
	DistributionPoints []string         `json:"DistributionPoints,omitempty"`
	Extensions         []jsontext.Value `json:"SchemeExtensions,omitempty"`
}

// Text is a text in a language (clause 6.1.4).
type Text struct {
	Lang  string `json:"lang"`
	Value string `json:"value"`
}

// URI is an address in a language.
type URI struct {
	Lang  string `json:"lang"`
	Value string `json:"uriValue"`
}

// OperatorAddress is where the keeper of the list can be reached.
type OperatorAddress struct {
	Postal     []PostalAddress `json:"SchemeOperatorPostalAddress"`
	Electronic []URI           `json:"SchemeOperatorElectronicAddress"`
}

// PostalAddress is an address in a language.
type PostalAddress struct {
	Lang       string `json:"lang"`
	Street     string `json:"StreetAddress"`
	Locality   string `json:"Locality,omitempty"`
	State      string `json:"StateOrProvince,omitempty"`
	PostalCode string `json:"PostalCode,omitempty"`
	Country    string `json:"Country"`
}

// TrustedEntity is one body with its services (clauses 6.5 and 6.6).
type TrustedEntity struct {
	Information EntityInformation `json:"TrustedEntityInformation"`
	Services    []EntityService   `json:"TrustedEntityServices"`
}

// EntityInformation names the body. In a PuB-EAA list TradeName carries its
// registration number and the law that makes it responsible.
type EntityInformation struct {
	Name           []Text           `json:"TEName"`
	TradeName      []Text           `json:"TETradeName,omitempty"`
	Address        EntityAddress    `json:"TEAddress"`
	InformationURI []URI            `json:"TEInformationURI"`
	Extensions     []jsontext.Value `json:"TEInformationExtensions,omitempty"`
}

// EntityAddress is where the body can be reached.
type EntityAddress struct {
	Postal     []PostalAddress `json:"TEPostalAddress"`
	Electronic []URI           `json:"TEElectronicAddress"`
}

// EntityService is a service and what it was before.
type EntityService struct {
	Information ServiceInformation `json:"ServiceInformation"`
	History     []ServiceHistory   `json:"ServiceHistory,omitempty"`
}

// ServiceInformation is the state of a service now.
type ServiceInformation struct {
	Name             []Text           `json:"ServiceName"`
	Identity         Identity         `json:"ServiceDigitalIdentity"`
	Type             Service          `json:"ServiceTypeIdentifier,omitempty"`
	Status           string           `json:"ServiceStatus,omitempty"`
	StatusSince      *Instant         `json:"StatusStartingTime,omitempty"`
	SchemeDefinition []URI            `json:"SchemeServiceDefinitionURI,omitempty"`
	SupplyPoints     []SupplyPoint    `json:"ServiceSupplyPoints,omitempty"`
	Definition       []URI            `json:"ServiceDefinitionURI,omitempty"`
	Extensions       []jsontext.Value `json:"ServiceInformationExtensions,omitempty"`
}

// SupplyPoint is where a service is offered.
type SupplyPoint struct {
	Type  string `json:"ServiceType,omitempty"`
	Value string `json:"uriValue"`
}

// ServiceHistory is a former state of a service.
type ServiceHistory struct {
	Name        []Text           `json:"ServiceName"`
	Identity    Identity         `json:"ServiceDigitalIdentity"`
	Status      string           `json:"ServiceStatus"`
	StatusSince Instant          `json:"StatusStartingTime"`
	Type        Service          `json:"ServiceTypeIdentifier,omitempty"`
	Extensions  []jsontext.Value `json:"ServiceInformationExtensions,omitempty"`
}

// Identity holds the certificates of a service. A former state may name them by
// their key identifiers instead. The other ways to name a key are kept as they
// are and not used: ETSI's own schema leaves their names open.
type Identity struct {
	Certificates   []ListedCertificate `json:"X509Certificates,omitempty"`
	KeyIdentifiers []string            `json:"X509SKIs,omitempty"` // standard base64
	Others         jsontext.Value      `json:",unknown"`
}

// ListedCertificate is a certificate in standard base64.
type ListedCertificate struct {
	Encoding string `json:"encoding,omitempty"`
	SpecRef  string `json:"specRef,omitempty"`
	Value    string `json:"val"`
}

// Instant is a time in UTC without fractions (clause 6.1.3).
type Instant struct{ time.Time }

const instantLayout = "2006-01-02T15:04:05Z"

// MarshalJSON writes the time in UTC.
func (i Instant) MarshalJSON() ([]byte, error) {
	return []byte(i.UTC().Format(`"` + instantLayout + `"`)), nil
}

// UnmarshalJSON refuses offsets and fractions.
func (i *Instant) UnmarshalJSON(b []byte) error {
	t, err := time.Parse(`"`+instantLayout+`"`, string(b))
	if err != nil || t.Format(`"`+instantLayout+`"`) != string(b) { // Parse lets fractions pass
		return errors.New("must be a time in UTC such as 2026-01-31T12:00:00Z (ETSI TS 119 602, clause 6.1.3)")
	}
	i.Time = t
	return nil
}

const (
	maxEntities = 2000
	maxServices = 200
	maxHistory  = 200
)

// Parse reads the JSON of a list. Members that the binding does not define are
// refused, because the list is closed; so are missing members that it requires.
// What a kind of list needs beyond that is checked by Check.
func Parse(b []byte) (*Document, error) {
	var d Document
	if err := jose.UnmarshalClosed(b, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrList, err)
	}
	if err := d.LoTE.required(); err != nil {
		return nil, err
	}
	return &d, nil
}

// required checks the members that the schema of ETSI TS 119 602 requires.
func (l *LoTE) required() error {
	s := l.Scheme
	switch {
	case s.Version == 0:
		return missing("LoTEVersionIdentifier", "6.3.2")
	case len(s.OperatorName) == 0:
		return missing("SchemeOperatorName", "6.3.5")
	case s.Issued.IsZero():
		return missing("ListIssueDateTime", "6.3.14")
	case s.NextUpdate.IsZero():
		return missing("NextUpdate", "6.3.15")
	case len(l.Entities) > maxEntities:
		return fmt.Errorf("%w: more than %d entities", ErrList, maxEntities)
	}
	for i, e := range l.Entities {
		in := e.Information
		at := fmt.Sprintf("TrustedEntitiesList[%d]", i)
		switch {
		case len(in.Name) == 0:
			return missing(at+" TEName", "6.5.1")
		case len(in.Address.Postal) == 0 || len(in.Address.Electronic) == 0:
			return missing(at+" TEAddress", "6.5.3")
		case len(in.InformationURI) == 0:
			return missing(at+" TEInformationURI", "6.5.4")
		case len(e.Services) == 0:
			return missing(at+" TrustedEntityServices", "6.6")
		case len(e.Services) > maxServices:
			return fmt.Errorf("%w: %s has more than %d services", ErrList, at, maxServices)
		}
		for j, v := range e.Services {
			if len(v.Information.Name) == 0 {
				return missing(fmt.Sprintf("%s service %d ServiceName", at, j), "6.6.2")
			}
			if len(v.History) > maxHistory {
				return fmt.Errorf("%w: %s service %d has more than %d former states", ErrList, at, j, maxHistory)
			}
		}
	}
	return nil
}

func missing(member, clause string) error {
	return fmt.Errorf("%w: %s is missing (ETSI TS 119 602, clause %s)", ErrList, member, clause)
}

// first is the text in the given language, or the first there is.
func first(texts []Text, lang string) string {
	for _, t := range texts {
		if strings.EqualFold(t.Lang, lang) {
			return t.Value
		}
	}
	if len(texts) > 0 {
		return texts[0].Value
	}
	return ""
}
