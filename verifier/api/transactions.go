package api

import (
	_ "embed"
	"errors"
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
	Origin      string         `json:"origin"`
	Protocols   []string       `json:"protocols"`
	InClear     bool           `json:"answer_in_clear"`
	Policy      string         `json:"policy"`
	Evidence    bool           `json:"evidence"`
	// Transactions are the transaction_data in clear.
	Transactions []jsontext.Value `json:"transaction_data"`
}

type startAnswer struct {
	TransactionID string         `json:"transaction_id"`
	Reference     string         `json:"reference"`
	State         verifier.State `json:"state"`
	RequestURI    string         `json:"request_uri,omitempty"`
	Link          string         `json:"link,omitempty"`
	// Page is where to send the browser, Digital what to hand it.
	Page      string             `json:"page,omitempty"`
	Digital   []oid4vp.DCRequest `json:"requests,omitempty"`
	ExpiresAt time.Time          `json:"expires_at"`
}

func (s server) start(r *rest.Request) (rest.Answer, error) {
	in, err := rest.DecodeClosedJSON[startRequest](r)
	if err != nil {
		return rest.Answer{}, err
	}
	o := verifier.Order{Query: in.Query, Purpose: in.Purpose, Flow: in.Flow, RedirectURI: in.RedirectURI, Origin: in.Origin, Protocols: in.Protocols, InClear: in.InClear, Policy: in.Policy, Evidence: in.Evidence}
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
	out := startAnswer{TransactionID: id, Reference: t.Reference, State: verifier.StateRequested, RequestURI: t.RequestURI, Link: t.Link, Page: t.Page, Digital: t.Digital, ExpiresAt: t.Expires}
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

// digitalResponse is what the Digital Credentials API gave a page.
type digitalResponse struct {
	Protocol string         `json:"protocol"`
	Data     jsontext.Value `json:"data"`
}

// digital takes it from the receiver whose page it was. Whether it holds is for
// the result to say.
func (s server) digital(r *rest.Request) (rest.Answer, error) {
	in, err := rest.DecodeClosedJSON[digitalResponse](r)
	if err != nil {
		return rest.Answer{}, err
	}
	err = s.v.RespondDigital(r.Context(), r.Path("transaction"), r.Client.ID, in.Protocol, in.Data)
	if err != nil && !errors.Is(err, verifier.ErrNotVerified) {
		return rest.Answer{}, err
	}
	return s.state(r)
}
