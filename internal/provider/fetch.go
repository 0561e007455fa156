package provider

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/zegel-id/zegel/internal/provider/identifier"
)

// Supplier finds an entry of the register.
func (r *Register) Supplier(id string) (Supplier, error) {
	for _, s := range r.suppliers {
		if s.ID == id {
			return s, nil
		}
	}
	return Supplier{}, fmt.Errorf("%w: %q", ErrNotRegistered, id)
}

// Suppliers is the register as it is published.
func (r *Register) Suppliers() []Supplier { return slices.Clone(r.suppliers) }

// Attach connects a registered supplier's data type. It is for the start of
// the program, before the first Fetch.
func (r *Register) Attach(supplier, dataType string, c Connector) error {
	s, err := r.Supplier(supplier)
	if err != nil {
		return err
	}
	if s.Nature == Government && s.Protocol == nil {
		return fmt.Errorf("%w: %q", ErrNoProtocol, supplier)
	}
	if _, ok := s.DataType(dataType); !ok {
		return fmt.Errorf("%w: %q of %q", ErrNotSupplied, dataType, supplier)
	}
	key := connectorKey{supplier, dataType}
	if _, taken := r.connectors[key]; taken {
		return fmt.Errorf("supplier %q already has a connector for %q", supplier, dataType)
	}
	r.connectors[key] = c
	return nil
}

// Fetch asks the supplier that the query names. Whatever the connector did,
// only records about the subject come out.
func (r *Register) Fetch(ctx context.Context, q Query) (Answer, error) {
	s, err := r.Supplier(q.Supplier)
	if err != nil {
		return Answer{}, err
	}
	if _, ok := s.DataType(q.DataType); !ok {
		return Answer{}, fmt.Errorf("%w: %q of %q", ErrNotSupplied, q.DataType, q.Supplier)
	}
	c, ok := r.connectors[connectorKey{q.Supplier, q.DataType}]
	if !ok {
		return Answer{}, fmt.Errorf("%w: %q for %q", ErrNoConnector, q.Supplier, q.DataType)
	}
	if q.Subject.IsZero() {
		return Answer{}, fmt.Errorf("%w: the query names nobody", ErrSubject)
	}
	if q.Subject.Kind() == identifier.Test && !r.AllowTestNumbers {
		return Answer{}, fmt.Errorf("%w: a test number is accepted in test environments only", ErrSubject)
	}
	a, err := c.Fetch(ctx, q)
	if err != nil {
		return Answer{}, fmt.Errorf("asking %q for %q: %w", q.Supplier, q.DataType, err)
	}
	return r.keepOwn(a, q), nil
}

// keepOwn drops what a faulty connector let through.
func (r *Register) keepOwn(a Answer, q Query) Answer {
	own := make([]Record, 0, len(a.Records))
	for _, rec := range a.Records {
		if !rec.Subject.Equal(q.Subject) {
			a.Refused = append(a.Refused, Refusal{
				Ref: identifier.Scrub(rec.Ref), Reason: WrongSubject, Detail: "the record names another person than was asked for"})
			continue
		}
		rec.Supplier, rec.Type = q.Supplier, q.DataType
		own = append(own, rec)
	}
	a.Records = own
	a.Pending = slices.DeleteFunc(slices.Clone(a.Pending), func(p Pending) bool { return !p.Subject.Equal(q.Subject) })
	if a.Retrieved.IsZero() {
		a.Retrieved = r.now()
	}
	return a
}

func (r *Register) now() time.Time {
	if r.Now != nil {
		return r.Now()
	}
	return time.Now()
}
