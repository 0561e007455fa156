package vcapi

import (
	"bytes"
	"crypto"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/credential/bbs"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/bbs2023"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/did"
)

// Suite is how an instance secures documents: a cryptosuite of Data Integrity, or
// JWT.
type Suite string

// The suites.
const (
	EdDSARDFC Suite = "eddsa-rdfc-2022"
	EdDSAJCS  Suite = "eddsa-jcs-2022"
	ECDSARDFC Suite = "ecdsa-rdfc-2019"
	ECDSAJCS  Suite = "ecdsa-jcs-2019"
	ECDSASD   Suite = ecdsasd.Name
	BBS       Suite = bbs2023.Name
	// JWT is VC-JOSE-COSE: vc+jwt and vp+jwt.
	JWT Suite = "jwt"
)

// Suites are all of them.
func Suites() []Suite { return []Suite{EdDSARDFC, EdDSAJCS, ECDSARDFC, ECDSAJCS, ECDSASD, BBS, JWT} }

// Known says whether it is a suite.
func (s Suite) Known() bool { return slices.Contains(Suites(), s) }

// Selective says whether holders derive proofs from its base proofs.
func (s Suite) Selective() bool { return s == ECDSASD || s == BBS }

// whole is the suite for a document of which nothing is left out, with the same
// key; empty if there is none.
func (s Suite) whole() Suite {
	switch s {
	case ECDSASD:
		return ECDSARDFC
	case BBS:
		return ""
	default:
		return s
	}
}

// Key of an instance: one of the two.
type Key struct {
	Signer crypto.Signer
	BBS    bbs.Signer
}

// Public is the public key.
func (k Key) Public() crypto.PublicKey {
	if k.BBS != nil {
		return did.BBSPublicKey(k.BBS.PublicKey().Bytes())
	}
	return k.Signer.Public()
}

// signer makes proofs of a suite of Data Integrity. mandatory and ifPresent are for
// suites with base proofs.
func (c *Contexts) signer(s Suite, k Key, mandatory, ifPresent []string) (di.Signer, error) {
	if (s == BBS) != (k.BBS != nil) || k.BBS == nil && k.Signer == nil {
		return nil, fmt.Errorf("the key does not fit %s; zegel keys instance --cryptosuite %s makes one that does", s, s)
	}
	switch s {
	case EdDSARDFC:
		return di.NewEdDSARDFC2022(c.processor, k.Signer)
	case EdDSAJCS:
		return di.NewEdDSAJCS2022(k.Signer)
	case ECDSARDFC:
		return di.NewECDSARDFC2019(c.processor, k.Signer)
	case ECDSAJCS:
		return di.NewECDSAJCS2019(k.Signer)
	case ECDSASD:
		return ecdsasd.NewSigner(c.processor, ecdsasd.Options{Key: k.Signer, Mandatory: mandatory, MandatoryIfPresent: ifPresent})
	case BBS:
		return bbs2023.NewSigner(c.processor, bbs2023.Options{Key: k.BBS, Mandatory: mandatory, MandatoryIfPresent: ifPresent})
	default:
		return nil, fmt.Errorf("%q is no suite of Data Integrity", string(s))
	}
}

// verifiers are the suites that are accepted. A derived proof of bbs-2023 is not
// held against a presentation: this API names none, so that the presentation
// around a credential is what keeps it from being shown again.
func (c *Contexts) verifiers() []di.Suite {
	return []di.Suite{
		di.EdDSARDFC2022(c.processor), di.EdDSAJCS2022(), di.ECDSARDFC2019(c.processor), di.ECDSAJCS2019(),
		ecdsasd.Derived(c.processor), bbs2023.Derived(c.processor, bbs2023.Expect{InsecureAnyPresentation: true}),
	}
}

// derivedHeaders begin the values of proofs that may be shown (DI ECDSA 1.0,
// Section 3.5.7; DI BBS 1.0, Section 3.2.6).
var derivedHeaders = map[Suite][]byte{ECDSASD: {0xd9, 0x5d, 0x01}, BBS: {0xd9, 0x5d, 0x03}}

// baseProof says whether a proof is one that its holder keeps: of a suite with base
// proofs, and not a derived one.
func baseProof(p *di.Proof) bool {
	header, ok := derivedHeaders[Suite(p.Cryptosuite)]
	if !ok {
		return false
	}
	b, err := di.MultibaseBase64(p.Value)
	return err != nil || !bytes.HasPrefix(b, header)
}
