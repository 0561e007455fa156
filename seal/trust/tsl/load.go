package tsl

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// origin is where documents come from: the fetcher, or what was kept.
type origin struct {
	get  func(ctx context.Context, address string) ([]byte, error)
	kept bool
}

// load reads the list of lists, then every national list that it points to, and
// puts what is good in use.
func (s *Source) load(ctx context.Context, from origin) error {
	s.refresh.Lock()
	defer s.refresh.Unlock()
	now := s.c.Now()
	lotl, err := s.loadListOfLists(ctx, from, now)
	s.note(from, s.c.Location, union, lotl, err)
	if err != nil {
		err = fmt.Errorf("list of lists: %w", err)
	}
	if lotl == nil {
		// Whom it points to is as it was; their lists may be newer all the same.
		if lotl = s.listOfLists(); lotl == nil {
			return err
		}
	}
	national, faults := s.loadNational(ctx, from, lotl, now)
	lists, broken := NewLists(lotl, national...)
	if broken == nil && !lists.same(s.current.Load()) {
		s.current.Store(lists)
		if s.c.Changed != nil {
			s.c.Changed(lists)
		}
	}
	return errors.Join(err, faults, broken)
}

func (s *Source) listOfLists() *List {
	if l := s.current.Load(); l != nil {
		return l.lotl
	}
	return nil
}

func (s *Source) loadListOfLists(ctx context.Context, from origin, now time.Time) (*List, error) {
	doc, err := from.get(ctx, s.c.Location)
	if err != nil {
		return nil, err
	}
	if before := s.listOfLists(); before != nil && before.document == sha256.Sum256(doc) {
		return before, before.fresh(now)
	}
	pivots := map[string][]byte{}
	lotl, trail, err := s.trail.follow(doc, func(address string) ([]byte, error) {
		b, err := from.get(ctx, address)
		pivots[address] = b
		return b, err
	}, now)
	if err != nil {
		return nil, err
	}
	if err := s.accept(union, lotl, from, now); err != nil {
		return nil, err
	}
	s.trail = trail
	for _, address := range slices.Sorted(maps.Keys(pivots)) {
		err = errors.Join(err, s.keep(ctx, from, address, pivots[address]))
	}
	return lotl, errors.Join(err, s.keep(ctx, from, s.c.Location, doc))
}

// reading is a national list as it was read now.
type reading struct {
	pointer Pointer
	doc     []byte
	list    *List
	err     error
}

// loadNational reads the national lists, several at a time.
func (s *Source) loadNational(ctx context.Context, from origin, lotl *List, now time.Time) ([]*List, error) {
	pointers, twice := lotl.nationalPointers()
	maps.DeleteFunc(pointers, func(t string, _ Pointer) bool { return !s.follows(t) })
	territories := slices.Sorted(maps.Keys(pointers))
	readings := make([]reading, len(territories))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, t := range territories {
		group.Go(func() error {
			readings[i] = s.readNational(ctx, from, pointers[t], now)
			return nil
		})
	}
	_ = group.Wait() // each reading has its error
	var out []*List
	var faults []error
	for _, r := range readings {
		l, err := s.settle(ctx, from, r, now)
		if err != nil {
			faults = append(faults, fmt.Errorf("list of %s: %w", r.pointer.Territory, err))
		}
		if l != nil {
			out = append(out, l)
		}
	}
	for _, t := range twice {
		if s.follows(t) {
			faults = append(faults, refuse(CheckScheme, clause(specList, "5.3.13"), "the list of lists points to two lists of %s", t))
		}
	}
	s.forget(territories)
	return out, errors.Join(faults...)
}

// settle decides which list of a territory is used: the one that was read, else
// the last good one as long as its signer is still told.
func (s *Source) settle(ctx context.Context, from origin, r reading, now time.Time) (*List, error) {
	p, err := r.pointer, r.err
	if err == nil {
		err = s.accept(p.Territory, r.list, from, now)
	}
	if err != nil {
		s.note(from, p.Location, p.Territory, nil, err)
		if last := s.last(p.Territory); last != nil && holds(p.Signers, last.Signer) {
			return last, err
		}
		return nil, err
	}
	err = s.keep(ctx, from, p.Location, r.doc)
	s.note(from, p.Location, p.Territory, r.list, err)
	return r.list, err
}

// last is the list of a territory that is in use.
func (s *Source) last(territory string) *List {
	if l := s.current.Load(); l != nil {
		return l.national[territory]
	}
	return nil
}

func (s *Source) readNational(ctx context.Context, from origin, p Pointer, now time.Time) reading {
	r := reading{pointer: p}
	if r.doc, r.err = from.get(ctx, p.Location); r.err != nil {
		return r
	}
	if last := s.last(p.Territory); last != nil && last.document == sha256.Sum256(r.doc) && holds(p.Signers, last.Signer) {
		r.list = last
		return r
	}
	if r.list, r.err = Verify(r.doc, p.Signers, now); r.err != nil {
		return r
	}
	if is := r.list.Scheme; is.Type != TypeNational || is.Territory != p.Territory {
		r.err = refuse(CheckScheme, clause(specList, "5.3.13"), "found type %q of %q, expected %q of %q as the pointer says", clip(is.Type), is.Territory, TypeNational, p.Territory)
	}
	return r
}

// accept refuses a list that has expired, or that is older than the newest that
// was seen of its territory. Two lists with one number must say the same; they
// may be signed anew. What was kept may have expired: it is the newest seen.
func (s *Source) accept(territory string, l *List, from origin, now time.Time) error {
	if newest := s.floor[territory]; newest != nil {
		a, b := l.Scheme.Sequence, newest.Scheme.Sequence
		if a < b || a == b && l.content != newest.content {
			return &Error{Check: CheckSequence, Spec: clause(specList, "5.3.2"), Detail: "the number is not above that of another list seen before", Err: ErrRollback}
		}
	}
	if !from.kept {
		if err := l.fresh(now); err != nil {
			return err
		}
	}
	s.floor[territory] = l
	return nil
}

// keep hands a good document to the keeper.
func (s *Source) keep(ctx context.Context, from origin, address string, doc []byte) error {
	if s.c.Keeper == nil || from.kept {
		return nil
	}
	if err := s.c.Keeper.Keep(ctx, address, doc); err != nil {
		return fmt.Errorf("keeping it: %w", err)
	}
	return nil
}
