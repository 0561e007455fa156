package main

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/devca"
	"github.com/zegel-id/zegel/seal/trust/lote"
)

// entityList is a list of trusted entities and how it stands with it.
type entityList struct {
	Lists     string `json:"lists"`   // what it lists
	Address   string `json:"address"` // empty of one that was read from a file
	Published bool   `json:"published"`
	Operator  string `json:"operator,omitempty"`
	Territory string `json:"territory,omitempty"`

	Sequence   int64     `json:"sequence"` // 0 when there is no list yet
	Issued     time.Time `json:"issued,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	Expired    bool      `json:"expired"`
	Fetched    time.Time `json:"fetched,omitzero"` // absent when it was only kept
	Tried      time.Time `json:"tried,omitzero"`
	Error      string    `json:"error,omitempty"` // of the last try

	Entities []listedEntity `json:"entities"`
}

type listedEntity struct {
	Name     string          `json:"name"`
	Names    []string        `json:"trade_names"` // registration numbers and laws among them
	Services []entityService `json:"services"`
}

type entityService struct {
	Name         string        `json:"name"`
	Type         string        `json:"type"`
	Status       string        `json:"status,omitempty"`
	Since        time.Time     `json:"since,omitzero"`
	Certificates []string      `json:"certificates"` // as in the names of files
	Former       []entityState `json:"former,omitempty"`
}

type entityState struct {
	Status string    `json:"status"`
	Since  time.Time `json:"since"`
}

// entityListOf tells what a list says.
func entityListOf(l *trust.List, now time.Time) (entityList, error) {
	out := entityList{
		Lists: l.Profile.Name, Operator: l.Operator, Territory: l.Territory, Sequence: l.Sequence, Issued: l.Issued, NextUpdate: l.NextUpdate,
		Expired: l.Fresh(now) != nil, Entities: []listedEntity{},
	}
	d, err := trust.ReadList(l.Compact())
	if err != nil {
		return out, err
	}
	for _, e := range d.LoTE.Entities {
		entity := listedEntity{Name: english(e.Information.Name), Names: []string{}}
		for _, t := range e.Information.TradeName {
			entity.Names = append(entity.Names, t.Value)
		}
		for _, s := range e.Services {
			in := s.Information
			service := entityService{Name: english(in.Name), Type: string(in.Type), Status: in.Status, Certificates: []string{}}
			if in.StatusSince != nil {
				service.Since = in.StatusSince.Time
			}
			for _, c := range in.Identity.Certificates {
				if der, err := base64.StdEncoding.DecodeString(c.Value); err == nil {
					if cert, err := x509.ParseCertificate(der); err == nil {
						service.Certificates = append(service.Certificates, seal.CertificateID(cert))
					}
				}
			}
			for _, h := range s.History {
				service.Former = append(service.Former, entityState{h.Status, h.StatusSince.Time})
			}
			entity.Services = append(entity.Services, service)
		}
		out.Entities = append(out.Entities, entity)
	}
	return out, nil
}

func english(texts []trust.Text) string {
	i := slices.IndexFunc(texts, func(t trust.Text) bool { return strings.EqualFold(t.Lang, "en") })
	return texts[max(i, 0)].Value // Parse refuses a name without a text
}

// followedList tells how it stands with a list that is followed.
func followedList(s *lote.Source, now time.Time) (entityList, error) {
	st := s.Status()
	out := entityList{Lists: st.Profile, Entities: []listedEntity{}}
	if l := s.List(); l != nil {
		var err error
		if out, err = entityListOf(l, now); err != nil {
			return out, err
		}
	}
	out.Address, out.Fetched, out.Tried = st.Location, st.Fetched, st.Tried
	if st.Err != nil {
		out.Error = st.Err.Error()
	}
	return out, nil
}

// published are the lists of trusted entities that a store of the local hierarchy
// has, under the address of the issuer.
func published(store *trust.Store, issuer string, now time.Time) ([]entityList, error) {
	var out []entityList
	for _, p := range []struct {
		profile trust.Profile
		path    string
	}{{trust.PubEAAProviders, "/trust/pub-eaa.jwt"}, {trust.AccessProviders, "/trust/access-providers.jwt"}} {
		l := store.ListOf(p.profile)
		if l == nil {
			continue
		}
		e, err := entityListOf(l, now)
		if err != nil {
			return nil, err
		}
		e.Address, e.Published = issuer+p.path, true
		out = append(out, e)
	}
	return out, nil
}

// entityTrust is what commands about lists of trusted entities ask: those that are
// followed, and those that are published.
type entityTrust struct {
	sources []*lote.Source
	local   *trust.Store // nil without a local hierarchy
	issuer  string
	now     func() time.Time
}

func (e entityTrust) lists() ([]entityList, error) {
	out := []entityList{}
	for _, s := range e.sources {
		l, err := followedList(s, e.now())
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	if e.local == nil {
		return out, nil
	}
	own, err := published(e.local, e.issuer, e.now())
	return append(out, own...), err
}

// entityStanding is how a certificate stands under a service.
type entityStanding struct {
	Lists         string   `json:"lists"`
	Sequence      int64    `json:"list_sequence"`
	Expired       bool     `json:"list_expired"`
	Entity        string   `json:"entity"`
	Registrations []string `json:"registrations,omitempty"`
	Country       string   `json:"country,omitempty"`
	Service       string   `json:"service"`
	Type          string   `json:"type"`
	Use           string   `json:"use,omitempty"` // for which the list trusts it; empty for none
	Direct        bool     `json:"direct"`        // the list holds the certificate itself

	Now moment `json:"now"`
	At  moment `json:"at"`
}

// moment is a standing at a time.
type moment struct {
	Time    time.Time `json:"time"`
	Granted bool      `json:"granted"`
	Status  string    `json:"status,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Reason  string    `json:"reason,omitempty"` // why it may not be relied on
}

