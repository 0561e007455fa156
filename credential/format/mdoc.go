package format

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/mdoc"
	"github.com/zegel-id/zegel/internal/cose"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/seal"
)

// mobile is the format mso_mdoc (OpenID4VCI 1.0, Appendix A.2; OpenID4VP 1.0,
// Appendix B.2). The claims of a dataset are the data elements of the one
// namespace of its document type.
type mobile struct{}

const (
	specMdocIssued    = "OpenID4VCI 1.0, Appendix A.2.4"
	specMdocPresented = "OpenID4VP 1.0, Appendix B.2.5"
	specMdoc          = "ISO/IEC 18013-5, 9.1.2.4"
)

func (mobile) ID() credential.Format { return credential.FormatMdoc }

func (mobile) Compile(t Type) (Template, error) {
	d, err := mdoc.ParseDocumentType(t.Definition)
	if err != nil {
		return nil, err
	}
	if len(d.NameSpaces) != 1 {
		return nil, fmt.Errorf("the document type has %d namespaces; expected one, for all claims", len(d.NameSpaces))
	}
	alg, err := t.alg()
	if err != nil {
		return nil, err
	}
	numbers := cose.Algs([]jose.Alg{alg})
	if len(numbers) == 0 {
		return nil, fmt.Errorf("the seal key signs with %s, which mobile documents do not know", alg)
	}
	// Its trust rests on the seal certificate, not on an authority for mobile
	// documents.
	compiled, err := mdoc.NewTemplate(mdoc.Options{Type: d, Chain: t.Chain, AnySigner: true})
	if err != nil {
		return nil, err
	}
	namespace := d.NameSpaces[0].Name
	return mobileTemplate{compiled, namespace, Description{
		Name: d.DocType, Doctype: d.DocType, Algs: []any{int(numbers[0])},
		Path: func(p credential.Path) credential.Path { return append(credential.Path{namespace}, p...) },
	}}, nil
}

type mobileTemplate struct {
	t         *mdoc.Template
	namespace string
	d         Description
}

func (t mobileTemplate) Describe() Description { return t.d }

func (t mobileTemplate) Prepare(c Copy, random io.Reader) (Draft, error) {
	key, err := c.Holder.Key()
	if err != nil {
		return nil, err
	}
	if string(c.Claims) == "{}" {
		return nil, ErrNoClaims
	}
	elements, err := jose.Marshal(map[string]jsontext.Value{t.namespace: c.Claims})
	if err != nil {
		return nil, err
	}
	d, err := t.t.Prepare(mdoc.Credential{
		DeviceKey: key, Signed: c.IssuedAt, ValidFrom: c.NotBefore, ValidUntil: c.Expires,
		Status: &mdoc.StatusList{Index: c.Status.Index, URI: c.Status.URI}, Elements: elements,
	}, random)
	if err != nil {
		return nil, err
	}
	return mobileDraft{d, c.IssuedAt}, nil
}

type mobileDraft struct {
	d  *mdoc.Draft
	at time.Time
}

func (d mobileDraft) Seal(s *seal.Sealer) (jsontext.Value, error) {
	key, err := s.Signer(d.at)
	if err != nil {
		return nil, err
	}
	text, err := d.d.Seal(key)
	if err != nil {
		return nil, err
	}
	return jose.Marshal(text)
}

func (mobile) Open(c jsontext.Value) (Held, error) {
	s, err := openMobile(c)
	if err != nil {
		return nil, err
	}
	raw, err := s.Claims().JSON()
	if err != nil {
		return nil, mdocError(err)
	}
	return mobileHeld{s, raw}, nil
}

func openMobile(c jsontext.Value) (*mdoc.IssuerSigned, error) {
	text, err := textOf(c, specMdocIssued)
	if err != nil {
		return nil, err
	}
	s, err := mdoc.Parse(text)
	if err != nil {
		return nil, mdocError(err)
	}
	return s, nil
}

func mdocError(err error) error {
	var e *mdoc.Error
	if !errors.As(err, &e) {
		return err
	}
	check := e.Check
	if check == mdoc.CheckDigests {
		check = credential.CheckIssuerSignature // what the digests are for
	}
	return &Error{Check: check, Spec: e.Spec, Err: err}
}

func (mobile) Issued(c jsontext.Value, p Policy) (*Verified, error) {
	s, err := openMobile(c)
	if err != nil {
		return nil, err
	}
	v, err := s.VerifyIssued(p.mobile(mdoc.Transcript{}))
	if err != nil {
		return nil, mdocError(err)
	}
	return verifiedMobile(v, false)
}

// Presented has no use for InsecureUnbound: a DeviceResponse is always signed by
// the device.
func (mobile) Presented(c jsontext.Value, p Policy) (*Verified, error) {
	text, err := textOf(c, specMdocPresented)
	if err != nil {
		return nil, err
	}
	transcript, err := p.Session.transcript()
	if err != nil {
		return nil, &Error{Check: credential.CheckPolicy, Spec: "OpenID4VP 1.0, Appendix B.2.6", Err: err}
	}
	v, err := mdoc.Verify(text, p.mobile(transcript))
	if err != nil {
		return nil, mdocError(err)
	}
	return verifiedMobile(v, true)
}

