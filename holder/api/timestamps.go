package api

import (
	"net/http"

	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/internal/rest"
)

// Media types of RFC 3161, Section 3.4.
const (
	typeQuery = "application/timestamp-query"
	typeReply = "application/timestamp-reply"
)

// stamp carries a request for a time-stamp to an authority of the platform.
func (a *api) stamp(r *rest.Request, q holder.Request) (rest.Answer, error) {
	query, err := r.Document(typeQuery)
	if err != nil {
		return rest.Answer{}, err
	}
	reply, err := a.holder.Stamp(r.Context(), q, query)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Text(http.StatusOK, typeReply, reply), nil
}

// remind keeps the month before which the vault should be opened.
func (a *api) remind(r *rest.Request, q holder.Request) (rest.Answer, error) {
	in, err := rest.DecodeClosedJSON[struct {
		OpenBefore string `json:"open_before"`
	}](r)
	if err != nil {
		return rest.Answer{}, err
	}
	return done(a.holder.OpenBefore(r.Context(), q, in.OpenBefore))
}
