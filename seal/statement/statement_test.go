package statement_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/statement"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

var (
	judged  = time.Date(2026, 11, 25, 10, 0, 0, 123, time.UTC)
	stamped = time.Date(2026, 3, 1, 8, 5, 0, 0, time.UTC)
)

// held is a seal that holds.
func held(change func(*seal.Validation)) seal.Validation {
	v := seal.Validation{
		Indication: seal.TotalPassed, Qualification: seal.AdESeal, Level: seal.BaselineB, BestSignatureTime: judged,
		Certificate:  &x509.Certificate{Subject: pkix.Name{Organization: []string{"Agentschap Onderwijs"}, CommonName: "LED seal", Country: []string{"BE"}}},
		Organization: &qc.Organization{Scheme: "NTR", Country: "BE", Number: "0999999922"},
		Source:       &seal.AuthenticSource{Country: "BE", Name: "LED", Legislation: "Decree of 30 April 2004"},
		Provider:     &trust.Provider{},
	}
	for _, name := range []string{seal.CheckFormat, seal.CheckCertificate, seal.CheckAlgorithm, seal.CheckSignature, seal.CheckChain, seal.CheckValidity, seal.CheckKeyUsage, seal.CheckAttributes, seal.CheckBaseline} {
		v.Checks.Pass(name, "", "")
	}
	if change != nil {
		change(&v)
	}
	return v
}

// listed is what the lists say: two services, the second one of which was granted.
func listed(qualified, device tsl.Outcome, status string) *tsl.Determination {
	return &tsl.Determination{Qualified: qualified, Device: device, Services: []tsl.Listing{
		{Territory: "NL", Provider: "Other", Name: "Other", Status: "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn"},
		{Territory: "BE", Provider: "Trust & Co", Name: "CA for seals", Status: status, Since: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), Sequence: 7},
	}, Steps: []tsl.Step{
		{Name: tsl.StepStatus, Service: 1, Outcome: tsl.Negative, Found: "withdrawn"},
		{Name: tsl.StepStatus, Service: 2, Outcome: tsl.Positive, Found: "granted"},
	}}
}

