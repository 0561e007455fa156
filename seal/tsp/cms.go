package tsp

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

const (
	maxCertificates = 16
	maxAttributes   = 32
)

var (
	constructed0 = cbasn1.Tag(0).ContextSpecific().Constructed()
	constructed1 = cbasn1.Tag(1).ContextSpecific().Constructed()
	keyID        = cbasn1.Tag(0).ContextSpecific()
)

// signedData is what is read of a CMS SignedData with one signer (RFC 5652,
// Section 5.1). Slices point into the token.
type signedData struct {
	content      []byte // of the OCTET STRING
	certificates []*x509.Certificate
	signer       signerInfo
}

// signerInfo is RFC 5652, Section 5.3.
type signerInfo struct {
	// Of the two ways of naming the certificate one is used.
	issuer []byte // DER of the name
	serial *big.Int
	keyID  []byte

	digest      algorithm
	signature   algorithm
	value       []byte
	signedAttrs []byte // DER of the SET, with its own tag
	attributes  []attribute
}

// attribute has exactly one value here.
type attribute struct {
	id    asn1.ObjectIdentifier
	value []byte // DER
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrToken}, args...)...)
}

// readSignedData reads a ContentInfo that holds SignedData over a TSTInfo.
func readSignedData(der []byte) (signedData, error) {
	in := cryptobyte.String(der)
	var info, explicit, body cryptobyte.String
	var id asn1.ObjectIdentifier
	switch {
	case !in.ReadASN1(&info, cbasn1.SEQUENCE) || !in.Empty():
		return signedData{}, malformed("expected one ContentInfo in DER and nothing after it (RFC 5652, Section 3)")
	case !info.ReadASN1ObjectIdentifier(&id) || !id.Equal(oidSignedData):
		return signedData{}, malformed("the content is not SignedData (RFC 3161, Section 2.4.2)")
	case !info.ReadASN1(&explicit, constructed0) || !info.Empty() || !explicit.ReadASN1(&body, cbasn1.SEQUENCE) || !explicit.Empty():
		return signedData{}, malformed("SignedData cannot be read (RFC 5652, Section 5.1)")
	}
	return readSignedDataBody(body)
}

func readSignedDataBody(body cryptobyte.String) (signedData, error) {
	var out signedData
	var version int
	var algorithms, signers cryptobyte.String
	// Version 3 goes with a content that is not plain data (Section 5.1).
	// Versions 4 and 5 announce certificates and revocation data of kinds that
	// are not read here.
	if !body.ReadASN1Integer(&version) || version != 3 || !body.ReadASN1(&algorithms, cbasn1.SET) {
		return signedData{}, malformed("SignedData must be of version 3 (RFC 5652, Section 5.1)")
	}
	var err error
	if out.content, err = readContent(&body); err != nil {
		return signedData{}, err
	}
	if out.certificates, err = readCertificates(&body); err != nil {
		return signedData{}, err
	}
	// Revocation lists in the token are not used: whoever validates brings them.
	if !body.SkipOptionalASN1(constructed1) || !body.ReadASN1(&signers, cbasn1.SET) || !body.Empty() {
		return signedData{}, malformed("signerInfos cannot be read (RFC 5652, Section 5.1)")
	}
	if out.signer, err = readSigner(&signers); err != nil {
		return signedData{}, err
	}
	if !signers.Empty() {
		return signedData{}, malformed("more than one signer (RFC 3161, Section 2.4.2)")
	}
	for !algorithms.Empty() {
		a, ok := readAlgorithm(&algorithms)
		if !ok {
			return signedData{}, malformed("digestAlgorithms cannot be read (RFC 5652, Section 5.1)")
		}
		if a.equal(out.signer.digest) {
			return out, nil
		}
	}
	return signedData{}, malformed("digestAlgorithms does not hold the signer's (RFC 5652, Section 5.1)")
}

func readContent(body *cryptobyte.String) ([]byte, error) {
	var encap, explicit, content cryptobyte.String
	var id asn1.ObjectIdentifier
	switch {
	case !body.ReadASN1(&encap, cbasn1.SEQUENCE) || !encap.ReadASN1ObjectIdentifier(&id) || !id.Equal(oidTSTInfo):
		return nil, malformed("eContentType is not id-ct-TSTInfo (RFC 3161, Section 2.4.2)")
	case !encap.ReadASN1(&explicit, constructed0) || !encap.Empty() || !explicit.ReadASN1(&content, cbasn1.OCTET_STRING) || !explicit.Empty():
		return nil, malformed("eContent is missing or no OCTET STRING (RFC 5652, Section 5.2)")
	}
	return content, nil
}

