package api

import (
	"net/http"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/protocol/oid4vp"
)

// evidence answers with what the citizen presented and all that it was judged
// by. It is as personal as the result and follows its rules.
func (s server) evidence(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	text, err := s.v.Evidence(r.Context(), r.Path("transaction"), r.Client.ID, q.Value(oid4vp.ResponseCodeParameter))
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, "application/jwt", []byte(text)), nil
}