// The whole sentences, by qualification and language.
func TestTexts(t *testing.T) {
	qualified := func(q seal.Qualification, l *tsl.Determination) func(*seal.Validation) {
		return func(v *seal.Validation) { v.Qualification, v.Listed = q, l }
	}
	by := map[string]string{
		"nl": "Verzegeld door Agentschap Onderwijs (NTRBE-0999999922, België), verantwoordelijk voor de authentieke bron “LED” op grond van “Decree of 30 April 2004” (België). ",
		"fr": "Scellé par Agentschap Onderwijs (NTRBE-0999999922, Belgique), responsable de la source authentique « LED » en vertu de « Decree of 30 April 2004 » (Belgique). ",
		"de": "Besiegelt von Agentschap Onderwijs (NTRBE-0999999922, Belgien), verantwortlich für die authentische Quelle „LED“ auf der Grundlage von „Decree of 30 April 2004“ (Belgien). ",
		"en": "Sealed by Agentschap Onderwijs (NTRBE-0999999922, Belgium), responsible for the authentic source “LED” under “Decree of 30 April 2004” (Belgium). ",
	}
	for name, c := range map[string]struct {
		change func(*seal.Validation)
		want   map[string]string
	}{
		"qualified": {qualified(seal.QESeal, listed(tsl.Positive, tsl.Positive, tsl.StatusGranted)), map[string]string{
			"nl": "Dit is een gekwalificeerd elektronisch zegel: het was gekwalificeerd op 25 november 2026, 10:00 UTC, toen het werd beoordeeld, volgens de vertrouwenslijst van België (dienst “CA for seals” van “Trust & Co”).",
			"fr": "C’est un cachet électronique qualifié : il était qualifié le 25 novembre 2026, 10:00 UTC, moment où il a été examiné, selon la liste de confiance (Belgique) (service « CA for seals » de « Trust & Co »).",
			"de": "Dies ist ein qualifiziertes elektronisches Siegel: Es war qualifiziert am 25. November 2026, 10:00 UTC, als es geprüft wurde, laut der Vertrauensliste (Belgien) (Dienst „CA for seals“ von „Trust & Co“).",
			"en": "This is a qualified electronic seal: it was qualified on 25 November 2026, 10:00 UTC, when it was judged, according to the trusted list of Belgium (service “CA for seals” of “Trust & Co”).",
		}},
		"qualified at a time-stamp, withdrawn since": {func(v *seal.Validation) {
			v.Qualification, v.Listed = seal.QESeal, listed(tsl.Positive, tsl.Positive, "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn")
			v.BestSignatureTime, v.TimeStamps = stamped, []seal.TimeStamp{{Time: stamped, Accepted: true}}
		}, map[string]string{
			"nl": "Dit is een gekwalificeerd elektronisch zegel: het was gekwalificeerd op 1 maart 2026, 08:05 UTC, toen het volgens een tijdstempel zeker bestond, volgens de vertrouwenslijst van België (dienst “CA for seals” van “Trust & Co”); de dienst is niet meer erkend sinds 1 februari 2027, 00:00 UTC, wat daaraan niets verandert.",
			"fr": "C’est un cachet électronique qualifié : il était qualifié le 1er mars 2026, 08:05 UTC, moment où son existence est prouvée par un horodatage, selon la liste de confiance (Belgique) (service « CA for seals » de « Trust & Co ») ; le service n’est plus accordé depuis le 1er février 2027, 00:00 UTC, ce qui n’y change rien.",
			"de": "Dies ist ein qualifiziertes elektronisches Siegel: Es war qualifiziert am 1. März 2026, 08:05 UTC, als es laut einem Zeitstempel nachweislich bestand, laut der Vertrauensliste (Belgien) (Dienst „CA for seals“ von „Trust & Co“); der Dienst ist seit dem 1. Februar 2027, 00:00 UTC nicht mehr zugelassen, was daran nichts ändert.",
			"en": "This is a qualified electronic seal: it was qualified on 1 March 2026, 08:05 UTC, when a time-stamp proves that it existed, according to the trusted list of Belgium (service “CA for seals” of “Trust & Co”); the service has not been granted since 1 February 2027, 00:00 UTC, which does not change this.",
		}},
		"advanced with a qualified certificate": {qualified(seal.AdESealQC, listed(tsl.Positive, tsl.Negative, tsl.StatusGranted)), map[string]string{
			"nl": "Dit is een geavanceerd elektronisch zegel met een gekwalificeerd certificaat, en geen gekwalificeerd zegel: dat de sleutel in een gekwalificeerd middel zit, is niet bekend. Het certificaat was gekwalificeerd op 25 november 2026, 10:00 UTC, toen het werd beoordeeld, volgens de vertrouwenslijst van België (dienst “CA for seals” van “Trust & Co”).",
			"fr": "C’est un cachet électronique avancé reposant sur un certificat qualifié, et non un cachet qualifié : il n’est pas établi que sa clé se trouve dans un dispositif qualifié. Le certificat était qualifié le 25 novembre 2026, 10:00 UTC, moment où il a été examiné, selon la liste de confiance (Belgique) (service « CA for seals » de « Trust & Co »).",
			"de": "Dies ist ein fortgeschrittenes elektronisches Siegel mit qualifiziertem Zertifikat und kein qualifiziertes Siegel: Dass sein Schlüssel in einer qualifizierten Einheit liegt, ist nicht bekannt. Das Zertifikat war qualifiziert am 25. November 2026, 10:00 UTC, als es geprüft wurde, laut der Vertrauensliste (Belgien) (Dienst „CA for seals“ von „Trust & Co“).",
			"en": "This is an advanced electronic seal with a qualified certificate, and not a qualified seal: its key is not known to be in a qualified device. The certificate was qualified on 25 November 2026, 10:00 UTC, when it was judged, according to the trusted list of Belgium (service “CA for seals” of “Trust & Co”).",
		}},
		"advanced, by the lists": {qualified(seal.AdESeal, &tsl.Determination{Qualified: tsl.Negative}), map[string]string{
			"nl": "Dit is een geavanceerd elektronisch zegel, en geen gekwalificeerd zegel. Volgens de vertrouwenslijsten was het niet gekwalificeerd op 25 november 2026, 10:00 UTC, toen het werd beoordeeld.",
			"fr": "C’est un cachet électronique avancé, et non un cachet qualifié. Selon les listes de confiance, il n’était pas qualifié le 25 novembre 2026, 10:00 UTC, moment où il a été examiné.",
			"de": "Dies ist ein fortgeschrittenes elektronisches Siegel und kein qualifiziertes. Laut den Vertrauenslisten war es nicht qualifiziert am 25. November 2026, 10:00 UTC, als es geprüft wurde.",
			"en": "This is an advanced electronic seal, and not a qualified one. It was not qualified according to the trusted lists on 25 November 2026, 10:00 UTC, when it was judged.",
		}},
		"advanced, without lists": {nil, map[string]string{
			"nl": "Dit is een geavanceerd elektronisch zegel, en geldt niet als gekwalificeerd zegel: er is geen vertrouwenslijst geraadpleegd.",
			"fr": "C’est un cachet électronique avancé, qui ne vaut pas comme cachet qualifié : aucune liste de confiance n’a été consultée.",
			"de": "Dies ist ein fortgeschrittenes elektronisches Siegel und gilt nicht als qualifiziertes: Es wurde keine Vertrauensliste befragt.",
			"en": "This is an advanced electronic seal, and does not count as a qualified one: no trusted list was asked.",
		}},
		"the lists do not tell": {qualified(seal.NotApplicable, &tsl.Determination{}), map[string]string{
			"nl": "De vertrouwenslijsten zeggen niet of dit een gekwalificeerd elektronisch zegel is; gevraagd voor 25 november 2026, 10:00 UTC, toen het werd beoordeeld.",
			"fr": "Les listes de confiance ne disent pas si c’est un cachet électronique qualifié ; la question portait sur le 25 novembre 2026, 10:00 UTC, moment où il a été examiné.",
			"de": "Die Vertrauenslisten sagen nicht, ob dies ein qualifiziertes elektronisches Siegel ist; gefragt wurde nach dem 25. November 2026, 10:00 UTC, als es geprüft wurde.",
			"en": "The trusted lists do not tell whether this is a qualified electronic seal; asked for 25 November 2026, 10:00 UTC, when it was judged.",
		}},
		"not for seals": {qualified(seal.NotApplicable, nil), map[string]string{
			"nl": "Wat het in rechte waard is, is niet bekend: het certificaat kan niet worden gelezen, of is er geen voor zegels van een rechtspersoon.",
			"fr": "Sa valeur en droit n’est pas connue : son certificat ne peut être lu, ou n’est pas destiné aux cachets d’une personne morale.",
			"de": "Was es rechtlich wert ist, ist nicht bekannt: Sein Zertifikat kann nicht gelesen werden oder ist keines für Siegel einer juristischen Person.",
			"en": "What it is worth in law is not known: its certificate cannot be read, or is not one for seals of a legal person.",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, ok := statement.Of(held(c.change), judged)
			if !ok || len(s.Texts) != len(statement.Languages()) {
				t.Fatalf("%+v", s)
			}
			for _, lang := range statement.Languages() {
				if want := by[lang] + c.want[lang]; s.Texts[lang] != want {
					t.Errorf("%s:\n%s\nexpected\n%s", lang, s.Texts[lang], want)
				}
			}
		})
	}
}

