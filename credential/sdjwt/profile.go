package sdjwt

import (
	"crypto/x509"
	"encoding/asn1"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/zegel-id/zegel/credential"
)

// Profile is a set of payload rules on top of SD-JWT VC.
type Profile uint8

const (
	// ProfileETSI is a PuB-EAA of ETSI TS 119 472-1 V1.2.1: what the seal
	// certificate says of the issuer is not repeated in the payload.
	ProfileETSI Profile = iota
	// ProfileCIR is ProfileETSI with issuing_authority and issuing_country in
	// the payload, as Implementing Regulation (EU) 2024/2977 asks, equal to the
	// certificate.
	ProfileCIR
	// ProfilePlain is an SD-JWT VC without the rules of a PuB-EAA. It makes no
	// such claim: category is forbidden.
	ProfilePlain
	// ProfileW3C is a credential of the W3C data model secured as
	// application/vc+sd-jwt (VC-JOSE-COSE, Section 3.2.1): it has no vct. That
	// the payload conforms is the caller's to check, see package vcjose.
	ProfileW3C
)

// CategoryPubEAA marks an attestation issued by or for a public body
// responsible for an authentic source (TS 119 472-1, clause 4.2.3).
const CategoryPubEAA = "urn:etsi:esi:eaa:eu:pub"

const etsi = "ETSI TS 119 472-1"

// typ is the media type of the JWTs of a profile.
func (p Profile) typ() string {
	if p == ProfileW3C {
		return TypW3C
	}
	return TypVC
}

func (p Profile) pubEAA() bool { return p == ProfileETSI || p == ProfileCIR }

// constant checks the parts that are the same in every credential of a type.
func (o *Options) constant() error {
	typ := func(detail, spec string) error {
		return &Error{Check: credential.CheckType, Spec: spec, Detail: detail}
	}
	policy := func(detail, spec string) error {
		return &Error{Check: credential.CheckPolicy, Spec: spec, Detail: detail}
	}
	switch o.Profile {
	case ProfileETSI, ProfileCIR, ProfilePlain, ProfileW3C:
	default:
		return policy("unknown profile", etsi)
	}
	if o.Hash.size() == 0 {
		return policy("unknown hash algorithm "+clip(string(o.Hash)), "RFC 9901, Section 4.1.1")
	}
	if o.Decoys < 0 || o.Decoys > MaxDecoys {
		return policy("Decoys must be 0 to 64", "RFC 9901, Section 4.2.5")
	}
	if o.Profile == ProfileW3C {
		if o.Type != "" || o.TypeIntegrity != "" || len(o.OtherTypes) > 0 || o.Category != "" {
			return typ("vct and category belong to SD-JWT VC; a W3C credential states its types in type", "VC-JOSE-COSE, Section 3.2.1")
		}
		return nil
	}
	if !collisionResistant(o.Type) {
		return typ("vct must be a URI, so that nobody else means another type by it", "SD-JWT VC, Section 2.2.2.1")
	}
	for _, t := range o.OtherTypes {
		if !collisionResistant(t) || t == o.Type {
			return typ("aka_vcts holds something that is no URI, or the vct itself", "SD-JWT VC, Section 2.2.2.2")
		}
	}
	if o.TypeIntegrity != "" {
		if _, err := parseIntegrity(o.TypeIntegrity); err != nil {
			return &Error{Check: credential.CheckType, Spec: "SD-JWT VC, Section 6", Detail: "vct#integrity", Err: err}
		}
	}
	if o.Issuer != "" && !issuerAddress(o.Issuer) {
		return policy("iss must be an https URL without query and fragment (http on loopback serves development)", "SD-JWT VC, Section 2.2.2.3")
	}
	if o.Profile == ProfilePlain {
		if o.Category != "" {
			return policy("category is forbidden unless the credential is a QEAA or PuB-EAA", etsi+", clause 5.2.1")
		}
		return nil
	}
	switch {
	case o.Issuer == "":
		return policy("iss is missing", etsi+", clause 5.2.4")
	case o.Category != CategoryPubEAA:
		return policy("category must be "+CategoryPubEAA, etsi+", clause 5.2.1")
	case o.TypeIntegrity == "":
		return typ("vct#integrity is missing: give the integrity of the published type metadata", etsi+", clause 5.2.1.2")
	case o.Profile == ProfileCIR && o.Certificate == nil:
		return policy("profile CIR needs the seal certificate to compare with", "Implementing Regulation (EU) 2024/2977")
	}
	return o.inCertificate()
}

func issuerAddress(iss string) bool {
	u, err := url.Parse(iss)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	return u.Scheme == "https" || u.Scheme == "http" && loopback
}

// inCertificate checks that iss stands in the certificate's alternative names:
// wallets compare the two.
func (o *Options) inCertificate() error {
	if o.Certificate == nil {
		return nil
	}
	u, err := url.Parse(o.Issuer)
	if err != nil {
		return err
	}
	for _, san := range o.Certificate.URIs {
		if san.String() == o.Issuer {
			return nil
		}
	}
	if slices.Contains(o.Certificate.DNSNames, u.Hostname()) {
		return nil
	}
	return &Error{Check: credential.CheckPolicy, Spec: "SD-JWT VC, Section 2.5",
		Detail: "iss stands in no subject alternative name of the seal certificate, neither as URI nor its host as dNSName"}
}

