package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
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

	mu sync.Mutex // one after another: a set that was replaced is not installed again
}

// listTimeout bounds the fetching of one list: some have megabytes and stand
// behind slow servers.
const listTimeout = 2 * time.Minute

// openTrustedLists takes the lists that were kept into use and has them fetched in
// the background, so that a start needs no network.
func (a *app) openTrustedLists(ctx context.Context, c *TrustedListsConfig, store *trust.Store) (*trustedLists, error) {
	signers, err := c.signers()
	if err != nil {
		return nil, err
	}
	keeper, err := openKeptLists(filepath.Join(a.c.Data, "trusted-lists"))
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
	l.source, err = tsl.NewSource(ctx, tsl.Config{
		Location: c.Location, Signers: signers, Journal: c.Journal, Territories: c.Territories, Interval: c.refresh,
		Fetcher: fetch.Aged{Fetcher: client}, Keeper: keeper, Now: a.now, Changed: l.changed,
		Report: func(err error) { l.log.Warn("trusted lists", "error", err) },
	})
	if err != nil {
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

// expire takes anchors away whose lists ran out.
func (l *trustedLists) expire(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	lists := l.source.Lists()
	if lists == nil {
		return nil
	}
	_, _, err := l.anchor(lists)
	return err
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

// Health is an error when no seal can be told to be a qualified one.
func (l *trustedLists) Health(context.Context) error {
	lists := l.source.Lists()
	if lists == nil {
		return errors.New("there is no list of lists yet; zegel trust fetch says why")
	}
	if next := lists.ListOfLists().Scheme.NextUpdate; !l.now().Before(next) {
		return fmt.Errorf("%w: NextUpdate of the list of lists was %s", tsl.ErrExpired, next.Format(time.RFC3339))
	}
	return nil
}
