package format

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

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
