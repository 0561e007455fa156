package api

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/rest"
)

type policyEntry struct {
	Digest string         `json:"digest"`
	Policy jsontext.Value `json:"policy"`
}

// policies lists what the receiver may name as policy of a transaction.
func (s server) policies(r *rest.Request) (rest.Answer, error) {
	out := struct {
		Policies []policyEntry `json:"policies"`
	}{Policies: []policyEntry{}}
	for _, p := range s.v.Policies(r.Client.ID) {
		out.Policies = append(out.Policies, policyEntry{Digest: p.Ref().Digest, Policy: p.Document()})
	}
	return rest.JSON(http.StatusOK, out), nil
}
