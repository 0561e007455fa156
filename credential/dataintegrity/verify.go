package dataintegrity

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/jcs"
)

// Verified is a document whose proofs passed the policy.
type Verified struct {
	// Document is what was signed: without its proof, and with the @context that the
	// proofs cover. It is what the caller reads, not the text that was sent.
	//
	// Suites that canonicalise as RDF sign statements and not their place: what is said
	// of a node may stand wherever the node is named. Whoever sent the document chose
	// among such spellings.
	Document []byte
	// Proofs are the facts of every proof, in the order of the document. All of them
	// hold.
	Proofs []*Proof
	// Checks lists what was checked, in order. All of them passed but for those that the
	// policy leaves out.
	Checks credential.Report
}

// Verify checks a document with all its proofs against the policy (Data Integrity
// 1.0, Sections 4.4 to 4.6). Every proof must hold, for what is between them
// cannot be told from outside: a proof that fails, or is of a kind not known
// here, fails the document. The error is an *Error that names the first check
// that failed. The document is read where it lies, so that it must not change
// before Verify returns; nothing of the result is a part of it.
func Verify(ctx context.Context, document []byte, p Policy) (*Verified, error) {
	if err := p.usable(); err != nil {
		return nil, err
	}
	r := readers.Get().(*jcs.Reader)
	defer release(r)
	s, err := parse(r, document)
	if err != nil {
		return nil, err
	}
	v, err := s.verify(ctx, &p)
	for _, proof := range s.proofs {
		proof.value = jcs.Value{}
	}
	return v, err
}

// Verify is the function Verify for a document that was read already.
func (s *Secured) Verify(ctx context.Context, p Policy) (*Verified, error) {
	if err := p.usable(); err != nil {
		return nil, err
	}
	again := make([]*Proof, len(s.proofs)) // the caller's stay as they are
	for i, proof := range s.proofs {
		c := *proof
		again[i] = &c
	}
	return (&Secured{src: s.src, root: s.root, proofs: again}).verify(ctx, &p)
}

func (s *Secured) verify(ctx context.Context, p *Policy) (*Verified, error) {
	if len(s.proofs) == 0 {
		return nil, malformed("4.4, step 2", "the document has no proof")
	}
	v := &Verified{Proofs: s.proofs, Checks: make(credential.Report, 0, 12)}
	pass, skip := v.Checks.Pass, v.Checks.Skip
	pass(CheckStructure, specDI+", Section 4.4", strconv.Itoa(len(s.proofs))+" proofs")

	// Section 4.4, steps 4 to 7, with the checks of the cryptosuites on their options,
	// for every proof before any is verified.
	for _, check := range [...]struct {
		name, spec string
		of         func(*Proof, *Policy) error
	}{
		{CheckCryptosuite, specDI + ", Section 3.1", ofSuite},
		{CheckPurpose, specDI + ", Section 4.4, step 5", ofPurpose},
		{CheckValidity, specDI + ", Section 2.1", ofTime},
		{CheckDomain, specDI + ", Section 4.4, step 6", ofDomain},
		{CheckChallenge, specDI + ", Section 4.4, step 7", ofChallenge},
	} {
		for _, proof := range s.proofs {
			if err := check.of(proof, p); err != nil {
				return nil, err
			}
		}
		if p.InsecureUnbound && (check.name == CheckDomain || check.name == CheckChallenge) {
			skip(check.name, check.spec, "the policy does not look at it")
		} else {
			pass(check.name, check.spec, "")
		}
	}

	// Section 2.1.2: what each proof follows is there, and does not follow it.
	if err := s.chains(); err != nil {
		return nil, err
	}
	pass(CheckChain, specDI+", Section 4.5", "")

	// Section 4.6, on the document as it was signed.
	signed, err := s.signed()
	if err != nil {
		return nil, err
	}
	reading := p.reading(s.proofs)
	if err := reading.check(signed.root); err != nil {
		return nil, err
	}
	pass(CheckContext, specDI+", Section 4.6", "")
	if reading.spelled {
		pass(CheckSpelling, specDI+", Section 2.4.1", "")
	} else {
		skip(CheckSpelling, specDI+", Section 2.4.1", "the policy accepts any, or the document is signed as it is written")
	}

	// Controlled Identifiers 1.0, Section 3.3: whose key it is.
	for _, proof := range s.proofs {
		if err := proof.retrieve(ctx, p); err != nil {
			return nil, err
		}
	}
	pass(CheckMethod, specCID+", Section 3.3", "")

	// Section 4.4, step 8: the cryptosuite's verification, over the document and the
	// proofs that this one follows.
	v.Document = s.Unsecured()
	for _, proof := range s.proofs {
		in, err := s.input(proof, v.Document)
		if err != nil {
			return nil, err
		}
		in.read = asRead{v.Document, s.root}
		if err := p.suite(proof.Cryptosuite).Verify(in, proof.Value, proof.Key); err != nil {
			return nil, failed(err)
		}
		pass(CheckSignature, specDI+", Section 4.4, step 8", proof.Cryptosuite)
	}

	// Section 4.5: the result is true only if the proofs that are needed are.
	for _, controller := range p.Controllers {
		if !slices.ContainsFunc(s.proofs, func(proof *Proof) bool { return proof.Controller == controller }) {
			return nil, &Error{Check: CheckRequired, Spec: specDI + ", Section 4.5", Detail: "none of the proofs is by a controller whose proof is required"}
		}
	}
	if signed != s {
		v.Document = signed.Unsecured()
	}
	if p.InsecureAnyController {
		skip(CheckRequired, specDI+", Section 4.5", "the policy accepts any controller")
	} else {
		pass(CheckRequired, specDI+", Section 4.5", "")
	}
	return v, nil
}

