package mdoc

import (
	"fmt"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
)

// response is a parsed DeviceResponse with its one document.
type response struct {
	docType    string
	issuer     *IssuerSigned
	namespaces []byte // DeviceNameSpacesBytes, as received
	device     []item // data elements the device signed
	signature  *cose.Sign1
}

// parseResponse reads a base64url DeviceResponse that holds exactly one
// document (OpenID4VP 1.0, Appendix B.2.5).
func parseResponse(text string) (*response, error) {
	b, err := decode(text, specPresented)
	if err != nil {
		return nil, err
	}
	r, err := open(b, specPresented)
	if err != nil {
		return nil, err
	}
	var doc *response
	version, status := "", uint64(1)
	for range r.Map() {
		switch string(r.RawText()) {
		case "version":
			version = r.Text()
		case "status":
			status = r.Uint()
		case "documentErrors":
			return nil, malformed(specResponse, "the holder answered with document errors")
		case "documents":
			if n := r.Array(); r.Err() == nil && n != 1 {
				return nil, malformed(specPresented, fmt.Sprintf("there must be one document in a DeviceResponse, found %d", n))
			}
			if doc, err = readDocument(r); err != nil {
				return nil, err
			}
		default:
			r.Skip()
		}
	}
	if err := r.End(); err != nil {
		return nil, broken(specResponse, "DeviceResponse", err)
	}
	switch {
	case version != versionResponse:
		return nil, malformed(specResponse, "the version of the DeviceResponse is "+clip(version)+", expected 1.0")
	case status != 0:
		return nil, malformed(specResponse, fmt.Sprintf("the status of the DeviceResponse is missing or an error, found %d", status))
	case doc == nil:
		return nil, malformed(specPresented, "the DeviceResponse holds no document")
	}
	return doc, nil
}

func readDocument(r *cbor.Reader) (*response, error) {
	d := &response{}
	signed := false
	for range r.Map() {
		switch string(r.RawText()) {
		case "docType":
			d.docType = r.Text()
		case "issuerSigned":
			var err error
			if d.issuer, err = readIssuerSigned(r); err != nil {
				return nil, err
			}
		case "deviceSigned":
			signed = true
			if err := d.deviceSigned(r); err != nil {
				return nil, err
			}
		case "errors":
			return nil, malformed(specResponse, "the document comes with errors")
		default:
			r.Skip()
		}
	}
	if err := r.Err(); err != nil {
		return nil, broken(specResponse, "document", err)
	}
	switch {
	case d.docType == "":
		return nil, malformed(specResponse, "the document has no docType")
	case d.issuer == nil:
		return nil, malformed(specResponse, "the document has no issuerSigned")
	case !signed:
		return nil, &Error{Check: credential.CheckHolderBinding, Spec: specDevice, Detail: "the document has no deviceSigned: nothing binds it to its holder"}
	}
	return d, nil
}

func (d *response) deviceSigned(r *cbor.Reader) error {
	for range r.Map() {
		switch string(r.RawText()) {
		case "nameSpaces":
			at := r.Offset()
			r.Expect(tagEncoded)
			inner := r.Bytes()
			if d.namespaces = r.Since(at); r.Err() != nil {
				continue // told below
			}
			if err := d.elements(inner); err != nil {
				return err
			}
		case "deviceAuth":
			if err := d.deviceAuth(r); err != nil {
				return err
			}
		default:
			r.Skip()
		}
	}
	if err := r.Err(); err != nil {
		return broken(specDevice, "deviceSigned", err)
	}
	if d.namespaces == nil {
		return malformed(specDevice, "deviceSigned has no nameSpaces")
	}
	if d.signature == nil {
		return &Error{Check: credential.CheckHolderBinding, Spec: specDevice, Detail: "deviceAuth holds no deviceSignature"}
	}
	return nil
}

// deviceAuth reads the device's signature. A MAC is refused by its name: its
// key would have to be agreed on with a key of the verifier, whoever holds that
// key could have made it, and HAIP 1.0, Section 7 asks for none.
func (d *response) deviceAuth(r *cbor.Reader) error {
	n := r.Map()
	if n != 1 && r.Err() == nil {
		return malformed(specDevice, "deviceAuth must hold one of deviceSignature and deviceMac")
	}
	for range n {
		switch string(r.RawText()) {
		case "deviceSignature":
			var err error
			if d.signature, err = cose.Read(r); err != nil {
				return broken(specDevice, "deviceSignature", err)
			}
			if d.signature.Tagged || !d.signature.Detached {
				return malformed(specDevice, "deviceSignature must be an untagged COSE_Sign1 with a detached payload")
			}
		case "deviceMac":
			return &Error{Check: credential.CheckHolderBinding, Spec: specDevice, Detail: "deviceMac is not accepted: the device must sign (deviceauth_alg_values of the request names signatures only)"}
		default:
			r.Skip()
		}
	}
	return nil
}

// elements reads DeviceNameSpaces.
func (d *response) elements(b []byte) error {
	if err := cbor.Check(b, cbor.Limits{Size: MaxSize, Depth: maxDepth, Items: maxItems}); err != nil {
		return broken(specDevice, "DeviceNameSpaces", err)
	}
	r := cbor.NewReader(b)
	for range r.Map() {
		namespace := r.Text()
		n := r.Map()
		if len(d.device)+n > MaxItems {
			return malformed(specDevice, fmt.Sprintf("more than %d data elements", MaxItems))
		}
		for range n {
			d.device = append(d.device, item{namespace: namespace, name: r.RawText(), value: r.Skip()})
		}
	}
	if err := r.End(); err != nil {
		return broken(specDevice, "DeviceNameSpaces", err)
	}
	return nil
}
