package qc_test

import (
	"testing"

	"github.com/zegel-id/zegel/seal/qc"
)

func FuzzParseOrganization(f *testing.F) {
	for _, s := range []string{"NTRBE-0123456749", "VATBE-0123456749", "NTRBE-0123456748", "NTRNL-1", "ntrbe-0123456749", "NTRBE0123456749", "NTRBE-", "", "NTRBE-0123456749\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := qc.ParseOrganization(s)
		if err != nil {
			if o != (qc.Organization{}) {
				t.Fatal("a failed parse returned an organisation")
			}
			return
		}
		if o.String() != s || len(o.Scheme) != 3 || len(o.Country) != 2 || o.Number == "" {
			t.Errorf("%q was read as %+v", s, o)
		}
		if o.Country == "BE" && o.Scheme == "NTR" && !qc.ValidEnterpriseNumber(o.Number) {
			t.Errorf("%q is no enterprise number", o.Number)
		}
	})
}
