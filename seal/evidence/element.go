package evidence

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/jades"
)

// Kind names an element of etsiU (TS 119 182-1, clause 5.3).
type Kind string

// ContentTimeStamp is no element of etsiU but the protected header parameter of
// content time-stamps (clause 5.2.6).
const ContentTimeStamp Kind = jades.ContentTimeStamp

// The kinds that are evaluated.
const (
	// SignatureTimeStamp proves when the signature value existed (clause 5.3.4).
	SignatureTimeStamp Kind = "sigTst"
	// CertificateValues and RevocationValues are what a validation needs of
	// certificates (clause 5.3.5.1) and of revocation (clause 5.3.5.2).
	CertificateValues Kind = "xVals"
	RevocationValues  Kind = "rVals"
	// TimeStampValues are both, for time-stamps (clause 5.3.6.1).
	TimeStampValues Kind = "tstVD"
	// ArchiveTimeStamp proves when everything before it existed (clause 5.3.6.2).
	ArchiveTimeStamp Kind = "arcTst"
)

// others are the kinds that are carried and not evaluated: counter signatures,
// policies, attribute certificates, references that a baseline signature does
// not have, and time-stamps over those.
var others = []Kind{"cSig", "sigPSt", "axVals", "arVals", "anyValData", "xRefs", "rRefs", "axRefs", "arRefs", "sigRTst", "rfsTst"}

// Bounds of what evidence may hold.
const (
	maxElements = 256
	maxStamps   = 64  // a century of stamping again
	maxValues   = 256 // certificates, lists and answers, of each kind
)

// Element is one member of etsiU. It does not change.
type Element struct {
	Kind Kind
	// Text is the element as it stands in etsiU, in base64url: what archive
	// time-stamps cover.
	Text string
	// Token is the time-stamp token of a time-stamp, in DER.
	Token []byte
	// Values are those of xVals, rVals and tstVD.
	Values Values
}

// Values are certificates and statements about their revocation.
type Values struct {
	Certificates []*x509.Certificate
	CRLs         [][]byte // CertificateList in DER (RFC 5280)
	OCSPs        [][]byte // OCSPResponse in DER (RFC 6960)
}

func (v Values) empty() bool { return len(v.Certificates)+len(v.CRLs)+len(v.OCSPs) == 0 }

// The wire forms of clauses 5.3 and 5.4.
type (
	pkiObject    = jades.PKIObject
	tstContainer struct {
		Tokens []pkiObject `json:"tstTokens"`
	}
	certificateValue struct {
		X509  *pkiObject     `json:"x509Cert,omitempty"`
		Other jsontext.Value `json:"otherCert,omitempty"`
	}
	revocationValues struct {
		CRLs   []pkiObject    `json:"crlVals,omitempty"`
		OCSPs  []pkiObject    `json:"ocspVals,omitempty"`
		Others jsontext.Value `json:"otherVals,omitempty"`
	}
	timeStampValues struct {
		Certificates []certificateValue `json:"xVals,omitempty"`
		Revocation   *revocationValues  `json:"rVals,omitempty"`
	}
)

// parseElement reads one base64url element: an object with one member, of a kind
// that the specification knows.
func parseElement(text string) (Element, error) {
	raw, err := jose.Decode(text)
	if err != nil {
		return Element{}, err
	}
	var members map[Kind]jsontext.Value
	if err := jose.Unmarshal(raw, &members); err != nil {
		return Element{}, err
	}
	if len(members) != 1 {
		return Element{}, fmt.Errorf("it has %d members, expected one (ETSI TS 119 182-1, clause 5.3.1)", len(members))
	}
	e := Element{Text: text}
	for kind, value := range members {
		e.Kind = kind
		if err := e.read(value); err != nil {
			return Element{}, err
		}
	}
	return e, nil
}

