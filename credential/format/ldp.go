package format

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential"
	di "github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/credential/jsonld"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

// ldpVC is the format ldp_vc (OpenID4VCI 1.0, Appendix A.1.2; OpenID4VP 1.0,
// Appendix B.1.3.2): a credential of the data model 2.0 with a base proof of
// ecdsa-sd-2023 by the key of a seal certificate, of which the holder derives
// what is presented, in a presentation with a proof of its own.
//
// The proof does not carry the certificate: it names the key, as the issuer's
// identifier and the identifier of the certificate behind "#". Policy.Controller
// finds the document that says more.
type ldpVC struct{}

const (
	specLDPIssued    = "Data Integrity 1.0, Section 4.4"
	specLDPPresented = "OpenID4VP 1.0, Appendix B.1.3.2"
)

func (ldpVC) ID() credential.Format { return credential.FormatLDP }

// essential is what no presentation may leave out: without one of these a
// credential says more than its issuer did, or for longer.
var essential = []string{"/issuer", "/type", "/validFrom", "/validUntil", "/credentialStatus", "/credentialSubject/id"}

func (ldpVC) Compile(t Type) (Template, error) {
	if t.Document == nil || len(t.Definition) > 0 {
		return nil, errors.New("a W3C credential is defined by its profile and nothing else")
	}
	if len(t.Chain) == 0 {
		return nil, errors.New("a credential type is compiled for a seal certificate, and there is none")
	}
	if k, ok := t.Chain[0].PublicKey.(*ecdsa.PublicKey); !ok || k.Curve != elliptic.P256() {
		return nil, fmt.Errorf("the seal key is not one of P-256, the only kind that %s has; take another format for this type", ecdsasd.Name)
	}
	issuer, err := t.DocumentIssuer()
	if err != nil {
		return nil, err
	}
	compiled, err := t.Document.Template(issuer)
	if err != nil {
		return nil, err
	}
	name, _, err := expand(contextsOf(t.Document), t.Document.Types())
	if err != nil {
		return nil, err
	}
	definition, err := jose.Marshal(map[string][]string{"@context": t.Document.Contexts(), "type": t.Document.Types()})
	if err != nil {
		return nil, err
	}
	return &ldpTemplate{
		t: compiled, kind: t,
		d: Description{Name: name, Definition: definition, Algs: []any{ecdsasd.Name}, ByMethod: true, Path: pathIn(t.Document)},
	}, nil
}

type ldpTemplate struct {
	t    *profile.Template
	d    Description
	kind Type
	made atomic.Pointer[proofs] // when the first was sealed
}

// proofs are made by a sealer. What they have in common is worked out once.
type proofs struct {
	by *seal.Sealer
	*di.Template
}

func (t *ldpTemplate) Describe() Description { return t.d }

// Prepare also sees to it that no word of the document is lost in what is signed.
func (t *ldpTemplate) Prepare(c Copy, random io.Reader) (Draft, error) {
	document, err := document(t.t, c)
	if err != nil {
		return nil, err
	}
	if _, err := vcdm.ParseCredential(document, vcdm.Rules{Producing: true}); err != nil {
		return nil, err
	}
	if _, err := processor().ToRDF(document, jsonld.Options{}); err != nil {
		return nil, err
	}
	return &ldpDraft{t, document, c.IssuedAt, random}, nil
}

type ldpDraft struct {
	t        *ldpTemplate
	document []byte
	at       time.Time
	random   io.Reader
}

func (d *ldpDraft) Seal(s *seal.Sealer) (jsontext.Value, error) {
	if d.document == nil {
		return nil, errors.New("the draft was sealed already")
	}
	key, err := s.Signer(d.at)
	if err != nil {
		return nil, err
	}
	if s.ID() != seal.CertificateID(d.t.kind.Chain[0]) {
		return nil, errors.New("the draft was prepared for another seal certificate")
	}
	made, usual := d.t.made.Load(), d.random == nil || d.random == rand.Reader
	if made == nil || made.by != s || !usual {
		if made, err = d.t.proofs(s, key, d.random); err != nil {
			return nil, err
		}
		if usual {
			d.t.made.Store(made)
		}
	}
	document := d.document
	d.document = nil
	return made.Add(document, di.Terms{Created: d.at})
}

// proofs fix what no holder may leave out.
func (t *ldpTemplate) proofs(s *seal.Sealer, key crypto.Signer, random io.Reader) (*proofs, error) {
	fixed := slices.Concat([]string{"/credentialSubject/id"}, ecdsasd.Essential(), t.kind.Document.Mandatory())
	signer, err := ecdsasd.NewSigner(processor(), ecdsasd.Options{Key: key, MandatoryIfPresent: fixed, Rand: random})
	if err != nil {
		return nil, err
	}
	made, err := di.NewTemplate(di.Options{
		Signer: signer, VerificationMethod: MethodOf(t.kind.Issuer, t.kind.Chain[0]), Purpose: did.AssertionMethod, Contexts: t.kind.Document.Contexts(),
	})
	if err != nil {
		return nil, err
	}
	return &proofs{s, made}, nil
}

// known are the contexts that credentials may have: those that are embedded, with
// their digests. None comes from the network.
var known = contexts.URLs()

func (ldpVC) Open(c jsontext.Value) (Held, error) {
	s, err := secured(c, specLDPIssued, ecdsasd.Name)
	if err != nil {
		return nil, err
	}
	doc, err := vcdm.ParseCredential(s.Unsecured(), vcdm.Rules{})
	if err != nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: "VC Data Model 2.0, Section 4", Err: err}
	}
	d, err := readDocument(doc)
	if err != nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: "VC Data Model 2.0, Section 4", Err: err}
	}
	return &ldpHeld{w3cHeld: w3cHeld{d}, text: slices.Clone(c)}, nil
}

// secured reads a document with one proof, of one of the suites.
func secured(c jsontext.Value, spec string, suites ...string) (*di.Secured, error) {
	bad := func(detail string) error {
		return &Error{Check: credential.CheckStructure, Spec: spec, Err: errors.New(detail)}
	}
	if c.Kind() != '{' {
		return nil, bad("it must be a JSON object")
	}
	s, err := di.Parse(c)
	if err != nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: spec, Err: err}
	}
	proofs := s.Proofs()
	switch {
	case len(proofs) != 1:
		return nil, bad(fmt.Sprintf("it has %d proofs, expected one", len(proofs)))
	case !slices.Contains(suites, proofs[0].Cryptosuite):
		return nil, bad(fmt.Sprintf("the cryptosuite of its proof is not one of %v", suites))
	}
	return s, nil
}
