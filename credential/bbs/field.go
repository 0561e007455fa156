package bbs

import (
	"math/bits"

	"github.com/consensys/gnark-crypto/ecc/bls12-381/fp"
)

// order is that of the base field, in words from the lowest.
var order = func() (q [fp.Limbs]uint64) {
	m := fp.Modulus()
	for i := range q {
		q[i] = m.Uint64()
		m.Rsh(m, 64)
	}
	return q
}()

// subtract is z = x - y. The library's Sub has a branch that half of the numbers
// take: to guess it wrong costs more than the addition that it spares.
func subtract(z, x, y *fp.Element) {
	z0, b := bits.Sub64(x[0], y[0], 0)
	z1, b := bits.Sub64(x[1], y[1], b)
	z2, b := bits.Sub64(x[2], y[2], b)
	z3, b := bits.Sub64(x[3], y[3], b)
	z4, b := bits.Sub64(x[4], y[4], b)
	z5, b := bits.Sub64(x[5], y[5], b)
	below := -b // all ones if x < y
	var c uint64
	z[0], c = bits.Add64(z0, order[0]&below, 0)
	z[1], c = bits.Add64(z1, order[1]&below, c)
	z[2], c = bits.Add64(z2, order[2]&below, c)
	z[3], c = bits.Add64(z3, order[3]&below, c)
	z[4], c = bits.Add64(z4, order[4]&below, c)
	z[5], _ = bits.Add64(z5, order[5]&below, c)
}
