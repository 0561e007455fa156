package sdjwt

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/internal/jose"
)

// resolver replaces digests by the disclosed values (RFC 9901, Section 7.1,
// steps 3 to 5). It relinks the nodes of the document in place.
type resolver struct {
	s    *SDJWT
	sent []sent // the disclosures, by the start of their digest
	seen []met  // every digest met, disclosed or not
}

// Digests are compared by their first eight characters first: as a number,
// and completely where these are equal.
type sent struct {
	start      uint64
	disclosure int32
}

type met struct {
	start    uint64
	from, to uint32 // in document.src
}

// startOf is the first eight characters as a number that sorts as they do.
func startOf(digest []byte) uint64 {
	if len(digest) >= 8 {
		return binary.BigEndian.Uint64(digest)
	}
	var b [8]byte
	copy(b[:], digest)
	return binary.BigEndian.Uint64(b[:])
}

func (r *resolver) run() error {
	r.sent = make([]sent, len(r.s.disclosures))
	for i := range r.sent {
		r.sent[i] = sent{startOf(r.s.digestOf(int32(i))), int32(i)}
	}
	slices.SortFunc(r.sent, func(a, b sent) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		return bytes.Compare(r.s.digestOf(a.disclosure), r.s.digestOf(b.disclosure))
	})
	if _, err := r.node(r.s.root, 1); err != nil {
		return err
	}
	// Step 4: no digest twice, decoys and digests inside disclosures included.
	src := r.s.doc.src
	compare := func(a, b met) int {
		if a.start != b.start {
			return cmp.Compare(a.start, b.start)
		}
		return bytes.Compare(src[a.from:a.to], src[b.from:b.to])
	}
	slices.SortFunc(r.seen, compare)
	for i := 1; i < len(r.seen); i++ {
		if compare(r.seen[i-1], r.seen[i]) == 0 {
			return malformed("RFC 9901, Section 7.1", "the same digest appears more than once")
		}
	}
	// Step 5: every disclosure was referenced.
	for i := range r.s.disclosures {
		if !r.s.disclosures[i].used {
			return malformed("RFC 9901, Section 7.1", fmt.Sprintf("disclosure %d is not referenced by any digest", i+1))
		}
	}
	return nil
}

func (r *resolver) node(n int32, level int) (bool, error) {
	if level > jose.MaxDepth {
		return false, malformed("RFC 8259, Section 9", fmt.Sprintf("nested deeper than %d levels", jose.MaxDepth))
	}
	switch r.s.doc.nodes[n].kind {
	case kindObject:
		return r.object(n, level)
	case kindArray:
		return r.array(n, level)
	default:
		return false, nil
	}
}

// object handles Section 7.1, steps 3.c.ii and 3.e: disclosed properties are
// inserted at the level of the _sd key, which is removed.
func (r *resolver) object(n int32, level int) (bool, error) {
	nodes := r.s.doc.nodes
	sd, last := int32(-1), int32(-1)
	modified := false
	for c := nodes[n].child; c >= 0; c = nodes[c].next {
		drop := false
		if name := r.s.doc.name(c); len(name) > 0 && (name[0] == '_' || name[0] == '.') {
			switch string(name) {
			case nameSD:
				sd, drop = c, true
			case nameSDAlg:
				if n != r.s.root {
					return false, malformed("RFC 9901, Section 4.1.1", "_sd_alg stands below the top level")
				}
				drop = true
			case nameDots:
				return false, malformed("RFC 9901, Section 4.2.4.2", `"..." is used outside an array element that holds nothing else`)
			}
		}
		if drop {
			modified = true
			if last < 0 {
				nodes[n].child = nodes[c].next
			} else {
				nodes[last].next = nodes[c].next
			}
			continue
		}
		ch, err := r.node(c, level+1)
		if err != nil {
			return false, err
		}
		modified = modified || ch
		last = c
	}
	if sd >= 0 {
		if err := r.properties(n, sd, last, level); err != nil {
			return false, err
		}
		if !r.s.doc.unique(n) {
			return false, malformed("RFC 9901, Section 7.1", "a disclosed claim name already exists at its level")
		}
	}
	if modified {
		nodes[n].flags |= changed
	}
	return modified, nil
}

