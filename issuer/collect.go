package issuer

import (
	"context"
	"errors"
	"fmt"

	"github.com/zegel-id/zegel/internal/audit"
	"github.com/zegel-id/zegel/internal/provider/identifier"
)

// Collect is a request to collect a citizen's records from a supplier and to
// offer them.
type Collect struct {
	Configuration string
	Supplier      string
	Subject       identifier.INSZ
	// Vault that the records are for; zero when an institution makes the offer.
	Vault VaultHandle
	// Client is the institution that asks; empty when the citizen does.
	Client        string
	CorrelationID string
	// SignIn offers it with the authorization code grant, for the subject alone.
	SignIn bool
}

// ReasonUnusable is why a record is refused that the supplier's mapping let
// through but that cannot be sealed as the type it is offered as.
const ReasonUnusable = "unusable"

// Collect asks the supplier for the records of the subject and offers those
// that may be issued. Records that are refused are named in the answer; when
// nothing is left it is ErrNothing with Refused and NoData in the answer.
func (i *Issuer) Collect(ctx context.Context, c Collect) (Offered, error) {
	by := i.asker(c)
	w, err := i.collect(ctx, c, by)
	if err != nil {
		return Offered{Refused: w.refused, NoData: w.noData}, err
	}
	o, err := i.offer(ctx, c, by, w)
	if err != nil || c.Vault.Pseudonym == "" {
		return o, err
	}
	return o, i.stillThere(ctx, c.Vault, o.ID)
}

// collect asks the supplier. When it is ErrNothing the wares say why.
func (i *Issuer) collect(ctx context.Context, c Collect, by audit.Event) (wares, error) {
	t, ok := i.types[c.Configuration]
	if !ok {
		return wares{}, fmt.Errorf("%w: %q", ErrConfiguration, c.Configuration)
	}
	got, err := i.c.Source.Collect(ctx, c.Supplier, c.Subject, c.CorrelationID)
	if err := errors.Join(err, i.logFetch(ctx, by, got, err, c.CorrelationID)); err != nil {
		return wares{}, err
	}
	w := wares{refused: got.Refused}
	// What cannot be issued must not be offered; the other records go on.
	for _, d := range got.Datasets {
		if why := t.check(i, d.Claims); why != nil {
			w.refused = append(w.refused, Refusal{Record: d.Record, Reason: ReasonUnusable, Detail: why.Error()})
			continue
		}
		w.datasets = append(w.datasets, d)
	}
	pending, unnamed := namedPending(got.Pending)
	w.pending, w.refused = pending, append(w.refused, unnamed...)
	switch n := len(w.datasets) + len(w.pending); {
	case n == 0:
		w.noData = got.NoData && len(w.refused) == 0
		return w, ErrNothing
	case n > MaxDatasets:
		return w, tooMany(n)
	}
	return w, nil
}

// namedPending keeps what can be known again when the supplier has it.
func namedPending(all []Pending) (named []Pending, refused []Refusal) {
	for _, p := range all {
		if p.Record == "" {
			refused = append(refused, Refusal{Reason: ReasonUnusable, Detail: "the supplier will have it later, and names no reference to know it by"})
			continue
		}
		named = append(named, p)
	}
	return named, refused
}

// logFetch notes that a supplier was asked, whatever came of it.
func (i *Issuer) logFetch(ctx context.Context, by audit.Event, got Collection, err error, requestID string) error {
	by.Kind, by.Organisation, by.DataType = audit.Fetch, got.Organisation, got.DataType
	by.Outcome, by.RequestID = outcome(err), requestID
	by.Detail = fmt.Sprintf("accepted %d refused %d", len(got.Datasets), len(got.Refused))
	if n := len(got.Pending); n > 0 {
		by.Detail += fmt.Sprintf(" later %d", n)
	}
	return i.log(ctx, by)
}

// asker is who asks, for the use log: the citizen themself, or an institution
// about a citizen.
func (i *Issuer) asker(c Collect) audit.Event {
	citizen := i.c.Names.Of("citizen", c.Subject.Reveal(), nil)
	if c.Client == "" {
		return audit.Event{Actor: audit.Actor{Kind: audit.Citizen, ID: string(citizen)}, Subject: citizen}
	}
	return audit.Event{Actor: audit.Actor{Kind: audit.Organisation, ID: c.Client}, Subject: citizen}
}

// Direct is an offer of claims that an institution gives itself.
type Direct struct {
	Configuration string
	Datasets      []Dataset
	Client        string
	CorrelationID string
	// SignIn offers them with the authorization code grant, for Subject alone.
	// Without it Subject says nothing.
	SignIn  bool
	Subject identifier.INSZ
}

// ClaimsError says which of an institution's datasets cannot be sealed, and
// why. It holds no claim value.
type ClaimsError struct {
	Dataset int // from 0
	Type    string
	Err     error
}

func (e *ClaimsError) Error() string {
	return fmt.Sprintf("claims[%d] cannot become a %s: %v", e.Dataset, e.Type, e.Err)
}

func (e *ClaimsError) Unwrap() error { return e.Err }

// ErrTooMany is returned for more datasets than one offer may hold.
var ErrTooMany = errors.New("issuer: too many credentials for one offer")

func tooMany(n int) error { return fmt.Errorf("%w: %d, at most %d", ErrTooMany, n, MaxDatasets) }

// Offer offers an institution's own claims. A *ClaimsError when one of them
// cannot be sealed; nothing is offered then.
func (i *Issuer) Offer(ctx context.Context, d Direct) (Offered, error) {
	t, ok := i.types[d.Configuration]
	switch {
	case !ok:
		return Offered{}, fmt.Errorf("%w: %q", ErrConfiguration, d.Configuration)
	case len(d.Datasets) == 0:
		return Offered{}, ErrNothing
	case len(d.Datasets) > MaxDatasets:
		return Offered{}, tooMany(len(d.Datasets))
	}
	for n, dataset := range d.Datasets {
		if err := t.check(i, dataset.Claims); err != nil {
			return Offered{}, &ClaimsError{Dataset: n, Type: t.vct, Err: err}
		}
	}
	by := audit.Event{Actor: audit.Actor{Kind: audit.Organisation, ID: d.Client}}
	c := Collect{Configuration: d.Configuration, Client: d.Client, CorrelationID: d.CorrelationID, SignIn: d.SignIn, Subject: d.Subject}
	if d.SignIn {
		by = i.asker(c)
	}
	return i.offer(ctx, c, by, wares{datasets: d.Datasets})
}

// log writes to the use log. Its error fails the use: what cannot be logged
// must not happen.
func (i *Issuer) log(ctx context.Context, e audit.Event) error {
	if err := i.c.Log.Append(ctx, e); err != nil {
		return fmt.Errorf("issuer: the use log cannot be written: %w", err)
	}
	return nil
}

func outcome(err error) audit.Outcome {
	if err != nil {
		return audit.Failed
	}
	return audit.OK
}