// What is not known is left out, and the rest is a sentence.
func TestUnknown(t *testing.T) {
	const advanced = " This is an advanced electronic seal, and does not count as a qualified one: no trusted list was asked."
	for name, c := range map[string]struct {
		change func(*seal.Validation)
		want   string
	}{
		"no source": {func(v *seal.Validation) { v.Source = nil }, "Sealed by Agentschap Onderwijs (NTRBE-0999999922, Belgium)."},
		"no law": {func(v *seal.Validation) { v.Source.Legislation = "" },
			"Sealed by Agentschap Onderwijs (NTRBE-0999999922, Belgium), responsible for the authentic source “LED” (Belgium)."},
		"no name of the source": {func(v *seal.Validation) { v.Source.Name = "" },
			"Sealed by Agentschap Onderwijs (NTRBE-0999999922, Belgium), responsible for an authentic source under “Decree of 30 April 2004” (Belgium)."},
		"no country of the law": {func(v *seal.Validation) { v.Source.Country = "" },
			"Sealed by Agentschap Onderwijs (NTRBE-0999999922, Belgium), responsible for the authentic source “LED” under “Decree of 30 April 2004”."},
		"law of the Union": {func(v *seal.Validation) { v.Source.Country = "EU" },
			"Sealed by Agentschap Onderwijs (NTRBE-0999999922, Belgium), responsible for the authentic source “LED” under “Decree of 30 April 2004” (European Union)."},
		"on the list of nobody": {func(v *seal.Validation) { v.Provider = nil },
			"Sealed by Agentschap Onderwijs (NTRBE-0999999922, Belgium), according to its certificate responsible for the authentic source “LED” under “Decree of 30 April 2004” (Belgium)."},
		"a source of nothing":      {func(v *seal.Validation) { v.Source = &seal.AuthenticSource{Country: "BE"} }, "Sealed by Agentschap Onderwijs (NTRBE-0999999922, Belgium)."},
		"no name":                  {func(v *seal.Validation) { v.Source, v.Certificate.Subject = nil, pkix.Name{} }, "Sealed by the organisation NTRBE-0999999922, Belgium."},
		"no organisation":          {func(v *seal.Validation) { v.Source, v.Certificate.Subject.Organization = nil, nil }, "Sealed by LED seal (NTRBE-0999999922, Belgium)."},
		"no identifier":            {func(v *seal.Validation) { v.Source, v.Organization = nil, nil }, "Sealed by Agentschap Onderwijs (Belgium)."},
		"a country without a name": {func(v *seal.Validation) { v.Source, v.Certificate.Subject.Country = nil, []string{"US"} }, "Sealed by Agentschap Onderwijs (NTRBE-0999999922, US)."},
		"a country that is none":   {func(v *seal.Validation) { v.Source, v.Certificate.Subject.Country = nil, []string{"Belgium"} }, "Sealed by Agentschap Onderwijs (NTRBE-0999999922, Belgium)."},
		"nobody": {func(v *seal.Validation) { v.Source, v.Organization, v.Certificate.Subject = nil, nil, pkix.Name{} },
			"Sealed by an organisation that its certificate does not name."},
		"a natural person": {func(v *seal.Validation) {
			v.Source, v.Organization = nil, nil
			v.Certificate.Subject = pkix.Name{CommonName: "Lotte Test", Names: []pkix.AttributeTypeAndValue{{Type: asn1.ObjectIdentifier{2, 5, 4, 4}, Value: "Test"}}}
		}, "Sealed by an organisation that its certificate does not name."},
	} {
		s, ok := statement.Of(held(c.change), judged)
		if !ok || s.Texts["en"] != c.want+advanced {
			t.Errorf("%s:\n%s\nexpected\n%s", name, s.Texts["en"], c.want+advanced)
		}
		for lang, text := range s.Texts {
			if strings.Contains(text, "  ") || strings.Contains(text, "()") || strings.Contains(text, " .") || strings.Contains(text, "<no value>") || strings.Contains(text, "{{") {
				t.Errorf("%s, %s: %s", name, lang, text)
			}
		}
	}
}

