package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/tsl"
)

// trustedLists are the trusted lists that this server follows, and the store that
// trusts their services.
type trustedLists struct {
	source *tsl.Source
	store  *trust.Store
	log    *slog.Logger
	now    func() time.Time

	mu     sync.Mutex      // one after another: a set that was replaced is not installed again
	ranOut map[string]bool // territories of which that was told
}

// listTimeout bounds the fetching of one list: some have megabytes and stand
// behind slow servers.
const listTimeout = 2 * time.Minute

// openTrustedLists takes the lists that were kept into use and has them fetched in
// the background, so that a start needs no network.
func (a *app) openTrustedLists(ctx context.Context, c *TrustedListsConfig, store *trust.Store) (*trustedLists, error) {
	keeper, err := openKeptLists(keptListsDir(a.c))
	if err != nil {
		return nil, err
	}
	client := fetch.Public(fetch.Options{
		MaxBody: tsl.MaxSize, Timeout: listTimeout, HeaderTimeout: 30 * time.Second, Redirects: 3,
		// Lists are signed, and some Member States publish theirs by http only.
		InsecureAllowHTTP: true, InsecureAllowLoopback: a.c.Profile == ProfileDevelopment, Now: a.now,
	})
	a.closers = append(a.closers, client.Close)
	l := &trustedLists{store: store, log: a.log, now: a.now}
	if err := l.follow(ctx, c, fetch.Aged{Fetcher: client}, keeper); err != nil {
		return nil, err
	}
	a.background = append(a.background, func(ctx context.Context) error {
		if err := l.source.Run(ctx); ctx.Err() == nil {
			return err
		}
		return nil
	})
	// A list runs out by itself, and with it what it anchors.
	a.every(time.Minute, "trusted lists", l.expire)
	return l, nil
}

// keptTrustedLists are the lists that an installation kept, for commands that need
// no server. They fetch nothing and change nothing.
func keptTrustedLists(ctx context.Context, c *Config, store *trust.Store, log *slog.Logger, now func() time.Time) (*trustedLists, error) {
	if c.Verifier == nil || c.Verifier.Trust.Lists == nil {
		return nil, errNoTrustedLists
	}
	l := &trustedLists{store: store, log: log, now: now}
	return l, l.follow(ctx, c.Verifier.Trust.Lists, noFetcher{}, unionLists(keptListsDir(c)))
}

var errNoTrustedLists = errors.New("the configuration follows no trusted lists; name the list of lists in verifier.trust.lists")

// noFetcher fetches nothing.
type noFetcher struct{}

func (noFetcher) Fetch(context.Context, string, string) ([]byte, time.Duration, error) {
	return nil, 0, errors.New("nothing is fetched without a server")
}

func keptListsDir(c *Config) string { return filepath.Join(c.Data, "trusted-lists") }

func (l *trustedLists) follow(ctx context.Context, c *TrustedListsConfig, fetcher tsl.Fetcher, keeper tsl.Keeper) error {
	signers, err := c.signers()
	if err != nil {
		return err
	}
	l.source, err = tsl.NewSource(ctx, tsl.Config{
		Location: c.Location, Signers: signers, Journal: c.Journal, Territories: c.Territories, Interval: c.refresh,
		Fetcher: fetcher, Keeper: keeper, Now: l.now, Changed: l.changed,
		Report: func(err error) { l.log.Warn("trusted lists", "error", err) },
	})
	return err
}

// changed takes a new set of lists into use.
func (l *trustedLists) changed(lists *tsl.Lists) {
	l.mu.Lock()
	anchors, unusable, err := l.anchor(lists)
	l.mu.Unlock()
	if err != nil {
		l.log.Error("trusted lists; their services anchor what they did before", "error", err)
		return
	}
	top := lists.ListOfLists().Scheme
	l.log.Info("trusted lists", "sequence", top.Sequence, "next_update", top.NextUpdate, "lists", len(lists.Territories()), "anchors", anchors, "unusable", unusable)
}

// expire takes anchors away whose lists ran out, and tells of each list once.
func (l *trustedLists) expire(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	lists := l.source.Lists()
	if lists == nil {
		return nil
	}
	out := map[string]bool{}
	for _, list := range append(nationals(lists), lists.ListOfLists()) {
		if l.fresh(list) {
			continue
		}
		t := list.Scheme.Territory
		if out[t] = true; !l.ranOut[t] {
			l.log.Error("trusted lists", "error", tsl.ErrExpired, "territory", t, "sequence", list.Scheme.Sequence, "next_update", list.Scheme.NextUpdate)
		}
	}
	l.ranOut = out
	_, _, err := l.anchor(lists)
	return err
}

func (l *trustedLists) fresh(list *tsl.List) bool { return l.now().Before(list.Scheme.NextUpdate) }

func nationals(lists *tsl.Lists) []*tsl.List {
	var out []*tsl.List
	for _, t := range lists.Territories() {
		out = append(out, lists.National(t))
	}
	return out
}

// anchor makes the services of the lists that are fresh now anchors for their use.
func (l *trustedLists) anchor(lists *tsl.Lists) (anchors, unusable int, err error) {
	now := l.now()
	by := map[trust.Use][]trust.Listed{
		trust.UseSeal:      lists.Anchors(tsl.ServiceCA, now),
		trust.UseTimeStamp: lists.Anchors(tsl.ServiceTimestamp, now),
	}
	unusable, err = l.store.InstallListed(by)
	for _, list := range by {
		anchors += len(list)
	}
	return anchors - unusable, unusable, err
}

// Health is an error when no seal can be told to be a qualified one: the list of
// lists or every national list is missing or has expired.
func (l *trustedLists) Health(context.Context) error {
	lists := l.source.Lists()
	if lists == nil {
		return errors.New("there is no list of lists yet; zegel trust show says why")
	}
	if top := lists.ListOfLists(); !l.fresh(top) {
		return fmt.Errorf("%w: NextUpdate of the list of lists was %s; zegel trust show says why there is no newer one", tsl.ErrExpired, top.Scheme.NextUpdate.Format(time.RFC3339))
	}
	all := nationals(lists)
	switch {
	case len(all) == 0:
		return errors.New("there is no national list yet; zegel trust show says why")
	case !slices.ContainsFunc(all, l.fresh):
		return fmt.Errorf("%w: NextUpdate of every national list has passed; zegel trust show says why there are no newer ones", tsl.ErrExpired)
	}
	return nil
}
