package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/zegel-id/zegel/verifier"
	"github.com/zegel-id/zegel/verifier/policy"
)

// checkPolicies reports the faults of accept, policies and relax that show
// without reading a file.
func (v *VerifierConfig) checkPolicies() []error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("- verifier."+format, args...))
	}
	for i := range v.Accept {
		a := &v.Accept[i]
		if a.MaxAge == "" {
			continue
		}
		var err error
		if a.maxAge, err = time.ParseDuration(a.MaxAge); err != nil || a.maxAge < time.Second {
			fault("accept[%d].max_age: found %q, expected a duration such as 8760h", i, a.MaxAge)
		}
	}
	for i, p := range v.Policies {
		if (p.File == "") == (p.Document == "") {
			fault("policies[%d]: give either file, the path of a JSON document, or document, the JSON itself", i)
		}
	}
	for i, r := range v.Relax {
		if !slices.Contains(policy.Relaxations(), r) {
			fault("relax[%d]: found %q, expected one of %v", i, r, policy.Relaxations())
		}
	}
	return faults
}

func (v *VerifierConfig) accepted() []verifier.Acceptance {
	var out []verifier.Acceptance
	for _, a := range v.Accept {
		out = append(out, verifier.Acceptance{VCT: a.VCT, Issuers: a.Issuers, Registrations: a.Registrations, Qualification: a.Qualification, MaxAge: a.maxAge, WithoutExpiry: a.WithoutExpiry})
	}
	return out
}

// policies reads the policy documents; all faults are told at once.
func (v *VerifierConfig) policies() ([]*policy.Policy, error) {
	var out []*policy.Policy
	var faults []error
	for i, c := range v.Policies {
		name, text := fmt.Sprintf("verifier.policies[%d].document", i), []byte(c.Document)
		if c.File != "" {
			var err error
			name = c.File
			if text, err = os.ReadFile(c.File); err != nil {
				faults = append(faults, fmt.Errorf("verifier.policies[%d].file: %w", i, err))
				continue
			}
		}
		p, err := policy.Parse(name, text)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		out = append(out, p)
	}
	return out, errors.Join(faults...)
}
