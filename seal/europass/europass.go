// Package europass seals a document of the European Learning Model as the European
// Digital Credentials for Learning of Europass are sealed: JSON general
// serialisation of JWS, the document in it as readable text (b64 false), the
// certificate named twice. It is for a citizen who takes a diploma to Europass; it
// is no credential that a wallet presents.
//
// The layout has another protected header than a vc+jwt, so it takes a signature of
// its own, by whoever seals: an issuer makes it when the citizen asks. Lifting it to
// the levels of evidence is seal.Archivist's work, as for any other seal, and
// Europass wants B-LTA. Whether the document is what Europass calls valid (SHACL) is
// not asked here.
//
// Source: the software of European Digital Credentials, which no standard describes;
// ETSI TS 119 182-1 V1.2.1; RFC 7797.
package europass

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/evidence"
	"github.com/zegel-id/zegel/seal/qc"
)

// Typ is the typ of the layout, for seal.Validator.ValidateJSON.
const Typ = "jose+json"

// Profile is the context of the model's application profile, which a document must
// name.
const Profile = "http://data.europa.eu/snb/model/context/edc-ap"

// MaxDocument is the longest document that is sealed, in bytes.
const MaxDocument = 2 << 20

// Errors of this package.
var (
	// ErrDocument: it is not one that Europass reads.
	ErrDocument = errors.New("not a document for Europass")
	// ErrOwner: the document names another issuer than the seal certificate. The
	// viewer of Europass would say so.
	ErrOwner = errors.New("the issuer of the document is not the holder of the seal certificate")
	// ErrSealed: a draft is sealed once.
	ErrSealed = errors.New("the draft has been sealed")
)

// Draft is a checked document that is not signed yet.
type Draft struct {
	document []byte
	owner    string
	issuedAt time.Time
	sealed   atomic.Bool
}

// Sealer has the key of a seal certificate; *seal.Sealer is one.
type Sealer interface {
	// Chain is that of the certificate, leaf first, without the anchor.
	Chain() []*x509.Certificate
	Alg() jose.Alg
	// Signer is the key, if the certificate is valid at that time.
	Signer(at time.Time) (crypto.Signer, error)
}

// Prepare checks a document, which is sealed as it is, byte for byte. IssuedAt is
// the signing time, in whole seconds.
func Prepare(document []byte, issuedAt time.Time) (*Draft, error) {
	if len(document) > MaxDocument {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrDocument, MaxDocument)
	}
	if issuedAt.IsZero() || issuedAt.Nanosecond() != 0 {
		return nil, fmt.Errorf("%w: the signing time must be in whole seconds: truncate it", ErrDocument)
	}
	var d struct {
		Context []any    `json:"@context"`
		Type    []string `json:"type"`
		Issuer  struct {
			Identifier struct {
				Notation string `json:"notation"`
			} `json:"eIDASIdentifier"`
		} `json:"issuer"`
	}
	if err := jose.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDocument, err)
	}
	switch {
	case !slices.Contains(d.Context, any(Profile)):
		return nil, fmt.Errorf("%w: @context does not name %s", ErrDocument, Profile)
	case !slices.Contains(d.Type, "EuropeanDigitalCredential"):
		return nil, fmt.Errorf("%w: type has no EuropeanDigitalCredential", ErrDocument)
	case d.Issuer.Identifier.Notation == "":
		return nil, fmt.Errorf("%w: issuer.eIDASIdentifier.notation is missing (ELM application profile EDC, Organisation)", ErrDocument)
	}
	return &Draft{document: slices.Clone(document), owner: d.Issuer.Identifier.Notation, issuedAt: issuedAt}, nil
}

// header is the protected header, in the order of the software of Europass. The
// signing time is iat where that has sigT, which new signatures must not have (TS
// 119 182-1, clause 5.1.11).
type header struct {
	Alg     jose.Alg `json:"alg"`
	Cty     string   `json:"cty"`
	Kid     string   `json:"kid"`
	X5TS256 string   `json:"x5t#S256"`
	X5C     []string `json:"x5c"`
	Typ     string   `json:"typ"`
	B64     bool     `json:"b64"`
	Iat     int64    `json:"iat"`
	Crit    []string `json:"crit"`
}

// Seal signs the draft and gives the evidence to lift. A draft is sealed once,
// whether or not sealing succeeds: a second call is ErrSealed. The signature is
// verified before it is given out.
func (d *Draft) Seal(s Sealer) (*evidence.File, error) {
	if !d.sealed.CompareAndSwap(false, true) {
		return nil, ErrSealed
	}
	chain := s.Chain()
	if err := d.owned(chain[0]); err != nil {
		return nil, err
	}
	kid, err := issuerSerial(chain[0])
	if err != nil {
		return nil, err
	}
	head, err := jose.Marshal(header{
		Alg: s.Alg(), Cty: "json", Kid: kid, X5TS256: jose.X5TS256(chain[0]), X5C: jose.EncodeX5C(chain),
		Typ: Typ, Iat: d.issuedAt.Unix(), Crit: []string{"b64"},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the header: %w", err)
	}
	key, err := s.Signer(d.issuedAt)
	if err != nil {
		return nil, err
	}
	protected := jose.Encode(head)
	signature, err := jose.Sign(key, s.Alg(), slices.Concat([]byte(protected+"."), d.document)) // RFC 7797, Section 3
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	f, err := evidence.Unencoded(protected, string(d.document), signature)
	if err != nil {
		return nil, err
	}
	if err := f.Verify(chain[0].PublicKey); err != nil {
		return nil, fmt.Errorf("sealing: what the key gave does not verify: %w", err)
	}
	return f, nil
}

// owned holds the issuer of the document against the certificate, by its number
// alone or by the whole identifier.
func (d *Draft) owned(c *x509.Certificate) error {
	o, err := qc.OrganizationOf(c)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOwner, err)
	}
	if d.owner != o.Number && d.owner != o.String() {
		return fmt.Errorf("%w: issuer.eIDASIdentifier.notation must be its number or its organizationIdentifier", ErrOwner)
	}
	return nil
}

// issuerSerial is the kid of a JAdES signature: an IssuerSerial in base64 (TS 119
// 182-1, clause 5.1.4; RFC 5035, Section 5). It is a hint; x5t#S256 decides.
func issuerSerial(c *x509.Certificate) (string, error) {
	directory := asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: c.RawIssuer}
	der, err := asn1.Marshal(struct {
		Issuer []asn1.RawValue
		Serial *big.Int
	}{[]asn1.RawValue{directory}, c.SerialNumber})
	if err != nil {
		return "", fmt.Errorf("encoding kid: %w", err)
	}
	return base64.StdEncoding.EncodeToString(der), nil
}
