package format

import (
	"crypto"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

// sdJWT is the format dc+sd-jwt (OpenID4VCI 1.0, Appendix A.3; OpenID4VP 1.0,
// Appendix B.3).
type sdJWT struct{}

func (sdJWT) ID() credential.Format { return credential.FormatSDJWTVC }

func (sdJWT) Compile(t Type) (Template, error) {
	frame, err := t.Metadata.Frame()
	if err != nil {
		return nil, err
	}
	alg, err := t.alg()
	if err != nil {
		return nil, err
	}
	if len(t.Definition) > 0 {
		return nil, errors.New("an SD-JWT VC is defined by its type metadata alone; leave the definition out")
	}
	compiled, err := sdjwt.NewTemplate(sdjwt.Options{
		Issuer: t.Issuer, Type: t.Address, TypeIntegrity: t.Integrity, Category: sdjwt.CategoryPubEAA,
		Frame: frame, Profile: t.Profile, Certificate: t.Chain[0],
	})
	if err != nil {
		return nil, err
	}
	d := Description{Name: t.Address, VCT: t.Address, Algs: []any{string(alg)}, Path: func(p credential.Path) credential.Path { return p }}
	return sdTemplate{compiled, t.Profile, d}, nil
}

type sdTemplate struct {
	t       *sdjwt.Template
	profile sdjwt.Profile
	d       Description
}

func (t sdTemplate) Describe() Description { return t.d }

func (t sdTemplate) Prepare(c Copy, random io.Reader) (Draft, error) {
	x := sdjwt.Credential{
		ID: c.ID, Subject: c.Subject, IssuedAt: c.IssuedAt, NotBefore: c.NotBefore, Expires: c.Expires, Holder: c.Holder,
		Status: sdjwt.StatusList{Index: c.Status.Index, URI: c.Status.URI}, Claims: c.Claims,
	}
	if t.profile == sdjwt.ProfileCIR {
		x.IssuingAuthority, x.IssuingCountry = c.Authority.Name, c.Authority.Country
	}
	d, err := t.t.Prepare(x, random)
	if err != nil {
		return nil, err
	}
	return sdDraft{d}, nil
}

type sdDraft struct{ d *sdjwt.Draft }

func (d sdDraft) Seal(s *seal.Sealer) (jsontext.Value, error) {
	text, err := d.d.Seal(s)
	if err != nil {
		return nil, err
	}
	return jose.Marshal(text)
}

func (sdJWT) Open(c jsontext.Value) (Held, error) {
	text, err := textOf(c, "SD-JWT VC, Section 2.2")
	if err != nil {
		return nil, err
	}
	sd, err := sdjwt.Parse(text)
	if err != nil {
		return nil, sdError(err)
	}
	return sdHeld{sd}, nil
}

// textOf is a credential that is a string.
func textOf(c jsontext.Value, spec string) (string, error) {
	var text string
	if c.Kind() != '"' || jose.Unmarshal(c, &text) != nil {
		return "", &Error{Check: credential.CheckStructure, Spec: spec, Err: errors.New("a credential of this format must be a string")}
	}
	return text, nil
}

func sdError(err error) error {
	var e *sdjwt.Error
	if errors.As(err, &e) {
		return &Error{Check: e.Check, Spec: e.Spec, Err: err}
	}
	return err
}

func (sdJWT) Issued(c jsontext.Value, p Policy) (*Verified, error) {
	text, err := textOf(c, "SD-JWT VC, Section 2.2")
	if err != nil {
		return nil, err
	}
	return verifySD(text, p, sdjwt.BindingForbidden)
}

func (sdJWT) Presented(c jsontext.Value, p Policy) (*Verified, error) {
	text, err := textOf(c, "OpenID4VP 1.0, Appendix B.3.6")
	if err != nil {
		return nil, err
	}
	binding := sdjwt.BindingRequired
	if p.InsecureUnbound && strings.HasSuffix(text, "~") {
		binding = sdjwt.BindingForbidden
	}
	return verifySD(text, p, binding)
}

func verifySD(text string, p Policy, binding sdjwt.Binding) (*Verified, error) {
	v, err := sdjwt.Verify(text, sdjwt.Policy{
		Now: p.Now, Skew: p.Skew, VCT: p.Types, IssuerAlgs: p.IssuerAlgs, HolderAlgs: p.HolderAlgs, RequireExp: p.RequireExpiry,
		KeyBinding: binding, Nonce: p.Session.Nonce, Audience: p.Session.Audience, MaxAge: p.MaxAge,
		IssuerKey: func(t *jose.Token, u sdjwt.Unverified) (crypto.PublicKey, error) {
			return p.Trust(Signature{Issuer: u.Issuer, Type: u.VCT, Token: t, Certificates: len(t.Header.X5C), Structure: "RFC 9901, Section 7.1"})
		},
	})
	if err != nil {
		return nil, sdError(err)
	}
	out := &Verified{
		Format: credential.FormatSDJWTVC, Issuer: v.Issuer, Type: v.VCT, Types: []string{v.VCT},
		IssuedAt: v.IssuedAt, NotBefore: v.NotBefore, Expires: v.Expires, Status: v.Status, Holder: v.Holder,
		Claims: v.Claims, Disclosed: v.Disclosed, Checks: v.Checks,
	}
	if v.KeyBinding != nil {
		out.Bound, out.Transactions = true, v.KeyBinding.Token.Payload
	}
	return out, nil
}

// sdHeld is a held SD-JWT VC.
type sdHeld struct{ sd *sdjwt.SDJWT }

func (h sdHeld) Format() string    { return string(credential.FormatSDJWTVC) }
func (h sdHeld) Type() string      { return h.sd.Claims().Text("vct") }
func (h sdHeld) Types() []string   { return []string{h.Type()} }
func (h sdHeld) Issuer() string    { return h.sd.Claims().Text("iss") }
func (h sdHeld) HolderBound() bool { return len(h.sd.Claims().Member("cnf")) > 0 }
func (h sdHeld) Secured() string   { return string(h.sd.Token().Header.Alg) }
func (h sdHeld) Status() []byte    { return h.sd.Claims().Member("status") }
func (h sdHeld) Claims() []byte    { return h.sd.Claims().Raw() }
func (h sdHeld) Disclosable() int  { return len(h.sd.Disclosable()) }

func (h sdHeld) AuthorityKeys() [][]byte {
	chain, err := h.sd.Token().Header.Certificates()
	if err != nil {
		return nil
	}
	return authorityKeys(chain)
}

func (h sdHeld) Select(p credential.Path) [][]byte { return h.sd.Claims().Select(p) }

func (h sdHeld) Validity() (from, until time.Time, ok bool) {
	from, okFrom := h.date("nbf")
	until, okUntil := h.date("exp")
	return from, until, okFrom && okUntil
}

func (h sdHeld) date(name string) (time.Time, bool) {
	b := h.sd.Claims().Member(name)
	if b == nil {
		return time.Time{}, true
	}
	var d jose.NumericDate
	err := jose.Unmarshal(b, &d)
	return d.Time(), err == nil
}

// ofOneCopy are the claims that differ between two copies of the same dataset.
var ofOneCopy = []string{"iat", "nbf", "exp", "jti", "sub", "also_known_as", "status", "cnf", "vct#integrity", "_sd_alg"}

func (h sdHeld) Data() (map[string]any, error) {
	claims, err := h.sd.Claims().Map()
	if err != nil {
		return nil, err
	}
	for _, name := range ofOneCopy {
		delete(claims, name)
	}
	return claims, nil
}

func (h sdHeld) Present(paths []credential.Path, b *Binding) (jsontext.Value, error) {
	selection, err := h.sd.Disclose(paths)
	if err != nil {
		return nil, err
	}
	var binding *sdjwt.KeyBinding
	if b != nil {
		binding = &sdjwt.KeyBinding{Signer: b.Signer, Nonce: b.Nonce, Audience: b.Audience, IssuedAt: b.IssuedAt, Extra: b.Transactions}
	}
	text, err := h.sd.Present(selection, binding)
	if err != nil {
		return nil, err
	}
	return jose.Marshal(text)
}