func momentOf(l *trust.List, s trust.Standing, at, now time.Time) moment {
	out := moment{Time: at, Granted: true, Status: s.Status, Since: s.Since, Until: s.Until}
	err := s.Err()
	if err == nil {
		err = l.Fresh(now)
	}
	if err != nil {
		out.Granted, out.Reason = false, err.Error()
	}
	return out
}

func (e entityTrust) explain(chain []*x509.Certificate, at time.Time) ([]entityStanding, error) {
	out, now := []entityStanding{}, e.now()
	if at.IsZero() {
		at = now
	}
	var all []*trust.List
	for _, s := range e.sources {
		all = append(all, s.List())
	}
	if e.local != nil {
		all = append(all, e.local.ListOf(trust.PubEAAProviders), e.local.ListOf(trust.AccessProviders))
	}
	for _, l := range all {
		if l == nil {
			continue
		}
		then, err := l.Standings(chain, at)
		if err != nil {
			return nil, err
		}
		present, err := l.Standings(chain, now)
		if err != nil {
			return nil, err
		}
		for i, s := range then { // both in the order of the list
			st := entityStanding{
				Lists: l.Profile.Name, Sequence: l.Sequence, Expired: l.Fresh(now) != nil, Entity: s.Entity, Registrations: s.Registrations, Country: s.Country,
				Service: s.Service, Type: string(s.Type), Direct: s.Direct, Now: momentOf(l, present[i], now, now), At: momentOf(l, s, at, now),
			}
			if s.Anchors != 0 {
				st.Use = s.Anchors.String()
			}
			out = append(out, st)
		}
	}
	return out, nil
}

// entityRoutes are what the command trust entities asks.
func (a *app) entityRoutes() []rest.Route {
	return []rest.Route{
		{Method: "GET", Path: "/trust/entities", Handler: a.entities, Spec: "admin"},
		{Method: "POST", Path: "/trust/entities/explain", Handler: a.entitiesExplain, Spec: "admin"},
		{Method: "POST", Path: "/trust/entities/withdraw", Handler: func(r *rest.Request) (rest.Answer, error) { return a.entitiesChange(r, true) }, Spec: "admin"},
		{Method: "POST", Path: "/trust/entities/notify", Handler: func(r *rest.Request) (rest.Answer, error) { return a.entitiesChange(r, false) }, Spec: "admin"},
	}
}

func (a *app) entityTrust() entityTrust {
	e := entityTrust{sources: a.entitySources(), local: a.local.store, now: a.now}
	if a.c.Issuer == nil {
		e.local = nil // nobody serves them
	} else {
		e.issuer = a.c.Issuer.URL
	}
	return e
}

