package mdoc

import (
	"crypto"
	"crypto/sha256"
	"strings"
	"unicode/utf8"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/jose"
)

// Transcript is an encoded SessionTranscript: what binds a presentation to one
// request. Both sides make it from what they know themselves; the zero
// Transcript is refused everywhere.
type Transcript struct{ cbor []byte }

// RedirectTranscript is that of a request answered by redirect or POST
// (OpenID4VP 1.0, Appendix B.2.6.1). responseURI is the response_uri or
// redirect_uri of the request. key is the key the response was encrypted to,
// nil when it was not encrypted: the key used, not one that was offered.
func RedirectTranscript(clientID, nonce, responseURI string, key crypto.PublicKey) (Transcript, error) {
	return transcript("OpenID4VPHandover", []string{clientID, nonce}, key, []string{responseURI})
}

// DCAPITranscript is that of a request through the Digital Credentials API
// (Appendix B.2.6.2). origin is the web origin of the caller without the
// prefix "origin:".
func DCAPITranscript(origin, nonce string, key crypto.PublicKey) (Transcript, error) {
	if strings.HasPrefix(origin, "origin:") {
		return Transcript{}, &Error{Check: credential.CheckReplay, Spec: "OpenID4VP 1.0, Appendix B.2.6.2", Detail: `origin must stand without the prefix "origin:"`}
	}
	return transcript("OpenID4VPDCAPIHandover", []string{origin, nonce}, key, nil)
}

// InteractiveTranscript is that of a presentation during issuance, to an
// interactive authorization endpoint (OpenID4VCI 1.1, Appendix A.2.5).
func InteractiveTranscript(endpoint, nonce string, key crypto.PublicKey) (Transcript, error) {
	return transcript("OpenID4VCIIAEHandover", []string{endpoint, nonce}, key, nil)
}

// transcript is [null, null, [name, SHA-256 of the info]], where the info is
// an array of texts with the thumbprint or null among them.
func transcript(name string, before []string, key crypto.PublicKey, after []string) (Transcript, error) {
	bad := func(detail string) (Transcript, error) {
		return Transcript{}, &Error{Check: credential.CheckReplay, Spec: specHandover, Detail: detail}
	}
	info := cbor.AppendArray(nil, len(before)+1+len(after))
	for _, s := range append(before, after...) {
		if s == "" || !utf8.ValidString(s) {
			return bad("a part of the handover is empty or not valid UTF-8")
		}
	}
	for _, s := range before {
		info = cbor.AppendText(info, s)
	}
	if key == nil {
		info = cbor.AppendNull(info)
	} else {
		sum, err := jose.Decode(jose.Thumbprint(key))
		if err != nil || len(sum) != sha256.Size {
			return bad("the encryption key has no JWK thumbprint (RFC 7638)")
		}
		info = cbor.AppendBytes(info, sum)
	}
	for _, s := range after {
		info = cbor.AppendText(info, s)
	}
	sum := sha256.Sum256(info)
	b := cbor.AppendNull(cbor.AppendNull(cbor.AppendArray(nil, 3)))
	b = cbor.AppendBytes(cbor.AppendText(cbor.AppendArray(b, 2), name), sum[:])
	return Transcript{b}, nil
}

// ParseTranscript takes a SessionTranscript that another protocol made, as
// CBOR.
func ParseTranscript(b []byte) (Transcript, error) {
	r, err := open(b, specHandover)
	if err != nil {
		return Transcript{}, err
	}
	if r.Array() != 3 {
		return Transcript{}, malformed(specHandover, "a SessionTranscript has three members")
	}
	return Transcript{append([]byte(nil), b...)}, nil
}

// Bytes is the encoded SessionTranscript.
func (t Transcript) Bytes() []byte { return append([]byte(nil), t.cbor...) }

// deviceAuthentication is DeviceAuthenticationBytes, the payload of the
// device's signature (ISO/IEC 18013-5, 9.1.3.4). namespaces is
// DeviceNameSpacesBytes as sent.
func (t Transcript) deviceAuthentication(docType string, namespaces []byte) []byte {
	const name = "DeviceAuthentication"
	n := 1 + 1 + len(name) + len(t.cbor) + cbor.HeadLen(uint64(len(docType))) + len(docType) + len(namespaces)
	b := cbor.AppendHead(cbor.AppendTag(make([]byte, 0, n+12), tagEncoded), cbor.Bytes, uint64(n))
	b = cbor.AppendText(cbor.AppendArray(b, 4), name)
	b = append(b, t.cbor...)
	b = cbor.AppendText(b, docType)
	return append(b, namespaces...)
}
