package vcapi

import (
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
)

// HolderConfig of a Holder.
type HolderConfig struct {
	// Name, ID, VerificationMethod, Suite and Key are as of an issuer; the suite is
	// one of whole documents.
	Name, ID, VerificationMethod string
	Suite                        Suite
	Key                          Key
	Contexts                     *Contexts
	Now                          func() time.Time
}

// Holder makes presentations with one key. It is safe for concurrent use.
type Holder struct {
	c        HolderConfig
	template *dataintegrity.Template // nil for JWT
	token    *vcjose.KeySigner       // nil but for JWT
}

// NewHolder checks the configuration.
func NewHolder(c HolderConfig) (*Holder, error) {
	c.VerificationMethod = ownMethod(c.ID, c.VerificationMethod)
	if err := checkInstance(c.Name, c.ID, c.VerificationMethod, c.Suite, c.Contexts, c.Now); err != nil {
		return nil, err
	}
	if c.Suite.Selective() {
		return nil, fmt.Errorf("vcapi: holder %s: %s is for issuers; sign presentations with a suite of whole documents", c.Name, c.Suite)
	}
	h := &Holder{c: c}
	var err error
	if c.Suite == JWT {
		h.token, err = vcjose.NewKeySigner(c.Key.Signer, c.VerificationMethod)
	} else {
		var signer dataintegrity.Signer
		if signer, err = c.Contexts.signer(c.Suite, c.Key, nil, nil); err == nil {
			h.template, err = dataintegrity.NewTemplate(dataintegrity.Options{
				Signer: signer, VerificationMethod: c.VerificationMethod, Purpose: did.Authentication, Contexts: c.Contexts.urls, InsecureInlineContexts: c.Contexts.inline, Embedded: []string{"verifiableCredential"},
			})
		}
	}
	if err == nil {
		err = ofKey(c.ID, c.Key)
	}
	if err != nil {
		return nil, fmt.Errorf("vcapi: holder %s: %w", c.Name, err)
	}
	return h, nil
}

// Name of the holder.
func (h *Holder) Name() string { return h.c.Name }

// PresentOptions are those of one presentation (VCALM 0.9, "Create Presentation").
type PresentOptions struct {
	Challenge, Domain string
	// Cryptosuite, VerificationMethod and Purpose, where they are given, must be
	// those of the holder. Deviation: the purpose is authentication, where the text
	// has assertionMethod unless told otherwise; that says nothing of who presents.
	Cryptosuite, VerificationMethod, Purpose string
}

// Present signs a presentation.
func (h *Holder) Present(presentation []byte, o PresentOptions) ([]byte, error) {
	const field = "presentation"
	if err := h.own(o); err != nil {
		return nil, err
	}
	p, err := vcdm.ParsePresentation(presentation, vcdm.Rules{AllowVersion1: true})
	if err != nil {
		return nil, input(field, "Correct the member that is named.", err)
	}
	if err := h.presentable(field, p); err != nil {
		return nil, err
	}
	now := h.c.Now().Truncate(time.Second)
	if h.token != nil {
		return h.enclose(field, p, o, now)
	}
	if p.Holder == "" {
		if presentation, err = with(presentation, "holder", h.c.ID); err != nil {
			return nil, err
		}
	}
	if p.Version1 {
		if presentation, err = withContexts(presentation, p.Contexts, contexts.DataIntegrityV2); err != nil {
			return nil, input(field, "Correct @context.", err)
		}
	}
	terms := dataintegrity.Terms{Created: now, Challenge: o.Challenge}
	if o.Domain != "" {
		terms.Domain = []string{o.Domain}
	}
	signed, err := h.template.Add(presentation, terms)
	if err != nil {
		return nil, input(field, "Define every term and type by a known context, and correct the place that is named.", err)
	}
	return signed, nil
}

// own refuses options that ask for another key or suite.
func (h *Holder) own(o PresentOptions) error {
	for _, one := range []struct{ field, found, have string }{
		{"cryptosuite", o.Cryptosuite, string(h.c.Suite)}, {"verificationMethod", o.VerificationMethod, h.c.VerificationMethod}, {"proofPurpose", o.Purpose, string(did.Authentication)},
	} {
		if one.found != "" && one.found != one.have {
			return &Error{
				Err: ErrInput, Title: "Not the option of this holder", Field: "options." + one.field, Detail: "is not " + one.have,
				Spec: spec + "Create Presentation", Remedy: "Leave it out, or ask another holder.",
			}
		}
	}
	return nil
}

