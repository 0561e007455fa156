package selective

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential/internal/jsontree"
)

// Beyond are JSON pointers to the values of the document that say more than the
// statements at some places, which ascend: of what an issuer fixed, to what can be
// held back; of what a holder had to disclose, to what was chosen. A pointer leads to a
// value that has no parts, to a value with a language or a type of its own, or to an
// object of which nothing but identifier and types are there. What is said twice is
// not more.
func (d *Document) Beyond(places []int) []string {
	d.once.Do(d.index)
	b := beyond{d: d, places: places}
	b.look(b.parts(place{}))
	return b.found
}

// place is a value with the pointer that leads to it.
type place struct {
	at      int32
	pointer string
}

type beyond struct {
	d      *Document
	places []int
	found  []string
}

// look halves what says more until it is one value, and then looks into that.
func (b *beyond) look(list []place) {
	switch {
	case len(list) == 0 || b.within(list):
	case len(list) > 1:
		b.look(list[:len(list)/2])
		b.look(list[len(list)/2:])
	default:
		if parts := b.parts(list[0]); len(parts) > 0 {
			b.look(parts)
		} else {
			b.found = append(b.found, list[0].pointer)
		}
	}
}

// within: the values say nothing but the statements at the places. What cannot stand
// on its own, such as a part of a list, is not within.
func (b *beyond) within(list []place) bool {
	pointers := make([]string, len(list))
	for i, p := range list {
		pointers[i] = p.pointer
	}
	s, err := b.d.Select(pointers)
	return err == nil && !slices.ContainsFunc(s.Indexes, func(i int) bool {
		_, ok := slices.BinarySearch(b.places, i)
		return !ok
	})
}

// parts are the members and items that can be chosen one by one.
func (b *beyond) parts(p place) []place {
	t := b.d.tree
	v := &t.Nodes[p.at]
	if v.Kind != jsontree.Object && v.Kind != jsontree.Array {
		return nil
	}
	var out []place
	n := 0
	for c := p.at + 1; c < v.End; c = t.Nodes[c].End {
		step := strconv.Itoa(n)
		n++
		if v.Kind == jsontree.Object {
			switch step = t.Nodes[c].Name; step {
			case "@value":
				return nil
			case "id", "@id", "type", "@type", "@context":
				continue // selected with whatever stands beside them
			}
			step = escape.Replace(step)
		}
		out = append(out, place{c, p.pointer + "/" + step})
	}
	return out
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")
