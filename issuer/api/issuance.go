package api

import (
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/provider/identifier"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/issuer"
)

//go:embed openapi.json
var openAPI []byte

func (s server) openAPI(*rest.Request) (rest.Answer, error) {
	return rest.Text(http.StatusOK, "application/json", openAPI).Cache(time.Hour), nil
}

// offerRequest is an institution's wish: records of a supplier about a subject,
// or claims of its own.
type offerRequest struct {
	Configuration string   `json:"credential_configuration_id"`
	Supplier      string   `json:"supplier"`
	Subject       *subject `json:"subject"`
	// SignIn offers it to the subject alone, who signs in for it.
	SignIn bool             `json:"sign_in"`
	Claims []jsontext.Value `json:"claims"`
}

type subject struct {
	INSZ string `json:"insz"`
}

type offerAnswer struct {
	OfferID   string           `json:"offer_id"`
	State     string           `json:"state"`
	Offer     jsontext.Value   `json:"credential_offer"`
	OfferURI  string           `json:"credential_offer_uri"`
	OfferLink string           `json:"credential_offer_link"`
	TxCode    string           `json:"tx_code,omitzero"`
	ExpiresAt time.Time        `json:"expires_at"`
	Accepted  []acceptedRecord `json:"accepted"`
	Pending   []acceptedRecord `json:"pending"`
	Refused   []issuer.Refusal `json:"refused"`
}

type acceptedRecord struct {
	Record string `json:"record,omitempty"`
}

func (s server) createOffer(r *rest.Request) (rest.Answer, error) {
	req, err := rest.DecodeClosedJSON[offerRequest](r)
	if err != nil {
		return rest.Answer{}, err
	}
	o, err := s.make(r, req)
	if errors.Is(err, issuer.ErrNothing) {
		return nothing(o), nil
	}
	if err != nil {
		return rest.Answer{}, err
	}
	answer, err := s.describe(o)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusCreated, answer).With("Location", s.base+"/issuance/v1/offers/"+o.ID), nil
}

const titleNothing = "Nothing to offer"

// nothing is the refusal of an offer that would be empty, with the reason for
// each record (RFC 9457, Section 3.2).
func nothing(o issuer.Offered) rest.Answer {
	p := struct {
		rest.Problem
		NoData  bool             `json:"no_data"`
		Refused []issuer.Refusal `json:"refused"`
	}{NoData: o.NoData, Refused: append([]issuer.Refusal{}, o.Refused...)}
	p.Type, p.Status, p.Title = "about:blank", http.StatusUnprocessableEntity, titleNothing
	p.Detail, p.Remedy = "No record of the supplier can be issued.", "See the reason of each record in refused."
	switch {
	case o.NoData:
		p.Detail, p.Remedy = "The supplier holds nothing about the subject.", ""
	case len(o.Refused) == 0:
		p.Detail, p.Field, p.Remedy = "There is nothing to seal.", "claims", "Give at least one object of claims."
	}
	return rest.TypedJSON(p.Status, "application/problem+json", p)
}

