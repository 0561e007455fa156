package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"time"

	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// listStatus is how it stands with one trusted list.
type listStatus struct {
	Territory  string    `json:"territory"`
	Address    string    `json:"address"`
	Sequence   int64     `json:"sequence"` // 0 when there is no list yet
	Issued     time.Time `json:"issued,omitzero"`
	NextUpdate time.Time `json:"next_update,omitzero"`
	Expired    bool      `json:"expired"`
	Fetched    time.Time `json:"fetched,omitzero"` // absent when it was only kept
	Tried      time.Time `json:"tried,omitzero"`
	Services   int       `json:"services"`
	// CAs and TimeStamps are the services granted now that issue qualified
	// certificates and make qualified time-stamps.
	CAs        int    `json:"granted_certificates"`
	TimeStamps int    `json:"granted_time_stamps"`
	Error      string `json:"error,omitempty"` // of the last try
}

// explanation is a Determination in JSON.
type explanation struct {
	Qualified tsl.Outcome     `json:"qualified"`
	Device    tsl.Outcome     `json:"qualified_device"`
	Managed   bool            `json:"managed_device"`
	Services  []listedService `json:"services"`
	Steps     []explainedStep `json:"steps"`
}

type listedService struct {
	Territory  string    `json:"territory"`
	Provider   string    `json:"provider"`
	Name       string    `json:"name"`
	Type       string    `json:"type"`
	Status     string    `json:"status"`
	Since      time.Time `json:"since"`
	Sequence   int64     `json:"list_sequence"`
	NextUpdate time.Time `json:"list_next_update"`
}

type explainedStep struct {
	Name    string      `json:"name"`
	Service int         `json:"service,omitempty"` // its number in services, from 1
	At      time.Time   `json:"at,omitzero"`
	Outcome tsl.Outcome `json:"outcome"`
	Found   string      `json:"found"`
	Spec    string      `json:"spec,omitempty"`
}

// trustRoutes are what the command trust asks.
func (a *app) trustRoutes() []rest.Route {
	return []rest.Route{
		{Method: "GET", Path: "/trust/lists", Handler: a.trustLists, Spec: "admin"},
		{Method: "POST", Path: "/trust/fetch", Handler: a.trustFetch, Spec: "admin", Timeout: 15 * time.Minute},
		{Method: "POST", Path: "/trust/explain", Handler: a.trustExplain, Spec: "admin"},
	}
}

func (a *app) followed() (*trustedLists, error) {
	if a.lists == nil {
		return nil, &rest.Problem{Status: http.StatusConflict, Title: "No trusted lists", Detail: "This server follows none.", Remedy: "Name the list of lists in verifier.trust.lists."}
	}
	return a.lists, nil
}

func (a *app) trustLists(*rest.Request) (rest.Answer, error) {
	l, err := a.followed()
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.JSON(http.StatusOK, l.status()), nil
}

// listProgress is how far fetching is with one list: that it begins, or that it is
// done and what is in use of it.
type listProgress struct {
	Territory string `json:"territory"`
	Of        int    `json:"of"` // national lists in all
	Done      bool   `json:"done"`
	Sequence  int64  `json:"sequence,omitempty"`
	Error     string `json:"error,omitempty"`
}

// Names of the events of trustFetch.
const (
	eventProgress = "progress" // a listProgress
	eventLists    = "lists"    // []listStatus, at the end
)

// fetchBeat is how often a reader is looked after when there is nothing to tell.
const fetchBeat = 10 * time.Second

// trustFetch refreshes at once and tells how far it is, since it can take minutes.
// That some lists cannot be had stands with each. It ends with its caller.
func (a *app) trustFetch(r *rest.Request) (rest.Answer, error) {
	l, err := a.followed()
	if err != nil {
		return rest.Answer{}, err
	}
	return rest.Events(func(out *rest.EventStream) error {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		told, done := make(chan listProgress), make(chan error, 1)
		go func() {
			done <- l.source.RefreshTelling(ctx, func(p tsl.Progress) {
				select {
				case told <- progressOf(p):
				case <-ctx.Done():
				}
			})
		}()
		beat := time.NewTicker(fetchBeat)
		defer beat.Stop()
		for {
			var err error
			select {
			case p := <-told:
				err = event(out, eventProgress, p)
			case <-beat.C:
				err = out.Beat()
			case err := <-done:
				if ctx.Err() == nil && err != nil {
					l.log.Warn("trusted lists", "error", err)
				}
				if ctx.Err() == nil {
					_ = event(out, eventLists, l.status()) // who is gone needs no answer
				}
				return nil
			case <-rest.Stopping(ctx):
				return nil
			}
			if err != nil {
				return nil // the caller is gone; without the last event nothing looks complete
			}
		}
	}), nil
}

