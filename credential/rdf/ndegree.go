package rdf

import (
	"bytes"
	"slices"
	"strconv"
)

// issuer issues temporary identifiers "_:b0", "_:b1" … as a stack: what a
// permutation issued is taken back by cutting it.
type issuer struct {
	order  []int32 // blank nodes, in the order of their identifiers
	number []int32 // by blank node, or -1
}

func (s *issuer) reset(blanks int) {
	if s.number == nil {
		s.number = make([]int32, blanks)
		for b := range s.number {
			s.number[b] = -1
		}
	}
	s.cut(0)
}

func (s *issuer) cut(to int) {
	for _, b := range s.order[to:] {
		s.number[b] = -1
	}
	s.order = s.order[:to]
}

func (s *issuer) issue(b int32) {
	if s.number[b] < 0 {
		s.number[b] = int32(len(s.order))
		s.order = append(s.order, b)
	}
}

// tell names blank nodes whose first degree hashes are the same (Section 4.4.3,
// step 5).
func (c *canon) tell(group []int32) error {
	type result struct {
		hash     digest
		from, to int // in orders
	}
	results := make([]result, 0, len(group))
	var orders []int32
	for _, b := range group {
		if c.issued[b] >= 0 {
			continue
		}
		c.temp.reset(len(c.issued))
		c.temp.issue(b)
		hash, err := c.nDegree(b)
		if err != nil {
			return err
		}
		from := len(orders)
		orders = append(orders, c.temp.order...)
		results = append(results, result{hash, from, len(orders)})
	}
	slices.SortStableFunc(results, func(x, y result) int { return bytes.Compare(x.hash[:], y.hash[:]) })
	for _, r := range results {
		for _, b := range orders[r.from:r.to] {
			c.issue(b)
		}
	}
	return nil
}

// related is a blank node that shares a quad with the one looked at.
type related struct {
	hash digest
	node int32
}

// nDegree is the Hash N-Degree Quads algorithm (Section 4.8). It leaves the
// resulting issuer in c.temp.
func (c *canon) nDegree(b int32) (digest, error) {
	if err := c.spend(1); err != nil {
		return digest{}, err
	}
	c.depth++
	defer func() { c.depth-- }()
	all, err := c.relatives(b)
	if err != nil {
		return digest{}, err
	}
	if len(all) == 0 {
		// Nodes that look alike have equally many relatives, so that this is compared with
		// its like only, and is as good as the hash of nothing.
		return digest{}, nil
	}
	var data []byte
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && all[to].hash == all[from].hash {
			to++
		}
		data = c.hash.appendHex(data, &all[from].hash)
		path, err := c.shortest(all[from:to])
		if err != nil {
			return digest{}, err
		}
		data = append(data, path...)
		from = to
	}
	return c.hash.sum(data), nil
}

// relatives are the related blank nodes in the order of their hashes (steps 1
// to 3).
func (c *canon) relatives(b int32) ([]related, error) {
	var all []related
	for _, i := range c.of(int(b)) {
		q := c.quads[i]
		for at, n := range [3]Node{q.S, q.O, q.G} {
			if !n.IsBlank() || int32(n.blank()) == b {
				continue
			}
			if err := c.spend(1 + len(c.d.term(q.P))/256); err != nil {
				return nil, err
			}
			other := int32(n.blank())
			all = append(all, related{c.relatedHash(other, q.P, "sog"[at]), other})
		}
	}
	slices.SortStableFunc(all, func(x, y related) int { return bytes.Compare(x.hash[:], y.hash[:]) })
	return all, nil
}

// relatedHash is the Hash Related Blank Node algorithm (Section 4.7).
func (c *canon) relatedHash(b int32, predicate Node, position byte) digest {
	c.joined = append(c.joined[:0], position)
	if position != 'g' {
		c.joined = append(c.joined, c.d.term(predicate)...)
	}
	if !c.hasName(b) {
		c.joined = c.hash.appendHex(c.joined, &c.first[b])
	} else {
		c.joined = c.appendName(c.joined, b)
	}
	return c.hash.sum(c.joined)
}

func (c *canon) hasName(b int32) bool { return c.issued[b] >= 0 || c.temp.number[b] >= 0 }

// appendName appends the canonical or the temporary identifier.
func (c *canon) appendName(to []byte, b int32) []byte {
	if n := c.issued[b]; n >= 0 {
		return strconv.AppendInt(append(to, "_:c14n"...), int64(n), 10)
	}
	return strconv.AppendInt(append(to, "_:b"...), int64(c.temp.number[b]), 10)
}

// shortest is the chosen path over all orders of nodes with the same hash (step
// 5.4). The issuer that belongs to it stays in c.temp.
func (c *canon) shortest(group []related) ([]byte, error) {
	base := len(c.temp.order)
	if len(group) == 1 {
		path, _, err := c.path(group, nil)
		return path, err
	}
	order := make([]related, len(group))
	ranks := make([]int, len(group))
	for i := range ranks {
		ranks[i] = i
	}
	var chosen []byte
	var issued []int32
	for more := true; more; more = permute(ranks) {
		for i, r := range ranks {
			order[i] = group[r]
		}
		c.temp.cut(base)
		path, skip, err := c.path(order, chosen)
		if err != nil {
			return nil, err
		}
		if !skip && (chosen == nil || bytes.Compare(path, chosen) < 0) {
			chosen, issued = path, append(issued[:0], c.temp.order[base:]...)
		}
	}
	c.temp.cut(base)
	for _, b := range issued {
		c.temp.issue(b)
	}
	return chosen, nil
}

// path walks one order of related nodes (steps 5.4.1 to 5.4.5). skip says that
// it cannot become smaller than the one chosen.
func (c *canon) path(order []related, chosen []byte) (path []byte, skip bool, err error) {
	worse := func() bool { return chosen != nil && len(path) >= len(chosen) && bytes.Compare(path, chosen) > 0 }
	var deeper []int32
	for _, r := range order {
		if err := c.spend(1); err != nil {
			return nil, false, err
		}
		if !c.hasName(r.node) {
			deeper = append(deeper, r.node)
			c.temp.issue(r.node)
		}
		if path = c.appendName(path, r.node); worse() {
			return nil, true, nil
		}
	}
	for _, b := range deeper {
		hash, err := c.nDegree(b)
		if err != nil {
			return nil, false, err
		}
		path = c.appendName(path, b)
		path = append(c.hash.appendHex(append(path, '<'), &hash), '>')
		if worse() {
			return nil, true, nil
		}
	}
	return path, false, nil
}

// permute makes the next order of the numbers in lexicographic order, until
// there is none.
func permute(p []int) bool {
	i := len(p) - 2
	for i >= 0 && p[i] >= p[i+1] {
		i--
	}
	if i < 0 {
		return false
	}
	j := len(p) - 1
	for p[j] <= p[i] {
		j--
	}
	p[i], p[j] = p[j], p[i]
	slices.Reverse(p[i+1:])
	return true
}

// spend takes steps from the work allowed. They cost more the farther they are from
// the node that is to be named: nodes that only a long way tells apart are found
// from each other again and again.
func (c *canon) spend(n int) error {
	if c.work -= n * (1 + c.depth/8); c.work < 0 {
		return ErrWork
	}
	return nil
}
