// Package seal makes and judges eIDAS electronic seals: JAdES B-B (ETSI TS 119
// 182-1) on compact tokens, over a crypto.Signer and a certificate chain, and
// the evidence that lifts the same signature to B-T, B-LT and B-LTA.
//
// A Sealer signs what has been prepared elsewhere. A Validator answers with an
// indication of ETSI EN 319 102-1, a qualification and a check per rule, never
// with yes or no. The trusted lists of ETSI TS 119 612 are not here yet: without
// them the best qualification is AdESeal.
package seal

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/internal/jose"
)

// CertificateID names a seal certificate in addresses: its x5t#S256.
func CertificateID(c *x509.Certificate) string { return jose.X5TS256(c) }

// ErrIssuerName is returned when a certificate does not name an issuer.
var ErrIssuerName = errors.New("the seal certificate does not name the issuer")

// IssuerNamed is the issuer that a certificate names, for credentials that name
// none themselves: the one web address among its subject alternative names, or
// that of its one host where there is no address. Empty if that is not clear.
// CertifiesIssuer says yes to it.
func IssuerNamed(c *x509.Certificate) string {
	var names []string
	for _, u := range c.URIs {
		if (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
			names = append(names, u.String())
		}
	}
	if len(names) == 0 {
		for _, host := range c.DNSNames {
			names = append(names, "https://"+host)
		}
	}
	if len(names) != 1 || strings.Contains(names[0], "*") {
		return ""
	}
	return names[0]
}

// CertifiesIssuer checks that iss stands in the subject alternative names of a
// certificate: as a URI, exactly, or for an https address with no more than a
// host as its dNSName or iPAddress. A wildcard names nobody.
func CertifiesIssuer(c *x509.Certificate, iss string) error {
	for _, u := range c.URIs {
		if u.String() == iss {
			return nil
		}
	}
	u, err := url.Parse(iss)
	if err == nil && u.Scheme == "https" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && strings.Trim(u.Path, "/") == "" {
		host := u.Hostname()
		for _, name := range c.DNSNames {
			if name != "" && strings.EqualFold(name, host) && !strings.Contains(name, "*") {
				return nil
			}
		}
		if ip := net.ParseIP(host); ip != nil {
			for _, a := range c.IPAddresses {
				if a.Equal(ip) {
					return nil
				}
			}
		}
	}
	return fmt.Errorf("%w: iss must stand in its subjectAltName, as a URI or as the host of an https address", ErrIssuerName)
}
