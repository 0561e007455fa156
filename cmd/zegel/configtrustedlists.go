package main

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// TrustedListsConfig names the trusted lists of the Union (ETSI TS 119 612), which
// decide whether a seal is a qualified one. Without them no seal is worth more
// than AdESeal.
type TrustedListsConfig struct {
	// Location of the list of lists, such as
	// https://ec.europa.eu/tools/lotl/eu-lotl.xml.
	Location string `yaml:"location"`
	// Certificates is a PEM file with those that the Official Journal publishes for
	// the signers of the list of lists.
	Certificates string `yaml:"certificates"`
	// Journal is the address of that publication, as the list of lists has it. The
	// pivots that it names after it are older and not followed; empty follows all.
	Journal string `yaml:"journal"`
	// Territories that are followed, such as BE; empty means all. Of seals whose
	// issuer is in another country nothing can be told.
	Territories []string `yaml:"territories"`
	// Refresh is how often the lists are fetched, 10m to 168h; empty is 6h. They are
	// fetched sooner while one is near its next update.
	Refresh string `yaml:"refresh"`
	refresh time.Duration
}

var territory = regexp.MustCompile(`^[A-Z]{2}$`)

// check reports the faults that show without reading a file.
func (c *TrustedListsConfig) check(profile string) []error {
	if c == nil {
		return nil
	}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("- verifier.trust.lists."+format, args...))
	}
	u, err := url.Parse(c.Location)
	plain := err == nil && u.Scheme == "http" && profile == ProfileDevelopment && isLoopback(u.Hostname())
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && !plain {
		fault("location: found %q, expected the https address of the list of lists, such as https://ec.europa.eu/tools/lotl/eu-lotl.xml", c.Location)
	}
	if c.Certificates == "" {
		fault("certificates: name a PEM file with the certificates that the Official Journal publishes for the list of lists")
	}
	for i, t := range c.Territories {
		switch {
		case !territory.MatchString(t) || t == "GR" || t == "GB":
			fault("territories[%d]: found %q, expected two capitals as the lists have them, such as BE, or EL for Greece and UK for the United Kingdom", i, t)
		case t == "EU":
			fault("territories[%d]: found EU, which is the list of lists; it is always followed", i)
		case slices.Index(c.Territories, t) < i:
			fault("territories[%d]: %s stands there twice", i, t)
		}
	}
	c.refresh = tsl.DefaultInterval
	if c.Refresh != "" {
		if c.refresh, err = time.ParseDuration(c.Refresh); err != nil || c.refresh < 10*time.Minute || c.refresh > 7*24*time.Hour {
			fault("refresh: found %q, expected a duration from 10m to 168h", c.Refresh)
		}
	}
	return faults
}

// signers reads the certificates of the Official Journal.
func (c *TrustedListsConfig) signers() ([]*x509.Certificate, error) {
	b, err := os.ReadFile(c.Certificates)
	if err != nil {
		return nil, err
	}
	certs, err := trust.ParsePEM(b)
	if err != nil {
		return nil, fmt.Errorf("certificates: %s: %w", c.Certificates, err)
	}
	return certs, nil
}
