package status

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/jose"
	"github.com/zegel-id/zegel/store"
)

// Published is a signed list, ready to be served with MediaType. The JWT is
// shared: do not change it.
type Published struct {
	JWT     []byte
	ETag    string // with its quotes
	Issued  time.Time
	Expires time.Time
	TTL     time.Duration // also the max-age to serve it with
}

// published is one list in memory. Its mutex also keeps the order of changes
// made by this register.
type published struct {
	id  string
	uri string

	mu    sync.Mutex
	list  *List
	seq   uint64 // last change applied
	token *Published
	built uint64 // seq of token
}

type changeData struct {
	Index uint64 `json:"idx"`
	Value Value  `json:"value"`
}

// Set changes the status of an allocated index. INVALID is final (ErrFinal);
// SUSPENDED can become VALID again. Setting what is set already is no change.
//
// A change is one unique insert of the next number in the list's history, so
// that two registers can neither lose a change nor undo a final one.
func (r *Register) Set(ctx context.Context, ref Ref, v Value) error {
	if !v.known() {
		return fmt.Errorf("%w: %v", ErrValue, v)
	}
	p, err := r.allocated(ctx, ref)
	if err != nil {
		return err
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
		current, err := p.list.At(ref.Index)
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
	return p.list.At(ref.Index)
}

// Token is the signed list, with every change that was made before the call.
// It is signed anew only after a change or when half its lifetime is over.
func (r *Register) Token(ctx context.Context, listID string) (Published, error) {
	p, err := r.list(ctx, listID)
	if err != nil {
		return Published{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.catchUp(ctx, r.store); err != nil {
		return Published{}, err
	}
	now := r.o.Now().Truncate(time.Second)
	if p.token != nil && p.built == p.seq && now.Before(p.token.Issued.Add(r.o.Lifetime/2)) && !now.Before(p.token.Issued) {
		return *p.token, nil
	}
	token, err := r.sign(p, now)
	if err != nil {
		return Published{}, err
	}
	p.token, p.built = token, p.seq
	return *token, nil
}

func (r *Register) sign(p *published, now time.Time) (*Published, error) {
	expires := now.Add(r.o.Lifetime)
	body, err := jose.Marshal(payload{
		Subject: p.uri, IssuedAt: jose.Date(now), Expires: jose.Date(expires),
		TTL: int64(r.o.TTL / time.Second), List: p.list,
	})
	if err != nil {
		return nil, fmt.Errorf("writing status list: %w", err)
	}
	jwt, err := r.o.Signer.SignCompact(Typ, now, body)
	if err != nil {
		return nil, fmt.Errorf("signing status list: %w", err)
	}
	sum := sha256.Sum256([]byte(jwt))
	return &Published{JWT: []byte(jwt), ETag: `"` + jose.Encode(sum[:16]) + `"`, Issued: now, Expires: expires, TTL: r.o.TTL}, nil
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
	var d listData
	if err := jose.Unmarshal(record.Data, &d); err != nil {
		return nil, fmt.Errorf("status list record %s is damaged: %w", record.ID, err)
	}
	list, err := NewList(d.Bits, int(d.Size))
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.lists[id]; p != nil {
		return p, nil
	}
	p = &published{id: id, uri: r.base + id, list: list}
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
	if err := jose.Unmarshal(rec.Data, &d); err != nil || !d.Value.known() {
		return fmt.Errorf("history of status list %s is damaged at change %d", p.id, p.seq+1)
	}
	if was, err := p.list.At(d.Index); err == nil && was == Invalid && d.Value != Invalid {
		return fmt.Errorf("history of status list %s undoes a final status at change %d", p.id, p.seq+1)
	}
	if err := p.list.Put(d.Index, d.Value); err != nil {
		return fmt.Errorf("history of status list %s, change %d: %w", p.id, p.seq+1, err)
	}
	p.seq++
	return nil
}
