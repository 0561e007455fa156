package bbs

import (
	"fmt"
	"sync"

	"github.com/consensys/gnark-crypto/ecc"
	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

const (
	// MaxMessages is the largest number of messages that is signed or shown. A
	// proof tells how many there are before it is verified, so the number of
	// generators that a stranger can ask for has to have a limit.
	MaxMessages = 4096

	// tabled is how many bases get a table (80 KB each).
	tabled = 128
)

// The bases of a suite in the order of our lists: the fixed point, the
// generator of the domain, then one for each message.
const (
	baseP1 = iota
	baseQ1
	baseH1
)

// generators are the points that belong to a number of messages.
type generators struct {
	bases  []bls.G1Affine
	tables []*table // of the first bases
	octets []byte   // Q_1, H_1, ..., each compressed
}

// generatorCache grows as longer lists of messages come along. A generator
// does not depend on how many there are, so each is made once per process.
type generatorCache struct {
	mu   sync.Mutex
	tags *tags
	seed [expandLen]byte // v of create_generators
	have generators      // append only: what was handed out stays as it is
}

var caches = map[Suite]*generatorCache{SHA256: newCache(SHA256), SHAKE256: newCache(SHAKE256)}

func newCache(s Suite) *generatorCache { return &generatorCache{tags: s.tags()} }

// generators returns those of count messages.
func (s Suite) generators(count int) (*generators, *tags, error) {
	if count > MaxMessages {
		return nil, nil, fmt.Errorf("%w: %d messages, at most %d", ErrMessages, count, MaxMessages)
	}
	c := caches[s]
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.have.bases) == 0 {
		c.first(s)
	}
	for len(c.have.bases) < baseH1+count {
		c.next(s)
	}
	n := baseH1 + count
	return &generators{c.have.bases[:n:n], c.have.tables[:min(n, len(c.have.tables))], c.have.octets[:48*(n-1)]}, c.tags, nil
}

// first makes P1, which is the generator of another seed.
func (c *generatorCache) first(s Suite) {
	var v [expandLen]byte
	s.expand(v[:], c.tags.p1Seed, c.tags.generatorExpand)
	s.expand(v[:], appendLength(v[:], 1), c.tags.generatorExpand)
	c.append(s.hashToCurve(v[:], c.tags.generatorDST))
	s.expand(c.seed[:], c.tags.generatorSeed, c.tags.generatorExpand)
}

// next is a step of create_generators.
func (c *generatorCache) next(s Suite) {
	i := len(c.have.bases) // P1 stands before the first
	s.expand(c.seed[:], appendLength(c.seed[:], i), c.tags.generatorExpand)
	p := s.hashToCurve(c.seed[:], c.tags.generatorDST)
	octets := p.Bytes()
	c.have.octets = append(c.have.octets, octets[:]...)
	c.append(p)
}

func (c *generatorCache) append(p bls.G1Affine) {
	c.have.bases = append(c.have.bases, p)
	if len(c.have.tables) < tabled {
		c.have.tables = append(c.have.tables, newTable(&p))
	}
}

// hashToCurve is hash_to_curve_g1 (RFC 9380, Section 3; suites of the draft).
func (s Suite) hashToCurve(msg, dst []byte) bls.G1Affine {
	var uniform [128]byte
	s.expand(uniform[:], msg, dst)
	var u0, u1 fp.Element
	u0.SetBytes(uniform[:64])
	u1.SetBytes(uniform[64:])
	// Clearing the cofactor is linear: each point may be cleared by itself.
	p, q := bls.MapToG1(u0), bls.MapToG1(u1)
	return *p.Add(&p, &q)
}

// term is a scalar for one of the bases.
type term struct {
	base int
	k    fr.Element
}

// sum is the sum of the terms.
func (g *generators) sum(terms []term) bls.G1Jac {
	var acc accumulator
	var points []bls.G1Affine
	var scalars []fr.Element
	for i := range terms {
		t := &terms[i]
		if t.base < len(g.tables) {
			g.tables[t.base].add(&acc, &t.k)
			continue
		}
		points, scalars = append(points, g.bases[t.base]), append(scalars, t.k)
	}
	total := acc.sum()
	if len(points) > 0 {
		var rest bls.G1Jac
		// The lengths are equal, which is all that could be wrong.
		if _, err := rest.MultiExp(points, scalars, ecc.MultiExpConfig{NbTasks: 1}); err != nil {
			panic("bbs: " + err.Error())
		}
		total.AddAssign(&rest)
	}
	return total
}

// commitment is P1 + Q_1*domain + H_i*msg_i.
func (g *generators) commitment(domain *fr.Element, messages []fr.Element) bls.G1Jac {
	one := fr.One()
	return g.times(&one, domain, messages)
}

// times is n times the commitment.
func (g *generators) times(n, domain *fr.Element, messages []fr.Element) bls.G1Jac {
	terms := make([]term, baseH1+len(messages))
	terms[baseP1] = term{baseP1, *n}
	terms[baseQ1].base = baseQ1
	terms[baseQ1].k.Mul(domain, n)
	for i := range messages {
		t := &terms[baseH1+i]
		t.base = baseH1 + i
		t.k.Mul(&messages[i], n)
	}
	return g.sum(terms)
}

// domain is calculate_domain.
func (g *generators) domain(pub *PublicKey, t *tags, header []byte) fr.Element {
	b := make([]byte, 0, len(pub.octets)+8+len(g.octets)+len(t.api)+8+len(header))
	b = append(b, pub.octets[:]...)
	b = appendLength(b, len(g.bases)-baseH1)
	b = append(b, g.octets...)
	b = append(b, t.api...)
	b = appendLength(b, len(header))
	b = append(b, header...)
	return pub.suite.hashToScalar(b, t.h2s)
}
