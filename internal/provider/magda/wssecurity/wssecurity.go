// Package wssecurity signs and verifies SOAP 1.1 messages with X.509
// certificates: WS-Security SOAP Message Security 1.1 and X.509 Certificate
// Token Profile 1.1 (OASIS, 1 February 2006), XML Signature and Exclusive XML
// Canonicalization 1.0.
//
// It is the part of these that MAGDA needs, each choice a setting because the
// platform's exact policy is not public: no encryption, no user name or SAML
// tokens, no signatures over anything but Timestamp, Body and token. SHA-1
// signs nothing here; the SHA-1 thumbprint only names a certificate.
package wssecurity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // the digests named below
	_ "crypto/sha512"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

const (
	nsWSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	nsWSU  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	nsDS   = "http://www.w3.org/2000/09/xmldsig#"
	nsEC   = "http://www.w3.org/2001/10/xml-exc-c14n#"

	typeX509       = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3"
	typeSKI        = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509SubjectKeyIdentifier"
	typeThumbprint = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1"
	encodingBase64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary"
)

// Part of a message that a signature may cover.
type Part string

const (
	PartTimestamp Part = "timestamp"
	PartBody      Part = "body"
	PartToken     Part = "token"
)

// TokenReference is how the signature names its certificate (X.509 Token
// Profile 1.1, Section 3.2).
type TokenReference string

const (
	// Direct carries the certificate as a BinarySecurityToken.
	Direct TokenReference = "direct"
	// IssuerSerial, SubjectKeyIdentifier and Thumbprint name a certificate
	// that the other side already has.
	IssuerSerial         TokenReference = "issuer_serial"
	SubjectKeyIdentifier TokenReference = "subject_key_identifier"
	Thumbprint           TokenReference = "thumbprint_sha1"
)

// Digest is a digest algorithm by its short name.
type Digest string

const (
	SHA256 Digest = "sha256"
	SHA384 Digest = "sha384"
	SHA512 Digest = "sha512"
)

// Algorithm is a signature algorithm by its short name.
type Algorithm string

const (
	RSASHA256   Algorithm = "rsa-sha256"
	RSASHA384   Algorithm = "rsa-sha384"
	RSASHA512   Algorithm = "rsa-sha512"
	ECDSASHA256 Algorithm = "ecdsa-sha256"
)

type digestInfo struct {
	uri  string
	hash crypto.Hash
}

var digests = map[Digest]digestInfo{
	SHA256: {"http://www.w3.org/2001/04/xmlenc#sha256", crypto.SHA256},
	SHA384: {"http://www.w3.org/2001/04/xmldsig-more#sha384", crypto.SHA384},
	SHA512: {"http://www.w3.org/2001/04/xmlenc#sha512", crypto.SHA512},
}

type algorithmInfo struct {
	uri   string
	hash  crypto.Hash
	ecdsa bool
}

var algorithms = map[Algorithm]algorithmInfo{
	RSASHA256:   {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", crypto.SHA256, false},
	RSASHA384:   {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", crypto.SHA384, false},
	RSASHA512:   {"http://www.w3.org/2001/04/xmldsig-more#rsa-sha512", crypto.SHA512, false},
	ECDSASHA256: {"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", crypto.SHA256, true},
}

const (
	minRSABits = 2048
	// p256Size is the length of r and of s in an ECDSA signature value (XML
	// Signature 1.1, Section 6.4.3).
	p256Size = 32
)

func (a algorithmInfo) fits(pub crypto.PublicKey) error {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if !a.ecdsa && k.N.BitLen() >= minRSABits {
			return nil
		}
		return fmt.Errorf("an RSA key of %d bits; RSA of at least %d bits needs an rsa algorithm", k.N.BitLen(), minRSABits)
	case *ecdsa.PublicKey:
		if a.ecdsa && k.Curve.Params().BitSize == 8*p256Size {
			return nil
		}
		return errors.New("an EC key; only P-256 with ecdsa-sha256 is supported")
	default:
		return fmt.Errorf("a key of type %T is not supported", pub)
	}
}

func (a algorithmInfo) sign(key crypto.Signer, random io.Reader, message []byte) ([]byte, error) {
	sig, err := key.Sign(random, sum(a.hash, message), a.hash)
	if err != nil || !a.ecdsa {
		return sig, err
	}
	var rs struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &rs); err != nil || len(rest) != 0 {
		return nil, errors.New("the key answered no ECDSA signature")
	}
	out := make([]byte, 2*p256Size)
	rs.R.FillBytes(out[:p256Size])
	rs.S.FillBytes(out[p256Size:])
	return out, nil
}

func (a algorithmInfo) verify(pub crypto.PublicKey, message, sig []byte) bool {
	if a.fits(pub) != nil {
		return false
	}
	digest := sum(a.hash, message)
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, a.hash, digest, sig) == nil
	case *ecdsa.PublicKey:
		return len(sig) == 2*p256Size &&
			ecdsa.Verify(k, digest, new(big.Int).SetBytes(sig[:p256Size]), new(big.Int).SetBytes(sig[p256Size:]))
	default:
		return false
	}
}

func sum(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b)
	return d.Sum(nil)
}

// canonical is Exclusive XML Canonicalization 1.0 without comments of an
// element where it stands.
func canonical(e *etree.Element, inclusive []string) ([]byte, error) {
	ctx, err := etreeutils.NSBuildParentContext(e)
	if err != nil {
		return nil, err
	}
	detached, err := etreeutils.NSDetatch(ctx, e)
	if err != nil {
		return nil, err
	}
	return dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList(strings.Join(inclusive, " ")).Canonicalize(detached)
}

var errNoSKI = errors.New("the certificate has no subject key identifier")
