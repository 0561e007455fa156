package world

import (
	"crypto/ecdsa"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
)

// Doctype is the document type of the test credential, and its namespace.
const Doctype = "example.diploma.1"

const documentType = `{"doctype":"` + Doctype + `","namespaces":[{"name":"` + Doctype + `","elements":[
  {"identifier":"title","type":"tstr"},{"identifier":"level","type":"uint"},{"identifier":"person"},{"identifier":"tags"},{"identifier":"subjects"}]}]}`

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
	if id == credential.FormatMdoc {
		kind.Definition = []byte(documentType)
	}
	t, err := h.Format.Compile(kind)
	w.must(err)
	c := format.Copy{
		ID: "urn:uuid:" + uuid.NewString(), Subject: "urn:uuid:" + uuid.NewString(), IssuedAt: w.Now(), NotBefore: w.Now(), Expires: w.Now().Add(24 * time.Hour),
		Holder: holder, Status: h.Ref, Claims: []byte(Claims),
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
