package vcapi

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/zegel-id/zegel/contexts"
	"github.com/zegel-id/zegel/credential/dataintegrity"
	"github.com/zegel-id/zegel/credential/dataintegrity/ecdsasd"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/store"
)

// IssuerConfig of an Issuer.
type IssuerConfig struct {
	// Name stands in its addresses: lower-case letters, digits and hyphens.
	Name string
	// ID is its identifier, a DID or an https URL, and VerificationMethod the URL
	// of its key; empty for a did:key.
	ID, VerificationMethod string
	Suite                  Suite
	Key                    Key
	Contexts               *Contexts
	// Base is the URL below which its status lists are served; empty for an issuer
	// whose credentials have no status. Store keeps it.
	Base  string
	Store store.Store
	Now   func() time.Time
}

// Issuer signs credentials with one key. It is safe for concurrent use.
type Issuer struct {
	c        IssuerConfig
	template *dataintegrity.Template // nil for JWT and suites with base proofs
	token    *vcjose.KeySigner       // nil but for JWT
	statuses *statuses               // nil without
}

var names = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// ValidName says whether an issuer or a holder may be called so.
func ValidName(name string) bool { return names.MatchString(name) }

// checkInstance refuses what an issuer and a holder must both have.
func checkInstance(named, id, method string, s Suite, c *Contexts, now func() time.Time) error {
	switch {
	case !ValidName(named):
		return fmt.Errorf("vcapi: name %q must be of lower-case letters, digits and hyphens", named)
	case id == "" || method == "":
		return fmt.Errorf("vcapi: %s: an identifier that is no did:key needs the URL of its verification method", named)
	case !strings.HasPrefix(method, id+"#"):
		return fmt.Errorf("vcapi: %s: the verification method %s is not one of %s", named, method, id)
	case !s.Known():
		return fmt.Errorf("vcapi: %s: the suite is %q, expected one of %v", named, string(s), Suites())
	case c == nil || now == nil:
		return fmt.Errorf("vcapi: %s: Contexts and Now must be set", named)
	}
	return nil
}

// NewIssuer checks the configuration.
func NewIssuer(c IssuerConfig) (*Issuer, error) {
	c.VerificationMethod = ownMethod(c.ID, c.VerificationMethod)
	if err := checkInstance(c.Name, c.ID, c.VerificationMethod, c.Suite, c.Contexts, c.Now); err != nil {
		return nil, err
	}
	i := &Issuer{c: c}
	var err error
	switch {
	case c.Suite == JWT:
		i.token, err = vcjose.NewKeySigner(c.Key.Signer, c.VerificationMethod)
	case c.Suite.Selective():
		_, err = c.Contexts.signer(c.Suite, c.Key, nil, nil) // made anew for the pointers of each request
	default:
		i.template, err = c.template(c.Suite, nil, nil)
	}
	if err == nil {
		err = ofKey(c.ID, c.Key)
	}
	if err == nil && c.Base != "" {
		i.statuses, err = newStatuses(i)
	}
	if err != nil {
		return nil, fmt.Errorf("vcapi: issuer %s: %w", c.Name, err)
	}
	return i, nil
}

// Name of the issuer.
func (i *Issuer) Name() string { return i.c.Name }

func (c *IssuerConfig) template(s Suite, mandatory, ifPresent []string) (*dataintegrity.Template, error) {
	signer, err := c.Contexts.signer(s, c.Key, mandatory, ifPresent)
	if err != nil {
		return nil, err
	}
	return dataintegrity.NewTemplate(dataintegrity.Options{
		Signer: signer, VerificationMethod: c.VerificationMethod, Purpose: did.AssertionMethod, Contexts: c.Contexts.urls, InsecureInlineContexts: c.Contexts.inline,
	})
}

// IssueOptions are those of one credential (VCALM 0.9, "Issue Credential").
type IssueOptions struct {
	// MandatoryPointers are what every derived credential discloses, for the
	// suites with base proofs. Without any, it is what a credential should not
	// leave to its holder (ecdsasd.Essential).
	MandatoryPointers []string
	// CredentialID is by what the status is changed later; the credential's own id
	// if empty.
	CredentialID string
}

