package mdoc

import (
	"crypto"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
)

// Selection is what a holder discloses.
type Selection struct {
	of     *IssuerSigned
	chosen []bool
}

// Len is the number of data elements that are sent.
func (sel Selection) Len() int {
	n := 0
	for _, c := range sel.chosen {
		if c {
			n++
		}
	}
	return n
}

// Disclose selects the data elements the paths point into, and no other. A
// data element is disclosed as a whole, also for a path that ends inside it. A
// path that selects nothing is ErrNoSuchClaim.
func (s *IssuerSigned) Disclose(paths []Path) (Selection, error) {
	sel := Selection{of: s, chosen: make([]bool, len(s.items))}
	for i, p := range paths {
		if err := p.ValidateMdoc(); err != nil {
			return Selection{}, fmt.Errorf("path %d: %w", i+1, err)
		}
		at, _ := s.Claims().find(p)
		if at < 0 {
			return Selection{}, fmt.Errorf("path %d: %w (OpenID4VP 1.0, Section 7.2)", i+1, ErrNoSuchClaim)
		}
		sel.chosen[at] = true
	}
	return sel, nil
}

// Device is how a holder proves possession of the device key.
type Device struct {
	Key        crypto.Signer
	Transcript Transcript // made from the request that is answered

	// Elements are data elements the device signs itself, such as processed
	// transaction data: JSON as in Credential.Elements, nil for none. The issuer
	// must have authorised the key for each (OpenID4VP 1.0, Appendix B.2.1).
	Elements any
}

// Present makes the base64url DeviceResponse of a selection (OpenID4VP 1.0,
// Appendix B.2.5): one document, signed by the device for one request.
func (s *IssuerSigned) Present(sel Selection, d Device) (string, error) {
	switch {
	case sel.of != s:
		return "", errors.New("the selection was made from another document; call Disclose on this one")
	case d.Key == nil || d.Transcript.cbor == nil:
		return "", errors.New("the device needs its Key and the Transcript of a request to sign")
	}
	alg, err := cose.AlgFor(d.Key.Public())
	if err != nil {
		return "", err
	}
	if k, ok := s.mso.deviceKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !k.Equal(d.Key.Public()) {
		return "", &Error{Check: credential.CheckHolderBinding, Spec: specDevice, Detail: "the key is not the device key of this document"}
	}
	namespaces, err := d.namespaces(s.mso.authorized)
	if err != nil {
		return "", err
	}
	signer, err := cose.NewSigner(cose.Header{Alg: alg}, cose.Options{})
	if err != nil {
		return "", err
	}
	size := len(s.auth) + 512 + len(namespaces)
	for i := range s.items {
		size += len(s.items[i].raw)
	}
	b := cbor.AppendMap(make([]byte, 0, size), 3)
	b = cbor.AppendText(cbor.AppendText(b, "version"), versionResponse)
	b = cbor.AppendArray(cbor.AppendText(b, "documents"), 1)
	b = cbor.AppendMap(b, 3)
	b = cbor.AppendText(cbor.AppendText(b, "docType"), s.mso.docType)
	b = s.appendDisclosed(cbor.AppendText(b, "issuerSigned"), sel)
	b = cbor.AppendMap(cbor.AppendText(b, "deviceSigned"), 2)
	b = append(cbor.AppendText(b, "nameSpaces"), namespaces...)
	b = cbor.AppendMap(cbor.AppendText(b, "deviceAuth"), 1)
	b = cbor.AppendText(b, "deviceSignature")
	b, err = signer.AppendDetached(b, d.Key, d.Transcript.deviceAuthentication(s.mso.docType, namespaces))
	if err != nil {
		return "", &Error{Check: credential.CheckHolderBinding, Spec: specDevice, Detail: "signing", Err: err}
	}
	b = cbor.AppendUint(cbor.AppendText(b, "status"), 0)
	return jose.Encode(b), nil
}

// appendDisclosed appends IssuerSigned with the chosen items, as received.
func (s *IssuerSigned) appendDisclosed(b []byte, sel Selection) []byte {
	count := func(g group) (n int) {
		for _, c := range sel.chosen[g.from:g.to] {
			if c {
				n++
			}
		}
		return n
	}
	spaces := 0
	for _, g := range s.groups {
		if count(g) > 0 {
			spaces++
		}
	}
	if spaces == 0 { // nameSpaces is optional and never empty
		b = cbor.AppendMap(b, 1)
	} else {
		b = cbor.AppendMap(cbor.AppendText(cbor.AppendMap(b, 2), "nameSpaces"), spaces)
	}
	for _, g := range s.groups {
		n := count(g)
		if n == 0 {
			continue
		}
		b = cbor.AppendArray(cbor.AppendText(b, g.namespace), n)
		for i := g.from; i < g.to; i++ {
			if sel.chosen[i] {
				b = append(b, s.items[i].raw...)
			}
		}
	}
	return append(cbor.AppendText(b, "issuerAuth"), s.auth...)
}

// namespaces is DeviceNameSpacesBytes.
func (d *Device) namespaces(may KeyAuthorizations) ([]byte, error) {
	inner := []byte{0xa0}
	if d.Elements != nil {
		src, err := source(d.Elements)
		if err != nil {
			return nil, err
		}
		t := transcoder{src: src}
		t.value(nil, 0)
		t.end()
		if err := t.err("Elements of the device"); err != nil {
			return nil, err
		}
		if inner = t.dst; cbor.NewReader(inner).Next() != cbor.Map {
			return nil, malformed(specDevice, "Elements of the device is no object of namespaces")
		}
		if err := may.check(inner); err != nil {
			return nil, err
		}
	}
	return cbor.AppendBytes(cbor.AppendTag(nil, tagEncoded), inner), nil
}

// check refuses DeviceNameSpaces with an element that is not authorised.
func (k KeyAuthorizations) check(namespaces []byte) error {
	d := &response{}
	if err := d.elements(namespaces); err != nil {
		return err
	}
	for _, e := range d.device {
		if !k.allow(e.namespace, string(e.name)) {
			return &Error{Check: credential.CheckHolderBinding, Spec: "OpenID4VP 1.0, Appendix B.2.1", Detail: "element " + clip(e.name), Err: ErrNotAuthorized}
		}
	}
	return nil
}
