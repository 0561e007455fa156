package bbs

import (
	"fmt"
	"io"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
)

// proofFloor is the length of a proof that hides no message.
const proofFloor = 3*bls.SizeOfG1AffineCompressed + 4*fr.Bytes

// proof holds the members of a proof under their names in the draft: e^, r1^,
// r3^ and m^ are hats, c the challenge.
type proof struct {
	aBar, bBar, d bls.G1Affine
	e, r1, r3     fr.Element
	messages      []fr.Element
	c             fr.Element
}

// parseProof is octets_to_proof.
func parseProof(octets []byte) (*proof, error) {
	if len(octets) < proofFloor || (len(octets)-proofFloor)%fr.Bytes != 0 {
		return nil, fmt.Errorf("%w: a proof has %d octets and %d for each message that it hides, not %d in all", ErrEncoding, proofFloor, fr.Bytes, len(octets))
	}
	hidden := (len(octets) - proofFloor) / fr.Bytes
	if hidden > MaxMessages {
		return nil, fmt.Errorf("%w: the proof hides %d messages, at most %d", ErrMessages, hidden, MaxMessages)
	}
	p := &proof{messages: make([]fr.Element, hidden)}
	for _, at := range []*bls.G1Affine{&p.aBar, &p.bBar, &p.d} {
		point, err := parsePoint(octets[:bls.SizeOfG1AffineCompressed])
		if err != nil {
			return nil, err
		}
		*at, octets = point, octets[bls.SizeOfG1AffineCompressed:]
	}
	for _, at := range p.scalars() {
		k, err := parseScalar(octets[:fr.Bytes])
		if err != nil {
			return nil, err
		}
		*at, octets = k, octets[fr.Bytes:]
	}
	return p, nil
}

// scalars lists the scalars in their order on the wire.
func (p *proof) scalars() []*fr.Element {
	list := []*fr.Element{&p.e, &p.r1, &p.r3}
	for i := range p.messages {
		list = append(list, &p.messages[i])
	}
	return append(list, &p.c)
}

func (p *proof) bytes() []byte {
	b := make([]byte, 0, proofFloor+fr.Bytes*len(p.messages))
	for _, point := range []*bls.G1Affine{&p.aBar, &p.bBar, &p.d} {
		octets := point.Bytes()
		b = append(b, octets[:]...)
	}
	for _, k := range p.scalars() {
		b = appendScalar(b, k)
	}
	return b
}

// ProofGen proves the knowledge of a signature (draft, Sections "Proof
// Generation" and "CoreProofGen"). messages are all that were signed, disclosed
// the indexes of those to show, in ascending order. The signature is verified
// first. random is read once; who can guess it learns the hidden messages.
func ProofGen(random io.Reader, pub *PublicKey, signature, header, presentationHeader []byte, messages [][]byte, disclosed []int) ([]byte, error) {
	sig, err := parseSignature(signature)
	if err != nil {
		return nil, err
	}
	g, t, err := pub.suite.generators(len(messages))
	if err != nil {
		return nil, err
	}
	hidden, err := complement(disclosed, len(messages))
	if err != nil {
		return nil, err
	}
	r, err := randomScalars(random, 5+len(hidden))
	if err != nil {
		return nil, err
	}
	scalars := pub.suite.messagesToScalars(t, messages)
	domain := g.domain(pub, t, header)
	b := g.commitment(&domain, scalars)
	if err := sig.verify(pub, &b); err != nil {
		return nil, err
	}

	p, t1, t2 := initProof(g, sig, &b, r, hidden)
	shown := pick(scalars, disclosed)
	p.c = challenge(pub.suite, t, p, &t1, &t2, &domain, shown, disclosed, presentationHeader)
	p.finalize(sig, r, pick(scalars, hidden))
	return p.bytes(), nil
}

// The random scalars of a proof, in their order in the draft.
const (
	r1 = iota
	r2
	eTilde
	r1Tilde
	r3Tilde
	mTilde
)

func randomScalars(random io.Reader, n int) ([]fr.Element, error) {
	octets := make([]byte, n*expandLen)
	if _, err := io.ReadFull(random, octets); err != nil {
		return nil, fmt.Errorf("reading randomness for a BBS proof: %w", err)
	}
	out := make([]fr.Element, n)
	for i := range out {
		out[i] = reduce((*[expandLen]byte)(octets[i*expandLen:]))
	}
	clear(octets)
	return out, nil
}

// initProof is ProofInit, from B on.
func initProof(g *generators, sig *signature, b *bls.G1Jac, r []fr.Element, hidden []int) (p *proof, t1, t2 bls.G1Affine) {
	var base bls.G1Affine
	base.FromJacobian(b)
	var k fr.Element
	p = new(proof)
	d := multiply(&base, &r[r2])
	p.d.FromJacobian(&d)
	aBar := multiply(&sig.a, k.Mul(&r[r1], &r[r2]))
	p.aBar.FromJacobian(&aBar)
	bBar := multiply(&p.d, &r[r1])
	less := multiply(&p.aBar, &sig.e)
	bBar.SubAssign(&less)
	p.bBar.FromJacobian(&bBar)

	sum := multiply(&p.aBar, &r[eTilde])
	more := multiply(&p.d, &r[r1Tilde])
	sum.AddAssign(&more)
	t1.FromJacobian(&sum)

	terms := make([]term, len(hidden))
	for i, j := range hidden {
		terms[i] = term{baseH1 + j, r[mTilde+i]}
	}
	sum = g.sum(terms)
	more = multiply(&p.d, &r[r3Tilde])
	sum.AddAssign(&more)
	t2.FromJacobian(&sum)
	return p, t1, t2
}

