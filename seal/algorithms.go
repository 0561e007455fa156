package seal

import (
	"errors"
	"fmt"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/tsp"
)

func (v *Validator) suite() *trust.Suite {
	if v.Suite != nil {
		return v.Suite
	}
	return trust.DefaultSuite()
}

// cryptography judges the algorithms of the seal and of its chain at the time at
// which it is proven to have existed (ETSI EN 319 102-1, clauses 5.2.7 and 5.6.2.2).
// A seal under a certificate that was issued when the algorithm had ended, or over a
// content that was stamped then, is younger than that, which nothing can mend; of
// another one a time-stamp might have proven that it is older.
func (v *Validator) cryptography(out *Validation, h held) {
	const spec = "ETSI EN 319 102-1, clause 5.2.7; TS 119 312"
	life, err := v.suite().JWS(h.alg, out.Certificate.PublicKey)
	if err == nil && out.Path != nil {
		var chain trust.Lifetime
		chain, err = v.suite().Path(out.Path)
		life = life.Sooner(chain)
	}
	if err == nil {
		err = life.At(h.at)
	}
	switch {
	case err == nil && life.End.IsZero():
	case err == nil:
		out.Checks.Pass(CheckAlgorithmEnd, spec, fmt.Sprintf("%s is believed until %s (%s)", life.Algorithm, life.End.Format(time.DateOnly), v.suite().Version()))
	case errors.Is(err, trust.ErrEnded) && out.Certificate.NotBefore.Before(life.End) && h.since.Before(life.End):
		out.indeterminate(CryptoConstraintsNoPOE, CheckAlgorithmEnd, spec, fmt.Errorf("%w; nothing proves that the seal is older", err))
	default:
		out.indeterminate(CryptoConstraintsFailure, CheckAlgorithmEnd, spec, err)
	}
}

// stampLife is until when a time-stamp is believed by its algorithms: the digest of
// what it stamps, the signature on it, and those of its chain.
func (v *Validator) stampLife(t *tsp.Token, p *trust.Path) (trust.Lifetime, error) {
	life, err := v.suite().Digest(t.Hash)
	if err != nil {
		return life, err
	}
	alg, err := t.SignatureAlgorithm(p.Leaf())
	if err != nil {
		return life, err
	}
	signature, err := v.suite().X509(alg, p.Leaf().PublicKey)
	if err != nil {
		return life, err
	}
	chain, err := v.suite().Path(p)
	return life.Sooner(signature).Sooner(chain), err
}
