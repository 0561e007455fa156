package format

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

// MethodOf is the verification method of a seal certificate: where the proofs of
// its key say that it is.
func MethodOf(issuer string, c *x509.Certificate) string {
	return issuer + "#" + seal.CertificateID(c)
}

// The suites are kept, as they remember the configurations of proofs.
var (
	baseProofs    = sync.OnceValue(func() di.Suite { return ecdsasd.Base(processor()) })
	derivedProofs = sync.OnceValue(func() *ecdsasd.DerivedSuite { return ecdsasd.Derived(processor(), essential...) })
	holderProofs  = sync.OnceValue(func() []di.Suite { return []di.Suite{di.ECDSARDFC2019(processor()), di.ECDSAJCS2019()} })
)

// Cryptosuites are those of credentials and presentations of ldp_vc, as
// vp_formats_supported names them (OpenID4VP 1.0, Appendix B.1.3.2).
func Cryptosuites() []string {
	names := []string{ecdsasd.Name}
	for _, s := range holderProofs() {
		names = append(names, s.Name())
	}
	return names
}

func (ldpVC) Issued(c jsontext.Value, p Policy) (*Verified, error) {
	v, err := p.sealed(c, baseProofs())
	if err != nil {
		return nil, err
	}
	return v.Verified, nil
}

// Presented takes exactly one credential in a presentation, bound to its holder.
// A credential without one is not taken: InsecureUnbound has no meaning here.
func (ldpVC) Presented(c jsontext.Value, p Policy) (*Verified, error) {
	// Step 1. The holder's word for this request.
	vp, proof, err := p.presentation(c)
	if err != nil {
		return nil, err
	}
	if len(vp.Credentials) != 1 || vp.Credentials[0].Embedded == nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: specLDPPresented, Err: errors.New("a presentation holds exactly one credential with a proof of its own: the query asks for each on its own")}
	}
	// Step 2. The issuer's proof, of what was derived.
	v, err := p.sealed(vp.Credentials[0].Embedded.Raw, derivedProofs())
	if err != nil {
		return nil, err
	}
	// Step 3. Both are of the same holder.
	const spec = "VC Data Model 2.0, Section 4.13; OpenID4VP 1.0, Appendix B.1.3.2"
	if v.Holder.Kty == "" || v.Holder.Thumbprint() != jose.Thumbprint(proof.Key) {
		return nil, &Error{Check: credential.CheckHolderBinding, Spec: spec, Err: errors.New("the key that signed the presentation is not the one of the credential's subject")}
	}
	v.Bound = true
	v.Checks.Pass(credential.CheckHolderBinding, spec, proof.Cryptosuite)
	v.Checks.Pass(credential.CheckReplay, "OpenID4VP 1.0, Section 14.2.2", "challenge, domain and age")
	for _, pointer := range v.chosen {
		v.Disclosed = append(v.Disclosed, pathTo(v.root, pointer))
	}
	return v.Verified, nil
}

// presentation verifies the proof of a presentation by a key that stands for
// itself.
func (p Policy) presentation(c jsontext.Value) (*vcdm.Presentation, *di.Proof, error) {
	var names []string
	for _, s := range holderProofs() {
		names = append(names, s.Name())
	}
	s, err := secured(c, specLDPPresented, names...)
	if err != nil {
		return nil, nil, err
	}
	// Anything else than a presentation is told as that, and not as a bad signature.
	if _, err := vcdm.ParsePresentation(c, vcdm.Rules{}); err != nil {
		return nil, nil, &Error{Check: credential.CheckStructure, Spec: specLDPPresented, Err: err}
	}
	holder, _, _ := strings.Cut(s.Proofs()[0].VerificationMethod, "#")
	v, err := s.Verify(context.Background(), di.Policy{
		Now: p.Now, Skew: p.Skew, Suites: holderProofs(), Resolver: did.KeyMethod{}, Purpose: did.Authentication, Controllers: []string{holder},
		Domain: []string{p.Session.Audience}, Challenge: p.Session.Nonce, Contexts: known, Embedded: embedded,
	})
	if err != nil {
		return nil, nil, presentationError(err)
	}
	proof := v.Proofs[0]
	if err := p.holderProof(proof); err != nil {
		return nil, nil, err
	}
	vp, err := vcdm.ParsePresentation(v.Document, vcdm.Rules{})
	if err != nil {
		return nil, nil, &Error{Check: credential.CheckStructure, Spec: specLDPPresented, Err: err}
	}
	if vp.Holder != "" && vp.Holder != proof.Controller {
		return nil, nil, &Error{Check: credential.CheckHolderBinding, Spec: "VC Data Model 2.0, Section 4.13", Err: errors.New("the holder that the presentation names is not the one who signed it")}
	}
	return vp, proof, nil
}

// holderProof holds the age and the algorithm of a proof that verified against
// the policy.
func (p Policy) holderProof(proof *di.Proof) error {
	most := p.MaxAge
	if most == 0 {
		most = presentationLife
	}
	if proof.Created.IsZero() || p.Now.Sub(proof.Created) > most+p.Skew {
		return &Error{Check: credential.CheckReplay, Spec: "Data Integrity 1.0, Section 2.1", Err: fmt.Errorf("created of the presentation's proof is missing or longer ago than %s", most)}
	}
	alg, err := jose.AlgFor(proof.Key)
	if err == nil && !allowed(p.HolderAlgs, alg) {
		err = errors.New("its key signs with an algorithm that is not accepted")
	}
	if err != nil {
		return &Error{Check: credential.CheckHolderBinding, Spec: specLDPPresented, Err: err}
	}
	return nil
}

// allowed says whether a list has an algorithm; the nil list has ES256.
func allowed(list []jose.Alg, alg jose.Alg) bool {
	if list == nil {
		return alg == jose.ES256
	}
	return slices.Contains(list, alg)
}

// presentationError names the check that a proof of a holder failed.
func presentationError(err error) error {
	var e *di.Error
	out := &Error{Check: credential.CheckStructure, Spec: specLDPPresented, Err: err}
	if errors.As(err, &e) {
		out.Spec = e.Spec
		switch e.Check {
		case di.CheckDomain, di.CheckChallenge, di.CheckValidity:
			out.Check = credential.CheckReplay
		case di.CheckSignature, di.CheckProofValue, di.CheckPurpose, di.CheckRequired, di.CheckMethod:
			out.Check = credential.CheckHolderBinding
		}
	}
	return out
}
