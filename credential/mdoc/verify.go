package mdoc

import (
	"crypto"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
)

// Verified is a document that passed the policy. The caller still checks
// Status and whether the issuer may issue this type.
type Verified struct {
	DocType        string
	Signed         time.Time
	ValidFrom      time.Time
	ValidUntil     time.Time
	ExpectedUpdate time.Time // zero when absent
	Status         []byte    // JSON of the status, as in other formats; nil when absent

	DeviceKey  crypto.PublicKey
	Authorized KeyAuthorizations

	// Claims are what the issuer signed and the holder disclosed, DeviceClaims
	// what the device signed itself, such as transaction data: authorised, but
	// never vouched for by the issuer.
	Claims       Claims
	DeviceClaims Claims

	IssuerAuth *cose.Sign1
	IssuerKey  crypto.PublicKey

	// Checks lists what was checked, in order. All of them passed.
	Checks credential.Report
}

// Verify checks a base64url DeviceResponse against the policy (OpenID4VP 1.0,
// Appendix B.2.5; ISO/IEC 18013-5, 9.3.1 and 9.1.3). The error is an *Error
// that names the first check that failed.
func Verify(text string, p Policy) (*Verified, error) {
	if err := p.usable(true); err != nil {
		return nil, err
	}
	d, err := parseResponse(text)
	if err != nil {
		return nil, err
	}
	if d.docType != d.issuer.mso.docType {
		return nil, &Error{Check: credential.CheckType, Spec: specIssuer, Detail: "the document says it is " + clip(d.docType) + ", its issuer signed " + clip(d.issuer.mso.docType)}
	}
	v, err := d.issuer.verify(&p)
	if err != nil {
		return nil, err
	}
	if err := d.authorized(); err != nil {
		return nil, err
	}
	if err := d.bound(&p); err != nil {
		return nil, err
	}
	v.DeviceClaims = Claims{d.device}
	v.Checks.Pass(credential.CheckHolderBinding, specDevice, d.signature.Alg.String())
	v.Checks.Pass(credential.CheckReplay, specHandover, "")
	return v, nil
}

// VerifyIssued checks a document as its issuer handed it out, before the
// holder keeps it: all that Verify checks but the device's signature. Whether
// DeviceKey is the holder's own is for the caller to compare.
func (s *IssuerSigned) VerifyIssued(p Policy) (*Verified, error) {
	if err := p.usable(false); err != nil {
		return nil, err
	}
	v, err := s.verify(&p)
	if err != nil {
		return nil, err
	}
	v.Checks.Skip(credential.CheckHolderBinding, specDevice, "a document as issued is bound to no request")
	return v, nil
}

// verify makes the checks of issuer data authentication.
func (s *IssuerSigned) verify(p *Policy) (*Verified, error) {
	m := s.mso
	v := &Verified{
		DocType: m.docType, Signed: m.signed, ValidFrom: m.validFrom, ValidUntil: m.validUntil, ExpectedUpdate: m.update,
		DeviceKey: m.deviceKey, Authorized: m.authorized, Claims: s.Claims(), IssuerAuth: s.sign1,
		Checks: make(credential.Report, 0, 8),
	}
	if m.version != versionMSO {
		return nil, malformed(specMSO, "the version of the mobile security object is "+clip(m.version)+", expected 1.0")
	}
	if !p.allows(m.algorithm) {
		return nil, malformed(specMSO, "digest algorithm "+clip(string(m.algorithm))+" is not allowed")
	}
	var err error
	if v.Status, err = m.statusJSON(); err != nil {
		return nil, err
	}
	v.Checks.Pass(credential.CheckStructure, specItems, fmt.Sprintf("%d data elements", len(s.items)))

	// 9.3.1, step 1 and 2: the chain, which the policy decides on, and the signature.
	if v.IssuerKey, err = s.issuer(p); err != nil {
		return nil, err
	}
	v.Checks.Pass(credential.CheckIssuerSignature, specIssuer, s.sign1.Alg.String())

	// Step 3: every data element is one the issuer signed.
	if err := s.checkDigests(); err != nil {
		return nil, err
	}
	v.Checks.Pass(CheckDigests, specIssuer, "")

	// Step 4: the type.
	if !slices.Contains(p.DocTypes, m.docType) {
		return nil, &Error{Check: credential.CheckType, Spec: specIssuer, Detail: "the document type is " + clip(m.docType) + ", accepted are " + strings.Join(p.DocTypes, ", ")}
	}
	v.Checks.Pass(credential.CheckType, specIssuer, "")

	// Step 5: time.
	if err := m.within(p); err != nil {
		return nil, err
	}
	v.Checks.Pass(credential.CheckValidity, specIssuer, "")
	return v, nil
}