// A seal that does not hold says nothing, whatever its certificate says.
func TestNotHeld(t *testing.T) {
	for name, change := range map[string]func(*seal.Validation){
		"nothing validated":  func(v *seal.Validation) { *v = seal.Validation{} },
		"indeterminate":      func(v *seal.Validation) { v.Indication = seal.Indeterminate },
		"broken":             func(v *seal.Validation) { v.Indication = seal.TotalFailed },
		"no certificate":     func(v *seal.Validation) { v.Certificate = nil },
		"a check not passed": func(v *seal.Validation) { v.Checks = v.Checks[1:] },
		"no baseline":        func(v *seal.Validation) { v.Checks.Fail(seal.CheckBaseline, "", "") },
	} {
		if s, ok := statement.Of(held(change), judged); ok || s.Texts != nil || s.SealedBy != nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// The members tell a machine the same.
func TestMembers(t *testing.T) {
	s, _ := statement.Of(held(func(v *seal.Validation) {
		v.Qualification, v.Listed, v.Level = seal.QESeal, listed(tsl.Positive, tsl.Positive, tsl.StatusGranted), seal.BaselineLT
		v.BestSignatureTime, v.TimeStamps = stamped, []seal.TimeStamp{{Time: stamped, Accepted: true}}
	}), judged)
	s.Texts = nil
	b, err := jose.Marshal(s)
	const want = `{"sealed_by":{"name":"Agentschap Onderwijs","identifier":"NTRBE-0999999922","country":"BE"},"responsible_for":{"source":"LED","legislation":"Decree of 30 April 2004","country":"BE","notified":true},"qualification":"QESeal","level":"JAdES-BASELINE-LT","at":"2026-03-01T08:05:00Z","time_by":"time_stamp","trusted_list":{"territory":"BE","sequence":7,"provider":"Trust & Co","service":"CA for seals","status_now":"http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted","since":"2027-02-01T00:00:00Z"},"text":{}}`
	if err != nil || string(b) != want {
		t.Errorf("%s\n%v", b, err)
	}
	for name, c := range map[string]struct {
		change func(*seal.Validation)
		want   string
	}{
		"no lists": {nil, "no trusted list was asked"},
		"by the lists": {func(v *seal.Validation) {
			v.Listed = &tsl.Determination{Qualified: tsl.Negative, Steps: []tsl.Step{{Name: tsl.StepService, Outcome: tsl.Negative, Found: "none \x1b[31m"}}}
		}, "service: none \uFFFD[31m"},
		"no device": {func(v *seal.Validation) {
			v.Qualification, v.Listed = seal.AdESealQC, listed(tsl.Positive, tsl.Negative, "")
		}, "device: the key is not known to be in a qualified device (no)"},
		"no legal body": {func(v *seal.Validation) {
			v.Qualification = seal.NotApplicable
			v.Checks.Skip(seal.CheckQualified, "", "not a legal person")
		}, "not a legal person"},
	} {
		if s, _ := statement.Of(held(c.change), judged); s.Reason != c.want {
			t.Errorf("%s: %q, expected %q", name, s.Reason, c.want)
		}
	}
	// A time-stamp that does not hold, and a time that none tells, prove nothing.
	for _, stamps := range [][]seal.TimeStamp{nil, {{Time: stamped}}, {{Time: judged, Accepted: true}}} {
		if s, _ := statement.Of(held(func(v *seal.Validation) { v.BestSignatureTime, v.TimeStamps = stamped, stamps }), judged); s.TimeBy != statement.ByJudgement {
			t.Errorf("%v is said to prove the time", stamps)
		}
	}
}

// Names out of certificates and lists cannot do anything where they are shown.
func TestHostile(t *testing.T) {
	long := strings.Repeat("a", 5000)
	for name, c := range map[string]struct{ hostile, want string }{
		"terminal":        {"A\x1b[2J\x07B", "A\uFFFD[2J\uFFFDB"},
		"C1 control":      {"A\u009b31mB", "A\uFFFD31mB"},
		"line":            {" A\r\nSealed by the King\u2028.", "A Sealed by the King ."},
		"bidi override":   {"A\u202egnireknoH\u202cB", "A\uFFFDgnireknoH\uFFFDB"},
		"bidi isolate":    {"A\u2066B\u2069\u200f", "A\uFFFDB\uFFFD\uFFFD"},
		"not seen":        {"A\u200b\u2060\ufeffB", "A\uFFFD\uFFFD\uFFFDB"},
		"tags":            {"A\U000e0041B", "A\uFFFDB"},
		"markup":          {`<script>alert("x")</script>`, "‹script›alert(”x”)‹/script›"},
		"attribute":       {`x' onload='y`, "x’ onload=’y"},
		"quotation ended": {"x” under “no law", "x” under ”no law"},
		"invalid UTF-8":   {"A\xffB", "A\uFFFDB"},
		"smeared":         {"A" + strings.Repeat("\u0301", 50) + "B", "A\u0301\u0301B"},
		"overlong":        {long, strings.Repeat("a", 160) + "…"},
		"nothing":         {" \t\n", ""},
		"as it should be": {"Société d’État «Zoë» & Co, n° 5", "Société d’État ”Zoë” & Co, n° 5"},
	} {
		if got := statement.Clean(c.hostile); got != c.want {
			t.Errorf("%s: %q, expected %q", name, got, c.want)
		}
		s, ok := statement.Of(held(func(v *seal.Validation) {
			v.Certificate.Subject.Organization = []string{c.hostile}
			v.Source = &seal.AuthenticSource{Country: "BE", Name: c.hostile, Legislation: c.hostile}
			v.Qualification, v.Listed = seal.QESeal, listed(tsl.Positive, tsl.Positive, tsl.StatusGranted)
			v.Listed.Services[1].Provider, v.Listed.Services[1].Name = c.hostile, c.hostile
		}), judged)
		if !ok {
			t.Fatal(name)
		}
		for lang, text := range s.Texts {
			if strings.ContainsAny(text, "<>\"'`\n\r\x1b\u202e\u2066\u200b\u009b") || len(text) > 2500 {
				t.Errorf("%s, %s: %q", name, lang, text)
			}
		}
		b, err := jose.Marshal(s)
		if err != nil || strings.Contains(string(b), "<script") || strings.Contains(string(b), "\u202e") || strings.Contains(string(b), `\u001b`) {
			t.Errorf("%s: %s %v", name, b, err)
		}
	}
	// What is written from right to left turns nothing around it.
	s, _ := statement.Of(held(func(v *seal.Validation) { v.Certificate.Subject.Organization = []string{"משרד החינוך"} }), judged)
	if want := "Sealed by \u2068משרד החינוך\u2069 (NTRBE"; !strings.HasPrefix(s.Texts["en"], want) || s.SealedBy.Name != "משרד החינוך" {
		t.Errorf("%q", s.Texts["en"])
	}
}

func TestLanguages(t *testing.T) {
	if got := statement.Languages(); !slices.Equal(got, []string{"nl", "fr", "de", "en"}) {
		t.Error(got)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "A", "\x1b[2J", "<b>", "\u202e", "a\u0301", "\xff", strings.Repeat("é ", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := statement.Clean(s)
		if n := len([]rune(got)); n > 321 || strings.ContainsAny(got, "<>\"'`\n\r\t\x00\x1b\u202e") || strings.TrimSpace(got) != got {
			t.Errorf("%q is shown as %q", s, got)
		}
		if again := statement.Clean(got); len([]rune(got)) <= 160 && again != got {
			t.Errorf("%q is cleaned again into %q", got, again)
		}
	})
}
