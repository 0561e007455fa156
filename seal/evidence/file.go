// Package evidence is what lets a seal outlive its certificate: the JSON
// serialisation of the signature of a compact token with time-stamps,
// certificates and revocation data beside it (ETSI TS 119 182-1 V1.2.1, JAdES B-T,
// B-LT and B-LTA).
//
// It knows form only, and what a time-stamp must be of. Protected headers are
// read in seal/jades, time-stamp tokens in seal/tsp; what it all proves is decided
// in seal.
package evidence

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal/jades"
)

// ErrFile is returned for a JSON serialisation that cannot be processed. It
// is FORMAT_FAILURE in ETSI EN 319 102-1.
var ErrFile = errors.New("not a well-formed JAdES signature in JSON")

// MaxFile is the largest JSON serialisation that is read, in bytes. Most of
// it are revocation lists.
const MaxFile = 8 << 20

// File is one signature in the JSON serialisation of JWS (RFC 7515, Section
// 7.2), with what was added to it afterwards: time-stamps, certificates and
// revocation data in etsiU (TS 119 182-1, clause 5.3). It is the same signature
// as that of the compact token it was lifted from.
//
// Only what is before an archive time-stamp is covered by it, so elements are
// added at the end and never changed.
type File struct {
	header      jades.Header
	protected   string
	payload     string // as it stands in JSON: base64url, or the text with b64 false
	signature   string
	sig         []byte
	disclosures []string
	elements    []Element
	general     bool // the form that it was read in
}

// Lift takes a compact token apart. Disclosures are those of an SD-JWT, kept in
// the unprotected header beside etsiU (RFC 9901, Section 8); what is signed does
// not change by them.
func Lift(compact string, disclosures ...string) (*File, error) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%w: a compact JWS has three parts (RFC 7515, Section 3.1)", ErrFile)
	}
	return newFile(parts[0], parts[1], parts[2], disclosures)
}

// Unencoded is a signature over a payload as it is (RFC 7797), whose protected header
// says so. It has no compact form.
func Unencoded(protected, payload string, signature []byte) (*File, error) {
	f, err := newFile(protected, payload, jose.Encode(signature), nil)
	if err == nil && !f.header.Unencoded {
		return nil, fmt.Errorf("%w: b64 is not false (RFC 7797, Section 3)", ErrFile)
	}
	return f, err
}

func newFile(protected, payload, signature string, disclosures []string) (*File, error) {
	// The payload is not part of it, for it may be unencoded.
	t, err := jose.Parse(protected + ".." + signature)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	h, err := jades.ParseJSONHeader(t)
	if err != nil {
		return nil, err
	}
	f := &File{header: h, protected: protected, payload: payload, signature: signature, sig: t.Signature, disclosures: slices.Clone(disclosures)}
	if err := disjoint(t.RawHeader); err != nil {
		return nil, err
	}
	if !h.Unencoded {
		if _, err := jose.Decode(payload); err != nil {
			return nil, fmt.Errorf("%w: payload: %w", ErrFile, err)
		}
	}
	for i, d := range disclosures {
		if _, err := jose.Decode(d); err != nil || d == "" {
			return nil, fmt.Errorf("%w: disclosure %d is not base64url (RFC 9901, Section 8)", ErrFile, i)
		}
	}
	return f, nil
}

// disjoint refuses a protected header with a name of the unprotected one (RFC
// 7515, Section 7.2.1).
func disjoint(protected []byte) error {
	var both struct {
		Disclosures jsontext.Value `json:"disclosures"`
		EtsiU       jsontext.Value `json:"etsiU"`
	}
	if err := jose.Unmarshal(protected, &both); err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	if both.Disclosures != nil || both.EtsiU != nil {
		return fmt.Errorf("%w: etsiU and disclosures must not be protected (RFC 7515, Section 7.2.1)", ErrFile)
	}
	return nil
}

// General reports whether it was read in the general form, with an array of
// signatures.
func (f *File) General() bool { return f.general }

// Header is the protected header.
func (f *File) Header() jades.Header { return f.header }

// Disclosures are those of an SD-JWT.
func (f *File) Disclosures() []string { return slices.Clone(f.disclosures) }

// Elements are those of etsiU, in order.
func (f *File) Elements() []Element { return slices.Clone(f.elements) }

// Payload is what was signed.
func (f *File) Payload() []byte {
	if f.header.Unencoded {
		return []byte(f.payload)
	}
	b, _ := jose.Decode(f.payload) // was read before
	return b
}

// Compact is the token that the evidence was lifted from, without disclosures.
func (f *File) Compact() (string, error) {
	if f.header.Unencoded {
		return "", fmt.Errorf("%w: an unencoded payload has no compact form here (RFC 7797, Section 5.2)", ErrFile)
	}
	return f.protected + "." + f.payload + "." + f.signature, nil
}

// Verify holds the signature against a key: jose.ErrSignature if it does not
// fit. The algorithm is that of the header, which the caller allows.
func (f *File) Verify(pub crypto.PublicKey) error {
	return jose.VerifySignature(pub, f.header.Alg, []byte(f.protected+"."+f.payload), f.sig)
}

// Values are all that the elements hold, those for the signature and those for
// time-stamps.
func (f *File) Values() Values {
	var all Values
	for _, x := range f.elements {
		all.Certificates = append(all.Certificates, x.Values.Certificates...)
		all.CRLs = append(all.CRLs, x.Values.CRLs...)
		all.OCSPs = append(all.OCSPs, x.Values.OCSPs...)
	}
	return all
}

