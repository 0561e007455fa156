package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/verifier/policy"
)

// What the configuration leaves open of a seal is what the type's own data asks:
// of a type that this process issues, or of one whose metadata is named.
func TestSealsOfTypes(t *testing.T) {
	const url = "https://issuer.example"
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	strict := file("strict.json", `{"vct":"a:b","seal":{"qualification":"AdESeal-QC","authentic_sources":[{"country":"BE"}]}}`)
	silent := file("silent.json", `{"vct":"a:b"}`)
	for name, c := range map[string]struct {
		kind    string
		asked   SealNeedConfig
		profile string
		lists   bool
		want    seal.Qualification
		warned  bool
	}{
		"its own SD-JWT VC":         {url + "/types/led-diploma", SealNeedConfig{}, ProfileProduction, true, seal.QESeal, false},
		"without lists":             {url + "/types/led-diploma", SealNeedConfig{}, ProfileProduction, false, seal.QESeal, false},
		"in development":            {url + "/types/led-diploma", SealNeedConfig{}, ProfileDevelopment, false, seal.AdESeal, true},
		"in development with lists": {url + "/types/led-diploma", SealNeedConfig{}, ProfileDevelopment, true, seal.QESeal, false},
		"said otherwise":            {url + "/types/led-diploma", SealNeedConfig{Qualification: seal.AdESeal}, ProfileProduction, true, seal.AdESeal, false},
		"said so in development":    {url + "/types/led-diploma", SealNeedConfig{Qualification: seal.QESeal}, ProfileDevelopment, false, seal.QESeal, false},
		"its own mdoc":              {demoDoctype, SealNeedConfig{}, ProfileProduction, true, seal.QESeal, false},
		"its own W3C credential":    {demoELM, SealNeedConfig{}, ProfileProduction, true, "", false},
		"of another issuer":         {"https://other.example/types/led-diploma", SealNeedConfig{}, ProfileProduction, true, "", false},
		"metadata that is built in": {"https://other.example/types/led-diploma", SealNeedConfig{Metadata: builtinMapping}, ProfileProduction, true, seal.QESeal, false},
		"metadata of a file":        {"a:b", SealNeedConfig{Metadata: strict}, ProfileProduction, true, seal.AdESealQC, false},
		"metadata that is silent":   {"a:b", SealNeedConfig{Metadata: silent}, ProfileProduction, true, "", false},
	} {
		i := &IssuerConfig{ListenConfig: ListenConfig{URL: url}, Register: "r"}
		if faults := i.checkBody("issuer"); faults != nil {
			t.Fatal(faults)
		}
		if needs, err := i.needs(); err != nil || len(needs) != 2 { // W3C credentials ask for nothing
			t.Errorf("%v %v", needs, err)
		}
		v := &VerifierConfig{Accept: []AcceptConfig{{Type: c.kind, SealNeedConfig: c.asked}}}
		if c.lists {
			v.Trust.Lists = &TrustedListsConfig{}
		}
		var log bytes.Buffer
		a := &app{c: &Config{Profile: c.profile, Issuer: i, Verifier: v}, log: slog.New(slog.NewTextHandler(&log, nil))}
		got, err := a.accepted()
		if err != nil || got[0].Qualification != c.want || got[0].Name != c.kind {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		if strings.Contains(log.String(), "level=WARN") != c.warned {
			t.Errorf("%s: %s", name, log.String())
		}
		if c.asked.Metadata == strict && (len(got[0].Sources) != 1 || got[0].Sources[0] != policy.Source{Country: "BE"}) {
			t.Errorf("%s: %+v", name, got[0].Sources)
		}
	}
	for want, text := range map[string]string{
		"bad.json: seal: qualification: found": `{"vct":"a:b","seal":{"qualification":"gold"}}`,
		"bad.json: seal: ":                     `{"vct":"a:b","seal":{"worth":"QESeal"}}`,
		"bad.json: ":                           `[]`,
	} {
		a := &app{c: &Config{Verifier: &VerifierConfig{Accept: []AcceptConfig{{Type: "a:b", SealNeedConfig: SealNeedConfig{Metadata: file("bad.json", text)}}}}}}
		if got, err := a.accepted(); err == nil || got != nil || !strings.Contains(err.Error(), "verifier.accept[0].metadata: "+want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSealConfigFaults(t *testing.T) {
	v := VerifierConfig{Accept: []AcceptConfig{{SealNeedConfig: SealNeedConfig{Qualification: "gold", Level: "B-B", AuthenticSources: []policy.Source{{}}}}, {SealNeedConfig: SealNeedConfig{Qualification: seal.QESeal, Level: seal.BaselineB, AuthenticSources: []policy.Source{{Country: "BE"}}}}}}
	text := errors.Join(v.checkPolicies()...).Error()
	for _, want := range []string{"verifier.accept[0].qualification: found", "verifier.accept[0].level: found", "verifier.accept[0].authentic_sources[0]: give"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not hold %s", text, want)
		}
	}
	if strings.Contains(text, "accept[1]") {
		t.Error(text)
	}
}
