package format

import (
	"context"
	"crypto"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/profile"
	"github.com/zegel-id/zegel/credential/vcdm"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

// jwtVC is the format jwt_vc_json (OpenID4VCI 1.0, Appendix A.1.1; OpenID4VP
// 1.0, Appendix B.1.3.1): a credential of the data model 2.0 as vc+jwt, sealed,
// and presented in a vp+jwt. It discloses all of itself or nothing.
type jwtVC struct{}

const (
	specJWTIssued    = "VC-JOSE-COSE, Section 3.1.1"
	specJWTPresented = "OpenID4VP 1.0, Appendix B.1.3.1"
)

func (jwtVC) ID() credential.Format { return credential.FormatJWT }

func (jwtVC) Compile(t Type) (Template, error) {
	if t.Document == nil || len(t.Definition) > 0 {
		return nil, errors.New("a W3C credential is defined by its profile and nothing else")
	}
	alg, err := t.alg()
	if err != nil {
		return nil, err
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
	definition, err := jose.Marshal(map[string][]string{"type": t.Document.Types()})
	if err != nil {
		return nil, err
	}
	return jwtTemplate{compiled, Description{Name: name, Definition: definition, Algs: []any{string(alg)}, Path: pathIn(t.Document)}}, nil
}

// pathIn finds the claims of a dataset in documents of a profile.
func pathIn(p *profile.Profile) func(credential.Path) credential.Path {
	return func(claim credential.Path) credential.Path {
		var names []string
		for _, part := range claim {
			name, ok := part.(string)
			if !ok {
				return nil
			}
			names = append(names, name)
		}
		path, exact := p.Path(strings.Join(names, "."))
		if !exact {
			return nil // it would name its neighbours too
		}
		return path
	}
}

type jwtTemplate struct {
	t *profile.Template
	d Description
}

func (t jwtTemplate) Describe() Description { return t.d }

func (t jwtTemplate) Prepare(c Copy, _ io.Reader) (Draft, error) {
	document, err := document(t.t, c)
	if err != nil {
		return nil, err
	}
	d, err := vcjose.Prepare(vcjose.Credential{Document: document, IssuedAt: c.IssuedAt, Expires: c.Expires, Holder: c.Holder})
	if err != nil {
		return nil, err
	}
	return jwtDraft{d}, nil
}

type jwtDraft struct{ d *vcjose.Draft }

func (d jwtDraft) Seal(s *seal.Sealer) (jsontext.Value, error) {
	text, err := d.d.Seal(s)
	if err != nil {
		return nil, err
	}
	return jose.Marshal(text)
}

func (jwtVC) Open(c jsontext.Value) (Held, error) {
	text, err := textOf(c, specJWTIssued)
	if err != nil {
		return nil, err
	}
	t, err := jose.Parse(text)
	if err == nil {
		err = (jose.Use{Typ: vcjose.TypCredential, Algs: []jose.Alg{jose.ES256, jose.ES384, jose.EdDSA}}).Check(t)
	}
	if err != nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: specJWTIssued, Err: err}
	}
	doc, err := vcdm.ParseCredential(t.Payload, vcdm.Rules{})
	if err != nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: "VC Data Model 2.0, Section 4", Err: err}
	}
	d, err := readDocument(doc)
	if err != nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: "VC Data Model 2.0, Section 4", Err: err}
	}
	return jwtHeld{w3cHeld{d}, text, t}, nil
}

func jwtError(err error) error {
	var e *vcjose.Error
	if errors.As(err, &e) {
		return &Error{Check: e.Check, Spec: e.Spec, Err: err}
	}
	return &Error{Check: credential.CheckStructure, Spec: specJWTPresented, Err: err}
}

func (p Policy) jose() vcjose.Policy {
	return vcjose.Policy{Now: p.Now, Skew: p.Skew, Algs: p.IssuerAlgs, IssuerKey: func(t *jose.Token, issuer string) (crypto.PublicKey, error) {
		return p.Trust(Signature{Issuer: issuer, Token: t, Certificates: len(t.Header.X5C), Structure: specJWTIssued})
	}}
}

func (jwtVC) Issued(c jsontext.Value, p Policy) (*Verified, error) {
	text, err := textOf(c, specJWTIssued)
	if err != nil {
		return nil, err
	}
	v, err := vcjose.VerifyCredential(text, p.jose())
	if err != nil {
		return nil, jwtError(err)
	}
	return p.verifiedJWT(v)
}

