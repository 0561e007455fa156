package status

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// published is one list in memory. Its mutex also keeps the order of changes
// made by this register.
type published struct {
	id   string
	uri  string
	data listData

	mu    sync.Mutex
	lists projections
	seq   uint64 // last change applied
	forms map[form]*built
}

type changeData struct {
	Index uint64 `json:"idx"`
	Value Value  `json:"value"`
}

// Set changes the status of an allocated index. INVALID is final (ErrFinal);
// SUSPENDED and the values of messages can become VALID again. Setting what is
// set already is no change. ErrValue for what is no value of the list.
//
// An index has one value. A message gives way to a suspension, and is not there
// any more when that ends.
//
// A change is one unique insert of the next number in the list's history, so
// that two registers can neither lose a change nor undo a final one.
func (r *Register) Set(ctx context.Context, ref Ref, v Value) error {
	p, err := r.allocated(ctx, ref)
	if err != nil {
		return err
	}
	if !p.data.known(v) {
		return fmt.Errorf("%w: %v", ErrValue, v)
	}
	data, err := jose.Marshal(changeData{Index: ref.Index, Value: v})
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if err := p.catchUp(ctx, r.store); err != nil {
			return err
		}
		current, err := p.lists.token.At(ref.Index)
		switch {
		case err != nil:
			return err
		case current == v:
			return nil
		case current == Invalid:
			return ErrFinal
		}
		_, err = r.store.Create(ctx, store.Record{Kind: kindChange, ID: changeID(p.id, p.seq+1), Tags: []string{p.id}, Data: data})
		if errors.Is(err, store.ErrExists) {
			continue // another register was first: read its change, look again
		}
		if err != nil {
			return fmt.Errorf("changing a status: %w", err)
		}
	}
}

// Value is the status of an allocated index now.
func (r *Register) Value(ctx context.Context, ref Ref) (Value, error) {
	p, err := r.allocated(ctx, ref)
	if err != nil {
		return Invalid, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.catchUp(ctx, r.store); err != nil {
		return Invalid, err
	}
	return p.lists.token.At(ref.Index)
}

// allocated finds the list of a reference and makes sure that the index was
// given out.
func (r *Register) allocated(ctx context.Context, ref Ref) (*published, error) {
	id, ok := strings.CutPrefix(ref.URI, r.base)
	if !ok || id == "" {
		return nil, fmt.Errorf("%w: the URI is none of this register", ErrNotFound)
	}
	if _, err := r.store.Get(ctx, kindIndex, indexID(id, ref.Index)); err != nil {
		return nil, notFound(err, "reading a status index")
	}
	return r.list(ctx, id)
}

func (r *Register) list(ctx context.Context, id string) (*published, error) {
	r.mu.Lock()
	p := r.lists[id]
	r.mu.Unlock()
	if p != nil {
		return p, nil
	}
	record, err := r.store.Get(ctx, kindList, id)
	if err != nil {
		return nil, notFound(err, "reading a status list")
	}
	d, err := readListData(record)
	if err != nil {
		return nil, err
	}
	lists, err := newProjections(d, r.o.Bitstring != nil)
	if err != nil {
		return nil, fmt.Errorf("status list record %s is damaged: %w", record.ID, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.lists[id]; p != nil {
		return p, nil
	}
	p = &published{id: id, uri: r.base + id, data: d, lists: lists, forms: map[form]*built{}}
	r.lists[id] = p
	return p, nil
}

// notFound turns the store's word into the register's. An id the store would
// not even accept cannot be there.
func notFound(err error, doing string) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) {
		return ErrNotFound
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// changeID sorts in the order of the numbers.
func changeID(list string, seq uint64) string { return fmt.Sprintf("%s.%012d", list, seq) }

// catchUp applies the changes made since the last call, by whichever register:
// all at once the first time, then one read per change and one that finds
// nothing.
func (p *published) catchUp(ctx context.Context, s store.Store) error {
	for page := (store.Page{Limit: store.MaxLimit}); p.seq == 0 || page.Next != ""; {
		records, next, err := s.Find(ctx, kindChange, p.id, page)
		if err != nil {
			return fmt.Errorf("reading status changes: %w", err)
		}
		for _, rec := range records {
			if err := p.apply(rec); err != nil {
				return err
			}
		}
		if page.Next = next; next == "" {
			break
		}
	}
	for {
		rec, err := s.Get(ctx, kindChange, changeID(p.id, p.seq+1))
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading status changes: %w", err)
		}
		if err := p.apply(rec); err != nil {
			return err
		}
	}
}

// apply takes the next change of the history. One that is missing, damaged or
// against the rules stops everything: a list that may hide a revocation is not
// published.
func (p *published) apply(rec store.Record) error {
	if rec.ID != changeID(p.id, p.seq+1) {
		return fmt.Errorf("history of status list %s is damaged: expected change %d", p.id, p.seq+1)
	}
	var d changeData
	if err := jose.Unmarshal(rec.Data, &d); err != nil || !p.data.known(d.Value) {
		return fmt.Errorf("history of status list %s is damaged at change %d", p.id, p.seq+1)
	}
	if was, err := p.lists.token.At(d.Index); err == nil && was == Invalid && d.Value != Invalid {
		return fmt.Errorf("history of status list %s undoes a final status at change %d", p.id, p.seq+1)
	}
	if err := p.lists.put(d.Index, d.Value); err != nil {
		return fmt.Errorf("history of status list %s, change %d: %w", p.id, p.seq+1, err)
	}
	p.seq++
	return nil
}
