package tsp

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	"crypto/subtle"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/zegel-id/zegel/seal/trust"
)

// Chains verifies a certificate for a use at a time, with others that may lie
// between it and an anchor. trust.Store is one.
type Chains interface {
	Complete(chain, more []*x509.Certificate, use trust.Use, at time.Time) (*trust.Path, error)
}

// Verification says against what a token is held.
type Verification struct {
	// Hash and Imprint are the digest of the message. Required.
	Hash    crypto.Hash
	Imprint []byte
	// Trust holds the anchors of time-stamp authorities. Required.
	Trust Chains
	// Certificates may complete what came in the token.
	Certificates []*x509.Certificate
	// Policies are the ones that are accepted; empty accepts any.
	Policies []asn1.ObjectIdentifier
	// MaxAccuracy refuses tokens that promise no accuracy, or a worse one; zero
	// does not ask.
	MaxAccuracy time.Duration
}

// Verify makes the whole decision about a token (RFC 3161, Section 2.4.2; RFC
// 5652, Section 5.6): the message, the signer, the signature, and that the signer
// was an authority trusted for time-stamps when it stamped. It does not ask
// whether the certificate was revoked, nor whether it is valid today: the path
// is for whoever must know (trust.Path.ValidAt, trust.RevocationSource).
func (t *Token) Verify(v Verification) (*trust.Path, error) {
	if v.Trust == nil || len(v.Imprint) == 0 {
		return nil, errors.New("tsp: a trust store and an imprint are needed")
	}

	// Step 1. It stamps this message.
	if t.Hash != v.Hash || subtle.ConstantTimeCompare(t.Imprint, v.Imprint) != 1 {
		return nil, fmt.Errorf("%w: messageImprint is another, expected that of the message with %s (RFC 3161, Section 2.4.2)", ErrImprint, v.Hash)
	}

	// Step 2. In the way that was asked.
	if len(v.Policies) > 0 && !slices.ContainsFunc(v.Policies, t.Policy.Equal) {
		return nil, fmt.Errorf("%w: policy %s is not one of those accepted (RFC 3161, Section 2.4.1)", ErrPolicy, t.Policy)
	}
	if v.MaxAccuracy > 0 && (t.Accuracy == 0 || t.Accuracy > v.MaxAccuracy) {
		return nil, fmt.Errorf("%w: accuracy %s, expected at most %s (ETSI EN 319 422, clause 5.2)", ErrPolicy, t.Accuracy, v.MaxAccuracy)
	}

	// Step 3. Signer, signed attributes and signature.
	signer, err := t.Signer(v.Certificates...)
	if err != nil {
		return nil, err
	}

	// Step 4. A trusted authority at the time it stamped, by a certificate that
	// is for time-stamps alone.
	return v.Trust.Complete([]*x509.Certificate{signer}, slices.Concat(t.Certificates, v.Certificates), trust.UseTimeStamp, t.Time)
}

// Signer identifies the certificate that signed, among those of the token and
// the ones given, and verifies the signature with it. The certificate is not
// trusted by that.
func (t *Token) Signer(more ...*x509.Certificate) (*x509.Certificate, error) {
	if signer := t.signedBy.Load(); signer != nil {
		return signer, nil
	}
	signer, err := t.identify(slices.Concat(t.Certificates, more))
	if err != nil {
		return nil, err
	}
	if err := t.checkAttributes(); err != nil {
		return nil, err
	}
	if err := t.checkSignature(signer); err != nil {
		return nil, err
	}
	t.signedBy.Store(signer)
	return signer, nil
}

// identify finds the certificate of the signer identifier and holds the one that
// the signed attributes name against it: the identifier itself is not signed
// (RFC 5035, Section 1).
func (t *Token) identify(certs []*x509.Certificate) (*x509.Certificate, error) {
	i := slices.IndexFunc(certs, t.signer.names)
	if i < 0 {
		return nil, fmt.Errorf("%w: its certificate is not in the token (RFC 3161, Section 2.4.1, certReq)", ErrSigner)
	}
	c := certs[i]
	v2, hasV2 := t.signer.attribute(oidSigningCertV2)
	v1, hasV1 := t.signer.attribute(oidSigningCertificate)
	switch {
	case !hasV1 && !hasV2:
		return nil, fmt.Errorf("%w: neither signingCertificateV2 nor signingCertificate is signed (RFC 3161, Section 2.4.2; RFC 5816)", ErrSigner)
	case hasV2 && !essMatches(v2, c, readCertIDv2):
		return nil, fmt.Errorf("%w: signingCertificateV2 names another certificate first (RFC 5035, Section 3)", ErrSigner)
	case hasV1 && !essMatches(v1, c, readCertID):
		return nil, fmt.Errorf("%w: signingCertificate names another certificate first (RFC 5035, Section 5.4)", ErrSigner)
	}
	return c, nil
}

