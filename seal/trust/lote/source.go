// Package lote follows lists of trusted entities (ETSI TS 119 602): it fetches a
// list, has a store verify and install it, keeps the last good one over a restart,
// and says how it stands with it. What a list must be is said in trust.Profile.
package lote

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/zegel-id/zegel/seal/trust"
)

// MediaType of a signed list.
const MediaType = "application/jose"

// Defaults and bounds of a Source.
const (
	DefaultInterval = time.Hour
	retryInterval   = 5 * time.Minute // after a failure; doubled after each more
	missInterval    = time.Minute     // the shortest time between two tries
)

// ErrNone is returned while there is no list.
var ErrNone = errors.New("there is no list of trusted entities yet")

// Fetcher gets a document unless it still has an ETag: then the body is nil.
// Address filters, size and time limits are its work; it must allow bodies of
// trust.MaxList. maxAge is 0 where nothing is said.
type Fetcher interface {
	FetchUnless(ctx context.Context, url, accept, etag string) (body []byte, tag string, maxAge time.Duration, err error)
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

// Config says which list is followed, and how.
type Config struct {
	Location string
	Profile  trust.Profile
	// Store has the certificates of the list's signers as anchors of
	// trust.UseListSigner, and takes the lists.
	Store   *trust.Store
	Fetcher Fetcher
	Keeper  Keeper // nil keeps nothing
	// Interval between refreshes; 0 is DefaultInterval. After a failure, where the
	// list's publisher says so, and near NextUpdate the next comes sooner.
	Interval time.Duration
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Changed is told each list with another content, also the one that was kept;
	// may be nil. It must not call Refresh.
	Changed func(*trust.List)
	// Report is told why a refresh of Run failed, and why what was kept is not
	// acceptable; may be nil.
	Report func(error)
}

// Source keeps a list fresh. When it cannot be had, or is not acceptable, the last
// good one stays in use until its NextUpdate: from then on it anchors nothing. It
// may be used by many at once.
type Source struct {
	c       Config
	refresh chan struct{}     // taken by the one that fetches; guards tag and kept
	tag     string            // of the list in use
	kept    [sha256.Size]byte // the content that the keeper has
	missed  chan struct{}

	mu     sync.Mutex // guards the rest
	status Status
	age    time.Duration // how long the list may be used by what its publisher says
}

// Status is how it stands with a list.
type Status struct {
	Location   string
	Profile    string // what it lists
	Operator   string
	Territory  string
	Sequence   int64 // of the list in use; 0 when there is none
	Issued     time.Time
	NextUpdate time.Time
	Fetched    time.Time // the last time that the list in use was there; zero if it was kept only
	Tried      time.Time
	Err        error // of the last try
}

// NewSource gives a source with the list that was kept, if any. It fetches
// nothing; call Refresh or Run.
func NewSource(ctx context.Context, c Config) (*Source, error) {
	u, err := url.Parse(c.Location)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("lote: the location of the list must be an absolute address")
	case c.Store == nil || c.Fetcher == nil:
		return nil, errors.New("lote: a store and a fetcher are required")
	case c.Profile.Type == "":
		return nil, errors.New("lote: a profile is required")
	case len(c.Store.Configured(trust.UseListSigner)) == 0:
		return nil, errors.New("lote: the store trusts no signer of lists")
	case c.Interval < 0:
		return nil, errors.New("lote: the interval must not be negative")
	}
	if c.Interval == 0 {
		c.Interval = DefaultInterval
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Source{c: c, refresh: make(chan struct{}, 1), missed: make(chan struct{}, 1)}
	s.status.Location, s.status.Profile = c.Location, c.Profile.Name
	if c.Keeper == nil {
		return s, nil
	}
	// A keeper that cannot be read would let lists go back unnoticed. What it has
	// is a help and no condition: its signer may have been replaced.
	doc, err := c.Keeper.Kept(ctx, c.Location)
	if err != nil {
		return nil, fmt.Errorf("lote: what was kept cannot be read: %w", err)
	}
	if doc == nil {
		return s, nil
	}
	if err := s.takeKept(string(doc)); err != nil && c.Report != nil {
		c.Report(fmt.Errorf("what was kept: %w", err))
	}
	return s, nil
}

// takeKept takes a kept list into use. One that has run out is judged as of its
// last second: it anchors nothing now, and keeps older ones away.
func (s *Source) takeKept(doc string) error {
	now := s.c.Now()
	d, err := trust.ReadList(doc)
	if err != nil {
		return err
	}
	if next := d.LoTE.Scheme.NextUpdate.Time; !now.Before(next) {
		now = next.Add(-time.Second)
	}
	l, err := s.c.Store.Verify(doc, s.c.Profile, now)
	if err != nil {
		return err
	}
	if err := s.c.Store.Install(l); err != nil {
		return err
	}
	s.kept = l.Content()
	s.use(l)
	s.changed(l)
	return nil
}

// List is the last good one, or nil. It may have expired.
func (s *Source) List() *trust.List { return s.c.Store.ListOf(s.c.Profile) }

// Status tells how it stands.
func (s *Source) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Health is an error when there is no list, or it has run out.
func (s *Source) Health(context.Context) error {
	l := s.List()
	if l == nil {
		if err := s.Status().Err; err != nil {
			return fmt.Errorf("%w: %s: %w", ErrNone, s.c.Profile.Name, err)
		}
		return fmt.Errorf("%w: %s", ErrNone, s.c.Profile.Name)
	}
	if err := l.Fresh(s.c.Now()); err != nil {
		return fmt.Errorf("%s: %w", s.c.Profile.Name, err)
	}
	return nil
}

// Missed says that a certificate was met which the list does not hold, so that it
// is fetched again soon, at most once a minute, while Run runs. It returns at once.
func (s *Source) Missed() {
	select {
	case s.missed <- struct{}{}:
	default: // it was said already
	}
}

// Run refreshes until the context ends, at once for the first time. After a failure
// it comes back sooner, and each time later than before.
func (s *Source) Run(ctx context.Context) error {
	for failures := 0; ; {
		err := s.Refresh(ctx)
		if err == nil {
			failures = 0
		} else {
			failures++
			if s.c.Report != nil && ctx.Err() == nil {
				s.c.Report(err)
			}
		}
		if err := s.pause(ctx, s.wait(failures)); err != nil {
			return err
		}
	}
}

// wait is how long until the next try.
func (s *Source) wait(failures int) time.Duration {
	wait := s.c.Interval
	if failures > 0 {
		wait = min(wait, retryInterval<<min(failures-1, 16))
	}
	s.mu.Lock()
	age := s.age
	s.mu.Unlock()
	if age > 0 {
		wait = min(wait, age)
	}
	if l := s.List(); l != nil { // be there before it runs out
		if left := l.NextUpdate.Sub(s.c.Now()); left > 0 {
			wait = min(wait, left/2)
		}
	}
	return max(wait, missInterval)
}

// pause waits, and less when a certificate was missed.
func (s *Source) pause(ctx context.Context, wait time.Duration) error {
	least := time.After(missInterval)
	most := time.After(wait)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-most:
		return nil
	case <-s.missed:
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-least:
		return nil
	}
}

