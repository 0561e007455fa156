package profile

import (
	"strings"
	"testing"

	"golang.org/x/text/language"
)

// TestCountries holds the codes against another list, by which mappings shorten
// what a supplier says.
func TestCountries(t *testing.T) {
	codes := strings.Fields(iso3166)
	if len(codes) < 249 || len(countries.three) != len(codes) || len(countries.two) != len(codes) {
		t.Fatalf("%d codes, %d and %d of them different", len(codes), len(countries.three), len(countries.two))
	}
	for _, code := range codes {
		r, err := language.ParseRegion(code[:2])
		if err != nil || !r.IsCountry() || r.ISO3() != code[2:] {
			t.Errorf("%s: %v %s %v", code, r, r.ISO3(), err)
		}
	}
	// Every country that has two letters has three.
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			two := string([]rune{a, b})
			r, err := language.ParseRegion(two)
			if err != nil || !r.IsCountry() || r.String() != two || r.ISO3() == "ZZZ" || two == "FQ" {
				continue // FQ and TF are the same land
			}
			if _, ok := alpha3(two); !ok {
				t.Errorf("%s is missing", two)
			}
		}
	}
}
