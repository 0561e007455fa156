package api

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/issuer"
)

// exportRequest is an institution's wish to have claims as a file for Europass.
type exportRequest struct {
	Configuration string         `json:"credential_configuration_id"`
	Claims        jsontext.Value `json:"claims"`
}

// europass answers with the file: a JWS in general JSON (RFC 7515, Section 9.2.1).
func (s server) europass(r *rest.Request) (rest.Answer, error) {
	req, err := rest.DecodeClosedJSON[exportRequest](r)
	switch {
	case err != nil:
		return rest.Answer{}, err
	case req.Configuration == "":
		return rest.Answer{}, missing("credential_configuration_id")
	case req.Claims.Kind() != '{':
		return rest.Answer{}, missing("claims")
	case !s.i.Has(req.Configuration):
		return rest.Answer{}, issuer.ErrConfiguration
	}
	if permission := PermissionClaims + ":" + req.Configuration; !r.Client.May(permission) {
		return rest.Answer{}, forbidden(permission)
	}
	file, err := s.i.Europass(r.Context(), issuer.Export{Configuration: req.Configuration, Claims: req.Claims, Client: r.Client.ID, CorrelationID: r.ID})
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, "application/jose+json", file).With("Content-Disposition", `attachment; filename="diploma.jsonld"`), nil
}
