package mdoc

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
)

// IssuerSigned is a parsed document as its issuer made it, or the part of it
// that a holder disclosed. Nothing in it is trusted until it is verified.
type IssuerSigned struct {
	items  []item
	groups []group // of items
	auth   []byte  // issuerAuth as received
	sign1  *cose.Sign1
	mso    *mso
}

// group are the items of one namespace.
type group struct {
	namespace string
	from, to  int
}

// maxNameSpaces limits the namespaces of one document.
const maxNameSpaces = 64

// item is a parsed IssuerSignedItem.
type item struct {
	namespace string
	name      []byte // elementIdentifier
	id        uint64
	raw       []byte // IssuerSignedItemBytes, as received
	value     []byte // elementValue, CBOR
}

// Parse reads a base64url IssuerSigned (OpenID4VCI 1.0, Appendix A.2.4). It
// checks form only: sizes and counts, no duplicate keys or elements, valid
// UTF-8, definite lengths as ISO/IEC 18013-5, 8.1 asks, nothing behind the
// end.
func Parse(text string) (*IssuerSigned, error) {
	b, err := decode(text, specIssued)
	if err != nil {
		return nil, err
	}
	return ParseCBOR(b)
}

// ParseCBOR is Parse for the CBOR itself, which must not change afterwards.
func ParseCBOR(b []byte) (*IssuerSigned, error) {
	r, err := open(b, specIssued)
	if err != nil {
		return nil, err
	}
	s, err := readIssuerSigned(r)
	if err != nil {
		return nil, err
	}
	if err := r.End(); err != nil {
		return nil, broken(specIssued, "IssuerSigned", err)
	}
	return s, nil
}

func decode(text, spec string) ([]byte, error) {
	if len(text) > jose.EncodedLen(MaxSize) {
		return nil, malformed(spec, fmt.Sprintf("longer than %d bytes", MaxSize))
	}
	b, err := jose.Decode(text)
	if err != nil {
		return nil, broken(spec, "the document", err)
	}
	return b, nil
}

func open(b []byte, spec string) (*cbor.Reader, error) {
	if err := cbor.Check(b, cbor.Limits{Size: MaxSize, Depth: maxDepth, Items: maxItems}); err != nil {
		return nil, broken(spec, "the document", err)
	}
	return cbor.NewReader(b), nil
}

func readIssuerSigned(r *cbor.Reader) (*IssuerSigned, error) {
	s := &IssuerSigned{}
	for range r.Map() {
		switch string(r.RawText()) {
		case "nameSpaces":
			if err := s.nameSpaces(r); err != nil {
				return nil, err
			}
		case "issuerAuth":
			at := r.Offset()
			var err error
			if s.sign1, err = cose.Read(r); err != nil {
				return nil, broken(specMSO, "issuerAuth", err)
			}
			s.auth = r.Since(at)
		default:
			r.Skip()
		}
	}
	if err := r.Err(); err != nil {
		return nil, broken(specItems, "IssuerSigned", err)
	}
	if s.sign1 == nil {
		return nil, malformed(specMSO, "there is no issuerAuth")
	}
	if s.sign1.Tagged || s.sign1.Detached {
		return nil, malformed(specMSO, "issuerAuth must be an untagged COSE_Sign1 that carries its payload")
	}
	var err error
	s.mso, err = parseMSO(s.sign1.Payload)
	return s, err
}

func (s *IssuerSigned) nameSpaces(r *cbor.Reader) error {
	for range r.Map() {
		namespace := r.Text()
		n := r.Array()
		if len(s.items)+n > MaxItems || len(s.groups) == maxNameSpaces {
			return malformed(specItems, fmt.Sprintf("more than %d data elements or %d namespaces", MaxItems, maxNameSpaces))
		}
		if n == 0 && r.Err() == nil {
			return malformed(specItems, "a namespace has no data element")
		}
		from := len(s.items)
		s.items = slices.Grow(s.items, n)
		for range n {
			it, err := readItem(r)
			if err != nil {
				return err
			}
			it.namespace = namespace
			s.items = append(s.items, it)
		}
		if err := unique(s.items[from:]); err != nil {
			return err
		}
		s.groups = append(s.groups, group{namespace, from, len(s.items)})
	}
	return nil
}