func (s *signerInfo) names(c *x509.Certificate) bool {
	if s.serial == nil {
		return bytes.Equal(s.keyID, c.SubjectKeyId)
	}
	return s.serial.Cmp(c.SerialNumber) == 0 && bytes.Equal(s.issuer, c.RawIssuer)
}

// essMatches holds the first ESSCertID against a certificate, with the issuer
// and serial number if they are there (RFC 5035, Section 4).
func essMatches(value cryptobyte.String, c *x509.Certificate, read func(*cryptobyte.String) (crypto.Hash, []byte, bool)) bool {
	var body, ids, id cryptobyte.String
	if !value.ReadASN1(&body, cbasn1.SEQUENCE) || !value.Empty() || !body.ReadASN1(&ids, cbasn1.SEQUENCE) || !ids.ReadASN1(&id, cbasn1.SEQUENCE) {
		return false
	}
	hash, want, ok := read(&id)
	if !ok {
		return false
	}
	h := hash.New()
	h.Write(c.Raw)
	return bytes.Equal(h.Sum(nil), want) && issuerSerialMatches(id, c)
}

// readCertIDv2 reads the digest of an ESSCertIDv2; SHA-256 is the default.
func readCertIDv2(id *cryptobyte.String) (crypto.Hash, []byte, bool) {
	hash := crypto.SHA256
	if id.PeekASN1Tag(cbasn1.SEQUENCE) {
		a, ok := readAlgorithm(id)
		if !ok {
			return 0, nil, false
		}
		var err error
		if hash, err = a.digest(); err != nil {
			return 0, nil, false
		}
	}
	var value cryptobyte.String
	ok := id.ReadASN1(&value, cbasn1.OCTET_STRING) && len(value) == hash.Size()
	return hash, value, ok
}

// readCertID reads the digest of an ESSCertID, which is SHA-1. It only chooses
// among certificates for the key that signed, which takes more than a collision
// to abuse; the certificate's own signature is held to SHA-256 or better.
func readCertID(id *cryptobyte.String) (crypto.Hash, []byte, bool) {
	var value cryptobyte.String
	ok := id.ReadASN1(&value, cbasn1.OCTET_STRING) && len(value) == sha1.Size
	return crypto.SHA1, value, ok
}

// issuerSerialMatches reads an optional IssuerSerial.
func issuerSerialMatches(id cryptobyte.String, c *x509.Certificate) bool {
	if id.Empty() {
		return true
	}
	var body, names, name, serial cryptobyte.String
	directory := cbasn1.Tag(4).ContextSpecific().Constructed()
	if !id.ReadASN1(&body, cbasn1.SEQUENCE) || !id.Empty() || !body.ReadASN1(&names, cbasn1.SEQUENCE) || !names.ReadASN1(&name, directory) || !names.Empty() {
		return false
	}
	if !body.ReadASN1Element(&serial, cbasn1.INTEGER) || !body.SkipOptionalASN1(cbasn1.BIT_STRING) || !body.Empty() {
		return false
	}
	der, err := asn1.Marshal(c.SerialNumber)
	return err == nil && bytes.Equal(name, c.RawIssuer) && bytes.Equal(serial, der)
}

// checkAttributes holds the signed attributes against what they stand for (RFC
// 5652, Sections 5.4 and 5.6; RFC 6211).
func (t *Token) checkAttributes() error {
	hash, err := t.signer.digest.digest()
	if err != nil {
		return err
	}
	value, ok := t.signer.attribute(oidContentType)
	var id asn1.ObjectIdentifier
	if !ok || !value.ReadASN1ObjectIdentifier(&id) || !value.Empty() || !id.Equal(oidTSTInfo) {
		return fmt.Errorf("%w: the signed content-type is not id-ct-TSTInfo (RFC 5652, Section 11.1)", ErrSignature)
	}
	value, ok = t.signer.attribute(oidMessageDigest)
	h := hash.New()
	h.Write(t.content)
	var digest cryptobyte.String
	if !ok || !value.ReadASN1(&digest, cbasn1.OCTET_STRING) || !value.Empty() || !bytes.Equal(digest, h.Sum(nil)) {
		return fmt.Errorf("%w: the signed message-digest is not that of the content (RFC 5652, Section 11.2)", ErrSignature)
	}
	if value, ok = t.signer.attribute(oidAlgorithmProtect); ok && !t.signer.protects(value) {
		return fmt.Errorf("%w: the signed algorithms are not those of the signature (RFC 6211, Section 2)", ErrSignature)
	}
	return nil
}

// protects reads a CMSAlgorithmProtection.
func (s *signerInfo) protects(value cryptobyte.String) bool {
	var body cryptobyte.String
	if !value.ReadASN1(&body, cbasn1.SEQUENCE) || !value.Empty() {
		return false
	}
	digest, ok := readAlgorithm(&body)
	if !ok || !digest.equal(s.digest) {
		return false
	}
	signature, ok := readAlgorithmAs(&body, constructed1)
	return ok && body.Empty() && signature.equal(s.signature)
}
