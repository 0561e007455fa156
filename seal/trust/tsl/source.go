package tsl

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of a Source.
const (
	DefaultInterval = 6 * time.Hour
	retryInterval   = 10 * time.Minute
	parallel        = 4
)

// union is the territory of the list of lists.
const union = "EU"

// Fetcher gets a document. Address filters, size and time limits are its work;
// it must allow bodies of MaxSize. A list is checked for its own NextUpdate, so
// that maxAge is not looked at.
type Fetcher interface {
	Fetch(ctx context.Context, url, accept string) (body []byte, maxAge time.Duration, err error)
}

// Keeper keeps documents over a restart. What it gives back is verified again,
// so it need not be trusted; one that forgets makes lists older than those seen
// acceptable again.
type Keeper interface {
	// Keep replaces the document of an address.
	Keep(ctx context.Context, address string, doc []byte) error
	// Kept gives the document of an address, nil if there is none.
	Kept(ctx context.Context, address string) ([]byte, error)
}

// Config says which list of lists is followed, and how.
type Config struct {
	// Location of the list of lists, such as
	// https://ec.europa.eu/tools/lotl/eu-lotl.xml.
	Location string
	// Signers are the certificates that the Official Journal of the European
	// Union publishes for the list of lists.
	Signers []*x509.Certificate
	// Journal is the address of that publication as the list of lists has it.
	// Pivots that the list names after it are older and not followed. Empty
	// follows all.
	Journal string
	// Territories that are followed, such as BE; empty means all.
	Territories []string
	Fetcher     Fetcher
	Keeper      Keeper // nil keeps nothing
	// Interval between refreshes; 0 is DefaultInterval. After a failure the next
	// comes sooner.
	Interval time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Changed is told each new set, also the one that was kept; may be nil. It
	// must not call Refresh.
	Changed func(*Lists)
	// Report is told why a refresh of Run was not whole, and what of the lists that
	// were kept is not acceptable; may be nil.
	Report func(error)
}

// Source keeps a set of lists fresh. When a list cannot be had, or is not
// acceptable, the last good one stays, until its NextUpdate: from then on Lists
// answers that it has expired. It may be used by many at once.
type Source struct {
	c       Config
	current atomic.Pointer[Lists]

	refresh chan struct{} // taken by the one that loads; guards trail, floor and places
	trail   trail
	floor   map[string]*List  // the newest list seen, by territory
	places  map[string]string // the address that the national list in use is kept under, by territory

	mu     sync.Mutex
	status map[string]Status // by territory
}

// Status is how it stands with one list.
type Status struct {
	Address    string
	Territory  string // EU for the list of lists
	Sequence   int64  // of the list in use; 0 when there is none
	Issued     time.Time
	NextUpdate time.Time
	Fetched    time.Time // the last time that a good list was there; zero if it was kept only
	Tried      time.Time
	Err        error // of the last try
	// Failures counts the fetches that brought no acceptable list, since the start.
	Failures uint64
}

// NewSource gives a source with the lists that were kept, if any. It fetches
// nothing; call Refresh or Run.
func NewSource(ctx context.Context, c Config) (*Source, error) {
	u, err := url.Parse(c.Location)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("tsl: the location of the list of lists must be an absolute address")
	case len(c.Signers) == 0:
		return nil, errors.New("tsl: the list of lists needs signers, as the Official Journal publishes them")
	case c.Fetcher == nil:
		return nil, errors.New("tsl: a fetcher is required")
	case c.Interval < 0:
		return nil, errors.New("tsl: the interval must not be negative")
	}
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Source{c: c, refresh: make(chan struct{}, 1), floor: map[string]*List{}, places: map[string]string{}, status: map[string]Status{}}
	s.trail = trail{location: c.Location, journal: c.Journal, signers: slices.Clone(c.Signers)}
	if c.Keeper != nil {
		// What was kept is a help and no condition: it may be of other signers. But
		// a keeper that cannot be read would let lists go back unnoticed.
		switch err := s.load(ctx, origin{get: s.kept, kept: true}); {
		case errors.Is(err, errKeeper):
			return nil, fmt.Errorf("tsl: %w", err)
		case err != nil && c.Report != nil:
			c.Report(fmt.Errorf("what was kept: %w", err))
		}
	}
	return s, nil
}

