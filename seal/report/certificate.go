package report

import (
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/qc"
	"github.com/zegel-id/zegel/seal/trust"
)

// Certificate names one certificate of a chain.
type Certificate struct {
	// Subject and Issuer are distinguished names in the order of the certificate.
	// That of a natural person is left out.
	Subject string `json:"subject,omitzero"`
	Issuer  string `json:"issuer,omitzero"`
	// Serial and SHA256 in hex; the digest is that of the whole certificate.
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	SHA256    string    `json:"sha256"`
	// Anchor: it was trusted beforehand, the rest follows from it. Listed: because a
	// trusted list says that its service is granted, and for nothing else.
	Anchor bool `json:"anchor"`
	Listed bool `json:"listed,omitzero"`
}

func certificate(c *x509.Certificate) Certificate {
	return Certificate{
		Subject: name(c.Subject), Issuer: name(c.Issuer), Serial: c.SerialNumber.Text(16),
		NotBefore: seconds(c.NotBefore), NotAfter: seconds(c.NotAfter), SHA256: digest(c),
	}
}

func digest(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// chain is the verified path of the seal, or its certificate alone.
func chain(out seal.Validation) []Certificate {
	if out.Path == nil && out.Certificate != nil {
		return []Certificate{certificate(out.Certificate)}
	}
	return path(out.Path)
}

func path(p *trust.Path) []Certificate {
	if p == nil {
		return nil
	}
	out := make([]Certificate, len(p.Certificates))
	for i, c := range p.Certificates {
		out[i] = certificate(c)
	}
	out[len(out)-1].Anchor, out[len(out)-1].Listed = true, p.Listed()
	return out
}

// attributes are the short names of what distinguished names hold (RFC 4519; ITU-T
// X.520 for organizationIdentifier).
var attributes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU",
	"2.5.4.5": "serialNumber", qc.OrganizationID.String(): "organizationIdentifier", "0.9.2342.19200300.100.1.25": "DC",
}

// most is the longest value of a distinguished name that is written.
const most = 200

// name writes a distinguished name for people and for comparison by eye; what
// compares certificates is the digest. Go's own form leaves organizationIdentifier
// in hex. That of a natural person is empty.
func name(n pkix.Name) string {
	if qc.NaturalPerson(n) {
		return ""
	}
	var parts []string
	for _, a := range n.Names {
		kind, ok := attributes[a.Type.String()]
		if !ok {
			kind = a.Type.String()
		}
		parts = append(parts, kind+"="+escape(fmt.Sprint(a.Value)))
	}
	return strings.Join(parts, ", ")
}

// escape keeps a value from looking like more than one (RFC 4514, Section 2.4),
// and control characters out.
func escape(s string) string {
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `+`, `\+`, `"`, `\"`, `<`, `\<`, `>`, `\>`, `;`, `\;`, `=`, `\=`).Replace(printable(s))
}