// Refresh fetches the list once. While another refresh is under way it waits for
// that to end.
func (s *Source) Refresh(ctx context.Context) error {
	select {
	case s.refresh <- struct{}{}:
		defer func() { <-s.refresh }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err := s.fetch(ctx)
	if ctx.Err() != nil {
		return ctx.Err() // cut off: nothing is known of the list
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Tried, s.status.Err = s.c.Now(), err
	if err == nil {
		s.status.Fetched = s.status.Tried
	}
	return err
}

func (s *Source) fetch(ctx context.Context) error {
	tag := s.tag
	before := s.List()
	if before == nil || before.Fresh(s.c.Now()) != nil {
		tag = "" // what is there is of no use
	}
	body, tag, age, err := s.c.Fetcher.FetchUnless(ctx, s.c.Location, MediaType+", application/jwt;q=0.9, */*;q=0.1", tag)
	if err != nil {
		return fmt.Errorf("fetching the list of %s: %w", s.c.Profile.Name, err)
	}
	s.mu.Lock()
	s.age = age
	s.mu.Unlock()
	if body == nil {
		return nil
	}
	l, err := s.c.Store.Verify(string(body), s.c.Profile, s.c.Now())
	if err != nil {
		return fmt.Errorf("list of %s: %w", s.c.Profile.Name, err)
	}
	if err := s.c.Store.Install(l); err != nil {
		return fmt.Errorf("list of %s: %w", s.c.Profile.Name, err)
	}
	s.tag = tag
	s.use(l)
	if before == nil || before.Content() != l.Content() {
		s.changed(l)
	}
	if s.c.Keeper == nil || s.kept == l.Content() {
		return nil
	}
	if err := s.c.Keeper.Keep(ctx, s.c.Location, []byte(l.Compact())); err != nil {
		s.tag = "" // it is fetched and kept again
		return fmt.Errorf("keeping the list of %s: %w", s.c.Profile.Name, err)
	}
	s.kept = l.Content()
	return nil
}

func (s *Source) changed(l *trust.List) {
	if s.c.Changed != nil {
		s.c.Changed(l)
	}
}

// use notes the list that is in use.
func (s *Source) use(l *trust.List) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.status
	st.Operator, st.Territory, st.Sequence, st.Issued, st.NextUpdate = l.Operator, l.Territory, l.Sequence, l.Issued, l.NextUpdate
}
