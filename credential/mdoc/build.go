package mdoc

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/internal/cbor"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
)

// builder makes one document. Builders are pooled; release wipes them, so that
// no value stays behind.
type builder struct {
	t      transcoder // its dst is the IssuerSigned under construction
	mso    []byte     // the payload, behind room for its head
	random []byte     // what is left of the one read of random bytes
	store  []byte     // its store
	values []byte     // random values of the namespace, by element
	ids    []int      // digest ID of each element of a namespace
	seen   []bool     // elements of the namespace that are there
	spaces []bool     // namespaces that are there
}

func (b *builder) release() {
	for _, s := range [][]byte{b.t.dst, b.t.plain, b.mso, b.store} {
		clear(s[:cap(s)])
	}
	b.t = transcoder{dst: b.t.dst[:0], plain: b.t.plain[:0], names: b.t.names[:0]}
	b.mso, b.store = b.mso[:0], b.store[:0]
	b.random, b.values = nil, nil
	builders.Put(b)
}

// Fixed parts of the structures.
var (
	nameSpacesKey = cbor.AppendText(cbor.AppendMap(nil, 2), "nameSpaces")
	issuerAuthKey = cbor.AppendText(nil, "issuerAuth")
	itemHead      = cbor.AppendText(cbor.AppendMap(nil, 4), "digestID")
	itemRandom    = cbor.AppendHead(cbor.AppendText(nil, "random"), cbor.Bytes, randomSize)
	deviceKeyKey  = cbor.AppendText(nil, "deviceKey")
	deviceKeyInfo = cbor.AppendText(nil, "deviceKeyInfo")
	validityInfo  = cbor.AppendText(nil, "validityInfo")
	signedKey     = cbor.AppendText(nil, "signed")
	validFromKey  = cbor.AppendText(nil, "validFrom")
	validUntilKey = cbor.AppendText(nil, "validUntil")
	updateKey     = cbor.AppendText(nil, "expectedUpdate")
	statusKey     = cbor.AppendText(cbor.AppendMap(cbor.AppendText(nil, "status"), 1), "status_list")
	idxKey        = cbor.AppendText(cbor.AppendMap(nil, 2), "idx")
	uriKey        = cbor.AppendText(nil, "uri")
	dateTimeHead  = cbor.AppendHead(cbor.AppendTag(nil, tagDateTime), cbor.Text, uint64(len(dateTimeForm)))
)

// room is kept before the mobile security object for tag 24 and the longest
// head of a byte string.
const room = 2 + 9

// build leaves IssuerSigned up to issuerAuth in t.dst and the mobile security
// object in mso.
func (b *builder) build(t *Template, c *Credential, random io.Reader) error {
	b.store = slices.Grow(b.store[:0], t.random)[:t.random]
	if _, err := io.ReadFull(random, b.store); err != nil {
		return fmt.Errorf("reading random values: %w", err)
	}
	b.random = b.store
	src, err := source(c.Elements)
	if err != nil {
		return err
	}
	b.mso = append(slices.Grow(b.mso[:0], room+len(t.mso)+512)[:room], t.mso...)
	b.t.src, b.t.dst = src, slices.Grow(b.t.dst[:0], t.size+len(src))
	if err := b.nameSpaces(t); err != nil {
		return err
	}
	b.t.src = nil
	return b.security(t, c)
}

// source is the raw JSON of v.
func source(v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		return v, nil
	case jsontext.Value:
		return v, nil
	default:
		src, err := jose.Marshal(v)
		if err != nil {
			return nil, &Error{Check: credential.CheckStructure, Spec: specJSON, Detail: "Elements cannot be written as JSON", Err: err}
		}
		return src, nil
	}
}

