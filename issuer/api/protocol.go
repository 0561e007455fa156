package api

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/did/controlled"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// metadata is JSON unless the wallet rather has it signed (OpenID4VCI 1.0,
// Section 12.2.2).
func (s server) metadata(r *rest.Request) (rest.Answer, error) {
	kind := "application/json"
	var b []byte
	err := issuer.ErrNotFound
	if prefers(r.HTTP.Header.Values("Accept"), oid4vci.MediaTypeJWT, kind) {
		if b, err = s.i.MetadataDocument(true); err == nil {
			kind = oid4vci.MediaTypeJWT
		}
	}
	// Where nothing is signed the JSON is there for everybody.
	if errors.Is(err, issuer.ErrNotFound) {
		b, err = s.i.MetadataDocument(false)
	}
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, kind, b).Cache(5 * time.Minute).Vary("Accept"), nil
}

func (s server) serverMetadata(*rest.Request) (rest.Answer, error) {
	return rest.JSON(http.StatusOK, s.i.ServerMetadata()).Cache(5 * time.Minute), nil
}

func (s server) offer(r *rest.Request) (rest.Answer, error) {
	b, err := s.i.Reference(r.Context(), r.Path("secret"))
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, "application/json", b), nil
}

func (s server) token(r *rest.Request) (rest.Answer, error) {
	form, err := form(r)
	if err != nil {
		return rest.Answer{}, err
	}
	req, err := oid4vci.ParseTokenRequest(form)
	if err != nil {
		return rest.Answer{}, err
	}
	to, _, err := s.client(r, form, "/token", req.GrantType == oid4vci.GrantPreAuthorizedCode)
	if err != nil {
		return rest.Answer{}, err
	}
	res, err := s.i.Token(r.Context(), req, to)
	if err != nil {
		return rest.Answer{}, s.proofError(err, http.StatusBadRequest)
	}
	return s.withNonce(r, rest.JSON(http.StatusOK, res)), nil
}

// nonce gives a c_nonce, and the nonce for the wallet's first DPoP proof with it
// (OpenID4VCI 1.0, Section 7.2).
func (s server) nonce(*rest.Request) (rest.Answer, error) {
	return rest.JSON(http.StatusOK, s.i.Nonce()).With(oauth.NonceHeader, s.i.ProofNonce()), nil
}

func (s server) credential(r *rest.Request) (rest.Answer, error) {
	b, encrypted, err := s.credentialBody(r)
	if err != nil {
		return rest.Answer{}, err
	}
	req, err := oid4vci.ParseCredentialRequest(b)
	if err != nil {
		return rest.Answer{}, err
	}
	req.Encrypted = encrypted
	res, err := s.i.Credential(r.Context(), s.protected(r, "/credential"), req, r.ID)
	if err != nil {
		return rest.Answer{}, err
	}
	return s.answerTo(r, req.CredentialResponseEncryption, res)
}

// credentialBody reads a request that may come encrypted (OpenID4VCI 1.0,
// Section 10).
func (s server) credentialBody(r *rest.Request) (body []byte, encrypted bool, err error) {
	if kind, _, _ := strings.Cut(r.HTTP.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), oid4vci.MediaTypeJWT) {
		body, err = jsonBody(r, oid4vci.InvalidCredentialRequest)
		return body, false, err
	}
	if body, err = r.Body(); err != nil {
		return nil, true, err
	}
	body, err = s.i.OpenRequest(body)
	return body, true, err
}

// deferred answers with the credentials or once more with the transaction, in
// the encryption that this request asks for (OpenID4VCI 1.0, Section 9.1).
func (s server) deferred(r *rest.Request) (rest.Answer, error) {
	b, encrypted, err := s.credentialBody(r)
	if err != nil {
		return rest.Answer{}, err
	}
	req, err := oid4vci.ParseDeferredCredentialRequest(b)
	if err != nil {
		return rest.Answer{}, err
	}
	req.Encrypted = encrypted
	res, err := s.i.Deferred(r.Context(), s.protected(r, "/deferred_credential"), req, r.ID)
	if err != nil {
		return rest.Answer{}, err
	}
	return s.answerTo(r, req.CredentialResponseEncryption, res)
}

// answerTo answers in the way that the request asked for: 202 when there is
// nothing yet (OpenID4VCI 1.0, Section 8.3). Refusals never come here: they are
// not encrypted (Section 8.3.1.2).
func (s server) answerTo(r *rest.Request, e *oid4vci.ResponseEncryption, res oid4vci.CredentialResponse) (rest.Answer, error) {
	status := http.StatusOK
	if res.Deferred() {
		status = http.StatusAccepted
	}
	if e == nil {
		return s.withNonce(r, rest.JSON(status, res)), nil
	}
	text, err := e.Encrypt(res)
	if err != nil {
		return rest.Answer{}, err
	}
	return s.withNonce(r, rest.Text(status, oid4vci.MediaTypeJWT, []byte(text))), nil
}

func (s server) notification(r *rest.Request) (rest.Answer, error) {
	b, err := jsonBody(r, oid4vci.InvalidNotificationRequest)
	if err != nil {
		return rest.Answer{}, err
	}
	req, err := oid4vci.ParseNotificationRequest(b)
	if err != nil {
		return rest.Answer{}, err
	}
	if err := s.i.Notify(r.Context(), s.protected(r, "/notification"), req); err != nil {
		return rest.Answer{}, err
	}
	return s.withNonce(r, rest.NoContent()), nil
}