// failed is the error of a suite as an *Error.
func failed(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	return &Error{Check: CheckSignature, Spec: specDI + ", Section 4.4, step 8", Detail: "the cryptosuite refuses it", Err: err}
}

func ofSuite(proof *Proof, p *Policy) error {
	if p.suite(proof.Cryptosuite) == nil {
		return &Error{Check: CheckCryptosuite, Spec: specDI + ", Section 3.1", Detail: "cryptosuite " + clip(proof.Cryptosuite) + " is not accepted; a proof that cannot be judged is not passed over"}
	}
	return nil
}

func ofPurpose(proof *Proof, p *Policy) error {
	if proof.Purpose != p.Purpose {
		return &Error{Check: CheckPurpose, Spec: specDI + ", Section 4.4, step 5", Detail: "proofPurpose is " + clip(string(proof.Purpose)) + ", expected " + string(p.Purpose)}
	}
	return nil
}

func ofTime(proof *Proof, p *Policy) error {
	bad := func(detail string) error {
		return &Error{Check: CheckValidity, Spec: specDI + ", Section 2.1", Detail: detail}
	}
	if proof.Created.After(p.Now.Add(p.Skew)) {
		return bad("the proof was created in the future")
	}
	if !proof.Expires.IsZero() && !p.Now.Add(-p.Skew).Before(proof.Expires) {
		return bad("the proof is expired")
	}
	return nil
}

func ofDomain(proof *Proof, p *Policy) error {
	if p.InsecureUnbound || sameSet(proof.Domain, p.Domain) {
		return nil
	}
	return &Error{Check: CheckDomain, Spec: specDI + ", Section 4.4, step 6", Detail: "domain is not the set of strings expected: the proof is made for another verifier, or for none"}
}

func ofChallenge(proof *Proof, p *Policy) error {
	if p.InsecureUnbound || proof.Challenge == p.Challenge && proof.challenge == (p.Challenge != "") {
		return nil
	}
	return &Error{Check: CheckChallenge, Spec: specDI + ", Section 4.4, step 7", Detail: "challenge is not the one expected: the proof answers another request, or none"}
}

// chains checks that the proofs that others follow are there, and that no proof
// follows itself in the end.
func (s *Secured) chains() error {
	if !slices.ContainsFunc(s.proofs, func(p *Proof) bool { return len(p.Previous) > 0 }) {
		return nil
	}
	done := map[*Proof]bool{}
	var visit func(p *Proof, depth int) error
	visit = func(p *Proof, depth int) error {
		if done[p] {
			return nil
		}
		if depth > len(s.proofs) {
			return chain("proofs follow one another in a circle")
		}
		before, err := s.matching(p.Previous)
		if err != nil {
			return err
		}
		for _, b := range before {
			if err := visit(b, depth+1); err != nil {
				return err
			}
		}
		done[p] = true
		return nil
	}
	for _, p := range s.proofs {
		if err := visit(p, 1); err != nil {
			return err
		}
	}
	return nil
}

// signed is the document with the @context that the proofs cover. A proof may have
// an @context, which then begins that of the document; what comes after it was added
// later and is not signed. Proofs over different contexts are proofs of
// different documents.
func (s *Secured) signed() (*Secured, error) {
	if !slices.ContainsFunc(s.proofs, func(p *Proof) bool { return p.value.Member("@context").Kind() != jcs.None }) {
		return s, nil
	}
	all := s.root.Member("@context")
	var covered jcs.Value
	for i, p := range s.proofs {
		c := p.value.Member("@context")
		if c.Kind() == jcs.None {
			c = all
		} else if !begins(all, c) {
			return nil, contextPrefix()
		}
		if i > 0 && !equal(c, covered) {
			return nil, &Error{Check: CheckContext, Spec: specDI + ", Section 4.5", Detail: "the proofs cover different contexts, so that they prove different documents"}
		}
		covered = c
	}
	if covered.Kind() == jcs.None || equal(covered, all) {
		return s, nil
	}
	return Parse(replaced(s.src, all, []byte(covered.Raw())))
}

// retrieve finds the key of the proof's verification method, for its purpose
// (Controlled Identifiers 1.0, Section 3.3).
func (p *Proof) retrieve(ctx context.Context, policy *Policy) error {
	bad := func(detail string, err error) error {
		return &Error{Check: CheckMethod, Spec: specCID + ", Section 3.3", Detail: detail, Err: err}
	}
	id, fragment, _ := strings.Cut(p.VerificationMethod, "#")
	if id == "" || fragment == "" {
		return bad("verificationMethod is not a URL with a fragment", nil)
	}
	document, err := policy.Resolver.Resolve(ctx, id)
	if err != nil || document == nil {
		return bad("its controlled identifier document cannot be had", err)
	}
	method, err := document.Retrieve(p.VerificationMethod, p.Purpose, policy.Now)
	if err != nil {
		return bad("it does not serve this proof", err)
	}
	if p.Key, err = policy.suite(p.Cryptosuite).Key(method); err != nil {
		return bad("its key is not usable with "+p.Cryptosuite, err)
	}
	p.Controller = document.ID
	return nil
}
