package bbs

import (
	"sync"

	bls "github.com/consensys/gnark-crypto/ecc/bls12-381"
)

// lines are the lines of a Miller loop for a fixed point of G2: half of the
// work of a pairing, which does not change for a key.
type lines = [2][len(bls.LoopCounter) - 1]bls.LineEvaluationAff

// base2 are the lines of -BP2.
var base2 = sync.OnceValue(func() lines {
	_, _, _, g := bls.Generators()
	g.Neg(&g)
	return bls.PrecomputeLines(g)
})

// paired reports whether h(a, W) = h(b, BP2).
func (pub *PublicKey) paired(a, b *bls.G1Affine) bool {
	pub.once.Do(func() { pub.lines = bls.PrecomputeLines(pub.w) })
	ok, err := bls.PairingCheckFixedQ([]bls.G1Affine{*a, *b}, [][2][len(bls.LoopCounter) - 1]bls.LineEvaluationAff{pub.lines, base2()})
	return err == nil && ok
}