// controller is the controlled identifier document of the issuer at its own URL. It
// is JSON under any of its names; a browser, which names none, gets what it shows.
func (s server) controller(r *rest.Request) (rest.Answer, error) {
	b, err := s.i.ControllerDocument(r.Context())
	if err != nil {
		return rest.Answer{}, err
	}
	kind, accept := "application/json", r.HTTP.Header.Values("Accept")
	for _, name := range []string{"application/ld+json", controlled.MediaType} {
		if prefers(accept, name, kind) {
			kind = name
		}
	}
	sum := sha256.Sum256(append([]byte(kind), b...))
	return rest.Text(http.StatusOK, kind, b).Cache(controllerLife).ETag(jose.Encode(sum[:16])).Vary("Accept"), nil
}

// controllerLife bounds how late others see a key that is taken into use or out of
// it.
const controllerLife = 5 * time.Minute

func (s server) typeMetadata(r *rest.Request) (rest.Answer, error) {
	b, err := s.i.TypeMetadata(r.Path("name"))
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, "application/json", b).Cache(time.Hour), nil
}

func (s server) certificate(r *rest.Request) (rest.Answer, error) {
	id, ok := strings.CutSuffix(r.Path("id"), ".pem")
	if !ok {
		return rest.Answer{}, issuer.ErrNotFound
	}
	b, ok := s.o.Certificates.PEM(id)
	if !ok {
		return rest.Answer{}, issuer.ErrNotFound
	}
	return rest.Text(http.StatusOK, "application/pem-certificate-chain", b).Cache(24 * time.Hour), nil
}

// statusList is a JWT unless the caller rather has a CWT (Token Status List,
// Section 8.1). Where there is none the JWT is there for everybody.
func (s server) statusList(r *rest.Request) (rest.Answer, error) {
	serve := s.o.Lists.Token
	if prefers(r.HTTP.Header.Values("Accept"), status.MediaTypeCWT, status.MediaType) {
		serve = s.o.Lists.CWT
	}
	p, err := serve(r.Context(), r.Path("list"))
	if errors.Is(err, status.ErrNotFound) {
		p, err = s.o.Lists.Token(r.Context(), r.Path("list"))
	}
	if err != nil {
		return rest.Answer{}, err
	}
	return published(p).Vary("Accept"), nil
}

// listCredential is a status list as credential (Bitstring Status List 1.0,
// Section 2.2).
func (s server) listCredential(r *rest.Request) (rest.Answer, error) {
	p, err := s.o.ListCredentials.ListCredential(r.Context(), r.Path("list"), status.Purpose(r.Path("purpose")))
	if err != nil {
		return rest.Answer{}, err
	}
	return published(p), nil
}

func published(p status.Published) rest.Answer {
	return rest.Text(http.StatusOK, p.MediaType, p.Body).Cache(p.TTL).ETag(strings.Trim(p.ETag, `"`))
}

func (s server) providerList(*rest.Request) (rest.Answer, error) {
	return entityList(s.o.ProviderList)
}

func (s server) accessList(*rest.Request) (rest.Answer, error) {
	return entityList(s.o.AccessList)
}

// entityList serves a signed list of trusted entities.
func entityList(list func() ([]byte, error)) (rest.Answer, error) {
	if list == nil {
		return rest.Answer{}, issuer.ErrNotFound
	}
	b, err := list()
	if err != nil {
		return rest.Answer{}, err
	}
	sum := sha256.Sum256(b)
	return rest.Text(http.StatusOK, "application/jose", b).Cache(5 * time.Minute).ETag(jose.Encode(sum[:16])), nil
}

func (s server) revocationList(r *rest.Request) (rest.Answer, error) {
	if s.o.CRL == nil {
		return rest.Answer{}, issuer.ErrNotFound
	}
	b, ok := s.o.CRL(r.Path("name"))
	if !ok {
		return rest.Answer{}, issuer.ErrNotFound
	}
	return rest.Text(http.StatusOK, "application/pkix-crl", b).Cache(time.Hour), nil
}

func (s server) suppliers(*rest.Request) (rest.Answer, error) {
	b, err := s.o.Suppliers()
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, "application/json", b).Cache(5 * time.Minute), nil
}

// form reads a form body. rest has refused repeated parameters and other media
// types before.
func form(r *rest.Request) (url.Values, error) {
	if _, err := r.Form(); err != nil {
		return nil, err
	}
	b, err := r.Body()
	if err != nil {
		return nil, err
	}
	return url.ParseQuery(string(b))
}

// jsonBody reads a JSON body; code is what the endpoint calls a malformed
// request.
func jsonBody(r *rest.Request, code oid4vci.ErrorCode) ([]byte, error) {
	if kind, _, _ := strings.Cut(r.HTTP.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		return nil, &rest.OAuthError{Status: http.StatusUnsupportedMediaType, Code: string(code), Description: "Content-Type must be application/json (RFC 9110, Section 15.5.16)"}
	}
	return r.Body()
}