// issuer checks algorithm, key and signature of issuerAuth.
func (s *IssuerSigned) issuer(p *Policy) (crypto.PublicKey, error) {
	bad := func(check, detail string, err error) (crypto.PublicKey, error) {
		return nil, &Error{Check: check, Spec: specIssuer, Detail: detail, Err: err}
	}
	if err := (cose.Use{Algs: orES256(p.IssuerAlgs)}).Check(s.sign1); err != nil {
		return bad(credential.CheckIssuerSignature, "issuerAuth", err)
	}
	key, err := p.IssuerKey(s.sign1, Unverified{DocType: s.mso.docType, Signed: s.mso.signed, Now: p.Now})
	if err != nil || key == nil {
		return bad(credential.CheckIssuerTrust, "no trusted key for this issuer", err)
	}
	if err := s.sign1.Verify(key, nil); err != nil {
		return bad(credential.CheckIssuerSignature, "issuerAuth", err)
	}
	return key, nil
}

// within checks the validity (ISO/IEC 18013-5, 9.3.1).
func (m *mso) within(p *Policy) error {
	bad := func(format string, at time.Time) error {
		return &Error{Check: credential.CheckValidity, Spec: specIssuer, Detail: fmt.Sprintf(format, at.Format(time.RFC3339))}
	}
	switch {
	case m.validFrom.Before(m.signed):
		return bad("validFrom lies before signed, %s", m.signed)
	case !m.validUntil.After(m.validFrom):
		return bad("validUntil does not lie after validFrom, %s", m.validFrom)
	case m.signed.After(p.Now.Add(p.Skew)):
		return bad("signed in the future, at %s", m.signed)
	case m.validFrom.After(p.Now.Add(p.Skew)):
		return bad("not valid before %s", m.validFrom)
	case !m.validUntil.After(p.Now.Add(-p.Skew)):
		return bad("expired at %s", m.validUntil)
	}
	return nil
}

func (m *mso) statusJSON() ([]byte, error) {
	if m.status == nil {
		return nil, nil
	}
	b, err := appendJSON(nil, cbor.NewReader(m.status), base64url)
	if err != nil {
		return nil, broken("Token Status List, Section 6.3", "status", err)
	}
	return b, nil
}

// authorized refuses data elements that the device key may not sign, and such
// as the issuer signed too (ISO/IEC 18013-5, 9.1.2.4; OpenID4VP 1.0, Appendix
// B.2.1).
func (d *response) authorized() error {
	for i := range d.device {
		e := &d.device[i]
		if !d.issuer.mso.authorized.allow(e.namespace, string(e.name)) {
			return &Error{Check: credential.CheckHolderBinding, Spec: "ISO/IEC 18013-5, 9.1.2.4; OpenID4VP 1.0, Appendix B.2.1", Detail: "device-signed element " + clip(e.name), Err: ErrNotAuthorized}
		}
		if d.issuer.Claims().index(e.namespace, string(e.name)) >= 0 {
			return malformed(specDevice, "element "+clip(e.name)+" is signed by both the issuer and the device")
		}
	}
	return nil
}

// bound checks the device's signature over this request.
func (d *response) bound(p *Policy) error {
	bad := func(err error) error {
		return &Error{Check: credential.CheckHolderBinding, Spec: specDevice, Detail: "deviceSignature: not made with the device key for this request", Err: err}
	}
	if err := (cose.Use{Algs: orES256(p.DeviceAlgs)}).Check(d.signature); err != nil {
		return bad(err)
	}
	payload := p.Transcript.deviceAuthentication(d.docType, d.namespaces)
	if err := d.signature.VerifyDetached(d.issuer.mso.deviceKey, nil, payload); err != nil {
		return bad(err)
	}
	return nil
}
