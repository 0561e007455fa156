package did

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
)

// Limits of a document that is read.
const (
	// MaxDocument is its size in bytes.
	MaxDocument = 64 << 10
	// maxEntries is how many verification methods, references and services it
	// may hold together.
	maxEntries = 256
)

// Document is a DID document (DID Core 1.0, Section 4) or controlled
// identifier document (Controlled Identifiers 1.0, Section 2). It is written
// with its members in the order of this type. In a document that was read all
// ids are absolute.
type Document struct {
	Context              jsontext.Value       `json:"@context,omitzero"`
	ID                   string               `json:"id"`
	AlsoKnownAs          Set                  `json:"alsoKnownAs,omitempty"`
	Controller           OneOrMany            `json:"controller,omitempty"`
	VerificationMethod   []VerificationMethod `json:"verificationMethod,omitempty"`
	AssertionMethod      []Reference          `json:"assertionMethod,omitempty"`
	Authentication       []Reference          `json:"authentication,omitempty"`
	KeyAgreement         []Reference          `json:"keyAgreement,omitempty"`
	CapabilityInvocation []Reference          `json:"capabilityInvocation,omitempty"`
	CapabilityDelegation []Reference          `json:"capabilityDelegation,omitempty"`
	Service              []Service            `json:"service,omitempty"`

	source []byte
}

// Source is the text that the document was read from, nil for a document that
// was made here.
func (d *Document) Source() []byte { return bytes.Clone(d.source) }

// VerificationMethod is one public key of a document (Controlled Identifiers
// 1.0, Section 2.2). Key material in forms other than the two fields is read
// over: the method is there and has no usable key.
type VerificationMethod struct {
	ID                 string    `json:"id"`
	Type               string    `json:"type"`
	Controller         string    `json:"controller"`
	PublicKeyMultibase string    `json:"publicKeyMultibase,omitempty"`
	PublicKeyJWK       *jose.JWK `json:"publicKeyJwk,omitempty"`
	Revoked            time.Time `json:"revoked,omitzero"`
	Expires            time.Time `json:"expires,omitzero"`
	// X5C are the certificates in PublicKeyJWK, in base64, leaf first (RFC 7517,
	// Section 4.7). Nothing of them is verified; see Certificates.
	X5C []string `json:"-"`

	fault error // found while reading; ParseDocument returns it
}

// UnmarshalJSON reads a method and notes private key material and more than
// one public key (Controlled Identifiers 1.0, Section 2.2).
func (m *VerificationMethod) UnmarshalJSON(b []byte) error {
	type plain VerificationMethod
	var w struct {
		plain
		Base58 jsontext.Value `json:"publicKeyBase58"`
		Hex    jsontext.Value `json:"publicKeyHex"`
		PEM    jsontext.Value `json:"publicKeyPem"`

		SecretMultibase  jsontext.Value `json:"secretKeyMultibase"`
		SecretJWK        jsontext.Value `json:"secretKeyJwk"`
		PrivateMultibase jsontext.Value `json:"privateKeyMultibase"`
		PrivateJWK       jsontext.Value `json:"privateKeyJwk"`
		PrivateBase58    jsontext.Value `json:"privateKeyBase58"`
		PrivateHex       jsontext.Value `json:"privateKeyHex"`
		PrivatePEM       jsontext.Value `json:"privateKeyPem"`
	}
	if err := jose.Unmarshal(b, &w); err != nil {
		return err
	}
	*m = VerificationMethod(w.plain)
	if m.PublicKeyJWK != nil {
		var with struct {
			Key certifiedKey `json:"publicKeyJwk"`
		}
		if err := jose.Unmarshal(b, &with); err != nil {
			return err
		}
		m.X5C = with.Key.X5C
	}
	for _, secret := range []jsontext.Value{w.SecretMultibase, w.SecretJWK, w.PrivateMultibase, w.PrivateJWK, w.PrivateBase58, w.PrivateHex, w.PrivatePEM} {
		if secret != nil {
			m.fault = errSecret
		}
	}
	if k := w.PublicKeyJWK; k != nil && k.D+k.P+k.Q+k.DP+k.DQ+k.QI+k.K != "" {
		m.fault = errSecret
	}
	material := 0
	for _, there := range []bool{w.PublicKeyMultibase != "", w.PublicKeyJWK != nil, w.Base58 != nil, w.Hex != nil, w.PEM != nil} {
		if there {
			material++
		}
	}
	if material > 1 {
		m.fault = errMaterial
	}
	return nil
}

// certifiedKey is a public key with its certificates.
type certifiedKey struct {
	jose.JWK
	X5C []string `json:"x5c,omitempty"`
}

// MarshalJSON writes the certificates into the key.
func (m VerificationMethod) MarshalJSON() ([]byte, error) {
	type plain VerificationMethod
	if m.PublicKeyJWK == nil || len(m.X5C) == 0 {
		return jose.Marshal(plain(m))
	}
	return jose.Marshal(struct {
		plain
		Key certifiedKey `json:"publicKeyJwk"`
	}{plain(m), certifiedKey{*m.PublicKeyJWK, m.X5C}})
}

