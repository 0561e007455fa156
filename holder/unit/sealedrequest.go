package unit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"mime"
	"net/http"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// encryption of what is said at the credential endpoint, both ways or neither:
// an encrypted answer needs an encrypted request (OpenID4VCI 1.0, Section 8.2).
type encryption struct {
	asked *oid4vci.ResponseEncryption
	key   *ecdsa.PrivateKey
}

// encrypts reports whether both ways can be encrypted with this issuer.
func encrypts(m oid4vci.CredentialIssuerMetadata) bool {
	if m.CredentialRequestEncryption == nil || m.CredentialResponseEncryption == nil {
		return false
	}
	_, _, ok := m.CredentialRequestEncryption.RequestKey()
	return ok && m.CredentialResponseEncryption.Usable()
}

// exchange sends a credential request and returns the response, encrypted both
// ways where the issuer offers it: what ends TLS in front of an issuer need not
// read credentials. A plain answer to a request for an encrypted one is not
// taken.
func (s Issuance) exchange(ctx context.Context, o Offered, token oid4vci.TokenResponse, r oid4vci.CredentialRequest) ([]byte, error) {
	if !encrypts(o.Metadata) {
		body, err := jose.Marshal(r)
		if err != nil {
			return nil, err
		}
		return s.post(ctx, o.Metadata.CredentialEndpoint, "application/json", string(token.AccessToken), body)
	}
	e := encryption{}
	var err error
	if e.key, err = ecdsa.GenerateKey(elliptic.P256(), s.Random); err != nil {
		return nil, err
	}
	if e.asked, err = o.Metadata.NewResponseEncryption(&e.key.PublicKey, "response"); err != nil {
		return nil, err
	}
	r.CredentialResponseEncryption = e.asked
	jwe, err := o.Metadata.EncryptRequest(r)
	if err != nil {
		return nil, err
	}
	b, h, err := s.postFor(ctx, o.Metadata.CredentialEndpoint, oid4vci.MediaTypeJWT, string(token.AccessToken), []byte(jwe))
	if err != nil {
		return nil, err
	}
	return e.open(h, b)
}

func (e encryption) open(h http.Header, body []byte) ([]byte, error) {
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || kind != oid4vci.MediaTypeJWT {
		return nil, fmt.Errorf("%w: the answer is not encrypted although it had to be (OpenID4VCI 1.0, Section 10)", ErrCredential)
	}
	plain, err := oid4vci.OpenResponse(body, e.key, *e.asked)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCredential, err)
	}
	return plain, nil
}
