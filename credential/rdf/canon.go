package rdf

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
)

// ErrWork: the dataset needs more work than allowed (RDFC-1.0, Section 7.1).
var ErrWork = errors.New("rdf: too many blank nodes look alike to canonicalise the dataset within its work limit")

// Hash is the hash algorithm of a canonicalisation.
type Hash int

// The hashes of RDFC-1.0, Section 4.9; SHA-256 is the default.
const (
	SHA256 Hash = iota
	SHA384
)

// digest holds either hash; the rest is zero.
type digest [sha512.Size384]byte

func (h Hash) sum(b []byte) (d digest) {
	if h == SHA384 {
		return sha512.Sum384(b)
	}
	s := sha256.Sum256(b)
	copy(d[:], s[:])
	return d
}

func (h Hash) size() int {
	if h == SHA384 {
		return sha512.Size384
	}
	return sha256.Size
}

const hexDigits = "0123456789abcdef"

// appendHex appends a digest in lower case, as the algorithm joins it.
func (h Hash) appendHex(b []byte, d *digest) []byte {
	for _, c := range d[:h.size()] {
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

// Options of a canonicalisation.
type Options struct {
	Hash Hash
	// Work bounds the steps spent on blank nodes that look alike; 0 takes
	// DefaultWork of the dataset.
	Work int
}

// DefaultWork lets every dataset of the W3C test suite pass that should, and keeps
// work linear in the quads: it is enough for thousands of nodes that are told apart
// by the nodes around them.
func DefaultWork(quads int) int { return 16384 + quads }

// Canonical is a dataset in canonical form.
type Canonical struct {
	// NQuads are the lines in code point order.
	NQuads []byte
	// Names are the canonical names, such as "_:c14n0", by number of the blank
	// node in the dataset; Issued says which label got which.
	Names []string
	d     *Dataset
}

// Issued is the issued identifiers map: labels to names, both without "_:"
// (RDFC-1.0, Section 4.3).
func (c Canonical) Issued() map[string]string {
	m := make(map[string]string, len(c.Names))
	for i, name := range c.Names {
		if label := c.d.labels[i]; label != "" {
			m[label[2:]] = name[2:]
		}
	}
	return m
}

// canon is the canonicalization state (RDFC-1.0, Section 4.3).
type canon struct {
	d     *Dataset
	hash  Hash
	quads []Quad // each once, in the order of their predicates
	// mentions of blank node b are quads[mentions[starts[b]:starts[b+1]]].
	starts   []int32
	mentions []int32
	first    []digest // first degree hashes
	issued   []int32  // canonical number by blank node, or -1
	next     int32
	used     int32 // numbers of those that stand in quads
	temp     issuer
	work     int
	depth    int // of N-degree hashing

	names  []string // of blank nodes: _:a and _:z, then the canonical ones
	ranks  []int32  // of the canonical ones in their order; empty before there are any
	lines  []byte
	joined []byte
	seen   []int32
	sorted []int32
	at     []int32
	moved  []Quad
	keys   []Node
	places []int32
	nodes  []Node
}

// pool keeps the memory of canonicalisations, for datasets of a usual size.
var pool = sync.Pool{New: func() any { return new(canon) }}

// maxPooled quads: the memory of larger ones, a few megabytes, is let go.
const maxPooled = 1 << 15

func (c *canon) release() {
	c.d, c.temp = nil, issuer{}
	clear(c.names)
	if cap(c.quads) <= maxPooled {
		pool.Put(c)
	}
}

// zeroed is memory for n values, of s if it is large enough.
func zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	s = s[:n]
	clear(s)
	return s
}

// Canonicalize is RDFC-1.0, Section 4.4.3. The dataset is not changed.
func (d *Dataset) Canonicalize(o Options) (Canonical, error) {
	c := pool.Get().(*canon)
	defer c.release()
	lines, err := c.canonicalize(d, o, nil)
	if err != nil {
		return Canonical{}, err
	}
	return Canonical{NQuads: lines, Names: slices.Clone(c.names), d: d}, nil
}

// AppendCanonical appends the lines of Canonicalize, for those who need no names.
func (d *Dataset) AppendCanonical(to []byte, o Options) ([]byte, error) {
	c := pool.Get().(*canon)
	defer c.release()
	return c.canonicalize(d, o, to)
}

func (c *canon) canonicalize(d *Dataset, o Options, to []byte) ([]byte, error) {
	if err := c.number(d, o); err != nil {
		return nil, err
	}
	c.names = zeroed(c.names, len(d.labels))
	c.ranks = zeroed(c.ranks, len(d.labels))
	c.places = decimalOrder(c.places, len(d.labels))
	for b, number := range c.issued {
		c.names[b], c.ranks[b] = nameOf(number), c.places[number]
	}
	return c.write(to), nil
}

// number issues a canonical number to every blank node: those that are named and
// stand in no quad come last.
func (c *canon) number(d *Dataset, o Options) error {
	c.hash, c.work, c.next, c.depth = o.Hash, o.Work, 0, 0
	if o.Hash != SHA256 && o.Hash != SHA384 {
		return fmt.Errorf("rdf: hash %d is not known, expected SHA256 or SHA384", o.Hash)
	}
	c.take(d)
	if c.work <= 0 {
		c.work = DefaultWork(len(c.quads))
	}
	if err := c.name(); err != nil {
		return err
	}
	c.used = c.next
	for b, number := range c.issued {
		if number < 0 {
			c.issued[b] = c.next
			c.next++
		}
	}
	return nil
}

// take takes the quads of a dataset, each once, in the order of their predicates.
func (c *canon) take(d *Dataset) {
	c.d = d
	c.ranks = c.ranks[:0]
	c.distinct(d.quads)
	c.byPredicate()
}

// commonNames are the canonical names of a usual dataset.
var commonNames = func() (names [256]string) {
	for i := range names {
		names[i] = "_:c14n" + strconv.Itoa(i)
	}
	return names
}()

func nameOf(number int32) string {
	if int(number) < len(commonNames) {
		return commonNames[number]
	}
	return "_:c14n" + strconv.Itoa(int(number))
}

// odds make the hash of a quad: drawn by chance, so that nobody can choose quads
// that collide.
var odds = [4]uint64{rand.Uint64() | 1, rand.Uint64() | 1, rand.Uint64() | 1, rand.Uint64() | 1}

// distinct are the quads of a set: what was added twice is there once.
func (c *canon) distinct(quads []Quad) {
	size := 16
	for size < 2*len(quads) {
		size *= 2
	}
	shift := 64 - bits.Len(uint(size-1))
	c.seen = zeroed(c.seen, size)
	seen := c.seen // one more than a place in out, by hash
	out := c.quads[:0]
	for _, q := range quads {
		at := int((uint64(q.S)*odds[0] + uint64(q.P)*odds[1] + uint64(q.O)*odds[2] + uint64(q.G)*odds[3]) >> shift)
		for seen[at] != 0 && out[seen[at]-1] != q {
			at = (at + 1) & (size - 1)
		}
		if seen[at] == 0 {
			out = append(out, q)
			seen[at] = int32(len(out))
		}
	}
	c.quads = out
}

// name issues canonical numbers: steps 2 to 5 of Section 4.4.3.
func (c *canon) name() error {
	blanks := len(c.d.labels)
	c.issued = zeroed(c.issued, blanks)
	for b := range c.issued {
		c.issued[b] = -1
	}
	if blanks == 0 {
		return nil
	}
	c.collect(blanks)
	c.first = zeroed(c.first, blanks)
	c.names = zeroed(c.names, blanks)
	for b := range c.names {
		c.names[b] = "_:z"
	}
	order := zeroed(c.sorted, blanks)[:0]
	c.sorted = order
	for b := range blanks {
		if c.starts[b] == c.starts[b+1] {
			continue
		}
		c.first[b] = c.firstDegree(b)
		order = append(order, int32(b))
	}
	slices.SortStableFunc(order, func(a, b int32) int { return bytes.Compare(c.first[a][:], c.first[b][:]) })
	// Those with a hash of their own first, then the others hash by hash.
	var alike [][]int32
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && c.first[order[to]] == c.first[order[from]] {
			to++
		}
		if to-from == 1 {
			c.issue(order[from])
		} else {
			alike = append(alike, order[from:to])
		}
		from = to
	}
	for _, group := range alike {
		if err := c.tell(group); err != nil {
			return err
		}
	}
	return nil
}