// presentable refuses what a holder must not let out.
func (h *Holder) presentable(field string, p *vcdm.Presentation) error {
	if err := h.c.Contexts.known(field, p.Contexts); err != nil {
		return err
	}
	if err := few(field, p); err != nil {
		return err
	}
	switch {
	case p.Holder != "" && p.Holder != h.c.ID:
		return &Error{
			Err: ErrInput, Type: string(vcdm.MalformedValueError), Title: "Another holder", Field: field + ".holder", Detail: "is not the holder whose key signs here",
			Spec: spec + "Create Presentation", Remedy: "Write " + h.c.ID + ", or leave it out.",
		}
	case len(p.Proofs) > 0:
		return &Error{
			Err: ErrInput, Type: string(vcdm.MalformedValueError), Title: "The presentation has proofs", Field: field + ".proof", Detail: "is there already, and this holder adds to none",
			Spec: spec + "Create Presentation", Remedy: "Send the presentation without its proof.",
		}
	}
	for i, c := range p.Credentials {
		if c.Embedded == nil {
			continue
		}
		s, err := dataintegrity.Parse(c.Embedded.Raw)
		if err != nil {
			return input(fmt.Sprintf("%s.verifiableCredential[%d]", field, i), "Correct the proof.", err)
		}
		if slices.ContainsFunc(s.Proofs(), baseProof) {
			return &Error{
				Err: ErrInput, Type: string(vcdm.CryptographicSecurityError), Title: "A base proof is not for others", Field: fmt.Sprintf("%s.verifiableCredential[%d].proof", field, i), Detail: "holds what discloses all of the credential",
				Spec: spec + "Unknown Proof Types", Remedy: "Derive a credential first (/credentials/derive), and present that.",
			}
		}
	}
	return nil
}

// enclose makes a vp+jwt. It is written anew, so that it can hold nothing but
// enveloped credentials.
func (h *Holder) enclose(field string, p *vcdm.Presentation, o PresentOptions, now time.Time) ([]byte, error) {
	refuse := func(at, detail, remedy string) ([]byte, error) {
		return nil, &Error{Err: ErrInput, Title: "Not possible as vp+jwt", Field: at, Detail: detail, Spec: "VC-JOSE-COSE, Section 3.1.2", Remedy: remedy}
	}
	var members map[string]jsontext.Value
	if err := jose.Unmarshal(p.Raw, &members); err != nil {
		return nil, err
	}
	for name := range members {
		if !slices.Contains([]string{"@context", "type", "holder", "verifiableCredential"}, name) {
			return refuse(field, "has another member than @context, type, holder and verifiableCredential", "Leave it out, or ask a holder with a cryptosuite.")
		}
	}
	if len(p.Contexts) != 1 || len(p.Types) != 1 {
		return refuse(field, "has another @context or type than those of every presentation", "Leave them out, or ask a holder with a cryptosuite.")
	}
	var texts []string
	for i, c := range p.Credentials {
		if c.Enveloped == nil || c.Enveloped.MediaType == "application/vc+cose" {
			return refuse(fmt.Sprintf("%s.verifiableCredential[%d]", field, i), "is not enveloped as vc+jwt or vc+sd-jwt", "Ask a holder with a cryptosuite.")
		}
		texts = append(texts, string(c.Enveloped.Content))
	}
	if o.Challenge == "" || o.Domain == "" {
		return refuse("options", "lacks challenge or domain, to which a vp+jwt is bound by nonce and aud", "Give both as the verifier did.")
	}
	text, err := vcjose.Present(vcjose.Presentation{
		Holder: h.c.ID, Credentials: texts, Nonce: o.Challenge, Audience: o.Domain, IssuedAt: now, Expires: now.Add(5 * time.Minute),
	}, h.token)
	if err != nil {
		return nil, input(field, "Correct the place that is named.", err)
	}
	return envelope("EnvelopedVerifiablePresentation", "application/"+vcjose.TypPresentation, text)
}
