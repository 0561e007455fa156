package unit

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// Read reads the request behind a link and checks who asks and whether they
// may, by the rule of p.Trust. Nothing is sent but the request for a request
// object. An error that is an *oid4vp.Rejection may be told to its sender with
// Tell.
func (p Presentation) Read(ctx context.Context, link string) (Asked, error) {
	in, err := oid4vp.ParseLink(link, p.Words...)
	if err != nil {
		return Asked{}, err
	}
	if in.RequestURI == "" && !p.Trust.open() {
		return Asked{}, fmt.Errorf("%w: the request stands in the link itself, where nothing shows that it is fresh; ask the receiver for one with request_uri (OpenID4VP 1.0, Section 5.10)", ErrReceiver)
	}
	v := p.verification("")
	v.ClientID = in.ClientID
	var out oid4vp.Verified
	switch {
	case in.Parameters != "":
		out, err = oid4vp.VerifyUnsigned([]byte(in.Parameters), v)
	case in.Request != "":
		out, err = p.verify(ctx, in.Request, v)
	default:
		var object string
		if object, v.WalletNonce, err = p.object(ctx, in); err != nil {
			return Asked{}, err
		}
		out, err = p.verify(ctx, object, v)
	}
	return p.admit(ctx, out, err)
}

// ReadDC does the same for a request over the Digital Credentials API: its
// protocol, its data, and the origin that the platform vouches for (OpenID4VP
// 1.0, Appendix A).
func (p Presentation) ReadDC(ctx context.Context, protocol string, data []byte, origin string) (Asked, error) {
	if protocol == oid4vp.ProtocolUnsigned && !p.Trust.open() {
		return Asked{}, fmt.Errorf("%w: the request is not signed, so that nobody vouches for who asks", ErrReceiver)
	}
	out, err := oid4vp.VerifyDC(ctx, protocol, data, p.verification(origin))
	return p.admit(ctx, out, err)
}

func (p Presentation) verification(origin string) oid4vp.Verification {
	return oid4vp.Verification{
		Origin: origin, Prefixes: p.Trust.prefixes(), Modes: p.Trust.modes(origin), Chain: p.Chain, DIDs: p.DIDs, Attesters: p.Attesters, Clients: p.Clients,
		Now: p.Now(), Options: p.Words,
	}
}

// verify takes a request object without a signature only where a link without
// one would do as well.
func (p Presentation) verify(ctx context.Context, object string, v oid4vp.Verification) (oid4vp.Verified, error) {
	if parameters, ok := oid4vp.UnsignedObject(object); ok && p.Trust.open() {
		return oid4vp.VerifyUnsigned(parameters, v)
	}
	return oid4vp.VerifyRequest(ctx, object, v)
}

// admit decides whether a receiver that is known may ask this.
func (p Presentation) admit(ctx context.Context, v oid4vp.Verified, err error) (Asked, error) {
	if err != nil {
		return Asked{}, p.heard(ctx, err)
	}
	a := Asked{Verified: v}
	if a.Transactions, err = v.Transactions(); err != nil {
		return Asked{}, err
	}
	a.Registration, err = p.registration(ctx, v)
	if err != nil && !p.Trust.open() {
		return Asked{}, fmt.Errorf("%w: %w", ErrReceiver, err)
	}
	// No format that this unit can hold: that says nothing about what it holds.
	if !slices.ContainsFunc(v.DCQLQuery.Credentials, func(c oid4vp.CredentialQuery) bool { return format.By(c.Format) != nil }) {
		return Asked{}, &oid4vp.Rejection{Sender: v, Err: &oid4vp.Error{
			Code: oid4vp.VPFormatsNotSupported, Field: "dcql_query", Detail: "asks for no format that this wallet has; it has " + known(), Spec: "OpenID4VP 1.0, Section 8.5",
		}}
	}
	a.read = true
	return a, nil
}

// heard lets a rejection be told only to a sender that may ask at all: by the
// rule of the register nobody else learns that there is a wallet, whatever is
// wrong with what they sent (OpenID4VP 1.0, Sections 15.1 and 15.9).
func (p Presentation) heard(ctx context.Context, err error) error {
	var r *oid4vp.Rejection
	if p.Trust.open() || !errors.As(err, &r) {
		return err
	}
	known, refused := p.certified(r.Sender)
	if refused == nil {
		refused = p.Register.Admitted(ctx, known.Receiver)
	}
	if refused != nil {
		// In words only: as a cause the rejection could be told.
		return fmt.Errorf("%w: %w; besides, %s", ErrReceiver, refused, err.Error())
	}
	return err
}