// Issue checks and signs a credential. The error is an *Error for what the caller
// can do something about.
func (i *Issuer) Issue(ctx context.Context, credential []byte, o IssueOptions) ([]byte, error) {
	document, c, err := i.prepare(credential)
	if err != nil {
		return nil, err
	}
	if len(o.MandatoryPointers) > 0 && !i.c.Suite.Selective() {
		return nil, &Error{
			Err: ErrInput, Title: "Option without a meaning here", Field: "options.mandatoryPointers", Detail: "is for suites with selective disclosure, and this issuer signs with " + string(i.c.Suite),
			Spec: spec + "Issue Credential", Remedy: "Leave it out, or ask an issuer with ecdsa-sd-2023 or bbs-2023.",
		}
	}
	if i.statuses == nil {
		return i.sign(document, o)
	}
	return i.statuses.issue(ctx, document, c, o)
}

// prepare holds a credential against the data model, and gives it what belongs to
// the proof.
func (i *Issuer) prepare(credential []byte) ([]byte, *vcdm.Credential, error) {
	const field = "credential"
	c, err := vcdm.ParseCredential(credential, vcdm.Rules{Producing: true})
	if errors.Is(err, vcdm.ErrVersion1) && i.c.Suite != JWT {
		c, err = vcdm.ParseCredential(credential, vcdm.Rules{AllowVersion1: true})
	}
	switch {
	case err != nil:
		return nil, nil, input(field, "Correct the member that is named.", err)
	case c.Issuer != i.c.ID:
		return nil, nil, &Error{
			Err: ErrInput, Type: string(vcdm.MalformedValueError), Title: "Another issuer", Field: "credential.issuer", Detail: "is not the issuer whose key signs here",
			Spec: spec + "Issue Credential", Remedy: "Write " + i.c.ID + " as issuer, or its id.",
		}
	case len(c.Proofs) > 0:
		return nil, nil, &Error{
			Err: ErrInput, Type: string(vcdm.MalformedValueError), Title: "The credential has proofs", Field: "credential.proof", Detail: "is there already, and this issuer adds to none",
			Spec: spec + "Issue Credential", Remedy: "Send the credential without its proof.",
		}
	}
	if err := i.c.Contexts.known(field, c.Contexts); err != nil {
		return nil, nil, err
	}
	if c.Version1 {
		// The terms of a proof and of a status stand in the context of version 2.0
		// alone.
		more := []string{contexts.DataIntegrityV2}
		if i.statuses != nil {
			more = append(more, contexts.CredentialsStatusV1)
		}
		if credential, err = withContexts(credential, c.Contexts, more...); err != nil {
			return nil, nil, input(field, "Correct @context.", err)
		}
	}
	if err := i.c.Contexts.defined(credential); err != nil {
		return nil, nil, i.unsignable(err)
	}
	return credential, c, nil
}

// unsignable is the refusal of a document that cannot be signed as it stands.
func (i *Issuer) unsignable(err error) error {
	var e *dataintegrity.Error
	if !errors.As(err, &e) {
		err = &dataintegrity.Error{Check: dataintegrity.CheckSignature, Spec: "Data Integrity 1.0, Section 2.4.1", Detail: "the document cannot be signed as a whole", Err: err}
	}
	if errors.As(err, &e) && e.Check == ecdsasd.CheckPointers { // as of bbs2023
		return input("options.mandatoryPointers", "Name what the credential has.", err)
	}
	return input("credential", "Define every term and type by a known context, and correct the place that is named.", err)
}

// sign secures a document that was prepared.
func (i *Issuer) sign(document []byte, o IssueOptions) ([]byte, error) {
	now := i.c.Now().Truncate(time.Second)
	if i.token != nil {
		text, err := secureToken(i.token, document, now)
		if err != nil {
			return nil, input("credential", "Correct the member that is named.", err)
		}
		return envelope("EnvelopedVerifiableCredential", "application/"+vcjose.TypCredential, text)
	}
	template := i.template
	if template == nil {
		var ifPresent []string
		if len(o.MandatoryPointers) == 0 {
			ifPresent = ecdsasd.Essential()
		}
		var err error
		if template, err = i.c.template(i.c.Suite, o.MandatoryPointers, ifPresent); err != nil {
			return nil, err
		}
	}
	signed, err := template.Add(document, dataintegrity.Terms{Created: now})
	if err != nil {
		return nil, i.unsignable(err)
	}
	return signed, nil
}

func secureToken(s *vcjose.KeySigner, document []byte, now time.Time) (string, error) {
	draft, err := vcjose.Prepare(vcjose.Credential{Document: document, IssuedAt: now})
	if err != nil {
		return "", err
	}
	return draft.Seal(s)
}
