package format

import (
	"context"
	"crypto"
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

// sealedDocument is a document whose proof holds.
type sealedDocument struct {
	*Verified
	root   any
	chosen []string // JSON pointers
}

// sealed verifies a credential whose proof is of a seal key.
func (p Policy) sealed(c jsontext.Value, suite di.Suite) (*sealedDocument, error) {
	s, err := secured(c, specLDPIssued, suite.Name())
	if err != nil {
		return nil, err
	}
	claimed, err := vcdm.ParseCredential(s.Unsecured(), vcdm.Rules{})
	if err != nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: "VC Data Model 2.0, Section 4", Err: err}
	}
	if !allowed(p.IssuerAlgs, jose.ES256) {
		return nil, &Error{Check: credential.CheckIssuerSignature, Spec: specLDPIssued, Err: fmt.Errorf("%s signs with %s, which is not accepted", suite.Name(), jose.ES256)}
	}
	method, document, err := p.method(s.Proofs()[0], claimed.Issuer)
	if err != nil {
		return nil, err
	}
	judged := &judgedSuite{Suite: suite, trust: p.Trust, signature: Signature{
		Issuer: claimed.Issuer, Type: claimed.Types[len(claimed.Types)-1], Certificates: len(method.X5C), Structure: specLDPIssued,
		Other: &seal.Signature{Level: seal.DataIntegrity, Spec: "Data Integrity ECDSA Cryptosuites 1.0, Section 3.6", Alg: jose.ES256, SignedAt: s.Proofs()[0].Created},
	}}
	chain, err := method.Certificates()
	if err != nil {
		return nil, methodError(err)
	}
	for _, c := range chain {
		judged.signature.Other.Chain = append(judged.signature.Other.Chain, c.Raw)
	}
	v, err := s.Verify(context.Background(), di.Policy{
		Now: p.Now, Skew: p.Skew, Suites: []di.Suite{judged}, Resolver: document, Purpose: did.AssertionMethod,
		Controllers: []string{claimed.Issuer}, Contexts: known,
	})
	if err != nil {
		return nil, issuerError(err)
	}
	return p.verifiedProof(v, judged.chosen)
}

// method finds the verification method of a proof in the document of its issuer,
// and nowhere else.
func (p Policy) method(proof *di.Proof, issuer string) (*did.VerificationMethod, resolved, error) {
	id, _, _ := strings.Cut(proof.VerificationMethod, "#")
	if id != issuer {
		return nil, resolved{}, methodError(errors.New("the verification method of the proof is not one of the issuer"))
	}
	if p.Controller == nil {
		return nil, resolved{}, methodError(errors.New("documents of issuers cannot be looked up here"))
	}
	document, err := p.Controller(proof.VerificationMethod)
	if err == nil && document == nil {
		err = errors.New("there is no such document")
	}
	if err != nil {
		return nil, resolved{}, methodError(fmt.Errorf("the controlled identifier document of the issuer cannot be had: %w", err))
	}
	if document.ID != issuer {
		return nil, resolved{}, methodError(errors.New("the id of the controlled identifier document is not the issuer"))
	}
	m, err := document.Retrieve(proof.VerificationMethod, did.AssertionMethod, p.Now)
	if err != nil {
		return nil, resolved{}, methodError(err)
	}
	return m, resolved{document}, nil
}

func methodError(err error) error {
	return &Error{Check: credential.CheckSeal, Spec: "Controlled Identifiers 1.0, Section 3.3; RFC 7517, Section 4.7", Err: err}
}

// resolved is the document that was found already.
type resolved struct{ document *did.Document }

func (r resolved) Resolve(context.Context, string) (*did.Document, error) { return r.document, nil }

// verifiedProof is a credential whose proof holds, held against the rest of the
// policy.
func (p Policy) verifiedProof(v *di.Verified, chosen []string) (*sealedDocument, error) {
	doc, err := vcdm.ParseCredential(v.Document, vcdm.Rules{})
	if err != nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: "VC Data Model 2.0, Section 4", Err: err}
	}
	out, err := p.verifiedDocument(doc)
	if err != nil {
		return nil, err
	}
	const spec = "VC Data Model 2.0, Section 4.9"
	switch {
	case doc.ValidFrom.After(p.Now.Add(p.Skew)):
		return nil, &Error{Check: credential.CheckValidity, Spec: spec, Err: errors.New("it is not valid yet")}
	case !doc.ValidUntil.IsZero() && !p.Now.Add(-p.Skew).Before(doc.ValidUntil):
		return nil, &Error{Check: credential.CheckValidity, Spec: spec, Err: errors.New("it is not valid any more")}
	}
	out.Format, out.Holder, out.Whole, out.IssuedAt = credential.FormatLDP, subjectKey(doc), false, v.Proofs[0].Created
	out.Checks.Pass(credential.CheckStructure, specLDPIssued, "")
	out.Checks.Pass(credential.CheckIssuerSignature, specLDPIssued, v.Proofs[0].Cryptosuite)
	out.Checks.Pass(credential.CheckType, "OpenID4VP 1.0, Appendix B.1.1", "")
	out.Checks.Pass(credential.CheckValidity, spec, "")
	return &sealedDocument{out, out.Claims.(w3cClaims).d.root, chosen}, nil
}

// judgedSuite is a suite whose signature is judged as a seal, once.
type judgedSuite struct {
	di.Suite
	trust     func(Signature) (crypto.PublicKey, error)
	signature Signature
	chosen    []string
}

// Verify has the proof verified by who judges the seal, with the key that comes
// out of the certificates. What a holder left out is no fault of the signature, and
// is told when the signature was judged.
func (s *judgedSuite) Verify(in di.Input, proofValue string, key crypto.PublicKey) error {
	var left error
	verified := false
	verify := func(by crypto.PublicKey) error {
		chosen, err := s.verify(in, proofValue, by)
		if e := (*di.Error)(nil); errors.As(err, &e) && e.Check == ecdsasd.CheckDisclosed {
			left, err = err, nil
		}
		s.chosen, verified = chosen, err == nil && same(by, key)
		return err
	}
	s.signature.Other.Verify = verify
	trusted, err := s.trust(s.signature)
	switch {
	case err != nil:
		return &judgement{err}
	case !same(trusted, key):
		return &judgement{errors.New("the key that is trusted is not the one that the proof names")}
	case !verified: // it was trusted without a look at the signature
		if err := verify(key); err != nil {
			return err
		}
	}
	return left
}

func same(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

func (s *judgedSuite) verify(in di.Input, proofValue string, key crypto.PublicKey) ([]string, error) {
	if derived, ok := s.Suite.(*ecdsasd.DerivedSuite); ok {
		return derived.Chosen(in, proofValue, key)
	}
	return nil, s.Suite.Verify(in, proofValue, key)
}

// judgement is a refusal of who decides on trust.
type judgement struct{ error }

func (j *judgement) Unwrap() error { return j.error }

// issuerError names the check that a proof of an issuer failed.
func issuerError(err error) error {
	var refused *judgement
	var e *di.Error
	out := &Error{Check: credential.CheckStructure, Spec: specLDPIssued, Err: err}
	switch {
	case errors.As(err, &refused):
		out.Check, out.Err = credential.CheckIssuerSignature, refused.error
	case errors.As(err, &e):
		out.Spec = e.Spec
		switch e.Check {
		case di.CheckSignature, di.CheckPurpose, di.CheckRequired:
			out.Check = credential.CheckIssuerSignature
		case di.CheckValidity:
			out.Check = credential.CheckValidity
		case di.CheckMethod:
			out.Check = credential.CheckSeal
		}
	}
	return out
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
