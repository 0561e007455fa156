package dataintegrity_test

import (
	"bytes"
	"crypto"
	"strings"
	"testing"

	di "github.com/zegel-id/zegel/credential/dataintegrity"
)

// TestConfigurations: a proof configuration that is remembered is the one that would
// have been made.
func TestConfigurations(t *testing.T) {
	const context, created = `["` + contextV2 + `"]`, "2026-11-25T12:00:00Z"
	options := func(more string) string {
		return `{"type":"DataIntegrityProof","cryptosuite":"eddsa-rdfc-2022","verificationMethod":"did:example:1#2","proofPurpose":"assertionMethod"` + more + `}`
	}
	for name, c := range map[string]struct {
		options string
		kept    int
	}{
		"as usual":                  {options(`,"created":"` + created + `"`), 1},
		"with everything":           {options(`,"id":"urn:x:1","created":"` + created + `","expires":"2027-01-01T00:00:00Z","domain":["a","b"],"challenge":"c","nonce":"n","previousProof":"urn:x:2"`), 1},
		"without":                   {options(``), 0},
		"the same time again":       {options(`,"created":"` + created + `","expires":"` + created + `"`), 0},
		"the same time in a text":   {options(`,"created":"` + created + `","nonce":"at ` + created + `"`), 0},
		"another name with spaces":  {options(`,"created" : "` + created + `"`), 0},
		"escaped":                   {options(`,"created":"2026-11-25\u005412:00:00Z"`), 0},
		"no time at all":            {options(`,"created":"1"`), 0},
		"twice, once by its IRI":    {options(`,"created":"` + created + `","http://purl.org/dc/terms/created":{"@value":"2026-11-25T12:30:00Z","@type":"http://www.w3.org/2001/XMLSchema#dateTime"}`), 0},
		"another node, with a time": {options(`,"created":"` + created + `","https://e.example/p":{"https://e.example/q":"x"}`), 0},
		"large":                     {options(`,"created":"` + created + `","nonce":"` + strings.Repeat("n", 5000) + `"`), 0},
	} {
		for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384} {
			t.Run(name+" "+h.String(), func(t *testing.T) {
				configuration, hashes := di.Configuration(published), di.NewConfigurations(published)
				for i, time := range []string{created, "2026-11-25T12:59:59.5+01:00", created, "1999-01-01T00:00:00Z"} {
					in := di.Input{Options: []byte(strings.Replace(c.options, `"created":"`+created, `"created":"`+time, 1)), Context: []byte(context)}
					want, err := in.CanonicalConfiguration(published, h)
					if err != nil {
						t.Fatal(err)
					}
					got, known, err := configuration(in, h)
					if err != nil || string(got) != string(want) {
						t.Errorf("at %s: got\n%s%v\nwant\n%s", time, got, err, want)
					}
					wantHash, err := in.ConfigurationHash(published, h)
					if err != nil {
						t.Fatal(err)
					}
					if got, err := hashes.Hash(in, h); err != nil || !bytes.Equal(got, wantHash) {
						t.Errorf("at %s: the hash is %x, %v; expected %x", time, got, err, wantHash)
					}
					if i == 0 && known != c.kept {
						t.Errorf("%d are remembered, expected %d", known, c.kept)
					}
				}
			})
		}
	}
}

// TestConfigurationsKept: what is remembered is of one context and one hash, and a
// refusal is not.
func TestConfigurationsKept(t *testing.T) {
	configuration := di.Configuration(published)
	in := di.Input{Options: []byte(`{"type":"DataIntegrityProof","created":"2026-11-25T12:00:00Z"}`), Context: []byte(`"` + contextV2 + `"`)}
	for i := range 3 {
		if i == 1 {
			in.Context = []byte(`["` + contextV2 + `"]`)
		}
		h := []crypto.Hash{crypto.SHA256, crypto.SHA256, crypto.SHA384}[i]
		if _, known, err := configuration(in, h); err != nil || known != i+1 {
			t.Errorf("%d: %d are remembered, %v", i, known, err)
		}
	}
	for range 2 {
		in.Options = []byte(`{"type":"DataIntegrityProof","created":"2026-11-25T12:00:00Z","salary":1}`)
		if got, known, err := configuration(in, crypto.SHA256); err == nil || got != nil || known != 3 {
			t.Errorf("got %s, %d are remembered, %v", got, known, err)
		}
	}
	if got, err := in.ConfigurationHash(published, crypto.SHA512); err == nil || got != nil {
		t.Error("a hash that no suite has")
	}
	hashes := di.NewConfigurations(published)
	for range 2 {
		if got, err := hashes.Hash(in, crypto.SHA256); err == nil || got != nil {
			t.Errorf("got the hash %x of a configuration that says more than is signed", got)
		}
	}
	for i := range 1100 {
		in.Options = []byte(`{"type":"DataIntegrityProof","created":"2026-11-25T12:00:00Z","nonce":"` + strings.Repeat("n", i) + `"}`)
		if _, known, err := configuration(in, crypto.SHA256); err != nil || known > 1024 {
			t.Fatalf("%d are remembered, %v", known, err)
		}
	}
}