func readCertificates(body *cryptobyte.String) ([]*x509.Certificate, error) {
	var set cryptobyte.String
	var there bool
	if !body.ReadOptionalASN1(&set, &there, constructed0) {
		return nil, malformed("certificates cannot be read (RFC 5652, Section 5.1)")
	}
	var out []*x509.Certificate
	for !set.Empty() {
		var der cryptobyte.String
		if len(out) == maxCertificates || !set.ReadASN1Element(&der, cbasn1.SEQUENCE) {
			return nil, malformed("expected at most %d certificates, of X.509", maxCertificates)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, malformed("certificate %d cannot be read", len(out))
		}
		out = append(out, c)
	}
	return out, nil
}

func readSigner(set *cryptobyte.String) (signerInfo, error) {
	var out signerInfo
	var body, attrs, value cryptobyte.String
	var version int
	if !set.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1Integer(&version) {
		return out, malformed("expected one signer (RFC 3161, Section 2.4.2)")
	}
	if !out.readIdentifier(&body, version) {
		return out, malformed("the identifier of the signer cannot be read (RFC 5652, Section 5.3)")
	}
	var ok bool
	if out.digest, ok = readAlgorithm(&body); !ok {
		return out, malformed("digestAlgorithm cannot be read (RFC 5652, Section 5.3)")
	}
	if !body.ReadASN1Element(&attrs, constructed0) {
		return out, malformed("signedAttrs are missing (RFC 3161, Section 2.4.2)")
	}
	// What is signed is the SET OF with its own tag (RFC 5652, Section 5.4).
	out.signedAttrs = bytes.Clone(attrs)
	out.signedAttrs[0] = byte(cbasn1.SET)
	var err error
	if out.attributes, err = readAttributes(attrs); err != nil {
		return out, err
	}
	if out.signature, ok = readAlgorithm(&body); !ok || !body.ReadASN1(&value, cbasn1.OCTET_STRING) {
		return out, malformed("the signature cannot be read (RFC 5652, Section 5.3)")
	}
	out.value = value
	// Unsigned attributes prove nothing and are not read.
	if !body.SkipOptionalASN1(constructed1) || !body.Empty() {
		return out, malformed("something follows the signature (RFC 5652, Section 5.3)")
	}
	return out, nil
}

func (s *signerInfo) readIdentifier(body *cryptobyte.String, version int) bool {
	switch version {
	case 1:
		var id, name cryptobyte.String
		s.serial = new(big.Int)
		if !body.ReadASN1(&id, cbasn1.SEQUENCE) || !id.ReadASN1Element(&name, cbasn1.SEQUENCE) || !id.ReadASN1Integer(s.serial) || !id.Empty() {
			return false
		}
		s.issuer = name
		return true
	case 3:
		var id cryptobyte.String
		if !body.ReadASN1(&id, keyID) || len(id) == 0 {
			return false
		}
		s.keyID = id
		return true
	default:
		return false
	}
}

// readAttributes reads SignedAttributes as DER has them, in order. Each type may
// be there once and has one value, as those that matter must (RFC 5652, Section
// 11; RFC 5035, Section 5).
func readAttributes(in cryptobyte.String) ([]attribute, error) {
	var set cryptobyte.String
	if !in.ReadASN1(&set, constructed0) {
		return nil, malformed("signedAttrs cannot be read (RFC 5652, Section 5.3)")
	}
	var out []attribute
	var before []byte
	for !set.Empty() {
		var element, body, values, value cryptobyte.String
		var a attribute
		if len(out) == maxAttributes || !set.ReadASN1Element(&element, cbasn1.SEQUENCE) {
			return nil, malformed("expected at most %d signed attributes", maxAttributes)
		}
		if bytes.Compare(before, element) >= 0 {
			return nil, malformed("signedAttrs are not in the order of DER (RFC 5652, Section 5.3)")
		}
		before = element
		whole := element
		if !whole.ReadASN1(&body, cbasn1.SEQUENCE) || !body.ReadASN1ObjectIdentifier(&a.id) || !body.ReadASN1(&values, cbasn1.SET) || !body.Empty() ||
			!values.ReadAnyASN1Element(&value, new(cbasn1.Tag)) || !values.Empty() {
			return nil, malformed("a signed attribute has not exactly one value (RFC 5652, Section 11)")
		}
		a.value = value
		for _, b := range out {
			if b.id.Equal(a.id) {
				return nil, malformed("signed attribute %s is there twice (RFC 5652, Section 5.3)", a.id)
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// attribute is the value of a signed attribute.
func (s *signerInfo) attribute(id asn1.ObjectIdentifier) (cryptobyte.String, bool) {
	for _, a := range s.attributes {
		if a.id.Equal(id) {
			return a.value, true
		}
	}
	return nil, false
}
