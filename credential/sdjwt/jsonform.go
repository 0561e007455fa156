package sdjwt

import (
	"fmt"
	"strings"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/jose"
)

// signature is one signature of the JWS JSON serialisation after the first.
type signature struct {
	token *jose.Token
	kid   string
}

// unprotected is the header that carries disclosures and key binding
// (RFC 9901, Section 8.1). Members of others, such as etsiU, are ignored.
type unprotected struct {
	Disclosures []string `json:"disclosures,omitempty"`
	KBJWT       *string  `json:"kb_jwt,omitempty"`
	KID         string   `json:"kid,omitempty"`
}

type jsonSignature struct {
	Protected string      `json:"protected"`
	Header    unprotected `json:"header,omitzero"`
	Signature string      `json:"signature"`
}

type jsonForm struct {
	Payload    string          `json:"payload"`
	Protected  *string         `json:"protected,omitempty"`
	Header     *unprotected    `json:"header,omitempty"`
	Signature  *string         `json:"signature,omitempty"`
	Signatures []jsonSignature `json:"signatures,omitempty"`
}

// MaxSignatures is how many signatures a general JSON serialisation may hold.
const MaxSignatures = 8

// ParseJSON reads the flattened or general JSON serialisation (RFC 9901,
// Section 8; RFC 7515, Section 7.2). The first signature, its disclosures and
// its key binding JWT are those of the equal compact form; disclosures or
// key binding anywhere else are refused.
func ParseJSON(b []byte) (*SDJWT, error) {
	const spec = "RFC 9901, Section 8"
	if len(b) > MaxSize {
		return nil, malformed(spec, fmt.Sprintf("longer than %d bytes", MaxSize))
	}
	var form jsonForm
	if err := jose.Unmarshal(b, &form); err != nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: spec, Detail: "JSON serialisation", Err: err}
	}
	flat := form.Protected != nil || form.Header != nil || form.Signature != nil
	switch {
	case flat && form.Signatures != nil:
		return nil, malformed("RFC 7515, Section 7.2.2", "both the flattened and the general form are used")
	case flat:
		if form.Protected == nil || form.Signature == nil {
			return nil, malformed("RFC 7515, Section 7.2.2", "protected or signature is missing")
		}
		first := jsonSignature{Protected: *form.Protected, Signature: *form.Signature}
		if form.Header != nil {
			first.Header = *form.Header
		}
		form.Signatures = []jsonSignature{first}
	case len(form.Signatures) == 0 || len(form.Signatures) > MaxSignatures:
		return nil, malformed("RFC 7515, Section 7.2.1", fmt.Sprintf("there must be 1 to %d signatures, found %d", MaxSignatures, len(form.Signatures)))
	}
	return form.parse()
}

func (form jsonForm) parse() (*SDJWT, error) {
	first := form.Signatures[0]
	var text strings.Builder
	text.WriteString(first.Protected + "." + form.Payload + "." + first.Signature + "~")
	for i, d := range first.Header.Disclosures {
		if d == "" || strings.ContainsAny(d, "~.") {
			return nil, malformed("RFC 9901, Section 8.1", fmt.Sprintf("disclosure %d is not base64url", i+1))
		}
		text.WriteString(d + "~")
	}
	if kb := first.Header.KBJWT; kb != nil {
		if *kb == "" || strings.Contains(*kb, "~") {
			return nil, malformed("RFC 9901, Section 8.1", "kb_jwt is not a compact JWT")
		}
		text.WriteString(*kb)
	}
	if strings.ContainsRune(first.Protected+form.Payload+first.Signature, '~') {
		return nil, malformed("RFC 7515, Section 7.2", "protected, payload or signature is not base64url")
	}
	s, err := Parse(text.String())
	if err != nil {
		return nil, err
	}
	s.kid = first.Header.KID
	for i, other := range form.Signatures[1:] {
		if other.Header.Disclosures != nil || other.Header.KBJWT != nil {
			return nil, malformed("RFC 9901, Section 8.1", "disclosures and kb_jwt belong in the first unprotected header only")
		}
		t, err := jose.Parse(other.Protected + "." + form.Payload + "." + other.Signature)
		if err != nil {
			return nil, &Error{Check: credential.CheckStructure, Spec: "RFC 7515, Section 7.2.1", Detail: fmt.Sprintf("signature %d", i+2), Err: err}
		}
		s.others = append(s.others, signature{t, other.Header.KID})
	}
	return s, nil
}

// JSON is the flattened JSON serialisation (RFC 9901, Section 8.1), the form
// that can carry validation material beside the seal. A general form with more
// than one signature cannot be written flattened and is refused.
func (s *SDJWT) JSON() ([]byte, error) {
	if len(s.others) > 0 {
		return nil, malformed("RFC 7515, Section 7.2.2", "the flattened form has one signature only")
	}
	parts := strings.Split(s.text[:strings.IndexByte(s.text, '~')], ".")
	h := unprotected{Disclosures: make([]string, 0, len(s.disclosures)), KID: s.kid}
	for _, d := range s.disclosures {
		h.Disclosures = append(h.Disclosures, s.text[d.start:d.end])
	}
	if s.binding != "" {
		h.KBJWT = &s.binding
	}
	return jose.Marshal(jsonForm{Payload: parts[1], Protected: &parts[0], Header: &h, Signature: &parts[2]})
}