// Certificates are those that came with the key, leaf first. The leaf is for the
// key, or there are none; nothing else of them is verified.
func (m *VerificationMethod) Certificates() ([]*x509.Certificate, error) {
	chain, err := (jose.Header{X5C: m.X5C}).Certificates()
	if err != nil {
		return nil, fmt.Errorf("%w: the method has no certificates: %w", ErrKey, err)
	}
	key, err := m.Key()
	if err != nil {
		return nil, err
	}
	if pub, ok := chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(key) {
		return nil, fmt.Errorf("%w: the first certificate is of another key (RFC 7517, Section 4.7)", ErrKey)
	}
	return chain, nil
}

// Reference names a verification method under a relationship: by its id, or,
// if Method is set, by holding the method itself, which then serves that
// relationship only (DID Core 1.0, Section 5.3).
type Reference struct {
	ID     string
	Method *VerificationMethod
}

// MarshalJSON writes the id as a string or the method as an object.
func (r Reference) MarshalJSON() ([]byte, error) {
	if r.Method != nil {
		return jose.Marshal(r.Method)
	}
	return jose.Marshal(r.ID)
}

// UnmarshalJSON reads a string or an object.
func (r *Reference) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimLeft(b, " \t\r\n"); len(b) > 0 && b[0] == '"' {
		return jose.Unmarshal(b, &r.ID)
	}
	r.Method = new(VerificationMethod)
	return jose.Unmarshal(b, r.Method)
}

// Service is a way to reach the subject (DID Core 1.0, Section 5.4).
type Service struct {
	ID              string         `json:"id"`
	Type            OneOrMany      `json:"type"`
	ServiceEndpoint jsontext.Value `json:"serviceEndpoint"`
}

// Endpoint is the endpoint if it is one URL.
func (s Service) Endpoint() (string, bool) {
	var url string
	return url, jose.Unmarshal(s.ServiceEndpoint, &url) == nil && url != ""
}

func endpoint(url string) jsontext.Value {
	b, err := jose.Marshal(url)
	if err != nil {
		return jsontext.Value(`""`)
	}
	return b
}

// Set is written as an array and read from an array or a single string.
type Set []string

// UnmarshalJSON reads a string or an array of strings.
func (s *Set) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimLeft(b, " \t\r\n"); len(b) > 0 && b[0] == '"' {
		var one string
		if err := jose.Unmarshal(b, &one); err != nil {
			return err
		}
		*s = Set{one}
		return nil
	}
	return jose.Unmarshal(b, (*[]string)(s))
}

// OneOrMany is a Set that is written as a string when it has one member.
type OneOrMany Set

// MarshalJSON writes a string or an array of strings.
func (s OneOrMany) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return jose.Marshal(s[0])
	}
	return jose.Marshal([]string(s))
}

// UnmarshalJSON reads a string or an array of strings.
func (s *OneOrMany) UnmarshalJSON(b []byte) error { return (*Set)(s).UnmarshalJSON(b) }

var (
	errSecret   = fmt.Errorf("%w: a verification method holds private key material; publish the public key only (Controlled Identifiers 1.0, Section 2.2)", ErrDocument)
	errMaterial = fmt.Errorf("%w: a verification method must hold one public key, not several (Controlled Identifiers 1.0, Section 2.2)", ErrDocument)
)

// Contexts of what this package publishes. aries-framework-go, and with it
// many a verifier, refuses did/v1.1.
var multikeyContexts = jsontext.Value(`["https://www.w3.org/ns/did/v1","https://w3id.org/security/multikey/v1"]`)

// baseContexts are those that a document may start with (DID Core 1.0, Section
// 4; DID 1.1; Controlled Identifiers 1.0, Section 4.1; and the early spelling
// that old software still writes). What stands after the first is not
// interpreted: documents are read as plain JSON.
var baseContexts = []string{
	"https://www.w3.org/ns/did/v1", "https://www.w3.org/ns/did/v1.1", "https://www.w3.org/ns/cid/v1", "https://w3id.org/did/v1",
}

// add appends a method and returns a reference to it.
func (d *Document) add(m VerificationMethod) []Reference {
	d.VerificationMethod = append(d.VerificationMethod, m)
	return []Reference{{ID: m.ID}}
}

// JSON is the document as it is published.
func (d *Document) JSON() ([]byte, error) { return jose.Marshal(d) }

// baseID reports whether id may be the id of a document: a DID, or an https
// URL (with the http of a loopback development host) without fragment
// (Controlled Identifiers 1.0, Section 2.1.1).
func baseID(id string) bool {
	if _, err := Parse(id); err == nil {
		return true
	}
	return (strings.HasPrefix(id, "https://") || strings.HasPrefix(id, "http://localhost")) && absoluteURL(id) && !strings.Contains(id, "#")
}
