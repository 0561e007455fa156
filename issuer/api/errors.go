package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/provider"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/internal/signin"
	"github.com/zegel-id/zegel/issuer"
	"github.com/zegel-id/zegel/protocol/oid4vci"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/signers"
)

// Titles of refusals that a page explains in the citizen's language.
const (
	titleNoVault   = "No vault"
	titlePlatform  = "Vault platform not available"
	titleSupplier  = "Unknown supplier"
	titleAway      = "Supplier not available"
	titleUnusable  = "Supplier's answer not usable"
	titleSignInOff = "Sign-in not available"
	titleSignIn    = "Not signed in"
	titleRequest   = "Unknown authorization request"
)

// problem maps what the issuer refuses to answers.
func (s server) problem(err error) error { return problem(s.proofError(err, http.StatusUnauthorized)) }

func problem(err error) error {
	var answer *rest.OAuthError
	if errors.As(err, &answer) {
		return answer
	}
	var words *oid4vci.Error
	var claims *issuer.ClaimsError
	switch {
	case errors.As(err, &words):
		return protocolError(words)
	case errors.As(err, &claims):
		return &rest.Problem{
			Status: http.StatusUnprocessableEntity, Title: "Claims cannot be sealed", Field: fmt.Sprintf("claims[%d]", claims.Dataset), Detail: claims.Err.Error(),
			Expected: "claims that the type metadata describes", Spec: "SD-JWT VC, Section 5.6", Remedy: "See the type metadata at " + claims.Type + ".", Cause: err,
		}
	case errors.Is(err, issuer.ErrNotFound):
		return &rest.Problem{Status: http.StatusNotFound, Title: "Not found", Detail: "There is no such offer, credential or document, or it is not yours.", Remedy: "Check the identifier; offers can be seen for 90 days after they end.", Cause: err}
	case errors.Is(err, issuer.ErrRequest):
		return &rest.Problem{Status: http.StatusBadRequest, Title: titleRequest, Field: "request_uri", Detail: "The request is unknown, over, answered, or of another client.", Expected: "the request_uri of a pushed request and its client_id", Spec: "RFC 9126, Section 4", Remedy: "Start again from your wallet.", Cause: err}
	case errors.Is(err, issuer.ErrFinal):
		return &rest.Problem{Status: http.StatusConflict, Title: "Revoked for ever", Detail: "A revoked credential cannot be suspended or reinstated.", Spec: "Regulation (EU) 910/2014, Article 45d(4)", Remedy: "Offer a new credential.", Cause: err}
	case errors.Is(err, issuer.ErrRedeemed):
		return &rest.Problem{Status: http.StatusConflict, Title: "Redeemed already", Detail: "A wallet has redeemed the offer, so it cannot be withdrawn any more.", Remedy: "See the offer's credentials and revoke them.", Cause: err}
	case errors.Is(err, issuer.ErrConfiguration):
		return &rest.Problem{Status: http.StatusBadRequest, Title: "Unknown configuration", Field: "credential_configuration_id", Expected: "one of credential_configurations_supported", Spec: "OpenID4VCI 1.0, Section 12.2.4", Remedy: "See /.well-known/openid-credential-issuer.", Cause: err}
	case errors.Is(err, issuer.ErrNoEuropass):
		return &rest.Problem{Status: http.StatusUnprocessableEntity, Title: "No form for Europass", Field: "credential_configuration_id", Detail: "Credentials of this configuration have no form for Europass.", Expected: "a configuration of a diploma in the European Learning Model", Remedy: "Ask for another configuration.", Cause: err}
	case errors.Is(err, issuer.ErrNothing):
		return &rest.Problem{Status: http.StatusUnprocessableEntity, Title: titleNothing, Detail: "There is no record that can be issued.", Cause: err}
	case errors.Is(err, issuer.ErrTooMany):
		return &rest.Problem{Status: http.StatusUnprocessableEntity, Title: "Too many credentials", Expected: fmt.Sprintf("at most %d credentials in one offer", issuer.MaxDatasets), Remedy: "Make several offers.", Cause: err}
	case errors.Is(err, issuer.ErrPlatform):
		return &rest.Problem{Status: http.StatusServiceUnavailable, Title: titlePlatform, Detail: "The keys of the vault platform cannot be fetched now.", Remedy: "Try again in some minutes.", Header: http.Header{"Retry-After": {"60"}}, Cause: err}
	case errors.Is(err, issuer.ErrHandle):
		return &rest.Problem{Status: http.StatusForbidden, Title: titleNoVault, Field: "vault_handle", Detail: "The vault handle is missing, over, used or not for this issuer.", Remedy: "Start again from your vault.", Cause: err}
	case errors.Is(err, issuer.ErrSupplier), errors.Is(err, provider.ErrNotRegistered), errors.Is(err, provider.ErrNoConnector), errors.Is(err, provider.ErrNotSupplied):
		return &rest.Problem{Status: http.StatusNotFound, Title: titleSupplier, Field: "supplier", Expected: "a supplier of the published register", Remedy: "See /suppliers.", Cause: err}
	case errors.Is(err, provider.ErrSubject):
		return &rest.Problem{Status: http.StatusBadRequest, Title: "Subject cannot be asked for", Field: "subject.insz", Detail: "Test numbers are accepted in test environments only.", Remedy: "Use the number of an existing person.", Cause: err}
	case errors.Is(err, provider.ErrUnavailable):
		return &rest.Problem{Status: http.StatusServiceUnavailable, Title: titleAway, Detail: "The supplier does not answer now.", Remedy: "Try again in some minutes.", Header: http.Header{"Retry-After": {"60"}}, Cause: err}
	case errors.Is(err, provider.ErrAnswer):
		return &rest.Problem{Status: http.StatusBadGateway, Title: titleUnusable, Detail: "The supplier answered something that cannot be used.", Remedy: "Report it to the supplier's contact in /suppliers.", Cause: err}
	case errors.Is(err, signers.ErrUnavailable), errors.Is(err, signers.ErrUncertain):
		return &rest.Problem{Status: http.StatusServiceUnavailable, Title: "Signer not available", Detail: "The credential could not be sealed now, and nothing was issued.", Remedy: "Try again in some seconds, with a new proof.", Header: http.Header{"Retry-After": {"5"}}, Cause: err}
	case errors.Is(err, seal.ErrEnded):
		return &rest.Problem{Status: http.StatusServiceUnavailable, Title: "Seal certificate has ended", Detail: "The certificate of the issuer's seal key has ended, and nothing is issued until the operator replaces the key with zegel keys rotate.", Spec: "ETSI EN 319 102-1, clause 5.2.6", Remedy: "Try again later, with a new proof.", Header: http.Header{"Retry-After": {"3600"}}, Cause: err}
	case errors.Is(err, signin.ErrProvider):
		return &rest.Problem{Status: http.StatusServiceUnavailable, Title: titleSignInOff, Detail: "The identity provider does not answer now.", Remedy: "Try again in some minutes.", Header: http.Header{"Retry-After": {"60"}}, Cause: err}
	case errors.Is(err, signin.ErrTicket), errors.Is(err, signin.ErrAnswer), errors.Is(err, signin.ErrRefused):
		return &rest.Problem{Status: http.StatusForbidden, Title: titleSignIn, Detail: "The sign-in did not succeed or was not started in this browser.", Remedy: "Start again from your vault.", Cause: err}
	case errors.Is(err, status.ErrNotFound):
		return &rest.Problem{Status: http.StatusNotFound, Title: "Not found", Detail: "There is no such status list.", Cause: err}
	default:
		return nil
	}
}

// protocolError is a refusal of a protocol endpoint (RFC 6749, Section 5.2; RFC 6750,
// Section 3; OpenID4VCI 1.0, Section 8.3.1).
func protocolError(e *oid4vci.Error) error {
	r := e.Response()
	out := &rest.OAuthError{Status: http.StatusBadRequest, Code: string(r.Error), Description: r.Description, Cause: e}
	switch e.Code {
	case oid4vci.InvalidToken:
		out.Status = http.StatusUnauthorized
		out.Header = http.Header{"WWW-Authenticate": {`Bearer error="invalid_token"`, dpopChallenge("invalid_token")}}
	case oid4vci.InsufficientScope:
		out.Status = http.StatusForbidden
		out.Header = http.Header{"WWW-Authenticate": {`Bearer error="insufficient_scope"`}}
	case oid4vci.InvalidClient:
		out.Status = http.StatusUnauthorized
	case "":
		out.Code = string(oid4vci.InvalidRequest)
	}
	return out
}
