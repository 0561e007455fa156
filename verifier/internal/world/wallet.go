package world

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/verifier"
)

// Canaries are claim values: none may stand in a file or a log.
var Canaries = []string{"CANARY-TITLE", "CANARY-FAMILY", "CANARY-GIVEN", "CANARY-TAG", "CANARY-SUBJECT"}

// Claims of the test credential.
const Claims = `{"title":"CANARY-TITLE","level":6,"person":{"family_name":"CANARY-FAMILY","given_name":"CANARY-GIVEN"},` +
	`"tags":["CANARY-TAG-1","CANARY-TAG-2"],"subjects":[{"name":"CANARY-SUBJECT","points":3}]}`

// Held is a credential in a wallet.
type Held struct {
	Text string
	Key  *ecdsa.PrivateKey
	Ref  status.Ref
}

// Issue issues the test credential; change alters it before it is sealed.
func (w *World) Issue(change ...func(*sdjwt.Credential)) Held {
	w.T.Helper()
	return w.IssueWith(w.seals, change...)
}

// IssueWith issues with another seal.
func (w *World) IssueWith(sealer *seal.Sealer, change ...func(*sdjwt.Credential)) Held {
	w.T.Helper()
	h := Held{Key: NewKey()}
	var err error
	h.Ref, err = w.Statuses.Allocate(w.T.Context())
	w.must(err)
	holder, err := jose.PublicJWK(h.Key.Public())
	w.must(err)
	c := sdjwt.Credential{
		Issuer: Issuer, Type: VCT, Category: sdjwt.CategoryPubEAA, ID: "urn:uuid:" + uuid.NewString(), Subject: "urn:uuid:" + uuid.NewString(),
		IssuedAt: w.Now(), NotBefore: w.Now(), Expires: w.Now().Add(24 * time.Hour), Holder: holder,
		Status: sdjwt.StatusList{Index: h.Ref.Index, URI: h.Ref.URI}, Claims: []byte(Claims),
		TypeIntegrity: "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	}
	for _, f := range change {
		f(&c)
	}
	t, err := template(c.Type, sealer)
	w.must(err)
	d, err := t.Prepare(c, nil)
	w.must(err)
	h.Text, err = d.Seal(sealer)
	w.must(err)
	return h
}

// Stranger is a seal of an authority that nobody trusts.
func (w *World) Stranger() *seal.Sealer {
	w.T.Helper()
	h, err := devca.New(devca.Options{Now: w.Now(), Issuer: Issuer})
	w.must(err)
	s, err := h.Sealer("", w.Now)
	w.must(err)
	return s
}

// Anchored validates access certificates, as a wallet does.
type Anchored struct{ W *World }

// VerifyChain implements oid4vp.ChainVerifier.
func (a Anchored) VerifyChain(_ context.Context, chain []*x509.Certificate, at time.Time) error {
	_, err := a.W.Trust.Certificates(chain, trust.UseAccessCertificate, at)
	return err
}

// Object fetches a request object without reading it.
func (w *World) Object(s verifier.Started) (string, error) {
	return w.Verifier.RequestObject(w.T.Context(), Last(s.RequestURI), oid4vp.RequestURIPost{})
}

// Asked is a request that a wallet read.
type Asked struct {
	oid4vp.Verified
	Registration oid4vp.Registration
	W            *World
}

// Read checks a request object as a wallet must.
func (w *World) Read(object, clientID, walletNonce string) Asked {
	w.T.Helper()
	v, err := oid4vp.VerifyRequest(w.T.Context(), object, oid4vp.Verification{ClientID: clientID, WalletNonce: walletNonce, Chain: Anchored{w}, Now: w.Now()})
	w.must(err)
	text, err := v.RegistrationIn()
	w.must(err)
	r, err := oid4vp.VerifyRegistration(text, w.Registrars(), v.Chain[0], w.Now())
	w.must(err)
	w.must(r.Covers(*v.DCQLQuery))
	return Asked{Verified: v, Registration: r, W: w}
}

// Fetch fetches and reads the request object of a started transaction.
func (w *World) Fetch(s verifier.Started) Asked {
	w.T.Helper()
	in, err := oid4vp.ParseLink(s.Link)
	w.must(err)
	object, err := w.Verifier.RequestObject(w.T.Context(), Last(in.RequestURI), oid4vp.RequestURIPost{WalletNonce: "wallet-nonce"})
	w.must(err)
	return w.Read(object, in.ClientID, "wallet-nonce")
}

// Browser reads a request that came over the Digital Credentials API from a
// page.
func (w *World) Browser(d oid4vp.DCRequest, origin string, prefixes ...oid4vp.Prefix) (Asked, error) {
	v, err := oid4vp.VerifyDC(w.T.Context(), d.Protocol, d.Data, oid4vp.Verification{Origin: origin, Chain: Anchored{w}, Now: w.Now(), Prefixes: prefixes})
	return Asked{Verified: v, W: w}, err
}

// DC is what the Digital Credentials API gives back for a presentation of the
// first credential query.
func (a Asked) DC(texts ...string) []byte {
	a.W.T.Helper()
	d, err := oid4vp.Response{VPToken: oid4vp.VPToken{a.DCQLQuery.Credentials[0].ID: oid4vp.Presentations(texts...)}}.DC(a.Request)
	a.W.must(err)
	b, err := jose.Marshal(d)
	a.W.must(err)
	return b
}

// Binding is how a wallet binds its presentation; tests alter it.
type Binding struct {
	sdjwt.KeyBinding
	None bool
}

// Present makes a presentation of the paths.
func (a Asked) Present(h Held, paths []credential.Path, change ...func(*Binding)) string {
	a.W.T.Helper()
	sd, err := sdjwt.Parse(h.Text)
	a.W.must(err)
	b := Binding{KeyBinding: sdjwt.KeyBinding{Signer: h.Key, Nonce: string(a.Nonce), Audience: a.PresentTo(), IssuedAt: a.W.Now()}}
	for _, f := range change {
		f(&b)
	}
	var own []sdjwt.Path
	for _, p := range paths {
		own = append(own, sdjwt.Path(p))
	}
	sel, err := sd.Disclose(own)
	a.W.must(err)
	kb := &b.KeyBinding
	if b.None {
		kb = nil
	}
	text, err := sd.Present(sel, kb)
	a.W.must(err)
	return text
}

// Paths are what the first credential query asks for.
func (a Asked) Paths() []credential.Path { return a.DCQLQuery.Credentials[0].Asked() }

// Form encrypts a response with one presentation for each text.
func (a Asked) Form(texts ...string) url.Values {
	a.W.T.Helper()
	return a.Encrypt(oid4vp.Response{VPToken: oid4vp.VPToken{a.DCQLQuery.Credentials[0].ID: oid4vp.Presentations(texts...)}, State: a.State})
}

// Encrypt encrypts any response.
func (a Asked) Encrypt(r oid4vp.Response) url.Values {
	a.W.T.Helper()
	f, err := r.Encrypt(a.ClientMetadata)
	a.W.must(err)
	return f
}

// Secret is the response secret.
func (a Asked) Secret() string { return Last(a.ResponseURI) }

// Last is the last part of an address.
func Last(uri string) string {
	for i := len(uri) - 1; i >= 0; i-- {
		if uri[i] == '/' {
			return uri[i+1:]
		}
	}
	return uri
}

func certs(p devca.Pair) []*x509.Certificate { return []*x509.Certificate{p.Certificate} }
