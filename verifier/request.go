package verifier

import (
	"context"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential"
	"github.com/zegel-id/zegel/credential/format"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// Algorithms that are offered, and the only ones that are taken (OpenID4VP 1.0,
// Appendix B.3.4).
var (
	issuerAlgs = []jose.Alg{jose.ES256, jose.ES384}
	holderAlgs = []jose.Alg{jose.ES256, jose.ES384}
	encs       = []string{jose.A256GCM, jose.A128GCM}
)

// maxWalletNonce bounds what is echoed into a signed object.
const maxWalletNonce = 512

// RequestObject gives the signed request object of a request address, once.
// post is what a wallet posted, empty with GET: its nonce is echoed, and the
// object is encrypted when it sent keys for that (OpenID4VP 1.0, Section 5.10).
func (v *Verifier) RequestObject(ctx context.Context, secret string, post oid4vp.RequestURIPost) (string, error) {
	if !urlSafe(string(post.WalletNonce)) || len(post.WalletNonce) > maxWalletNonce {
		return "", &Error{Err: ErrRequest, Field: "wallet_nonce", Detail: "must be up to 512 URL-safe characters", Spec: "OpenID4VP 1.0, Section 5.10"}
	}
	// Step 1. A live request that was not fetched.
	r, err := v.requested(ctx, secret)
	if err != nil {
		return "", err
	}
	// Step 2. The receiver still is admitted and still may ask this.
	e, err := v.still(v.entitled(r.Receiver, r.Use, r.Query))
	if err != nil {
		return "", err
	}
	if e.access.clientID() != r.ClientID {
		return "", &Error{Err: ErrExpired, Detail: "the receiver's access certificate was replaced", Remedy: "Start a new transaction."}
	}
	if r.policy, err = v.judging(r.exchange); err != nil {
		return "", err
	}
	// Step 3. Sign, with the registration certificate of the use inside.
	signed, err := v.sign(r, e, post.WalletNonce)
	if err != nil {
		return "", err
	}
	object, err := post.WalletMetadata.Encrypt(signed)
	if err != nil {
		return "", &Error{Err: ErrRequest, Detail: "the request object cannot be encrypted as asked", Cause: err}
	}
	// Step 4. Hand it out once (Section 5.10; 13.3, step 3).
	if err := r.fetch(ctx, v, signed); err != nil {
		return "", err
	}
	return object, nil
}

func (v *Verifier) sign(r requested, e entitlement, walletNonce oid4vp.Secret) (string, error) {
	by := v.c.Registrar.Key()
	certificate, err := e.registration.Sign(by.Signer, by.Chain)
	if err != nil {
		return "", err
	}
	metadata, err := clientMetadata(r.exchange, r.Key)
	if err != nil {
		return "", err
	}
	return e.access.signRequest(oid4vp.Request{
		ClientID: r.ClientID, ResponseType: oid4vp.ResponseTypeVPToken, ResponseMode: r.mode(oid4vp.ModeDirectPostJWT),
		ResponseURI: r.ResponseURI, Nonce: r.Nonce, State: r.State, WalletNonce: walletNonce, Audience: oid4vp.AudienceSelfIssued,
		IssuedAt: jose.Date(v.c.Now()), Expires: jose.Date(r.Expires), DCQLQuery: &r.Query, ClientMetadata: metadata,
		VerifierInfo: []oid4vp.VerifierInfo{oid4vp.Info(certificate)}, TransactionData: r.Transactions,
	}, r.options()...)
}

func urlSafe(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '~') {
			return false
		}
	}
	return true
}

// mode is the response mode: the encrypted one, but for answers in clear.
func (x exchange) mode(encrypted string) string {
	if x.InClear {
		return strings.TrimSuffix(encrypted, ".jwt")
	}
	return encrypted
}

func (x exchange) options() []oid4vp.Option {
	if x.InClear {
		return []oid4vp.Option{oid4vp.AnswerInClear}
	}
	return nil
}

// checkClear refuses an answer in clear that is not allowed, or that nothing
// but encryption would tie to its request.
func (v *Verifier) checkClear(o Order, q oid4vp.Query) error {
	switch {
	case !o.InClear:
		return nil
	case !v.c.InsecureAnswersInClear:
		return &Error{Err: ErrRequest, Field: "answer_in_clear", Detail: "is not allowed here", Spec: "HAIP 1.0, Section 5", Remedy: "Leave it out, or have the operator allow it."}
	case q.StateRequired():
		return &Error{Err: ErrRequest, Field: "answer_in_clear", Detail: "needs credentials that are bound to their holder", Spec: "OpenID4VP 1.0, Section 5.3"}
	default:
		return nil
	}
}

func clientMetadata(x exchange, key jose.JWK) (*oid4vp.ClientMetadata, error) {
	supported := map[credential.Format]jsontext.Value{}
	for _, f := range x.policy.Formats {
		supported[f] = oid4vp.Supported{Issuer: algs(x.policy, issuerAlgs), Holder: algs(x.policy, holderAlgs), Suites: format.Cryptosuites()}.Entry(f)
	}
	words := map[string]any{"vp_formats_supported": supported}
	if !x.InClear {
		words["jwks"], words["encrypted_response_enc_values_supported"] = map[string]any{"keys": []jose.JWK{key}}, encs
	}
	b, err := jose.Marshal(words)
	if err != nil {
		return nil, err
	}
	// wire.JWKS cannot be named here, so the words are read rather than built.
	var m oid4vp.ClientMetadata
	return &m, jose.Unmarshal(b, &m)
}