// Presented takes exactly one credential in a presentation of its own, bound to
// its holder. A credential without one is not taken: InsecureUnbound has no
// meaning here.
func (jwtVC) Presented(c jsontext.Value, p Policy) (*Verified, error) {
	text, err := textOf(c, specJWTPresented)
	if err != nil {
		return nil, err
	}
	vp, err := vcjose.VerifyPresentation(text, vcjose.PresentationPolicy{
		Credentials: p.jose(), Nonce: p.Session.Nonce, Audience: p.Session.Audience, MaxAge: p.MaxAge, Algs: p.HolderAlgs, OnlyJWT: true, Max: 1,
		HolderKey: vcjose.FromDocument(func(id string) (*did.Document, error) {
			return did.KeyMethod{}.Resolve(context.Background(), id)
		}, did.Authentication, p.Now),
	})
	if err != nil {
		return nil, jwtError(err)
	}
	if len(vp.Verified) != 1 {
		return nil, &Error{Check: credential.CheckStructure, Spec: specJWTPresented, Err: errors.New("a presentation holds exactly one credential: the query asks for each on its own")}
	}
	out, err := p.verifiedJWT(vp.Verified[0])
	if err != nil {
		return nil, err
	}
	out.Bound = true
	out.Checks = merged(out.Checks, vp.Checks)
	return out, nil
}

// merged adds the checks that are not there yet.
func merged(a, b credential.Report) credential.Report {
	for _, c := range b {
		known := false
		for _, have := range a {
			known = known || have.Name == c.Name
		}
		if !known {
			a = append(a, c)
		}
	}
	return a
}

func (p Policy) verifiedJWT(v *vcjose.Verified) (*Verified, error) {
	out, err := p.verifiedDocument(v.Credential)
	if err != nil {
		return nil, err
	}
	out.Format, out.Holder, out.Checks = credential.FormatJWT, v.Holder, v.Checks
	if out.Holder.Kty == "" {
		out.Holder = subjectKey(v.Credential)
	}
	if !v.IssuedAt.IsZero() {
		out.IssuedAt = v.IssuedAt
	}
	out.Expires = sooner(out.Expires, v.Expires)
	return out, nil
}

// sooner is the earlier of two ends, of which zero is none: the signature may be
// over before the data are (VC-JOSE-COSE, Section 3.1.3).
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// subjectKey is the key that a credential is bound to by its one subject, when
// that is a did:key.
func subjectKey(c *vcdm.Credential) jose.JWK {
	if len(c.Subjects) != 1 {
		return jose.JWK{}
	}
	pub, _, err := did.ParseDIDKey(c.Subjects[0].ID)
	if err != nil {
		return jose.JWK{}
	}
	key, err := jose.PublicJWK(pub)
	if err != nil {
		return jose.JWK{}
	}
	return key
}

// jwtHeld is a held vc+jwt.
type jwtHeld struct {
	w3cHeld
	text string
	t    *jose.Token
}

func (h jwtHeld) Format() string  { return string(credential.FormatJWT) }
func (h jwtHeld) Secured() string { return string(h.t.Header.Alg) }

// HolderBound is always so: a presentation is signed by the holder, or it is
// none.
func (h jwtHeld) HolderBound() bool { return true }

func (h jwtHeld) AuthorityKeys() [][]byte {
	chain, err := h.t.Header.Certificates()
	if err != nil {
		return nil
	}
	return authorityKeys(chain)
}

// Validity ends with the data or with the signature, whichever is first.
func (h jwtHeld) Validity() (from, until time.Time, ok bool) {
	var times struct {
		Expires *jose.NumericDate `json:"exp"`
	}
	if jose.Unmarshal(h.t.Payload, &times) != nil {
		return time.Time{}, time.Time{}, false
	}
	from, until, ok = h.w3cHeld.Validity()
	if times.Expires != nil {
		until = sooner(until, times.Expires.Time())
	}
	return from, until, ok
}

// presentationLife is how long a presentation may be on its way.
const presentationLife = 5 * time.Minute

func (h jwtHeld) Present(paths []credential.Path, b *Binding) (jsontext.Value, error) {
	if b == nil {
		return nil, errors.New("a W3C credential is presented with its holder's signature only")
	}
	if b.Transactions != nil {
		return nil, errors.New("a presentation of this format has no place for transaction data (OpenID4VP 1.0, Appendix B.1)")
	}
	for _, p := range paths {
		if len(h.Select(p)) == 0 {
			return nil, errors.New("a path selects nothing in this credential")
		}
	}
	holder, method, err := holderMethod(b.Signer.Public())
	if err != nil {
		return nil, err
	}
	signer, err := vcjose.NewKeySigner(b.Signer, method)
	if err != nil {
		return nil, err
	}
	text, err := vcjose.Present(vcjose.Presentation{
		Holder: holder, Credentials: []string{h.text}, Nonce: b.Nonce, Audience: b.Audience, IssuedAt: b.IssuedAt, Expires: b.IssuedAt.Add(presentationLife),
	}, signer)
	if err != nil {
		return nil, err
	}
	return jose.Marshal(text)
}

// holderMethod is the identifier of a key that stands for itself, and its one
// verification method (did:key).
func holderMethod(pub crypto.PublicKey) (holder, method string, err error) {
	if holder, err = did.DIDKey(pub); err != nil {
		return "", "", err
	}
	return holder, holder + "#" + strings.TrimPrefix(holder, "did:key:"), nil
}