func (a *app) entities(*rest.Request) (rest.Answer, error) {
	lists, err := a.entityTrust().lists()
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, lists), nil
}

func (a *app) entitiesExplain(r *rest.Request) (rest.Answer, error) {
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	var at time.Time
	if text := q.Value("at"); text != "" {
		if at, err = time.Parse(time.RFC3339, text); err != nil {
			return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Not a time", Field: "at", Expected: "a time such as 2026-11-25T12:00:00Z (RFC 3339)"}
		}
	}
	body, err := rest.DecodeJSON[explainRequest](r)
	if err != nil {
		return rest.Answer{}, err
	}
	bad := func(err error) error {
		return &rest.Problem{Status: http.StatusBadRequest, Title: "No certificate", Detail: err.Error(), Field: "chain", Expected: "certificates in PEM, the one that is asked about first"}
	}
	chain, err := trust.ParsePEM([]byte(body.Chain))
	if err != nil {
		return rest.Answer{}, bad(err)
	}
	standings, err := a.entityTrust().explain(chain, at)
	if err != nil {
		return rest.Answer{}, bad(err)
	}
	return rest.JSON(http.StatusOK, standings), nil
}

// serviceChange names services of a tenant.
type serviceChange struct {
	Tenant      string `json:"tenant,omitempty"`
	Service     string `json:"service"`               // issuance, revocation or all
	Certificate string `json:"certificate,omitempty"` // PEM; narrows it to one
}

// serviceNames are the services of a body as commands name them.
var serviceNames = map[string]trust.Service{"issuance": trust.Issuance, "revocation": trust.Revocation, "all": ""}

type changedService struct {
	Type        string `json:"type"`
	Certificate string `json:"certificate"`
}

func (a *app) entitiesChange(r *rest.Request, withdraw bool) (rest.Answer, error) {
	if a.c.Issuer == nil {
		return rest.Answer{}, &rest.Problem{Status: http.StatusConflict, Title: "No list of its own", Detail: "This server publishes no list of providers, as it does not run the issuer."}
	}
	in, err := rest.DecodeJSON[serviceChange](r)
	if err != nil {
		return rest.Answer{}, err
	}
	kind, ok := serviceNames[in.Service]
	if !ok {
		return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "No such service", Field: "service", Expected: "issuance, revocation or all"}
	}
	which := devca.Services{Type: kind}
	if in.Certificate != "" {
		certs, err := trust.ParsePEM([]byte(in.Certificate))
		if err != nil || len(certs) != 1 {
			return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "No certificate", Field: "certificate", Expected: "one certificate in PEM"}
		}
		which.Certificate = certs[0]
	}
	changed, err := a.local.ChangeServices(in.Tenant, which, withdraw)
	switch {
	case errors.Is(err, devca.ErrUnchanged):
		return rest.Answer{}, &rest.Problem{Status: http.StatusConflict, Title: "Nothing was changed", Detail: err.Error(), Cause: err}
	case errors.Is(err, devca.ErrOptions):
		return rest.Answer{}, &rest.Problem{Status: http.StatusNotFound, Title: "Nothing was changed", Detail: err.Error(), Remedy: "See zegel trust entities show.", Cause: err}
	case err != nil:
		return rest.Answer{}, err
	}
	word := "notify"
	if withdraw {
		word = "withdraw"
	}
	if err := a.noteServices(r.Context(), r.ID, strings.TrimSpace(word+" "+in.Service+" "+in.Tenant)); err != nil {
		return rest.Answer{}, err
	}
	out := []changedService{}
	for _, s := range changed {
		a.log.Warn("service in the list of providers", "change", word, "type", string(s.Type), "certificate", seal.CertificateID(s.Certificate), "tenant", in.Tenant)
		out = append(out, changedService{string(s.Type), seal.CertificateID(s.Certificate)})
	}
	return rest.JSON(http.StatusOK, out), nil
}

// noteServices records that services of the published list were changed.
func (a *app) noteServices(ctx context.Context, requestID, detail string) error {
	return a.uses.Append(ctx, audit.Event{
		Kind: audit.RegisterChange, Actor: audit.Actor{Kind: audit.Operator, ID: adminActor}, Outcome: audit.OK, RequestID: requestID, DataType: "pub-eaa-providers", Detail: detail,
	})
}