func (r *resolver) properties(n, sd, last int32, level int) error {
	nodes := r.s.doc.nodes
	if nodes[sd].kind != kindArray {
		return malformed("RFC 9901, Section 4.2.4.1", "_sd is not an array")
	}
	for e := nodes[sd].child; e >= 0; e = nodes[e].next {
		d, err := r.disclosed(e)
		if err != nil {
			return err
		}
		if d == nil {
			nodes[n].flags |= hidden
			continue
		}
		if d.name < 0 {
			return malformed("RFC 9901, Section 7.1", "a digest in _sd refers to a disclosure of an array element; it must have three elements")
		}
		name := &nodes[d.name]
		v := &nodes[d.value]
		v.nameStart, v.nameEnd = name.start+1, name.end-1
		if name.flags&escapedValue != 0 {
			from := len(r.s.doc.names)
			r.s.doc.names = appendUnescaped(r.s.doc.names, r.s.doc.src[v.nameStart:v.nameEnd])
			v.nameStart, v.nameEnd = uint32(from), uint32(len(r.s.doc.names))
			v.flags |= escapedName
		}
		switch string(r.s.doc.name(d.value)) {
		case nameSD, nameDots, nameSDAlg:
			return malformed("RFC 9901, Section 7.1", "a disclosure has a reserved claim name")
		}
		if last < 0 {
			nodes[n].child = d.value
		} else {
			nodes[last].next = d.value
		}
		last = d.value
		if _, err := r.node(d.value, level+1); err != nil {
			return err
		}
	}
	return nil
}

// array handles Section 7.1, step 3.c.iii and the removal of elements that no
// disclosure was sent for.
func (r *resolver) array(n int32, level int) (bool, error) {
	nodes := r.s.doc.nodes
	modified := false
	last := int32(-1)
	for c := nodes[n].child; c >= 0; c = nodes[c].next {
		digest := r.elementDigest(c)
		if digest < 0 {
			ch, err := r.node(c, level+1)
			if err != nil {
				return false, err
			}
			modified = modified || ch
			last = c
			continue
		}
		modified = true
		d, err := r.disclosed(digest)
		if err != nil {
			return false, err
		}
		if d == nil {
			nodes[c].kind, nodes[c].child = kindAbsent, -1
			nodes[n].flags |= hidden
			last = c
			continue
		}
		if d.name >= 0 {
			return false, malformed("RFC 9901, Section 7.1", "a digest in an array refers to a disclosure of an object property; it must have two elements")
		}
		nodes[d.value].next = nodes[c].next
		if last < 0 {
			nodes[n].child = d.value
		} else {
			nodes[last].next = d.value
		}
		if _, err := r.node(d.value, level+1); err != nil {
			return false, err
		}
		c, last = d.value, d.value
	}
	if modified {
		nodes[n].flags |= changed
	}
	return modified, nil
}

// elementDigest is the digest node of {"...": digest}, or -1.
func (r *resolver) elementDigest(c int32) int32 {
	nodes := r.s.doc.nodes
	if nodes[c].kind != kindObject {
		return -1
	}
	only := nodes[c].child
	if only < 0 || nodes[only].next >= 0 || string(r.s.doc.name(only)) != nameDots {
		return -1
	}
	return only
}

// disclosed finds the disclosure of a digest and marks it used; nil when the
// digest is a decoy or its disclosure was not sent.
func (r *resolver) disclosed(digest int32) (*disclosure, error) {
	nd := &r.s.doc.nodes[digest]
	if nd.kind != kindString || nd.flags&escapedValue != 0 {
		return nil, malformed("RFC 9901, Section 4.2.4", "a digest is not a base64url string")
	}
	text := r.s.doc.src[nd.start+1 : nd.end-1]
	at := met{startOf(text), nd.start + 1, nd.end - 1}
	r.seen = append(r.seen, at)
	i := r.find(at.start, text)
	if i < 0 {
		return nil, nil
	}
	d := &r.s.disclosures[i]
	if d.used {
		return nil, malformed("RFC 9901, Section 7.1", "the same digest appears more than once")
	}
	d.used = true
	r.s.doc.nodes[d.value].disclosure = i + 1
	return d, nil
}

// find is the disclosure with a digest, or -1. Two with the same digest are
// the same text: one of them stays unreferenced and is refused for it.
func (r *resolver) find(start uint64, digest []byte) int32 {
	low, high := 0, len(r.sent)
	for low < high {
		middle := (low + high) / 2
		at := &r.sent[middle]
		if at.start < start || at.start == start && bytes.Compare(r.s.digestOf(at.disclosure), digest) < 0 {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(r.sent) && r.sent[low].start == start && bytes.Equal(r.s.digestOf(r.sent[low].disclosure), digest) {
		return r.sent[low].disclosure
	}
	return -1
}