// each checks the parts that differ from copy to copy.
func (t *Template) each(c *Credential) error {
	bad := func(check, detail, spec string) error {
		return &Error{Check: check, Spec: spec, Detail: detail}
	}
	for _, m := range [...]struct{ name, in, want string }{
		{"iss", c.Issuer, t.o.Issuer}, {"vct", c.Type, t.o.Type}, {"vct#integrity", c.TypeIntegrity, t.o.TypeIntegrity}, {"category", c.Category, t.o.Category},
	} {
		if m.in != "" && m.in != m.want {
			return bad(credential.CheckType, m.name+" of the credential is not that of its template", "")
		}
	}
	for _, at := range [...]struct {
		name string
		nano int
	}{{"iat", c.IssuedAt.Nanosecond()}, {"nbf", c.NotBefore.Nanosecond()}, {"exp", c.Expires.Nanosecond()}} {
		if at.nano != 0 {
			return bad(credential.CheckValidity, at.name+" must be whole seconds: truncate it", etsi+", clause 5.2.7.1")
		}
	}
	switch {
	case c.IssuedAt.IsZero():
		return bad(credential.CheckValidity, "iat is missing", "RFC 7519, Section 4.1.6")
	case !c.Expires.IsZero() && !c.Expires.After(c.IssuedAt):
		return bad(credential.CheckValidity, "exp is not after iat", "RFC 7519, Section 4.1.4")
	case !c.Expires.IsZero() && !c.NotBefore.IsZero() && !c.Expires.After(c.NotBefore):
		return bad(credential.CheckValidity, "exp is not after nbf", "RFC 7519, Section 4.1.4")
	case c.Status != nil && c.ShortLived:
		return bad(credential.CheckStatus, "status and shortLived exclude each other", etsi+", clause 5.2.10.3")
	}
	if !t.o.Profile.pubEAA() {
		if c.IssuingAuthority+c.IssuingCountry+c.IssuerRegistrationID != "" {
			return bad(credential.CheckPolicy, "issuing_authority, issuing_country and iss_reg_id belong to profile CIR; put members of your own in Extra", "")
		}
		return nil
	}
	switch {
	case (c.Subject == "") == (c.AlsoKnownAs == ""):
		return bad(credential.CheckPolicy, "exactly one of sub and also_known_as must be given", etsi+", clause 4.2.6.8")
	case c.NotBefore.IsZero():
		return bad(credential.CheckValidity, "nbf is missing", etsi+", clause 5.2.7.1")
	case c.Expires.IsZero():
		return bad(credential.CheckValidity, "exp is missing", etsi+", clause 5.2.7.1")
	case c.Status == nil && !c.ShortLived:
		return bad(credential.CheckStatus, "status is missing, and the credential is not shortLived", etsi+", clause 5.2.10.3")
	case c.ID == "":
		return bad(credential.CheckPolicy, "jti is missing", etsi+", clause 5.2.3")
	case c.Holder.Kty == "":
		// The standard says should; what is presented from a vault is always bound.
		return bad(credential.CheckHolderBinding, "cnf is missing: give the holder's public key", etsi+", clause 5.5")
	}
	return t.authority(c)
}

// authority checks what the payload says of the issuer beside the certificate
// (TS 119 472-1, clause 5.2.4.1; Implementing Regulation (EU) 2024/2977).
func (t *Template) authority(c *Credential) error {
	bad := func(detail, spec string) error {
		return &Error{Check: credential.CheckPolicy, Spec: spec, Detail: detail}
	}
	if t.o.Profile == ProfileETSI {
		if c.IssuingAuthority+c.IssuingCountry+c.IssuerRegistrationID != "" {
			return bad("issuing_authority, issuing_country and iss_reg_id must be absent: the seal certificate says them (use profile CIR to repeat them)", etsi+", clause 5.2.4.1")
		}
		return nil
	}
	const cir = "Implementing Regulation (EU) 2024/2977"
	subject := t.o.Certificate.Subject
	switch {
	case c.IssuingAuthority == "" || !slices.Contains(subject.Organization, c.IssuingAuthority):
		return bad("issuing_authority must equal organizationName of the seal certificate", cir)
	case c.IssuingCountry == "" || !slices.Contains(subject.Country, c.IssuingCountry):
		return bad("issuing_country must equal countryName of the seal certificate", cir)
	case c.IssuerRegistrationID != "" && c.IssuerRegistrationID != organizationIdentifier(t.o.Certificate):
		return bad("iss_reg_id must equal organizationIdentifier of the seal certificate", "ETSI EN 319 412-1, clause 5.1.4")
	}
	return nil
}

var oidOrganizationIdentifier = asn1.ObjectIdentifier{2, 5, 4, 97}

func organizationIdentifier(c *x509.Certificate) string {
	for _, name := range c.Subject.Names {
		if name.Type.Equal(oidOrganizationIdentifier) {
			text, _ := name.Value.(string)
			return text
		}
	}
	return ""
}

// collisionResistant accepts absolute URIs (RFC 7515, Section 2).
func collisionResistant(name string) bool {
	u, err := url.Parse(name)
	if err != nil || u.Scheme == "" || strings.ContainsAny(name, " \t\r\n") {
		return false
	}
	switch u.Scheme {
	case "https", "http":
		return u.Host != ""
	default:
		return u.Opaque != "" || u.Host != ""
	}
}
