package wssecurity

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha1" // names a certificate, signs nothing
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/beevik/etree"

	"github.com/zegel-id/zegel/internal/provider/magda/soap"
)

// Signing says how messages are signed. Zero values mean the defaults:
// Timestamp and Body, a direct reference, SHA-256, RSA-SHA256 (ECDSA-SHA256
// for an EC key), a Timestamp of five minutes.
type Signing struct {
	Key         crypto.Signer
	Certificate *x509.Certificate

	Parts     []Part
	Reference TokenReference
	Digest    Digest
	Algorithm Algorithm
	// Life is how long after its creation a message is valid.
	Life time.Duration
	// OmitMustUnderstand leaves soapenv:mustUnderstand="1" off the header.
	OmitMustUnderstand bool

	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// NewID makes an XML identifier; nil means a random one.
	NewID func() string
}

// Signer signs messages. It is safe for concurrent use when its key is.
type Signer struct {
	s         Signing
	digest    digestInfo
	algorithm algorithmInfo
}

// NewSigner checks that everything fits together.
func NewSigner(s Signing) (*Signer, error) {
	if s.Key == nil || s.Certificate == nil {
		return nil, errors.New("WS-Security: a key and its certificate are required")
	}
	pub, ok := s.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !pub.Equal(s.Certificate.PublicKey) {
		return nil, errors.New("WS-Security: the certificate is not the key's")
	}
	if s.Parts == nil {
		s.Parts = []Part{PartTimestamp, PartBody}
	}
	for i, p := range s.Parts {
		if !slices.Contains([]Part{PartTimestamp, PartBody, PartToken}, p) || slices.Contains(s.Parts[:i], p) {
			return nil, fmt.Errorf("WS-Security: parts: %q is unknown or there twice", p)
		}
	}
	if len(s.Parts) == 0 {
		return nil, errors.New("WS-Security: parts: a signature covers at least one part")
	}
	if s.Reference == "" {
		s.Reference = Direct
	}
	if !slices.Contains([]TokenReference{Direct, IssuerSerial, SubjectKeyIdentifier, Thumbprint}, s.Reference) {
		return nil, fmt.Errorf("WS-Security: reference: %q is unknown", s.Reference)
	}
	if s.Reference != Direct && slices.Contains(s.Parts, PartToken) {
		return nil, fmt.Errorf("WS-Security: parts: there is no token to sign with reference %q", s.Reference)
	}
	if s.Reference == SubjectKeyIdentifier && len(s.Certificate.SubjectKeyId) == 0 {
		return nil, fmt.Errorf("WS-Security: reference: %w", errNoSKI)
	}
	if s.Digest == "" {
		s.Digest = SHA256
	}
	if s.Algorithm == "" {
		s.Algorithm = RSASHA256
		if s.Certificate.PublicKeyAlgorithm == x509.ECDSA {
			s.Algorithm = ECDSASHA256
		}
	}
	d, ok := digests[s.Digest]
	if !ok {
		return nil, fmt.Errorf("WS-Security: digest: %q is unknown", s.Digest)
	}
	a, ok := algorithms[s.Algorithm]
	if !ok {
		return nil, fmt.Errorf("WS-Security: algorithm: %q is unknown", s.Algorithm)
	}
	if err := a.fits(s.Certificate.PublicKey); err != nil {
		return nil, fmt.Errorf("WS-Security: algorithm %q: %w", s.Algorithm, err)
	}
	if s.Life == 0 {
		s.Life = 5 * time.Minute
	}
	if s.Life < 0 {
		return nil, errors.New("WS-Security: life: must be positive")
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.NewID == nil {
		s.NewID = func() string { return "id-" + rand.Text() }
	}
	return &Signer{s, d, a}, nil
}

// Sign adds the Security header with Timestamp, token and Signature to a
// message that has none. The message must not change after.
func (s *Signer) Sign(e soap.Envelope) error {
	sec := e.Header.CreateElement("wsse:Security")
	sec.CreateAttr("xmlns:wsse", nsWSSE)
	sec.CreateAttr("xmlns:wsu", nsWSU)
	if !s.s.OmitMustUnderstand {
		sec.CreateAttr(e.Root.Space+":mustUnderstand", "1")
	}
	e.Body.CreateAttr("xmlns:wsu", nsWSU)
	parts := map[Part]*etree.Element{PartBody: e.Body}
	if s.s.Reference == Direct {
		parts[PartToken] = s.token(sec)
	}
	parts[PartTimestamp] = s.timestamp(sec)
	ids := map[Part]string{}
	for _, p := range []Part{PartTimestamp, PartBody, PartToken} {
		if el := parts[p]; el != nil {
			ids[p] = s.s.NewID()
			el.CreateAttr("wsu:Id", ids[p])
		}
	}
	return s.signature(sec, parts, ids)
}

func (s *Signer) token(sec *etree.Element) *etree.Element {
	t := sec.CreateElement("wsse:BinarySecurityToken")
	t.CreateAttr("EncodingType", encodingBase64)
	t.CreateAttr("ValueType", typeX509)
	t.SetText(base64.StdEncoding.EncodeToString(s.s.Certificate.Raw))
	return t
}

// timeFormat is xs:dateTime in UTC (SOAP Message Security 1.1, Section 10).
const timeFormat = "2006-01-02T15:04:05.000Z"

func (s *Signer) timestamp(sec *etree.Element) *etree.Element {
	now := s.s.Now().UTC()
	t := sec.CreateElement("wsu:Timestamp")
	t.CreateElement("wsu:Created").SetText(now.Format(timeFormat))
	t.CreateElement("wsu:Expires").SetText(now.Add(s.s.Life).Format(timeFormat))
	return t
}

func (s *Signer) signature(sec *etree.Element, parts map[Part]*etree.Element, ids map[Part]string) error {
	sig := sec.CreateElement("ds:Signature")
	sig.CreateAttr("xmlns:ds", nsDS)
	info := sig.CreateElement("ds:SignedInfo")
	info.CreateElement("ds:CanonicalizationMethod").CreateAttr("Algorithm", nsEC)
	info.CreateElement("ds:SignatureMethod").CreateAttr("Algorithm", s.algorithm.uri)
	for _, p := range s.s.Parts {
		b, err := canonical(parts[p], nil)
		if err != nil {
			return fmt.Errorf("WS-Security: canonicalising %s: %w", p, err)
		}
		ref := info.CreateElement("ds:Reference")
		ref.CreateAttr("URI", "#"+ids[p])
		ref.CreateElement("ds:Transforms").CreateElement("ds:Transform").CreateAttr("Algorithm", nsEC)
		ref.CreateElement("ds:DigestMethod").CreateAttr("Algorithm", s.digest.uri)
		ref.CreateElement("ds:DigestValue").SetText(base64.StdEncoding.EncodeToString(sum(s.digest.hash, b)))
	}
	b, err := canonical(info, nil)
	if err != nil {
		return fmt.Errorf("WS-Security: canonicalising SignedInfo: %w", err)
	}
	value, err := s.algorithm.sign(s.s.Key, rand.Reader, b)
	if err != nil {
		return fmt.Errorf("WS-Security: signing: %w", err)
	}
	sig.CreateElement("ds:SignatureValue").SetText(base64.StdEncoding.EncodeToString(value))
	str := sig.CreateElement("ds:KeyInfo").CreateElement("wsse:SecurityTokenReference")
	s.reference(str, ids[PartToken])
	return nil
}

func (s *Signer) reference(str *etree.Element, tokenID string) {
	c := s.s.Certificate
	switch s.s.Reference {
	case IssuerSerial:
		is := str.CreateElement("ds:X509Data").CreateElement("ds:X509IssuerSerial")
		is.CreateElement("ds:X509IssuerName").SetText(c.Issuer.String())
		is.CreateElement("ds:X509SerialNumber").SetText(c.SerialNumber.String())
	case SubjectKeyIdentifier:
		keyIdentifier(str, typeSKI, c.SubjectKeyId)
	case Thumbprint:
		h := sha1.Sum(c.Raw)
		keyIdentifier(str, typeThumbprint, h[:])
	default:
		r := str.CreateElement("wsse:Reference")
		r.CreateAttr("URI", "#"+tokenID)
		r.CreateAttr("ValueType", typeX509)
	}
}

func keyIdentifier(str *etree.Element, valueType string, id []byte) {
	k := str.CreateElement("wsse:KeyIdentifier")
	k.CreateAttr("EncodingType", encodingBase64)
	k.CreateAttr("ValueType", valueType)
	k.SetText(base64.StdEncoding.EncodeToString(id))
}

// named reports whether the reference names the certificate.
func named(c *x509.Certificate, valueType string, id []byte) bool {
	switch valueType {
	case typeSKI:
		return len(c.SubjectKeyId) > 0 && bytes.Equal(c.SubjectKeyId, id)
	case typeThumbprint:
		h := sha1.Sum(c.Raw)
		return bytes.Equal(h[:], id)
	default:
		return false
	}
}
