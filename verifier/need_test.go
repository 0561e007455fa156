package verifier

import (
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/tsl"
	"github.com/zegel-id/zegel/verifier/policy"
)

// What a type needs of its seals is held against what was found; the refusal says
// both, and what the trusted lists said.
func TestNeed(t *testing.T) {
	source := &seal.AuthenticSource{Country: "BE", Name: "LED \u202e", Legislation: "a law"}
	step := func(outcome tsl.Outcome) *tsl.Determination {
		return &tsl.Determination{Qualified: outcome, Steps: []tsl.Step{{Name: tsl.StepStatus, Outcome: outcome, Found: "withdrawn since 2026"}}}
	}
	for name, c := range map[string]struct {
		need  policy.Type
		found seal.Validation
		want  string // empty: it is enough
	}{
		"nothing asked":                    {policy.Type{}, seal.Validation{Qualification: seal.AdESeal}, ""},
		"no seal at all":                   {policy.Type{}, seal.Validation{}, "found , expected at least AdESeal"},
		"worth nothing":                    {policy.Type{}, seal.Validation{Qualification: seal.NotApplicable, Listed: step(tsl.Indeterminate)}, "found N/A, expected at least AdESeal; the trusted lists say: status: withdrawn since 2026"},
		"of unknown worth":                 {policy.Type{}, seal.Validation{Qualification: "GoldSeal"}, "found GoldSeal, expected at least AdESeal"},
		"asked for an unknown worth":       {policy.Type{Qualification: "GoldSeal"}, seal.Validation{Qualification: seal.NotApplicable}, "found N/A"},
		"qualified":                        {policy.Type{Qualification: seal.QESeal}, seal.Validation{Qualification: seal.QESeal}, ""},
		"more than asked":                  {policy.Type{Qualification: seal.AdESealQC}, seal.Validation{Qualification: seal.QESeal}, ""},
		"not qualified":                    {policy.Type{Qualification: seal.QESeal}, seal.Validation{Qualification: seal.AdESeal, Listed: step(tsl.Negative)}, "found AdESeal, expected at least QESeal; the trusted lists say: status: withdrawn since 2026"},
		"not qualified, without lists":     {policy.Type{Qualification: seal.AdESealQC}, seal.Validation{Qualification: seal.AdESeal}, "found AdESeal, expected at least AdESeal-QC; no trusted list is configured"},
		"not in a device":                  {policy.Type{Qualification: seal.QESeal}, seal.Validation{Qualification: seal.AdESealQC, Listed: &tsl.Determination{Qualified: tsl.Positive, Device: tsl.Negative}}, "found AdESeal-QC, expected at least QESeal; the trusted lists do not say that the key is in a qualified device: no"},
		"of the level":                     {policy.Type{Level: seal.BaselineB}, seal.Validation{Qualification: seal.AdESeal, Level: seal.BaselineT}, ""},
		"of too low a level":               {policy.Type{Level: seal.BaselineLT}, seal.Validation{Qualification: seal.AdESeal, Level: seal.BaselineT}, "found a seal of level JAdES-BASELINE-T, expected at least JAdES-BASELINE-LT"},
		"of no such level":                 {policy.Type{Level: seal.BaselineB}, seal.Validation{Qualification: seal.AdESeal, Level: seal.IssuerAuth}, "found a seal of level ISO-18013-5-ISSUER-AUTH"},
		"of the source":                    {policy.Type{Sources: []policy.Source{{Country: "NL"}, {Country: "BE", Legislation: "a law"}}}, seal.Validation{Qualification: seal.AdESeal, Source: source}, ""},
		"of another source":                {policy.Type{Sources: []policy.Source{{Name: "LED"}}}, seal.Validation{Qualification: seal.AdESeal, Source: source}, "found the authentic source \"LED \uFFFD\" by law \"a law\" of \"BE\" in the certificate, expected one of: \"LED\""},
		"by another law":                   {policy.Type{Sources: []policy.Source{{Country: "BE", Legislation: "other"}}}, seal.Validation{Qualification: seal.AdESeal, Source: source}, `expected one of: by law "other" of "BE"`},
		"of no source":                     {policy.Type{Sources: []policy.Source{{Country: "BE"}}}, seal.Validation{Qualification: seal.AdESeal}, "found no authentic source in the certificate"},
		"notified, but nowhere to look up": {policy.Type{NotifiedWhenSealed: true}, seal.Validation{Qualification: seal.AdESeal, ClaimedTime: time.Unix(0, 0)}, "found no notified provider at 1970-01-01T00:00:00Z"},
	} {
		got := (&Verifier{}).need(c.need, c.found)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
	}
}

// A provider that was notified only after it sealed is not enough where the type
// wants it to have been.
func TestNotifiedWhenSealed(t *testing.T) {
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)
	h, err := devca.New(devca.Options{Now: now, Issuer: "https://issuer.example"})
	if err != nil {
		t.Fatal(err)
	}
	store, err := h.Store(now)
	if err != nil {
		t.Fatal(err)
	}
	path, err := store.DER([][]byte{h.Seal.Certificate.Raw}, trust.UseSeal, now)
	if err != nil {
		t.Fatal(err)
	}
	statements, _, err := path.Statements(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &Verifier{c: Config{Seals: &seal.Validator{Trust: store}}}
	for _, c := range []struct {
		sealed time.Time
		holds  bool
	}{{now, true}, {now.AddDate(-10, 0, 0), false}, {time.Time{}, false}} {
		against := v.need(policy.Type{NotifiedWhenSealed: true}, seal.Validation{Qualification: seal.AdESeal, Path: path, Statements: statements, ClaimedTime: c.sealed})
		if (against == "") != c.holds {
			t.Errorf("sealed at %s: %q", c.sealed, against)
		}
	}
}
