package sdjwt

import (
	"encoding/binary"
	"slices"

	"github.com/zegel-id/zegel/internal/jose"
)

func (b *builder) take(n int) []byte {
	r := b.random[:n]
	b.random = b.random[n:]
	return r
}

// member starts a member with the name of n.
func (b *builder) member(n int32) {
	if b.buf[len(b.buf)-1] != '{' {
		b.buf = append(b.buf, ',')
	}
	b.quoteName(n)
	b.buf = append(b.buf, ':')
}

func (b *builder) quoteName(n int32) {
	if b.doc.nodes[n].flags&escapedName != 0 {
		b.buf = appendQuoted(b.buf, b.doc.name(n))
		return
	}
	b.buf = append(b.buf, '"')
	b.buf = append(b.buf, b.doc.name(n)...)
	b.buf = append(b.buf, '"')
}

func (b *builder) value(n int32) {
	nd := &b.doc.nodes[n]
	switch {
	case b.rules[n].inside && nd.kind == kindObject:
		b.buf = append(b.buf, '{')
		b.inside(n)
		b.buf = append(b.buf, '}')
	case b.rules[n].inside && nd.kind == kindArray:
		b.array(n)
	default:
		b.buf = append(b.buf, b.doc.raw(n)...)
	}
}

// inside writes the members of an object: the visible ones as they are, the
// disclosable ones as digests in _sd, sorted so that their order tells nothing
// (RFC 9901, Section 4.2.4.1).
func (b *builder) inside(n int32) {
	base := len(b.sums)
	for c := b.doc.nodes[n].child; c >= 0; c = b.doc.nodes[c].next {
		if b.rules[c].disclosable {
			b.disclose(c, true)
		}
	}
	for range b.rules[n].decoys {
		b.decoy()
	}
	for c := b.doc.nodes[n].child; c >= 0; c = b.doc.nodes[c].next {
		if !b.rules[c].disclosable {
			b.member(c)
			b.value(c)
		}
	}
	if len(b.sums) == base {
		return
	}
	if b.buf[len(b.buf)-1] != '{' {
		b.buf = append(b.buf, ',')
	}
	b.buf = append(b.buf, `"`+nameSD+`":[`...)
	for i, p := range b.sorted(base) {
		if i > 0 {
			b.buf = append(b.buf, ',')
		}
		b.digest(&b.sums[p&maxPlace])
	}
	b.buf = append(b.buf, ']')
	b.sums = b.sums[:base]
}

// sorted gives the digests from base on in an order that depends on nothing
// but the digests: by their first 40 bits. Each value holds these bits above
// the place of its digest in sums.
func (b *builder) sorted(base int) []uint64 {
	b.order = b.order[:0]
	for i := base; i < len(b.sums); i++ {
		b.order = append(b.order, binary.BigEndian.Uint64(b.sums[i][:])&^maxPlace|uint64(i))
	}
	if len(b.order) > 48 {
		slices.Sort(b.order)
		return b.order
	}
	for i := 1; i < len(b.order); i++ {
		p := b.order[i]
		j := i
		for ; j > 0 && b.order[j-1] > p; j-- {
			b.order[j] = b.order[j-1]
		}
		b.order[j] = p
	}
	return b.order
}

// array writes the elements, a disclosable one as {"...": digest} in its
// place (RFC 9901, Section 4.2.4.2). Decoys come last, so that the position of
// an element is the same in the claims, in type metadata and in the credential
// as issued (SD-JWT VC, Section 5.6).
func (b *builder) array(n int32) {
	b.buf = append(b.buf, '[')
	for e := b.doc.nodes[n].child; e >= 0; e = b.doc.nodes[e].next {
		if b.rules[e].disclosable {
			b.disclose(e, false)
			b.element()
		} else {
			b.comma()
			b.value(e)
		}
	}
	for range b.rules[n].decoys {
		b.decoy()
		b.element()
	}
	b.buf = append(b.buf, ']')
}

func (b *builder) comma() {
	if b.buf[len(b.buf)-1] != '[' {
		b.buf = append(b.buf, ',')
	}
}

// element writes the digest on top of sums as an array element.
func (b *builder) element() {
	b.comma()
	top := len(b.sums) - 1
	b.buf = append(b.buf, `{"`+nameDots+`":`...)
	b.digest(&b.sums[top])
	b.buf = append(b.buf, '}')
	b.sums = b.sums[:top]
}

func (b *builder) digest(s *sum) {
	b.buf = append(b.buf, '"')
	b.buf = jose.AppendEncode(b.buf, s[:b.t.o.Hash.size()])
	b.buf = append(b.buf, '"')
}

// decoy pushes a digest over random bytes (RFC 9901, Section 4.2.5).
func (b *builder) decoy() { b.push(b.take(decoySize)) }

func (b *builder) push(text []byte) {
	b.sums = append(b.sums, sum{})
	b.t.o.Hash.put(&b.sums[len(b.sums)-1], text)
}

// disclose makes the disclosure of a member or element and pushes its digest
// (RFC 9901, Sections 4.2.1 to 4.2.3).
func (b *builder) disclose(n int32, member bool) {
	mark := len(b.buf)
	b.buf = append(b.buf, `["`...)
	b.buf = jose.AppendEncode(b.buf, b.take(saltSize))
	b.buf = append(b.buf, `",`...)
	if member {
		b.quoteName(n)
		b.buf = append(b.buf, ',')
	}
	b.value(n)
	b.buf = append(b.buf, ']')
	b.out = append(b.out, '~')
	from := len(b.out)
	b.out = jose.AppendEncode(b.out, b.buf[mark:])
	b.buf = b.buf[:mark]
	b.push(b.out[from:])
}