// registration holds the receiver against the register: its registration
// certificate, the query within it, and that it is admitted now.
func (p Presentation) registration(ctx context.Context, v oid4vp.Verified) (oid4vp.Registration, error) {
	r, err := p.certified(v)
	if err != nil {
		return oid4vp.Registration{}, err
	}
	if err := r.Covers(*v.DCQLQuery); err != nil {
		return oid4vp.Registration{}, err
	}
	if err := p.Register.Admitted(ctx, r.Receiver); err != nil {
		return oid4vp.Registration{}, err
	}
	return r, nil
}

// certified is the registration certificate that came with a request.
func (p Presentation) certified(v oid4vp.Verified) (oid4vp.Registration, error) {
	if len(v.Chain) == 0 || p.Register == nil {
		return oid4vp.Registration{}, errors.New("the receiver has no access certificate, and only those are in the register")
	}
	text, err := v.RegistrationIn()
	if err != nil {
		return oid4vp.Registration{}, err
	}
	return oid4vp.VerifyRegistration(text, p.Registrars, v.Chain[0], p.Now())
}

// requestEncryption is how a request object may be encrypted to the unit.
var requestEncryption = []string{jose.A256GCM, jose.A128GCM}

// object fetches the request object. Where the verifier takes a POST it gets a
// nonce of ours, what this wallet can do, and a key for this request alone to
// encrypt the object to (OpenID4VP 1.0, Section 5.10).
func (p Presentation) object(ctx context.Context, in oid4vp.Invocation) (object, walletNonce string, err error) {
	if in.Method != "post" {
		object, err := p.ask(ctx, http.MethodGet, in.RequestURI, nil)
		return object, "", err
	}
	var b [32]byte
	if _, err := io.ReadFull(p.Random, b[:]); err != nil {
		return "", "", err
	}
	walletNonce = jose.Encode(b[:])
	key, err := ecdsa.GenerateKey(elliptic.P256(), p.Random)
	if err != nil {
		return "", "", err
	}
	metadata, err := p.metadata(in.ClientID, key)
	if err != nil {
		return "", "", err
	}
	form, err := oid4vp.RequestURIPost{WalletNonce: oid4vp.Secret(walletNonce), WalletMetadata: metadata}.Form()
	if err != nil {
		return "", "", err
	}
	if object, err = p.ask(ctx, http.MethodPost, in.RequestURI, []byte(form.Encode())); err != nil {
		return "", "", err
	}
	object, err = oid4vp.OpenObject(object, key, requestKey, requestEncryption...)
	return object, walletNonce, err
}

// requestKey is the kid of the key that a request object may be encrypted to.
const requestKey = "request-1"

// metadata says what this wallet can do, and nothing that tells one wallet
// from another (OpenID4VP 1.0, Sections 5.10 and 10).
func (p Presentation) metadata(clientID string, key *ecdsa.PrivateKey) (*oid4vp.WalletMetadata, error) {
	jwk, err := jose.PublicJWK(key.Public())
	if err != nil {
		return nil, err
	}
	jwk.Kid, jwk.Alg, jwk.Use = requestKey, "ECDH-ES", "enc"
	formats := map[credential.Format]oid4vp.Supported{}
	for _, id := range format.IDs() {
		formats[id] = oid4vp.Supported{Issuer: []jose.Alg{jose.ES256, jose.ES384}, Holder: []jose.Alg{jose.ES256}, Suites: format.Cryptosuites()}
	}
	m := oid4vp.NewWalletMetadata(formats, p.verification("").Prefixes, clientID)
	m.JWKS = &oid4vp.JWKS{Keys: []jose.JWK{jwk}}
	m.RequestObjectEncryptionEncValues = requestEncryption
	return m, nil
}

// userAgent says no more than the request does: receivers must not tell wallets
// or their software apart (OpenID4VP 1.0, Sections 15.6 and 15.8).
const userAgent = "wallet"

func (p Presentation) ask(ctx context.Context, method, address string, form []byte) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(form))
	if err != nil {
		return "", err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	}
	req.Header.Set("Accept", oid4vp.MediaTypeRequest)
	req.Header.Set("User-Agent", userAgent)
	b, _, err := send(p.HTTP, req)
	if err != nil {
		return "", fmt.Errorf("fetching the request: %w", err)
	}
	return string(bytes.TrimSpace(b)), nil
}
