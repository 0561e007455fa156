package issuer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// KeyProofs says how wallets prove the keys that a type's credentials are
// bound to.
type KeyProofs struct {
	// Types that are taken; jwt alone if empty.
	Types []oid4vci.ProofType
	// Algs are the algorithms of keys; ES256 alone if empty. Verifiers must know
	// them too: those of this product take ES256 and ES384.
	Algs []jose.Alg
	// DIDs lets a jwt proof name its key by a DID URL, of a method whose document
	// is computed from the DID. A di_vp proof always does.
	DIDs bool
	// Certificates lets a jwt proof carry its key in x5c. The chain says nothing
	// and is not looked at.
	Certificates bool
	// Attested refuses keys that no trusted key attestation holds (OpenID4VCI
	// 1.0, Appendix D). KeyStorage and UserAuthentication are then the values
	// that are accepted; empty accepts any.
	Attested                       bool
	KeyStorage, UserAuthentication []string
}

// keyAlgs are the algorithms of keys that credentials may be bound to.
var keyAlgs = []jose.Alg{jose.ES256, jose.ES384, jose.EdDSA}

// algs of keys, in the order of the metadata.
func (k KeyProofs) algs() []jose.Alg {
	if len(k.Algs) == 0 {
		return []jose.Alg{jose.ES256}
	}
	return k.Algs
}

// cryptosuites of di_vp proofs, for the algorithms of the keys.
func (k KeyProofs) cryptosuites() (out []string) {
	for _, alg := range k.algs() {
		suite := oid4vci.ECDSAJCS
		if alg == jose.EdDSA {
			suite = oid4vci.EdDSAJCS
		}
		if !slices.Contains(out, suite) {
			out = append(out, suite)
		}
	}
	return out
}

// Check refuses what could never work, or would be weaker than it reads;
// attesters says whether any are trusted.
func (k KeyProofs) Check(attesters bool) error {
	for _, t := range k.Types {
		if !slices.Contains([]oid4vci.ProofType{oid4vci.ProofJWT, oid4vci.ProofDIVP, oid4vci.ProofAttestation}, t) {
			return fmt.Errorf("the proof type %q is not known, expected jwt, di_vp or attestation (OpenID4VCI 1.0, Appendix F)", t)
		}
	}
	for n, alg := range k.Algs {
		if !slices.Contains(keyAlgs, alg) || slices.Contains(k.Algs[:n], alg) {
			return fmt.Errorf("the key algorithm %q stands there twice, or is none of %v", alg, keyAlgs)
		}
	}
	jwt := len(k.Types) == 0 || slices.Contains(k.Types, oid4vci.ProofJWT)
	switch {
	case !jwt && (k.DIDs || k.Certificates):
		return errors.New("only jwt proofs name keys by DID or certificate; take proofs of type jwt too (OpenID4VCI 1.0, Appendix F.1)")
	case !attesters && (k.Attested || slices.Contains(k.Types, oid4vci.ProofAttestation)):
		return errors.New("key attestations need trusted attesters (OpenID4VCI 1.0, Appendix D)")
	case k.Attested && slices.Contains(k.Types, oid4vci.ProofDIVP):
		return errors.New("a di_vp proof carries no key attestation; leave it out where keys must be attested (OpenID4VCI 1.0, Appendix F.2)")
	case !k.Attested && (k.KeyStorage != nil || k.UserAuthentication != nil):
		return errors.New("demands on key storage and user authentication need keys to be attested")
	}
	return nil
}

// supported is the proof_types_supported of a configuration (OpenID4VCI 1.0,
// Section 12.2.4).
func (k KeyProofs) supported() map[oid4vci.ProofType]oid4vci.KeyProof {
	var algs []string
	for _, alg := range k.algs() {
		algs = append(algs, string(alg))
	}
	types := k.Types
	if len(types) == 0 {
		types = []oid4vci.ProofType{oid4vci.ProofJWT}
	}
	out := map[oid4vci.ProofType]oid4vci.KeyProof{}
	for _, t := range types {
		p := oid4vci.KeyProof{ProofSigningAlgValuesSupported: algs}
		if t == oid4vci.ProofDIVP {
			p.ProofSigningAlgValuesSupported = k.cryptosuites()
		}
		if k.Attested {
			p.KeyAttestationsRequired = &oid4vci.KeyAttestationsRequired{KeyStorage: k.KeyStorage, UserAuthentication: k.UserAuthentication}
		}
		out[t] = p
	}
	return out
}

// dids: keys may be named by a DID.
func (k KeyProofs) dids() bool { return k.DIDs || slices.Contains(k.Types, oid4vci.ProofDIVP) }

// bindings is the cryptographic_binding_methods_supported of a configuration.
func (k KeyProofs) bindings() []string {
	if k.dids() {
		return []string{"jwk", "did:key", "did:jwk"}
	}
	return []string{"jwk"}
}

// prove checks the proofs and uses up their nonces; the keys come back in the
// order of the proofs.
func (i *Issuer) prove(ctx context.Context, t *prepared, proofs oid4vci.Proofs, client string) ([]oid4vci.ProvenKey, error) {
	policy := oid4vci.ProofPolicy{
		Issuer: i.c.URL, ClientID: client, Algs: t.Proofs.algs(), Cryptosuites: t.Proofs.cryptosuites(), AllowX5C: t.Proofs.Certificates,
		Now: i.c.Now(), MaxAge: nonceLife, MaxKeys: i.c.BatchSize, CheckNonce: i.useNonce,
	}
	if t.Proofs.dids() {
		policy.ResolveKid = oid4vci.HolderKeys(oid4vci.SelfContained(), i.c.Now)
	}
	if i.c.Attesters != nil {
		a := *i.c.Attesters
		a.Required, a.KeyStorage, a.UserAuthentication = t.Proofs.Attested, t.Proofs.KeyStorage, t.Proofs.UserAuthentication
		policy.Attestation = &a
	}
	return oid4vci.VerifyProofs(ctx, proofs, policy)
}

// useNonce spends a c_nonce that a proof carries.
func (i *Issuer) useNonce(ctx context.Context, value string) error {
	expires, err := i.nonce.check(value)
	if err == nil {
		err = i.nonce.spend(ctx, value, expires)
	}
	if errors.Is(err, errNonce) {
		return oid4vci.ErrNonce
	}
	return err
}
