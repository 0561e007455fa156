package api

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/zegel-id/zegel/internal/authz"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/protocol/oauth"
	"github.com/zegel-id/zegel/protocol/oid4vci"
)

// client says who sends a request to an endpoint where clients authenticate.
func (s server) client(r *rest.Request, form url.Values, endpoint string, preAuthorized bool) (authz.Party, authz.Client, error) {
	to, client, err := s.i.Client(r.Context(), authz.Credentials{Form: form, Header: r.HTTP.Header, Certificates: r.Certificates(), PreAuthorized: preAuthorized}, endpoint)
	return to, client, challenged(r, s.proofError(err, http.StatusBadRequest))
}

// challenged answers a client that tried to authenticate with the Authorization
// header, which nothing here does, in the scheme that it tried (RFC 6749, Section
// 5.2).
func challenged(r *rest.Request, err error) error {
	var words *oid4vci.Error
	scheme, _, _ := strings.Cut(r.HTTP.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") || !errors.As(err, &words) || words.Code != oid4vci.InvalidClient {
		return err
	}
	answer := words.Response()
	return &rest.OAuthError{
		Status: http.StatusUnauthorized, Code: string(answer.Error), Description: answer.Description,
		Header: http.Header{"WWW-Authenticate": {`Basic realm="none"`}}, Cause: err,
	}
}

// protected is a request with an access token.
func (s server) protected(r *rest.Request, endpoint string) authz.Protected {
	return authz.Protected{Header: r.HTTP.Header, Method: r.HTTP.Method, Address: s.i.URL() + endpoint, Certificate: r.Certificate()}
}

// withNonce gives the nonce for the next proof to a client that makes proofs
// (RFC 9449, Section 8.2).
func (s server) withNonce(r *rest.Request, a rest.Answer) rest.Answer {
	if r.HTTP.Header.Get("DPoP") == "" {
		return a
	}
	return a.With(oauth.NonceHeader, s.i.ProofNonce())
}

// proofError is how refusals of proofs look on the wire: with status where
// clients authenticate, and 401 with a challenge at protected endpoints (RFC
// 9449, Sections 7.1 and 8; attestation-based client authentication -10, Section
// 6.2). Others pass.
func (s server) proofError(err error, status int) error {
	var e *oauth.Error
	switch {
	case errors.Is(err, oauth.ErrUseNonce):
		e = &oauth.Error{Code: oauth.UseDPoPNonce, Field: "DPoP", Description: err.Error(), Spec: "RFC 9449, Section 8", Err: err}
	case errors.Is(err, oauth.ErrDPoP):
		e = &oauth.Error{Code: oauth.InvalidDPoPProof, Field: "DPoP", Description: err.Error(), Spec: "RFC 9449, Section 4.3", Err: err}
	case !errors.As(err, &e):
		return err
	}
	words := &oid4vci.Error{Code: oid4vci.ErrorCode(e.Code), Field: e.Field, Description: e.Description, Spec: e.Spec, Err: err}
	out := &rest.OAuthError{Status: status, Code: e.Code, Description: words.Response().Description, Header: http.Header{}, Cause: err}
	switch e.Code {
	case oauth.UseDPoPNonce:
		out.Header.Set(oauth.NonceHeader, s.i.ProofNonce())
	case oauth.UseAttestationChallenge:
		out.Header.Set(oauth.HeaderAttestationChallenge, s.i.ProofNonce())
	case oauth.InvalidClient:
		out.Status = http.StatusUnauthorized
	}
	if status == http.StatusUnauthorized {
		out.Header.Set("WWW-Authenticate", dpopChallenge(e.Code))
	}
	return out
}

// dpopChallenge of RFC 9449, Section 7.1.
func dpopChallenge(code string) string {
	challenge := "DPoP "
	if code != "" {
		challenge += `error="` + code + `", `
	}
	algs := ""
	for _, a := range oauth.ProofAlgs() {
		if algs != "" {
			algs += " "
		}
		algs += string(a)
	}
	return challenge + `algs="` + algs + `"`
}

// challenge answers with a challenge for wallet attestations (attestation-based
// client authentication, Section 6.1).
func (s server) challenge(*rest.Request) (rest.Answer, error) {
	return rest.JSON(http.StatusOK, oauth.ChallengeResponse{Challenge: s.i.ProofNonce()}), nil
}

// push takes an authorization request (RFC 9126, Section 2).
func (s server) push(r *rest.Request) (rest.Answer, error) {
	form, err := form(r)
	if err != nil {
		return rest.Answer{}, err
	}
	req, err := oid4vci.ParsePushedRequest(form)
	if err != nil {
		return rest.Answer{}, err
	}
	to, client, err := s.client(r, form, "/par", false)
	if err != nil {
		return rest.Answer{}, err
	}
	res, err := s.i.Push(r.Context(), to, client, req)
	if err != nil {
		return rest.Answer{}, s.proofError(err, http.StatusBadRequest)
	}
	return s.withNonce(r, rest.JSON(http.StatusCreated, res)), nil
}