func event(out *rest.EventStream, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return out.Event("", name, b)
}

func progressOf(p tsl.Progress) listProgress {
	out := listProgress{Territory: p.Territory, Of: p.Of, Done: p.Done}
	if p.List != nil {
		out.Sequence = p.List.Scheme.Sequence
	}
	if p.Err != nil {
		out.Error = p.Err.Error()
	}
	return out
}

// trustExplain answers about the certificate in a PEM body, with its issuers after
// it, at the time in the query or now.
func (a *app) trustExplain(r *rest.Request) (rest.Answer, error) {
	l, err := a.followed()
	if err != nil {
		return rest.Answer{}, err
	}
	q, err := r.Query()
	if err != nil {
		return rest.Answer{}, err
	}
	times := tsl.Times{Signature: a.now(), Now: a.now()}
	if text := q.Value("at"); text != "" {
		if times.Signature, err = time.Parse(time.RFC3339, text); err != nil {
			return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "Not a time", Field: "at", Expected: "a time such as 2026-11-25T12:00:00Z (RFC 3339)"}
		}
	}
	body, err := rest.DecodeJSON[explainRequest](r)
	if err != nil {
		return rest.Answer{}, err
	}
	chain, err := trust.ParsePEM([]byte(body.Chain))
	if err != nil {
		return rest.Answer{}, &rest.Problem{Status: http.StatusBadRequest, Title: "No certificate", Detail: err.Error(), Field: "chain", Expected: "certificates in PEM, the one that is asked about first"}
	}
	return rest.JSON(http.StatusOK, l.explain(chain, times)), nil
}

type explainRequest struct {
	Chain string `json:"chain"` // PEM
}

func (l *trustedLists) status() []listStatus {
	out := []listStatus{}
	lists := l.source.Lists()
	for _, s := range l.source.Status() {
		st := listStatus{
			Territory: s.Territory, Address: s.Address, Sequence: s.Sequence, Issued: s.Issued, NextUpdate: s.NextUpdate,
			Expired: s.Sequence > 0 && !l.now().Before(s.NextUpdate), Fetched: s.Fetched, Tried: s.Tried,
		}
		if s.Err != nil {
			st.Error = s.Err.Error()
		}
		if lists != nil {
			st.count(lists.National(s.Territory), l.now())
		}
		out = append(out, st)
	}
	return out
}

// count counts the services of a list; there may be none.
func (st *listStatus) count(list *tsl.List, now time.Time) {
	if list == nil {
		return
	}
	for _, p := range list.Providers {
		for _, s := range p.Services {
			st.Services++
			state, ok := s.At(now)
			switch {
			case !ok || state.Status != tsl.StatusGranted:
			case state.Type == tsl.ServiceCA:
				st.CAs++
			case state.Type == tsl.ServiceTimestamp:
				st.TimeStamps++
			}
		}
	}
}

func (l *trustedLists) explain(chain []*x509.Certificate, t tsl.Times) explanation {
	d := l.source.Seal(chain, t)
	out := explanation{Qualified: d.Qualified, Device: d.Device, Managed: d.Managed, Services: []listedService{}, Steps: []explainedStep{}}
	for _, s := range d.Services {
		out.Services = append(out.Services, listedService{Territory: s.Territory, Provider: s.Provider, Name: s.Name, Type: s.Type, Status: s.Status, Since: s.Since, Sequence: s.Sequence, NextUpdate: s.NextUpdate})
	}
	for _, s := range d.Steps {
		out.Steps = append(out.Steps, explainedStep(s))
	}
	return out
}
