package unit

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"io"
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

// exchange sends a credential request or a deferred one and returns the
// response, encrypted both ways where the issuer offers it: what ends TLS in
// front of an issuer need not read credentials. A plain answer to a request for
// an encrypted one is not taken. Each request has an encryption key of its own
// (OpenID4VCI 1.0, Sections 8.2 and 9.1).
func (l *line) exchange(ctx context.Context, v *Vault, address string, request func(*oid4vci.ResponseEncryption) (any, error)) ([]byte, error) {
	if !encrypts(l.metadata) {
		r, err := request(nil)
		if err != nil {
			return nil, err
		}
		body, err := jose.Marshal(r)
		if err != nil {
			return nil, err
		}
		b, h, err := l.ask(ctx, v, message{to: resource, address: address, mediaType: "application/json", body: body})
		if err == nil && isJWT(h) {
			err = fmt.Errorf("%w: the answer is encrypted although nothing said to whom (OpenID4VCI 1.0, Section 10)", ErrCredential)
		}
		return b, err
	}
	e := encryption{}
	var err error
	if e.key, err = newP256(l.s.Random); err != nil {
		return nil, err
	}
	if e.asked, err = l.metadata.NewResponseEncryption(&e.key.PublicKey, "response"); err != nil {
		return nil, err
	}
	r, err := request(e.asked)
	if err != nil {
		return nil, err
	}
	jwe, err := l.metadata.EncryptRequest(r)
	if err != nil {
		return nil, err
	}
	b, h, err := l.ask(ctx, v, message{to: resource, address: address, mediaType: oid4vci.MediaTypeJWT, body: []byte(jwe)})
	if err != nil {
		return nil, err
	}
	return e.open(h, b)
}

func newP256(random io.Reader) (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), random)
}

func isJWT(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == oid4vci.MediaTypeJWT
}

func (e encryption) open(h http.Header, body []byte) ([]byte, error) {
	if !isJWT(h) {
		return nil, fmt.Errorf("%w: the answer is not encrypted although it had to be (OpenID4VCI 1.0, Section 10)", ErrCredential)
	}
	plain, err := oid4vci.OpenResponse(body, e.key, *e.asked)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCredential, err)
	}
	return plain, nil
}