// unique refuses an element or a digest ID that stands twice in a namespace.
func unique(items []item) error {
	for i := range items {
		if len(items) > 32 {
			break
		}
		for j := range i {
			if items[i].id == items[j].id || string(items[i].name) == string(items[j].name) {
				return malformed(specItems, "a data element or a digest ID stands twice in a namespace")
			}
		}
	}
	if len(items) <= 32 {
		return nil
	}
	ids, names := make(map[uint64]bool, len(items)), make(map[string]bool, len(items))
	for i := range items {
		if ids[items[i].id] || names[string(items[i].name)] {
			return malformed(specItems, "a data element or a digest ID stands twice in a namespace")
		}
		ids[items[i].id], names[string(items[i].name)] = true, true
	}
	return nil
}

// minRandom is the shortest random value of an item, in bytes.
const minRandom = 16

// readItem reads one IssuerSignedItemBytes.
func readItem(r *cbor.Reader) (item, error) {
	at := r.Offset()
	r.Expect(tagEncoded)
	inner := r.Bytes()
	if err := r.Err(); err != nil {
		return item{}, broken(specItems, "IssuerSignedItemBytes", err)
	}
	it := item{raw: r.Since(at)}
	if err := cbor.Check(inner, cbor.Limits{Size: MaxSize, Depth: maxDepth, Items: maxItems}); err != nil {
		return item{}, broken(specItems, "IssuerSignedItem", err)
	}
	in := cbor.NewReader(inner)
	var there [4]bool
	for range in.Map() {
		switch string(in.RawText()) {
		case "digestID":
			there[0], it.id = true, in.Uint()
		case "random":
			there[1] = len(in.Bytes()) >= minRandom
		case "elementIdentifier":
			there[2], it.name = true, in.RawText()
		case "elementValue":
			there[3], it.value = true, in.Skip()
		default:
			in.Skip()
		}
	}
	if err := in.End(); err != nil {
		return item{}, broken(specItems, "IssuerSignedItem", err)
	}
	if there != [4]bool{true, true, true, true} {
		return item{}, malformed(specItems, fmt.Sprintf("an item has not all of digestID, random of at least %d bytes, elementIdentifier and elementValue", minRandom))
	}
	return it, nil
}

// checkDigests holds every item against the digest in the mobile security
// object, over the bytes as they came (ISO/IEC 18013-5, 9.3.1). It walks the
// object's digests once.
func (s *IssuerSigned) checkDigests() error {
	found := 0
	r := cbor.NewReader(s.mso.digests)
	size := s.mso.algorithm.size()
	byID := make([]*item, 0, len(s.items))
	for range r.Map() {
		namespace := r.RawText()
		g := slices.IndexFunc(s.groups, func(g group) bool { return g.namespace == string(namespace) })
		if g < 0 {
			r.Skip() // nothing of it was disclosed
			continue
		}
		byID = byID[:0]
		for i := s.groups[g].from; i < s.groups[g].to; i++ {
			byID = append(byID, &s.items[i])
		}
		slices.SortFunc(byID, func(a, b *item) int { return cmp.Compare(a.id, b.id) })
		for range r.Map() {
			id, want := r.Uint(), r.Bytes()
			at, ok := slices.BinarySearchFunc(byID, id, func(it *item, id uint64) int { return cmp.Compare(it.id, id) })
			if !ok || r.Err() != nil {
				continue
			}
			var sum [64]byte
			s.mso.algorithm.put(sum[:], byID[at].raw)
			if string(want) != string(sum[:size]) {
				return &Error{Check: CheckDigests, Spec: specIssuer, Detail: "a data element was changed: its digest is not the one that is signed"}
			}
			found++
		}
	}
	if err := r.End(); err != nil {
		return broken(specMSO, "valueDigests", err)
	}
	if found != len(s.items) {
		return &Error{Check: CheckDigests, Spec: specIssuer, Detail: "a data element was added: there is no signed digest for it"}
	}
	return nil
}

// DocType is the document type as the issuer states it.
func (s *IssuerSigned) DocType() string { return s.mso.docType }

// Claims are the data elements, which are trusted only once verified.
func (s *IssuerSigned) Claims() Claims { return Claims{s.items} }