// The wire forms of RFC 7515, Section 7.2.
type (
	unprotected struct {
		Disclosures []string         `json:"disclosures,omitempty"`
		EtsiU       []jsontext.Value `json:"etsiU,omitempty"`
	}
	signed struct {
		Protected string       `json:"protected"`
		Header    *unprotected `json:"header,omitempty"`
		Signature string       `json:"signature"`
	}
	flattened struct {
		Payload *string `json:"payload"`
		signed
	}
	general struct {
		Payload    *string  `json:"payload"`
		Signatures []signed `json:"signatures"`
	}
)

// Serialisation is a JSON form of a JWS.
type Serialisation uint8

const (
	// Flattened has the signature at the top (RFC 7515, Section 7.2.2).
	Flattened Serialisation = iota + 1
	// General has an array of signatures, here of one (Section 7.2.1).
	General
)

// Marshal writes the evidence.
func (f *File) Marshal(s Serialisation) ([]byte, error) {
	one := signed{Protected: f.protected, Signature: f.signature}
	if len(f.disclosures)+len(f.elements) > 0 {
		one.Header = &unprotected{Disclosures: f.disclosures}
		for _, x := range f.elements {
			one.Header.EtsiU = append(one.Header.EtsiU, jsontext.Value(`"`+x.Text+`"`))
		}
	}
	switch s {
	case Flattened:
		return jose.Marshal(flattened{&f.payload, one})
	case General:
		return jose.Marshal(general{&f.payload, []signed{one}})
	default:
		return nil, fmt.Errorf("%w: unknown serialisation %d", ErrFile, s)
	}
}

// Parse reads either JSON form, strictly: one signature, no member that
// is not known, elements of etsiU in base64url, one token to a time-stamp.
// Elements in clear are refused: how they are canonicalised for archive
// time-stamps, no two implementations agree on. Nothing is verified.
func Parse(b []byte) (*File, error) {
	if len(b) > MaxFile {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrFile, MaxFile)
	}
	payload, one, general, err := readSerialisation(b)
	if err != nil {
		return nil, err
	}
	if one.Header == nil {
		one.Header = new(unprotected)
	}
	f, err := newFile(one.Protected, payload, one.Signature, one.Header.Disclosures)
	if err != nil {
		return nil, err
	}
	f.general = general
	if one.Header.EtsiU != nil && len(one.Header.EtsiU) == 0 || len(one.Header.EtsiU) > maxElements {
		return nil, fmt.Errorf("%w: etsiU has %d elements, expected 1 to %d", ErrFile, len(one.Header.EtsiU), maxElements)
	}
	var count counts
	for i, raw := range one.Header.EtsiU {
		var text string
		if err := jose.Unmarshal(raw, &text); err != nil {
			return nil, fmt.Errorf("%w: etsiU[%d] is not base64url text (ETSI TS 119 182-1, clause 5.3.1)", ErrFile, i)
		}
		x, err := parseElement(text)
		if err != nil {
			return nil, fmt.Errorf("%w: etsiU[%d]: %w", ErrFile, i, err)
		}
		if err := count.add(x); err != nil {
			return nil, fmt.Errorf("%w: etsiU[%d]: %w", ErrFile, i, err)
		}
		f.elements = append(f.elements, x)
	}
	return f, nil
}

// counts bounds the work that evidence makes for whoever judges it: a stranger may
// have made it.
type counts struct{ elements, stamps, certificates, crls, ocsps int }

func (c *counts) add(x Element) error {
	c.elements++
	if x.Token != nil {
		c.stamps++
	}
	c.certificates += len(x.Values.Certificates)
	c.crls += len(x.Values.CRLs)
	c.ocsps += len(x.Values.OCSPs)
	switch {
	case c.elements > maxElements:
		return fmt.Errorf("more than %d elements", maxElements)
	case c.stamps > maxStamps:
		return fmt.Errorf("more than %d time-stamps", maxStamps)
	case c.certificates > maxValues || c.crls > maxValues || c.ocsps > maxValues:
		return fmt.Errorf("more than %d values of a kind", maxValues)
	}
	return nil
}

// serialisation has the members of both forms.
type serialisation struct {
	Payload    *string      `json:"payload"`
	Protected  *string      `json:"protected"`
	Header     *unprotected `json:"header"`
	Signature  *string      `json:"signature"`
	Signatures *[]signed    `json:"signatures"`
}

// readSerialisation tells the two forms apart by the member that only one has.
func readSerialisation(b []byte) (payload string, one signed, isGeneral bool, err error) {
	var w serialisation
	if err := jose.UnmarshalClosed(b, &w); err != nil {
		return "", one, false, fmt.Errorf("%w: %w", ErrFile, err)
	}
	alone := w.Protected != nil || w.Header != nil || w.Signature != nil
	switch {
	case w.Signatures != nil && alone:
		return "", one, false, fmt.Errorf("%w: /protected, /header or /signature stands beside /signatures (RFC 7515, Section 7.2.2)", ErrFile)
	case w.Payload == nil:
		return "", one, false, fmt.Errorf("%w: payload is missing (RFC 7515, Section 7.2)", ErrFile)
	case w.Signatures == nil && (w.Protected == nil || w.Signature == nil):
		return "", one, false, fmt.Errorf("%w: protected or signature is missing (RFC 7515, Section 7.2.2)", ErrFile)
	case w.Signatures == nil:
		return *w.Payload, signed{*w.Protected, w.Header, *w.Signature}, false, nil
	case len(*w.Signatures) != 1:
		return "", one, false, fmt.Errorf("%w: expected one signature, found %d (RFC 7515, Section 7.2.1)", ErrFile, len(*w.Signatures))
	}
	return *w.Payload, (*w.Signatures)[0], true, nil
}
