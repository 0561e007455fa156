package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/zegel-id/zegel/internal/fetch"
	"github.com/zegel-id/zegel/internal/rest"
	"github.com/zegel-id/zegel/seal/trust"
	"github.com/zegel-id/zegel/seal/trust/lote"
)

func entityListsDir(c *Config) string { return filepath.Join(c.Data, "entity-lists") }

// entityClient fetches lists of trusted entities from addresses that an operator
// configured.
func entityClient(profile string, now func() time.Time) *fetch.Client {
	return fetch.Operator(fetch.Options{
		MaxBody: trust.MaxList, Timeout: time.Minute, HeaderTimeout: 30 * time.Second, PlainLoopback: profile == ProfileDevelopment, Now: now,
	})
}

// followEntities follows a list of trusted entities that others publish. The one
// that was kept is in use at once, so that a start needs no network; without one it
// is fetched now. What a certificate is missed for is told to the store.
func (a *app) followEntities(ctx context.Context, c lote.Config) (*lote.Source, error) {
	keeper, err := entityLists(entityListsDir(a.c)).open()
	if err != nil {
		return nil, err
	}
	client := entityClient(a.c.Profile, a.now)
	a.closers = append(a.closers, client.Close)
	log := a.log.With("list", c.Profile.Name)
	c.Fetcher, c.Keeper, c.Now = client, keeper, a.now
	c.Report = func(err error) { log.Warn("list of trusted entities", "error", err) }
	c.Changed = func(l *trust.List) {
		log.Info("list of trusted entities", "sequence", l.Sequence, "next_update", l.NextUpdate, "operator", l.Operator)
	}
	source, err := lote.NewSource(ctx, c)
	if err != nil {
		return nil, err
	}
	if source.Health(ctx) != nil {
		if err := source.Refresh(ctx); err != nil {
			log.Error("list of trusted entities; nothing verifies until it can be fetched", "error", err)
		}
	}
	c.Store.OnMiss(func(use trust.Use) {
		if c.Profile.For(use) {
			source.Missed()
		}
	})
	a.background = append(a.background, func(ctx context.Context) error {
		if err := source.Run(ctx); ctx.Err() == nil {
			return err
		}
		return nil
	})
	// A list runs out by itself: that is told once.
	var told atomic.Bool
	a.every(time.Minute, "list of trusted entities", func(ctx context.Context) error {
		err := source.Health(ctx)
		if out := errors.Is(err, trust.ErrListExpired); told.Swap(out) != out && out {
			log.Error("list of trusted entities", "error", err)
		}
		return nil
	})
	return source, nil
}

// entityHealth is an error when nothing verifies, because there is no list or it has
// run out, and degraded when the last try to have a newer one failed.
func entityHealth(s *lote.Source) rest.Check {
	return func(ctx context.Context) error {
		if err := s.Health(ctx); err != nil {
			return err
		}
		if err := s.Status().Err; err != nil {
			return fmt.Errorf("%w: %w", rest.ErrDegraded, err)
		}
		return nil
	}
}

// entitySources are the lists of trusted entities that are followed.
func (a *app) entitySources() []*lote.Source {
	if a.providers == nil {
		return nil
	}
	return []*lote.Source{a.providers}
}

// entityMetrics tell how it stands with the lists of trusted entities.
func (a *app) entityMetrics(b *bytes.Buffer) {
	sources := a.entitySources()
	if len(sources) == 0 {
		return
	}
	gauge := func(name, help string, value func(lote.Status) int64) {
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
		for _, s := range sources {
			st := s.Status()
			fmt.Fprintf(b, "%s{list=%q} %d\n", name, st.Profile, value(st))
		}
	}
	yes := func(ok bool) int64 {
		if ok {
			return 1
		}
		return 0
	}
	seconds := func(t time.Time) int64 {
		if t.IsZero() {
			return 0
		}
		return t.Unix()
	}
	gauge("zegel_entity_list_usable", "1 while there is a list of trusted entities that has not run out.", func(st lote.Status) int64 {
		return yes(st.Sequence > 0 && a.now().Before(st.NextUpdate))
	})
	gauge("zegel_entity_list_reached", "1 when the last try to fetch the list succeeded.", func(st lote.Status) int64 { return yes(st.Err == nil && !st.Tried.IsZero()) })
	gauge("zegel_entity_list_sequence", "Number of the list in use.", func(st lote.Status) int64 { return st.Sequence })
	gauge("zegel_entity_list_next_update_seconds", "NextUpdate of the list in use, in seconds since 1970.", func(st lote.Status) int64 { return seconds(st.NextUpdate) })
	gauge("zegel_entity_list_fetched_seconds", "When the list in use was last found at its address, in seconds since 1970.", func(st lote.Status) int64 { return seconds(st.Fetched) })
}
