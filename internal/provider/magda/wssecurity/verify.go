package wssecurity

import (
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"

	"github.com/zegel-id/zegel/internal/provider/magda/soap"
)

// Code is a fault code of SOAP Message Security 1.1, Section 12.
type Code string

const (
	InvalidSecurity          Code = "InvalidSecurity"
	InvalidSecurityToken     Code = "InvalidSecurityToken"
	SecurityTokenUnavailable Code = "SecurityTokenUnavailable"
	FailedCheck              Code = "FailedCheck"
	UnsupportedAlgorithm     Code = "UnsupportedAlgorithm"
	MessageExpired           Code = "MessageExpired"
)

// ErrSecurity is wrapped by every failed verification.
var ErrSecurity = errors.New("WS-Security verification failed")

// Error is a failed verification.
type Error struct {
	Code   Code
	Detail string
}

func (e *Error) Error() string { return fmt.Sprintf("%v: %s: %s", ErrSecurity, e.Code, e.Detail) }

// Unwrap makes errors.Is(err, ErrSecurity) hold.
func (e *Error) Unwrap() error { return ErrSecurity }

func fail(c Code, format string, args ...any) error {
	return &Error{c, fmt.Sprintf(format, args...)}
}

// Verification says whose messages are accepted.
type Verification struct {
	// Roots are trusted to name signers. Certificates are trusted themselves,
	// and are the only ones that a reference other than direct can name. At
	// least one of both is needed.
	Roots        *x509.CertPool
	Certificates []*x509.Certificate
	// Required parts; nil means Timestamp and Body.
	Required []Part
	// Skew is how far the clocks may differ; default one minute.
	Skew time.Duration
	// MaxLife bounds the validity that a sender may claim; default ten minutes.
	MaxLife time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Verified is what a valid signature covers.
type Verified struct {
	// Body was read again from the very octets that were digested. Process
	// this one and no other.
	Body        *etree.Element
	Certificate *x509.Certificate
	Created     time.Time
}

func (v Verification) withDefaults() (Verification, error) {
	if v.Roots == nil && len(v.Certificates) == 0 {
		return v, errors.New("WS-Security: no certificate and no root is trusted")
	}
	if v.Required == nil {
		v.Required = []Part{PartTimestamp, PartBody}
	}
	if !slices.Contains(v.Required, PartBody) {
		return v, errors.New("WS-Security: a signature that does not cover the Body says nothing about it")
	}
	if v.Skew == 0 {
		v.Skew = time.Minute
	}
	if v.MaxLife == 0 {
		v.MaxLife = 10 * time.Minute
	}
	if v.Now == nil {
		v.Now = time.Now
	}
	return v, nil
}

// Verify checks the one signature of a message, in this order:
//
//	Step 1. one Security header, one Signature in it, unique identifiers
//	Step 2. algorithms from the list, canonicalisation exclusive
//	Step 3. each reference leads to Timestamp, Body or token, by its place in
//	        the message and not by its identifier alone, and its digest fits
//	Step 4. every required part is covered
//	Step 5. the certificate is trusted now and may sign
//	Step 6. the signature fits SignedInfo
//	Step 7. the Timestamp is fresh
//
// It does not detect that a message is sent again within its Timestamp's
// life: a question that only reads may be.
func (v Verification) Verify(e soap.Envelope) (Verified, error) {
	v, err := v.withDefaults()
	if err != nil {
		return Verified{}, err
	}
	m, err := locate(e)
	if err != nil {
		return Verified{}, err
	}
	alg, err := m.algorithms()
	if err != nil {
		return Verified{}, err
	}
	covered, err := m.references()
	if err != nil {
		return Verified{}, err
	}
	for _, p := range v.Required {
		if covered[p] == nil {
			return Verified{}, fail(FailedCheck, "the signature does not cover %s", p)
		}
	}
	cert, err := v.certificate(m)
	if err != nil {
		return Verified{}, err
	}
	info, err := canonical(m.info, nil)
	if err != nil {
		return Verified{}, fail(InvalidSecurity, "SignedInfo cannot be canonicalised")
	}
	value, err := decode(soap.Text(soap.Child(m.signature, nsDS, "SignatureValue")))
	if err != nil || !alg.verify(cert.PublicKey, info, value) {
		return Verified{}, fail(FailedCheck, "the signature does not fit SignedInfo and the certificate")
	}
	out := Verified{Certificate: cert}
	if covered[PartTimestamp] != nil {
		if out.Created, err = v.fresh(m.timestamp); err != nil {
			return Verified{}, err
		}
	}
	doc, err := soap.Parse(covered[PartBody])
	if err != nil {
		return Verified{}, fail(InvalidSecurity, "the signed Body cannot be read")
	}
	out.Body = doc.Root()
	return out, nil
}

// message is where the parts of a signed message stand.
type message struct {
	security, timestamp, body, token, signature, info *etree.Element
}

func locate(e soap.Envelope) (message, error) {
	m := message{body: e.Body}
	if err := uniqueIDs(e.Root, map[string]bool{}); err != nil {
		return m, err
	}
	if e.Header == nil {
		return m, fail(InvalidSecurity, "the message has no Header")
	}
	if m.security = soap.Child(e.Header, nsWSSE, "Security"); m.security == nil {
		return m, fail(InvalidSecurity, "expected exactly one wsse:Security header")
	}
	if m.signature = soap.Child(m.security, nsDS, "Signature"); m.signature == nil {
		return m, fail(InvalidSecurity, "expected exactly one ds:Signature in the Security header")
	}
	if m.info = soap.Child(m.signature, nsDS, "SignedInfo"); m.info == nil {
		return m, fail(InvalidSecurity, "expected exactly one ds:SignedInfo")
	}
	if len(soap.Children(m.security, nsWSU, "Timestamp")) > 1 || len(soap.Children(m.security, nsWSSE, "BinarySecurityToken")) > 1 {
		return m, fail(InvalidSecurity, "expected at most one Timestamp and one BinarySecurityToken")
	}
	m.timestamp = soap.Child(m.security, nsWSU, "Timestamp")
	m.token = soap.Child(m.security, nsWSSE, "BinarySecurityToken")
	return m, nil
}

// uniqueIDs refuses two elements with one identifier, the base of wrapping
// attacks. Both wsu:Id and the Id of XML Signature count.
func uniqueIDs(e *etree.Element, seen map[string]bool) error {
	for _, a := range e.Attr {
		if a.Key != "Id" || a.Space != "" && a.NamespaceURI() != nsWSU {
			continue
		}
		if seen[a.Value] {
			return fail(InvalidSecurity, "an identifier is used twice")
		}
		seen[a.Value] = true
	}
	for _, c := range e.ChildElements() {
		if err := uniqueIDs(c, seen); err != nil {
			return err
		}
	}
	return nil
}

// id is the wsu:Id of an element.
func id(e *etree.Element) string {
	if e == nil {
		return ""
	}
	for _, a := range e.Attr {
		if a.Key == "Id" && a.NamespaceURI() == nsWSU {
			return a.Value
		}
	}
	return ""
}

func (m message) algorithms() (algorithmInfo, error) {
	if algorithmOf(soap.Child(m.info, nsDS, "CanonicalizationMethod")) != nsEC || len(prefixes(soap.Child(m.info, nsDS, "CanonicalizationMethod"))) != 0 {
		return algorithmInfo{}, fail(UnsupportedAlgorithm, "CanonicalizationMethod must be exclusive canonicalisation without comments or prefix list")
	}
	uri := algorithmOf(soap.Child(m.info, nsDS, "SignatureMethod"))
	for _, a := range algorithms {
		if a.uri == uri {
			return a, nil
		}
	}
	return algorithmInfo{}, fail(UnsupportedAlgorithm, "SignatureMethod is not RSA or ECDSA with SHA-2")
}

func algorithmOf(e *etree.Element) string {
	if e == nil {
		return ""
	}
	return e.SelectAttrValue("Algorithm", "")
}

// prefixes is the PrefixList of ec:InclusiveNamespaces (Exclusive XML
// Canonicalization, Section 4).
func prefixes(e *etree.Element) []string {
	in := soap.Child(e, nsEC, "InclusiveNamespaces")
	if in == nil {
		return nil
	}
	return strings.Fields(in.SelectAttrValue("PrefixList", ""))
}

// references gives the digested octets of each part that the signature covers.
func (m message) references() (map[Part][]byte, error) {
	refs := soap.Children(m.info, nsDS, "Reference")
	if len(refs) == 0 || len(refs) > 3 {
		return nil, fail(InvalidSecurity, "expected one to three References, found %d", len(refs))
	}
	covered := map[Part][]byte{}
	for _, ref := range refs {
		part, target, err := m.target(ref.SelectAttrValue("URI", ""))
		if err != nil {
			return nil, err
		}
		if covered[part] != nil {
			return nil, fail(InvalidSecurity, "two References to %s", part)
		}
		if covered[part], err = digested(ref, part, target); err != nil {
			return nil, err
		}
	}
	return covered, nil
}

func (m message) target(uri string) (Part, *etree.Element, error) {
	want, ok := strings.CutPrefix(uri, "#")
	if !ok || want == "" {
		return "", nil, fail(InvalidSecurity, "a Reference does not lead into the message by identifier")
	}
	switch want {
	case id(m.body):
		return PartBody, m.body, nil
	case id(m.timestamp):
		return PartTimestamp, m.timestamp, nil
	case id(m.token):
		return PartToken, m.token, nil
	default:
		return "", nil, fail(InvalidSecurity, "a Reference leads to something else than the message's own Timestamp, Body or token")
	}
}

func digested(ref *etree.Element, part Part, target *etree.Element) ([]byte, error) {
	transforms := soap.Child(ref, nsDS, "Transforms")
	if transforms == nil || len(transforms.ChildElements()) != 1 {
		return nil, fail(UnsupportedAlgorithm, "the Reference to %s needs exactly one Transform", part)
	}
	transform := soap.Child(transforms, nsDS, "Transform")
	inclusive := prefixes(transform)
	if algorithmOf(transform) != nsEC || slices.Contains(inclusive, "#default") {
		return nil, fail(UnsupportedAlgorithm, "the Transform of %s must be exclusive canonicalisation without comments", part)
	}
	uri := algorithmOf(soap.Child(ref, nsDS, "DigestMethod"))
	for _, d := range digests {
		if d.uri != uri {
			continue
		}
		octets, err := canonical(target, inclusive)
		if err != nil {
			return nil, fail(InvalidSecurity, "%s cannot be canonicalised", part)
		}
		want, err := decode(soap.Text(soap.Child(ref, nsDS, "DigestValue")))
		if err != nil || subtle.ConstantTimeCompare(want, sum(d.hash, octets)) != 1 {
			return nil, fail(FailedCheck, "the digest of %s does not fit", part)
		}
		return octets, nil
	}
	return nil, fail(UnsupportedAlgorithm, "the DigestMethod of %s is not SHA-2", part)
}

// fresh checks the Timestamp (SOAP Message Security 1.1, Section 10).
func (v Verification) fresh(t *etree.Element) (time.Time, error) {
	created, err := instant(soap.Child(t, nsWSU, "Created"))
	if err != nil {
		return created, err
	}
	expires, err := instant(soap.Child(t, nsWSU, "Expires"))
	if err != nil {
		return created, err
	}
	now := v.Now()
	switch {
	case !created.Before(expires):
		return created, fail(InvalidSecurity, "the Timestamp expires before it was created")
	case expires.Sub(created) > v.MaxLife:
		return created, fail(InvalidSecurity, "the Timestamp's life is longer than %s", v.MaxLife)
	case created.After(now.Add(v.Skew)):
		return created, fail(MessageExpired, "the Timestamp is of the future")
	case !now.Add(-v.Skew).Before(expires):
		return created, fail(MessageExpired, "the Timestamp has expired")
	}
	return created, nil
}

func instant(e *etree.Element) (time.Time, error) {
	text := strings.TrimSpace(soap.Text(e))
	t, err := time.Parse(time.RFC3339Nano, text)
	if e == nil || err != nil || !strings.HasSuffix(text, "Z") {
		return t, fail(InvalidSecurity, "the Timestamp needs Created and Expires as xs:dateTime in UTC")
	}
	return t, nil
}

func decode(s string) ([]byte, error) {
	return base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(s), ""))
}
