package unit_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/sdjwt"
	"github.com/zegel-id/zegel/holder/unit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/seal/trust/devca"
)

const receiverNumber = "NTRBE-0999999823"

// receiver is a verifier that can also do everything it must not.
type receiver struct {
	t   testing.TB
	a   *authority
	net *network
	key *ecdsa.PrivateKey // of the access certificate
	// chain is its access certificate, dns the name in it.
	chain []*x509.Certificate
	enc   *ecdsa.PrivateKey // of this request

	request      oid4vp.Request
	registration oid4vp.Registration
	// header and payload change the request object before it is signed,
	// register the published register.
	header, payload, register func(m)
	noRegistration            bool
	registrar, publisher      crypto.Signer               // of the registration certificate, and of the register
	published                 func(w http.ResponseWriter) // instead of the register
	object                    func(string) string         // after signing
	encrypt                   bool                        // the object, to the key that was posted
	encryptTo                 func(k *jose.JWK)           // changes that key
	// answer replies to what is posted to the response URI.
	answer func(w http.ResponseWriter)

	mu     sync.Mutex
	posted []url.Values
}

// newReceiver admits a receiver that asks for the title.
func newReceiver(t testing.TB, a *authority, n *network) *receiver {
	t.Helper()
	r := &receiver{t: t, a: a, net: n, key: newKey(t), enc: newKey(t), registrar: a.Registrar.Key, publisher: a.Registrar.Key}
	r.certify("receiver.example")
	jwk := must(jose.PublicJWK(r.enc.Public()))(t)
	jwk.Kid, jwk.Alg, jwk.Use = "one-time-key", "ECDH-ES", "enc"
	r.request = oid4vp.Request{
		ClientID: oid4vp.HashClientID(r.chain[0]), ResponseType: oid4vp.ResponseTypeVPToken, ResponseMode: oid4vp.ModeDirectPostJWT,
		ResponseURI: "https://receiver.example/response/s3cr3t", Nonce: "nonce-nonce-nonce-nonce-1", State: "state-state-state-state-1",
		Audience: oid4vp.AudienceSelfIssued, IssuedAt: jose.Date(at), Expires: jose.Date(at.Add(5 * time.Minute)),
		ClientMetadata: &oid4vp.ClientMetadata{JWKS: &oid4vp.JWKS{Keys: []jose.JWK{jwk}}, EncValuesSupported: []string{"A128GCM", "A256GCM"}},
	}
	r.ask(`{"credentials":[{"id":"q","format":"dc+sd-jwt","meta":{"vct_values":["` + vct + `"]},"claims":[{"path":["title"]}]}]}`)
	n.hosts["receiver.example"], n.hosts["register.example"] = http.HandlerFunc(r.serve), http.HandlerFunc(r.serveRegister)
	return r
}

// certify gets an access certificate with a DNS name, and the registration for
// it.
func (r *receiver) certify(dns string) {
	r.t.Helper()
	leaf := must(r.a.IssueAccess(r.key.Public(), devca.AccessRequest{Organization: "Receiver (TEST)", Registration: receiverNumber, DNSNames: []string{dns}}, at.Add(-time.Hour)))(r.t)
	r.chain = []*x509.Certificate{leaf}
	var registered []oid4vp.RegisteredClaim
	for _, p := range []credential.Path{{"title"}, {"level"}, {"person"}, {"tags"}, {"subjects"}} {
		registered = append(registered, oid4vp.RegisteredClaim{Path: p})
	}
	r.registration = oid4vp.Registration{
		Registrar: "https://registrar.example", Receiver: receiverNumber, Name: "Receiver (TEST)", Country: "BE", Certificate: jose.X5TS256(leaf),
		IntendedUse: "enrolment", Purpose: []oid4vp.Localized{{Lang: "nl", Value: "Inschrijven"}, {Lang: "en", Value: "Enrol"}}, LegalBasis: "Codex, art. 1 (TEST)",
		PrivacyPolicy: "https://receiver.example/privacy", IssuedAt: jose.Date(at), Expires: jose.Date(at.Add(time.Hour)),
		Credentials: []oid4vp.RegisteredCredential{{Format: "dc+sd-jwt", Meta: oid4vp.Meta{VCTValues: []string{vct, otherVCT}}, Claims: registered}},
	}
}

func (r *receiver) ask(query string) {
	r.t.Helper()
	q := must(oid4vp.ParseQuery([]byte(query)))(r.t)
	r.request.DCQLQuery = &q
}

func (r *receiver) serve(w http.ResponseWriter, in *http.Request) {
	if err := in.ParseForm(); err != nil {
		r.t.Error(err)
	}
	switch {
	case in.URL.Path == "/request":
		w.Header().Set("Content-Type", oid4vp.MediaTypeRequest)
		_, _ = w.Write([]byte(r.sealed(in.PostForm, r.sign(in.PostForm.Get("wallet_nonce")))))
	case in.URL.Path == "/response/s3cr3t" && in.Method == http.MethodPost:
		r.mu.Lock()
		r.posted = append(r.posted, in.PostForm)
		r.mu.Unlock()
		if r.answer != nil {
			r.answer(w)
			return
		}
		answerJSON(w, http.StatusOK, m{})
	default:
		r.t.Errorf("%s %s was asked", in.Method, in.URL)
	}
}