// finalize is ProofFinalize.
func (p *proof) finalize(sig *signature, r, hidden []fr.Element) {
	var k, r3 fr.Element
	r3.Inverse(&r[r2])
	p.e.Add(&r[eTilde], k.Mul(&sig.e, &p.c))
	p.r1.Sub(&r[r1Tilde], k.Mul(&r[r1], &p.c))
	p.r3.Sub(&r[r3Tilde], k.Mul(&r3, &p.c))
	p.messages = make([]fr.Element, len(hidden))
	for i := range hidden {
		p.messages[i].Add(&r[mTilde+i], k.Mul(&hidden[i], &p.c))
	}
}

// challenge is ProofChallengeCalculate.
func challenge(s Suite, t *tags, p *proof, t1, t2 *bls.G1Affine, domain *fr.Element, shown []fr.Element, disclosed []int, presentationHeader []byte) fr.Element {
	b := appendLength(nil, len(disclosed))
	for i, index := range disclosed {
		b = appendLength(b, index)
		b = appendScalar(b, &shown[i])
	}
	for _, point := range []*bls.G1Affine{&p.aBar, &p.bBar, &p.d, t1, t2} {
		octets := point.Bytes()
		b = append(b, octets[:]...)
	}
	b = appendScalar(b, domain)
	b = appendLength(b, len(presentationHeader))
	b = append(b, presentationHeader...)
	return s.hashToScalar(b, t.h2s)
}

// ProofVerify checks a proof (draft, Section "CoreProofVerify"). messages are
// those that are shown and disclosed their indexes among all that were signed,
// in ascending order; how many are hidden follows from the proof. It returns
// nil, or an error of ErrEncoding, ErrMessages or ErrProof.
func ProofVerify(pub *PublicKey, octets, header, presentationHeader []byte, messages [][]byte, disclosed []int) error {
	p, err := parseProof(octets)
	if err != nil {
		return err
	}
	if len(messages) != len(disclosed) {
		return fmt.Errorf("%w: %d messages, %d indexes", ErrMessages, len(messages), len(disclosed))
	}
	g, t, err := pub.suite.generators(len(p.messages) + len(disclosed))
	if err != nil {
		return err
	}
	hidden, err := complement(disclosed, len(p.messages)+len(disclosed))
	if err != nil {
		return err
	}
	shown := pub.suite.messagesToScalars(t, messages)
	domain := g.domain(pub, t, header)
	t1, t2 := p.recover(g, &domain, shown, disclosed, hidden)
	c := challenge(pub.suite, t, p, &t1, &t2, &domain, shown, disclosed, presentationHeader)
	if !c.Equal(&p.c) || !pub.paired(&p.aBar, &p.bBar) {
		return ErrProof
	}
	return nil
}

// recover is ProofVerifyInit after the domain. Bv*c is part of the sum over
// the generators: its scalars are multiplied instead of the point.
func (p *proof) recover(g *generators, domain *fr.Element, shown []fr.Element, disclosed, hidden []int) (t1, t2 bls.G1Affine) {
	sum := multiply(&p.bBar, &p.c)
	more := multiply(&p.aBar, &p.e)
	sum.AddAssign(&more)
	more = multiply(&p.d, &p.r1)
	sum.AddAssign(&more)
	t1.FromJacobian(&sum)

	var k fr.Element
	terms := []term{{baseP1, p.c}, {baseQ1, *k.Mul(domain, &p.c)}}
	for i, j := range disclosed {
		terms = append(terms, term{baseH1 + j, *k.Mul(&shown[i], &p.c)})
	}
	for i, j := range hidden {
		terms = append(terms, term{baseH1 + j, p.messages[i]})
	}
	sum = g.sum(terms)
	more = multiply(&p.d, &p.r3)
	sum.AddAssign(&more)
	t2.FromJacobian(&sum)
	return t1, t2
}

// complement lists the indexes below n that are not in disclosed, which has to
// ascend.
func complement(disclosed []int, n int) ([]int, error) {
	var out []int
	next := 0
	for _, i := range disclosed {
		if i < next || i >= n {
			return nil, fmt.Errorf("%w: the disclosed indexes have to ascend, each once, from 0 to %d", ErrMessages, n-1)
		}
		for ; next < i; next++ {
			out = append(out, next)
		}
		next = i + 1
	}
	for ; next < n; next++ {
		out = append(out, next)
	}
	return out, nil
}

func pick(scalars []fr.Element, indexes []int) []fr.Element {
	out := make([]fr.Element, len(indexes))
	for i, j := range indexes {
		out[i] = scalars[j]
	}
	return out
}
