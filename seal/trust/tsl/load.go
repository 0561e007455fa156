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
	told func(Progress) // may be nil
}

func (o origin) tell(p Progress) {
	if o.told != nil {
		o.told(p)
	}
}

// Progress is how far a refresh is with one list: that it begins, or that it is
// done.
type Progress struct {
	Territory string // EU for the list of lists
	Address   string
	Of        int // national lists in all; 0 while that is not known
	// Done is false when it begins; the rest is then empty.
	Done bool
	List *List // in use now; nil if none
	Err  error
}

// load reads the list of lists, then every national list that it points to, and
// puts what is good in use. When ctx ends meanwhile nothing is noted of what it cut
// off.
func (s *Source) load(ctx context.Context, from origin) error {
	select {
	case s.refresh <- struct{}{}:
		defer func() { <-s.refresh }()
	case <-ctx.Done():
		return ctx.Err()
	}
	now := s.c.Now()
	from.tell(Progress{Territory: union, Address: s.c.Location})
	lotl, err := s.loadListOfLists(ctx, from, now)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	inUse := lotl
	if inUse == nil {
		// Whom it points to is as it was; their lists may be newer all the same.
		inUse = s.listOfLists()
	}
	s.note(from, s.c.Location, union, inUse, err)
	from.tell(Progress{Territory: union, Address: s.c.Location, List: inUse, Done: true, Err: err})
	switch {
	case from.kept && errors.Is(err, errNotKept):
		return nil
	case err != nil:
		err = fmt.Errorf("list of lists: %w", err)
	}
	if inUse == nil {
		return err
	}
	national, faults := s.loadNational(ctx, from, inUse, now)
	lists, broken := NewLists(inUse, national...)
	if broken == nil && !lists.same(s.current.Load()) {
		s.current.Store(lists)
		if s.c.Changed != nil {
			s.c.Changed(lists)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
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
	done    bool
	doc     []byte
	list    *List
	err     error
}

// loadNational reads the national lists, several at a time, and settles each when
// it is read.
func (s *Source) loadNational(ctx context.Context, from origin, lotl *List, now time.Time) ([]*List, error) {
	pointers, twice := lotl.nationalPointers()
	unclear := s.unclear(pointers, twice)
	maps.DeleteFunc(pointers, func(t string, _ Pointer) bool { return !s.follows(t) })
	territories := slices.Sorted(maps.Keys(pointers))
	readings := s.readAll(ctx, from, pointers, territories, now)
	settled, faults := map[string]*List{}, map[string]error{}
	for r := range readings {
		t := r.pointer.Territory
		if ctx.Err() != nil { // cut off: what is in use stays
			settled[t] = s.still(r.pointer)
			continue
		}
		if !r.done {
			from.tell(Progress{Territory: t, Address: r.pointer.Location, Of: len(territories)})
			continue
		}
		l, err := s.settle(ctx, from, r, now)
		if err != nil && !(from.kept && errors.Is(err, errNotKept)) {
			faults[t] = fmt.Errorf("list of %s: %w", t, err)
		}
		settled[t] = l
		from.tell(Progress{Territory: t, Address: r.pointer.Location, Of: len(territories), Done: true, List: l, Err: err})
	}
	for t, err := range unclear {
		s.note(from, "", t, nil, err)
		faults[t] = err
	}
	var lists []*List
	for _, t := range territories {
		if settled[t] != nil {
			lists = append(lists, settled[t])
		}
	}
	s.forget(append(territories, slices.Collect(maps.Keys(unclear))...))
	var all []error
	for _, t := range slices.Sorted(maps.Keys(faults)) {
		all = append(all, faults[t])
	}
	return lists, errors.Join(all...)
}

// unclear are the territories that are followed and have no one list.
func (s *Source) unclear(pointers map[string]Pointer, twice []string) map[string]error {
	out := map[string]error{}
	for _, t := range twice {
		if s.follows(t) {
			out[t] = refuse(CheckScheme, clause(specList, "5.3.13"), "the list of lists points to two lists of %s", t)
		}
	}
	for _, t := range s.c.Territories {
		if _, ok := pointers[t]; !ok && out[t] == nil {
			out[t] = refuse(CheckScheme, clause(specList, "5.3.13"), "the list of lists points to no list of %s", t)
		}
	}
	return out
}

// readAll reads the lists of territories, several at a time. Of each it gives that
// it begins and that it is done.
func (s *Source) readAll(ctx context.Context, from origin, pointers map[string]Pointer, territories []string, now time.Time) <-chan reading {
	readings := make(chan reading)
	go func() {
		defer close(readings)
		var group errgroup.Group
		group.SetLimit(parallel)
		for _, t := range territories {
			group.Go(func() error {
				p := pointers[t]
				readings <- reading{pointer: p}
				r := s.readNational(ctx, from, p, now)
				r.done = true
				readings <- r
				return nil
			})
		}
		_ = group.Wait() // each reading has its error
	}()
	return readings
}

// settle decides which list of a territory is used: the one that was read, else
// the last good one as long as its signer is still told.
func (s *Source) settle(ctx context.Context, from origin, r reading, now time.Time) (*List, error) {
	p, err := r.pointer, r.err
	if err == nil {
		err = s.accept(p.Territory, r.list, from, now)
	}
	if err != nil {
		last := s.still(p)
		err = errors.Join(err, s.move(ctx, from, p, last))
		s.note(from, p.Location, p.Territory, last, err)
		return last, err
	}
	if err = s.keep(ctx, from, p.Location, r.doc); err == nil {
		s.places[p.Territory] = p.Location
	}
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

// still is the list in use that a pointer leads to, as long as its signer is still
// told.
func (s *Source) still(p Pointer) *List {
	if last := s.last(p.Territory); last != nil && holds(p.Signers, last.Signer) {
		return last
	}
	return nil
}

func (s *Source) readNational(ctx context.Context, from origin, p Pointer, now time.Time) reading {
	r := reading{pointer: p}
	if r.doc, r.err = from.get(ctx, p.Location); r.err != nil {
		return r
	}
	if last := s.still(p); last != nil && last.document == sha256.Sum256(r.doc) {
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

// move keeps the list that stays in use under the address that its pointer has
// now: from there it is read after a restart.
func (s *Source) move(ctx context.Context, from origin, p Pointer, last *List) error {
	place := s.places[p.Territory]
	if last == nil || s.c.Keeper == nil || from.kept || place == "" || place == p.Location {
		return nil
	}
	doc, err := s.kept(ctx, place)
	switch {
	case err == nil && sha256.Sum256(doc) == last.document:
		err = s.keep(ctx, from, p.Location, doc)
	case err == nil:
		err = errNotKept
	}
	if err != nil {
		return fmt.Errorf("keeping it under its new address: %w", err)
	}
	s.places[p.Territory] = p.Location
	return nil
}