// Lists are the last good ones; nil when there are none yet. They may have
// expired, which their answers say.
func (s *Source) Lists() *Lists { return s.current.Load() }

// Seal is that of the last good lists. Without any the answer is indeterminate.
func (s *Source) Seal(chain []*x509.Certificate, t Times) Determination {
	if l := s.Lists(); l != nil {
		return l.Seal(chain, t)
	}
	var d asking
	d.step(Step{Name: StepListOfLists, At: t.Now, Spec: clause(specProcedures, "4.1")}, "there is no list of lists yet")
	return d.Determination
}

// Status tells how it stands with each list, the list of lists first.
func (s *Source) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Status
	if st, ok := s.status[union]; ok {
		out = append(out, st)
	}
	for _, t := range slices.Sorted(maps.Keys(s.status)) {
		if t != union {
			out = append(out, s.status[t])
		}
	}
	return out
}

// Run refreshes until the context ends, at once for the first time. After a failure
// it comes back sooner, and each time later than before: a list that stays broken
// does not have all others fetched all day. It comes back before a list runs out.
func (s *Source) Run(ctx context.Context) error {
	for failures := 0; ; {
		wait := s.c.Interval
		if err := s.Refresh(ctx); err != nil {
			wait = min(wait, retryInterval<<min(failures, 16))
			failures++
			if s.c.Report != nil && ctx.Err() == nil {
				s.c.Report(err)
			}
		} else {
			failures = 0
		}
		if left := s.left(); left > 0 {
			wait = min(wait, max(left/2, retryInterval))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// left is how long it is until the next list in use runs out; 0 when none will.
func (s *Source) left() (least time.Duration) {
	lists := s.Lists()
	if lists == nil {
		return 0
	}
	now := s.c.Now()
	for _, l := range append(slices.Collect(maps.Values(lists.national)), lists.lotl) {
		if left := l.Scheme.NextUpdate.Sub(now); left > 0 && (least == 0 || left < least) {
			least = left
		}
	}
	return least
}

// Refresh fetches every list once. The error joins what went wrong; lists that
// went well are in use all the same.
func (s *Source) Refresh(ctx context.Context) error { return s.RefreshTelling(ctx, nil) }

// RefreshTelling is Refresh that tells how far it is, one call after another. While
// another refresh is under way it waits for that to end.
func (s *Source) RefreshTelling(ctx context.Context, tell func(Progress)) error {
	return s.load(ctx, origin{get: s.fetch, told: tell})
}

func (s *Source) fetch(ctx context.Context, address string) ([]byte, error) {
	b, _, err := s.c.Fetcher.Fetch(ctx, address, MediaType+", application/xml, text/xml")
	return b, err
}

var (
	errNotKept = errors.New("nothing was kept")
	errKeeper  = errors.New("what was kept cannot be read")
)

func (s *Source) kept(ctx context.Context, address string) ([]byte, error) {
	b, err := s.c.Keeper.Kept(ctx, address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errKeeper, err)
	case b == nil:
		return nil, errNotKept
	}
	return b, nil
}

// note records a try and the list in use after it, which may be none. That
// something was not kept is no try.
func (s *Source) note(from origin, address, territory string, l *List, err error) {
	if from.kept && errors.Is(err, errNotKept) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.status[territory]
	st.Address, st.Territory, st.Tried, st.Err = address, territory, s.c.Now(), err
	if err != nil && !from.kept {
		st.Failures++
	}
	if l == nil {
		st.Sequence, st.Issued, st.NextUpdate, st.Fetched = 0, time.Time{}, time.Time{}, time.Time{}
	} else {
		st.Sequence, st.Issued, st.NextUpdate = l.Scheme.Sequence, l.Scheme.Issued, l.Scheme.NextUpdate
		if err == nil && !from.kept {
			st.Fetched = st.Tried
		}
	}
	s.status[territory] = st
}

// forget removes what is noted of territories that are no longer pointed to.
func (s *Source) forget(territories []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.status {
		if t != union && !slices.Contains(territories, t) {
			delete(s.status, t)
		}
	}
}

func (s *Source) follows(territory string) bool {
	return len(s.c.Territories) == 0 || slices.Contains(s.c.Territories, territory)
}
