package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/receivers"
)

// checkIdentifiers reports the faults of identifiers that show without reading
// a file.
func (v *VerifierConfig) checkIdentifiers() []error {
	var faults []error
	seen := map[string]bool{}
	for i, c := range v.Identifiers {
		fault := func(format string, args ...any) {
			faults = append(faults, fmt.Errorf("- verifier.identifiers[%d]"+format, append([]any{i}, args...)...))
		}
		if c.Receiver == "" || seen[c.Receiver] {
			fault(".receiver: name each receiver of the register once, found %q", c.Receiver)
		}
		seen[c.Receiver] = true
		did, vouched := c.Prefix == string(oid4vp.PrefixDecentralized), c.Prefix == string(oid4vp.PrefixAttestation)
		if !did && !vouched && c.Prefix != string(oid4vp.PrefixX509SANDNS) {
			fault(".prefix: found %q, expected x509_san_dns, decentralized_identifier or verifier_attestation; x509_hash is what a receiver without an entry has", c.Prefix)
		}
		if did != (c.KeyID != "") {
			fault(".key_id: belongs to decentralized_identifier, as the DID URL of the verification method with the receiver's key")
		}
		if vouched != (c.AttestationFile != "") {
			fault(".attestation_file: belongs to verifier_attestation, as the file with the JWT about the receiver's key")
		}
	}
	return faults
}

// identify gives the receivers their client identifiers.
func (v *VerifierConfig) identify(register *receivers.Register, access map[string]verifier.Access) error {
	var faults []error
	for i, c := range v.Identifiers {
		a, ok := access[c.Receiver]
		if _, listed := register.Find(c.Receiver); !ok || !listed {
			faults = append(faults, fmt.Errorf("verifier.identifiers[%d].receiver: %q is not in the register of receivers", i, c.Receiver))
			continue
		}
		switch oid4vp.Prefix(c.Prefix) {
		case oid4vp.PrefixX509SANDNS:
			a.DNSName = hostOf(v.URL)
		case oid4vp.PrefixDecentralized:
			a.KeyID = c.KeyID
		case oid4vp.PrefixAttestation:
			b, err := os.ReadFile(c.AttestationFile)
			if err != nil {
				faults = append(faults, fmt.Errorf("verifier.identifiers[%d].attestation_file: %w", i, err))
				continue
			}
			a.Attestation = strings.TrimSpace(string(b))
		}
		access[c.Receiver] = a
	}
	return errors.Join(faults...)
}
