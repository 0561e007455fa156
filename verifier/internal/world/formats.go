package world

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/profile/led"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/credential/vcdm/vcjose"
	"github.com/zegel-id/zegel/did"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
)

// Doctype is the document type of the test credential, and its namespace.
const Doctype = "example.diploma.1"

const documentType = `{"doctype":"` + Doctype + `","namespaces":[{"name":"` + Doctype + `","elements":[
  {"identifier":"title","type":"tstr"},{"identifier":"level","type":"uint"},{"identifier":"person"},{"identifier":"tags"},{"identifier":"subjects"}]}]}`

// ELM is the type of the test credential as a W3C credential.
const ELM = "http://data.europa.eu/snb/model/elm/EuropeanDigitalCredential"

// diploma are the claims of the test credential in the words of a profile.
const diploma = `{"title":"CANARY-TITLE","award_type":"Diploma","authenticity":"Authentiek","supplier":{"name":"CANARY-TAG"},` +
	`"record":{"reference":"e6247988-1111-4222-8333-444455556666"},"awarding_institution":{"name":"CANARY-SUBJECT","country":"BE"}}`

// lists signs and verifies status list credentials as the public body does.
type lists struct{ w *World }

// Secure implements status.Securer.
func (l lists) Secure(_ context.Context, document []byte) ([]byte, error) {
	sealer, err := l.w.Hierarchy.StatusSealer(l.w.Now)
	if err != nil {
		return nil, err
	}
	d, err := vcjose.Prepare(vcjose.Credential{Document: document, IssuedAt: l.w.Now()})
	if err != nil {
		return nil, err
	}
	text, err := d.Seal(sealer)
	return []byte(text), err
}

// VerifyList implements status.ListVerifier.
func (l lists) VerifyList(_ context.Context, fetched []byte) ([]byte, status.ListSigner, error) {
	v, err := vcjose.VerifyCredential(string(fetched), vcjose.Policy{Now: l.w.Now(), Skew: time.Minute, IssuerKey: func(*jose.Token, string) (crypto.PublicKey, error) {
		return l.w.Hierarchy.Status.Certificate.PublicKey, nil
	}})
	if err != nil {
		return nil, status.ListSigner{}, err
	}
	provider := l.w.Hierarchy.Registration()
	if l.w.ListsOfAnother.Load() {
		provider = "NTRBE-another"
	}
	return v.Raw, status.ListSigner{Issuer: v.Issuer, Provider: provider}, nil
}

// Controllers are the controlled identifier documents of the issuer, as it serves
// them: the test alters what is there, or makes it unreachable.
type Controllers struct {
	w *World
	// Change alters the document of the issuer before it is handed out.
	Change func(*did.Document)
	// Asked are the methods that were looked up.
	Asked []string
}

// Of implements verifier.Controllers.
func (c *Controllers) Of(_ context.Context, method string) (*did.Document, error) {
	c.Asked = append(c.Asked, method)
	if c.w.Down.Load() {
		return nil, errors.New("no route to host")
	}
	d := &did.Document{ID: Issuer}
	for _, sealer := range c.w.sealers {
		Certify(d, sealer.Chain(), sealer.Certificate().PublicKey)
	}
	if c.Change != nil {
		c.Change(d)
	}
	return d, nil
}

// Certify puts the method of a seal certificate into a document, with a key.
func Certify(d *did.Document, chain []*x509.Certificate, key crypto.PublicKey) {
	jwk, err := jose.PublicJWK(key)
	if err != nil {
		panic(err)
	}
	id := format.MethodOf(Issuer, chain[0])
	d.VerificationMethod = append(d.VerificationMethod, did.VerificationMethod{ID: id, Type: did.TypeJSONWebKey, Controller: Issuer, PublicKeyJWK: &jwk, X5C: jose.EncodeX5C(chain)})
	d.AssertionMethod = append(d.AssertionMethod, did.Reference{ID: id})
}

// Carried is a credential of any format in a wallet.
type Carried struct {
	Format     format.Format
	Credential jsontext.Value
	Key        *ecdsa.PrivateKey
	Ref        status.Ref
}

// IssueAs issues the test credential in a format; change alters it before it is
// sealed.
func (w *World) IssueAs(id credential.Format, change ...func(*format.Copy)) Carried {
	w.T.Helper()
	return w.IssueAsWith(id, w.seals, change...)
}

// IssueAsWith issues with another seal.
func (w *World) IssueAsWith(id credential.Format, sealer *seal.Sealer, change ...func(*format.Copy)) Carried {
	w.T.Helper()
	h := Carried{Format: format.By(string(id)), Key: NewKey()}
	var err error
	h.Ref, err = w.Statuses.Allocate(w.T.Context())
	w.must(err)
	holder, err := jose.PublicJWK(h.Key.Public())
	w.must(err)
	kind := format.Type{
		Issuer: Issuer, Address: VCT, Chain: sealer.Chain(), Integrity: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
		Metadata: sdjwt.TypeMetadata{VCT: VCT, Claims: []sdjwt.ClaimMetadata{{Path: credential.Path{"title"}, SD: sdjwt.SDAlways}, {Path: credential.Path{"level"}, SD: sdjwt.SDAlways}}},
	}
	claims := Claims
	switch id {
	case credential.FormatMdoc:
		kind.Definition = []byte(documentType)
	case credential.FormatJWT, credential.FormatLDP:
		kind.Document, claims = led.ELM(), diploma
	}
	if id == credential.FormatLDP && !slices.Contains(w.sealers, sealer) {
		w.sealers = append(w.sealers, sealer)
	}
	t, err := h.Format.Compile(kind)
	w.must(err)
	c := format.Copy{
		ID: "urn:uuid:" + uuid.NewString(), Subject: "urn:uuid:" + uuid.NewString(), IssuedAt: w.Now(), NotBefore: w.Now(), Expires: w.Now().Add(24 * time.Hour),
		Holder: holder, Status: h.Ref, Claims: []byte(claims),
	}
	if id.W3C() {
		c.Entries, err = w.Statuses.Entries(w.T.Context(), h.Ref)
		w.must(err)
	}
	for _, f := range change {
		f(&c)
	}
	d, err := t.Prepare(c, nil)
	w.must(err)
	h.Credential, err = d.Seal(sealer)
	w.must(err)
	return h
}

// PresentAs makes a presentation of the paths; change alters what it is bound to.
func (a Asked) PresentAs(h Carried, paths []credential.Path, change ...func(*format.Binding)) jsontext.Value {
	a.W.T.Helper()
	held, err := h.Format.Open(h.Credential)
	a.W.must(err)
	b := format.Binding{
		Session: format.Session{Nonce: string(a.Nonce), Audience: a.PresentTo(), ResponseURI: a.ResponseURI, Encryption: a.EncryptionKey()},
		Signer:  h.Key, IssuedAt: a.W.Now(),
	}
	for _, f := range change {
		f(&b)
	}
	p, err := held.Present(paths, &b)
	a.W.must(err)
	return p
}

// FormOf encrypts a response with these presentations.
func (a Asked) FormOf(presentations ...jsontext.Value) url.Values {
	a.W.T.Helper()
	return a.Encrypt(oid4vp.Response{VPToken: oid4vp.VPToken{a.DCQLQuery.Credentials[0].ID: presentations}, State: a.State})
}