// nameSpaces writes the items of all namespaces.
func (b *builder) nameSpaces(t *Template) error {
	b.spaces = append(b.spaces[:0], make([]bool, len(t.namespaces))...)
	tr := &b.t
	tr.dst = append(tr.dst, nameSpacesKey...)
	at, count := tr.open(), 0
	if tr.expect('{') && !tr.empty('}') {
		for ok := true; ok && tr.fault == ""; ok = tr.more('}') {
			name := tr.text()
			if tr.fault != "" {
				break
			}
			i := slices.IndexFunc(t.namespaces, func(n namespace) bool { return n.plain == string(name) })
			if i < 0 || b.spaces[i] {
				return malformed(specMSO, "Elements holds the namespace "+clip(name)+" twice, or the document type has none of that name")
			}
			b.spaces[i] = true
			tr.expect(':')
			wrote, err := b.namespace(t, i)
			if err != nil {
				return err
			}
			count += wrote
		}
	}
	tr.end()
	if err := tr.err("Elements"); err != nil {
		return err
	}
	if count == 0 {
		return malformed(specIssued, "Elements holds no data element")
	}
	tr.close(at, cbor.Map, count)
	for i, there := range b.spaces {
		if !there { // all its digests are of nothing
			b.order(t, i)
			if err := b.absent(t, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// order takes the randomness of a namespace and numbers its elements.
func (b *builder) order(t *Template, i int) {
	n := len(t.namespaces[i].elements)
	mix := b.random[:4*n]
	b.values = b.random[4*n : n*(randomSize+4)]
	b.random = b.random[n*(randomSize+4):]
	b.ids = b.ids[:0]
	for id := range n {
		b.ids = append(b.ids, id)
	}
	// Fisher and Yates; 32 bits against at most 512 places leave no bias to speak of.
	for k := n - 1; k > 0; k-- {
		j := int(uint64(binary.BigEndian.Uint32(mix[4*k:])) * uint64(k+1) >> 32)
		b.ids[k], b.ids[j] = b.ids[j], b.ids[k]
	}
	b.seen = append(b.seen[:0], make([]bool, n)...)
}

// namespace writes the items of one namespace and says how many namespaces
// were written: none when it has no element.
func (b *builder) namespace(t *Template, i int) (int, error) {
	n, tr := &t.namespaces[i], &b.t
	b.order(t, i)
	from := len(tr.dst)
	tr.dst = append(tr.dst, n.name...)
	at, count, next := tr.open(), 0, 0
	if tr.expect('{') && !tr.empty('}') {
		for ok := true; ok && tr.fault == ""; ok = tr.more('}') {
			name := tr.text()
			if tr.fault != "" {
				break
			}
			m := n.root.member(name, &next)
			if m == nil {
				return 0, malformed(specMSO, "the document type has no element "+clip(name)+" in "+clip(n.plain))
			}
			e := next - 1
			if b.seen[e] {
				return 0, malformed(specMSO, "element "+clip(name)+" stands twice")
			}
			b.seen[e] = true
			if tr.expect(':') {
				b.item(t, n, e)
			}
			if tr.fault != "" {
				return 0, tr.err("element " + clip(m.name))
			}
			count++
		}
	}
	if tr.fault != "" {
		return 0, tr.err("namespace " + clip(n.plain))
	}
	if err := b.absent(t, i); err != nil {
		return 0, err
	}
	if count == 0 {
		tr.dst = tr.dst[:from]
		return 0, nil
	}
	tr.close(at, cbor.Array, count)
	return 1, nil
}

// item writes one IssuerSignedItemBytes and its digest.
func (b *builder) item(t *Template, n *namespace, e int) {
	tr := &b.t
	from := len(tr.dst)
	tr.dst = append(tr.dst, 0xd8, tagEncoded, 0, 0) // a head of two bytes, as most items need
	tr.dst = append(tr.dst, itemHead...)
	tr.dst = cbor.AppendUint(tr.dst, uint64(b.ids[e]))
	tr.dst = append(tr.dst, itemRandom...)
	tr.dst = append(tr.dst, b.value(e)...)
	tr.dst = append(tr.dst, n.elements[e].suffix...)
	tr.value(&n.root.members[e], 0)
	tr.dst = putHead(tr.dst, from+2, 2, cbor.Bytes, uint64(len(tr.dst)-from-4))
	t.o.Digest.put(b.mso[room+n.slots[b.ids[e]]:], tr.dst[from:])
}

// value is the random value of an element.
func (b *builder) value(e int) []byte { return b.values[e*randomSize:][:randomSize] }

// absent fills the digests of elements that the document does not have. A
// digest of random bytes looks like any other.
func (b *builder) absent(t *Template, i int) error {
	n := &t.namespaces[i]
	for e, there := range b.seen {
		if there {
			continue
		}
		if n.elements[e].required {
			return malformed(specMSO, "the required element "+clip(n.root.members[e].name)+" of "+clip(n.plain)+" is missing")
		}
		t.o.Digest.put(b.mso[room+n.slots[b.ids[e]]:], b.value(e))
	}
	return nil
}

// security writes what follows valueDigests in the mobile security object.
func (b *builder) security(t *Template, c *Credential) error {
	m := append(b.mso, deviceKeyInfo...)
	if t.authorized == nil {
		m = cbor.AppendMap(m, 1)
	} else {
		m = cbor.AppendMap(m, 2)
	}
	m = append(m, deviceKeyKey...)
	m, err := cose.AppendKey(m, c.DeviceKey)
	if err != nil {
		return &Error{Check: credential.CheckHolderBinding, Spec: specMSO, Detail: "DeviceKey", Err: err}
	}
	m = append(append(m, t.authorized...), validityInfo...)
	if c.ExpectedUpdate.IsZero() {
		m = cbor.AppendMap(m, 3)
	} else {
		m = cbor.AppendMap(m, 4)
	}
	m = appendDateTime(append(m, signedKey...), c.Signed)
	m = appendDateTime(append(m, validFromKey...), c.ValidFrom)
	m = appendDateTime(append(m, validUntilKey...), c.ValidUntil)
	if !c.ExpectedUpdate.IsZero() {
		m = appendDateTime(append(m, updateKey...), c.ExpectedUpdate)
	}
	if c.Status != nil {
		if err := nameable("status list URI", c.Status.URI); err != nil {
			return err
		}
		m[room]++ // one member more
		m = append(append(m, statusKey...), idxKey...)
		m = cbor.AppendText(append(cbor.AppendUint(m, c.Status.Index), uriKey...), c.Status.URI)
	}
	b.mso = m
	return nil
}

func appendDateTime(b []byte, at time.Time) []byte {
	return at.UTC().AppendFormat(append(b, dateTimeHead...), dateTimeForm)
}
