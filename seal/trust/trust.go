// Package trust decides whom a certificate can be trusted as: the holder of a
// seal key, the signer of status lists, an admitted receiver. It verifies
// chains to configured anchors, reads certificate revocation lists, and keeps
// the list of public bodies that may issue attestations (ETSI TS 119 602, the
// list of PuB-EAA providers of the Commission).
//
// It does not read credentials and it signs nothing but lists. It reaches the
// network through what it is given (Fetcher, HTTP) alone. Trusted lists of
// ETSI TS 119 612 are read by the package tsl below; their services are anchors
// here (InstallListed).
package trust

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
)

// Use is what a certificate is used for. Anchors belong to one use: a
// certificate that may ask a citizen for data can never seal a credential.
type Use uint8

const (
	// UseSeal seals credentials.
	UseSeal Use = iota + 1
	// UseStatus signs status list tokens.
	UseStatus
	// UseAccessCertificate signs a receiver's requests (ETSI TS 119 411-8).
	UseAccessCertificate
	// UseListSigner signs lists of trusted entities.
	UseListSigner
	// UseRegistrar signs receivers' registration certificates.
	UseRegistrar
	// UseTimeStamp signs time-stamps (RFC 3161) and nothing else.
	UseTimeStamp

	lastUse = UseTimeStamp
)

func (u Use) String() string {
	switch u {
	case UseSeal:
		return "seal"
	case UseStatus:
		return "status list"
	case UseAccessCertificate:
		return "access certificate"
	case UseListSigner:
		return "list signer"
	case UseRegistrar:
		return "registrar"
	case UseTimeStamp:
		return "time-stamp"
	default:
		return fmt.Sprintf("unknown use %d", uint8(u))
	}
}

// check refuses a leaf whose key usage does not allow the use (RFC 5280,
// Section 4.2.1.3; ETSI EN 319 412-2, clause 4.3.2) or that says it is made for
// something else (RFC 5280, Section 4.2.1.12). The usage that draft-ietf-oauth-
// status-list, Section 10, defines for status lists has no number yet and is
// not looked at.
func (u Use) check(c *x509.Certificate) error {
	allowed := x509.KeyUsageDigitalSignature
	if u == UseSeal || u == UseTimeStamp {
		allowed |= x509.KeyUsageContentCommitment
	}
	switch {
	case u < UseSeal || u > lastUse:
		return fmt.Errorf("%w: %s", ErrUse, u)
	case c.IsCA || c.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0:
		return fmt.Errorf("%w: the certificate is a certification authority, expected an end entity (RFC 5280, Section 4.2.1.9)", ErrUse)
	case c.KeyUsage&allowed == 0:
		return fmt.Errorf("%w: keyUsage is missing or has no digitalSignature (RFC 5280, Section 4.2.1.3)", ErrUse)
	}
	if u == UseTimeStamp {
		return checkTimeStamping(c)
	}
	for _, e := range c.ExtKeyUsage {
		switch e {
		case x509.ExtKeyUsageOCSPSigning, x509.ExtKeyUsageTimeStamping, x509.ExtKeyUsageCodeSigning:
			return fmt.Errorf("%w: extendedKeyUsage is for another purpose (RFC 5280, Section 4.2.1.12)", ErrUse)
		case x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth:
			// Receivers may use one certificate for both; nobody else does.
			if u != UseAccessCertificate {
				return fmt.Errorf("%w: extendedKeyUsage is for TLS (RFC 5280, Section 4.2.1.12)", ErrUse)
			}
		}
	}
	return nil
}

// checkTimeStamping asks for an extendedKeyUsage that is critical and holds
// timeStamping alone (RFC 3161, Section 2.3), and for no key usage beside those
// that go with it (RFC 5280, Section 4.2.1.12).
func checkTimeStamping(c *x509.Certificate) error {
	switch {
	case len(c.ExtKeyUsage) != 1 || c.ExtKeyUsage[0] != x509.ExtKeyUsageTimeStamping || len(c.UnknownExtKeyUsage) > 0:
		return fmt.Errorf("%w: extendedKeyUsage must be timeStamping and nothing else (RFC 3161, Section 2.3)", ErrUse)
	case c.KeyUsage&^(x509.KeyUsageDigitalSignature|x509.KeyUsageContentCommitment) != 0:
		return fmt.Errorf("%w: keyUsage must be digitalSignature or contentCommitment and nothing else (RFC 5280, Section 4.2.1.12)", ErrUse)
	}
	for _, e := range c.Extensions {
		if e.Id.Equal(oidExtKeyUsage) && e.Critical {
			return nil
		}
	}
	return fmt.Errorf("%w: extendedKeyUsage must be critical (RFC 3161, Section 2.3)", ErrUse)
}

var oidExtKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
