package api

import (
	_ "embed"
	"errors"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/holder"
	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/internal/rest"
)

//go:embed openapi.json
var openAPIDocument []byte

func openAPI(*rest.Request) (rest.Answer, error) {
	return rest.Text(http.StatusOK, "application/json", openAPIDocument).Cache(time.Hour), nil
}

type vaultInfo struct {
	Vault   string       `json:"vault"`
	State   holder.State `json:"state"`
	WebID   string       `json:"webid"`
	DID     string       `json:"did"`
	Storage string       `json:"storage,omitempty"`
	// OpenBefore is the month before which the vault should be opened.
	OpenBefore string `json:"open_before,omitempty"`
}

func answerVault(status int, i holder.Info) rest.Answer {
	return rest.JSON(status, vaultInfo(i))
}

func (a *api) activate(r *rest.Request, q holder.Request) (rest.Answer, error) {
	k, err := rest.DecodeClosedJSON[holder.Keys](r)
	if err != nil {
		return rest.Answer{}, err
	}
	i, err := a.holder.Activate(r.Context(), q, k)
	if err != nil {
		return rest.Answer{}, err
	}
	return answerVault(http.StatusCreated, i), nil
}

func (a *api) vault(r *rest.Request, q holder.Request) (rest.Answer, error) {
	i, err := a.holder.Vault(r.Context(), q)
	if err != nil {
		return rest.Answer{}, err
	}
	return answerVault(http.StatusOK, i), nil
}

// deleteVault answers 204 when all is done, and 202 while something is left
// that the platform goes on with by itself.
func (a *api) deleteVault(r *rest.Request, q holder.Request) (rest.Answer, error) {
	p, err := a.holder.Delete(r.Context(), q)
	switch {
	case errors.Is(err, holder.ErrPending):
		a.log.WarnContext(r.Context(), "a deletion is not complete yet", "request_id", r.ID, "error", err)
		return rest.JSON(http.StatusAccepted, map[string]any{"state": holder.Deleting, "issuers_pending": list(p.Issuers)}), nil
	case err != nil:
		return rest.Answer{}, err
	case len(p.Issuers) > 0:
		return rest.JSON(http.StatusAccepted, map[string]any{"state": "deleted", "issuers_pending": p.Issuers}), nil
	}
	return rest.NoContent(), nil
}

type linkProof struct {
	LinkProof string `json:"link_proof"`
}

func (a *api) putLink(r *rest.Request, q holder.Request) (rest.Answer, error) {
	in, err := rest.DecodeClosedJSON[linkProof](r)
	if err != nil {
		return rest.Answer{}, err
	}
	return done(a.holder.PutLinkProof(r.Context(), q, in.LinkProof))
}

func (a *api) deactivate(r *rest.Request, q holder.Request) (rest.Answer, error) {
	return done(a.holder.Deactivate(r.Context(), q))
}

func (a *api) reactivate(r *rest.Request, q holder.Request) (rest.Answer, error) {
	in, err := rest.DecodeClosedJSON[linkProof](r)
	if err != nil {
		return rest.Answer{}, err
	}
	return done(a.holder.Reactivate(r.Context(), q, in.LinkProof))
}

func (a *api) rotate(r *rest.Request, q holder.Request) (rest.Answer, error) {
	in, err := rest.DecodeClosedJSON[struct {
		DIDKey     jose.JWK `json:"did_key"`
		Continuity string   `json:"continuity"`
		LinkProof  string   `json:"link_proof"`
	}](r)
	if err != nil {
		return rest.Answer{}, err
	}
	return done(a.holder.Rotate(r.Context(), q, holder.Rotation{Key: in.DIDKey, Continuity: in.Continuity, LinkProof: in.LinkProof}))
}

func done(err error) (rest.Answer, error) {
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.NoContent(), nil
}

func (a *api) handle(r *rest.Request, q holder.Request) (rest.Answer, error) {
	in, err := rest.DecodeClosedJSON[struct {
		Issuer string `json:"issuer"`
	}](r)
	if err != nil {
		return rest.Answer{}, err
	}
	h, err := a.holder.Handle(r.Context(), q, in.Issuer)
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, map[string]string{"vault_handle": h}), nil
}

func (a *api) tell(r *rest.Request, q holder.Request) (rest.Answer, error) {
	in, err := rest.DecodeClosedJSON[struct {
		Kind         audit.Kind `json:"kind"`
		Organisation string     `json:"organisation"`
		Purpose      string     `json:"purpose"`
		LegalBasis   string     `json:"legal_basis"`
		DataType     string     `json:"data_type"`
	}](r)
	if err != nil {
		return rest.Answer{}, err
	}
	return done(a.holder.Tell(r.Context(), q, holder.Told(in)))
}

// use is a line of the use log as its citizen sees it.
type use struct {
	Time         time.Time     `json:"time"`
	Kind         audit.Kind    `json:"kind"`
	By           string        `json:"by"`
	Outcome      audit.Outcome `json:"outcome"`
	Organisation string        `json:"organisation,omitempty"`
	Purpose      string        `json:"purpose,omitempty"`
	LegalBasis   string        `json:"legal_basis,omitempty"`
	DataType     string        `json:"data_type,omitempty"`
	Detail       string        `json:"detail,omitempty"`
	// Evidence is the digest of the citizen's signed request.
	Evidence string `json:"evidence,omitempty"`
}

// uses answers the citizen's own log: at or after from, before to.
func (a *api) uses(r *rest.Request, q holder.Request) (rest.Answer, error) {
	query, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	var span [2]time.Time
	for i, name := range []string{"from", "to"} {
		if !query.Has(name) {
			continue
		}
		if span[i], err = time.Parse(time.RFC3339, query.Value(name)); err != nil {
			return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Not a time", Field: name, Expected: "a time such as 2026-11-25T10:00:00Z", Spec: "RFC 3339, Section 5.6"}
		}
	}
	lines, more, err := a.holder.Uses(r.Context(), q, span[0], span[1])
	if err != nil {
		return rest.Answer{}, err
	}
	out := struct {
		Events []use `json:"events"`
		More   bool  `json:"more"`
	}{[]use{}, more}
	for _, l := range lines {
		out.Events = append(out.Events, use{
			Time: l.Time, Kind: l.Kind, By: string(l.Actor.Kind), Outcome: l.Outcome, Organisation: l.Organisation,
			Purpose: l.Purpose, LegalBasis: l.LegalBasis, DataType: l.DataType, Detail: l.Detail, Evidence: l.Evidence,
		})
	}
	return rest.JSON(http.StatusOK, out), nil
}

// list is never null in JSON.
func list(s []string) []string { return append([]string{}, s...) }
