package main

import (
	"encoding/asn1"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/holder"
)

// TimeStampsConfig names time-stamp authorities (RFC 3161) for the evidence of
// seals in the vaults.
type TimeStampsConfig struct {
	// Authorities are asked in order until one gives a token.
	Authorities []TimeStampAuthority `yaml:"authorities"`
	// Anchors is a PEM file with the roots that tokens must lead to. Without, they are
	// the time-stamp services of the trusted lists in verifier.trust.lists.
	Anchors string `yaml:"anchors"`
	// PerDay is how many time-stamps a vault may have in a day, 1 to 100000; 200 if
	// left out.
	PerDay *int `yaml:"per_day"`
}

// TimeStampAuthority is one of them.
type TimeStampAuthority struct {
	URL string `yaml:"url"`
	// Policy asks it to stamp under a policy, such as 0.4.0.2023.1.1; empty leaves
	// it the choice.
	Policy string `yaml:"policy"`
	policy asn1.ObjectIdentifier
}

// check reports the faults that show without reading a file. listed: this process
// follows trusted lists.
func (c *TimeStampsConfig) check(profile string, listed bool) []error {
	if c == nil {
		return nil
	}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("- holder.timestamps."+format, args...))
	}
	if len(c.Authorities) == 0 {
		fault("authorities: name at least one time-stamp authority, or leave timestamps out")
	}
	if c.Anchors == "" && !listed {
		fault("anchors: name a PEM file with the roots of the authorities' certificates, or the trusted lists that have them in verifier.trust.lists")
	}
	if c.PerDay != nil && (*c.PerDay < 1 || *c.PerDay > 100_000) {
		fault("per_day: found %d, expected 1 to 100000, or leave it out for %d", *c.PerDay, holder.DefaultStamps)
	}
	for i := range c.Authorities {
		a := &c.Authorities[i]
		u, err := url.Parse(a.URL)
		plain := err == nil && u.Scheme == "http" && profile == ProfileDevelopment && isLoopback(u.Hostname())
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && !plain {
			fault("authorities[%d].url: found %q, expected an https address (RFC 3161, Section 3.4)", i, a.URL)
		}
		if a.policy, err = parseOID(a.Policy); err != nil {
			fault("authorities[%d].policy: found %q, expected an object identifier such as 0.4.0.2023.1.1", i, a.Policy)
		}
	}
	return faults
}

// parseOID reads an object identifier; empty is none.
func parseOID(text string) (asn1.ObjectIdentifier, error) {
	if text == "" {
		return nil, nil
	}
	var id asn1.ObjectIdentifier
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || strconv.FormatUint(n, 10) != part {
			return nil, fmt.Errorf("%q is no arc", part)
		}
		id = append(id, int(n))
	}
	if _, err := asn1.Marshal(id); err != nil {
		return nil, err
	}
	return id, nil
}
