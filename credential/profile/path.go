package profile

import (
	"slices"

	"github.com/zegel-id/zegel/credential"
)

// Path is where a verifier asks for a claim (OpenID4VP 1.0, Section 7). exact
// says that the path leads to this claim and no other; otherwise null stands in it
// for an index that depends on what else the record says, so that its neighbours
// answer too, and Locate finds the one that is meant. nil for a claim that has no
// place.
func (p *Profile) Path(claim string) (path credential.Path, exact bool) {
	p.root.each(func(r *reference) {
		if r.primary && r.name == claim {
			path = slices.Clone(r.path)
		}
	})
	if _, isList := p.names.lists[p.names.of[claim]]; isList && path != nil {
		return path, p.alone(claim)
	}
	return path, path != nil && !slices.Contains(path, nil)
}

// alone reports whether the elements of a list claim have an array to themselves.
func (p *Profile) alone(claim string) (alone bool) {
	p.root.arrays(func(n *node) {
		if len(n.items) == 1 && n.items[0].kind == list && n.items[0].ref.name == claim {
			alone = true
		}
	})
	return alone
}

// primaries chooses the place by which each claim is asked for: the first below
// the subject that has a word for every value; or else the first. Indexes after
// something that may not be there become null.
func (c *compiler) primaries(required []string) {
	best := map[string]*reference{}
	rank := func(r *reference) int {
		n := 0
		if len(r.path) > 0 && r.path[0] == "credentialSubject" {
			n += 2
		}
		if r.total() {
			n++
		}
		return n
	}
	for _, r := range c.refs {
		if b := best[r.name]; r.name[0] != '.' && (b == nil || rank(r) > rank(b)) {
			best[r.name] = r
		}
	}
	for _, r := range best {
		r.primary = true
	}
	c.p.root.indexes(0, func(r *reference) bool {
		return r.total() && (r.hasOtherwise || slices.Contains(required, r.name))
	}, nil)
}

// indexes sets null in the paths of what has no index of its own in an array:
// where something before it may be absent, or it may be absent itself and its
// neighbour have its index.
func (n *node) indexes(depth int, sure func(*reference) bool, loose []int) {
	switch n.kind {
	case place, list:
		for _, i := range loose {
			n.ref.path[i] = nil
		}
	case object:
		for _, m := range n.members {
			m.value.indexes(depth+1, sure, loose)
		}
	case array:
		all := true
		for _, item := range n.items {
			all = all && item.certain(sure)
			below := loose
			if !all && len(n.items) > 1 {
				below = append(slices.Clip(loose), depth)
			}
			item.indexes(depth+1, sure, below)
		}
	}
}

// certain reports whether n is in every document.
func (n *node) certain(sure func(*reference) bool) bool {
	switch n.kind {
	case constant:
		return true
	case place:
		return sure(n.ref)
	case list:
		return false
	case object:
		if n.when != nil {
			return false
		}
		return !n.claims || slices.ContainsFunc(n.members, func(m member) bool { return m.value.claims && m.value.certain(sure) })
	default:
		return slices.ContainsFunc(n.items, func(i *node) bool { return i.certain(sure) })
	}
}