// transcript is the session transcript of the request.
func (s Session) transcript() (mdoc.Transcript, error) {
	var key crypto.PublicKey
	if s.Encryption != nil {
		var err error
		if key, err = s.Encryption.Key(); err != nil {
			return mdoc.Transcript{}, err
		}
	}
	if origin, ok := strings.CutPrefix(s.Audience, "origin:"); ok {
		return mdoc.DCAPITranscript(origin, s.Nonce, key)
	}
	return mdoc.RedirectTranscript(s.Audience, s.Nonce, s.ResponseURI, key)
}

func (p Policy) mobile(t mdoc.Transcript) mdoc.Policy {
	out := mdoc.Policy{Now: p.Now, Skew: p.Skew, DocTypes: p.Types, Transcript: t}
	if p.IssuerAlgs != nil {
		out.IssuerAlgs = cose.Algs(p.IssuerAlgs)
	}
	if p.HolderAlgs != nil {
		out.DeviceAlgs = cose.Algs(p.HolderAlgs)
	}
	out.IssuerKey = func(m *cose.Sign1, u mdoc.Unverified) (crypto.PublicKey, error) {
		alg, _ := m.Alg.JOSE()
		return p.Trust(Signature{
			Type: u.DocType, Certificates: len(m.X5Chain), Structure: specMdoc,
			Other: &seal.Signature{
				Level: seal.IssuerAuth, Spec: specMdoc, Chain: m.X5Chain, Alg: alg, SignedAt: u.Signed,
				Verify: func(key crypto.PublicKey) error { return m.Verify(key, nil) },
			},
		})
	}
	return out
}

func verifiedMobile(v *mdoc.Verified, bound bool) (*Verified, error) {
	raw, err := v.Claims.JSON()
	if err != nil {
		return nil, &Error{Check: credential.CheckStructure, Spec: "RFC 8949, Section 6.1", Err: err}
	}
	holder, err := jose.PublicJWK(v.DeviceKey)
	if err != nil {
		return nil, &Error{Check: credential.CheckHolderBinding, Spec: specMdoc, Err: err}
	}
	out := &Verified{
		Format: credential.FormatMdoc, Type: v.DocType, Types: []string{v.DocType},
		IssuedAt: v.Signed, NotBefore: v.ValidFrom, Expires: v.ValidUntil, Status: v.Status, Holder: holder,
		Claims: mobileClaims{v.Claims, raw}, Disclosed: v.Claims.Paths(), Bound: bound,
	}
	for _, c := range v.Checks {
		if c.Name != mdoc.CheckDigests {
			out.Checks = append(out.Checks, c)
		}
	}
	return out, nil
}

// mobileClaims are the data elements by namespace.
type mobileClaims struct {
	c   mdoc.Claims
	raw []byte
}

func (c mobileClaims) Raw() []byte                       { return c.raw }
func (c mobileClaims) Select(p credential.Path) [][]byte { return c.c.Select(p) }

// Text is an element of that name in whichever namespace comes first.
func (c mobileClaims) Text(name string) string {
	for _, p := range c.c.Paths() {
		if p[1] != name {
			continue
		}
		var text string
		if found := c.c.Select(p); len(found) == 1 && jose.Unmarshal(found[0], &text) == nil {
			return text
		}
	}
	return ""
}

// mobileHeld is a held mdoc. Its issuer is named by its certificate alone.
type mobileHeld struct {
	s   *mdoc.IssuerSigned
	raw []byte
}

func (h mobileHeld) Format() string                    { return string(credential.FormatMdoc) }
func (h mobileHeld) Type() string                      { return h.s.DocType() }
func (h mobileHeld) Types() []string                   { return []string{h.s.DocType()} }
func (h mobileHeld) HolderBound() bool                 { return true }
func (h mobileHeld) Status() []byte                    { return h.s.Status() }
func (h mobileHeld) Claims() []byte                    { return h.raw }
func (h mobileHeld) Disclosable() int                  { return h.s.Claims().Len() }
func (h mobileHeld) Select(p credential.Path) [][]byte { return h.s.Claims().Select(p) }

func (h mobileHeld) Secured() string {
	alg, _ := h.s.IssuerAuth().Alg.JOSE()
	return string(alg)
}

func (h mobileHeld) chain() []*x509.Certificate {
	chain, err := h.s.IssuerAuth().Certificates()
	if err != nil {
		return nil
	}
	return chain
}

func (h mobileHeld) Issuer() string {
	if chain := h.chain(); len(chain) > 0 {
		return seal.IssuerNamed(chain[0])
	}
	return ""
}

func (h mobileHeld) AuthorityKeys() [][]byte { return authorityKeys(h.chain()) }

func (h mobileHeld) Validity() (from, until time.Time, ok bool) {
	from, until = h.s.Validity()
	return from, until, true
}

func (h mobileHeld) Data() (map[string]any, error) {
	var out map[string]any
	err := jose.Unmarshal(h.raw, &out)
	return out, err
}

func (h mobileHeld) Present(paths []credential.Path, b *Binding) (jsontext.Value, error) {
	if b == nil {
		return nil, errors.New("an mdoc is presented with a signature of its device key only")
	}
	if b.Transactions != nil {
		return nil, errors.New("this document's key is not authorised to sign transaction data (OpenID4VP 1.0, Appendix B.2.1)")
	}
	transcript, err := b.transcript()
	if err != nil {
		return nil, err
	}
	selection, err := h.s.Disclose(paths)
	if err != nil {
		return nil, err
	}
	text, err := h.s.Present(selection, mdoc.Device{Key: b.Signer, Transcript: transcript})
	if err != nil {
		return nil, err
	}
	return jose.Marshal(text)
}
