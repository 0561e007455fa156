package devca

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
)

var (
	// ErrWithdrawn is returned for a new seal certificate of a body all of whose
	// services of issuance are withdrawn: it would be notified by that.
	ErrWithdrawn = errors.New("the body is withdrawn; notify it first, or replace its key before withdrawing the certificate")
	// ErrUnchanged is returned when all services have the state already.
	ErrUnchanged = errors.New("nothing was changed")
)

// change is a change of the state of a service. Before the first it is notified,
// from when its certificate is valid.
type change struct {
	Status string    `json:"status"`
	Since  time.Time `json:"since"`
}

// ListedService is a service of a body as the list has it.
type ListedService struct {
	Type        trust.Service
	Certificate *x509.Certificate
}

// Services choose services of a body: of a type, or of a certificate; the zero value
// is all.
type Services struct {
	Type        trust.Service
	Certificate *x509.Certificate
}

func (s Services) holds(l ListedService) bool {
	return (s.Type == "" || s.Type == l.Type) && (s.Certificate == nil || s.Certificate.Equal(l.Certificate))
}

// services are those that the list has of a body.
func (b *Body) services() []ListedService {
	var out []ListedService
	if b.Seal.Key != nil {
		out = append(out, ListedService{trust.Issuance, b.Seal.Certificate})
	}
	for _, c := range b.FormerSeal {
		out = append(out, ListedService{trust.Issuance, c})
	}
	out = append(out, ListedService{trust.Revocation, b.Status.Certificate})
	for _, c := range b.FormerStatus {
		out = append(out, ListedService{trust.Revocation, c})
	}
	return out
}

func stateKey(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return hex.EncodeToString(sum[:])
}

// states are those of a service, newest first.
func (b *Body) states(c *x509.Certificate) []change {
	out := slices.Clone(b.body.States[stateKey(c)])
	slices.Reverse(out)
	return append(out, change{trust.StatusNotified, c.NotBefore})
}

// certifiable is ErrWithdrawn if services of issuance are withdrawn and none is
// notified. What was retired does not count.
func (b *Body) certifiable() error {
	var err error
	for _, s := range b.services() {
		if _, retired := b.Retired(s.Certificate); retired || s.Type != trust.Issuance {
			continue
		}
		if b.states(s.Certificate)[0].Status == trust.StatusNotified {
			return nil
		}
		err = ErrWithdrawn
	}
	return err
}

// listed is a service in the list: its present state, and those before in its
// history (ETSI TS 119 602, clauses 6.6 and 6.7).
func (b *Body) listed(s ListedService) trust.EntityService {
	name := en("Issuance of sealed credentials")
	if s.Type == trust.Revocation {
		name = en("Status lists of sealed credentials")
	}
	states, id := b.states(s.Certificate), identity(s.Certificate)
	out := trust.EntityService{Information: trust.ServiceInformation{
		Name: name, Identity: id, Type: s.Type, Status: states[0].Status, StatusSince: &trust.Instant{Time: states[0].Since},
	}}
	for _, former := range states[1:] {
		out.History = append(out.History, trust.ServiceHistory{Name: name, Identity: id, Type: s.Type, Status: former.Status, StatusSince: trust.Instant{Time: former.Since}})
	}
	return out
}

// Withdraw says in the list of providers that services of a tenant (empty: of the
// first body) are withdrawn from now on. What they sealed before stays as it was.
func (h *Hierarchy) Withdraw(tenant string, which Services, now time.Time) ([]ListedService, error) {
	return h.change(tenant, which, trust.StatusWithdrawn, now)
}

// Notify says that withdrawn services are notified again from now on.
func (h *Hierarchy) Notify(tenant string, which Services, now time.Time) ([]ListedService, error) {
	return h.change(tenant, which, trust.StatusNotified, now)
}

func (h *Hierarchy) change(tenant string, which Services, status string, now time.Time) (changed []ListedService, err error) {
	now = now.UTC().Truncate(time.Second)
	b, err := h.Tenant(tenant)
	if err != nil {
		return nil, err
	}
	found := false
	next := maps.Clone(b.body.States)
	if next == nil {
		next = map[string][]change{}
	}
	for _, s := range b.services() {
		if !which.holds(s) {
			continue
		}
		found = true
		if _, retired := b.Retired(s.Certificate); retired {
			continue
		}
		last := b.states(s.Certificate)[0]
		switch {
		case last.Status == status:
			continue
		case !now.After(last.Since):
			return nil, fmt.Errorf("%w: the state before begins at %s, which is not before now; wait a moment (ETSI TS 119 602, clause 6.7)", ErrOptions, last.Since.Format(time.RFC3339))
		}
		key := stateKey(s.Certificate)
		next[key] = append(slices.Clone(next[key]), change{status, now})
		changed = append(changed, s)
	}
	switch {
	case !found:
		return nil, fmt.Errorf("%w: the body has no such service in the list", ErrOptions)
	case changed == nil:
		return nil, fmt.Errorf("%w: the services have that state already", ErrUnchanged)
	}
	before := b.body.States
	b.body.States = next
	if err := h.Refresh(now); err != nil {
		b.body.States = before
		return nil, err
	}
	return changed, nil
}

// Retire withdraws the service of a former certificate for good (ETSI TS 119 602,
// Annex H): it is not notified again. What is proven to be older stays valid.
func (h *Hierarchy) Retire(tenant string, c *x509.Certificate, now time.Time) error {
	now = now.UTC().Truncate(time.Second)
	b, err := h.Tenant(tenant)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(b.FormerSeal, c.Equal) && !slices.ContainsFunc(b.FormerStatus, c.Equal) {
		return fmt.Errorf("%w: only a former certificate can be retired", ErrOptions)
	}
	if _, done := b.Retired(c); done {
		return nil
	}
	before := b.body
	b.body.Retired = maps.Clone(before.Retired)
	if b.body.Retired == nil {
		b.body.Retired = map[string]time.Time{}
	}
	if last := b.states(c)[0]; last.Status == trust.StatusNotified {
		if first := last.Since.Add(time.Second); now.Before(first) {
			now = first // it was notified before
		}
		b.body.States = maps.Clone(before.States)
		if b.body.States == nil {
			b.body.States = map[string][]change{}
		}
		key := stateKey(c)
		b.body.States[key] = append(slices.Clone(b.body.States[key]), change{trust.StatusWithdrawn, now})
	}
	b.body.Retired[stateKey(c)] = now
	if err := h.Refresh(now); err != nil {
		b.body = before
		return err
	}
	return nil
}

// Retired reports since when a certificate is retired.
func (b *Body) Retired(c *x509.Certificate) (since time.Time, ok bool) {
	since, ok = b.body.Retired[stateKey(c)]
	return since, ok
}