// sealed encrypts a request object to the wallet that asks for it.
func (r *receiver) sealed(form url.Values, object string) string {
	if !r.encrypt {
		return object
	}
	p := must(oid4vp.ParseRequestURIPost(form))(r.t)
	if r.encryptTo != nil {
		r.encryptTo(&p.WalletMetadata.JWKS.Keys[0])
	}
	return must(p.WalletMetadata.Encrypt(object))(r.t)
}

func (r *receiver) sign(walletNonce string) string {
	q := r.request
	q.WalletNonce = oid4vp.Secret(walletNonce)
	if !r.noRegistration {
		q.VerifierInfo = []oid4vp.VerifierInfo{oid4vp.Info(must(r.registration.Sign(r.registrar, nil))(r.t))}
	}
	var payload m
	if err := jose.Unmarshal(must(jose.Marshal(q))(r.t), &payload); err != nil {
		r.t.Fatal(err)
	}
	header := m{"alg": "ES256", "typ": oid4vp.TypRequest, "x5c": jose.EncodeX5C(r.chain)}
	if r.header != nil {
		r.header(header)
	}
	if r.payload != nil {
		r.payload(payload)
	}
	object := must(jose.SignCompact(r.key, header, must(jose.Marshal(payload))(r.t)))(r.t)
	if r.object != nil {
		object = r.object(object)
	}
	return object
}

func (r *receiver) serveRegister(w http.ResponseWriter, _ *http.Request) {
	if r.published != nil {
		r.published(w)
		return
	}
	doc := m{
		"iss": "https://registrar.example", "iat": at.Unix(), "exp": at.Add(time.Hour).Unix(),
		"receivers": []any{m{"id": "r", "registration": receiverNumber, "status": "admitted"}, m{"id": "o", "registration": "NTRBE-0999999724", "status": "suspended"}},
	}
	if r.register != nil {
		r.register(doc)
	}
	_, _ = w.Write([]byte(must(jose.SignCompact(r.publisher, m{"alg": "ES256", "typ": "receivers-register+jwt"}, must(jose.Marshal(doc))(r.t)))(r.t)))
}

func (r *receiver) link(method string) string {
	return oid4vp.Link(r.request.ClientID, "https://receiver.example/request", method)
}

// wallet is a wallet unit that agrees as it is told.
func (r *receiver) wallet(consent func(unit.Consent) (bool, error)) unit.Presentation {
	keys := []crypto.PublicKey{r.a.Registrar.Certificate.PublicKey, r.a.NextRegistrar.Certificate.PublicKey}
	return unit.Presentation{
		HTTP: r.net, Now: now, Random: rand.Reader, Chain: r.a, Registrars: keys, Languages: []string{"fr", "en"},
		Register: unit.PublishedRegister{URL: "https://register.example/receivers.jwt", HTTP: r.net, Registrars: keys, Now: now},
		Consent:  func(_ context.Context, c unit.Consent) (bool, error) { return consent(c) },
	}
}

// deterministic is no random source, so that two runs can be compared.
type deterministic struct{}

func (deterministic) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 7
	}
	return len(b), nil
}

func yes(unit.Consent) (bool, error) { return true, nil }

// read reads the request.
func (r *receiver) read(p unit.Presentation) unit.Asked {
	r.t.Helper()
	return must(p.Read(r.t.Context(), r.link("post")))(r.t)
}

// opened is the last response, decrypted and parsed.
func (r *receiver) opened() oid4vp.Response {
	r.t.Helper()
	return must(oid4vp.ParseResponse(r.plain(), *r.request.DCQLQuery))(r.t)
}

// plain is the last response, decrypted.
func (r *receiver) plain() []byte {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.posted) == 0 {
		r.t.Fatal("nothing was posted")
	}
	form := must(oid4vp.ParseForm(r.posted[len(r.posted)-1]))(r.t)
	return must(form.Open(r.enc, "one-time-key", "A128GCM", "A256GCM"))(r.t)
}

// verified holds every presentation of a query against seal and binding.
func (r *receiver) verified(res oid4vp.Response, query string) (out []*sdjwt.Verified) {
	r.t.Helper()
	for _, v := range res.VPToken[query] {
		text, _ := oid4vp.Text(v)
		out = append(out, must(sdjwt.Verify(text, sdjwt.Policy{
			Now: at, Nonce: string(r.request.Nonce), Audience: r.request.ClientID,
			IssuerKey: func(*jose.Token, sdjwt.Unverified) (crypto.PublicKey, error) { return r.a.Seal.Key.Public(), nil },
		}))(r.t))
	}
	return out
}
