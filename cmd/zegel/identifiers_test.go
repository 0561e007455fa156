package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/receivers"
)

const oneReceiver = `receivers:
  - id: university
    status: admitted
    legal_name: Voorbeelduniversiteit (TEST)
    registration: NTRBE-0999999823
    country: BE
    privacy_statement: https://www.university.example/privacy
    intended_uses:
      - id: enrolment
        purpose: {nl: Inschrijven, fr: Inscrire, de: Einschreiben, en: Enrol}
        legal_basis: Codex Hoger Onderwijs, art. II.178 (TEST)
        credentials:
          - format: dc+sd-jwt
            vct_values: [a:b]
`

func TestIdentifiers(t *testing.T) {
	register, err := receivers.Parse("r.yaml", []byte(oneReceiver), receivers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "a.jwt")
	if err := os.WriteFile(file, []byte("a.b.c\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config           IdentifierConfig
		dns, key, attest string
	}{
		{IdentifierConfig{Receiver: "university", Prefix: "x509_san_dns"}, "verifier.example", "", ""},
		{IdentifierConfig{Receiver: "university", Prefix: "decentralized_identifier", KeyID: "did:web:a.example#k"}, "", "did:web:a.example#k", ""},
		{IdentifierConfig{Receiver: "university", Prefix: "verifier_attestation", AttestationFile: file}, "", "", "a.b.c"},
	} {
		v := VerifierConfig{ListenConfig: ListenConfig{URL: "https://verifier.example"}, Identifiers: []IdentifierConfig{c.config}}
		access := map[string]verifier.Access{"university": {}}
		if err := errors.Join(append(v.checkIdentifiers(), v.identify(register, access))...); err != nil {
			t.Error(err)
		}
		if a := access["university"]; a.DNSName != c.dns || a.KeyID != c.key || a.Attestation != c.attest {
			t.Errorf("%+v", a)
		}
	}
}

// Faults name the key and what is expected there.
func TestIdentifierFaults(t *testing.T) {
	v := VerifierConfig{Identifiers: []IdentifierConfig{
		{Prefix: "x509_hash"}, {Receiver: "a", Prefix: "decentralized_identifier"}, {Receiver: "a", Prefix: "verifier_attestation", KeyID: "did:web:a.example#k"}, {Receiver: "b", Prefix: "x509_san_dns", AttestationFile: "x"},
	}}
	text := errors.Join(v.checkIdentifiers()...).Error()
	for _, want := range []string{"identifiers[0].receiver", `identifiers[0].prefix: found "x509_hash"`, "identifiers[1].key_id", "identifiers[2].receiver", "identifiers[2].key_id", "identifiers[2].attestation_file", "identifiers[3].attestation_file"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not hold %s", text, want)
		}
	}
	register, err := receivers.Parse("r.yaml", []byte(oneReceiver), receivers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v = VerifierConfig{Identifiers: []IdentifierConfig{{Receiver: "nobody", Prefix: "x509_san_dns"}, {Receiver: "university", Prefix: "verifier_attestation", AttestationFile: "/nowhere/a.jwt"}}}
	err = v.identify(register, map[string]verifier.Access{"university": {}})
	for _, want := range []string{`identifiers[0].receiver: "nobody"`, "identifiers[1].attestation_file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not hold %s", err, want)
		}
	}
}