func (s server) make(r *rest.Request, req offerRequest) (issuer.Offered, error) {
	switch {
	case req.Configuration == "":
		return issuer.Offered{}, missing("credential_configuration_id")
	case req.SignIn && s.o.SignIn == nil:
		return issuer.Offered{}, &rest.Problem{Status: http.StatusBadRequest, Title: "No sign-in", Field: "sign_in", Detail: "Citizens cannot sign in at this issuer.", Expected: "false", Remedy: "Leave it out and send the transaction code by another channel."}
	case req.Supplier != "" && req.Claims != nil:
		return issuer.Offered{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Two sources", Field: "claims", Detail: "Give either a supplier with a subject, or claims.", Remedy: "Leave one of them out."}
	case req.Claims != nil:
		if !s.i.Has(req.Configuration) {
			return issuer.Offered{}, issuer.ErrConfiguration
		}
		if permission := PermissionClaims + ":" + req.Configuration; !r.Client.May(permission) {
			return issuer.Offered{}, forbidden(permission)
		}
		d := issuer.Direct{Configuration: req.Configuration, Client: r.Client.ID, CorrelationID: r.ID, SignIn: req.SignIn}
		if req.SignIn {
			var err error
			if d.Subject, err = req.subject(); err != nil {
				return issuer.Offered{}, err
			}
		}
		for n, c := range req.Claims {
			if c.Kind() != '{' {
				return issuer.Offered{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Not an object", Field: fmt.Sprintf("claims[%d]", n), Expected: "a JSON object", Found: kindWord(c.Kind()), Remedy: "Give one object of claims per credential."}
			}
			d.Datasets = append(d.Datasets, issuer.Dataset{Claims: c})
		}
		return s.i.Offer(r.Context(), d)
	case req.Supplier == "":
		return issuer.Offered{}, &rest.Problem{Status: http.StatusBadRequest, Title: "No source", Field: "supplier", Detail: "There is nothing to make the credential from.", Expected: "a supplier with a subject, or claims", Remedy: "Give one of them; see /issuance/v1/openapi.json."}
	case req.Subject == nil || req.Subject.INSZ == "":
		return issuer.Offered{}, missing("subject.insz")
	case !r.Client.May(PermissionCollect):
		return issuer.Offered{}, forbidden(PermissionCollect)
	}
	if c := s.i.Supplied(req.Supplier); len(c) > 0 && !slices.Contains(c, req.Configuration) {
		return issuer.Offered{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Another configuration", Field: "credential_configuration_id", Expected: strings.Join(c, " or "), Detail: "The records of this supplier are issued as another configuration.", Remedy: "Ask for the expected one."}
	}
	insz, err := req.subject()
	if err != nil {
		return issuer.Offered{}, err
	}
	return s.i.Collect(r.Context(), issuer.Collect{
		Configuration: req.Configuration, Supplier: req.Supplier, Subject: insz, Client: r.Client.ID, CorrelationID: r.ID, SignIn: req.SignIn,
	})
}

// subject is whom an offer is about.
func (o offerRequest) subject() (identifier.INSZ, error) {
	if o.Subject == nil || o.Subject.INSZ == "" {
		return identifier.INSZ{}, missing("subject.insz")
	}
	insz, err := identifier.ParseINSZ(o.Subject.INSZ)
	if err != nil {
		return insz, &rest.Problem{Status: http.StatusBadRequest, Title: "Not a national number", Field: "subject.insz", Expected: "11 digits of a national or bis number with the right check digits", Spec: "royal decree of 3 April 1984, art. 1", Remedy: "Check the number with the subject.", Cause: err}
	}
	return insz, nil
}

func (s server) describe(o issuer.Offered) (offerAnswer, error) {
	object, err := s.i.OfferObject(o)
	if err != nil {
		return offerAnswer{}, err
	}
	_, link, uri, err := s.i.OfferLinks(o)
	if err != nil {
		return offerAnswer{}, err
	}
	a := offerAnswer{
		OfferID: o.ID, State: "offered", Offer: object, OfferURI: uri, OfferLink: link, TxCode: o.TxCode.Reveal(),
		ExpiresAt: o.Expires.UTC(), Accepted: records(o.Accepted), Pending: records(o.Pending), Refused: []issuer.Refusal{},
	}
	a.Refused = append(a.Refused, o.Refused...)
	return a, nil
}

func records(references []string) []acceptedRecord {
	out := []acceptedRecord{}
	for _, r := range references {
		out = append(out, acceptedRecord{Record: r})
	}
	return out
}

type stateAnswer struct {
	OfferID       string             `json:"offer_id"`
	Configuration string             `json:"credential_configuration_id"`
	State         string             `json:"state"`
	CreatedAt     time.Time          `json:"created_at"`
	ExpiresAt     time.Time          `json:"expires_at"`
	Accepted      []acceptedRecord   `json:"accepted"`
	Pending       []acceptedRecord   `json:"pending"`
	Refused       []issuer.Refusal   `json:"refused"`
	Credentials   []credentialAnswer `json:"credentials"`
}

type credentialAnswer struct {
	CredentialID string    `json:"credential_id"`
	Status       string    `json:"status"`
	IssuedAt     time.Time `json:"issued_at"`
	Copies       int       `json:"copies"`
	Notification string    `json:"notification,omitempty"`
}

func (s server) offerState(r *rest.Request) (rest.Answer, error) {
	st, err := s.i.State(r.Context(), r.Client.ID, r.Path("offer"))
	if err != nil {
		return rest.Answer{}, err
	}
	a := stateAnswer{
		OfferID: st.ID, Configuration: st.Configuration, State: st.State, CreatedAt: st.Created.UTC(), ExpiresAt: st.Expires.UTC(),
		Accepted: records(st.Accepted), Pending: records(st.Pending), Refused: append([]issuer.Refusal{}, st.Refused...), Credentials: []credentialAnswer{},
	}
	for _, c := range st.Credentials {
		a.Credentials = append(a.Credentials, describeCredential(c))
	}
	return rest.JSON(http.StatusOK, a), nil
}

func describeCredential(c issuer.CredentialState) credentialAnswer {
	return credentialAnswer{CredentialID: c.ID, Status: statusWord(c), IssuedAt: c.Issued.UTC(), Copies: c.Copies, Notification: c.Notification}
}

func (s server) cancelOffer(r *rest.Request) (rest.Answer, error) {
	return rest.NoContent(), s.i.Cancel(r.Context(), r.Client.ID, r.Path("offer"))
}

type changeRequest struct {
	// Reason is for the institution's own file; it is not kept here.
	Reason string `json:"reason"`
}

func (s server) changeStatus(r *rest.Request) (rest.Answer, error) {
	change := issuer.Change(r.Path("change"))
	switch change {
	case issuer.Revoke, issuer.Suspend, issuer.Reinstate:
	default:
		return rest.Answer{}, &rest.Problem{Status: http.StatusNotFound, Title: "Unknown change", Field: "change", Expected: "revoke, suspend or reinstate", Remedy: "See /issuance/v1/openapi.json."}
	}
	if b, err := r.Body(); err != nil {
		return rest.Answer{}, err
	} else if len(b) > 0 {
		if _, err := rest.DecodeClosedJSON[changeRequest](r); err != nil {
			return rest.Answer{}, err
		}
	}
	who := issuer.Authority{Client: r.Client.ID, All: r.Client.May(PermissionAll)}
	st, err := s.i.ChangeStatus(r.Context(), who, r.Path("credential"), change, r.ID)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, describeCredential(st)), nil
}

func (s server) vaultDeleted(r *rest.Request) (rest.Answer, error) {
	req, err := rest.DecodeClosedJSON[struct {
		Vault string `json:"vault"`
	}](r)
	if err != nil {
		return rest.Answer{}, err
	}
	if req.Vault == "" {
		return rest.Answer{}, missing("vault")
	}
	n, err := s.i.VaultDeleted(r.Context(), r.Client.ID, req.Vault, r.ID)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, map[string]int{"revoked": n}), nil
}

func missing(field string) error {
	return &rest.Problem{Status: http.StatusBadRequest, Title: "Missing member", Field: field, Detail: "The member " + field + " is needed.", Remedy: "See /issuance/v1/openapi.json."}
}

func forbidden(permission string) error {
	return &rest.Problem{Status: http.StatusForbidden, Title: "Permission is missing", Expected: permission, Detail: "This client may not do this.", Remedy: "Ask the operator to give the client the permission.", Spec: "RFC 6750, Section 3.1"}
}

func kindWord(k jsontext.Kind) string {
	switch k {
	case '"':
		return "a string"
	case '0':
		return "a number"
	case '[':
		return "an array"
	case 'n':
		return "null"
	default:
		return "a boolean"
	}
}

func statusWord(c issuer.CredentialState) string {
	switch c.Status {
	case status.Valid:
		return "valid"
	case status.Invalid:
		return "revoked"
	case status.Suspended:
		return "suspended"
	default:
		return "unknown"
	}
}
