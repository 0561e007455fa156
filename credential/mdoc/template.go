package mdoc

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"maps"
	"slices"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
)

// Template is a document type compiled for issuing: what is constant is
// checked and encoded once. It is safe for concurrent use.
type Template struct {
	o          Options
	leaf       *x509.Certificate
	signer     *cose.Signer
	namespaces []namespace

	// mso is the mobile security object up to valueDigests and with it, the
	// digests left open; authorized is keyAuthorizations as a member.
	mso        []byte
	authorized []byte
	random     int // bytes of randomness for one document
	size       int // a guess at the length of a document
}

// namespace is a compiled NameSpace.
type namespace struct {
	name     []byte // encoded
	plain    string
	elements []element
	root     node  // its members are the elements' nodes
	slots    []int // place in Template.mso of the digest of each digest ID
}

type element struct {
	suffix   []byte // of an item: elementIdentifier with its value, and the key elementValue
	required bool
}

const randomSize = 32 // bytes in an item; ISO/IEC 18013-5, 9.1.2.5 asks for 16

// NewTemplate checks and compiles a document type.
func NewTemplate(o Options) (*Template, error) {
	if o.Digest == "" {
		o.Digest = SHA256
	}
	if o.Digest.size() == 0 {
		return nil, malformed(specMSO, "digest algorithm "+clip(string(o.Digest))+" is none of SHA-256, SHA-384 and SHA-512")
	}
	if err := o.Type.check(); err != nil {
		return nil, err
	}
	t := &Template{o: o}
	if err := t.chain(); err != nil {
		return nil, err
	}
	t.constant()
	var err error
	if t.authorized, err = o.Authorized.append(nil); err != nil {
		return nil, err
	}
	return t, nil
}

// chain checks the certificates and compiles the header with them.
func (t *Template) chain() error {
	bad := func(detail string, err error) error {
		return &Error{Check: credential.CheckIssuerTrust, Spec: specIssuer, Detail: detail, Err: err}
	}
	if len(t.o.Chain) == 0 {
		return bad("Chain is empty; it starts with the signer's certificate", nil)
	}
	t.leaf = t.o.Chain[0]
	alg, err := cose.AlgFor(t.leaf.PublicKey)
	if err != nil {
		return bad("the signer's certificate", err)
	}
	h := cose.Header{Alg: alg}
	for i, c := range t.o.Chain {
		if bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil {
			return &Error{Check: credential.CheckIssuerTrust, Spec: specMSO, Detail: fmt.Sprintf("Chain[%d] is self-signed: leave the trust anchor out", i)}
		}
		if i > 0 && t.o.Chain[i-1].CheckSignatureFrom(c) != nil {
			return bad(fmt.Sprintf("Chain[%d] did not issue the certificate before it", i), nil)
		}
		h.X5Chain = append(h.X5Chain, c.Raw)
	}
	if !t.o.AnySigner {
		if err := CheckDocumentSigner(t.leaf); err != nil {
			return err
		}
	}
	if t.signer, err = cose.NewSigner(h, cose.Options{}); err != nil {
		return bad("the signer's header", err)
	}
	return nil
}

// constant encodes what every document of the type has. The digest IDs of a
// namespace number its elements in a random order for each document; IDs of
// elements that a document does not have get digests of random bytes, so that
// neither the IDs nor their count tell what is not shown.
func (t *Template) constant() {
	size := t.o.Digest.size()
	b := append([]byte(nil), msoHead) // the count of members is put in later
	b = cbor.AppendText(cbor.AppendText(b, "version"), versionMSO)
	b = cbor.AppendText(cbor.AppendText(b, "digestAlgorithm"), string(t.o.Digest))
	b = cbor.AppendText(cbor.AppendText(b, "docType"), t.o.Type.DocType)
	b = cbor.AppendMap(cbor.AppendText(b, "valueDigests"), len(t.o.Type.NameSpaces))
	for _, n := range t.o.Type.NameSpaces {
		c := namespace{name: cbor.AppendText(nil, n.Name), plain: n.Name}
		b = append(b, c.name...)
		b = cbor.AppendMap(b, len(n.Elements))
		for id, e := range n.Elements {
			b = cbor.AppendHead(cbor.AppendUint(b, uint64(id)), cbor.Bytes, uint64(size))
			c.slots = append(c.slots, len(b))
			b = append(b, make([]byte, size)...)
			suffix := cbor.AppendText(cbor.AppendText(nil, "elementIdentifier"), e.Identifier)
			c.elements = append(c.elements, element{cbor.AppendText(suffix, "elementValue"), e.Required})
			c.root.members = append(c.root.members, compile(e))
			t.size += len(suffix) + 160
		}
		t.random += len(n.Elements) * (randomSize + 4)
		t.namespaces = append(t.namespaces, c)
	}
	t.mso = b
}

// msoHead is the head of the mobile security object without a status.
const msoHead = 0xa6

// append appends keyAuthorizations as a member of deviceKeyInfo, nothing when
// there are none.
func (k KeyAuthorizations) append(b []byte) ([]byte, error) {
	parts := 0
	for _, there := range []bool{len(k.NameSpaces) > 0, len(k.Elements) > 0} {
		if there {
			parts++
		}
	}
	if parts == 0 {
		return b, nil
	}
	b = cbor.AppendMap(cbor.AppendText(b, "keyAuthorizations"), parts)
	if len(k.NameSpaces) > 0 {
		b = cbor.AppendArray(cbor.AppendText(b, "nameSpaces"), len(k.NameSpaces))
		for _, n := range k.NameSpaces {
			if err := nameable("namespace", n); err != nil {
				return nil, err
			}
			b = cbor.AppendText(b, n)
		}
	}
	if len(k.Elements) == 0 {
		return b, nil
	}
	b = cbor.AppendMap(cbor.AppendText(b, "dataElements"), len(k.Elements))
	for _, n := range slices.Sorted(maps.Keys(k.Elements)) {
		if slices.Contains(k.NameSpaces, n) || len(k.Elements[n]) == 0 {
			return nil, malformed(specMSO, "namespace "+clip(n)+" is authorised as a whole already, or without an element")
		}
		b = cbor.AppendArray(cbor.AppendText(b, n), len(k.Elements[n]))
		for _, e := range k.Elements[n] {
			if err := nameable("element identifier", e); err != nil {
				return nil, err
			}
			b = cbor.AppendText(b, e)
		}
	}
	return b, nil
}