// collect makes the map from blank nodes to their quads (step 2.1).
func (c *canon) collect(blanks int) {
	c.starts = zeroed(c.starts, blanks+1)
	each := func(q Quad, f func(b int)) {
		if q.S.IsBlank() {
			f(q.S.blank())
		}
		if q.O.IsBlank() && q.O != q.S {
			f(q.O.blank())
		}
		if q.G.IsBlank() && q.G != q.S && q.G != q.O {
			f(q.G.blank())
		}
	}
	for _, q := range c.quads {
		each(q, func(b int) { c.starts[b+1]++ })
	}
	for b := range blanks {
		c.starts[b+1] += c.starts[b]
	}
	c.mentions = zeroed(c.mentions, int(c.starts[blanks]))
	c.at = append(c.at[:0], c.starts...)
	at := c.at
	for i, q := range c.quads {
		each(q, func(b int) {
			c.mentions[at[b]] = int32(i)
			at[b]++
		})
	}
}

func (c *canon) of(b int) []int32 { return c.mentions[c.starts[b]:c.starts[b+1]] }

func (c *canon) issue(b int32) {
	if c.issued[b] < 0 {
		c.issued[b] = c.next
		c.next++
	}
}

// firstDegree is the Hash First Degree Quads algorithm (Section 4.6). The
// mentions are in the order of their predicates already.
func (c *canon) firstDegree(b int) digest {
	c.names[b] = "_:a"
	mentions := c.of(b)
	slices.SortFunc(mentions, func(i, j int32) int {
		x, y := &c.quads[i], &c.quads[j]
		if n := c.compare(x.S, y.S); n != 0 {
			return n
		}
		if x.P != y.P {
			return int(i - j)
		}
		if n := c.compare(x.O, y.O); n != 0 {
			return n
		}
		return c.compare(x.G, y.G)
	})
	c.lines = c.lines[:0]
	for _, i := range mentions {
		c.lines = c.d.appendQuad(c.lines, c.quads[i], c.names)
	}
	c.names[b] = "_:z"
	return c.hash.sum(c.lines)
}
