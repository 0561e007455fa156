package api

import (
	"net/http"
	"strings"

	"github.com/zegel-id/zegel/credential/status"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/vcapi"
)

func (s server) issuer(r *rest.Request) (*vcapi.Issuer, error) {
	if i := s.issuers[r.Path("issuer")]; i != nil {
		return i, nil
	}
	return nil, &rest.Problem{Status: http.StatusNotFound, Title: "No such issuer", Detail: "The address names no issuer of this server.", Remedy: "Take the name from the configuration (vc_api.issuers)."}
}

type issueOptions struct {
	MandatoryPointers []string `json:"mandatoryPointers"`
	CredentialID      string   `json:"credentialId"`
}

func (s server) issue(r *rest.Request) (rest.Answer, error) {
	i, err := s.issuer(r)
	if err != nil {
		return rest.Answer{}, err
	}
	credential, o, err := body[issueOptions](r, "credential", "mandatoryPointers", "credentialId")
	if err != nil {
		return rest.Answer{}, err
	}
	signed, err := i.Issue(r.Context(), credential, vcapi.IssueOptions{MandatoryPointers: o.MandatoryPointers, CredentialID: o.CredentialID})
	if err != nil {
		return rest.Answer{}, err
	}
	return made("verifiableCredential", signed), nil
}

// made is a document that was made, under its name.
func made(name string, document []byte) rest.Answer {
	b := append([]byte(`{"`+name+`":`), document...)
	return rest.Text(http.StatusCreated, "application/json", append(b, '}'))
}

// statusRequest is UpdateCredentialStatusRequest. indexAllocator is for services
// that do not allocate the indexes themselves, and says nothing here.
type statusRequest struct {
	CredentialID   string       `json:"credentialId"`
	Entry          *statusEntry `json:"credentialStatus"`
	Status         *bool        `json:"status"`
	IndexAllocator string       `json:"indexAllocator"`
}

type statusEntry struct {
	ID      string         `json:"id"`
	Type    string         `json:"type"`
	Purpose status.Purpose `json:"statusPurpose"`
	Index   string         `json:"statusListIndex"`
	List    string         `json:"statusListCredential"`
}

func (s server) status(r *rest.Request) (rest.Answer, error) {
	i, err := s.issuer(r)
	if err != nil {
		return rest.Answer{}, err
	}
	q, err := rest.DecodeClosedJSON[statusRequest](r, types...)
	if err != nil {
		return rest.Answer{}, err
	}
	missing := func(field, expected string) (rest.Answer, error) {
		return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Member is missing", Field: field, Expected: expected, Spec: vcalm + "Update Status", Remedy: "Send the member."}
	}
	switch {
	case q.CredentialID == "":
		return missing("credentialId", "the id of the credential, or the credentialId that it was issued with")
	case q.Entry == nil:
		return missing("credentialStatus", "an object with type and statusPurpose")
	case q.Entry.Type != status.EntryType && q.Entry.Type != status.ListType: // the text's own example has the latter
		return missing("credentialStatus.type", status.EntryType)
	case q.Status == nil:
		return missing("status", "true or false")
	}
	err = i.UpdateStatus(r.Context(), vcapi.StatusChange{CredentialID: q.CredentialID, Purpose: q.Entry.Purpose, Index: q.Entry.Index, List: q.Entry.List, Set: *q.Status})
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Status(http.StatusOK), nil
}

func (s server) statusList(r *rest.Request) (rest.Answer, error) {
	i, err := s.issuer(r)
	if err != nil {
		return rest.Answer{}, err
	}
	p, err := i.StatusList(r.Context(), r.Path("list"), status.Purpose(r.Path("purpose")))
	if err != nil {
		return rest.Answer{}, err
	}
	media := p.MediaType
	if accept := r.HTTP.Header.Get("Accept"); media == "application/vc" && !strings.Contains(accept, media) && strings.Contains(accept, "application/ld+json") {
		media = "application/ld+json" // of which application/vc is a kind
	}
	return rest.Text(http.StatusOK, media, p.Body).ETag(strings.Trim(p.ETag, `"`)).Cache(p.TTL).Vary("Accept"), nil
}
