package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/zegel-id/zegel/seal/qc"
)

// ErrRequest is returned for what no certificate can be asked for with.
var ErrRequest = errors.New("not a usable certificate request")

// attributes that a subject may have, by the names people use (RFC 4514, Section
// 3; ETSI EN 319 412-3, clause 4.2.1).
var attributes = map[string]asn1.ObjectIdentifier{
	"C": {2, 5, 4, 6}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "CN": {2, 5, 4, 3}, "L": {2, 5, 4, 7}, "ST": {2, 5, 4, 8},
	"ORGANIZATIONIDENTIFIER": qc.OrganizationID, "2.5.4.97": qc.OrganizationID,
}

// needed are the attributes of a legal person (ETSI EN 319 412-3, clause 4.2.1).
var needed = []string{"C", "O", "organizationIdentifier", "CN"}

// Subject is the distinguished name of a legal person.
type Subject struct {
	der          []byte
	Organization qc.Organization
}

// ParseSubject reads a name such as
// "C=BE,O=Voorbeeld,organizationIdentifier=NTRBE-0999999922,CN=Voorbeeld": commas
// part, a backslash takes the next character as it is (RFC 4514). Order is kept.
func ParseSubject(text string) (Subject, error) {
	var s Subject
	var name pkix.RDNSequence
	seen := map[string]bool{}
	for _, part := range split(text) {
		label, value, ok := strings.Cut(part, "=")
		label, value = strings.ToUpper(strings.TrimSpace(label)), unescape(strings.TrimSpace(value))
		id, known := attributes[label]
		if !ok || !known || value == "" || len(value) > 200 {
			return s, fmt.Errorf("%w: subject: found %q, expected C=, O=, OU=, CN=, L=, ST= or organizationIdentifier= with a value, parted by commas", ErrRequest, strings.TrimSpace(part))
		}
		if seen[id.String()] {
			return s, fmt.Errorf("%w: subject: %s stands there twice", ErrRequest, label)
		}
		seen[id.String()] = true
		switch label {
		case "C":
			if len(value) != 2 || strings.ToUpper(value) != value {
				return s, fmt.Errorf("%w: subject: C is %q, expected two capital letters such as BE", ErrRequest, value)
			}
		case "ORGANIZATIONIDENTIFIER", "2.5.4.97":
			o, err := qc.ParseOrganization(value)
			if err != nil {
				return s, fmt.Errorf("%w: subject: organizationIdentifier: %w", ErrRequest, err)
			}
			s.Organization = o
		}
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: id, Value: value}})
	}
	for _, label := range needed {
		if !seen[attributes[strings.ToUpper(label)].String()] {
			return s, fmt.Errorf("%w: subject: %s is missing (ETSI EN 319 412-3, clause 4.2.1)", ErrRequest, label)
		}
	}
	var err error
	s.der, err = asn1.Marshal(name)
	return s, err
}

func split(text string) []string {
	var parts []string
	var part strings.Builder
	escaped := false
	for _, r := range text {
		if r == ',' && !escaped {
			parts = append(parts, part.String())
			part.Reset()
			continue
		}
		escaped = r == '\\' && !escaped
		part.WriteRune(r)
	}
	return append(parts, part.String())
}

func unescape(s string) string {
	var out strings.Builder
	escaped := false
	for _, r := range s {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		out.WriteRune(r)
		escaped = false
	}
	return out.String()
}

// EscapeValue writes a value as ParseSubject reads it.
func EscapeValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `=`, `\=`).Replace(s)
}

// sealUsage is keyUsage with contentCommitment alone (RFC 5280, Section 4.2.1.3;
// ETSI EN 319 412-3, clause 4.3.1).
var sealUsage = pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Critical: true, Value: []byte{0x03, 0x02, 0x06, 0x40}}

// SignRequest makes a PKCS #10 request (RFC 2986) in PEM for a seal certificate of
// an issuer, signed by the key wherever it is.
func SignRequest(key crypto.Signer, s Subject, issuer string) ([]byte, error) {
	if err := CheckKey(key.Public()); err != nil {
		return nil, err
	}
	u, err := url.Parse(issuer)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%w: the issuer %q is no web address", ErrRequest, issuer)
	}
	t := &x509.CertificateRequest{RawSubject: s.der, URIs: []*url.URL{u}, ExtraExtensions: []pkix.Extension{sealUsage}}
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		t.IPAddresses = []net.IP{ip}
	} else {
		t.DNSNames = []string{u.Hostname()}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, t, key)
	if err != nil {
		return nil, fmt.Errorf("signing a certificate request: %w", err)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = request.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("the certificate request does not verify: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// ParseRequest reads a request in PEM and verifies its signature.
func ParseRequest(b []byte) (*x509.CertificateRequest, error) {
	block, rest := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(rest) != 0 {
		return nil, fmt.Errorf("%w: not one PEM block CERTIFICATE REQUEST", ErrRequest)
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRequest, err)
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("%w: its signature does not verify", ErrRequest)
	}
	return r, nil
}

// Make makes a P-256 key and a request for its certificate. The key waits.
func (r Ring) Make(s Subject, issuer string, now time.Time) (k Key, request []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return k, nil, err
	}
	if request, err = SignRequest(key, s, issuer); err != nil {
		return k, nil, err
	}
	k, err = r.keep(key, key.Public(), request, "", now)
	return k, request, err
}

// Keep keeps the request of a key that is elsewhere, until it is certified.
func (r Ring) Keep(pub crypto.PublicKey, request []byte, elsewhere string, now time.Time) (Key, error) {
	return r.keep(nil, pub, request, elsewhere, now)
}

func (r Ring) keep(key crypto.Signer, pub crypto.PublicKey, request []byte, elsewhere string, now time.Time) (k Key, err error) {
	k = Key{State: Requested, Since: now.UTC().Truncate(time.Second), Elsewhere: elsewhere, Public: pub}
	if k.ID, err = ID(pub); err != nil {
		return k, err
	}
	return k, r.change(func(m *manifest) error {
		if old, err := m.key(k.ID); err == nil {
			if old.State != Requested {
				return fmt.Errorf("%w: a certificate of it is here already, and it is %s; make another key", ErrState, old.State)
			}
			old.Since = k.Since // asked for once more
		} else {
			m.Keys = append(m.Keys, k)
		}
		if key != nil {
			b, err := encodeKey(key)
			if err != nil {
				return err
			}
			if err := write(r.dir, k.ID+keyExt, b); err != nil {
				return err
			}
		}
		return write(r.dir, k.ID+requestExt, request)
	})
}
