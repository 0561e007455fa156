package api

import (
	_ "embed"
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/protocol/oid4vp"
	"github.com/zegel-id/zegel/verifier"
)

//go:embed openapi.json
var openAPIDocument []byte

func openAPI(*rest.Request) (rest.Answer, error) {
	return rest.Text(http.StatusOK, "application/json", openAPIDocument).Cache(time.Hour), nil
}

type startRequest struct {
	Query       jsontext.Value `json:"dcql_query"`
	Purpose     string         `json:"purpose"`
	Flow        verifier.Flow  `json:"flow"`
	RedirectURI string         `json:"redirect_uri"`
	Policy      string         `json:"policy"`
	Evidence    bool           `json:"evidence"`
	// Transactions are the transaction_data in clear.
	Transactions []jsontext.Value `json:"transaction_data"`
}

type startAnswer struct {
	TransactionID string         `json:"transaction_id"`
	Reference     string         `json:"reference"`
	State         verifier.State `json:"state"`
	RequestURI    string         `json:"request_uri"`
	Link          string         `json:"link"`
	ExpiresAt     time.Time      `json:"expires_at"`
}

func (s server) start(r *rest.Request) (rest.Answer, error) {
	in, err := rest.DecodeClosedJSON[startRequest](r)
	if err != nil {
		return rest.Answer{}, err
	}
	o := verifier.Order{Query: in.Query, Purpose: in.Purpose, Flow: in.Flow, RedirectURI: in.RedirectURI, Policy: in.Policy, Evidence: in.Evidence}
	if in.Transactions != nil {
		o.Transactions = [][]byte{} // an empty list is none, and refused
	}
	for _, t := range in.Transactions {
		o.Transactions = append(o.Transactions, t)
	}
	t, err := s.v.Start(r.Context(), r.Client.ID, o)
	if err != nil {
		return rest.Answer{}, err
	}
	id := t.ID.Reveal()
	out := startAnswer{TransactionID: id, Reference: t.Reference, State: verifier.StateRequested, RequestURI: t.RequestURI, Link: t.Link, ExpiresAt: t.Expires}
	return rest.JSON(http.StatusCreated, out).With("Location", "/verifier/v1/transactions/"+id), nil
}

func (s server) state(r *rest.Request) (rest.Answer, error) {
	st, err := s.v.State(r.Context(), r.Path("transaction"), r.Client.ID)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, st), nil
}

func (s server) result(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	out, err := s.v.Result(r.Context(), r.Path("transaction"), r.Client.ID, q.Value(oid4vp.ResponseCodeParameter))
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, out), nil
}