func (e *Element) read(value jsontext.Value) (err error) {
	switch e.Kind {
	case SignatureTimeStamp, ArchiveTimeStamp:
		e.Token, err = readContainer(value)
	case CertificateValues:
		var w []certificateValue
		if err = jose.UnmarshalClosed(value, &w); err == nil {
			e.Values.Certificates, err = readCertificates(w)
		}
	case RevocationValues:
		var w revocationValues
		if err = jose.UnmarshalClosed(value, &w); err == nil {
			err = e.Values.readRevocation(w)
		}
	case TimeStampValues:
		var w timeStampValues
		if err = jose.UnmarshalClosed(value, &w); err != nil {
			return err
		}
		if e.Values.Certificates, err = readCertificates(w.Certificates); err == nil && w.Revocation != nil {
			err = e.Values.readRevocation(*w.Revocation)
		}
	default:
		if !slices.Contains(others, e.Kind) {
			return fmt.Errorf("its kind is not one of ETSI TS 119 182-1, clause 5.3")
		}
		return nil
	}
	if err == nil && e.Token == nil && e.Values.empty() {
		err = fmt.Errorf("%s is empty", e.Kind)
	}
	return err
}

// readContainer reads a container with one token: with more of them nobody can
// say which one counts.
func readContainer(value jsontext.Value) ([]byte, error) {
	tokens, err := jades.ReadContainer(value, 1)
	if err != nil {
		return nil, err
	}
	return tokens[0], nil
}

func readCertificates(w []certificateValue) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for i, v := range w {
		if v.X509 == nil || v.Other != nil {
			return nil, fmt.Errorf("certificate %d is no x509Cert (ETSI TS 119 182-1, clause 5.3.5.1)", i)
		}
		der, err := v.X509.DER()
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i, err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read", i)
		}
		out = append(out, c)
	}
	return out, nil
}

func (v *Values) readRevocation(w revocationValues) (err error) {
	if w.Others != nil {
		return fmt.Errorf("otherVals are not read (ETSI TS 119 182-1, clause 5.3.5.2)")
	}
	if v.CRLs, err = readObjects(w.CRLs); err == nil {
		v.OCSPs, err = readObjects(w.OCSPs)
	}
	return err
}

func readObjects(w []pkiObject) ([][]byte, error) {
	var out [][]byte
	for i, o := range w {
		der, err := o.DER()
		if err != nil {
			return nil, fmt.Errorf("value %d: %w", i, err)
		}
		out = append(out, der)
	}
	return out, nil
}

func object(der []byte) pkiObject { return pkiObject{Val: base64.StdEncoding.EncodeToString(der)} }

func objects(all [][]byte) []pkiObject {
	var out []pkiObject
	for _, der := range all {
		out = append(out, object(der))
	}
	return out
}

func (v Values) certificates() []certificateValue {
	var out []certificateValue
	for _, c := range v.Certificates {
		o := object(c.Raw)
		out = append(out, certificateValue{X509: &o})
	}
	return out
}

func (v Values) revocation() *revocationValues {
	if len(v.CRLs)+len(v.OCSPs) == 0 {
		return nil
	}
	return &revocationValues{CRLs: objects(v.CRLs), OCSPs: objects(v.OCSPs)}
}

// newElement writes an element and reads it back, so that what is written is
// what will be accepted.
func newElement(kind Kind, value any) (Element, error) {
	raw, err := jose.Marshal(map[Kind]any{kind: value})
	if err != nil {
		return Element{}, fmt.Errorf("writing %s: %w", kind, err)
	}
	return parseElement(jose.Encode(raw))
}

// without leaves out of v what is in w already.
func (v Values) without(w Values) Values {
	drop := func(all, known [][]byte) [][]byte {
		return slices.DeleteFunc(slices.Clone(all), func(b []byte) bool {
			return slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, b) })
		})
	}
	return Values{
		Certificates: slices.DeleteFunc(slices.Clone(v.Certificates), func(c *x509.Certificate) bool {
			return slices.ContainsFunc(w.Certificates, c.Equal)
		}),
		CRLs: drop(v.CRLs, w.CRLs), OCSPs: drop(v.OCSPs, w.OCSPs),
	}
}
