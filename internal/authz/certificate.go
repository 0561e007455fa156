package authz

import (
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
)

// CertificateName is the name that a client's certificate has. Exactly one is
// set (RFC 8705, Section 2.1.2).
type CertificateName struct {
	// Subject alternative names.
	DNS, URI, IP, Email string
	// Subject is the distinguished name as RFC 4514 writes it, the way
	// x509.Certificate.Subject prints it: most specific part first, without spaces
	// after commas.
	Subject string
}

func (n CertificateName) check() error {
	set := 0
	for _, name := range []string{n.Subject, n.DNS, n.URI, n.IP, n.Email} {
		if name != "" {
			set++
		}
	}
	if set != 1 || n.IP != "" && net.ParseIP(n.IP) == nil {
		return errors.New("authz: a certificate has one name")
	}
	return nil
}

// fits reports whether a certificate has the name. A wildcard is a name like
// any other: it stands for no host here.
func (n CertificateName) fits(c *x509.Certificate) bool {
	switch {
	case n.check() != nil:
		return false
	case n.Subject != "":
		return c.Subject.String() == n.Subject
	case n.DNS != "":
		return slices.ContainsFunc(c.DNSNames, func(name string) bool { return strings.EqualFold(name, n.DNS) })
	case n.Email != "":
		return slices.Contains(c.EmailAddresses, n.Email)
	case n.IP != "":
		return slices.ContainsFunc(c.IPAddresses, net.ParseIP(n.IP).Equal)
	}
	for _, u := range c.URIs {
		if u.String() == n.URI {
			return true
		}
	}
	return false
}

// certified refuses a connection whose certificate does not authenticate the
// client.
func (c Client) certified(shown []*x509.Certificate, now time.Time) error {
	if len(shown) == 0 {
		return refuseClient("client: needs its certificate on the connection (RFC 8705, Section 2)")
	}
	leaf := shown[0]
	if c.Method == MethodTLS {
		if !slices.Contains(c.Certificates, jose.X5TS256(leaf)) {
			return refuseClient("client: the certificate of the connection is not the registered one (RFC 8705, Section 2.2)")
		}
		return nil
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, a := range c.Authorities {
		roots.AddCert(a)
	}
	for _, other := range shown[1:] {
		between.AddCert(other)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil || !c.CertificateName.fits(leaf) {
		return refuseClient("client: the certificate of the connection is not of a trusted authority, or has not the registered name (RFC 8705, Section 2.1)")
	}
	return nil
}
