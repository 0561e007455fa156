package trust

import (
	"strings"

	"github.com/zegel-id/zegel/seal/qc"
)

// lawPrefix starts a reference to the law: OJ:, then EU or a country code, then
// what identifies the law there.
const lawPrefix = "OJ:"

// identifiers sorts TETradeName into registration numbers and laws. Other
// trade names are what they are.
func (i EntityInformation) identifiers() (numbers []qc.Organization, laws []string) {
	for _, t := range i.TradeName {
		if law, ok := strings.CutPrefix(t.Value, lawPrefix); ok {
			if len(law) > 2 && strings.ToUpper(law[:2]) == law[:2] {
				laws = append(laws, t.Value)
			}
			continue
		}
		if o, err := qc.ParseOrganization(t.Value); err == nil {
			numbers = append(numbers, o)
		}
	}
	return numbers, laws
}

// SameLaw compares a law of TETradeName with what QcPSB says of country and
// law. The certificate may name the law with or without the prefix.
func SameLaw(listed string, b qc.PublicBody) bool {
	return listed == b.Legislation && strings.HasPrefix(listed, lawPrefix+b.Country) ||
		listed == lawPrefix+b.Country+b.Legislation
}
